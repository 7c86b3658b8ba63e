//! Files of the outbox as messages on their way to a server.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::backend::{Answers, Letter, Outgoing, Pieces};
use crate::engine::fetch::blocking;
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

struct SpooledPieces {
    message: SpooledMessage,
    at: u64,
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
        Ok(Box::new(SpooledPieces { message: self.clone(), at: 0 }))
    }
}

fn unreadable(why: &str) -> Box<Error> {
    Error::new(Class::LocalCorrupt, "read a message of the outbox", why).scope(Scope::Message)
}

#[async_trait]
impl Pieces for SpooledPieces {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let (at, left) = (self.at, self.message.octets - self.at);
        if left == 0 {
            return Ok(None);
        }
        let piece = blocking(&self.message.file, move |file| {
            let mut piece = BytesMut::zeroed(left.min(PIECE) as usize);
            file.read_exact_at(&mut piece, at).map_err(|e| unreadable(&e.to_string()))?;
            Ok(piece.freeze())
        })
        .await?;
        self.at += piece.len() as u64;
        Ok(Some(piece))
    }
}
