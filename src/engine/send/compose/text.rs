//! The text of a message: short in memory, else in a file without a name.

use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek as _};
use std::path::Path;

use crate::store::outbox::Spool;

/// Octets of a text that mail-builder encodes in memory; more are streamed like an attachment.
const TEXT: u64 = 1 << 20;

/// The text.
pub(super) enum Content {
    Short(String),
    /// In a file, with its character set.
    Long(File, &'static str),
}

impl Content {
    pub(super) fn read(input: &mut dyn BufRead, scratch: &Path) -> io::Result<Self> {
        let mut start = Vec::new();
        input.take(TEXT + 1).read_to_end(&mut start)?;
        if start.len() as u64 <= TEXT {
            // Text in an old character set is most often this one, and every octet of it is a character.
            let text = String::from_utf8(start).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect());
            return Ok(Self::Short(text));
        }
        let mut spool = Spool::unnamed(scratch)?;
        let mut utf8 = Utf8::default();
        utf8.push(&start);
        spool.push(&start)?;
        loop {
            let piece = input.fill_buf()?;
            if piece.is_empty() {
                break;
            }
            utf8.push(piece);
            spool.push(piece)?;
            let n = piece.len();
            input.consume(n);
        }
        spool.finish()?;
        let mut file = spool.into_file();
        file.rewind()?;
        Ok(Self::Long(file, if utf8.is_valid() { "utf-8" } else { "iso-8859-1" }))
    }
}

/// Whether octets that come in pieces are UTF-8.
#[derive(Default)]
struct Utf8 {
    /// The beginning of a character at the end of the last piece.
    rest: Vec<u8>,
    broken: bool,
}

impl Utf8 {
    fn push(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.clear(),
            Err(error) if error.error_len().is_none() => drop(self.rest.drain(..error.valid_up_to())),
            Err(_) => {
                self.broken = true;
                self.rest.clear();
            }
        }
    }

    fn is_valid(&self) -> bool {
        !self.broken && self.rest.is_empty()
    }
}
