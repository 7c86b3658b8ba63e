//! Waits for a mailbox that another session has, or for a server that names the time for which it wants to be left alone, as long as the
//! user bears it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::{Backend, Ctx, Session};
use crate::model::{Caps, Class, Error, Event, Fate, Protocol, Result, Scope};

/// The first pause between two tries, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A backend whose `open` comes back with class `locked`, or with the time after which the server bears another login, only after the patience is over.
pub struct Patient {
    inner: Arc<dyn Backend>,
    /// `None` = for ever.
    most: Option<Duration>,
    /// A session of this run stood once: a lock may be its own, left behind by a lost line.
    stood: AtomicBool,
}

impl Patient {
    /// Waits `most` long; `None` = for ever.
    pub fn new(inner: Arc<dyn Backend>, most: Option<Duration>) -> Self {
        Self { inner, most, stood: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Backend for Patient {
    fn protocol(&self) -> Protocol {
        self.inner.protocol()
    }

    fn ceiling(&self) -> Caps {
        self.inner.ceiling()
    }

    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Session>> {
        let (begun, mut pause) = (Instant::now(), PAUSES.0);
        loop {
            let (error, delay) = match self.inner.open(ctx).await {
                Ok(session) => {
                    self.stood.store(true, Relaxed);
                    return Ok(session);
                }
                Err(error) => match (error.class, error.fate) {
                    (Class::Locked, _) => (error, None),
                    (Class::Temporary, Fate::After(delay)) if error.scope == Scope::Account => (error, Some(delay)),
                    _ => return Err(error),
                },
            };
            let left = self.most.map(|most| most.saturating_sub(begun.elapsed()));
            // Nobody waits for what comes too late.
            let late = left.is_some_and(|left| left.is_zero() || delay.is_some_and(|delay| delay > left));
            if late || ctx.cancel.is_cancelled() {
                return Err(self.give_up(error));
            }
            ctx.observer.on(&Event::Retried { class: error.class, why: &error.failed });
            tokio::select! {
                () = ctx.cancel.cancelled() => return Err(self.give_up(error)),
                () = sleep(delay.unwrap_or_else(|| left.map_or(pause, |left| left.min(pause)))) => {}
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

impl Patient {
    /// Whoever waited has waited; only a lock that may be our own is worth the few tries that a lost line gets.
    fn give_up(&self, error: Box<Error>) -> Box<Error> {
        if self.stood.load(Relaxed) { error } else { error.scope(Scope::Account) }
    }
}
