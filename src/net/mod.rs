//! Sockets: dial, proxy, TLS, deadlines, deflate, HTTPS, meter. Knows no mail protocol; backends call [`dial`] and get a [`Stream`].
//!
//! What a connection is made of, from the wire up: TCP or a tunnel command → read buffer → (proxy handshake) → TLS →
//! octet meter → (deflate) → the protocol. All of it is one concrete type, so that a bulk download pays no virtual call a read.

mod deflate;
mod dial;
mod endpoint;
pub mod http;
pub mod limits;
mod lost;
pub mod meter;
mod proxy;
mod stream;
mod tls;
mod tunnel;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use dial::dial;
pub use endpoint::{Endpoint, Login, Route, Security};
pub use limits::Limits;
pub use lost::lost;
pub use meter::Meter;
pub use stream::{ByteStream, Stream};
pub use tls::{Certificate, Roots, TlsConnector, TlsInfo, TlsSettings};
