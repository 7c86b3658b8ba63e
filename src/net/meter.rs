//! Counts what goes over the wire, for the summary.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Protocol octets inside TLS and round trips of one account, over all of its connections.
#[derive(Debug, Default)]
pub struct Meter {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    turns: AtomicU64,
    sending: AtomicBool,
}

impl Meter {
    /// Octets came in.
    pub fn received(&self, octets: usize) {
        self.bytes_in.fetch_add(octets as u64, Relaxed);
        self.sending.store(false, Relaxed);
    }

    /// Octets went out; a change of direction counts as the start of a round trip.
    pub fn sent(&self, octets: usize) {
        self.bytes_out.fetch_add(octets as u64, Relaxed);
        if !self.sending.swap(true, Relaxed) {
            self.turns.fetch_add(1, Relaxed);
        }
    }

    /// One round trip that moved no protocol octets (TCP and TLS handshakes, the greeting).
    pub fn turn(&self) {
        self.turns.fetch_add(1, Relaxed);
    }

    /// Octets received, octets sent, round trips.
    pub fn totals(&self) -> (u64, u64, u64) {
        (self.bytes_in.load(Relaxed), self.bytes_out.load(Relaxed), self.turns.load(Relaxed))
    }
}
