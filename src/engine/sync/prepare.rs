//! From two looks to plans: there, here, moves, guard.

use std::collections::HashSet;
use std::sync::Arc;

use crate::backend::Session;
use crate::engine::fetch::listing::{know, look_into};
use crate::engine::fetch::{Job, blocking, tell_rebuilt};
use crate::engine::guard::{Alarm, judge};
use crate::model::caps::{Append, Moves};
use crate::model::{Class, Error, Event, Need, Result, Role, Scope};
use crate::store::Store;
use crate::store::maildir::outgoing::{Examined, examine};
use crate::store::state::{FolderRow, LinkId, Standing, SyncRow};

use super::folders::Agreed;
use super::here::{HereChanges, LookHere, NewFile, look};
use super::moves::{Found, Lost, pair_here};
use super::plan::{FolderPlan, Rules, Trash};
use super::relocate::{self, Relocation};
use super::transfer::Transfer;
use super::{Expunge, Run, Work};

/// One folder with what is known of both sides.
pub(super) struct Looked {
    pub job: Job,
    pub here: HereChanges,
    /// Rows of which the server told something.
    pub told: Vec<SyncRow>,
    /// Rows on their way there.
    arriving: Vec<SyncRow>,
    /// Its directory is not the one that was known, or not there at all.
    lost_dir: bool,
    /// How many messages both sides had.
    known: u64,
    mark: Option<Vec<u8>>,
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
    jobs.extend(folders.absent.iter().map(|row| Job::absent(row.clone())));
    let mut all = Vec::with_capacity(jobs.len());
    for job in jobs {
        all.push(look_at(run, job).await?);
    }
    let relocations = relocate::find(run, session, &mut all).await?;
    let mut transfers = find_transfers(store, &mut all).await?;
    let mut moved: HashSet<LinkId> = relocations.iter().map(|r| r.gone.id).collect();
    moved.extend(transfers.iter().map(|t| t.row.id));
    if session.caps().moves == Moves::No {
        // Then it is as agreed there, and where the user wants it here.
        for transfer in transfers.drain(..) {
            all[transfer.from].job.gap("moves");
        }
    }
    // One whose original has left asks for nothing more: its row goes.
    let (left, unfinished): (Vec<Transfer>, Vec<Transfer>) = unfinished_transfers(store, &all).await?.into_iter().partition(|t| t.row.gone);
    transfers.extend(unfinished);
    let dests: HashSet<LinkId> = transfers.iter().filter(|t| !t.row.gone).filter_map(|t| t.arriving).collect();
    run.flags = session.caps().flags;
    // What is missing in one folder may lie in one that is matched again, and whose files nobody has looked at.
    let matched_again = all.iter().any(|l| l.job.rematched.is_some() && !l.job.passing_ids);
    let may_delete = !matched_again && !blocking(store, |store| store.state().is_rebuilt()).await?;
    let caps = *session.caps();
    let mut works = Vec::with_capacity(all.len());
    for mut looked in all {
        looked.arriving.retain(|row| row.standing == Standing::Arriving && !dests.contains(&row.id));
        let trash = match &run.trash {
            Some(trash) if *trash == looked.job.row.remote => Trash::Itself,
            Some(_) => Trash::Elsewhere,
            None => Trash::None,
        };
        let drafts = looked.job.row.role == Some(Role::Drafts);
        let may_append = !looked.job.absent && (matches!(caps.append, Append::Yes { .. }) || (caps.append == Append::DraftsOnly && drafts));
        let rules = Rules { caps: &caps, expunge: run.options.expunge, may_delete, trash, may_append };
        guard(run, &mut looked, &moved);
        let plan = if looked.job.report.error.is_some() || looked.job.rematched.is_some() || looked.job.passing_ids {
            // A pass that matches messages again deletes nothing and uploads nothing.
            FolderPlan::nothing()
        } else {
            for name in &looked.here.odd {
                let why = "it is no regular file; it was left alone".to_owned();
                looked.job.report.failed.push((crate::model::RemoteId(name.as_str().into()), why));
            }
            let renamed = std::mem::take(&mut looked.here.renamed);
            let mut plan = FolderPlan::new(looked.told, looked.here, looked.arriving, &moved, &rules);
            plan.unfinished |= !renamed.is_empty();
            plan.renamed = renamed;
            plan
        };
        works.push(Work { job: looked.job, plan, mark: looked.mark });
    }
    for transfer in left {
        works[transfer.from].plan.forget.push(transfer.row.id);
    }
    // A folder that is left alone takes no part in moves either.
    let alone: Vec<bool> = works.iter().map(|w| w.job.report.error.is_some()).collect();
    let whole = |from: usize, to: usize| !alone[from] && !alone[to];
    let relocations = relocations.into_iter().filter(|r| whole(r.from, r.to)).collect();
    let transfers = transfers.into_iter().filter(|t| whole(t.from, t.to)).collect();
    Ok((works, relocations, transfers))
}

/// Looks at one folder here, and reads what the server told of it.
async fn look_at(run: &Run<'_>, mut job: Job) -> Result<Looked> {
    let row = job.row.clone();
    let skip = job.report.error.is_some() || job.rematched.is_some();
    let allowed = allowed(run, &job);
    let absent = job.absent;
    let found = blocking(run.store, move |store| -> Result<(LookHere, Vec<SyncRow>, Vec<SyncRow>, u64)> {
        if skip {
            return Ok((LookHere::Unchanged, Vec::new(), Vec::new(), 0));
        }
        let mut here = look(store, &row)?;
        let lost = matches!(here, LookHere::Missing | LookHere::Replaced);
        if matches!(here, LookHere::Missing) && !store.is_rehearsal() && !store.state().wanted(row.id, LinkId(0), 1)?.is_empty() {
            // It was removed here while nothing was in it, and now something comes: it is made again.
            if store.state().linked_count(row.id)? == 0 {
                let (dev, ino) = store.make_folder(&row.dir)?.identity()?;
                store.state().set_directories(&[(row.id, dev, ino)])?;
                here = look(store, &row)?;
            }
        }
        let mut told = store.state().told_rows(row.id)?;
        let arriving = store.state().under_way(Some(row.id))?.into_iter().map(|(_, row)| row).collect();
        let known = if lost || absent || !told.is_empty() || matches!(&here, LookHere::Read(h) if !h.missing.is_empty()) {
            store.state().linked_count(row.id)?
        } else {
            0
        };
        if matches!(here, LookHere::Replaced) && (known == 0 || allowed) && !store.is_rehearsal() {
            // Nothing was in it, or a person said so: it is this one from now on.
            if let Some(dir) = store.open_folder(&row.dir)? {
                let (dev, ino) = dir.identity()?;
                store.state().set_directories(&[(row.id, dev, ino)])?;
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
        Err(error) if error.class == Class::LocalCorrupt && error.scope < Scope::Account => {
            job.fail(error);
            (LookHere::Unchanged, Vec::new(), Vec::new(), 0)
        }
        Err(error) => return Err(error),
    };
    let (mut here, lost_dir) = match here {
        LookHere::Read(here) => (here, false),
        LookHere::Unchanged => (HereChanges::default(), false),
        LookHere::Missing => (all_missing(run.store, &job.row).await?, known > 0),
        LookHere::Replaced => (HereChanges::default(), known > 0),
    };
    if absent {
        // What is not here either is gone on both sides, and nothing is asked of a folder that is not there.
        here.missing.iter_mut().chain(here.changed.iter_mut().map(|(row, _)| row)).for_each(|row| row.gone = true);
    }
    let lost_dir = lost_dir && !absent;
    let mark = here.mark.clone();
    Ok(Looked { job, here, told, arriving, lost_dir, known, mark })
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

/// The guard: counted for each direction, after moves are taken out.
fn guard(run: &Run<'_>, looked: &mut Looked, moved: &HashSet<LinkId>) {
    if looked.job.report.error.is_some() || allowed(run, &looked.job) {
        return;
    }
    let missing = looked.here.missing.iter().filter(|row| !moved.contains(&row.id) && !row.gone).count() as u64;
    let absent_here: HashSet<LinkId> = looked.here.missing.iter().map(|row| row.id).collect();
    let gone = looked.told.iter().filter(|row| row.gone && row.standing == Standing::Linked);
    let gone = gone.filter(|row| !moved.contains(&row.id) && !absent_here.contains(&row.id)).count() as u64;
    let known = looked.known;
    let exempt = matches!(looked.job.row.role, Some(Role::Trash | Role::Junk));
    let deletes_there = run.options.expunge != Expunge::Never;
    let words = |alarm, place: &str| match alarm {
        Alarm::Emptied { known } => format!("the folder {place} is empty, and {known} messages should be in it"),
        Alarm::Many { gone, known } => format!("{gone} of {known} messages are gone {place}"),
    };
    let alarm = if looked.lost_dir && (missing > 0 || !looked.here.missing.iter().any(|row| moved.contains(&row.id))) {
        Some(format!("the directory of its Maildir folder is missing or another one; {known} messages should be in it"))
    } else if looked.job.absent && gone > 0 {
        Some(format!("the server does not list it any more; {gone} messages of it are here"))
    } else if let Some(alarm) = judge(missing, known).filter(|_| deletes_there) {
        Some(words(alarm, "here"))
    } else {
        judge(gone, known).filter(|_| !exempt).map(|alarm| words(alarm, "on the server"))
    };
    if let Some(alarm) = alarm {
        let path = looked.job.row.path.clone();
        let tried = format!("sync the folder `{path}`");
        looked.job.fail(
            Error::new(Class::Guard, tried, alarm)
                .scope(Scope::Folder)
                .safe("the folder was left alone; nothing was deleted on either side")
                .hint(format!("if that is meant, run once with --allow-mass-delete={path}; if not, put back what is missing")),
        );
    }
}

/// Messages whose files lie in another folder now.
async fn find_transfers(store: &Arc<Store>, all: &mut [Looked]) -> Result<Vec<Transfer>> {
    let takes_part = |l: &Looked| l.job.report.error.is_none() && l.job.rematched.is_none() && !l.job.passing_ids;
    let mut lost: Vec<Lost> = Vec::new();
    for (n, looked) in all.iter().enumerate().filter(|(_, l)| takes_part(l) && !l.job.absent) {
        lost.extend(looked.here.missing.iter().filter(|row| !row.gone).map(|row| Lost {
            id: row.id,
            folder: n,
            name: row.name.clone(),
            identity: None,
        }));
    }
    if lost.is_empty() || all.iter().all(|l| l.here.unknown.is_empty()) {
        return Ok(Vec::new());
    }
    let ids: Vec<LinkId> = lost.iter().map(|l| l.id).collect();
    let proofs = blocking(store, move |store| store.state().proofs(&ids)).await?;
    for lost in &mut lost {
        lost.identity = proofs.iter().find(|p| p.id == lost.id).map(|p| p.digest.identity);
    }
    let names: HashSet<_> = lost.iter().map(|l| l.name.clone()).collect();
    let mut found: Vec<Found> = Vec::new();
    let mut files: Vec<NewFile> = Vec::new();
    for (n, looked) in all.iter().enumerate().filter(|(_, l)| takes_part(l) && !l.job.absent) {
        let (dir, unknown, names) = (looked.job.row.dir.clone(), looked.here.unknown.clone(), names.clone());
        files.extend(unknown.iter().cloned());
        let digests = blocking(store, move |store| {
            let Some(dir) = store.open_folder(&dir)? else { return Ok(unknown.iter().map(|_| Vec::new()).collect::<Vec<_>>()) };
            // A name that is known needs no proof.
            let digests = unknown.iter().map(|file| {
                if names.contains(&file.name) {
                    return Ok(Vec::new());
                }
                match examine(&dir, &file.entry)? {
                    Examined::Mail { digest, bare, .. } => Ok(std::iter::once(*digest).chain(bare.map(|d| *d)).collect()),
                    _ => Ok(Vec::new()),
                }
            });
            digests.collect()
        })
        .await?;
        found.extend(looked.here.unknown.iter().zip(digests).map(|(file, digests)| Found { folder: n, name: file.name.clone(), digests }));
    }
    let mut transfers = Vec::new();
    for (l, f) in pair_here(&lost, &found) {
        let (from, to) = (lost[l].folder, found[f].folder);
        let Some(at) = all[from].here.missing.iter().position(|row| row.id == lost[l].id) else { continue };
        let row = all[from].here.missing[at].clone();
        let Some(proof) = proofs.iter().find(|p| p.id == row.id).cloned() else { continue };
        if from == to {
            all[from].here.missing.remove(at);
            all[from].here.renamed.push((row.id, found[f].name.clone()));
        } else {
            transfers.push(Transfer { from, to, row, proof: Some(proof), file: files[f].name.clone(), arriving: None });
        }
        all[to].here.unknown.retain(|file| file.name != found[f].name);
    }
    Ok(transfers)
}

/// Moves that a stopped run, or a lost answer, left half-way.
async fn unfinished_transfers(store: &Arc<Store>, all: &[Looked]) -> Result<Vec<Transfer>> {
    let under_way = blocking(store, |store| store.state().under_way(None)).await?;
    let mut transfers = Vec::new();
    for (folder, row) in under_way.iter().filter(|(_, row)| matches!(row.standing, Standing::Moving { .. })) {
        let Standing::Moving { dest } = row.standing else { continue };
        let to = under_way.iter().find(|(_, other)| other.id == dest);
        let index = |id: i64| all.iter().position(|l| l.job.row.id == id && !l.job.absent);
        let Some(from) = index(*folder) else { continue };
        // Where it has arrived by now, only the original is left to be removed.
        let (to, file) = to.map_or((Some(from), row.name.clone()), |(folder, other)| (index(*folder), other.name.clone()));
        if let Some(to) = to {
            let arriving = under_way.iter().any(|(_, other)| other.id == dest).then_some(dest);
            transfers.push(Transfer { from, to, row: row.clone(), proof: None, file, arriving });
        }
    }
    Ok(transfers)
}
