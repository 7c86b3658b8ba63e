//! Replies: three digits, then text, over one or more lines (RFC 5321 §4.2).

use bytes::{Buf as _, BytesMut};

use super::{Limits, WireError};

/// What the first digit of a code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// 2yz: done.
    Done,
    /// 3yz: go on.
    GoOn,
    /// 4yz: not now.
    NotNow,
    /// 5yz: never.
    Never,
}

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// From 200 to 599.
    pub code: u16,
    /// The text of each line, enhanced status codes (RFC 3463) included: people read them, too. Not sanitised.
    pub lines: Vec<String>,
}

impl Reply {
    /// What its first digit says.
    pub fn severity(&self) -> Severity {
        match self.code / 100 {
            2 => Severity::Done,
            3 => Severity::GoOn,
            4 => Severity::NotNow,
            _ => Severity::Never,
        }
    }

    /// Whether it says that something is done.
    pub fn is_done(&self) -> bool {
        self.severity() == Severity::Done
    }

    /// Code and text in one line, for people.
    pub fn words(&self) -> String {
        let text = self.text();
        if text.is_empty() { self.code.to_string() } else { format!("{} {text}", self.code) }
    }

    /// The text in one line.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The enhanced status code at the beginning of the text: class, subject, detail (RFC 2034 §4).
    pub fn enhanced(&self) -> Option<(u16, u16, u16)> {
        let word = self.lines.first()?.split([' ', '\t']).next()?;
        let mut parts = word.split('.').map(|part| part.parse::<u16>().ok().filter(|_| part.len() <= 3 && !part.starts_with('+')));
        let code = (parts.next()??, parts.next()??, parts.next()??);
        (parts.next().is_none() && code.0 == self.code / 100).then_some(code)
    }
}

/// Cuts the octet stream into replies.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    /// Lines of the reply that is not whole yet, and its code.
    lines: Vec<String>,
    code: u16,
    octets: usize,
    /// Octets of the caller's buffer known to hold no line end, so that a slow line is not searched again and again.
    scanned: usize,
    failed: Option<WireError>,
}

impl Framer {
    /// A framer in front of a reply.
    pub fn new(limits: Limits) -> Self {
        Self { limits, lines: Vec::new(), code: 0, octets: 0, scanned: 0, failed: None }
    }

    /// Whether the next octet begins a reply.
    pub fn is_idle(&self) -> bool {
        self.lines.is_empty() && self.scanned == 0
    }

    /// Takes the next reply from the front of `buf`, or `None` when more octets are needed. Between calls the caller only appends to
    /// `buf`. An error is final and is repeated: the connection has lost its boundaries.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Reply>, WireError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.take(buf).inspect_err(|error| self.failed = Some(*error))
    }

    fn take(&mut self, buf: &mut BytesMut) -> Result<Option<Reply>, WireError> {
        loop {
            let found = buf.get(self.scanned..).and_then(|rest| memchr::memchr(b'\n', rest)).map(|at| self.scanned + at);
            if found.unwrap_or(buf.len()) > self.limits.line {
                return Err(WireError::LineTooLong);
            }
            let Some(end) = found else {
                self.scanned = buf.len();
                return Ok(None);
            };
            self.scanned = 0;
            // A bare LF ends a line, too: some servers do not know better, and nothing hangs on it.
            let line = &buf[..end];
            let last = self.line(line.strip_suffix(b"\r").unwrap_or(line))?;
            buf.advance(end + 1);
            if last {
                self.octets = 0;
                return Ok(Some(Reply { code: self.code, lines: std::mem::take(&mut self.lines) }));
            }
        }
    }

    /// Takes a line in; true when it is the last one of its reply.
    fn line(&mut self, line: &[u8]) -> Result<bool, WireError> {
        let [hundreds @ b'2'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] = line else { return Err(WireError::NoCode) };
        let code = [hundreds, tens, ones].iter().fold(0, |code, digit| code * 10 + u16::from(**digit - b'0'));
        let (last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(WireError::NoCode),
        };
        self.octets += line.len();
        if self.lines.len() >= self.limits.lines || self.octets > self.limits.octets {
            return Err(WireError::ReplyTooLong);
        }
        if !self.lines.is_empty() && code != self.code {
            return Err(WireError::TwoCodes);
        }
        self.code = code;
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        Ok(last)
    }
}
