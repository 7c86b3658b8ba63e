//! Bodies: several sessions over several folders, each body streamed into the store.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::{Ctx, Session};
use crate::engine::plan::{Action, DownloadLimits, decide};
use crate::model::{Class, Event, PermanentId, Result};
use crate::store::maildir::deliver::{Adopted, Delivery, DeliveryStream, Target, Unmatched};
use crate::store::state::{LinkId, PendingLink, Stored};
use crate::store::{Intact, Store};

use super::bodies::get;
use super::sessions::{Sessions, costs_session, first_says, is_ours};
use super::{CHUNK, FetchOptions, Job, blocking};

/// Another connection is worth its set-up (4 to 5 round trips) for so many octets or messages more.
const OCTETS_PER_SESSION: u64 = 8 << 20;
const MESSAGES_PER_SESSION: u64 = 1000;

/// What the workers of one run share.
pub(super) struct Shared<'a> {
    pub store: &'a Arc<Store>,
    delivery: &'a Delivery,
    pub sessions: &'a Sessions,
    pub ctx: &'a Ctx,
    queue: Mutex<VecDeque<(usize, Job)>>,
    done: Mutex<Vec<(usize, Job)>>,
    limits: tokio::sync::Mutex<(DownloadLimits, HashSet<PermanentId>)>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Downloads what was planned. Returns a session that still lives. Errors of the store end the run; those of a folder are in its report.
pub(super) async fn download(
    store: &Arc<Store>,
    delivery: &Delivery,
    sessions: &Sessions,
    session: Option<Box<dyn Session>>,
    ctx: &Ctx,
    options: &FetchOptions,
    jobs: &mut Vec<Job>,
) -> Result<Option<Box<dyn Session>>> {
    let all = std::mem::take(jobs);
    let (mut work, idle): (Vec<_>, Vec<_>) = all.into_iter().enumerate().partition(|(_, j)| j.planned.0 > 0 && j.report.error.is_none());
    // Sizes are the server's word: they may add up to anything.
    let octets = work.iter().fold(0_u64, |sum, (_, j)| sum.saturating_add(j.planned.1));
    let messages: u64 = work.iter().map(|(_, j)| j.planned.0).sum();
    let worth = 1 + (octets / OCTETS_PER_SESSION).max(messages / MESSAGES_PER_SESSION);
    let allowed = session.as_ref().map_or(1, |s| s.caps().sessions.get()).min(sessions.most.get());
    let count = worth.min(u64::from(allowed)).min(work.len() as u64).max(1);
    // A limit counts in the plan's order, which one worker keeps. Otherwise the largest folder first: it decides when all are done.
    let count = if options.limit.is_some() { 1 } else { count };
    if count > 1 {
        work.sort_by_key(|(_, j)| std::cmp::Reverse(j.planned.1.max(j.planned.0 * 1024)));
    }
    let shared = Shared {
        store,
        delivery,
        sessions,
        ctx,
        queue: Mutex::new(work.into()),
        done: Mutex::new(idle),
        limits: tokio::sync::Mutex::new((options.limits(), HashSet::new())),
    };
    let mut workers = Vec::new();
    let mut first = session;
    for n in 0..count {
        workers.push(Box::pin(worker(&shared, first.take(), n == 0)));
    }
    let ended = join_all(workers).await;
    let mut done = std::mem::take(&mut *lock(&shared.done));
    done.extend(std::mem::take(&mut *lock(&shared.queue)));
    done.sort_by_key(|(n, _)| *n);
    *jobs = done.into_iter().map(|(_, job)| job).collect();
    let mut alive = None;
    let mut failure = None;
    for end in ended {
        match end {
            Ok(session) if alive.is_none() => alive = session,
            Ok(session) => sessions.put_back(session),
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    if let Some(error) = failure {
        sessions.put_back(alive);
        return Err(error);
    }
    copies(&shared, &mut alive, jobs).await?;
    Ok(alive)
}

/// Second pass: copies of messages that have come in the first one, in whatever folder. Where that one failed, the body is fetched
/// after all.
async fn copies(shared: &Shared<'_>, session: &mut Option<Box<dyn Session>>, jobs: &mut [Job]) -> Result<()> {
    if jobs.iter().all(|j| j.copies.is_empty()) {
        return Ok(());
    }
    let mut stream = shared.delivery.stream()?;
    for job in jobs.iter_mut().filter(|j| j.report.error.is_none()) {
        let (links, Some(target)) = (std::mem::take(&mut job.copies), job.target.clone()) else { continue };
        let rest = link_twins(shared, &target, job, links).await?;
        if let Err(error) = get(shared, session, &mut stream, job, &target, rest).await {
            if is_ours(&error) {
                return Err(error);
            }
            if costs_session(&error) {
                *session = None;
            }
            job.fail(error);
        }
    }
    stream.flush().await
}

/// Drives all futures at once, in this task.
pub(in crate::engine) async fn join_all<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(move |cx| {
        let mut pending = false;
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match std::pin::Pin::new(future).poll(cx) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(outputs.drain(..).flatten().collect()) }
    })
    .await
}

/// Takes folders from the queue until it is empty. Only an error of the store or of the account is returned; the first worker must
/// have a session, the others do without when the server refuses more connections.
async fn worker(shared: &Shared<'_>, session: Option<Box<dyn Session>>, first: bool) -> Result<Option<Box<dyn Session>>> {
    let mut session = match session {
        Some(session) => Some(session),
        None if first => Some(shared.sessions.open().await?),
        None => match shared.sessions.open().await {
            Ok(session) => Some(session),
            Err(error) => {
                tracing::info!(%error, "fewer connections than wanted");
                return Ok(None);
            }
        },
    };
    let mut stream = shared.delivery.stream()?;
    let worked = folders(shared, &mut session, &mut stream).await;
    // What was gathered goes to the committer also when a folder failed.
    stream.flush().await?;
    worked.map(|()| session)
}

/// Downloads folders until the queue is empty.
async fn folders(shared: &Shared<'_>, session: &mut Option<Box<dyn Session>>, stream: &mut DeliveryStream) -> Result<()> {
    let mut lost = None;
    loop {
        let Some((n, mut job)) = lock(&shared.queue).pop_front() else { break };
        if shared.ctx.cancel.is_cancelled() {
            lock(&shared.done).push((n, job));
            break;
        }
        let fetched = folder(shared, session, stream, &mut job).await;
        let failed = fetched.err();
        let fatal = failed.as_ref().is_some_and(|e| is_ours(e));
        if let Some(error) = failed {
            if fatal {
                lock(&shared.done).push((n, job));
                return Err(error);
            }
            if costs_session(&error) {
                *session = None;
                lost = Some(error.copy()).filter(|e| e.class == Class::Temporary);
            }
            job.fail(error);
        }
        lock(&shared.done).push((n, job));
        if session.is_none() {
            // Other folders may do better; where the server is gone, they say so.
            let next = lock(&shared.queue).is_empty();
            if next {
                break;
            }
            *session = match shared.sessions.open().await {
                Ok(session) => Some(session),
                // One login tells it for all of them: more would only look like an attack.
                Err(error) => {
                    let error = match lost {
                        Some(lost) => first_says(lost, error),
                        None => error,
                    };
                    let rest = std::mem::take(&mut *lock(&shared.queue));
                    for (n, mut job) in rest {
                        job.fail(error.copy());
                        lock(&shared.done).push((n, job));
                    }
                    break;
                }
            };
        }
    }
    Ok(())
}

/// Downloads one folder.
async fn folder(shared: &Shared<'_>, session: &mut Option<Box<dyn Session>>, stream: &mut DeliveryStream, job: &mut Job) -> Result<()> {
    let row = job.row.clone();
    let target = blocking(shared.store, move |store| {
        let dir = store.make_folder(row.id, &row.dir)?;
        let unmatched = Unmatched::new(store.state().unmatched(row.id)?);
        Target::new(row.id, row.path, dir, unmatched).map(Arc::new)
    })
    .await?;
    job.target = Some(target.clone());
    let result = chunks(shared, session, stream, job, &target).await;
    shared.ctx.observer.on(&Event::FolderDone { folder: &job.row.path });
    result
}

async fn chunks(
    shared: &Shared<'_>,
    session: &mut Option<Box<dyn Session>>,
    stream: &mut DeliveryStream,
    job: &mut Job,
    target: &Arc<Target>,
) -> Result<()> {
    let mut after = LinkId(0);
    loop {
        let folder = job.row.id;
        let wanted = blocking(shared.store, move |store| store.state().wanted(folder, after, CHUNK)).await?;
        let Some(last) = wanted.last() else { break };
        after = last.id;
        let actions = {
            let mut limits = shared.limits.lock().await;
            let (limits, seen) = &mut *limits;
            decide(wanted, limits, seen)
        };
        let mut bodies = Vec::with_capacity(actions.len());
        for action in actions {
            match action {
                Action::Download(link) => bodies.push(link),
                Action::Link(link) => job.copies.push(link),
            }
        }
        // A copy that is here from an earlier run needs no body either.
        let bodies = link_twins(shared, target, job, bodies).await?;
        get(shared, session, stream, job, target, bodies).await?;
        if shared.ctx.cancel.is_cancelled() {
            return Ok(());
        }
    }
    Ok(())
}

/// Hard-links messages of which a copy is stored already; returns the others.
async fn link_twins(shared: &Shared<'_>, target: &Arc<Target>, job: &mut Job, links: Vec<PendingLink>) -> Result<Vec<PendingLink>> {
    if links.iter().all(|l| l.permanent.is_none()) {
        return Ok(links);
    }
    let target = target.clone();
    let (linked, adopted, rest) = blocking(shared.store, move |store| {
        let (mut stored, mut rest, mut adopted) = (Vec::new(), Vec::new(), 0);
        for link in links {
            let twin = match &link.permanent {
                Some(id) => store.state().twin(id)?,
                None => None,
            };
            // One that lies in the folder already, and that nothing was matched with, is this one: another file would be a double.
            if let Some(twin) = &twin
                && let Some(Adopted { name, replaces, .. }) = target.adopt(store, &twin.digest, None)?
            {
                stored.push(Stored { id: link.id, name: Some(name), digest: twin.digest, replaces, keeps_doubt: false });
                adopted += 1;
                continue;
            }
            let linked = twin.and_then(|twin| {
                let dir = store.open_folder(&twin.dir).ok()??;
                // A damaged file must not stand for the server's good copy.
                let intact = store.intact(&dir, &HashMap::new(), &twin.name, &twin.digest, true).ok()?;
                let from = dir.find(&twin.name.0).ok()?.filter(|_| intact == Intact::Yes)?;
                let to = target.entry(&link.name, &link.flags);
                target.save_letters().ok()?;
                dir.link_into(&from, &target.dir, &to).ok()?;
                Some(Stored { id: link.id, name: None, digest: twin.digest, replaces: Vec::new(), keeps_doubt: false })
            });
            match linked {
                Some(done) => stored.push(done),
                None => rest.push(link),
            }
        }
        if !stored.is_empty() {
            store.step("link");
            target.dir.sync()?;
            store.step("sync-directories");
            store.state().mark_stored(&stored, store.now())?;
            store.step("commit");
        }
        Ok((stored.len() as u64, adopted, rest))
    })
    .await?;
    job.report.linked += linked;
    job.report.local_only = job.report.local_only.saturating_sub(adopted);
    Ok(rest)
}
