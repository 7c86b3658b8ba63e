//! The header block of a message, where a server only gives the message.

use bytes::Bytes;

/// Lets a header block through, with the empty line behind it, and nothing else.
pub(super) struct HeaderOnly {
    /// The last octets, at most three: an end may lie across pieces.
    tail: Vec<u8>,
    done: bool,
}

impl Default for HeaderOnly {
    fn default() -> Self {
        // A message may begin with the empty line.
        Self { tail: b"\r\n".to_vec(), done: false }
    }
}

impl HeaderOnly {
    /// What of the next piece is the header.
    pub fn take(&mut self, bytes: Bytes) -> Bytes {
        if self.done {
            return Bytes::new();
        }
        let window = [&self.tail[..], &bytes[..]].concat();
        if let Some(at) = memchr::memmem::find(&window, b"\r\n\r\n") {
            self.done = true;
            return bytes.slice(..at + 4 - self.tail.len());
        }
        self.tail = window[window.len().saturating_sub(3)..].to_vec();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_with_its_empty_line_wherever_a_piece_ends() {
        for (message, header) in [
            (&b"A: b\r\n c\r\n\r\nbody\r\n\r\nmore\r\n"[..], &b"A: b\r\n c\r\n\r\n"[..]),
            (b"\r\nbody\r\n", b"\r\n"),
            (b"A: no end\r\n", b"A: no end\r\n"),
            (b"", b""),
        ] {
            for size in 1..=message.len().max(1) {
                let mut only = HeaderOnly::default();
                let out: Vec<u8> = message.chunks(size).flat_map(|piece| only.take(Bytes::copy_from_slice(piece))).collect();
                assert_eq!(out, header, "in pieces of {size}");
            }
        }
    }
}
