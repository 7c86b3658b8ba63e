//! How often a server wants to be logged in to (LOGIN-DELAY, RFC 2449 §6.6): a run that needs one more session waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::backend::Ctx;
use crate::model::{Class, Event};

/// Longer is not waited for: the server is asked all the same, and its refusal ends the run.
const MOST: Duration = Duration::from_mins(2);

/// When the server wants to see the next login of this run.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<Mutex<Option<Instant>>>);

impl Pace {
    /// Waits until the server bears a login, or the run is stopped.
    pub(super) async fn wait(&self, ctx: &Ctx) {
        let next = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = next.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if left.is_zero() || left > MOST {
            return;
        }
        let why = format!("the server wants {} s between two logins", left.as_secs_f32().ceil());
        ctx.observer.on(&Event::Retried { class: Class::Temporary, why: &why });
        tokio::select! {
            () = ctx.cancel.cancelled() => {}
            () = sleep_until(Instant::now() + left) => {}
        }
    }

    /// A login succeeded at `at`, and the server wants `delay` seconds before the next one.
    pub(super) fn note(&self, at: Instant, delay: Option<u32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = delay.map(|delay| at + Duration::from_secs(delay.into()));
    }
}
