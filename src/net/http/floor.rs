//! The slowest body that is borne: against a server that sends an octet now and then, and so is never silent.

use std::time::Duration;

use crate::net::limits;

/// Octets and the time that was spent waiting for them; the time in which nobody asked does not count.
#[derive(Debug, Default)]
pub(super) struct Floor {
    waited: Duration,
    octets: u64,
}

impl Floor {
    /// Counts a piece. `false`: the server has been too slow for a whole window.
    pub(super) fn is_kept(&mut self, waited: Duration, octets: usize) -> bool {
        self.waited += waited;
        self.octets += octets as u64;
        if self.waited < limits::HTTP_FLOOR_WINDOW {
            return true;
        }
        let window = std::mem::take(self);
        window.octets >= limits::HTTP_FLOOR * window.waited.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_cut_off_after_a_window_and_a_slow_line_is_not() {
        let after = |every: Duration, octets: usize| {
            let mut floor = Floor::default();
            (1..100_000u32).find(|_| !floor.is_kept(every, octets)).map(|pieces| every * pieces)
        };
        assert_eq!(after(Duration::from_secs(1), 1), Some(limits::HTTP_FLOOR_WINDOW));
        assert_eq!(after(Duration::from_secs(50), 20_000), Some(Duration::from_secs(150)));
        assert_eq!(after(Duration::from_secs(1), 511), Some(limits::HTTP_FLOOR_WINDOW));
        assert_eq!(after(Duration::from_secs(1), 512), None);
        assert_eq!(after(Duration::from_millis(1), 64 << 10), None);
        assert_eq!(after(Duration::ZERO, 1), None, "what is there at once is not slow");
    }

    #[test]
    fn each_window_is_judged_for_itself() {
        let mut floor = Floor::default();
        assert!(floor.is_kept(limits::HTTP_FLOOR_WINDOW, 1 << 20));
        assert!(floor.is_kept(Duration::from_secs(1), 1), "a new one has begun");
        assert!(!floor.is_kept(limits::HTTP_FLOOR_WINDOW, 1));
    }
}
