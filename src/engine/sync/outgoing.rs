//! Files of the Maildir as messages on their way to the server.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{Outgoing, Pieces};
use crate::model::{Class, Error, FlagState, LocalName, Result, Scope};
use crate::store::Store;
use crate::store::maildir::dir::{Entry, FolderDir};
use crate::store::maildir::finder::Finder;
use crate::store::maildir::keywords::KeywordLetters;
use crate::store::maildir::outgoing::WireFile;

use super::blocking;

/// The folder of files that are sent.
#[derive(Debug)]
pub(super) struct OutgoingFolder {
    dir: FolderDir,
    letters: KeywordLetters,
}

impl OutgoingFolder {
    /// Opens it; `None` where it is not there.
    pub fn open(store: &Store, dir: &str) -> Result<Option<Self>> {
        let Some(dir) = store.open_folder(dir)? else { return Ok(None) };
        let letters = KeywordLetters::load(&dir)?;
        Ok(Some(Self { dir, letters }))
    }
}

/// A file that is sent.
pub(super) struct OutgoingFile {
    pub store: Arc<Store>,
    pub folder: Option<Arc<OutgoingFolder>>,
    /// Where it lay when it was read.
    pub entry: Option<Entry>,
    /// Base name: it is found whatever its flags have become.
    pub name: LocalName,
    /// The flags that it probably has.
    pub flags: FlagState,
    /// Octets on the wire, as digested.
    pub octets: u64,
}

impl std::fmt::Debug for OutgoingFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutgoingFile({}, {} octets)", self.name, self.octets)
    }
}

/// A file being read.
struct FilePieces {
    store: Arc<Store>,
    /// `None` once it was read to its end.
    file: Option<WireFile>,
    /// Read already: most messages are one piece.
    ready: Option<Bytes>,
    left: u64,
    name: LocalName,
}

#[async_trait]
impl Outgoing for OutgoingFile {
    fn octets(&self) -> u64 {
        self.octets
    }

    async fn open(&self) -> Result<Box<dyn Pieces>> {
        let (folder, entry, name, flags) = (self.folder.clone(), self.entry.clone(), self.name.clone(), self.flags.clone());
        let (file, first) = blocking(&self.store, move |_| {
            let open = |folder: &OutgoingFolder, entry: Option<Entry>| entry.map_or(Ok(None), |entry| WireFile::open(&folder.dir, &entry));
            let file = match &folder {
                Some(folder) => match open(folder, entry)? {
                    Some(file) => Some(file),
                    None => open(folder, Finder::new(&folder.dir).find(&name, &flags, &folder.letters)?)?,
                },
                None => None,
            };
            let mut file = file.ok_or_else(|| changed(&name, "it is not there any more"))?;
            let first = file.next_piece().map_err(|e| changed(&name, &format!("it cannot be read: {e}")))?;
            Ok((file, first))
        })
        .await?;
        Ok(Box::new(FilePieces { store: self.store.clone(), file: Some(file), ready: first, left: self.octets, name: self.name.clone() }))
    }
}

fn changed(name: &LocalName, why: &str) -> Box<Error> {
    Error::new(Class::BadData, format!("send the file `{name}`"), why.to_owned()).scope(Scope::Message)
}

#[async_trait]
impl Pieces for FilePieces {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if let Some(ready) = self.ready.take() {
            return self.count(Some(ready));
        }
        // Shorter than promised is found here, longer by the next piece.
        let Some(mut file) = self.file.take().filter(|_| self.left > 0) else { return Ok(None) };
        let (file, piece) = blocking(&self.store, move |_| {
            let piece = file.next_piece();
            Ok((file, piece))
        })
        .await?;
        self.file = Some(file);
        let piece = piece.map_err(|e| changed(&self.name, &format!("it cannot be read: {e}")))?;
        self.count(piece)
    }
}

impl FilePieces {
    fn count(&mut self, piece: Option<Bytes>) -> Result<Option<Bytes>> {
        let octets = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if octets > self.left || (piece.is_none() && self.left > 0) {
            return Err(changed(&self.name, "it changed since it was digested"));
        }
        self.left -= octets;
        Ok(piece)
    }
}
