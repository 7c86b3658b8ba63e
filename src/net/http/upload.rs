//! The body of a request: held whole, or read while it goes out.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;

/// The octets of a body in order. An error breaks the request off, and the connection with it.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// What a request carries.
#[derive(Clone)]
pub enum Upload {
    /// These octets.
    Whole(Bytes),
    /// So many octets that are read piece by piece, from their beginning each time that the request is sent.
    Streamed {
        /// How many.
        octets: u64,
        /// Starts to read them.
        open: Arc<dyn Fn() -> Pieces + Send + Sync>,
    },
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({} octets)", self.octets())
    }
}

impl Upload {
    /// How many octets go out.
    pub fn octets(&self) -> u64 {
        match self {
            Self::Whole(octets) => octets.len() as u64,
            Self::Streamed { octets, .. } => *octets,
        }
    }

    /// The body from its beginning.
    pub(super) fn start(&self) -> reqwest::Body {
        match self {
            Self::Whole(octets) => octets.clone().into(),
            Self::Streamed { open, .. } => reqwest::Body::wrap_stream(open()),
        }
    }
}

impl From<Bytes> for Upload {
    fn from(octets: Bytes) -> Self {
        Self::Whole(octets)
    }
}

impl From<Vec<u8>> for Upload {
    fn from(octets: Vec<u8>) -> Self {
        Self::Whole(octets.into())
    }
}
