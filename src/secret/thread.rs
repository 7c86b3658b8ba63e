//! Work that may never end, on a thread that nobody waits for.
//!
//! Not `spawn_blocking`: the runtime waits for its blocking threads when it shuts down, so that one keyring that never answers
//! would keep the process from exiting.

use std::time::Duration;

use tokio::sync::oneshot;

/// Starts `work`; its result comes through the channel, unless nobody listens any more. The thread is never joined.
pub(super) fn detached<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<oneshot::Receiver<T>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name(format!("mailx-{name}")).spawn(move || {
        let _ = sender.send(work());
    })?;
    Ok(receiver)
}

/// Why there is no result.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// None within the time.
    Late,
    /// The thread could not be started, or panicked.
    Failed(String),
}

/// The result of `work`, if it comes within `limit`.
pub(super) async fn within<T: Send + 'static>(
    name: &str,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    let receiver = detached(name, work).map_err(|cause| NoAnswer::Failed(cause.to_string()))?;
    match tokio::time::timeout(limit, receiver).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err(NoAnswer::Failed("its thread ended without an answer".to_owned())),
        Err(_) => Err(NoAnswer::Late),
    }
}
