//! What a watch listens to beside the server.

use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Changes here within this time are one change; a stream of them is taken care of after the second.
const QUIET_HERE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(3));

/// What a watch listens to beside the server.
#[derive(Debug, Clone)]
pub struct Bells {
    /// Ends it.
    pub cancel: CancellationToken,
    /// Goes up with every change here.
    pub here: Receiver<u64>,
    /// Goes up with every sleep of the machine.
    pub slept: Receiver<u64>,
}

/// Until a bell rings that had been silent.
pub(super) async fn rung(bell: &mut Receiver<u64>) {
    if bell.changed().await.is_err() {
        // Nobody is left to ring it.
        std::future::pending::<()>().await;
    }
}

/// The same, once it is silent again, or has rung for long.
pub(super) async fn settled(bell: &mut Receiver<u64>) {
    rung(bell).await;
    let most = Instant::now() + QUIET_HERE.1;
    while Instant::now() < most && timeout(QUIET_HERE.0, rung(bell)).await.is_ok() {}
}
