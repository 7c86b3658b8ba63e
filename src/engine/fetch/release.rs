//! `after-fetch`: server copies of messages that are durable and intact here are removed. Intent, order, receipt.

use std::collections::HashMap;
use std::sync::Arc;

use crate::backend::{Ctx, Order, Session, Step};
use crate::engine::guard::{Alarm, judge};
use crate::engine::select::guard_option;
use crate::model::caps::Identity;
use crate::model::report::PlannedAction;
use crate::model::{AfterFetch, Class, Error, Event, Outcome, Result, Role, Scope};
use crate::store::maildir::dir::{Entry, FolderDir};
use crate::store::state::{LinkId, Receipt, Releasable};
use crate::store::{Intact, Store};

use super::sessions::{Sessions, costs_session, first_says};
use super::{FetchOptions, Job, blocking, doubts};

/// Orders of one intent.
const BATCH: usize = 1000;
/// The same where the end of a session decides, and one went unanswered: it may have been too much at once for the server.
const CAREFUL_BATCH: usize = 100;

/// When a run may remove what. `None`: nothing.
#[derive(Clone, Copy)]
struct Rule {
    /// Stored not after this moment.
    until: i64,
    /// Became due in a run before this moment.
    due_before: Option<i64>,
}

fn rule(after_fetch: AfterFetch, now: i64) -> Option<Rule> {
    match after_fetch {
        AfterFetch::Keep => None,
        // A clock that was set back since the download must not keep the mail there for ever.
        AfterFetch::Delete => Some(Rule { until: i64::MAX, due_before: None }),
        AfterFetch::DeleteAfter(age) => Some(Rule { until: now.saturating_sub(age.as_secs().cast_signed()), due_before: Some(now) }),
    }
}

/// Removes what may go, in every folder, in a run whose downloads began at `began`. Returns the session if it still lives.
pub(super) async fn release(
    store: &Arc<Store>,
    sessions: &Sessions,
    mut session: Option<Box<dyn Session>>,
    ctx: &Ctx,
    options: &FetchOptions,
    jobs: &mut [Job],
    began: i64,
) -> Result<Option<Box<dyn Session>>> {
    let now = store.now();
    let Some(rule) = rule(options.after_fetch, now) else { return Ok(session) };
    if is_rebuilt(store).await? {
        return Ok(session);
    }
    if rule.due_before.is_some() && clock_went_back(store, now).await? {
        ctx.observer.on(&Event::Note("the clock is behind the last run: nothing is removed from the server by its age in this run"));
        return Ok(session);
    }
    for job in jobs.iter_mut().filter(|j| j.passing_ids && j.report.error.is_none()) {
        // Not only in this run, so it must not look as if all were done.
        let folder = format!("remove server copies from the folder `{}`", job.row.path);
        job.fail(
            Error::new(Class::Partial, folder, "the server does not promise that its ids stay, so nothing can be deleted by them")
                .scope(Scope::Folder)
                .safe("everything in it is fetched all the same")
                .hint("leave the folder out of this account, or set after-fetch = \"keep\""),
        );
    }
    let (mut lost, mut to_read) = (None, options.limit);
    for job in jobs.iter_mut().filter(|j| may_release(j)) {
        if ctx.cancel.is_cancelled() {
            break;
        }
        let due = due(store, job, rule, now).await?;
        if due.is_empty() {
            continue;
        }
        let open = match &mut session {
            Some(open) => open,
            none => none.insert(match (sessions.open().await, lost.take()) {
                (Err(again), Some(lost)) => return Err(first_says(lost, again)),
                (opened, _) => opened?,
            }),
        };
        if let Err(error) = folder(store, &mut **open, ctx, options, job, due, &mut to_read, (began, now)).await {
            if costs_session(&error) {
                session = None;
                lost = Some(error.copy()).filter(|e| e.class == Class::Temporary);
            }
            job.fail(error);
        }
    }
    Ok(session)
}

/// The guard (§3), before anything is downloaded: where files whose server copies may go are missing here in a way that looks like an
/// accident, the folder is left alone.
pub(super) async fn guard(store: &Arc<Store>, options: &FetchOptions, jobs: &mut [Job]) -> Result<()> {
    if options.after_fetch == AfterFetch::Keep {
        return Ok(());
    }
    let allowed = |job: &Job| options.allow_mass_delete.as_ref().is_some_and(|p| p.take(&job.row.path, job.row.role));
    for job in jobs.iter_mut().filter(|j| j.report.error.is_none() && j.rematched.is_none()) {
        let (folder, dir) = (job.row.id, job.row.dir.clone());
        if allowed(job) {
            match blocking(store, move |store| accept(store, folder, &dir)).await {
                Err(error) if error.scope == Scope::Folder => job.fail(error),
                accepted => accepted?,
            }
            continue;
        }
        let alarm = blocking(store, move |store| {
            let kept = store.state().kept_names(folder)?;
            if kept.is_empty() {
                return Ok(None);
            }
            let Some(dir) = store.open_folder(&dir)? else { return Ok(Some("the Maildir folder is missing here".to_owned())) };
            if !store.is_known(folder, &dir)? {
                return Ok(Some("the Maildir folder is no longer the same directory".into()));
            }
            let present = dir.scan()?;
            // What a person let go counts again once it is back.
            let (here, missing): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| present.contains_key(&*kept.name.0));
            let back: Vec<LinkId> = here.iter().filter(|kept| kept.removed).map(|kept| kept.id).collect();
            if !back.is_empty() {
                store.state().mark_missing(&[], &back)?;
            }
            let missing = missing.iter().filter(|kept| !kept.removed).count();
            Ok(judge(missing as u64, (here.len() + missing) as u64).map(|alarm| match alarm {
                Alarm::Emptied { known } => format!("all {known} messages are gone from the Maildir folder"),
                Alarm::Many { gone, known } => format!("{gone} of {known} messages are missing in the Maildir folder"),
            }))
        })
        .await;
        let alarm = match alarm {
            Err(error) if error.scope == Scope::Folder => {
                job.fail(error);
                continue;
            }
            alarm => alarm?,
        };
        if let Some(alarm) = alarm {
            let tried = format!("remove server copies from the folder `{}`", job.row.path);
            job.fail(
                Error::new(Class::Guard, tried, alarm)
                    .scope(Scope::Folder)
                    .safe("the folder was left alone; nothing was removed from the server")
                    .hint(format!("put the files back; or, if they went on purpose, run once with {}", guard_option(&job.row.path))),
            );
        }
    }
    Ok(())
}

/// A person said that what is missing went on purpose: the directory is the folder's from now on, whichever it is, and no further run has
/// to find the files missing. Those whose time has not come may go later without being asked for again.
fn accept(store: &Store, folder: i64, dir: &str) -> Result<()> {
    let kept = store.state().kept_names(folder)?;
    if kept.is_empty() {
        return Ok(());
    }
    let open = match store.open_folder(dir)? {
        None if !store.is_rehearsal() => Some(store.make_folder(folder, dir)?),
        open => open,
    };
    let mut present = HashMap::new();
    if let Some(open) = open {
        if !store.is_known(folder, &open)? {
            store.accept(folder, &open)?;
        }
        present = open.scan()?;
    }
    let missing: Vec<LinkId> =
        kept.iter().filter(|kept| !kept.removed && !present.contains_key(&*kept.name.0)).map(|kept| kept.id).collect();
    if missing.is_empty() { Ok(()) } else { store.state().mark_removed(&missing) }
}

/// What would be removed now, for a dry run; `session` has listed what is there.
pub(super) async fn rehearse(
    store: &Arc<Store>,
    session: &mut Option<Box<dyn Session>>,
    jobs: &[Job],
    options: &FetchOptions,
) -> Result<Vec<PlannedAction>> {
    let now = store.now();
    let mut plan = Vec::new();
    let Some(rule) = rule(options.after_fetch, now) else { return Ok(plan) };
    if is_rebuilt(store).await? || (rule.due_before.is_some() && clock_went_back(store, now).await?) {
        return Ok(plan);
    }
    let deletes_new = options.after_fetch == AfterFetch::Delete;
    let (mut limits, mut left, mut seen) = (options.limits(), options.limit, std::collections::HashSet::new());
    for job in jobs.iter().filter(|j| may_release(j)) {
        let folder = job.row.id;
        let due = blocking(store, move |store| store.state().releasable(folder, rule.until, rule.due_before)).await?;
        let suspects = doubts::suspects(store, job).await?;
        let listed = due.into_iter().filter(|m| is_within(m.date, options) && session.as_ref().is_none_or(|s| !s.misses(&m.remote)));
        let (weak, sure): (Vec<_>, Vec<_>) = listed.partition(|m| m.weak);
        let read = doubts::to_read(weak, options, &mut left);
        plan.extend(read.iter().chain(sure.iter().filter(|m| suspects.contains(&m.id))).map(|m| PlannedAction {
            action: "verify-there",
            folder: job.row.path.clone(),
            id: Some(m.remote.clone()),
            bytes: m.size,
        }));
        let sure = sure.into_iter().filter(|m| !suspects.contains(&m.id));
        let mut ids: Vec<_> = sure.map(|m| (m.remote, Some(m.digest.octets))).collect();
        if deletes_new {
            let wanted = blocking(store, move |store| store.state().wanted(folder, LinkId(0), usize::MAX >> 1)).await?;
            let coming = crate::engine::plan::decide(wanted, &mut limits, &mut seen);
            ids.extend(coming.iter().filter(|a| is_within(a.link().date, options)).map(|a| (a.link().remote.clone(), a.link().size)));
        }
        plan.extend(ids.into_iter().map(|(id, bytes)| PlannedAction {
            action: "delete-there",
            folder: job.row.path.clone(),
            id: Some(id),
            bytes,
        }));
    }
    Ok(plan)
}

/// Whether a message may go in a run that goes by dates: nobody knows whether one without a date is meant.
fn is_within(date: Option<i64>, options: &FetchOptions) -> bool {
    options.since.is_none() || date.is_some()
}

/// A pass that matches messages again deletes nothing.
fn may_release(job: &Job) -> bool {
    job.report.error.is_none() && job.rematched.is_none()
}

/// A rebuilt state authorises nothing before one complete run.
async fn is_rebuilt(store: &Arc<Store>) -> Result<bool> {
    blocking(store, |store| store.state().is_rebuilt()).await
}

async fn clock_went_back(store: &Arc<Store>, now: i64) -> Result<bool> {
    Ok(blocking(store, |store| store.state().last_run()).await?.ended.is_some_and(|ended| now < ended))
}

/// The messages of a folder that may go now; those whose age has come are noted for a later run.
async fn due(store: &Arc<Store>, job: &Job, rule: Rule, now: i64) -> Result<Vec<Releasable>> {
    let folder = job.row.id;
    blocking(store, move |store| {
        let due = store.state().releasable(folder, rule.until, rule.due_before)?;
        if rule.due_before.is_some() {
            store.state().mark_due(folder, rule.until, now)?;
        }
        Ok(due)
    })
    .await
}

/// Removes the messages of one folder that are `due`: those first that are certain, then, a page at a time, those whose bodies prove
/// them now.
#[expect(clippy::too_many_arguments, reason = "one step of one loop; a struct would only rename them")]
async fn folder(
    store: &Arc<Store>,
    session: &mut dyn Session,
    ctx: &Ctx,
    options: &FetchOptions,
    job: &mut Job,
    due: Vec<Releasable>,
    to_read: &mut Option<u64>,
    run: (i64, i64),
) -> Result<()> {
    let Some(here) = here(store, job).await? else { return Ok(()) };
    let due: Vec<Releasable> = due.into_iter().filter(|m| is_within(m.date, options)).collect();
    let due = listed(store, session, job, due).await?;
    let mut suspects = doubts::suspects(store, job).await?;
    // Where ids are not enough, what an earlier run stored must be read before it goes, like a weak match. (Within one second nobody knows
    // which run it was.)
    let by_content = session.caps().identity == Identity::ByContent;
    let unread = |m: &Releasable| by_content && (m.stored_at <= run.0 || m.stored_at > run.1);
    let (weak, sure): (Vec<_>, Vec<_>) = due.into_iter().partition(|m| m.weak || unread(m));
    let mut certain = doubts::unsuspected(store, session, ctx, job, sure, &suspects, &HashMap::new(), run).await?;
    let at_once = session.deletes_at_once();
    for page in doubts::pages(&doubts::to_read(weak, options, to_read)) {
        // Those that cost a connection before come last, and nobody else waits for them.
        if !at_once || page.iter().any(|m| m.tries > 0) {
            remove(store, session, ctx, job, &here, std::mem::take(&mut certain), run).await?;
        }
        if ctx.cancel.is_cancelled() {
            return Ok(());
        }
        let read = doubts::read(store, session, ctx, job, page).await?;
        if page.iter().any(|m| read.proven.get(&m.id).is_some_and(|sent| sent.wire != m.digest.wire)) {
            suspects = doubts::suspects(store, job).await?;
        }
        let proven = page.iter().filter_map(|m| Some(Releasable { digest: *read.proven.get(&m.id)?, weak: false, ..m.clone() })).collect();
        certain.extend(doubts::unsuspected(store, session, ctx, job, proven, &suspects, &read.proven, run).await?);
    }
    remove(store, session, ctx, job, &here, certain, run).await
}

/// Leaves out what the server does not list now: nobody here removed it, and it may be listed again. A removal that was begun has come to
/// its end.
async fn listed(store: &Arc<Store>, session: &mut dyn Session, job: &Job, due: Vec<Releasable>) -> Result<Vec<Releasable>> {
    let (absent, listed): (Vec<_>, Vec<_>) = due.into_iter().partition(|m| session.misses(&m.remote));
    let ended: Vec<LinkId> = absent.iter().filter(|m| m.begun).map(|m| m.id).collect();
    if !ended.is_empty() {
        let (folder, receipt) = (job.row.id, Receipt { released: ended, ..Receipt::default() });
        blocking(store, move |store| {
            store.state().settle_release(folder, &receipt)?;
            store.step("release-receipt");
            Ok(())
        })
        .await?;
    }
    Ok(listed)
}

/// Removes messages that are certain, as far as their files here are there and intact.
async fn remove(
    store: &Arc<Store>,
    session: &mut dyn Session,
    ctx: &Ctx,
    job: &mut Job,
    here: &Arc<Here>,
    due: Vec<Releasable>,
    run: (i64, i64),
) -> Result<()> {
    let mut due = check(store, job, here, due, run).await?;
    due.sort_by_key(|m| !m.begun);
    let most = match due.first() {
        Some(first) if session.deletes_at_once() => {
            if first.begun {
                CAREFUL_BATCH
            } else {
                usize::MAX
            }
        }
        _ => BATCH,
    };
    let mut rest = due.as_slice();
    while let Some(batch) = rest.get(..rest.len().min(most)).filter(|b| !b.is_empty()) {
        let Some(cursor) = job.row.cursor.clone() else { break };
        let ids: Vec<LinkId> = batch.iter().map(|m| m.id).collect();
        let intent = ids.clone();
        blocking(store, move |store| {
            store.state().mark_releasing(&intent)?;
            store.step("release-intent");
            Ok(())
        })
        .await?;
        let orders: Vec<Order> = batch.iter().map(|m| Order::Delete { id: m.remote.clone() }).collect();
        let step = session.apply(&job.row.remote, &cursor, &orders).await?;
        // What goes from the trash itself has nowhere to stay.
        let may_keep = session.caps().delete.may_keep && job.row.role != Some(Role::Trash);
        store.step("release-order");
        let answered = step.outcomes.len().min(batch.len());
        if answered == 0 {
            let tried = format!("remove server copies from the folder `{}`", job.row.path);
            return Err(Error::new(Class::Protocol, tried, "the server answered none of the orders").scope(Scope::Folder));
        }
        receipt(store, ctx, job, &batch[..answered], step, may_keep).await?;
        rest = &rest[answered..];
    }
    Ok(())
}

/// The files of a folder as they were found once for all of its pages; one that a mail reader has renamed since is looked for again.
struct Here {
    dir: FolderDir,
    present: HashMap<String, Entry>,
}

async fn here(store: &Arc<Store>, job: &Job) -> Result<Option<Arc<Here>>> {
    let dir = job.row.dir.clone();
    blocking(store, move |store| {
        let Some(dir) = store.open_folder(&dir)? else { return Ok(None) };
        let present = dir.scan()?;
        Ok(Some(Arc::new(Here { dir, present })))
    })
    .await
}

/// Keeps those whose files here are there and intact: by hash, where an earlier run stored them.
async fn check(
    store: &Arc<Store>,
    job: &mut Job,
    here: &Arc<Here>,
    due: Vec<Releasable>,
    (began, now): (i64, i64),
) -> Result<Vec<Releasable>> {
    let here = here.clone();
    let (good, damaged) = blocking(store, move |store| {
        let (mut good, mut damaged, mut missing, mut found) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for message in due {
            // Within one second, or with a clock that was set back, nobody knows which run it was: then the bytes are read.
            let earlier = message.stored_at <= began || message.stored_at > now;
            match store.intact(&here.dir, &here.present, &message.name, &message.digest, earlier)? {
                Intact::Yes => {
                    if message.missing > 0 {
                        found.push(message.id);
                    }
                    good.push(message);
                }
                // Deleted here by the user: certain when two runs in a row do not find it.
                Intact::Missing if message.missing > 0 => good.push(message),
                Intact::Missing => missing.push(message.id),
                Intact::Damaged => {
                    damaged.push((message.remote, format!("the file `{}` here is damaged: the server's copy stays", message.name)));
                }
            }
        }
        if !missing.is_empty() || !found.is_empty() {
            store.state().mark_missing(&missing, &found)?;
        }
        Ok((good, damaged))
    })
    .await?;
    job.report.failed.extend(damaged);
    Ok(good)
}

async fn receipt(store: &Arc<Store>, ctx: &Ctx, job: &mut Job, batch: &[Releasable], step: Step, may_keep: bool) -> Result<()> {
    let mut receipt = Receipt { cursor: step.cursor, ..Receipt::default() };
    // What was gone already, this run has not removed.
    let mut count = 0;
    for (message, outcome) in batch.iter().zip(step.outcomes) {
        match outcome {
            Outcome::Done { .. } => {
                count += 1;
                receipt.released.push(message.id);
            }
            Outcome::Gone => receipt.released.push(message.id),
            Outcome::Unlisted if message.begun => receipt.released.push(message.id),
            Outcome::Unlisted => receipt.kept.push(message.id),
            Outcome::Moved { to, id } => {
                count += 1;
                receipt.released.push(message.id);
                match id {
                    Some(id) => receipt.moved.push((to, id, message.id)),
                    None => receipt.unnamed.push(message.id),
                }
            }
            Outcome::Refused(why) | Outcome::NoRoom(why) => {
                receipt.kept.push(message.id);
                job.report.failed.push((message.remote.clone(), format!("the server does not remove it: {why}")));
            }
            // Stays as begun: the next run asks again, which is harmless.
            Outcome::Uncertain | Outcome::Short(_) => {}
        }
    }
    if may_keep {
        // They may be in the trash now, under ids that nobody tells.
        receipt.unnamed.clone_from(&receipt.released);
    }
    job.report.deleted_there += count;
    if let Some(cursor) = &receipt.cursor {
        job.row.cursor = Some(cursor.clone());
    }
    let folder = job.row.id;
    blocking(store, move |store| {
        store.state().settle_release(folder, &receipt)?;
        store.step("release-receipt");
        Ok(())
    })
    .await?;
    ctx.observer.on(&Event::Released { folder: &job.row.path, count });
    Ok(())
}
