//! Digests of a message that streams by and is not stored.

use bytes::BytesMut;

use super::digest::{Digest, Digester, MAX_HEADER, is_tool_line};

/// Digests a message from its wire bytes; and, where its header has lines of other tools, without them, too.
#[derive(Debug)]
pub struct Streamed {
    full: Digester,
    bare: Option<Digester>,
    /// The header as far as it came; `None` once its end is known.
    header: Option<Vec<u8>>,
    /// What would go into a file.
    unused: BytesMut,
}

impl Default for Streamed {
    fn default() -> Self {
        Self { full: Digester::default(), bare: None, header: Some(Vec::new()), unused: BytesMut::new() }
    }
}

impl Streamed {
    /// Takes the next wire bytes.
    pub fn update(&mut self, piece: &[u8]) {
        self.full.update(piece, &mut self.unused);
        self.unused.clear();
        if let Some(header) = &mut self.header {
            // The end of the header may lie across two pieces.
            let from = header.len().saturating_sub(3);
            header.extend_from_slice(piece);
            if header.len() >= MAX_HEADER || ends(header, from) {
                self.end_header();
            }
        } else if let Some(bare) = &mut self.bare {
            bare.update(piece, &mut self.unused);
            self.unused.clear();
        }
    }

    /// Ends the message: its digest as it is, and the one without the lines of other tools where it has such.
    pub fn finish(mut self) -> (Digest, Option<Digest>) {
        self.end_header();
        let mut unused = self.unused;
        (self.full.finish(&mut unused).0, self.bare.map(|bare| bare.finish(&mut unused).0))
    }

    fn end_header(&mut self) {
        let Some(header) = self.header.take() else { return };
        let (mut bare, mut in_header, mut has_tool_lines) = (Digester::default(), true, false);
        for line in header.split_inclusive(|b| *b == b'\n') {
            in_header &= !matches!(line, b"\n" | b"\r\n");
            if in_header && is_tool_line(line) {
                has_tool_lines = true;
            } else {
                bare.update(line, &mut self.unused);
                self.unused.clear();
            }
        }
        self.bare = has_tool_lines.then_some(bare);
    }
}

/// Whether the empty line that ends a header is there, looking from `from` on.
fn ends(header: &[u8], from: usize) -> bool {
    let found = |end: &[u8]| memchr::memmem::find(&header[from..], end).is_some();
    header.starts_with(b"\n") || header.starts_with(b"\r\n") || found(b"\n\n") || found(b"\n\r\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::digest::digest_foreign;
    use super::*;

    fn streamed(pieces: &[&[u8]]) -> (Digest, Option<Digest>) {
        let mut streamed = Streamed::default();
        for piece in pieces {
            streamed.update(piece);
        }
        streamed.finish()
    }

    #[test]
    fn lines_of_other_tools_are_left_out_of_the_header_only() {
        let (full, bare) = streamed(&[b"From: a\r\nX-TU", b"ID: abc\r\nTo: b\r\n\r", b"\nX-TUID: body\r\n"]);
        let (same, none) = streamed(&[b"From: a\r\nTo: b\r\n\r\nX-TUID: body\r\n"]);
        assert_eq!((bare, none), (Some(same), None));
        assert_eq!(full.octets, same.octets + 13);
        assert_eq!(streamed(&[b"X-TUID: no body"]).1, Some(streamed(&[]).0));
        assert_eq!(streamed(&[b"\r\nX-TUID: body"]).1, None);
    }

    proptest! {
        /// Any pieces of a message give what a file of it gives.
        #[test]
        fn a_message_equals_its_file(
            lines in prop::collection::vec(prop::sample::select(vec!["A: b\n", "X-TUID: x\n", "\n", "x-offlineimap: 1\n", "body"]), 0..8),
            cuts in prop::collection::vec(0usize..60, 0..4),
        ) {
            let wire = lines.concat().replace('\n', "\r\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(wire.len())).collect();
            cuts.sort_unstable();
            let (mut pieces, mut from) = (Vec::new(), 0);
            for cut in cuts {
                pieces.push(&wire.as_bytes()[from..cut]);
                from = cut;
            }
            pieces.push(&wire.as_bytes()[from..]);
            let (full, bare) = streamed(&pieces);
            let (file_bare, file_full) = digest_foreign(wire.replace("\r\n", "\n").as_bytes()).unwrap();
            prop_assert_eq!(bare.unwrap_or(full), file_bare);
            prop_assert_eq!(bare.map(|_| full), file_full);
        }
    }
}
