//! The one type of connection that protocols see.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::deflate::Deflate;
use super::dial::reached;
use super::tls::{TlsConnector, TlsInfo};
use super::tunnel::Tunnel;
use super::{Endpoint, Limits, Meter, limits};
use crate::model::error::{Class, Error, Result};
use crate::model::event::{Observer, Step};

/// Anything that octets go through both ways; a test's in-memory pipe is one.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A connection: clear, inside TLS, or deflated inside either. Counts its octets (below deflate, inside TLS).
///
/// The end of a TLS connection without close_notify is an error of kind `UnexpectedEof`, so that a cut line never looks
/// like a whole answer. Dropping the stream closes the connection at once and kills a tunnel command.
pub struct Stream {
    io: Layers,
    tls: Option<TlsInfo>,
    binding: Option<[u8; 32]>,
}

enum Layers {
    Wire(Wire),
    Deflate(Box<Deflate>),
}

impl Stream {
    pub(super) fn new(wire: Wire) -> Self {
        Self { io: Layers::Wire(wire), tls: None, binding: None }
    }

    /// A connection over something that is open already; for scripted peers in tests.
    pub fn over(io: impl ByteStream + 'static, meter: Arc<Meter>) -> Self {
        let raw = Raw::Other(Box::new(io));
        Self::new(Wire::clear(BufReader::with_capacity(limits::READ_BUFFER, raw), meter))
    }

    /// What was agreed with the peer; none outside TLS.
    pub fn tls_info(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// True inside TLS.
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Channel binding data of type `tls-exporter` (RFC 9266); none outside TLS 1.3.
    pub fn channel_binding(&self) -> Option<Vec<u8>> {
        self.binding.map(Vec::from)
    }

    /// Begins TLS on a clear connection, with its own timer, and tells `observer`.
    ///
    /// The caller has read the answer to its STARTTLS whole and forgets everything that the server said before. Octets that
    /// came behind that answer end the connection (`tls-required`): somebody injected them (mutt CVE-2020-14954 and kin).
    pub async fn start_tls(self, endpoint: &Endpoint, tls: &TlsConnector, limits: &Limits, observer: &dyn Observer) -> Result<Self> {
        let tried = endpoint.tried();
        let wrong = || Error::new(Class::Internal, &tried, "TLS was asked for twice, or after compression");
        let Layers::Wire(Wire { io: Carrier::Clear(io), meter, .. }) = self.io else { return Err(wrong()) };
        if !io.buffer().is_empty() {
            return Err(Error::new(
                Class::TlsRequired,
                tried,
                "the server sent octets in clear behind its agreement to TLS: an attack, or a broken server",
            )
            .hint("use the URL scheme that ends in s and its port: TLS from the start, where this cannot happen"));
        }
        let (stream, info, binding) = tls.handshake(io, endpoint, limits, &meter).await?;
        reached(observer, Step::Tls, &info.to_string());
        let wire = Wire { io: Carrier::Tls(Box::new(stream)), meter, ended: false };
        Ok(Self { io: Layers::Wire(wire), tls: Some(info), binding })
    }

    /// Deflates both ways from here on (RFC 4978: raw deflate, each flush reaches the peer). The caller has read the
    /// answer to its COMPRESS whole; what came behind it is read as deflated. Twice is the same as once.
    #[must_use]
    pub fn compress(self) -> Self {
        let io = match self.io {
            Layers::Wire(wire) => Layers::Deflate(Box::new(Deflate::new(wire))),
            deflated @ Layers::Deflate(_) => deflated,
        };
        Self { io, ..self }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("tls", &self.tls).field("deflated", &matches!(self.io, Layers::Deflate(_))).finish_non_exhaustive()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Layers::Wire(io) => Pin::new(io).poll_read(cx, buf),
            Layers::Deflate(io) => Pin::new(&mut **io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Layers::Wire(io) => Pin::new(io).poll_write(cx, buf),
            Layers::Deflate(io) => Pin::new(&mut **io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Layers::Wire(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Layers::Deflate(io) => Pin::new(&mut **io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Layers::Wire(io) => io.is_write_vectored(),
            Layers::Deflate(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Layers::Wire(io) => Pin::new(io).poll_flush(cx),
            Layers::Deflate(io) => Pin::new(&mut **io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Layers::Wire(io) => Pin::new(io).poll_shutdown(cx),
            Layers::Deflate(io) => Pin::new(&mut **io).poll_shutdown(cx),
        }
    }
}

/// What octets really go through.
pub(super) enum Raw {
    Tcp(TcpStream),
    Tunnel(Box<Tunnel>),
    Other(Box<dyn ByteStream>),
}

/// Calls the same method on whichever variant it is.
macro_rules! each {
    ($self:ident, $kind:ident: $($variant:ident)|+, $io:ident => $call:expr) => {
        match $self.get_mut() { $($kind::$variant($io) => $call),+ }
    };
}

impl AsyncRead for Raw {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, Raw: Tcp | Tunnel | Other, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Raw {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, Raw: Tcp | Tunnel | Other, io => Pin::new(io).poll_write(cx, buf))
    }

    // rustls hands over many records at once: one system call for all of them.
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        each!(self, Raw: Tcp | Tunnel | Other, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(io) => io.is_write_vectored(),
            Self::Tunnel(io) => io.is_write_vectored(),
            Self::Other(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, Raw: Tcp | Tunnel | Other, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, Raw: Tcp | Tunnel | Other, io => Pin::new(io).poll_shutdown(cx))
    }
}

/// The buffered socket, or TLS over it.
pub(super) enum Carrier {
    Clear(BufReader<Raw>),
    Tls(Box<TlsStream<BufReader<Raw>>>),
}

/// A carrier that counts.
pub(super) struct Wire {
    io: Carrier,
    meter: Arc<Meter>,
    /// The peer ended properly.
    ended: bool,
}

impl Wire {
    pub(super) fn clear(io: BufReader<Raw>, meter: Arc<Meter>) -> Self {
        Self { io: Carrier::Clear(io), meter, ended: false }
    }

    /// True after a proper end by the peer.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let room = buf.remaining() > 0;
        ready!(match &mut this.io {
            Carrier::Clear(io) => Pin::new(io).poll_read(cx, buf),
            Carrier::Tls(io) => Pin::new(&mut **io).poll_read(cx, buf),
        })?;
        let got = buf.filled().len() - before;
        this.ended |= room && got == 0;
        if got > 0 {
            this.meter.received(got);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for Wire {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let got = ready!(match &mut this.io {
            Carrier::Clear(io) => Pin::new(io).poll_fill_buf(cx),
            Carrier::Tls(io) => Pin::new(&mut **io).poll_fill_buf(cx),
        })?;
        this.ended |= got.is_empty();
        Poll::Ready(Ok(got))
    }

    fn consume(self: Pin<&mut Self>, octets: usize) {
        let this = self.get_mut();
        if octets > 0 {
            this.meter.received(octets);
        }
        match &mut this.io {
            Carrier::Clear(io) => Pin::new(io).consume(octets),
            Carrier::Tls(io) => Pin::new(&mut **io).consume(octets),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = ready!(match &mut this.io {
            Carrier::Clear(io) => Pin::new(io).poll_write(cx, buf),
            Carrier::Tls(io) => Pin::new(&mut **io).poll_write(cx, buf),
        })?;
        if done > 0 {
            this.meter.sent(done);
        }
        Poll::Ready(Ok(done))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = ready!(match &mut this.io {
            Carrier::Clear(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Carrier::Tls(io) => Pin::new(&mut **io).poll_write_vectored(cx, bufs),
        })?;
        if done > 0 {
            this.meter.sent(done);
        }
        Poll::Ready(Ok(done))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Carrier::Clear(io) => io.is_write_vectored(),
            Carrier::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Carrier::Clear(io) => Pin::new(io).poll_flush(cx),
            Carrier::Tls(io) => Pin::new(&mut **io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Carrier::Clear(io) => Pin::new(io).poll_shutdown(cx),
            Carrier::Tls(io) => Pin::new(&mut **io).poll_shutdown(cx),
        }
    }
}
