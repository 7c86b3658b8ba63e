//! A message while it is written: in its wire form, counted as it goes.

use std::fs::File;
use std::io::{self, BufWriter, Write};

/// Octets that are written at once.
const BUFFER: usize = 128 << 10;

/// A message on its way into the outbox, or past it. Line ends become CRLF, each CR or LF alone too: what leaves must not mean different
/// things to different servers.
#[derive(Debug)]
pub struct Spool {
    id: String,
    out: BufWriter<File>,
    after_cr: bool,
    /// Octets so far.
    pub octets: u64,
    /// There was one above 127.
    pub eight_bit: bool,
}

impl Spool {
    pub(super) fn new(id: String, file: File) -> Self {
        Self { id, out: BufWriter::with_capacity(BUFFER, file), after_cr: false, octets: 0, eight_bit: false }
    }

    /// One without a name, for a message that is not queued: it is gone with the process. Made in `dir`.
    pub fn unnamed(dir: &std::path::Path) -> io::Result<Self> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let file = rustix::fs::open(dir, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Self::new(String::new(), file.into()))
    }

    /// The next octets.
    pub fn push(&mut self, octets: &[u8]) -> io::Result<()> {
        self.eight_bit |= !octets.is_ascii();
        let mut rest = octets;
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            if at > 0 {
                self.after_cr = false;
                self.put(&rest[..at])?;
            }
            let cr = rest[at] == b'\r';
            // The LF of a CRLF was written with its CR.
            if cr || !self.after_cr {
                self.put(b"\r\n")?;
            }
            self.after_cr = cr;
            rest = &rest[at + 1..];
        }
        if !rest.is_empty() {
            self.after_cr = false;
            self.put(rest)?;
        }
        Ok(())
    }

    fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        self.octets += octets.len() as u64;
        self.out.write_all(octets)
    }

    /// Everything is written, not yet synced.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The file, to read it again, of one without a name.
    pub fn into_file(self) -> File {
        self.into_parts().1
    }

    /// Gives it up, also where a write failed in its middle; its id.
    pub(super) fn abandon(self) -> String {
        // Not dropped: that would write the rest.
        drop(self.out.into_parts());
        self.id
    }

    /// After [`Spool::finish`].
    pub(super) fn into_parts(self) -> (String, File) {
        debug_assert!(self.out.buffer().is_empty(), "finished");
        (self.id, self.out.into_parts().0)
    }
}

impl Write for Spool {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.push(octets)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.finish()
    }
}
