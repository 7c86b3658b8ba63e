//! `sync`: server and Maildir are kept the same, both ways.
//!
//! Look there (what changed since the cursor becomes rows) → look here (what differs from the rows) → take moves out → guard → a plan for
//! each folder, pure → carry it out. Every effect that could be doubled has its intent in the state before and its receipt after; what an
//! answer that was lost had done, the next listing tells.

mod execute;
mod flags;
mod folders;
mod here;
mod moves;
mod outgoing;
mod plan;
mod prepare;
mod relocate;
mod remove;
mod renamed;
mod second_look;
mod strays;
mod transfer;
mod upload;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{Ctx, Session};
pub use crate::model::Expunge;
use crate::model::caps::FlagSupport;
use crate::model::report::AccountReport;
use crate::model::{FolderId, Result};
use crate::store::Store;

use super::fetch::{FetchOptions, Job, Sessions, blocking, dates, finish_report, pull, sum_up};
use super::gaps::tell_gaps;
use super::portions::{Portions, may_follow};
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
    let mut portions = Portions::default();
    let done = loop {
        let mut part = AccountReport::new(name, report.protocol);
        let done = run(&store, &sessions, &ctx, options, &mut part).await;
        if !portions.go_on(&sessions, &ctx, &mut report, part, &done).await {
            break done.map(drop);
        }
    };
    let done = tell_gaps(&store, &ctx, &report, done).await;
    finish_report(&store, &sessions, &ctx, &mut report, done, begun).await;
    report
}

async fn run(store: &Arc<Store>, sessions: &Sessions, ctx: &Ctx, options: &SyncOptions, report: &mut AccountReport) -> Result<bool> {
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
        dates::find(store, sessions, &mut session, ctx, &options.pull, &mut jobs).await?;
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
        let carried = execute::carry_out(&run, &mut session, &mut works, transfers).await;
        jobs = works.into_iter().map(|work| work.job).collect();
        carried
    }
    .await;
    let more = done.is_ok() && !store.is_rehearsal() && may_follow(store, &mut session, ctx, &options.pull, &mut jobs).await;
    sessions.put_back(session.take());
    let done = sum_up(store, sessions, ctx, &mut jobs, done).await;
    report.folders.extend(jobs.into_iter().map(|job| job.report));
    done?;
    if !store.is_rehearsal() {
        folders::remove_here(store, &folders.remove_here, report).await?;
        let until = store.now().saturating_sub(options.keep_deleted.as_secs().cast_signed());
        blocking(store, move |store| store.purge_deleted(until)).await?;
    }
    Ok(more)
}
