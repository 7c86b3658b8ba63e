//! Cuts the octet stream into status lines, lines of listings, and message bodies without their dot-stuffing (RFC 1939 §3).
//!
//! A body ends at CRLF `.` CRLF and nowhere else: a bare LF is no line end, so `LF.LF` is part of the message (the smuggling of
//! CVE-2023-51764 and kin). One leading dot is taken from every line that is longer than the dot.

use bytes::{Bytes, BytesMut};

use super::{Limits, WireError};

/// What the framer found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A status line without its line end.
    Line(Bytes),
    /// A line of a listing without its line end, and without its stuffed dot.
    Item(Bytes),
    /// The next octets of a body, never empty.
    Body(Bytes),
    /// The listing or body is complete.
    End,
}

/// The state between two reads of the socket.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    state: State,
    /// Octets of the caller's buffer known to hold no line end, so that a slow line is not searched again and again.
    scanned: usize,
    failed: Option<WireError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A status line is due.
    Status,
    /// Lines of a listing.
    Items,
    /// A body, at the beginning of a line.
    LineStart,
    /// A body, within a line.
    Line,
}

impl Framer {
    /// A framer in front of a status line.
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Status, scanned: 0, failed: None }
    }

    /// The status line that was just given begins a listing: its lines follow, then [`Piece::End`].
    pub fn begin_items(&mut self) {
        debug_assert_eq!(self.state, State::Status);
        self.state = State::Items;
    }

    /// The status line that was just given begins a message: its octets follow, then [`Piece::End`].
    pub fn begin_body(&mut self) {
        debug_assert_eq!(self.state, State::Status);
        self.state = State::LineStart;
    }

    /// Whether the next octet begins a status line.
    pub fn is_idle(&self) -> bool {
        self.state == State::Status && self.scanned == 0
    }

    /// Takes the next piece from the front of `buf`, or `None` when more octets are needed. Between calls the caller only appends to
    /// `buf`. An error is final and is repeated: the connection has lost its boundaries.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Piece>, WireError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let next = match self.state {
            State::Status => self.line(buf, self.limits.line).map(|line| line.map(Piece::Line)),
            State::Items => self.item(buf),
            State::LineStart | State::Line => Ok(self.body(buf)),
        };
        next.inspect_err(|&error| self.failed = Some(error))
    }

    /// A whole line without its end. A bare LF ends it, too: some servers do not know better, and nothing hangs on it.
    fn line(&mut self, buf: &mut BytesMut, most: usize) -> Result<Option<Bytes>, WireError> {
        let found = buf.get(self.scanned..).and_then(|rest| memchr::memchr(b'\n', rest)).map(|at| self.scanned + at);
        if found.unwrap_or(buf.len()) > most {
            return Err(WireError::LineTooLong);
        }
        let Some(end) = found else {
            self.scanned = buf.len();
            return Ok(None);
        };
        self.scanned = 0;
        let line = buf.split_to(end + 1).freeze();
        let length = if line[..end].ends_with(b"\r") { end - 1 } else { end };
        Ok(Some(line.slice(..length)))
    }

    fn item(&mut self, buf: &mut BytesMut) -> Result<Option<Piece>, WireError> {
        let Some(line) = self.line(buf, self.limits.item)? else { return Ok(None) };
        if *line == *b"." {
            self.state = State::Status;
            return Ok(Some(Piece::End));
        }
        Ok(Some(Piece::Item(if line.first() == Some(&b'.') { line.slice(1..) } else { line })))
    }

    fn body(&mut self, buf: &mut BytesMut) -> Option<Piece> {
        if self.state == State::LineStart {
            match buf[..] {
                [] | [b'.'] | [b'.', b'\r'] => return None,
                [b'.', b'\r', b'\n', ..] => {
                    let _ = buf.split_to(3);
                    self.state = State::Status;
                    return Some(Piece::End);
                }
                [b'.', ..] => drop(buf.split_to(1)),
                _ => {}
            }
            self.state = State::Line;
        }
        // Only a line that begins with a dot interrupts the octets: all others go through together.
        if let Some(at) = memchr::memmem::find(buf, b"\r\n.") {
            self.state = State::LineStart;
            return Some(Piece::Body(buf.split_to(at + 2).freeze()));
        }
        if buf.ends_with(b"\r\n") {
            self.state = State::LineStart;
            return Some(Piece::Body(buf.split().freeze()));
        }
        // A CR may be the first half of a line end.
        let take = buf.len() - usize::from(buf.ends_with(b"\r"));
        (take > 0).then(|| Piece::Body(buf.split_to(take).freeze()))
    }
}
