//! COMPRESS=DEFLATE (RFC 4978) over a wire.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_compression::tokio::bufread::DeflateDecoder;
use async_compression::tokio::write::DeflateEncoder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Wire;

/// Raw deflate both ways. Inflates straight into the reader's buffer, so a bomb never grows anything of ours: what is held
/// ahead is the decoder's 32 KiB window and one TLS record.
pub(super) struct Deflate {
    io: DeflateEncoder<DeflateDecoder<Wire>>,
}

impl Deflate {
    pub(super) fn new(wire: Wire) -> Self {
        Self { io: DeflateEncoder::new(DeflateDecoder::new(wire)) }
    }

    /// The decoder's own errors come in several kinds; a peer that sends nonsense is `InvalidData`, whatever the nonsense.
    /// Errors of the wire below keep their kind.
    fn garbage(&self, cause: io::Error) -> io::Error {
        use io::ErrorKind as K;
        if self.io.get_ref().get_ref().ended() {
            return io::Error::new(K::InvalidData, "the connection ended in the middle of compressed data");
        }
        match cause.kind() {
            K::InvalidInput | K::Other if cause.raw_os_error().is_none() => {
                io::Error::new(K::InvalidData, format!("the compressed data is damaged: {cause}"))
            }
            _ => cause,
        }
    }
}

impl AsyncRead for Deflate {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf).map_err(|cause| self.garbage(cause))
    }
}

impl AsyncWrite for Deflate {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
