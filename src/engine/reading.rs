//! Messages are read on both sides to be compared: bodies hashed as they stream from the server, files hashed here. Nothing is kept.

use std::collections::HashMap;
use std::io::BufReader;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{BodySink, Missed};
use crate::model::{Error, Event, FolderPath, LocalName, Observer, Result};
use crate::store::disk::File;
use crate::store::maildir::digest::{Digest, digest_foreign};
use crate::store::maildir::dir::{Entry, FolderDir};
use crate::store::maildir::streamed::Streamed;

/// Octets between two events about them.
const TELL_EVERY: u64 = 64 << 10;

/// What the server sent for a message: its digest, and the one without the lines of other tools where it has such.
pub type Sent = (Digest, Option<Digest>);

/// Why a body cannot be compared; `None` where the message is gone.
pub fn unread(why: Missed) -> Option<String> {
    Some(match why {
        Missed::Gone | Missed::Hidden(_) => return None,
        Missed::Refused(text) => format!("the server refuses to give it: {text}"),
        Missed::Breaks(text) => format!("the connection does not survive it: {text}"),
        Missed::Unanswered => "the server lists it and does not give it".into(),
        Missed::TooLarge => "it is larger than 1 GiB".into(),
    })
}

/// The files of a folder; its directories are read at most once.
pub struct Files {
    dir: Option<FolderDir>,
    present: Option<HashMap<String, Entry>>,
    tried: Tried,
}

impl Files {
    /// Of this folder; `None` = it has no directory.
    pub fn of(dir: Option<FolderDir>) -> Self {
        let tried = Tried(dir.as_ref().map(|dir| dir.path.clone()).unwrap_or_default());
        Self { dir, present: None, tried }
    }

    /// Opens the file of a message; `None` where there is none.
    fn open(&mut self, name: &LocalName) -> Result<Option<Box<dyn File>>> {
        let Some(dir) = &self.dir else { return Ok(None) };
        let present = match &self.present {
            Some(present) => present,
            None => self.present.insert(dir.scan()?),
        };
        let open = |entry: &Entry| dir.open_message(entry).map_err(|e| self.tried.of(name, &e));
        let Some(entry) = present.get(&*name.0) else { return Ok(None) };
        match open(entry)? {
            Some(file) => Ok(Some(file)),
            // A mail reader may have renamed it since the directory was read: look once more.
            None => dir.find(&name.0)?.map_or(Ok(None), |entry| open(&entry)),
        }
    }

    /// Octets of a file; `None` where there is none.
    pub fn length(&mut self, name: &LocalName) -> Result<Option<u64>> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        file.stat().map(|stat| Some(stat.len)).map_err(|e| self.tried.of(name, &e))
    }

    /// The digests that a file may have: without the lines of other tools, and with them. None where there is no such file.
    pub fn digests(&mut self, name: &LocalName) -> Result<Vec<Digest>> {
        let Some(file) = self.open(name)? else { return Ok(Vec::new()) };
        let (bare, full) = digest_foreign(BufReader::new(file)).map_err(|e| self.tried.of(name, &e))?;
        Ok(std::iter::once(bare).chain(full).collect())
    }
}

/// Names the folder whose file could not be read.
#[derive(Default)]
struct Tried(String);

impl Tried {
    fn of(&self, name: &LocalName, error: &std::io::Error) -> Box<Error> {
        Error::local(format!("read `{name}` in the Maildir folder `{}`", self.0), error)
    }
}

/// Hashes bodies as they come.
pub struct Reader<'a> {
    open: Streamed,
    /// What came, by the place in what was wanted.
    pub sent: HashMap<usize, Sent>,
    /// What did not come.
    pub missed: Vec<(usize, Missed)>,
    folder: &'a FolderPath,
    observer: &'a dyn Observer,
    untold: u64,
}

impl<'a> Reader<'a> {
    /// Of one folder.
    pub fn new(folder: &'a FolderPath, observer: &'a dyn Observer) -> Self {
        Self { open: Streamed::default(), sent: HashMap::new(), missed: Vec::new(), folder, observer, untold: 0 }
    }

    /// Tells how much has come.
    pub fn tell(&mut self) {
        if self.untold > 0 {
            self.observer.on(&Event::BodyBytes { folder: self.folder, bytes: std::mem::take(&mut self.untold) });
        }
    }
}

#[async_trait]
impl BodySink for Reader<'_> {
    async fn begin(&mut self) -> Result<()> {
        self.open = Streamed::default();
        Ok(())
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        self.open.update(&bytes);
        self.untold += bytes.len() as u64;
        if self.untold >= TELL_EVERY {
            self.tell();
        }
        Ok(())
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        self.sent.insert(index, std::mem::take(&mut self.open).finish());
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        Ok(())
    }

    async fn miss(&mut self, index: usize, why: Missed) -> Result<()> {
        self.missed.push((index, why));
        Ok(())
    }
}
