//! `sync`: server and Maildir are kept the same, both ways.
//!
//! Look there (what changed since the cursor becomes rows) → look here (what differs from the rows) → take moves out → guard → a plan for
//! each folder, pure → carry it out. Every effect that could be doubled has its intent in the state before and its receipt after; what an
//! answer that was lost had done, the next listing tells.

mod flags;
mod folders;
mod here;
mod moves;
mod outgoing;
mod plan;
mod prepare;
mod relocate;
mod remove;
mod transfer;
mod upload;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::backend::{Ctx, Order, Session};
pub use crate::model::Expunge;
use crate::model::caps::FlagSupport;
use crate::model::report::AccountReport;
use crate::model::{Class, Error, Event, FolderId, Outcome, Result, Scope};
use crate::store::Store;
use crate::store::root;
use crate::store::state::Receipts;

use super::fetch::sessions::{costs_session, first_says, is_ours};
use super::fetch::{FetchOptions, Job, Sessions, blocking, finish_report, pull, sum_up};
use plan::FolderPlan;

/// Orders of one intent, renames of one commit.
const BATCH: usize = 1000;

/// What a sync may and must do.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// Folders, limits of downloads, connections, guard; `after_fetch` is not of this verb.
    pub pull: FetchOptions,
    /// How deletions go there.
    pub expunge: Expunge,
    /// What the server deleted is kept here for so long.
    pub keep_deleted: Duration,
}

/// A folder that takes part, and its plan.
#[derive(Debug)]
struct Work {
    job: Job,
    plan: FolderPlan,
    /// What its directories looked like before they were read; recorded when nothing is left to do.
    mark: Option<Vec<u8>>,
}

/// What all folders of a run share.
struct Run<'a> {
    store: &'a Arc<Store>,
    sessions: &'a Sessions,
    ctx: &'a Ctx,
    options: &'a SyncOptions,
    /// The trash there.
    trash: Option<FolderId>,
    /// The flags that travel.
    flags: FlagSupport,
    /// The server has no space: uploads wait.
    full: AtomicBool,
}

impl Run<'_> {
    /// The session, or another one where it was lost.
    async fn open<'s>(&self, session: &'s mut Option<Box<dyn Session>>) -> Result<&'s mut Box<dyn Session>> {
        let open = match session.take() {
            Some(open) => open,
            None => self.sessions.take().await?,
        };
        Ok(session.insert(open))
    }
}

/// Runs a sync by `sessions`. With a rehearsing store (dry run) everything is decided, nothing is
/// changed, and the report has the plan.
///
/// Never fails as a whole: what went wrong is in the report.
pub async fn sync(name: &str, sessions: Sessions, store: Arc<Store>, ctx: Ctx, options: &SyncOptions) -> AccountReport {
    let begun = Instant::now();
    let mut report = AccountReport::new(name, sessions.protocol());
    let done = run(&store, &sessions, &ctx, options, &mut report).await;
    finish_report(&store, &sessions, &ctx, &mut report, done, begun).await;
    report
}

async fn run(store: &Arc<Store>, sessions: &Sessions, ctx: &Ctx, options: &SyncOptions, report: &mut AccountReport) -> Result<()> {
    let mut session = sessions.take().await?;
    let mut folders = folders::agree(store, sessions, &mut session, ctx, options).await?;
    report.folders.append(&mut folders.reports);
    let mut planned = std::mem::take(&mut folders.planned);
    let mut run =
        Run { store, sessions, ctx, options, trash: folders.trash.take(), flags: session.caps().flags, full: AtomicBool::new(false) };
    let (mut works, relocations, transfers) = prepare::prepare(&mut run, &mut session, &mut folders).await?;
    let mut session = Some(session);
    let mut jobs: Vec<Job> = Vec::with_capacity(works.len());
    let mut plans: Vec<(FolderPlan, Option<Vec<u8>>)> = Vec::with_capacity(works.len());
    for work in works.drain(..) {
        jobs.push(work.job);
        plans.push((work.plan, work.mark));
    }
    let done = async {
        if store.is_rehearsal() {
            planned.extend(relocate::actions(&relocations, &jobs));
            planned.extend(transfer::actions(&transfers, &jobs));
            // A file that will follow its message is not downloaded.
            let followed = relocate::wanted(&relocations);
            let downloads = super::fetch::plan(store, &mut jobs, &options.pull, ctx, &followed).await?;
            planned.extend(downloads);
            for (job, (plan, _)) in jobs.iter().zip(&plans) {
                planned.extend(plan.actions(&job.row.path));
            }
            report.plan = Some(std::mem::take(&mut planned));
            return Ok(());
        }
        relocate::carry_out(&run, &mut jobs, relocations).await?;
        session = pull(store, sessions, session.take(), ctx, &options.pull, &mut jobs).await?;
        let mut works: Vec<Work> =
            std::mem::take(&mut jobs).into_iter().zip(plans).map(|(job, (plan, mark))| Work { job, plan, mark }).collect();
        let carried = carry_out(&run, &mut session, &mut works, transfers).await;
        jobs = works.into_iter().map(|work| work.job).collect();
        carried
    }
    .await;
    sessions.put_back(session.take());
    let done = sum_up(store, sessions, ctx, &mut jobs, done).await;
    report.folders.extend(jobs.into_iter().map(|job| job.report));
    done?;
    if !store.is_rehearsal() {
        folders::remove_here(store, &folders.remove_here, report).await?;
        let until = root::now().saturating_sub(options.keep_deleted.as_secs().cast_signed());
        blocking(store, move |store| store.purge_deleted(until)).await?;
    }
    Ok(())
}

/// Carries the plans out.
async fn carry_out(
    run: &Run<'_>,
    session: &mut Option<Box<dyn Session>>,
    works: &mut [Work],
    transfers: Vec<transfer::Transfer>,
) -> Result<()> {
    transfer::carry_out(run, session, works, transfers).await?;
    for n in 0..works.len() {
        if run.ctx.cancel.is_cancelled() {
            return Ok(());
        }
        let work = &mut works[n];
        if work.job.report.error.is_some() {
            continue;
        }
        if let Err(error) = folder(run, session, work).await {
            if is_ours(&error) {
                return Err(error);
            }
            let lost = costs_session(&error).then(|| error.copy());
            work.job.fail(error);
            work.plan.unfinished = true;
            if let Some(lost) = lost {
                *session = match run.sessions.open().await {
                    Ok(session) => Some(session),
                    Err(again) => {
                        let error = if lost.class == Class::Temporary { first_says(lost, again) } else { again };
                        // One login tells it for all: more would only look like an attack.
                        let rest = works[n + 1..].iter_mut().filter(|w| !w.plan.is_done());
                        rest.for_each(|work| work.job.fail(error.copy()));
                        return Ok(());
                    }
                };
            }
        }
        let observer = &run.ctx.observer;
        observer.on(&Event::FolderDone { folder: &works[n].job.row.path });
    }
    upload::settle(run, session, works).await?;
    record_marks(run, works).await
}

/// Carries out the plan of one folder.
async fn folder(run: &Run<'_>, session: &mut Option<Box<dyn Session>>, work: &mut Work) -> Result<()> {
    let store = run.store;
    for word in std::mem::take(&mut work.plan.gaps) {
        work.job.gap(word);
    }
    let (agree, forget, keep) =
        (std::mem::take(&mut work.plan.agree), std::mem::take(&mut work.plan.forget), std::mem::take(&mut work.plan.keep_here));
    work.job.report.local_only += keep.len() as u64;
    let renamed = std::mem::take(&mut work.plan.renamed);
    if !(agree.is_empty() && forget.is_empty() && keep.is_empty() && renamed.is_empty()) {
        blocking(store, move |store| {
            store.state().rename_links(&renamed)?;
            store.state().agree(&agree)?;
            store.state().keep_here(&keep)?;
            store.state().forget(&forget)?;
            store.step("commit-agreed");
            Ok(())
        })
        .await?;
    }
    flags::pull(store, work).await?;
    if work.plan.asks_server() {
        let open = run.open(session).await?;
        flags::push(store, open, work).await?;
        remove::there(run, open, work).await?;
    }
    upload::upload(run, session, work).await?;
    remove::here(run, work).await
}

/// Records what the directories look like where nothing is left to do, so that the next run need not read them.
async fn record_marks(run: &Run<'_>, works: &[Work]) -> Result<()> {
    let marks: Vec<(i64, Vec<u8>)> = works
        .iter()
        .filter(|w| w.job.report.error.is_none() && w.job.report.failed.is_empty() && !w.plan.unfinished)
        .filter_map(|w| Some((w.job.row.id, w.mark.clone()?)))
        .collect();
    if marks.is_empty() || run.ctx.cancel.is_cancelled() {
        return Ok(());
    }
    blocking(run.store, move |store| store.state().set_here_marks(&marks)).await
}

/// Sends orders to one folder; `on` turns the outcome of the n-th into receipts, which are recorded with what else the answer told.
async fn send(
    store: &Arc<Store>,
    session: &mut Box<dyn Session>,
    job: &mut Job,
    orders: Vec<Order>,
    mut on: impl FnMut(&mut Job, &mut Receipts, usize, Outcome),
) -> Result<()> {
    let mut done = 0;
    while done < orders.len() {
        let Some(cursor) = job.row.cursor.clone() else { return Ok(()) };
        let step = session.apply(&job.row.remote, &cursor, &orders[done..]).await?;
        if step.outcomes.is_empty() {
            let tried = format!("change the folder `{}`", job.row.path);
            return Err(Error::new(Class::Protocol, tried, "the server answered none of the orders").scope(Scope::Folder));
        }
        store.step("answer");
        let mut receipts = Receipts { cursor: step.cursor, ..Receipts::default() };
        let uncertain = step.outcomes.contains(&Outcome::Uncertain);
        for outcome in step.outcomes {
            on(job, &mut receipts, done, outcome);
            done += 1;
        }
        if let Some(cursor) = &receipts.cursor {
            job.row.cursor = Some(cursor.clone());
        }
        let folder = job.row.id;
        blocking(store, move |store| {
            store.state().settle(folder, &receipts)?;
            store.step("commit-receipts");
            Ok(())
        })
        .await?;
        if uncertain {
            // The same as a lost connection: a listing tells, and until then nothing of it counts as done.
            let tried = format!("change the folder `{}`", job.row.path);
            return Err(Error::new(Class::Temporary, tried, "the server's answer was lost"));
        }
    }
    Ok(())
}
