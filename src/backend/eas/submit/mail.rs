//! The octets of a request that carries a letter; the last of them wait for the ledger.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{StreamExt as _, try_unfold};
use tokio::sync::Semaphore;

use crate::backend::{self, Outgoing};
use crate::model::{Error, Result};
use crate::net::http::{Pieces, Upload};

/// Where the last octets of a request wait.
pub(super) struct Gate {
    /// Gets a permit when they want to go out.
    pub(super) asked: Semaphore,
    /// Has one once they may.
    pub(super) granted: Semaphore,
    /// They have been handed to the connection.
    pub(super) is_whole: AtomicBool,
    /// Why the message could not be read.
    pub(super) failed: Mutex<Option<Box<Error>>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { asked: Semaphore::new(0), granted: Semaphore::new(0), is_whole: AtomicBool::new(false), failed: Mutex::default() }
    }
}

impl Gate {
    pub(super) fn is_open(&self) -> bool {
        self.granted.available_permits() > 0
    }

    async fn pass(&self) {
        self.asked.add_permits(1);
        // Given back: when the letter is sent once more, it is open.
        let _ = self.granted.acquire().await;
        self.is_whole.store(true, SeqCst);
    }

    fn fail(&self, error: Box<Error>) -> io::Error {
        let shown = io::Error::other(error.failed.clone());
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        shown
    }
}

/// The octets of a request.
pub(super) struct Mail {
    pub(super) before: Bytes,
    pub(super) message: Arc<dyn Outgoing>,
    pub(super) behind: Bytes,
    pub(super) gate: Arc<Gate>,
}

/// How far a request has been read.
enum At {
    Start,
    /// What was read and not told: the last octets must be known before they go out.
    In(Box<dyn backend::Pieces>, Bytes),
    End,
}

impl Mail {
    pub(super) fn upload(self: Arc<Self>) -> Upload {
        let octets = self.before.len() as u64 + self.message.octets() + self.behind.len() as u64;
        Upload::Streamed { octets, open: Arc::new(move || self.clone().pieces()) }
    }

    fn pieces(self: Arc<Self>) -> Pieces {
        self.gate.is_whole.store(false, SeqCst);
        try_unfold(At::Start, move |at| {
            let mail = self.clone();
            async move { mail.next(at).await.map_err(|error| mail.gate.fail(error)) }
        })
        .boxed()
    }

    async fn next(&self, at: At) -> Result<Option<(Bytes, At)>> {
        let (mut pieces, mut held) = match at {
            At::Start => (self.message.open().await?, self.before.clone()),
            At::In(pieces, held) => (pieces, held),
            At::End => return Ok(None),
        };
        while let Some(piece) = pieces.next().await? {
            let told = std::mem::replace(&mut held, piece);
            if !told.is_empty() {
                return Ok(Some((told, At::In(pieces, held))));
            }
        }
        let mut last = BytesMut::from(&held[..]);
        last.extend_from_slice(&self.behind);
        self.gate.pass().await;
        Ok(Some((last.freeze(), At::End)))
    }
}
