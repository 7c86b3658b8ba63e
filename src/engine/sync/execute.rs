//! Plans are carried out: several folders at once, each on a connection of its own where that is worth its set-up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::{Order, Session};
use crate::engine::fetch::download::join_all;
use crate::engine::fetch::sessions::{costs_session, first_says, is_ours};
use crate::engine::fetch::{Job, blocking};
use crate::model::{Class, Error, Event, Outcome, RemoteId, Result, Scope};
use crate::store::Store;
use crate::store::state::Receipts;

use super::{Run, Work, flags, remove, transfer, upload};

/// Another connection is worth its set-up (4 to 5 round trips) for so many uploads more.
const UPLOADS_PER_SESSION: usize = 200;

/// Folders that wait, and folders that are done, with their places.
struct Queue {
    waiting: Mutex<VecDeque<(usize, Work)>>,
    done: Mutex<Vec<(usize, Work)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries the plans out.
pub(super) async fn carry_out(
    run: &Run<'_>,
    session: &mut Option<Box<dyn Session>>,
    works: &mut Vec<Work>,
    transfers: Vec<transfer::Transfer>,
) -> Result<()> {
    transfer::carry_out(run, session, works, transfers).await?;
    let uploads: usize = works.iter().map(|w| w.plan.uploads.len()).sum();
    let busy = works.iter().filter(|w| w.plan.asks_server() || !w.plan.uploads.is_empty()).count();
    let allowed = session.as_ref().map_or(1, |s| s.caps().sessions.get()).min(run.sessions.most.get());
    let count = (1 + uploads / UPLOADS_PER_SESSION).min(usize::from(allowed)).min(busy).max(1);
    let queue = Queue { waiting: Mutex::new(std::mem::take(works).into_iter().enumerate().collect()), done: Mutex::default() };
    let workers = (0..count).map(|n| Box::pin(worker(run, &queue, if n == 0 { session.take() } else { None }, n == 0))).collect();
    let ended = join_all(workers).await;
    let mut done = std::mem::take(&mut *lock(&queue.done));
    done.extend(std::mem::take(&mut *lock(&queue.waiting)));
    done.sort_by_key(|(n, _)| *n);
    *works = done.into_iter().map(|(_, work)| work).collect();
    let mut failure = None;
    for end in ended {
        match end {
            Ok(alive) if session.is_none() => *session = alive,
            Ok(alive) => run.sessions.put_back(alive),
            Err(error) => drop(failure.get_or_insert(error)),
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    if run.ctx.cancel.is_cancelled() {
        return Ok(());
    }
    upload::settle(run, session, works).await?;
    record_marks(run, works).await
}

/// Takes folders from the queue until it is empty. Only an error of the store is returned; the first worker has the session that is
/// open, the others do without where the server refuses more connections.
async fn worker(run: &Run<'_>, queue: &Queue, mut session: Option<Box<dyn Session>>, first: bool) -> Result<Option<Box<dyn Session>>> {
    if !first {
        session = match run.sessions.open().await {
            Ok(session) => Some(session),
            Err(error) => {
                tracing::info!(%error, "fewer connections than wanted");
                return Ok(None);
            }
        };
    }
    while !run.ctx.cancel.is_cancelled() {
        let Some((n, mut work)) = lock(&queue.waiting).pop_front() else { break };
        let ended = if work.job.report.error.is_none() { folder(run, &mut session, &mut work).await } else { Ok(()) };
        let mut lost = None;
        if let Err(error) = ended {
            if is_ours(&error) {
                lock(&queue.done).push((n, work));
                return Err(error);
            }
            lost = costs_session(&error).then(|| error.copy());
            work.job.fail(error);
            work.plan.unfinished = true;
        }
        run.ctx.observer.on(&Event::FolderDone { folder: &work.job.row.path });
        lock(&queue.done).push((n, work));
        if let Some(lost) = lost {
            session = match run.sessions.open().await {
                Ok(session) => Some(session),
                Err(again) => {
                    let error = if lost.class == Class::Temporary { first_says(lost, again) } else { again };
                    // One login tells it for all: more would only look like an attack.
                    lock(&queue.waiting).iter_mut().filter(|(_, w)| !w.plan.is_done()).for_each(|(_, w)| w.job.fail(error.copy()));
                    return Ok(None);
                }
            };
        }
    }
    Ok(session)
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
    let mut in_vain = Vec::new();
    for (row, name) in std::mem::take(&mut work.plan.in_vain) {
        let why = "the server took it and does not list it; it stays here, and is not sent again".to_owned();
        work.job.report.failed.push((RemoteId(name.0), why));
        in_vain.push(row);
    }
    if !(agree.is_empty() && forget.is_empty() && keep.is_empty() && renamed.is_empty() && in_vain.is_empty()) {
        let dir = work.job.row.dir.clone();
        blocking(store, move |store| {
            // What a killed run did here, or anybody else, is durable before it counts as agreed.
            store.open_folder(&dir)?.map_or(Ok(()), |dir| dir.sync())?;
            store.state().mark_in_vain(&in_vain)?;
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
pub(super) async fn send(
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
