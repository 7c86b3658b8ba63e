//! Finds out that the machine slept, or that this process was stopped: whatever stood before is dead by now, and does not know it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Sender;

use crate::store::clock::Clock;

/// How often the clocks are compared.
const TICK: Duration = Duration::from_secs(5);
/// Clocks that differ by less may have been set, and a machine that is busy may be so late.
const JUMP: Duration = Duration::from_secs(10);

/// Rings `bell` after every sleep, for ever. The wall clock goes on while a machine sleeps, the steady one does not; while a process is stopped
/// both do, and it is late. A clock that somebody has set forward looks the same, and costs a new connection.
pub async fn notice_sleep(clock: Arc<dyn Clock>, bell: Sender<u64>) {
    loop {
        let (wall, steady) = (clock.wall(), clock.steady());
        tokio::time::sleep(TICK).await;
        let (wall, steady) = (clock.wall().saturating_sub(wall), clock.steady().saturating_sub(steady));
        if wall > steady + JUMP || steady > TICK + JUMP {
            tracing::debug!(?wall, ?steady, "slept");
            bell.send_modify(|count| *count += 1);
        }
    }
}
