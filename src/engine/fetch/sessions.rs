//! Sessions of a run: opened when needed, few of them, reopened a few times, closed in the end.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::{Backend, Ctx, Session};
use crate::model::{Class, Error, Event, Fate, Result, Scope};

/// Connections that may be opened anew in one run, after losses.
const RECONNECTS: u32 = 3;

pub(in crate::engine) struct Sessions {
    backend: Arc<dyn Backend>,
    ctx: Ctx,
    /// Connections at most.
    pub most: NonZeroU16,
    lost: AtomicU32,
    idle: Mutex<Vec<Box<dyn Session>>>,
}

impl Sessions {
    pub fn new(backend: Arc<dyn Backend>, ctx: Ctx, most: NonZeroU16) -> Self {
        Self { backend, ctx, most, lost: AtomicU32::new(0), idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Box<dyn Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session.
    pub async fn open(&self) -> Result<Box<dyn Session>> {
        tokio::select! {
            // Nothing durable hangs on a half-open connection, so it may be dropped.
            () = self.ctx.cancel.cancelled() => Err(super::stopped()),
            session = self.backend.open(&self.ctx) => session,
        }
    }

    /// After `error` cost a session: opens another one if that may help, else gives the error back.
    pub async fn reopen(&self, error: Box<Error>) -> Result<Box<dyn Session>> {
        if !may_retry(&error) || self.ctx.cancel.is_cancelled() || self.lost.fetch_add(1, Relaxed) >= RECONNECTS {
            return Err(error);
        }
        self.ctx.observer.on(&Event::Retried { class: error.class, why: &error.failed });
        let pause = Duration::from_millis(500) * self.lost.load(Relaxed);
        tokio::select! {
            () = self.ctx.cancel.cancelled() => return Err(error),
            () = tokio::time::sleep(pause) => {}
        }
        match self.open().await {
            Ok(session) => Ok(session),
            // The first loss says more than the refused connection after it.
            Err(again) if may_retry(&again) || again.scope == Scope::Account => {
                Err(error.hint(format!("connecting again failed, too: {}", again.failed)))
            }
            Err(again) => Err(again),
        }
    }

    /// A session: one that is open and idle, else a new one.
    pub async fn take(&self) -> Result<Box<dyn Session>> {
        let idle = self.idle().pop();
        match idle {
            Some(session) => Ok(session),
            None => self.open().await,
        }
    }

    /// A session that can be used again or closed later.
    pub fn put_back(&self, session: Option<Box<dyn Session>>) {
        self.idle().extend(session);
    }

    /// Ends all sessions politely, at the same time.
    pub async fn close(&self) {
        let closing: Vec<_> = self.idle().drain(..).map(|session| tokio::spawn(session.close())).collect();
        for task in closing {
            let _ = task.await;
        }
    }
}

/// Whether another connection may do better.
pub(in crate::engine) fn may_retry(error: &Error) -> bool {
    error.scope == Scope::Session && matches!(error.fate, Fate::Now | Fate::After(_))
}

/// Whether the session is dead after `error`.
pub(in crate::engine) fn costs_session(error: &Error) -> bool {
    error.scope >= Scope::Session
}

/// Failures on our side end the run: the disk does not get better by the next folder.
pub(in crate::engine) fn is_ours(error: &Error) -> bool {
    matches!(error.class, Class::DiskFull | Class::LocalIo | Class::LocalWrite | Class::LocalCorrupt | Class::Internal)
}
