//! What is new there: folders, marks, pages of ids; and a row for each id, in one commit with the cursor.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backend::{Ctx, FolderInfo, LookAt, Session};
use crate::model::change::{Harvest, HarvestKind, Marks};
use crate::model::report::FolderReport;
use crate::model::{Change, Class, Cursor, Error, Event, FolderId, FolderPath, Listed, Need, Renumbered, Result, Role, Scope};
use crate::store::Store;
use crate::store::state::{FileHere, FolderRow, NewLink, News, Page};

use super::arrived::{link_arrived, look_for_unseen};
use super::astray::link_astray;
use super::rematch::{Rematched, link_moved, rematch};
use super::sessions::{Sessions, costs_session, is_ours, may_retry};
use super::{FetchOptions, Job, Rematch, blocking};

/// Folders that are looked into with one call: bounds what is held before it is recorded.
const FOLDERS_AT_ONCE: usize = 32;
/// Pages of one folder in one run; a server that always says "more" ends here.
const MAX_PAGES: usize = 100_000;

/// Lists folders and what is new in those that changed. Returns the session and the folders that take part, in the server's order.
pub(in crate::engine) async fn list(
    store: &Arc<Store>,
    sessions: &Sessions,
    ctx: &Ctx,
    options: &FetchOptions,
    reports: &mut Vec<FolderReport>,
) -> Result<(Option<Box<dyn Session>>, Vec<Job>)> {
    let mut session = sessions.take().await?;
    let infos = all_folders(&mut session, sessions).await?;
    rehome(store, &infos).await?;
    reports.extend(lacking(store, options, &infos).await?);
    let infos: Vec<FolderInfo> = infos.into_iter().filter(|i| options.takes(&i.path, i.role)).collect();
    ctx.observer.on(&Event::FoldersFound(infos.len()));
    let (mut jobs, marks) = know(store, infos).await?;
    look_into(store, sessions, &mut session, ctx, &mut jobs, &marks, Need::Additions).await?;
    Ok((Some(session), jobs))
}

/// Folders that were asked for by their names, and are neither there nor here: each is told of.
pub(in crate::engine) async fn lacking(store: &Arc<Store>, options: &FetchOptions, infos: &[FolderInfo]) -> Result<Vec<FolderReport>> {
    let all = || options.folders.iter().chain(&options.allow_mass_delete);
    let there: HashSet<String> = infos.iter().map(|info| info.path.to_string()).collect();
    if all().all(|patterns| patterns.lacking(|name| there.contains(name)).next().is_none()) {
        return Ok(Vec::new());
    }
    let here: HashSet<String> = blocking(store, |store| {
        let rows = store.state().folders()?.into_iter().map(|row| row.path);
        Ok(rows.chain(store.folders_here()?.0.into_iter().map(|here| here.path)).map(|path| path.to_string()).collect())
    })
    .await?;
    let mut names: Vec<&str> = all().flat_map(|patterns| patterns.lacking(|name| there.contains(name) || here.contains(name))).collect();
    names.sort_unstable();
    names.dedup();
    let report = |name: &str| {
        let path = FolderPath::new(name.split('/').map(str::to_owned))?;
        let failed = "there is no such folder, neither on the server nor here";
        let error = Error::new(Class::NotFound, format!("find the folder `{name}`"), failed).scope(Scope::Folder);
        let error = error.hint("`mailx folders` shows those that there are, as they are spelled");
        Some(FolderReport { error: Some(error), ..FolderReport::new(path) })
    };
    Ok(names.into_iter().filter_map(report).collect())
}

/// All folders there.
pub(in crate::engine) async fn all_folders(session: &mut Box<dyn Session>, sessions: &Sessions) -> Result<Vec<FolderInfo>> {
    loop {
        match session.folders().await {
            Ok(infos) => return Ok(infos),
            Err(error) => *session = sessions.reopen(error).await?,
        }
    }
}

/// A folder that the server lists under another handle than before, at the same path, is that folder: the account speaks another protocol
/// now, or the server made it anew. What the cursor was worth, the backend knows.
pub(in crate::engine) async fn rehome(store: &Arc<Store>, infos: &[FolderInfo]) -> Result<()> {
    let infos: Vec<(FolderId, FolderPath)> = infos.iter().map(|i| (i.id.clone(), i.path.clone())).collect();
    blocking(store, move |store| {
        let rows = store.state().folders()?;
        let known: HashSet<&FolderId> = rows.iter().map(|row| &row.remote).collect();
        let mut left: HashMap<&FolderPath, &FolderRow> = rows.iter().map(|row| (&row.path, row)).collect();
        left.retain(|_, row| infos.iter().all(|(id, _)| *id != row.remote));
        for (id, path) in infos.iter().filter(|(id, _)| !known.contains(id)) {
            if let Some(row) = left.remove(path) {
                store.state().rename_folder(row.id, id, path, &row.dir)?;
                store.step("commit-folders");
            }
        }
        Ok(())
    })
    .await
}

/// Lists what is new in those folders that changed, and records it.
pub(in crate::engine) async fn look_into(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: &mut Box<dyn Session>,
    ctx: &Ctx,
    jobs: &mut [Job],
    marks: &[Marks],
    need: Need,
) -> Result<()> {
    let mut looks: Vec<usize> = (0..jobs.len())
        .filter(|i| !jobs[*i].unborn && jobs[*i].report.error.is_none() && must_look(&jobs[*i].row, &marks[*i], need))
        .collect();
    let mut held: HashMap<usize, Vec<Listed>> = HashMap::new();
    let mut restarted: HashMap<usize, bool> = HashMap::new();
    let begun: Vec<Option<Cursor>> = jobs.iter().map(|job| job.row.cursor.clone()).collect();
    let mut repeated: HashSet<usize> = HashSet::new();
    for _ in 0..MAX_PAGES {
        if looks.is_empty() || ctx.cancel.is_cancelled() {
            break;
        }
        // A group at a time: what came of it is recorded before the next is asked for.
        let rest = looks.split_off(looks.len().min(FOLDERS_AT_ONCE));
        let at: Vec<LookAt> = looks.iter().map(|i| look_at(&jobs[*i].row, need)).collect();
        let mut pages: Vec<Vec<Change>> = at.iter().map(|_| Vec::new()).collect();
        let looked = session
            .changes(&at, &mut |which, change| {
                if let Some(page) = pages.get_mut(which) {
                    page.push(change);
                }
            })
            .await;
        let harvests = match looked {
            Ok(harvests) => harvests,
            // Nothing of it was recorded, so it can be asked again.
            Err(error) => {
                *session = sessions.reopen(error).await?;
                // The new session has to know the folders' counters.
                session.folders().await?;
                looks.extend(rest);
                continue;
            }
        };
        let mut more = Vec::new();
        for ((which, page), harvest) in looks.iter().copied().zip(pages).zip(harvests) {
            let harvest = match harvest {
                Ok(harvest) => harvest,
                Err(error) if costs_session(&error) => return Err(error),
                Err(error) => {
                    jobs[which].fail(error);
                    continue;
                }
            };
            let void = match restarted.get(&which) {
                // Renumbered between two pages of one listing: what was held is of two epochs. The next run begins again.
                Some(_) if harvest.restarted => {
                    held.remove(&which);
                    let failed = "the server renumbered it while it was listed";
                    let tried = format!("list the folder `{}`", jobs[which].row.path);
                    let error = Error::new(Class::Partial, tried, failed).scope(Scope::Folder).because(Renumbered);
                    jobs[which].fail(error.hint("the next run lists it again"));
                    continue;
                }
                Some(void) => *void,
                None => *restarted.entry(which).or_insert(harvest.restarted),
            };
            // A look for additions alone says nothing of the rest: what an earlier run knew of that stays.
            let everything = marks[which].everything.clone().filter(|_| need == Need::Everything);
            let seen = Marks { everything, ..marks[which].clone() };
            let nothing_there = need == Need::Everything && page.is_empty() && !harvest.more;
            let again = take_page(store, session, &mut jobs[which], page, harvest, seen, &mut held, which, void, nothing_there).await;
            match again {
                Ok(true) => more.push(which),
                Ok(false) => {}
                Err(error) if is_ours(&error) => return Err(error),
                Err(error) if costs_session(&error) => {
                    held.remove(&which);
                    if may_retry(&error) && repeated.insert(which) {
                        // Once more, from what was recorded: what left it is known as such before it is fetched elsewhere.
                        *session = sessions.reopen(error).await?;
                        if let Some(row) = recorded(store, jobs[which].row.id).await? {
                            jobs[which].row = row;
                        }
                        if jobs[which].row.cursor == begun[which] {
                            restarted.remove(&which);
                        }
                        more.push(which);
                    } else {
                        // The next run lists it again.
                        *session = sessions.open().await?;
                        jobs[which].fail(error);
                    }
                    session.folders().await?;
                }
                Err(error) => jobs[which].fail(error),
            }
        }
        more.extend(rest);
        looks = more;
    }
    for which in looks.into_iter().filter(|_| !ctx.cancel.is_cancelled()) {
        let tried = format!("list the folder `{}`", jobs[which].row.path);
        jobs[which].fail(Error::new(Class::Protocol, tried, "the server's listing has no end").scope(Scope::Folder));
    }
    link_astray(store, session, jobs).await
}

/// Finds or makes the rows of the folders; and, for new ones, their directories.
pub(in crate::engine) async fn know(store: &Arc<Store>, infos: Vec<FolderInfo>) -> Result<(Vec<Job>, Vec<Marks>)> {
    blocking(store, move |store| {
        let known: HashMap<FolderId, FolderRow> = store.state().folders()?.into_iter().map(|row| (row.remote.clone(), row)).collect();
        let new: Vec<_> = infos.iter().filter(|i| !known.contains_key(&i.id)).map(|i| (i.id.clone(), i.path.clone(), i.role)).collect();
        if !new.is_empty() {
            // A directory of another spelling that stands for the path already is that folder's.
            let here: HashMap<FolderPath, String> = store.folders_here()?.0.into_iter().map(|here| (here.path, here.dir)).collect();
            let choose = |path: &FolderPath, taken: &dyn Fn(&str) -> bool| {
                let usual = store.choose_dir(path, taken);
                let other = here.get(path).filter(|dir| !taken(dir) && !store.open_folder(&usual).is_ok_and(|d| d.is_some()));
                other.cloned().unwrap_or(usual)
            };
            store.state().add_folders(&new, &choose)?;
            store.step("commit-folders");
        }
        let rows: HashMap<FolderId, FolderRow> =
            if new.is_empty() { known } else { store.state().folders()?.into_iter().map(|row| (row.remote.clone(), row)).collect() };
        let redo: Vec<i64> = store.state().wanted_folders()?.into_iter().map(|(folder, _)| folder).collect();
        let (mut jobs, mut marks) = (Vec::with_capacity(infos.len()), Vec::with_capacity(infos.len()));
        let mut failed: HashMap<i64, Box<Error>> = HashMap::new();
        if !store.is_rehearsal() {
            let fresh = infos.iter().filter_map(|info| rows.get(&info.id)).filter(|row| row.cursor.is_none());
            failed.extend(store.make_folders(&fresh.map(|row| (row.id, row.dir.as_str())).collect::<Vec<_>>())?);
        }
        for info in infos {
            let Some(mut row) = rows.get(&info.id).cloned() else { continue };
            row.role = info.role;
            if !store.is_rehearsal() {
                // What a stopped run had published is known before ids may become void.
                if redo.contains(&row.id) {
                    match store.open_folder(&row.dir) {
                        Ok(Some(dir)) => {
                            let recovered = store.redo(row.id, &dir)?;
                            tracing::debug!(recovered, folder = %row.path, "messages that a stopped run had published");
                        }
                        Ok(None) => {}
                        Err(error) if error.scope == Scope::Folder => drop(failed.insert(row.id, error)),
                        Err(error) => return Err(error),
                    }
                }
            }
            let error = failed.remove(&row.id);
            jobs.push(Job { report: FolderReport { error, ..FolderReport::new(info.path.clone()) }, ..Job::new(row) });
            marks.push(info.marks);
        }
        Ok((jobs, marks))
    })
    .await
}

/// Whether anything that matters may have happened since the last look.
fn must_look(row: &FolderRow, now: &Marks, need: Need) -> bool {
    let (then, now) = (row.marks.get(need), now.get(need));
    row.cursor.is_none() || then.is_none() || then != now
}

fn look_at(row: &FolderRow, need: Need) -> LookAt {
    LookAt { folder: row.remote.clone(), cursor: row.cursor.clone(), need }
}

/// Records one page, or holds it back where the whole folder must be matched first. True when another page follows.
#[expect(clippy::too_many_arguments, reason = "one step of one loop; a struct would only rename them")]
async fn take_page(
    store: &Arc<Store>,
    session: &mut Box<dyn Session>,
    job: &mut Job,
    page: Vec<Change>,
    harvest: Harvest,
    marks: Marks,
    held: &mut HashMap<usize, Vec<Listed>>,
    which: usize,
    restarted: bool,
    nothing_there: bool,
) -> Result<bool> {
    let stuck = job.row.cursor.as_ref() == Some(&harvest.cursor);
    let more = harvest.more;
    if more && stuck {
        return Err(Error::new(Class::Protocol, format!("list the folder `{}`", job.row.path), "the server's listing does not go on"));
    }
    // Pages after the first of a folder that is matched whole are held, too; the row's cursor moves in memory only.
    let first_page = !held.contains_key(&which);
    let fresh = job.row.cursor.is_none();
    let candidates = first_page && (restarted || fresh) && has_candidates(store, &job.row, restarted, nothing_there).await?;
    job.row.cursor = Some(harvest.cursor.clone());
    job.passing_ids = harvest.passing_ids;
    if candidates || !first_page {
        held.entry(which).or_default().extend(present(page));
        if more {
            return Ok(true);
        }
        let listed = held.remove(&which).unwrap_or_default();
        let count = listed.len() as u64;
        let Rematched { mut links, files, matched, local_only } =
            rematch(store, session, &job.row, &harvest.cursor, listed, restarted).await?;
        let looked = job.row.role == Some(Role::Trash) && link_moved(store, session, &job.row, &harvest.cursor, &mut links).await?;
        commit(store, job, restarted, (links, News::default(), files), &harvest, marks).await?;
        // Where ids never stay this is so in every run, and nothing has changed.
        job.report.linked += if job.passing_ids && restarted { 0 } else { matched };
        job.report.local_only = local_only;
        job.rematched = Some(Rematch { listed: count, adopted: !restarted });
        if looked && !harvest.doubtful {
            forget_moved(store, job).await?;
        }
        return Ok(false);
    }
    // Ids of before mean nothing after a restart.
    let (listed, news) = if harvest.restarted {
        (present(page), News::default())
    } else {
        let (folder, whole) = (job.row.id, harvest.kind == HarvestKind::Whole && !harvest.doubtful);
        blocking(store, move |store| store.state().sift(folder, page, whole)).await?
    };
    let names = store.clone();
    let mut links: Vec<NewLink> = listed.into_iter().map(|listed| new_link(&names, listed)).collect();
    link_arrived(store, session, &job.row, &harvest.cursor, &mut links).await?;
    let looked = job.row.role == Some(Role::Trash) && link_moved(store, session, &job.row, &harvest.cursor, &mut links).await?;
    let marks = if more { Marks::default() } else { marks };
    let nothing = stuck && !harvest.restarted && links.is_empty() && news.is_empty();
    if nothing && (marks == Marks::default() || marks == job.row.marks) {
        // Most looks of most runs, and an empty commit costs a flush all the same.
        return Ok(false);
    }
    commit(store, job, harvest.restarted, (links, news, Vec::new()), &harvest, marks).await?;
    if looked && !more && !harvest.doubtful {
        forget_moved(store, job).await?;
    }
    if !more && !harvest.doubtful {
        look_for_unseen(store, session, &job.row, &harvest.cursor).await?;
    }
    Ok(more)
}

/// A folder as the state has it.
async fn recorded(store: &Arc<Store>, folder: i64) -> Result<Option<FolderRow>> {
    blocking(store, move |store| Ok(store.state().folders()?.into_iter().find(|row| row.id == folder))).await
}

/// The trash shows all that went there: what is not among it did not go there, and is looked for no more.
async fn forget_moved(store: &Arc<Store>, job: &Job) -> Result<()> {
    let trash = job.row.id;
    blocking(store, move |store| store.state().forget_moved(trash)).await
}

/// The messages of a listing from nothing.
fn present(page: Vec<Change>) -> Vec<Listed> {
    page.into_iter()
        .filter_map(|change| match change {
            Change::Present(listed) | Change::Changed { now: listed, .. } => Some(listed),
            Change::Kept(_) | Change::Gone(_) => None,
        })
        .collect()
}

/// Records what was listed, and what is here without a match, in one commit with the cursor.
async fn commit(
    store: &Arc<Store>,
    job: &mut Job,
    restart: bool,
    (links, news, files): (Vec<NewLink>, News, Vec<FileHere>),
    harvest: &Harvest,
    marks: Marks,
) -> Result<()> {
    // A listing that contradicts the server's counters: those are not relied on, the next run looks again.
    let marks = if harvest.doubtful { Marks::default() } else { marks };
    let (folder, cursor) = (job.row.id, harvest.cursor.clone());
    job.row.epoch = blocking(store, move |store| {
        let page = Page { restart, links: &links, news: &news, files: &files, cursor: &cursor, marks: Some(&marks), now: store.now() };
        let (epoch, _) = store.state().commit_page(folder, &page)?;
        store.step("commit-listing");
        Ok(epoch)
    })
    .await?;
    Ok(())
}

/// Whether anything here may be what the server lists: rows of the epoch that ended, or files that were here before the folder was
/// known. Not where the state is sound and the server has `nothing_there`: then the folder was made here, and its files are new.
async fn has_candidates(store: &Arc<Store>, row: &FolderRow, restarted: bool, nothing_there: bool) -> Result<bool> {
    let (folder, dir) = (row.id, row.dir.clone());
    blocking(store, move |store| {
        if restarted && store.state().totals(folder)?.0 > 0 {
            return Ok(true);
        }
        if nothing_there && store.state().last_run()?.success.is_some() && !store.state().is_rebuilt()? {
            return Ok(false);
        }
        Ok(!restarted && store.open_folder(&dir)?.map_or(Ok(0), |dir| dir.count())? > 0)
    })
    .await
}

/// A row for a message that is wanted.
pub(super) fn new_link(store: &Store, listed: Listed) -> NewLink {
    NewLink {
        remote: listed.id,
        name: store.names.next(),
        size: listed.size,
        date: listed.date,
        flags: listed.flags,
        permanent: listed.permanent,
        here: None,
    }
}
