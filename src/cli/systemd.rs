//! What systemd is told of a service (`Type=notify`): by `$NOTIFY_SOCKET`, where there is one. That it is told nothing is no failure.

use std::time::Duration;

use sd_notify::NotifyState;

/// The service does its work from now on.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It reads its configuration again; [`ready`] follows.
pub fn reloads() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// It is about to end.
pub fn stops() {
    tell(&[NotifyState::Stopping]);
}

/// How it is.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// Says from time to time that it lives, where systemd wants to know (`WatchdogSec=`). Must be called inside the runtime: its tasks
/// must have their turn for that.
pub fn keep_alive() {
    if let Some(most) = sd_notify::watchdog_enabled().filter(|most| !most.is_zero()) {
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval((most / 2).max(Duration::from_millis(1)));
            loop {
                ticks.tick().await;
                tell(&[NotifyState::Watchdog]);
            }
        });
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd is not told");
    }
}
