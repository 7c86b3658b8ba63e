//! Files on their way to a server: what they are, and their bytes as they go over the wire.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _};

use bytes::{Bytes, BytesMut};

use crate::model::{Error, LocalName, Result};
use crate::store::disk::File;

use super::digest::{Digest, MAX_HEADER, WireLines, digest_foreign};
use super::dir::{Entry, FolderDir};

/// Octets of one piece.
const PIECE: usize = 128 << 10;
/// Octets at the start of a file that must show a header field: the longest name that anybody uses is far shorter.
const FIELD: usize = 1024;

/// A file that somebody put into the Maildir.
#[derive(Debug)]
pub enum Examined {
    /// A message.
    Mail {
        /// Of the bytes as they go over the wire.
        digest: Box<Digest>,
        /// Without the lines that other tools add to the header, where it has such.
        bare: Option<Box<Digest>>,
        /// Seconds since 1970: its mtime, which is its internal date.
        date: i64,
    },
    /// Something else, or not to be read; why.
    NotMail(String),
    /// It is not there (any more).
    Gone,
}

/// Reads a file whole and says what it is. A file that changes meanwhile is not ready.
pub fn examine(dir: &FolderDir, entry: &Entry) -> Result<Examined> {
    let mut file = match dir.open_message(entry) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(Examined::Gone),
        Err(error) if error.raw_os_error() == Some(24) => return Err(Error::local("read a new file", &error)), // EMFILE
        Err(error) => return Ok(Examined::NotMail(format!("it cannot be read: {error}"))),
    };
    let read = (|| {
        let before = file.stat()?;
        let mut start = Vec::with_capacity(FIELD);
        (&mut file).take(FIELD as u64).read_to_end(&mut start)?;
        if !begins_like_mail(&start) {
            return Ok(Examined::NotMail("it is no mail: it does not begin with a header field".into()));
        }
        file.rewind()?;
        let (bare, full) = digest_foreign(BufReader::with_capacity(PIECE, &mut file))?;
        let after = file.stat()?;
        if (before.len, before.mtime, before.mtime_nsec) != (after.len, after.mtime, after.mtime_nsec) {
            return Ok(Examined::NotMail("it changes while it is read".into()));
        }
        let (digest, bare) = full.map_or((bare, None), |full| (full, Some(bare)));
        Ok(Examined::Mail { digest: Box::new(digest), bare: bare.map(Box::new), date: before.mtime })
    })();
    read.or_else(|error: std::io::Error| Ok(Examined::NotMail(format!("it cannot be read: {error}"))))
}

/// The header block of the file `name`, as it lies there; `None` when it is not there.
pub fn header_block(dir: &FolderDir, name: &LocalName) -> Result<Option<Vec<u8>>> {
    let tried = |e: &std::io::Error| Error::local(format!("read `{name}` in the Maildir folder `{}`", dir.path), e);
    let Some(entry) = dir.find(&name.0)? else { return Ok(None) };
    let Some(file) = dir.open_message(&entry).map_err(|e| tried(&e))? else { return Ok(None) };
    let mut header = Vec::new();
    let mut lines = BufReader::new(file.take(MAX_HEADER as u64));
    while lines.read_until(b'\n', &mut header).map_err(|e| tried(&e))? > 0 {
        if header.ends_with(b"\n\n") || header.ends_with(b"\n\r\n") {
            break;
        }
    }
    Ok(Some(header))
}

/// Whether octets can be the start of a message: a header field (RFC 5322 §2.2), or the `From ` line of an mbox.
fn begins_like_mail(start: &[u8]) -> bool {
    let name = start.iter().position(|b| !(33..=126).contains(b) || *b == b':').unwrap_or(start.len());
    let rest = start[name..].trim_ascii_start();
    name > 0 && (rest.starts_with(b":") || start.starts_with(b"From ") || start.starts_with(b">From "))
}

/// The bytes of a file as they go over the wire.
#[derive(Debug)]
pub struct WireFile {
    lines: WireLines<BufReader<Box<dyn File>>>,
}

impl WireFile {
    /// Opens a message; `None` when it is not there.
    pub fn open(dir: &FolderDir, entry: &Entry) -> Result<Option<Self>> {
        let tried = || format!("read `{}` in the Maildir folder `{}`", entry.file, dir.path);
        let file = dir.open_message(entry).map_err(|e| Error::local(tried(), &e))?;
        Ok(file.map(|file| Self { lines: WireLines::new(BufReader::with_capacity(PIECE, file), false) }))
    }

    /// The next piece; `None` at the end.
    pub fn next_piece(&mut self) -> std::io::Result<Option<Bytes>> {
        let mut piece = BytesMut::with_capacity(PIECE + 1024);
        while piece.len() < PIECE {
            match self.lines.next_line()? {
                Some((line, _)) => piece.extend_from_slice(line),
                None => break,
            }
        }
        Ok((!piece.is_empty()).then(|| piece.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_begins_with_a_header_field() {
        for mail in ["Subject: x\n\nbody", "From x@y Mon\nA: b", "X-Y :\n", "a:"] {
            assert!(begins_like_mail(mail.as_bytes()), "{mail}");
        }
        for other in ["", "\n", "\n\nbody", "\x7fELF\x02", "no colon here", ": x", "caf\u{e9}: x", "%PDF-1.4\n%x"] {
            assert!(!begins_like_mail(other.as_bytes()), "{other}");
        }
    }
}
