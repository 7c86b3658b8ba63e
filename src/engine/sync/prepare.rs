//! From two looks to plans: there, here, moves, guard.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backend::Session;
use crate::engine::fetch::listing::{know, look_into};
use crate::engine::fetch::short::read_again;
use crate::engine::fetch::{Job, blocking, tell_rebuilt};
use crate::engine::guard::{Alarm, judge};
use crate::engine::select::guard_option;
use crate::model::caps::{Append, Moves};
use crate::model::{Class, Error, Event, LocalName, Need, RemoteId, Result, Role, Scope};
use crate::store::Store;
use crate::store::state::{FolderRow, LinkId, Standing, SyncRow};

use super::folders::Agreed;
use super::here::{HereChanges, LookHere, look};
use super::plan::{FolderPlan, Rules, Trash};
use super::relocate::{self, Relocation};
use super::second_look::{Missing, OfAccount, look_for};
use super::strays::{self, Strays};
use super::transfer::{self, Transfer};
use super::{Run, Work};

/// One folder with what is known of both sides.
pub(super) struct Looked {
    pub job: Job,
    pub here: HereChanges,
    /// Rows of which the server told something.
    pub told: Vec<SyncRow>,
    /// Rows on their way there.
    arriving: Vec<SyncRow>,
    /// Its directory is not the one that was known, or not there at all, and messages were in it.
    lost_dir: bool,
    mark: Option<Vec<u8>>,
}

impl Looked {
    /// Whether its files and rows can be compared with those of other folders.
    pub fn takes_part(&self) -> bool {
        self.job.report.error.is_none() && self.job.rematched.is_none() && !self.job.passing_ids
    }

    /// Notes the base names that other programs gave to messages of the folder: these are not missing.
    pub fn rename(&mut self, names: &HashMap<LinkId, LocalName>) {
        let missing = std::mem::take(&mut self.here.missing);
        for row in missing {
            match names.get(&row.id) {
                Some(name) => self.here.renamed.push((row.id, name.clone())),
                None => self.here.missing.push(row),
            }
        }
        for row in &mut self.told {
            if let Some(name) = names.get(&row.id) {
                row.name = name.clone();
            }
        }
    }
}

/// Everything that the plans need, and the plans.
pub(super) async fn prepare(
    run: &mut Run<'_>,
    session: &mut Box<dyn Session>,
    folders: &mut Agreed,
) -> Result<(Vec<Work>, Vec<Relocation>, Vec<Transfer>)> {
    let store = run.store;
    let infos = std::mem::take(&mut folders.infos);
    run.ctx.observer.on(&Event::FoldersFound(infos.len()));
    let (mut jobs, marks) = know(store, infos).await?;
    for job in &mut jobs {
        job.unborn = folders.unborn.contains(&job.row.remote);
    }
    look_into(store, run.sessions, session, run.ctx, &mut jobs, &marks, Need::Everything).await?;
    tell_rebuilt(store, run.ctx);
    read_again(store, run.sessions, session, run.ctx, &run.options.pull, &mut jobs).await?;
    jobs.extend(folders.absent.iter().map(|row| Job::absent(row.clone())));
    transfer::undo_vain(store).await?;
    let mut all = Vec::with_capacity(jobs.len());
    for job in jobs {
        all.push(look_at(run, job).await?);
    }
    let account = OfAccount(run.options.pull.folders.first().cloned());
    let Strays { mut transfers, followed, waiting } = strays::find(store, &mut all, &account).await?;
    let relocations = relocate::find(run, session, &mut all, &followed).await?;
    let mut moved: HashSet<LinkId> = relocations.iter().map(|r| r.gone.id).collect();
    moved.extend(transfers.iter().map(|t| t.row.id));
    // A file that keeps its name leaves no trace in its directory, and may have flags that are still to be told there.
    let mut unfinished: HashSet<usize> = relocations.iter().map(|r| r.to).chain(waiting).collect();
    if session.caps().moves == Moves::No {
        // Then it is as agreed there, and where the user wants it here; both folders must be read to see that again.
        for transfer in transfers.drain(..) {
            all[transfer.from].job.gap("moves");
            unfinished.extend([transfer.from, transfer.to]);
        }
    }
    // One whose original has left asks for nothing more: its row goes.
    let (left, begun): (Vec<Transfer>, Vec<Transfer>) = transfer::begun(store, &all).await?.into_iter().partition(|t| t.row.gone);
    transfers.extend(begun);
    let dests: HashSet<LinkId> = transfers.iter().filter(|t| !t.row.gone).filter_map(Transfer::arriving).collect();
    run.flags = session.caps().flags;
    let held_back = held_back(run, &mut all, &moved, account, session.caps().moves).await?;
    // What is missing in one folder, or new in another, may be of one whose messages are matched again, and whose files nobody has looked
    // at.
    let settled = !all.iter().any(|l| l.job.rematched.is_some() && !l.job.passing_ids);
    let may_delete = settled && !blocking(store, |store| store.state().is_rebuilt()).await?;
    let caps = *session.caps();
    let mut works = Vec::with_capacity(all.len());
    for (n, mut looked) in all.into_iter().enumerate() {
        looked.arriving.retain(|row| row.standing == Standing::Arriving && !dests.contains(&row.id));
        let trash = match &run.trash {
            Some(trash) if *trash == looked.job.row.remote => Trash::Itself,
            Some(_) => Trash::Elsewhere,
            None => Trash::None,
        };
        let drafts = looked.job.row.role == Some(Role::Drafts);
        let may_append = !looked.job.absent && (matches!(caps.append, Append::Yes { .. }) || (caps.append == Append::DraftsOnly && drafts));
        let rules =
            Rules { caps: &caps, expunge: run.options.expunge, may_delete, may_upload: settled, held_back: &held_back, trash, may_append };
        let mut work = plan_folder(run, looked, &moved, &rules).await?;
        work.plan.unfinished |= unfinished.contains(&n);
        works.push(work);
    }
    for transfer in left {
        works[transfer.from].plan.forget.push(transfer.row.id);
    }
    // A folder that is left alone takes no part in moves either; then both must be looked at again.
    let alone: Vec<bool> = works.iter().map(|w| w.job.report.error.is_some()).collect();
    let mut whole = |from: usize, to: usize| {
        let whole = !alone[from] && !alone[to];
        if !whole {
            works[from].plan.unfinished = true;
            works[to].plan.unfinished = true;
        }
        whole
    };
    let relocations = relocations.into_iter().filter(|r| whole(r.from, r.to)).collect();
    let transfers = transfers.into_iter().filter(|t| whole(t.from, t.to)).collect();
    Ok((works, relocations, transfers))
}

/// Plans one folder, and leaves it alone where the guard says so.
async fn plan_folder(run: &Run<'_>, mut looked: Looked, moved: &HashSet<LinkId>, rules: &Rules<'_>) -> Result<Work> {
    // A pass that matches messages again deletes nothing and uploads nothing.
    if !looked.takes_part() {
        return Ok(Work { job: looked.job, plan: FolderPlan::nothing(), mark: looked.mark });
    }
    for odd in &looked.here.odd {
        looked.job.report.failed.push((RemoteId(odd.name.as_str().into()), odd.why.to_owned()));
    }
    let renamed = std::mem::take(&mut looked.here.renamed);
    let facts = Facts::of(&looked, moved);
    let mut plan = FolderPlan::new(looked.told, looked.here, looked.arriving, moved, rules);
    plan.unfinished |= !renamed.is_empty();
    plan.renamed = renamed;
    let mut job = looked.job;
    if let Some(alarm) = alarm(run, &job, &facts, &plan).await? {
        let path = job.row.path.clone();
        let tried = format!("sync the folder `{path}`");
        job.fail(
            Error::new(Class::Guard, tried, alarm)
                .scope(Scope::Folder)
                .safe("the folder was left alone; nothing was deleted on either side")
                .hint(format!("if that is meant, run once with {}; if not, put back what is missing", guard_option(&path))),
        );
        plan = FolderPlan::nothing();
    }
    Ok(Work { job, plan, mark: looked.mark })
}

/// Messages that are missing here and yet are not deleted there in this run: their files lie, or may lie, in folders that it does not
/// compare, or were moved while it looked.
async fn held_back(
    run: &Run<'_>,
    all: &mut [Looked],
    moved: &HashSet<LinkId>,
    account: OfAccount,
    moves: Moves,
) -> Result<HashSet<LinkId>> {
    let mut missing: HashMap<LinkId, (usize, Missing)> = HashMap::new();
    for (n, looked) in all.iter().enumerate() {
        for row in looked.here.missing.iter().filter(|row| !row.gone && !moved.contains(&row.id)) {
            missing.insert(row.id, (n, Missing { id: row.id, folder: looked.job.row.id, name: row.name.clone() }));
        }
    }
    // Files that cannot be looked at, or another directory in their place: they may be anywhere.
    let unreadable = |l: &Looked| l.job.report.error.as_ref().is_some_and(|e| matches!(e.class, Class::LocalCorrupt | Class::LocalWrite));
    if all.iter().any(|l| l.lost_dir || unreadable(l)) {
        return Ok(missing.into_keys().collect());
    }
    let mut sought: Vec<Missing> = missing.values().map(|(_, m)| m.clone()).collect();
    sought.sort_unstable_by_key(|m| m.id);
    let seen = look_for(run.store, sought, account).await?;
    for now in &seen {
        let Some((n, was)) = missing.get(&now.id) else { continue };
        if now.elsewhere && moves == Moves::No {
            all[*n].job.gap("moves");
        }
        if now.name != was.name {
            // From now on it is known by its name, wherever it lies.
            all[*n].here.renamed.push((now.id, now.name.clone()));
        }
    }
    Ok(seen.into_iter().map(|now| now.id).collect())
}

/// What the guard must know of a folder beside its plan.
struct Facts {
    /// Rows that the folder loses on both sides, or by a move: they are no deletions, and not among what is left.
    taken_out: u64,
    /// Files that are missing, and did not move.
    missing: u64,
    /// Files that moved.
    went: bool,
    /// Messages that are gone there, and did not move.
    gone: u64,
    lost_dir: bool,
}

impl Facts {
    fn of(looked: &Looked, moved: &HashSet<LinkId>) -> Self {
        let here = &looked.here.missing;
        let missing: HashSet<LinkId> = here.iter().map(|row| row.id).collect();
        let gone = looked.told.iter().filter(|row| row.gone && row.standing == Standing::Linked && !missing.contains(&row.id));
        let (went, gone): (Vec<&SyncRow>, Vec<&SyncRow>) = gone.partition(|row| moved.contains(&row.id));
        let out = here.iter().filter(|row| row.gone || moved.contains(&row.id)).count();
        Self {
            taken_out: (out + went.len()) as u64,
            missing: here.iter().filter(|row| !row.gone && !moved.contains(&row.id)).count() as u64,
            went: here.iter().any(|row| moved.contains(&row.id)),
            gone: gone.len() as u64,
            lost_dir: looked.lost_dir,
        }
    }
}

/// The guard: counted for each direction, after moves are taken out. Deletions that the plan does not ask for are none.
async fn alarm(run: &Run<'_>, job: &Job, facts: &Facts, plan: &FolderPlan) -> Result<Option<String>> {
    if allowed(run, job) {
        return Ok(None);
    }
    let there = (plan.delete_there.len() + plan.doubted.len()) as u64;
    let exempt = matches!(job.row.role, Some(Role::Trash | Role::Junk));
    let here = if exempt { 0 } else { (plan.delete_here.len() + plan.keep_here.len()) as u64 };
    let lost = facts.lost_dir && (facts.missing > 0 || !facts.went);
    let absent = job.absent && facts.gone > 0;
    if !lost && !absent && judge(there, there).is_none() && judge(here, here).is_none() {
        return Ok(None);
    }
    let count = |most: u64| {
        let (folder, out) = (job.row.id, facts.taken_out);
        blocking(run.store, move |store| Ok(store.state().linked_count(folder, most.saturating_add(out))?.saturating_sub(out)))
    };
    if lost {
        let known = count(u64::MAX).await?;
        return Ok(Some(format!("the directory of its Maildir folder is missing or another one; {known} messages should be in it")));
    }
    if absent {
        return Ok(Some(format!("the server does not list it any more; {} messages of it are here", facts.gone)));
    }
    // A large folder is not counted whole to see that a few are not too many.
    let enough = count(there.max(here).saturating_mul(4).saturating_add(1)).await?;
    if judge(there, enough).is_none() && judge(here, enough).is_none() {
        return Ok(None);
    }
    let known = count(u64::MAX).await?;
    let words = |alarm, place: &str| match alarm {
        Alarm::Emptied { known } => format!("all {known} messages are gone {place}"),
        Alarm::Many { gone, known } => format!("{gone} of {known} messages are gone {place}"),
    };
    Ok(judge(there, known).map(|alarm| words(alarm, "here")).or_else(|| judge(here, known).map(|alarm| words(alarm, "on the server"))))
}

/// Looks at one folder here, and reads what the server told of it.
async fn look_at(run: &Run<'_>, mut job: Job) -> Result<Looked> {
    let row = job.row.clone();
    let skip = job.report.error.is_some() || job.rematched.is_some();
    let allowed = allowed(run, &job);
    let absent = job.absent;
    let found = blocking(run.store, move |store| -> Result<(LookHere, Vec<SyncRow>, Vec<SyncRow>, bool)> {
        if skip {
            return Ok((LookHere::Unchanged, Vec::new(), Vec::new(), false));
        }
        let mut here = look(store, &row)?;
        let lost = matches!(here, LookHere::Missing | LookHere::Replaced);
        if matches!(here, LookHere::Missing) && !store.is_rehearsal() && !store.state().wanted(row.id, LinkId(0), 1)?.is_empty() {
            // It was removed here while nothing was in it, or a person said so, and now something comes: it is made again.
            if allowed || store.state().linked_count(row.id, 1)? == 0 {
                let dir = store.make_folder(row.id, &row.dir)?;
                store.accept(row.id, &dir)?;
                here = look(store, &row)?;
            }
        }
        let mut told = store.state().told_rows(row.id)?;
        let arriving = store.state().under_way(Some(row.id))?.into_iter().map(|(_, row)| row).collect();
        let known = lost && store.state().linked_count(row.id, 1)? > 0;
        if matches!(here, LookHere::Replaced) && (!known || allowed) {
            // Nothing was in it, or a person said so: it is this one from now on.
            if let Some(dir) = store.open_folder(&row.dir)? {
                store.accept(row.id, &dir)?;
            }
            here = look(store, &row)?;
        }
        if absent {
            told.clear();
            store.state().each_row(row.id, &mut |row| {
                if row.standing == Standing::Linked {
                    told.push(SyncRow { gone: true, ..row });
                }
            })?;
        }
        Ok((here, told, arriving, known))
    })
    .await;
    let (here, told, arriving, known) = match found {
        Ok(found) => found,
        Err(error) if error.scope == Scope::Folder => {
            job.fail(error);
            (LookHere::Unchanged, Vec::new(), Vec::new(), false)
        }
        Err(error) => return Err(error),
    };
    let (mut here, lost_dir) = match here {
        LookHere::Read(here) => (*here, false),
        LookHere::Unchanged => (HereChanges::default(), false),
        LookHere::Missing => (all_missing(run.store, &job.row).await?, known),
        LookHere::Replaced => (HereChanges::default(), known),
    };
    if absent {
        // What is not here either is gone on both sides, and nothing is asked of a folder that is not there.
        here.missing.iter_mut().chain(here.changed.iter_mut().map(|(row, _)| row)).for_each(|row| row.gone = true);
    }
    // Where a person said so, it was removed on purpose: what was in it is deleted, and hides nothing that is missing elsewhere.
    let lost_dir = lost_dir && !absent && !allowed;
    let mark = here.mark.clone();
    Ok(Looked { job, here, told, arriving, lost_dir, mark })
}

/// A folder without its directory: every message of it is missing.
async fn all_missing(store: &Arc<Store>, row: &FolderRow) -> Result<HereChanges> {
    let folder = row.id;
    blocking(store, move |store| {
        let mut here = HereChanges::default();
        store.state().each_row(folder, &mut |row| {
            if row.standing == Standing::Linked {
                here.missing.push(row);
            }
        })?;
        Ok(here)
    })
    .await
}

fn allowed(run: &Run<'_>, job: &Job) -> bool {
    run.options.pull.allow_mass_delete.as_ref().is_some_and(|p| p.take(&job.row.path, job.row.role))
}
