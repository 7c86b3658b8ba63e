//! Cuts the octet stream into lines, and lets message bodies through without collecting them.
//!
//! imap-codec's `Fragmentizer` does the same job but copies each literal twice and cannot stream (0.5 GB/s against
//! 2.8 GB/s, dependencies.md §1), hence this one. Memory: one line, and literals that are no message data up to a limit;
//! nothing is ever reserved because a peer announced it.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Limits, WireError};

/// What the framer found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Message data of `size` octets follows, as announced (not as trusted).
    BodyStart {
        /// Announced octets.
        size: u64,
    },
    /// The next octets of the body, never empty.
    Body(Bytes),
    /// The body is complete: exactly `size` octets were given.
    BodyEnd,
    /// A whole response with its line end, ready for [`super::decode`]. Each streamed body stands in it as `{0}`; other
    /// literals are inline as `{n}` CRLF octets. It comes after the bodies it describes, in whose order they stand.
    Line(Bytes),
}

/// The state between two reads of the socket.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    state: State,
    /// The response so far, when a literal has interrupted it.
    text: BytesMut,
    /// Octets of `text` that are inline literals.
    inline: usize,
    /// Octets of the caller's buffer known to hold no line end, so that a slow line is not searched again and again.
    scanned: usize,
    failed: Option<WireError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Inline(usize),
    Body(u64),
}

impl Framer {
    /// A framer at the start of a response.
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Text, text: BytesMut::new(), inline: 0, scanned: 0, failed: None }
    }

    /// Whether the next octet starts a new response. Unread octets of the buffer are the caller's to look at.
    pub fn is_idle(&self) -> bool {
        self.state == State::Text && self.text.is_empty() && self.scanned == 0
    }

    /// Takes the next piece from the front of `buf`, or `None` when more octets are needed. Between calls the caller only
    /// appends to `buf`. An error is final and is repeated: the connection has lost its boundaries.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Piece>, WireError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance(buf).inspect_err(|&error| self.failed = Some(error))
    }

    fn advance(&mut self, buf: &mut BytesMut) -> Result<Option<Piece>, WireError> {
        loop {
            match self.state {
                State::Body(0) => {
                    self.state = State::Text;
                    return Ok(Some(Piece::BodyEnd));
                }
                State::Body(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
                    if take == 0 {
                        return Ok(None);
                    }
                    self.state = State::Body(left - take as u64);
                    return Ok(Some(Piece::Body(buf.split_to(take).freeze())));
                }
                State::Inline(left) => {
                    let take = left.min(buf.len());
                    self.text.extend_from_slice(&buf.split_to(take));
                    if take < left {
                        self.state = State::Inline(left - take);
                        return Ok(None);
                    }
                    self.state = State::Text;
                }
                State::Text => {
                    let Some(end) = self.line_end(buf)? else { return Ok(None) };
                    if let Some(piece) = self.segment(buf, end)? {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// The position after the next LF, within the limit.
    fn line_end(&mut self, buf: &[u8]) -> Result<Option<usize>, WireError> {
        let found = buf.get(self.scanned..).and_then(|rest| memchr::memchr(b'\n', rest));
        let end = found.map(|at| self.scanned + at + 1);
        let outside_literals = self.text.len() - self.inline + end.unwrap_or(buf.len());
        if outside_literals > self.limits.line {
            return Err(WireError::LineTooLong);
        }
        self.scanned = if end.is_some() { 0 } else { buf.len() };
        Ok(end)
    }

    /// Takes the text up to `end`: a whole line, or one that a literal interrupts.
    fn segment(&mut self, buf: &mut BytesMut, end: usize) -> Result<Option<Piece>, WireError> {
        let start = if self.text.is_empty() { &buf[..end] } else { &self.text[..] };
        let Some((brace, size)) = announced(start, &buf[..end])? else {
            let line = buf.split_to(end);
            if self.text.is_empty() {
                return Ok(Some(Piece::Line(line.freeze())));
            }
            self.text.extend_from_slice(&line);
            self.inline = 0;
            return Ok(Some(Piece::Line(self.text.split().freeze())));
        };
        self.text.extend_from_slice(&buf[..brace]);
        if is_message_data(&self.text) {
            let _ = buf.split_to(end);
            self.text.put_slice(b"{0}\r\n");
            self.state = State::Body(size);
            return Ok(Some(Piece::BodyStart { size }));
        }
        let room = self.limits.inline - self.inline.min(self.limits.inline);
        let size = usize::try_from(size).ok().filter(|&size| size <= room).ok_or(WireError::LiteralTooLong)?;
        let _ = buf.split_to(end);
        self.text.put_slice(format!("{{{size}}}\r\n").as_bytes());
        self.inline += size;
        self.state = State::Inline(size);
        Ok(None)
    }
}

/// The literal that ends `segment` (with its line end): where its text stops, and its size. `response` is the beginning of
/// the response that the segment belongs to.
fn announced(response: &[u8], segment: &[u8]) -> Result<Option<(usize, u64)>, WireError> {
    let line = segment.strip_suffix(b"\n").unwrap_or(segment);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(line) = line.strip_suffix(b"}") else { return Ok(None) };
    if !has_literals(response) {
        return Ok(None);
    }
    let Some(brace) = memchr::memrchr(b'{', line) else { return Ok(None) };
    let inside = &line[brace + 1..];
    // An atom like `x{y}` is no literal; anything that tries to be a number must be a good one.
    if inside.first().is_some_and(|b| !b.is_ascii_digit() && !b"+-".contains(b)) {
        return Ok(None);
    }
    let size = number(inside.strip_suffix(b"+").unwrap_or(inside)).ok_or(WireError::Literal)?;
    let brace = if line[..brace].ends_with(b"~") { brace - 1 } else { brace };
    Ok(Some((brace, size)))
}

fn number(digits: &[u8]) -> Option<u64> {
    let value = digits.iter().try_fold(0u64, |n, &b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    });
    value.filter(|_| !digits.is_empty())
}

/// Tagged lines, continuations and untagged status lines end in free text, in which `{5}` means nothing.
fn has_literals(response: &[u8]) -> bool {
    let status: [&[u8]; 5] = [b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"];
    let mut words = words(response);
    words.next() == Some(b"*") && words.next().is_some_and(|word| !status.iter().any(|kind| word.eq_ignore_ascii_case(kind)))
}

/// Whether the literal after `text` is message data: the untagged FETCH item before it says so.
fn is_message_data(text: &[u8]) -> bool {
    let mut words = words(text);
    words.next() == Some(b"*")
        && words.next().is_some_and(|seq| seq.iter().all(u8::is_ascii_digit))
        && words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"FETCH"))
        && ends_in_body_item(text.trim_ascii_end())
}

/// The first words of a response, as generously divided as the decoder does it.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| b" \t(\r\n".contains(b)).filter(|word| !word.is_empty())
}

fn ends_in_body_item(text: &[u8]) -> bool {
    let Some(section) = without_origin(text).strip_suffix(b"]") else {
        return ends_in_name(text, &[b"RFC822", b"RFC822.HEADER", b"RFC822.TEXT"]);
    };
    // A section is short; looking further back would make many small literals quadratic.
    let window = &section[section.len().saturating_sub(SECTION_OCTETS)..];
    memchr::memrchr(b'[', window).is_some_and(|bracket| ends_in_name(&window[..bracket], &[b"BODY", b"BINARY"]))
}

/// Longest section text that is recognised; a HEADER.FIELDS list could be long, but we ask for none.
const SECTION_OCTETS: usize = 4096;

/// Cuts `<n>`, the origin of a partial body.
fn without_origin(text: &[u8]) -> &[u8] {
    let Some(inside) = text.strip_suffix(b">") else { return text };
    let digits = inside.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    inside[..inside.len() - digits].strip_suffix(b"<").unwrap_or(text)
}

fn ends_in_name(text: &[u8], names: &[&[u8]]) -> bool {
    let word = text.rsplit(|b| b" \t(".contains(b)).next().unwrap_or_default();
    names.iter().any(|name| word.eq_ignore_ascii_case(name))
}
