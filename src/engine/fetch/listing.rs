//! What is new there: folders, marks, pages of ids; and a row for each id, in one commit with the cursor.

use std::collections::HashMap;
use std::sync::Arc;

use crate::backend::{Ctx, FolderInfo, LookAt, Session};
use crate::model::change::{Harvest, Marks};
use crate::model::report::FolderReport;
use crate::model::{Change, Class, Error, Event, FolderId, Listed, Need, Renumbered, Result, Role, Scope};
use crate::store::state::{FileHere, FolderRow, NewLink};
use crate::store::{Store, root};

use super::rematch::{Rematched, link_moved, rematch};
use super::sessions::{Sessions, costs_session, is_ours};
use super::{FetchOptions, Job, Rematch, blocking};

/// Folders that are looked into with one call: bounds what is held before it is recorded.
const FOLDERS_AT_ONCE: usize = 32;
/// Pages of one folder in one run; a server that always says "more" ends here.
const MAX_PAGES: usize = 100_000;

/// Lists folders and what is new in those that changed. Returns the session and the folders that take part, in the server's order.
pub(super) async fn list(
    store: &Arc<Store>,
    sessions: &Sessions,
    ctx: &Ctx,
    options: &FetchOptions,
) -> Result<(Option<Box<dyn Session>>, Vec<Job>)> {
    let mut session = sessions.take().await?;
    let infos = loop {
        match session.folders().await {
            Ok(infos) => break infos,
            Err(error) => session = sessions.reopen(error).await?,
        }
    };
    let infos: Vec<FolderInfo> = infos.into_iter().filter(|i| options.folders.iter().all(|p| p.take(&i.path, i.role))).collect();
    ctx.observer.on(&Event::FoldersFound(infos.len()));
    let (mut jobs, marks) = know(store, infos).await?;

    let mut looks: Vec<usize> = (0..jobs.len()).filter(|i| must_look(&jobs[*i].row, &marks[*i])).collect();
    let mut held: HashMap<usize, Vec<Listed>> = HashMap::new();
    let mut restarted: HashMap<usize, bool> = HashMap::new();
    for _ in 0..MAX_PAGES {
        if looks.is_empty() || ctx.cancel.is_cancelled() {
            break;
        }
        // A group at a time: what came of it is recorded before the next is asked for.
        let rest = looks.split_off(looks.len().min(FOLDERS_AT_ONCE));
        let at: Vec<LookAt> = looks.iter().map(|i| look_at(&jobs[*i].row)).collect();
        let mut pages: Vec<Vec<Listed>> = at.iter().map(|_| Vec::new()).collect();
        let looked = session
            .changes(&at, &mut |which, change| {
                if let (Some(page), Change::Present(listed)) = (pages.get_mut(which), change) {
                    page.push(listed);
                }
            })
            .await;
        let harvests = match looked {
            Ok(harvests) => harvests,
            // Nothing of it was recorded, so it can be asked again.
            Err(error) => {
                session = sessions.reopen(error).await?;
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
            let again = take_page(store, &mut session, &mut jobs[which], page, harvest, marks[which].clone(), &mut held, which, void).await;
            match again {
                Ok(true) => more.push(which),
                Ok(false) => {}
                Err(error) if is_ours(&error) => return Err(error),
                Err(error) if costs_session(&error) => {
                    // Nothing of this folder was recorded: the next run lists it again.
                    held.remove(&which);
                    session = sessions.open().await?;
                    jobs[which].fail(error);
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
    Ok((Some(session), jobs))
}

/// Finds or makes the rows of the folders; and, for new ones, their directories.
async fn know(store: &Arc<Store>, infos: Vec<FolderInfo>) -> Result<(Vec<Job>, Vec<Marks>)> {
    blocking(store, move |store| {
        let known: HashMap<FolderId, FolderRow> = store.state().folders()?.into_iter().map(|row| (row.remote.clone(), row)).collect();
        let new: Vec<_> = infos.iter().filter(|i| !known.contains_key(&i.id)).map(|i| (i.id.clone(), i.path.clone(), i.role)).collect();
        if !new.is_empty() {
            store.state().add_folders(&new, |path, taken| store.choose_dir(path, taken))?;
            store.step("commit-folders");
        }
        let rows: HashMap<FolderId, FolderRow> =
            if new.is_empty() { known } else { store.state().folders()?.into_iter().map(|row| (row.remote.clone(), row)).collect() };
        let redo: Vec<i64> = store.state().wanted_folders()?.into_iter().map(|(folder, _)| folder).collect();
        let (mut jobs, mut marks, mut made) = (Vec::with_capacity(infos.len()), Vec::with_capacity(infos.len()), Vec::new());
        for info in infos {
            let Some(mut row) = rows.get(&info.id).cloned() else { continue };
            row.role = info.role;
            if !store.is_rehearsal() {
                if row.cursor.is_none() {
                    let (dev, ino) = store.make_folder(&row.dir)?.identity()?;
                    made.push((row.id, dev, ino));
                }
                // What a stopped run had published is known before ids may become void.
                if redo.contains(&row.id)
                    && let Some(dir) = store.open_folder(&row.dir)?
                {
                    let recovered = store.redo(row.id, &dir)?;
                    tracing::debug!(recovered, folder = %row.path, "messages that a stopped run had published");
                }
            }
            let report = FolderReport::new(info.path.clone());
            jobs.push(Job {
                row,
                report,
                planned: (0, 0),
                rematched: None,
                passing_ids: false,
                copies: Vec::new(),
                ended: 0,
                target: None,
            });
            marks.push(info.marks);
        }
        if !made.is_empty() {
            store.state().set_directories(&made)?;
        }
        Ok((jobs, marks))
    })
    .await
}

/// Whether anything may have been added since the last look.
fn must_look(row: &FolderRow, now: &Marks) -> bool {
    let (then, now) = (row.marks.get(Need::Additions), now.get(Need::Additions));
    row.cursor.is_none() || then.is_none() || then != now
}

fn look_at(row: &FolderRow) -> LookAt {
    LookAt { folder: row.remote.clone(), cursor: row.cursor.clone(), need: Need::Additions }
}

/// Records one page, or holds it back where the whole folder must be matched first. True when another page follows.
#[expect(clippy::too_many_arguments, reason = "one step of one loop; a struct would only rename them")]
async fn take_page(
    store: &Arc<Store>,
    session: &mut Box<dyn Session>,
    job: &mut Job,
    page: Vec<Listed>,
    harvest: Harvest,
    marks: Marks,
    held: &mut HashMap<usize, Vec<Listed>>,
    which: usize,
    restarted: bool,
) -> Result<bool> {
    let stuck = job.row.cursor.as_ref() == Some(&harvest.cursor);
    let more = harvest.more;
    if more && stuck {
        return Err(Error::new(Class::Protocol, format!("list the folder `{}`", job.row.path), "the server's listing does not go on"));
    }
    // Pages after the first of a folder that is matched whole are held, too; the row's cursor moves in memory only.
    let first_page = !held.contains_key(&which);
    let fresh = job.row.cursor.is_none();
    let candidates = first_page && (restarted || fresh) && has_candidates(store, &job.row, restarted).await?;
    job.row.cursor = Some(harvest.cursor.clone());
    job.passing_ids = harvest.passing_ids;
    if candidates || !first_page {
        held.entry(which).or_default().extend(page);
        if more {
            return Ok(true);
        }
        let listed = held.remove(&which).unwrap_or_default();
        let count = listed.len() as u64;
        let Rematched { mut links, files, matched, local_only } =
            rematch(store, session, &job.row, &harvest.cursor, listed, restarted).await?;
        job.report.linked += matched;
        job.report.local_only = local_only;
        job.rematched = Some(Rematch { listed: count, adopted: !restarted });
        if job.row.role == Some(Role::Trash) {
            link_moved(store, session, &job.row, &harvest.cursor, &mut links).await?;
        }
        commit(store, job, restarted, (links, files), &harvest, marks).await?;
        return Ok(false);
    }
    let names = store.clone();
    let mut links: Vec<NewLink> = page.into_iter().map(|listed| new_link(&names, listed)).collect();
    if job.row.role == Some(Role::Trash) {
        link_moved(store, session, &job.row, &harvest.cursor, &mut links).await?;
    }
    let marks = if more { Marks::default() } else { marks };
    commit(store, job, harvest.restarted, (links, Vec::new()), &harvest, marks).await?;
    Ok(more)
}

/// Records what was listed, and what is here without a match, in one commit with the cursor.
async fn commit(
    store: &Arc<Store>,
    job: &mut Job,
    restart: bool,
    (links, files): (Vec<NewLink>, Vec<FileHere>),
    harvest: &Harvest,
    marks: Marks,
) -> Result<()> {
    // A listing that contradicts the server's counters: those are not relied on, the next run looks again.
    let marks = if harvest.doubtful { Marks::default() } else { marks };
    let (folder, cursor) = (job.row.id, harvest.cursor.clone());
    job.row.epoch = blocking(store, move |store| {
        let (epoch, _) = store.state().commit_page(folder, restart, &links, &files, &cursor, Some(&marks), root::now())?;
        store.step("commit-listing");
        Ok(epoch)
    })
    .await?;
    Ok(())
}

/// Whether anything here may be what the server lists: rows of the epoch that ended, or files that were here before the folder was
/// known.
async fn has_candidates(store: &Arc<Store>, row: &FolderRow, restarted: bool) -> Result<bool> {
    let (folder, dir) = (row.id, row.dir.clone());
    blocking(store, move |store| {
        if restarted && store.state().totals(folder)?.0 > 0 {
            return Ok(true);
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
