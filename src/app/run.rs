//! `mailx fetch`, `mailx sync` and `mailx verify`: accounts side by side, each with its store, backend and engine.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::hook::{self, Hook};
use super::memory::StateMemory;
use super::{Globals, Observers, RunOptions, Target, Verb, account, off_thread};
use crate::backend::{Backend, Ctx};
use crate::config::{Account, Layout as ConfiguredLayout};
use crate::engine::fetch::{FetchOptions, Seat, Sessions, fetch};
use crate::engine::select::Patterns;
use crate::engine::sync::{SyncOptions, sync};
use crate::engine::verify::{VerifyOptions, verify};
use crate::engine::watch::{Places, places};
use crate::model::report::AccountReport;
use crate::model::{AfterFetch, Class, Error, Observer, Protocol, Result};
use crate::store::clock::OsClock;
use crate::store::disk::OsDisk;
use crate::store::lock::Patience;
use crate::store::maildir::layout::Layout;
use crate::store::state::SqliteOpener;
use crate::store::{Opening, StepHook, Store, random};

/// Accounts that run at the same time unless `--jobs` says otherwise.
const JOBS: usize = 8;

/// Works on the accounts. `Err` only for usage and configuration; what happens to an account is in its report, in the order of the
/// configuration.
pub async fn run(globals: &Globals, target: &Target, run: &RunOptions, observers: &Observers<'_>) -> Result<Vec<AccountReport>> {
    let accounts = account::select(globals, target)?;
    let command_line = patterns(run)?;
    let slots = Arc::new(Semaphore::new(run.jobs.unwrap_or(JOBS).max(1)));
    let mut running = FuturesOrdered::new();
    for account in accounts {
        let (globals, run, slots, patterns) = (globals.clone(), run.clone(), slots.clone(), command_line.clone());
        let observer = observers(&account.name);
        let blank = AccountReport::new(&account.name, protocol(&account));
        let task = tokio::spawn(async move {
            let _slot = slots.acquire().await;
            one(&globals, &account, &run, patterns, observer).await
        });
        running.push_back(async move { task.await.unwrap_or_else(|e| crashed(blank, &e)) });
    }
    let mut reports: Vec<AccountReport> = running.collect().await;
    if let Some(command) = &run.exec
        && !run.dry_run
        && reports.iter().any(AccountReport::changed)
        && let Err(error) = hook::run(&Hook::of(command, "")).await
        && let Some(report) = reports.iter_mut().find(|r| r.changed())
    {
        report.error.get_or_insert(error);
    }
    Ok(reports)
}

/// The folders of the command line.
pub(super) fn patterns(run: &RunOptions) -> Result<Patterns> {
    Patterns::new(&run.folders)
}

/// A bug that stops one account keeps the reports of the others.
pub(super) fn crashed(blank: AccountReport, error: &tokio::task::JoinError) -> AccountReport {
    let error = Error::new(Class::Internal, format!("work on the account {}", blank.name), format!("its task panicked: {error}"));
    AccountReport { error: Some(error), ..blank }
}

pub(super) fn protocol(account: &Account) -> Protocol {
    account.receive.as_ref().map_or(Protocol::Imap, |r| r.protocol)
}

async fn one(globals: &Globals, account: &Account, run: &RunOptions, patterns: Patterns, observer: Arc<dyn Observer>) -> AccountReport {
    // First, so that copies of what is sent now are part of this run.
    let sends = run.verb == Verb::Sync && !run.dry_run && account.sends();
    let unsent = if sends { flush(globals, account, observer.clone()).await.err() } else { None };
    let mut report = match prepared(globals, account, run, patterns, observer).await {
        Ok(report) => report,
        Err(error) => AccountReport { error: Some(error), ..AccountReport::new(&account.name, protocol(account)) },
    };
    if let Some(error) = unsent {
        report.error.get_or_insert(error);
    }
    report
}

/// Sends what waits in the outbox and is due.
pub(super) async fn flush(globals: &Globals, account: &Account, observer: Arc<dyn Observer>) -> Result<()> {
    let flushed = super::send::outbox::flush_one(globals, account, observer, false).await;
    match (flushed.undelivered(), flushed.error) {
        (Some(error), _) | (None, Some(error)) => Err(error),
        (None, None) => Ok(()),
    }
}

async fn prepared(
    globals: &Globals,
    account: &Account,
    run: &RunOptions,
    patterns: Patterns,
    observer: Arc<dyn Observer>,
) -> Result<AccountReport> {
    let line = Line::new(globals, account, observer, run.rehearses())?;
    let _watchdog = run.max_duration.map(|most| Watchdog::start(most, line.ctx.cancel.clone()));
    let mut report = on_line(globals, account, run, patterns, &line, None).await?.0;
    if let Some(command) = &account.exec
        && !run.rehearses()
        && report.changed()
        && let Err(error) = hook::run(&Hook::of(command, &account.name)).await
    {
        report.error.get_or_insert(error);
    }
    Ok(report)
}

/// The way to an account's server, and what belongs to it: of one run, or of several one after the other.
pub(super) struct Line {
    pub backend: Arc<dyn Backend>,
    pub ctx: Ctx,
    memory: Arc<StateMemory>,
}

impl Line {
    /// A new way.
    pub fn new(globals: &Globals, account: &Account, observer: Arc<dyn Observer>, rehearse: bool) -> Result<Self> {
        let (backend, memory) = (account::patient_backend(globals, account)?, Arc::new(StateMemory::default()));
        let ctx = account::ctx(globals, account, observer, memory.clone(), rehearse);
        Ok(Self { backend, ctx, memory })
    }

    /// The same way anew: what the backend remembers is read from the state again.
    pub fn again(&self) -> Self {
        let memory = Arc::new(StateMemory::default());
        let ctx = Ctx { memory: memory.clone(), meter: Arc::default(), ..self.ctx.clone() };
        Self { backend: self.backend.clone(), ctx, memory }
    }
}

/// One run of an account on a line; and, where the line is kept for another run, by a session on `seat`, the folders to wait for.
pub(super) async fn on_line(
    globals: &Globals,
    account: &Account,
    run: &RunOptions,
    patterns: Patterns,
    line: &Line,
    seat: Option<&Seat>,
) -> Result<(AccountReport, Places)> {
    let (Line { backend, ctx, memory }, rehearse) = (line, run.rehearses());
    let options = FetchOptions {
        folders: vec![Patterns::new(&account.folders)?, patterns],
        since: run.since,
        max_size: run.max_size,
        limit: run.limit,
        after_fetch: account.after_fetch,
        allow_mass_delete: run.allow_mass_delete.as_deref().map(Patterns::of_guard).transpose()?,
    };
    let taken = options.folders.clone();
    let chosen = seat.map(|_| Patterns::new(&account.idle)).transpose()?;
    // Where there is no Maildir yet, log in before making one: a wrong password writes nothing. Where there is one, the lock comes
    // first: a second run does not bother the server.
    let new = std::fs::symlink_metadata(&account.maildir).is_err();
    // Where the protocol has no trash, a deletion there is what it can only be; where only the server has none, that is a gap.
    let expunge = if backend.ceiling().delete.trash { account.expunge } else { account.expunge.without_trash() };
    let before = ctx.meter.totals();
    let mut sessions = Sessions::new(backend.clone(), ctx.clone(), account.connections);
    if new && !rehearse {
        sessions.ahead().await?;
    }
    let store = open_store(globals, account, ctx, rehearse).await?;
    let is_stale = memory.settle(&store).await?;
    if let Some(seat) = seat {
        if is_stale {
            // Another run has been here, and has told the server things that this session does not know of.
            drop(seat.take());
        }
        sessions = sessions.keeping(seat);
    }
    let (own, ctx) = (store.clone(), ctx.clone());
    let mut report = match run.verb {
        Verb::Fetch => fetch(&account.name, sessions, store, ctx, &options).await,
        Verb::Sync => {
            let pull = FetchOptions { after_fetch: AfterFetch::Keep, ..options };
            let options = SyncOptions { pull, expunge, keep_deleted: account.keep_deleted };
            sync(&account.name, sessions, store, ctx, &options).await
        }
        Verb::Verify => {
            let options = VerifyOptions { folders: options.folders, share: run.share, offset: chance()? };
            verify(&account.name, sessions, store, ctx, &options).await
        }
    };
    report.bytes_in -= before.0;
    report.bytes_out -= before.1;
    report.round_trips -= before.2;
    let at = match &chosen {
        Some(chosen) => places(&own, &taken, chosen, &report).await?,
        None => Places::default(),
    };
    memory.release().await?;
    Ok((report, at))
}

/// A number from 0 to 1, another one each time.
pub(super) fn chance() -> Result<f64> {
    Ok(f64::from(u16::from_le_bytes(random()?)) / 65536.0)
}

/// Sets the token when the time of a run is over, from its first step on; not any more once dropped.
struct Watchdog(tokio::task::JoinHandle<()>);

impl Watchdog {
    fn start(most: Duration, cancel: CancellationToken) -> Self {
        Self(tokio::spawn(async move {
            tokio::time::sleep(most).await;
            cancel.cancel();
        }))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Opens the store of an account off the async threads: the lock may have to be waited for.
async fn open_store(globals: &Globals, account: &Account, ctx: &Ctx, rehearse: bool) -> Result<Arc<Store>> {
    let (root, layout, cancel) = (account.maildir.clone(), layout(account.layout), ctx.cancel.clone());
    // Without --wait not at all; --wait alone for ever.
    let most = globals.wait.unwrap_or(Some(Duration::ZERO));
    let opened = off_thread("open the store", move || {
        let cancelled = || cancel.is_cancelled();
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let (states, patience) = (Arc::new(SqliteOpener), Patience { most, cancelled: &cancelled });
        let (disk, clock, seed) = (Arc::new(OsDisk), Arc::new(OsClock), random()?);
        let opening = Opening { disk, clock, root, layout, states, host, seed, patience, step: step_hook() };
        if rehearse { Store::rehearse(&opening) } else { Store::open(opening) }
    });
    Ok(Arc::new(opened.await?))
}

/// The store's word for the configuration's.
pub(super) fn layout(layout: ConfiguredLayout) -> Layout {
    match layout {
        ConfiguredLayout::Fs => Layout::Fs,
        ConfiguredLayout::MaildirPlusPlus => Layout::MaildirPlusPlus,
    }
}

/// Tests stop the world at the durable step `MAILX_TEST_CRASH_AT`, counted from 1, as kill -9 would.
#[cfg(feature = "testing")]
pub(super) fn step_hook() -> StepHook {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let (crash_at, count) = (number("MAILX_TEST_CRASH_AT"), AtomicU64::new(0));
    Arc::new(move |step| {
        let n = count.fetch_add(1, SeqCst) + 1;
        tracing::trace!(n, step, "durable step");
        if crash_at == Some(n) {
            let us = rustix::process::getpid();
            let _ = rustix::process::kill_process(us, rustix::process::Signal::KILL);
        }
    })
}

#[cfg(not(feature = "testing"))]
pub(super) fn step_hook() -> StepHook {
    Arc::new(|_| {})
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_the_report_of_its_account() {
        let panic = tokio::spawn(async { panic!("a bug") }).await.unwrap_err();
        let report = crashed(AccountReport::new("work", Protocol::Imap), &panic);
        assert_eq!((report.name.as_str(), report.ok()), ("work", false));
        assert_eq!(report.error.unwrap().class, Class::Internal);
    }
}
