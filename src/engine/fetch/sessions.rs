//! Sessions of a run: opened when needed, few of them, reopened a few times, closed in the end.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::{Backend, Ctx, Session};
use crate::model::{Class, Error, Event, Fate, Protocol, Result, Scope};

/// Connections that may be opened anew in one run, after losses.
const RECONNECTS: u32 = 3;

/// Where a session waits between two runs of an account. Clones are the same seat.
#[derive(Clone, Default)]
pub struct Seat {
    session: Arc<Mutex<Option<Box<dyn Session>>>>,
    aside: Arc<AtomicU16>,
}

impl Seat {
    /// The session that waits there, if one does.
    pub fn take(&self) -> Option<Box<dyn Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Lets a session wait there.
    pub fn put(&self, session: Box<dyn Session>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// So many of the account's connections are in use elsewhere: runs have the rest, and one at least.
    pub fn set_aside(&self, connections: u16) {
        self.aside.store(connections, Relaxed);
    }
}

/// The sessions of one account in one run.
pub struct Sessions {
    backend: Arc<dyn Backend>,
    ctx: Ctx,
    /// Connections at most.
    pub(in crate::engine) most: NonZeroU16,
    lost: AtomicU32,
    idle: Mutex<Vec<Box<dyn Session>>>,
    /// Where one of them stays at the end.
    seat: Option<Seat>,
}

impl Sessions {
    /// None is open yet.
    pub fn new(backend: Arc<dyn Backend>, ctx: Ctx, most: NonZeroU16) -> Self {
        Self { backend, ctx, most, lost: AtomicU32::new(0), idle: Mutex::default(), seat: None }
    }

    /// The same, beginning with the session that waits on `seat`; one of those that stand at the end will wait there.
    #[must_use]
    pub fn keeping(mut self, seat: &Seat) -> Self {
        self.idle().extend(seat.take());
        let left = self.most.get().saturating_sub(seat.aside.load(Relaxed));
        self.most = NonZeroU16::new(left).unwrap_or(NonZeroU16::MIN);
        self.seat = Some(seat.clone());
        self
    }

    /// Opens one before it is needed: whoever is refused by the server has nothing to prepare.
    pub async fn ahead(&self) -> Result<()> {
        let session = self.take().await?;
        self.put_back(Some(session));
        Ok(())
    }

    /// The protocol, for reports.
    pub(in crate::engine) fn protocol(&self) -> Protocol {
        self.backend.protocol()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Box<dyn Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a session stands that nobody uses.
    pub(in crate::engine) fn any_idle(&self) -> bool {
        !self.idle().is_empty()
    }

    /// Opens a session, in one try.
    pub(in crate::engine) async fn open(&self) -> Result<Box<dyn Session>> {
        tokio::select! {
            // Nothing durable hangs on a half-open connection, so it may be dropped.
            () = self.ctx.cancel.cancelled() => Err(super::stopped()),
            session = self.backend.open(&self.ctx) => session,
        }
    }

    /// After `error` cost a session: opens another one if that may help, else gives the error back.
    pub(in crate::engine) async fn reopen(&self, error: Box<Error>) -> Result<Box<dyn Session>> {
        self.again(error, true).await
    }

    /// Tries again after `error` until a session stands, or the run has lost enough of them. `known`: a login of this run has
    /// succeeded, so that a refused one is the server's trouble.
    async fn again(&self, first: Box<Error>, known: bool) -> Result<Box<dyn Session>> {
        if !may_retry(&first) {
            return Err(first);
        }
        let mut last: Option<Box<Error>> = None;
        while !self.ctx.cancel.is_cancelled() && self.lost.fetch_add(1, Relaxed) < RECONNECTS {
            self.ctx.observer.on(&Event::Retried { class: first.class, why: last.as_ref().map_or(&first.failed, |last| &last.failed) });
            let pause = Duration::from_millis(500) * self.lost.load(Relaxed);
            tokio::select! {
                () = self.ctx.cancel.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            match self.open().await {
                Ok(session) => return Ok(session),
                Err(again) if may_retry(&again) => last = Some(again),
                Err(again) if known || again.class == Class::Unavailable => return Err(first_says(first, again)),
                Err(again) => return Err(again),
            }
        }
        Err(match last {
            Some(last) => first_says(first, last),
            None => first,
        })
    }

    /// A session: one that is open and idle, else a new one, for which a lost line is tried again.
    pub(in crate::engine) async fn take(&self) -> Result<Box<dyn Session>> {
        let idle = self.idle().pop();
        if let Some(session) = idle {
            return Ok(session);
        }
        match self.open().await {
            Ok(session) => Ok(session),
            Err(error) => self.again(error, false).await,
        }
    }

    /// A session that can be used again or closed later.
    pub(in crate::engine) fn put_back(&self, session: Option<Box<dyn Session>>) {
        self.idle().extend(session);
    }

    /// The run is over: ends all sessions but the one that is kept.
    pub(in crate::engine) async fn end(&self) {
        if let Some(seat) = &self.seat
            && let Some(session) = self.idle().pop()
        {
            seat.put(session);
        }
        self.close().await;
    }

    /// Ends all sessions politely, at the same time.
    pub(in crate::engine) async fn close(&self) {
        let closing: Vec<_> = self.idle().drain(..).map(|session| tokio::spawn(session.close())).collect();
        for task in closing {
            let _ = task.await;
        }
    }
}

/// The first loss says more than the connections that were refused after it.
pub(in crate::engine) fn first_says(first: Box<Error>, again: Box<Error>) -> Box<Error> {
    if may_retry(&again) || again.scope == Scope::Account {
        first.hint(format!("connecting again failed, too: {}", again.failed))
    } else {
        again
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

/// Failures on our side end the run: the disk does not get better by the next folder, but where it is the folder's directory alone.
pub(in crate::engine) fn is_ours(error: &Error) -> bool {
    error.scope != Scope::Folder
        && matches!(error.class, Class::DiskFull | Class::LocalIo | Class::LocalWrite | Class::LocalCorrupt | Class::Internal)
}
