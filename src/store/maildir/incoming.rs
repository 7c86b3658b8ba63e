//! The file of a body that is under way: digested, converted to the form of the file, written to tmp/.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::sync::Arc;

use bytes::BytesMut;

use crate::model::Hash;
use crate::store::Store;
use crate::store::disk::File;

use super::digest::{Digest, Digester, Form};
use super::dir::FolderDir;
use super::target::Target;

/// Octets of a file that are gathered before they are written.
const WRITE_OCTETS: usize = 128 << 10;
/// Octets that stay free on the file system (or 1 %, where that is less).
const KEEP_FREE: u64 = 64 << 20;

/// The file of a body that is under way.
pub(super) struct Incoming {
    target: Arc<Target>,
    digester: Digester,
    buffer: BytesMut,
    file: Option<(String, Box<dyn File>)>,
}

impl Incoming {
    /// A body for `target` starts; its file is made when there is something to write.
    pub fn new(target: Arc<Target>) -> Self {
        Self { target, digester: Digester::telling_bare(), buffer: BytesMut::new(), file: None }
    }

    /// For errors.
    pub fn tried(&self) -> String {
        format!("write a message into the Maildir folder `{}`", self.target.dir.path)
    }

    /// Takes the next wire bytes.
    pub fn take(&mut self, store: &Store, bytes: &[u8]) -> io::Result<()> {
        let had = self.buffer.len();
        if self.digester.update(bytes, &mut self.buffer) == Form::NowAsSent {
            self.respell(store, had)?;
        }
        if self.buffer.len() >= WRITE_OCTETS { self.write(store) } else { Ok(()) }
    }

    fn write(&mut self, store: &Store) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(make_tmp(store, &self.target.dir)?);
        }
        if let Some((_, file)) = &mut self.file {
            file.write_all(&self.buffer)?;
        }
        self.buffer.clear();
        Ok(())
    }

    /// Spells everything before the last piece with CRLF; the first `had` octets of the buffer are from before.
    fn respell(&mut self, store: &Store, had: usize) -> io::Result<()> {
        let last = self.buffer.split_off(had);
        let before = std::mem::take(&mut self.buffer);
        let mut respelled = BytesMut::with_capacity(before.len() + last.len());
        crlf(&before, &mut respelled);
        if let Some((old_name, mut old)) = self.file.take() {
            let (name, mut new) = make_tmp(store, &self.target.dir)?;
            let copied = (|| -> io::Result<()> {
                old.rewind()?;
                let (mut piece, mut out) = (vec![0; WRITE_OCTETS], BytesMut::new());
                loop {
                    let n = old.read(&mut piece)?;
                    if n == 0 {
                        return Ok(());
                    }
                    crlf(&piece[..n], &mut out);
                    new.write_all(&out.split())?;
                }
            })();
            unlink(&self.target.dir, &old_name);
            self.file = Some((name, new));
            copied?;
        }
        respelled.extend_from_slice(&last);
        self.buffer = respelled;
        Ok(())
    }

    /// Ends the file: its name in tmp/, its digest, and its identity without the lines of other tools where it has such.
    pub fn finish(mut self, store: &Store, date: Option<i64>) -> io::Result<(Arc<Target>, String, Digest, Option<Hash>)> {
        let had = self.buffer.len();
        let (digest, form, bare) = std::mem::take(&mut self.digester).finish(&mut self.buffer);
        let done = (|| {
            if form == Form::NowAsSent {
                self.respell(store, had)?;
            }
            self.write(store)?;
            if let (Some(date), Some((_, file))) = (date, &self.file) {
                // Cosmetic: a date that the file system cannot keep is no reason to refuse the mail.
                let _ = file.set_mtime(date);
            }
            Ok(())
        })();
        let name = self.file.take().map(|(name, _)| name).unwrap_or_default();
        match done {
            Ok(()) => Ok((self.target, name, digest, bare)),
            Err(error) => {
                unlink(&self.target.dir, &name);
                Err(error)
            }
        }
    }

    /// Nothing of it stays.
    pub fn discard(mut self) {
        if let Some((name, _)) = self.file.take() {
            unlink(&self.target.dir, &name);
        }
    }
}

fn crlf(lf: &[u8], out: &mut BytesMut) {
    for line in lf.split_inclusive(|b| *b == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
}

fn make_tmp(store: &Store, dir: &FolderDir) -> io::Result<(String, Box<dyn File>)> {
    let name = store.names.next_tmp();
    let file = dir.tmp.create(&name)?;
    Ok((name, file))
}

/// Removes a file of tmp/.
pub(super) fn unlink(dir: &FolderDir, tmp: &str) {
    // May fail on a broken disk: the next run sweeps.
    let _ = dir.tmp.unlink(tmp);
}

/// Fails when the file system is nearly full, before it is.
pub(super) fn check_space(store: &Store) -> io::Result<()> {
    let space = store.root().map_err(io::Error::other)?.space()?;
    if space.all > 0 && space.free < KEEP_FREE.min(space.all / 100) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}
