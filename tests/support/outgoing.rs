//! Messages to be sent, from memory; some of them break.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mailx::backend::{Outgoing, Pieces};
use mailx::model::{Class, Error, Result, Scope};

/// A message of `bytes` that can be read up to `good`, and says that it has `octets`.
#[derive(Debug, Clone)]
pub struct Draft {
    pub bytes: Bytes,
    pub octets: u64,
    pub good: usize,
}

/// A whole message.
pub fn draft(bytes: impl Into<Bytes>) -> Arc<dyn Outgoing> {
    let bytes = bytes.into();
    Arc::new(Draft { octets: bytes.len() as u64, good: usize::MAX, bytes })
}

/// One whose file cannot be read beyond `good` octets.
pub fn torn(bytes: impl Into<Bytes>, good: usize) -> Arc<dyn Outgoing> {
    let bytes = bytes.into();
    Arc::new(Draft { octets: bytes.len() as u64, good, bytes })
}

/// One whose file has another size than it had.
pub fn resized(bytes: impl Into<Bytes>, octets: u64) -> Arc<dyn Outgoing> {
    Arc::new(Draft { bytes: bytes.into(), octets, good: usize::MAX })
}

struct Reader {
    rest: Bytes,
    good: usize,
}

#[async_trait]
impl Outgoing for Draft {
    fn octets(&self) -> u64 {
        self.octets
    }

    async fn open(&self) -> Result<Box<dyn Pieces>> {
        if self.good == 0 {
            return Err(Error::new(Class::Partial, "read a draft", "the draft is gone"));
        }
        Ok(Box::new(Reader { rest: self.bytes.clone(), good: self.good }))
    }
}

#[async_trait]
impl Pieces for Reader {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let piece = self.rest.split_to(self.rest.len().min(60_000));
        self.good = self.good.saturating_sub(piece.len());
        if self.good == 0 {
            return Err(Error::new(Class::LocalIo, "read a draft", "the draft broke off").scope(Scope::Message));
        }
        Ok(Some(piece))
    }
}
