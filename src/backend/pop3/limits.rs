//! Bounds on what a POP3 server controls.

pub use crate::backend::limits::{GREETING, WORK};

/// Messages of a maildrop.
pub const MESSAGES: usize = 5_000_000;
/// Capabilities.
pub const CAPABILITIES: usize = 1000;
/// Messages of one page of a listing.
pub const PAGE: usize = 1000;
/// Commands under way at once, where the server bears that (RFC 2449 §6.8).
pub const IN_FLIGHT: usize = 256;
/// Octets, as announced, of the messages under way at once: what is asked for cannot be taken back.
pub const OCTETS_IN_FLIGHT: u64 = 16 << 20;
/// Ids that are remembered after they have gone, so that one that comes again for another message is noticed.
pub const PAST: usize = 20_000;
/// Messages that come in other sizes than announced until those are taken for estimates.
pub const ODD: u64 = 8;
