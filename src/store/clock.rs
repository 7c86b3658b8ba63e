//! The time as the store goes by it.

use std::fmt::Debug;
use std::time::Duration;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Wall time since 1970. It may jump.
    fn wall(&self) -> Duration;

    /// Time since some moment. It only ever goes forward.
    fn steady(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);
}

/// The clocks of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsClock;

impl Clock for OsClock {
    fn wall(&self) -> Duration {
        read(rustix::time::ClockId::Realtime)
    }

    fn steady(&self) -> Duration {
        read(rustix::time::ClockId::Monotonic)
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn read(clock: rustix::time::ClockId) -> Duration {
    let now = rustix::time::clock_gettime(clock);
    // A wall clock from before 1970 stands at its beginning.
    now.try_into().unwrap_or_default()
}
