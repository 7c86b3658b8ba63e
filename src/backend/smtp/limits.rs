//! Bounds and patience (RFC 5321 §4.5.3.2).

pub(super) use crate::backend::limits::{GREETING, WORK};

/// Behind the end of a message, the server may be silent so many times longer, ten minutes with the usual time-out: less patience makes
/// doubles.
pub(super) const END: u32 = 10;
/// Octets of a message that wait for the socket before more is read.
pub(super) const AHEAD: usize = 256 << 10;
