//! Messages on their way behind DATA: one more dot before each line that begins with one, and the end (RFC 5321 §4.5.2).

use bytes::{BufMut as _, BytesMut};

use super::WireError;

/// Doubles dots of one message, piece by piece.
#[derive(Debug)]
pub struct Stuffer {
    before: Before,
}

/// What came before the next octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A line end, or nothing.
    Line,
    /// A CR.
    Cr,
    /// Anything else.
    Text,
}

impl Default for Stuffer {
    fn default() -> Self {
        Self { before: Before::Line }
    }
}

impl Stuffer {
    /// The next octets of the message. Its line ends are CRLF and nothing else: a CR or LF alone is refused, whatever was put out before
    /// must not be ended as a message then.
    pub fn push(&mut self, piece: &[u8], out: &mut BytesMut) -> Result<(), WireError> {
        out.reserve(piece.len() + 16);
        let mut rest = piece;
        while let Some((&first, after)) = rest.split_first() {
            match (self.before, first) {
                (Before::Cr, b'\n') => self.before = Before::Line,
                (Before::Cr, _) | (_, b'\n') => return Err(WireError::BareLineEnd),
                (_, b'\r') => self.before = Before::Cr,
                (before, _) => {
                    if before == Before::Line && first == b'.' {
                        out.put_u8(b'.');
                    }
                    self.before = Before::Text;
                    let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    out.extend_from_slice(&rest[..end]);
                    rest = &rest[end..];
                    continue;
                }
            }
            out.put_u8(first);
            rest = after;
        }
        Ok(())
    }

    /// The end of the message. A last line without its end gets one.
    pub fn end(self, out: &mut BytesMut) -> Result<(), WireError> {
        match self.before {
            Before::Line => {}
            Before::Cr => return Err(WireError::BareLineEnd),
            Before::Text => out.extend_from_slice(b"\r\n"),
        }
        out.extend_from_slice(b".\r\n");
        Ok(())
    }
}
