//! Bounds of what a network peer can make us wait for or hold.

use std::time::Duration;

/// Time for the name lookup, and again for the connection (all addresses and the proxy together).
pub const CONNECT: Duration = Duration::from_secs(30);
/// Time for a TLS handshake, also after STARTTLS: its own timer, because a server may answer OK and then be silent.
pub const HANDSHAKE: Duration = Duration::from_secs(30);
/// How long an address may be silent before the next one is tried beside it (RFC 8305 §8 recommends 250 ms).
pub const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// Addresses of one name that are tried.
pub const ADDRESSES: usize = 16;
/// Silence after which the system probes an idle connection; below the five minutes of the meanest NAT boxes.
pub const KEEPALIVE: Duration = Duration::from_mins(2);
/// Read buffer between the socket and TLS: rustls alone reads 4 KiB a system call.
pub const READ_BUFFER: usize = 128 * 1024;
/// Octets of a proxy's HTTP answer head.
pub const PROXY_HEAD: usize = 16 * 1024;
/// Octets of a PEM file of ours.
pub const PEM_FILE: u64 = 16 * 1024 * 1024;
/// Octets of an HTTP/2 answer's headers; HTTP/1.1 has hyper's own bound, 100 headers in 400 KiB.
pub const HTTP_HEAD: u32 = 64 << 10;
/// Octets that a packed answer may unpack to, beside [`HTTP_RATIO`] for each that came: small answers pack well.
pub const HTTP_UNPACKED_FREE: u64 = 1 << 20;
/// See [`HTTP_UNPACKED_FREE`]. Text packs to a tenth; gzip can do a thousandth.
pub const HTTP_RATIO: u64 = 200;
/// Octets that are unpacked at once.
pub const HTTP_PIECE: usize = 64 << 10;
/// While a body is due, fewer octets a second than this, over [`HTTP_FLOOR_WINDOW`], mean that the peer stalls us.
pub const HTTP_FLOOR: u64 = 512;
/// See [`HTTP_FLOOR`].
pub const HTTP_FLOOR_WINDOW: Duration = Duration::from_mins(2);
/// Octets a second below which sending a request is given up.
pub const HTTP_UPLOAD_FLOOR: u64 = 8 << 10;

/// Timers of one connection; tests lower them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the name lookup, and again for the connection.
    pub connect: Duration,
    /// For a TLS handshake.
    pub handshake: Duration,
}

impl Limits {
    /// The usual timers, none longer than the `silence` that the user bears.
    pub fn within(silence: Duration) -> Self {
        Self { connect: CONNECT.min(silence), handshake: HANDSHAKE.min(silence) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: CONNECT, handshake: HANDSHAKE }
    }
}
