//! A clock that goes when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use crate::store::clock::Clock;

/// Seconds since 1970 at which it begins: 2025-01-01.
const BEGIN: u64 = 1_735_689_600;

/// Wall clock and stopwatch at once. All clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct MemClock(Arc<AtomicU64>);

impl MemClock {
    /// Time passes.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_nanos() as u64, SeqCst);
    }
}

impl Clock for MemClock {
    fn wall(&self) -> Duration {
        Duration::from_secs(BEGIN) + self.steady()
    }

    fn steady(&self) -> Duration {
        Duration::from_nanos(self.0.load(SeqCst))
    }

    fn sleep(&self, time: Duration) {
        self.advance(time);
    }
}
