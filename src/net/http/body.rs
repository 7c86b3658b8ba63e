//! The body of an answer: pieces as they come, unpacked, counted.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_compression::tokio::bufread::GzipDecoder;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use tokio::io::{AsyncBufRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout};
use tokio_util::io::StreamReader;

use super::explain::Place;
use super::floor::Floor;
use crate::model::error::Result;
use crate::net::{Meter, limits};

/// A body that is read.
pub(super) struct Body {
    source: Source,
    place: Place,
    silence: Duration,
    most: u64,
    /// Octets that came, packed.
    packed: Arc<AtomicU64>,
    /// Octets that were handed on.
    unpacked: u64,
    floor: Floor,
}

enum Source {
    Plain(Box<Response>, Arc<Meter>),
    Gzip(Box<GzipDecoder<Packed>>),
    End,
}

type Packed = Box<dyn AsyncBufRead + Send + Unpin>;

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("unpacked", &self.unpacked).finish_non_exhaustive()
    }
}

impl Body {
    /// Fails with `protocol` for a packing that nobody asked for.
    pub(super) fn new(answer: Response, place: Place, silence: Duration, most: u64, meter: Arc<Meter>) -> Result<Self> {
        let packing = answer.headers().get(CONTENT_ENCODING).map_or(&b""[..], |value| value.as_bytes().trim_ascii()).to_ascii_lowercase();
        let packed = Arc::new(AtomicU64::new(0));
        let source = match &packing[..] {
            b"" | b"identity" => Source::Plain(Box::new(answer), meter),
            b"gzip" | b"x-gzip" => {
                let count = packed.clone();
                let stream = answer.bytes_stream().map_err(io::Error::other).inspect_ok(move |piece| {
                    meter.received(piece.len());
                    count.fetch_add(piece.len() as u64, Relaxed);
                });
                Source::Gzip(Box::new(GzipDecoder::new(Box::new(StreamReader::new(Box::pin(stream))))))
            }
            _ => return Err(place.broke("the server packs its answer in a way that was not asked for")),
        };
        Ok(Self { source, place, silence, most, packed, unpacked: 0, floor: Floor::default() })
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let (silent, asked) = (self.place.silent(self.silence), Instant::now());
        let Some(piece) = timeout(self.silence, self.read()).await.map_err(|_| silent)?? else {
            self.source = Source::End;
            return Ok(None);
        };
        if !self.floor.is_kept(asked.elapsed(), piece.len()) {
            return Err(self.place.stalled());
        }
        self.unpacked += piece.len() as u64;
        if self.unpacked > self.most {
            return Err(self.place.broke("the server's answer is too long"));
        }
        let is_packed = matches!(self.source, Source::Gzip(_));
        if is_packed && self.unpacked > limits::HTTP_UNPACKED_FREE + limits::HTTP_RATIO * self.packed.load(Relaxed) {
            return Err(self.place.broke("the server's answer unpacks to far more than any mail does"));
        }
        Ok(Some(piece))
    }

    async fn read(&mut self) -> Result<Option<Bytes>> {
        match &mut self.source {
            Source::End => Ok(None),
            Source::Plain(answer, meter) => loop {
                match answer.chunk().await.map_err(|cause| self.place.failed(cause))? {
                    Some(piece) if piece.is_empty() => {}
                    piece => {
                        meter.received(piece.as_ref().map_or(0, Bytes::len));
                        return Ok(piece);
                    }
                }
            },
            Source::Gzip(decoder) => {
                // Unpacks at most so much ahead.
                let mut piece = BytesMut::with_capacity(limits::HTTP_PIECE);
                match decoder.read_buf(&mut piece).await {
                    Ok(got) => Ok((got > 0).then(|| piece.freeze())),
                    // An empty answer has nothing to unpack, whatever its head says.
                    Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof && self.packed.load(Relaxed) == 0 => Ok(None),
                    Err(cause) => Err(self.place.unpacking(cause)),
                }
            }
        }
    }
}
