//! What is kept of a message's bytes: hashes, sizes, and the form in which it lies in the file.

use std::io::{BufRead as _, Read as _};

use bytes::BytesMut;
use sha2::{Digest as _, Sha256};

use crate::model::Hash;

/// Octets of a header block that are looked at.
pub const MAX_HEADER: usize = 1 << 20;

/// Octets of a line that other tools add to a message when they upload it: mbsync's has 22, OfflineIMAP's up to 38.
pub const TOOL_LINE: std::ops::RangeInclusive<u64> = 20..=38;

/// How the file holds the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// Every line ended in CRLF on the wire; the file has LF.
    Lf,
    /// The message has a bare CR or LF; the file has the wire bytes.
    AsSent,
}

/// The digest of one whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// SHA-256 with CRLF taken as LF.
    pub identity: Hash,
    /// SHA-256 of the wire bytes.
    pub wire: Hash,
    /// SHA-256 of the header block (LF, without the empty line).
    pub header: Hash,
    /// Octets on the wire.
    pub octets: u64,
    /// Form in the file.
    pub line_ends: LineEnds,
}

/// A header block without the lines that other tools add (mbsync's `X-TUID`, OfflineIMAP's `X-OfflineIMAP`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderDigest {
    /// SHA-256 of the lines, with LF.
    pub hash: Hash,
    /// Octets of the lines that were left out, as they came.
    pub tool_octets: u64,
}

impl HeaderDigest {
    /// Of a header block, or of a message that begins with it.
    pub fn of(header: &[u8]) -> Self {
        let (mut hasher, mut tool_octets) = (Sha256::new(), 0);
        for line in header_lines(header) {
            if is_tool_line(line) {
                tool_octets += line.len() as u64;
            } else {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                hasher.update(line.strip_suffix(b"\r").unwrap_or(line));
                hasher.update(b"\n");
            }
        }
        Self { hash: Hash(hasher.finalize().into()), tool_octets }
    }
}

/// The hash of [`HeaderDigest::of`].
pub fn header_hash(header: &[u8]) -> Hash {
    HeaderDigest::of(header).hash
}

/// The lines before the empty one.
fn header_lines(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header.split_inclusive(|b| *b == b'\n').take_while(|line| !matches!(*line, b"\n" | b"\r\n"))
}

/// Whether a header line was added by another tool and is no part of the message.
pub fn is_tool_line(line: &[u8]) -> bool {
    let starts = |name: &[u8]| line.len() >= name.len() && line[..name.len()].eq_ignore_ascii_case(name);
    starts(b"x-tuid:") || starts(b"x-offlineimap:")
}

/// What a piece of wire bytes is in the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Form {
    /// Goes on as before.
    Same,
    /// A bare CR or LF was met: everything written so far must be spelled with CRLF, and so must the rest.
    NowAsSent,
}

/// Digests a message from its wire bytes, piece by piece, and converts it to the form of the file.
#[derive(Debug, Clone)]
pub struct Digester {
    identity: Sha256,
    wire: Sha256,
    header: Vec<u8>,
    header_hash: Option<Hash>,
    octets: u64,
    line_ends: LineEnds,
    /// The last octet was a CR whose LF has not come yet.
    pending_cr: bool,
    /// The identity without the lines of other tools is to be told, too.
    tells_bare: bool,
    /// That, once the header has ended and has shown such lines.
    bare: Option<Sha256>,
}

impl Default for Digester {
    fn default() -> Self {
        Self {
            tells_bare: false,
            bare: None,
            identity: Sha256::new(),
            wire: Sha256::new(),
            header: Vec::new(),
            header_hash: None,
            octets: 0,
            line_ends: LineEnds::Lf,
            pending_cr: false,
        }
    }
}

impl Digester {
    /// One that tells the identity without the lines of other tools, too.
    pub fn telling_bare() -> Self {
        Self { tells_bare: true, ..Self::default() }
    }

    /// Takes the next wire bytes and appends to `file` what belongs into the file. On [`Form::NowAsSent`] the caller respells what
    /// it wrote *before* this call; `file` got this piece in the new form already, the CR held back before included.
    pub fn update(&mut self, piece: &[u8], file: &mut BytesMut) -> Form {
        if piece.is_empty() {
            return Form::Same;
        }
        self.wire.update(piece);
        self.octets += piece.len() as u64;
        let before = self.line_ends;
        let held_cr = self.pending_cr;
        let start = file.len();
        self.convert(piece, file);
        self.take(&file[start..]);
        if self.line_ends == LineEnds::AsSent {
            file.truncate(start);
            if held_cr {
                file.extend_from_slice(b"\r");
            }
            file.extend_from_slice(if self.pending_cr { &piece[..piece.len() - 1] } else { piece });
        }
        if before == self.line_ends { Form::Same } else { Form::NowAsSent }
    }

    /// Ends the message. A CR at its very end goes into `file`. Last, the identity without the lines of other tools, where it is wanted and
    /// the header has such.
    pub fn finish(mut self, file: &mut BytesMut) -> (Digest, Form, Option<Hash>) {
        let mut form = Form::Same;
        if self.pending_cr {
            if self.line_ends == LineEnds::Lf {
                self.line_ends = LineEnds::AsSent;
                form = Form::NowAsSent;
            }
            file.extend_from_slice(b"\r");
            self.take(b"\r");
        }
        let header = match self.header_hash {
            Some(hash) => hash,
            None => self.end_header(),
        };
        let digest = Digest {
            identity: Hash(self.identity.finalize().into()),
            wire: Hash(self.wire.finalize().into()),
            header,
            octets: self.octets,
            line_ends: self.line_ends,
        };
        (digest, form, self.bare.map(|bare| Hash(bare.finalize().into())))
    }

    fn end_header(&mut self) -> Hash {
        let header = std::mem::take(&mut self.header);
        let digest = HeaderDigest::of(&header);
        if self.tells_bare && digest.tool_octets > 0 {
            let (mut bare, mut in_header) = (Sha256::new(), true);
            for line in header.split_inclusive(|b| *b == b'\n') {
                in_header &= !matches!(line, b"\n" | b"\r\n");
                if !in_header || !is_tool_line(line) {
                    bare.update(line);
                }
            }
            self.bare = Some(bare);
        }
        self.header_hash = Some(digest.hash);
        digest.hash
    }

    /// Appends the LF form of the next wire bytes to `file`. A CR at their end is held back.
    fn convert(&mut self, piece: &[u8], file: &mut BytesMut) {
        let mut rest = piece;
        if std::mem::take(&mut self.pending_cr) {
            if let Some(after) = rest.strip_prefix(b"\n") {
                file.extend_from_slice(b"\n");
                rest = after;
            } else {
                self.line_ends = LineEnds::AsSent;
                file.extend_from_slice(b"\r");
            }
        }
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            let (line, end) = rest.split_at(at);
            match end {
                [b'\r'] => {
                    self.pending_cr = true;
                    rest = line;
                    break;
                }
                [b'\r', b'\n', after @ ..] => {
                    file.extend_from_slice(line);
                    file.extend_from_slice(b"\n");
                    rest = after;
                }
                _ => {
                    self.line_ends = LineEnds::AsSent;
                    file.extend_from_slice(&rest[..=at]);
                    rest = &rest[at + 1..];
                }
            }
        }
        file.extend_from_slice(rest);
    }

    /// Takes the next bytes of the LF form: they make the identity, and the header at the beginning.
    fn take(&mut self, lf: &[u8]) {
        self.identity.update(lf);
        if self.header_hash.is_none() {
            let from = self.header.len().saturating_sub(1);
            let (header, rest) = lf.split_at(lf.len().min(MAX_HEADER - self.header.len()));
            self.header.extend_from_slice(header);
            let ended = self.header.starts_with(b"\n") || memchr::memmem::find(&self.header[from..], b"\n\n").is_some();
            if ended || self.header.len() >= MAX_HEADER {
                self.end_header();
                self.bare.iter_mut().for_each(|bare| bare.update(rest));
            }
        } else if let Some(bare) = &mut self.bare {
            bare.update(lf);
        }
    }
}

/// Digests a file of our own as it came over the wire.
pub fn digest_file(read: impl std::io::BufRead, line_ends: LineEnds) -> std::io::Result<Digest> {
    let mut digester = Digester::default();
    let mut sink = BytesMut::new();
    each_wire_line(read, line_ends == LineEnds::AsSent, |line, _| {
        digester.update(line, &mut sink);
        sink.clear();
    })?;
    Ok(digester.finish(&mut sink).0)
}

/// Digests a file whose origin is unknown: without the header lines of other tools, and, where it has such lines, with them too
/// (the server may have them as well).
pub fn digest_foreign(read: impl std::io::BufRead) -> std::io::Result<(Digest, Option<Digest>)> {
    let (mut full, mut sink) = (Digester::default(), BytesMut::new());
    // The two part at the first such line; most files have none, and hashing is what this costs.
    let mut bare: Option<Digester> = None;
    each_wire_line(read, false, |line, in_header| {
        if in_header && is_tool_line(line) {
            bare.get_or_insert_with(|| full.clone());
        } else if let Some(bare) = &mut bare {
            bare.update(line, &mut sink);
        }
        full.update(line, &mut sink);
        sink.clear();
    })?;
    let full = full.finish(&mut sink).0;
    Ok(match bare {
        Some(bare) => (bare.finish(&mut sink).0, Some(full)),
        None => (full, None),
    })
}

/// Calls `each` with every line of [`WireLines`].
fn each_wire_line(read: impl std::io::BufRead, as_is: bool, mut each: impl FnMut(&[u8], bool)) -> std::io::Result<()> {
    let mut lines = WireLines::new(read, as_is);
    while let Some((line, in_header)) = lines.next_line()? {
        each(line, in_header);
    }
    Ok(())
}

/// The lines of a file (long ones in pieces) as they are on the wire. LF is spelled CRLF, unless the file is `as_is` or shows CRLF
/// itself.
#[derive(Debug)]
pub struct WireLines<R> {
    read: R,
    as_is: bool,
    line: Vec<u8>,
    in_header: bool,
    at_start: bool,
}

impl<R: std::io::BufRead> WireLines<R> {
    /// From the beginning of `read`.
    pub fn new(read: R, as_is: bool) -> Self {
        Self { read, as_is, line: Vec::new(), in_header: true, at_start: true }
    }

    /// The next line, and whether it begins a line of the header; `None` at the end.
    pub fn next_line(&mut self) -> std::io::Result<Option<(&[u8], bool)>> {
        self.line.clear();
        if (&mut self.read).take(1 << 16).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.as_is |= self.at_start && self.line.ends_with(b"\r\n");
        self.in_header &= !(self.at_start && (self.line == b"\n" || self.line == b"\r\n"));
        let header_line = self.in_header && self.at_start;
        self.at_start = self.line.ends_with(b"\n");
        if self.at_start && !self.as_is {
            self.line.pop();
            self.line.extend_from_slice(b"\r\n");
        }
        Ok(Some((&self.line, header_line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The file as a writer would leave it, with respelling done on the whole.
    fn store(pieces: &[&[u8]]) -> (Vec<u8>, Digest) {
        let mut digester = Digester::default();
        let mut file: Vec<u8> = Vec::new();
        let mut buf = BytesMut::new();
        let respell =
            |file: &mut Vec<u8>| *file = file.iter().flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] }).collect();
        for piece in pieces {
            if digester.update(piece, &mut buf) == Form::NowAsSent {
                respell(&mut file);
            }
            file.extend_from_slice(&buf.split());
        }
        let (digest, form, _) = digester.finish(&mut buf);
        if form == Form::NowAsSent {
            respell(&mut file);
        }
        file.extend_from_slice(&buf);
        (file, digest)
    }

    fn sha(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    #[test]
    fn crlf_becomes_lf_and_back() {
        let (file, digest) = store(&[b"A: b\r\n\r", b"\nbody\r\nlast"]);
        assert_eq!(file, b"A: b\n\nbody\nlast");
        assert_eq!(digest.line_ends, LineEnds::Lf);
        assert_eq!(digest.wire, sha(b"A: b\r\n\r\nbody\r\nlast"));
        assert_eq!(digest.identity, sha(&file));
        assert_eq!(digest.header, header_hash(b"A: b\r\n\r\n"));
        assert_eq!(digest_file(&file[..], LineEnds::Lf).unwrap(), digest);
    }

    #[test]
    fn bare_line_ends_are_kept_as_sent() {
        for wire in [&b"a\r\nb\nc\r\n"[..], b"a\r\nb\rc\r\n", b"\n", b"\r", b"a\r\r\n", b"x\r\ny\r"] {
            let (file, digest) = store(&[wire]);
            assert_eq!((file.as_slice(), digest.line_ends), (wire, LineEnds::AsSent));
            assert_eq!(digest_file(wire, LineEnds::AsSent).unwrap().wire, sha(wire));
        }
    }

    #[test]
    fn header_hash_ignores_tools_and_needs_no_empty_line() {
        let plain = header_hash(b"From: a\nTo: b\n\nbody");
        assert_eq!(header_hash(b"From: a\r\nX-TUID: abc\r\nTo: b\r\n\r\n"), plain);
        assert_eq!(header_hash(b"From: a\nTo: b\nX-OfflineIMAP: 1\n"), plain);
        assert_eq!(header_hash(b"From: a\nTo: b"), plain);
    }

    #[test]
    fn a_file_of_mbsync_digests_as_the_message() {
        let (_, digest) = store(&[b"From: a\r\nTo: b\r\n\r\nhello\r\n"]);
        let (bare, full) = digest_foreign(&b"From: a\nX-TUID: x123\nTo: b\n\nhello\n"[..]).unwrap();
        assert_eq!(bare, digest);
        assert_eq!(full.unwrap().octets, digest.octets + 14);
        let (bare, _) = digest_foreign(&b"From: a\r\nX-TUID: x\r\nTo: b\r\n\r\nhello\r\n"[..]).unwrap();
        assert_eq!(bare.identity, digest.identity);
        assert_eq!(digest_foreign(&b"From: a\n\nX-TUID: in the body\n"[..]).unwrap().1, None);
    }

    proptest! {
        /// The identity without the lines of other tools is that of the message without them, in whatever pieces it comes.
        #[test]
        fn lines_of_other_tools_are_left_out_while_a_message_comes(
            lines in prop::collection::vec(prop::sample::select(vec!["A: b\r\n", "X-TUID: x\r\n", "\r\n", "x-offlineimap: 1\r\n", "body"]), 0..8),
            cut in 0usize..60,
        ) {
            let wire = lines.concat();
            let (one, two) = wire.as_bytes().split_at(cut.min(wire.len()));
            let (mut digester, mut sink) = (Digester::telling_bare(), BytesMut::new());
            digester.update(one, &mut sink);
            digester.update(two, &mut sink);
            let (digest, _, bare) = digester.finish(&mut sink);
            let (file_bare, file_full) = digest_foreign(wire.replace("\r\n", "\n").as_bytes()).unwrap();
            prop_assert_eq!(digest.identity, file_full.unwrap_or(file_bare).identity);
            prop_assert_eq!(bare, file_full.map(|_| file_bare.identity));
        }

        #[test]
        fn any_split_gives_the_same(wire in prop::collection::vec(prop::sample::select(b"ab\r\n".to_vec()), 0..40), cuts in prop::collection::vec(0usize..40, 0..4)) {
            let whole = store(&[&wire]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(wire.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&wire[from..cut]);
                from = cut;
            }
            pieces.push(&wire[from..]);
            prop_assert_eq!(store(&pieces), whole.clone());
            prop_assert_eq!(whole.1.wire, sha(&wire));
            let back: Vec<u8> = match whole.1.line_ends {
                LineEnds::AsSent => whole.0.clone(),
                LineEnds::Lf => whole.0.iter().flat_map(|b| if *b == b'\n' { vec![b'\r', b'\n'] } else { vec![*b] }).collect(),
            };
            prop_assert_eq!(back, wire.clone());
            prop_assert_eq!(digest_file(&whole.0[..], whole.1.line_ends).unwrap(), whole.1);
        }
    }
}
