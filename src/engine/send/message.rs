//! Files of the outbox as messages on their way to a server.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::backend::{Answers, Letter, Outgoing, Pieces};
use crate::engine::fetch::Begun;
use crate::model::{Class, Error, Result, Scope};
use crate::store::outbox::Entry;

/// Octets of one piece.
const PIECE: u64 = 128 << 10;

/// A message in its wire form.
#[derive(Debug, Clone)]
pub struct SpooledMessage {
    file: Arc<File>,
    octets: u64,
}

impl SpooledMessage {
    /// A file of so many octets.
    pub fn new(file: File, octets: u64) -> Self {
        Self { file: Arc::new(file), octets }
    }
}

/// A message and its envelope, to be handed over.
pub fn letter(id: String, entry: &Entry, message: SpooledMessage) -> Letter {
    Letter {
        id,
        envelope: entry.envelope(),
        message: Arc::new(message),
        eight_bit: entry.eight_bit,
        utf8: entry.utf8_header,
        answers: entry.answers().map(|(forwards, folder, id)| Answers { forwards, folder, id }),
    }
}

/// Reads one piece ahead of what was asked for, from the moment when it is opened.
struct SpooledPieces {
    message: SpooledMessage,
    at: u64,
    ahead: Option<Begun<Bytes>>,
}

impl SpooledPieces {
    fn read_ahead(&mut self) {
        let at = self.at;
        let left = self.message.octets - at;
        let read = move |file: &File| {
            let mut piece = BytesMut::zeroed(left.min(PIECE) as usize);
            file.read_exact_at(&mut piece, at).map_err(|e| unreadable(&e.to_string()))?;
            Ok(piece.freeze())
        };
        self.ahead = (left > 0).then(|| Begun::work(&self.message.file, read));
    }
}

#[async_trait]
impl Outgoing for SpooledMessage {
    fn octets(&self) -> u64 {
        self.octets
    }

    async fn open(&self) -> Result<Box<dyn Pieces>> {
        let length = self.file.metadata().map_err(|e| unreadable(&e.to_string()))?.len();
        if length != self.octets {
            return Err(unreadable(&format!("it has {length} octets, and had {}", self.octets)));
        }
        let mut pieces = SpooledPieces { message: self.clone(), at: 0, ahead: None };
        pieces.read_ahead();
        Ok(Box::new(pieces))
    }
}

fn unreadable(why: &str) -> Box<Error> {
    Error::new(Class::LocalCorrupt, "read a message of the outbox", why).scope(Scope::Message)
}

#[async_trait]
impl Pieces for SpooledPieces {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(ahead) = self.ahead.take() else { return Ok(None) };
        let piece = ahead.done().await?;
        self.at += piece.len() as u64;
        self.read_ahead();
        Ok(Some(piece))
    }
}
