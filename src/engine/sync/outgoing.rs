//! Files of the Maildir as messages on their way to the server.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{Outgoing, Pieces};
use crate::model::{Class, Error, LocalName, Result, Scope};
use crate::store::Store;
use crate::store::maildir::outgoing::WireFile;

use super::blocking;

/// A file that is sent.
pub(super) struct OutgoingFile {
    pub store: Arc<Store>,
    /// Directory of its folder.
    pub dir: String,
    /// Base name: it is found whatever its flags have become.
    pub name: LocalName,
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
    file: Option<WireFile>,
    left: u64,
    name: LocalName,
}

#[async_trait]
impl Outgoing for OutgoingFile {
    fn octets(&self) -> u64 {
        self.octets
    }

    async fn open(&self) -> Result<Box<dyn Pieces>> {
        let (dir, name) = (self.dir.clone(), self.name.clone());
        let file = blocking(&self.store, move |store| {
            let dir = store.open_folder(&dir)?;
            let found = match &dir {
                Some(dir) => dir.find(&name.0)?.map(|entry| WireFile::open(dir, &entry)).transpose()?.flatten(),
                None => None,
            };
            found.ok_or_else(|| changed(&name, "it is not there any more"))
        })
        .await?;
        Ok(Box::new(FilePieces { store: self.store.clone(), file: Some(file), left: self.octets, name: self.name.clone() }))
    }
}

fn changed(name: &LocalName, why: &str) -> Box<Error> {
    Error::new(Class::BadData, format!("send the file `{name}`"), why.to_owned()).scope(Scope::Message)
}

#[async_trait]
impl Pieces for FilePieces {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(mut file) = self.file.take() else { return Ok(None) };
        let (file, piece) = blocking(&self.store, move |_| {
            Ok((file.next_piece().map(|piece| (file, piece))).map_or_else(|e| (None, Err(e)), |(file, piece)| (Some(file), Ok(piece))))
        })
        .await?;
        let piece = piece.map_err(|e| changed(&self.name, &format!("it cannot be read: {e}")))?;
        let octets = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if octets > self.left || (piece.is_none() && self.left > 0) {
            return Err(changed(&self.name, "it changed since it was digested"));
        }
        self.left -= octets;
        self.file = file.filter(|_| piece.is_some());
        Ok(piece)
    }
}
