//! `fetch`: server → Maildir. Never changes or deletes what is here; a file that turns out to be a part of its message is put by.
//!
//! The way of a message: the folder's marks differ → its new ids are listed → a row with a reserved name for each, in one commit with
//! the cursor → the plan → bodies stream into tmp files → batches become durable and `stored` → only then the server's copy may go.

mod arrived;
mod astray;
mod bodies;
pub(in crate::engine) mod dates;
mod doubts;
pub(in crate::engine) mod download;
mod flips;
pub(in crate::engine) mod listing;
mod release;
pub(in crate::engine) mod rematch;
pub(in crate::engine) mod sessions;
pub(in crate::engine) mod short;
pub mod strengthen;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::backend::{Ctx, Session};
use crate::model::report::{AccountReport, FolderReport, PlannedAction};
use crate::model::{AfterFetch, Class, Error, Event, Fate, FolderPath, Result, Role, Scope};
use crate::store::Store;
use crate::store::disk::Blocks;
use crate::store::maildir::deliver::{Delivery, Target};
use crate::store::state::{FolderRow, LinkId, PendingLink};

use super::gaps::tell_gaps;
use super::plan::{Action, DownloadLimits, decide};
use super::portions::{Portions, may_follow};
use super::select::Patterns;
pub(in crate::engine) use doubts::read_weak;
use sessions::costs_session;
pub use sessions::{Seat, Sessions};

/// Wanted messages of a folder that are read, planned and fetched at once: bounds memory, and costs one round trip each.
const CHUNK: usize = 1000;

/// What a fetch may and must do.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Folder patterns, in groups that must all agree: the account's, then those of the command line.
    pub folders: Vec<Patterns>,
    /// Leave out what is older (server's internal date, seconds since 1970).
    pub since: Option<i64>,
    /// Leave out what is larger (octets as announced).
    pub max_size: Option<u64>,
    /// Download so many messages at most in this run.
    pub limit: Option<u64>,
    /// What becomes of the server's copies.
    pub after_fetch: AfterFetch,
    /// Folders whose guard is off for this run; `None` = the guard is on everywhere.
    pub allow_mass_delete: Option<Patterns>,
}

impl FetchOptions {
    /// Whether a folder takes part.
    pub(in crate::engine) fn takes(&self, path: &FolderPath, role: Option<Role>) -> bool {
        self.folders.iter().all(|patterns| patterns.take(path, role))
    }

    fn limits(&self) -> DownloadLimits {
        DownloadLimits { since: self.since, max_size: self.max_size, left: self.limit }
    }
}

/// A folder that takes part in the run.
#[derive(Debug)]
pub(in crate::engine) struct Job {
    pub row: FolderRow,
    pub report: FolderReport,
    /// The server does not list it (any more).
    pub absent: bool,
    /// A dry run only takes it for made: it cannot be listed.
    pub unborn: bool,
    /// Wanted messages and their octets, as planned.
    planned: (u64, u64),
    /// Its messages were matched again in this run.
    pub rematched: Option<Rematch>,
    /// The server does not promise that its ids stay.
    pub passing_ids: bool,
    /// Messages of which a copy comes in this run: linked once that is here.
    copies: Vec<PendingLink>,
    /// Bodies that came whole.
    ended: u64,
    /// Where its bodies go; counts what became durable.
    target: Option<Arc<Target>>,
}

/// What is known of a folder whose messages were matched again, until bodies have settled the doubtful ones.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Rematch {
    /// Messages there.
    listed: u64,
    /// A foreign Maildir or lost state was the reason, not the server.
    adopted: bool,
}

impl Job {
    /// A folder of which nothing is known yet in this run.
    pub fn new(row: FolderRow) -> Self {
        let report = FolderReport::new(row.path.clone());
        Self {
            row,
            report,
            absent: false,
            unborn: false,
            planned: (0, 0),
            rematched: None,
            passing_ids: false,
            copies: Vec::new(),
            ended: 0,
            target: None,
        }
    }

    /// A folder that the server does not list (any more).
    pub fn absent(row: FolderRow) -> Self {
        Self { absent: true, ..Self::new(row) }
    }

    pub fn fail(&mut self, error: Box<Error>) {
        self.report.error.get_or_insert(error);
    }

    /// Notes that something is not to be had of this server.
    pub fn gap(&mut self, word: &'static str) {
        if !self.report.unsupported.contains(&word) {
            self.report.unsupported.push(word);
        }
    }

    /// Takes over what the store counted, once everything handed to it is durable (`stored`), or it has failed.
    fn settle(&mut self, stored: bool) {
        if let Some(target) = self.target.take() {
            let (delivered, adopted) = (target.delivered.load(Relaxed), target.adopted.load(Relaxed));
            // The store reports its own failures; silence about a difference would be a lie.
            if delivered != self.ended && stored {
                let failed = format!("{} messages came and {delivered} were stored", self.ended);
                self.fail(Error::new(Class::Internal, format!("store the folder `{}`", self.row.path), failed).hint("run it again"));
            }
            self.report.downloaded += delivered - adopted;
            self.report.linked += adopted;
            self.report.local_only = self.report.local_only.saturating_sub(adopted);
        }
    }
}

/// Runs a fetch by `sessions`. With a rehearsing store (dry run) everything is decided, nothing is changed, and the report has the plan.
///
/// Never fails as a whole: what went wrong is in the report.
pub async fn fetch(name: &str, sessions: Sessions, store: Arc<Store>, ctx: Ctx, options: &FetchOptions) -> AccountReport {
    let begun = Instant::now();
    let mut report = AccountReport::new(name, sessions.protocol());
    let mut portions = Portions::default();
    let done = loop {
        let (mut part, mut jobs) = (AccountReport::new(name, report.protocol), Vec::new());
        let done = run(&store, &sessions, &ctx, options, &mut jobs, &mut part).await;
        let more = matches!(done, Ok(true));
        let done = sum_up(&store, &sessions, &ctx, &mut jobs, done.map(drop)).await.map(|()| more);
        part.folders.extend(jobs.into_iter().map(|job| job.report));
        if !portions.go_on(&sessions, &ctx, &mut report, part, &done).await {
            break done.map(drop);
        }
    };
    let done = tell_gaps(&store, &ctx, &report, done).await;
    finish_report(&store, &sessions, &ctx, &mut report, done, begun).await;
    report
}

/// Ends a run of whatever verb: closes its sessions, and records how it ended.
pub(in crate::engine) async fn finish_report(
    store: &Arc<Store>,
    sessions: &Sessions,
    ctx: &Ctx,
    report: &mut AccountReport,
    done: Result<()>,
    begun: Instant,
) {
    if let Err(error) = done {
        report.error = Some(error);
    } else if ctx.cancel.is_cancelled() && report.error.is_none() {
        report.error = Some(stopped());
    }
    sessions.end().await;
    let errors = report.error.iter().chain(report.folders.iter().filter_map(|f| f.error.as_ref()));
    if errors.into_iter().any(|e| e.class == Class::LocalCorrupt && e.scope == Scope::Account) {
        store.suspect_state();
    }
    if !store.is_rehearsal() {
        let failure = report.error.as_ref().map(|e| e.class).or_else(|| (!report.ok()).then_some(Class::Partial));
        let recorded = blocking(store, move |store| store.state().record_run(store.now(), failure.map(Class::word))).await;
        if let Err(error) = recorded {
            report.error.get_or_insert(error);
        }
    }
    report.duration = begun.elapsed();
    (report.bytes_in, report.bytes_out, report.round_trips) = ctx.meter.totals();
}

/// Says what the folders of a run have in common, once all sessions that still stand are put back: a line that was lost for good, and
/// folders that are renumbered in run after run.
pub(in crate::engine) async fn sum_up(
    store: &Arc<Store>,
    sessions: &Sessions,
    ctx: &Ctx,
    jobs: &mut [Job],
    mut done: Result<()>,
) -> Result<()> {
    if done.is_ok() && !sessions.any_idle() {
        done = cut_off(jobs).map_or(Ok(()), Err);
    }
    let whole = done.is_ok() && !ctx.cancel.is_cancelled();
    let counted = flips::count(store, jobs, whole).await;
    done.and(counted)
}

/// The line that was lost for good, where no session stands any more at the end: one failure of the account, not one of each folder
/// that it kept from being done.
fn cut_off(jobs: &mut [Job]) -> Option<Box<Error>> {
    let mut lost = None;
    for job in jobs {
        if job.report.error.as_ref().is_some_and(|e| e.class == Class::Temporary && costs_session(e)) {
            let error = job.report.error.take();
            lost = lost.or(error);
        }
    }
    lost
}

/// What a run says that was stopped by a signal or by its time.
pub fn stopped() -> Box<Error> {
    Error::new(Class::Temporary, "fetch", "the run was stopped before it was done")
        .fate(Fate::NeedsUser)
        .safe("what was stored stays; the next run carries on")
}

/// Runs blocking work on the store (or another part of it) off the async threads.
pub(in crate::engine) async fn blocking<S: Blocks + 'static, T: Send + 'static>(
    store: &Arc<S>,
    work: impl FnOnce(&S) -> Result<T> + Send + 'static,
) -> Result<T> {
    Begun::work(store, work).done().await
}

/// Blocking work on the store that was begun, and goes on beside what its caller does.
pub(in crate::engine) enum Begun<T> {
    Thread(JoinHandle<Result<T>>),
    /// The store does not block: it is done.
    Done(Result<T>),
}

impl<T: Send + 'static> Begun<T> {
    /// Begins it.
    pub fn work<S: Blocks + 'static>(store: &Arc<S>, work: impl FnOnce(&S) -> Result<T> + Send + 'static) -> Self {
        if !store.blocks() {
            return Self::Done(work(store));
        }
        let store = store.clone();
        Self::Thread(tokio::task::spawn_blocking(move || work(&store)))
    }

    /// Waits for its end.
    pub async fn done(self) -> Result<T> {
        match self {
            Self::Thread(thread) => match thread.await {
                Ok(done) => done,
                Err(error) => Err(Error::new(Class::Internal, "work on the store", format!("a thread panicked: {error}"))),
            },
            Self::Done(done) => {
                // Others have their turn, as they have while a thread works.
                tokio::task::yield_now().await;
                done
            }
        }
    }
}

/// One portion of what is there, which is all of it almost everywhere. True when another session may list more.
async fn run(
    store: &Arc<Store>,
    sessions: &Sessions,
    ctx: &Ctx,
    options: &FetchOptions,
    jobs: &mut Vec<Job>,
    part: &mut AccountReport,
) -> Result<bool> {
    let (mut session, listed) = listing::list(store, sessions, ctx, options, &mut part.folders).await?;
    // What a crash left is recorded while listing: only what is stored from now on was read in this run.
    let began = store.now();
    *jobs = listed;
    release::guard(store, options, jobs).await?;
    tell_rebuilt(store, ctx);
    if let Some(session) = &mut session {
        short::read_again(store, sessions, session, ctx, options, jobs).await?;
    }
    dates::find(store, sessions, &mut session, ctx, options, jobs).await?;
    let mut more = false;
    if store.is_rehearsal() {
        let mut plan = plan(store, jobs, options, ctx, &HashSet::new()).await?;
        plan.extend(release::rehearse(store, &mut session, jobs, options).await?);
        part.plan = Some(plan);
        sessions.put_back(session);
    } else {
        session = pull(store, sessions, session, ctx, options, jobs).await?;
        session = release::release(store, sessions, session, ctx, options, jobs, began).await?;
        if let Some(session) = &mut session
            && jobs.iter().any(|j| j.report.changed())
            && let Ok(quota) = session.quota().await
        {
            blocking(store, move |store| store.state().save_quota(&quota)).await?;
        }
        more = may_follow(store, &mut session, ctx, options, jobs).await;
        sessions.put_back(session);
    }
    // Those with downloads were told when their last body had come.
    for job in jobs.iter().filter(|j| j.planned.0 == 0) {
        ctx.observer.on(&Event::FolderDone { folder: &job.row.path });
    }
    Ok(more)
}

/// Says that the state was lost, where it was.
pub(in crate::engine) fn tell_rebuilt(store: &Store, ctx: &Ctx) {
    if let crate::store::state::Found::Corrupt(aside) = &store.found {
        let note = format!("the state was damaged and is rebuilt from the Maildir; the damaged one is kept as {aside}");
        ctx.observer.on(&Event::Note(&note));
    }
}

/// Plans and downloads what is wanted. Returns a session that still lives.
pub(in crate::engine) async fn pull(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: Option<Box<dyn Session>>,
    ctx: &Ctx,
    options: &FetchOptions,
    jobs: &mut Vec<Job>,
) -> Result<Option<Box<dyn Session>>> {
    plan(store, jobs, options, ctx, &HashSet::new()).await?;
    if !jobs.iter().any(|j| j.planned.0 > 0 && j.report.error.is_none()) {
        tell_rematched(jobs, ctx);
        return Ok(session);
    }
    let observer = ctx.observer.clone();
    let published = Arc::new(move |target: &Target, count| {
        observer.on(&Event::Delivered { folder: &target.path, count });
    });
    let delivery = Delivery::start(store.clone(), published)?;
    let done = download::download(store, &delivery, sessions, session, ctx, options, jobs).await;
    // What was handed over becomes durable even when something failed.
    let finished = delivery.finish().await;
    let stored = finished.is_ok() && done.is_ok();
    for job in jobs.iter_mut() {
        job.settle(stored);
    }
    tell_rematched(jobs, ctx);
    // A disk that is full says more than the line that was lost beside it.
    finished?;
    done
}

/// Tells of every folder that was matched again, once the bodies that had to be read have decided, too.
fn tell_rematched(jobs: &[Job], ctx: &Ctx) {
    for job in jobs {
        // Where ids never stay this is so in every run, and nothing to tell.
        if let Some(Rematch { listed, adopted }) = job.rematched.filter(|r| r.adopted || !job.passing_ids) {
            let (matched, local_only) = (job.report.linked, job.report.local_only);
            let new = listed.saturating_sub(matched);
            ctx.observer.on(&Event::Rematched { folder: &job.row.path, matched, new, local_only, adopted });
        }
    }
}

/// Plans every folder's downloads: counts them for the bars, or lists them for a dry run. `followed` messages are had in another way.
pub(in crate::engine) async fn plan(
    store: &Arc<Store>,
    jobs: &mut [Job],
    options: &FetchOptions,
    ctx: &Ctx,
    followed: &HashSet<LinkId>,
) -> Result<Vec<PlannedAction>> {
    let wanted = blocking(store, |store| store.state().wanted_folders()).await?;
    let (mut limits, mut seen, mut listed) = (options.limits(), HashSet::new(), Vec::new());
    for job in jobs.iter_mut().filter(|j| j.report.error.is_none() && !j.absent) {
        if store.is_rehearsal() {
            let folder = job.row.id;
            let short = blocking(store, move |store| store.state().short(folder)).await?;
            listed.extend(short.into_iter().map(|(_, message)| PlannedAction {
                action: "verify-there",
                folder: job.row.path.clone(),
                id: Some(message.remote),
                bytes: message.size,
            }));
        }
        if !wanted.iter().any(|(folder, _)| *folder == job.row.id) {
            continue;
        }
        let mut after = LinkId(0);
        loop {
            let folder = job.row.id;
            let mut chunk = blocking(store, move |store| store.state().wanted(folder, after, CHUNK)).await?;
            let Some(last) = chunk.last() else { break };
            after = last.id;
            chunk.retain(|link| !followed.contains(&link.id));
            for action in decide(chunk, &mut limits, &mut seen) {
                let link = action.link();
                job.planned.0 += 1;
                job.planned.1 = job.planned.1.saturating_add(link.size.unwrap_or(0));
                let (dated, sized) = (link.date.is_some() || limits.since.is_none(), link.size.is_some() || limits.max_size.is_none());
                if !dated {
                    job.gap("since");
                }
                if !sized {
                    job.gap("max-size");
                }
                if store.is_rehearsal() {
                    listed.push(planned_action(&action, &job.row.path));
                }
            }
        }
        ctx.observer.on(&Event::FolderPlanned { folder: &job.row.path, downloads: job.planned.0, bytes: job.planned.1 });
    }
    Ok(listed)
}

fn planned_action(action: &Action, folder: &FolderPath) -> PlannedAction {
    let word = match action {
        Action::Download(_) => "download",
        Action::Link(_) => "link",
    };
    let link = action.link();
    PlannedAction { action: word, folder: folder.clone(), id: Some(link.remote.clone()), bytes: link.size }
}
