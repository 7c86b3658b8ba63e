//! Folders: made, renamed and removed on either side, never one with mail in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backend::{Ctx, FolderInfo, FolderOrder, FolderOutcome, Session};
use crate::engine::fetch::blocking;
use crate::engine::fetch::listing::{all_folders, lacking, rehome};
use crate::engine::fetch::sessions::Sessions;
use crate::model::caps::Folders as FolderCaps;
use crate::model::change::Marks;
use crate::model::report::{AccountReport, FolderReport, PlannedAction};
use crate::model::{Class, Error, FolderId, FolderPath, Result, Role, Scope};
use crate::store::disk::Identity;
use crate::store::state::FolderRow;
use crate::store::survey::Odd;
use crate::store::{FolderHere, Store};

use super::SyncOptions;
use super::renamed::{Followed, follow};

/// The folders of a run, once both sides have the same.
#[derive(Default)]
pub(super) struct Agreed {
    /// Folders there that take part.
    pub infos: Vec<FolderInfo>,
    /// Folders that the server does not list any more, with mail in them here.
    pub absent: Vec<FolderRow>,
    /// Folders that the server does not list any more, and that hold nothing.
    pub remove_here: Vec<FolderRow>,
    /// The trash there.
    pub trash: Option<FolderId>,
    /// Folders that a dry run only takes for made.
    pub unborn: HashSet<FolderId>,
    /// What a dry run tells.
    pub planned: Vec<PlannedAction>,
    /// Folders that are told of apart: refused ones, gaps.
    pub reports: Vec<FolderReport>,
}

/// What is to be done about folders there.
#[derive(Debug, Default, PartialEq, Eq)]
struct FolderPlan {
    /// New directories here.
    create: Vec<FolderHere>,
    /// Directories that were renamed here.
    rename: Vec<(FolderRow, FolderHere)>,
    /// Folders whose directories were removed here while nothing was in them.
    remove: Vec<FolderRow>,
    /// Directories that stand for a folder which another one is, or whose names differ from another folder's in upper and lower case
    /// only: no folder of the state can be like that.
    clashes: Vec<FolderHere>,
}

/// What is known of folders on both sides.
struct Known {
    rows: Vec<FolderRow>,
    /// Messages that both sides have, by row.
    linked: HashMap<i64, u64>,
    here: Vec<FolderHere>,
    /// Directories that hold mail and can be no folder.
    odd: Vec<Odd>,
    /// Directories of rows that are not there, but something else in their place, or nobody can look at them.
    blocked: HashSet<String>,
    /// Their directories as recorded, by row.
    identity: HashMap<i64, Identity>,
}

/// The gap of a server that has an INBOX and nothing else.
const NO_FOLDERS: &str = "folders";

/// Brings the folders of both sides together.
pub(super) async fn agree(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: &mut Box<dyn Session>,
    ctx: &Ctx,
    options: &SyncOptions,
) -> Result<Agreed> {
    let mut listed = all_folders(session, sessions).await?;
    rehome(store, &listed).await?;
    let takes = |path: &FolderPath, role| options.pull.takes(path, role);
    let Followed { planned, reports } = follow(store, &listed, &takes).await?;
    let mut agreed = Agreed { planned, reports, ..Agreed::default() };
    let ids: HashSet<FolderId> = listed.iter().map(|i| i.id.clone()).collect();
    let known = blocking(store, move |store| know(store, &ids)).await?;
    let plan = plan(&known, &listed, &takes);
    // Before anything is removed: a folder that goes in this run was there.
    agreed.reports.extend(lacking(store, &options.pull, &listed).await?);
    let word = match session.caps().folders {
        FolderCaps::Tree => None,
        FolderCaps::ReadOnly => Some("folder-changes"),
        FolderCaps::InboxOnly => Some(NO_FOLDERS),
    };
    if let Some(word) = word {
        agreed.reports.extend(plan.orders().iter().map(|(_, path)| gap(path, word)));
    } else if store.is_rehearsal() {
        rehearse(store, &plan, &mut listed, &mut agreed).await?;
    } else if !plan.is_empty() && !ctx.cancel.is_cancelled() {
        listed = carry_out(store, sessions, session, &plan, &mut agreed).await?;
    }
    let ids: HashSet<&FolderId> = listed.iter().map(|i| &i.id).collect();
    agreed.reports.extend(plan.clashes.iter().map(clash));
    let is_row = |odd: &Odd| known.rows.iter().any(|row| row.dir == odd.dir);
    agreed.reports.extend(known.odd.iter().filter(|odd| !is_row(odd) && takes(&odd.path(), None)).map(left_out));
    let rows = if plan.is_empty() { known.rows.clone() } else { blocking(store, |store| store.state().folders()).await? };
    for row in rows.into_iter().filter(|row| row.cursor.is_some() && !ids.contains(&row.remote) && takes(&row.path, row.role)) {
        if word == Some(NO_FOLDERS) {
            // Such a server says nothing of them: they were another protocol's, and wait for it.
            agreed.reports.push(gap(&row.path, NO_FOLDERS));
        } else if known.linked.get(&row.id).is_some_and(|n| *n > 0) {
            agreed.absent.push(row);
        } else if !row.path.is_inbox() {
            agreed.remove_here.push(row);
        }
    }
    if store.is_rehearsal() {
        let action = |row: &FolderRow| PlannedAction { action: "remove-folder-here", folder: row.path.clone(), id: None, bytes: None };
        agreed.planned.extend(agreed.remove_here.iter().map(action));
    }
    agreed.trash = listed.iter().find(|i| i.role == Some(Role::Trash)).map(|i| i.id.clone());
    // What was removed there in this run is not looked into.
    let removed: HashSet<FolderId> =
        if store.is_rehearsal() { plan.remove.iter().map(|row| row.remote.clone()).collect() } else { HashSet::new() };
    agreed.infos = listed.into_iter().filter(|i| takes(&i.path, i.role) && !removed.contains(&i.id)).collect();
    Ok(agreed)
}

fn gap(path: &FolderPath, word: &'static str) -> FolderReport {
    FolderReport { unsupported: vec![word], ..FolderReport::new(path.clone()) }
}

fn clash(here: &FolderHere) -> FolderReport {
    let failed = "another folder has the same name, or one that differs in upper and lower case only";
    not_synced(&here.dir, &here.path, failed)
}

fn left_out(odd: &Odd) -> FolderReport {
    not_synced(&odd.dir, &odd.path(), &odd.why)
}

fn not_synced(dir: &str, path: &FolderPath, failed: &str) -> FolderReport {
    let error = Error::new(Class::Partial, format!("sync the directory `{dir}`"), failed).scope(Scope::Folder);
    let error = error.safe("the mail in it stays here").hint("give the directory another name, or put a real one in its place");
    FolderReport { error: Some(error), ..FolderReport::new(path.clone()) }
}

fn know(store: &Store, listed: &HashSet<FolderId>) -> Result<Known> {
    let rows = store.state().folders()?;
    let (here, odd) = store.folders_here()?;
    let dirs: HashSet<&str> = here.iter().map(|h| h.dir.as_str()).collect();
    let (mut linked, mut identity, mut blocked) = (HashMap::new(), HashMap::new(), HashSet::new());
    for row in &rows {
        if !dirs.contains(row.dir.as_str()) && store.is_blocked(&row.dir)? {
            blocked.insert(row.dir.clone());
        }
        if let Some(known) = store.state().directory(row.id)? {
            identity.insert(row.id, known);
        }
        // Only those that may have to go are counted: the others may be large.
        if !dirs.contains(row.dir.as_str()) || !listed.contains(&row.remote) {
            linked.insert(row.id, store.state().linked_count(row.id, u64::MAX)?);
        }
    }
    Ok(Known { rows, linked, here, odd, blocked, identity })
}

/// Decides about folders there. Pure.
fn plan(known: &Known, listed: &[FolderInfo], takes: &dyn Fn(&FolderPath, Option<Role>) -> bool) -> FolderPlan {
    let there: HashMap<&FolderPath, &FolderInfo> = listed.iter().map(|i| (&i.path, i)).collect();
    let ids: HashMap<&FolderId, &FolderInfo> = listed.iter().map(|i| (&i.id, i)).collect();
    let row_dirs: HashSet<&str> = known.rows.iter().map(|row| row.dir.as_str()).collect();
    let folded: HashSet<String> = known.rows.iter().map(|row| row.dir.to_lowercase()).collect();
    let here_dirs: HashSet<&str> = known.here.iter().map(|h| h.dir.as_str()).collect();
    let lost: Vec<&FolderRow> = known
        .rows
        .iter()
        .filter(|row| row.cursor.is_some() && !here_dirs.contains(row.dir.as_str()) && takes(&row.path, row.role))
        .filter(|row| !known.blocked.contains(&row.dir))
        .collect();
    let new: Vec<&FolderHere> = known.here.iter().filter(|h| !row_dirs.contains(h.dir.as_str()) && takes(&h.path, None)).collect();
    // Paths that have their directory.
    let mut taken: HashSet<&FolderPath> = known.rows.iter().filter(|r| here_dirs.contains(r.dir.as_str())).map(|r| &r.path).collect();
    // Or it was renamed there by a run that did not live to record it; its handle may have changed with that, or not.
    let may_rename = |row: &FolderRow, here: &FolderHere| match (ids.get(&row.remote), there.contains_key(&here.path)) {
        (Some(info), taken) => info.path == here.path || !taken,
        (None, taken) => taken,
    };
    let mut plan = FolderPlan::default();
    let mut renamed: HashSet<i64> = HashSet::new();
    for here in &new {
        if folded.contains(&here.dir.to_lowercase()) || !taken.insert(&here.path) {
            plan.clashes.push((*here).clone());
            continue;
        }
        if here.path.is_inbox() {
            continue;
        }
        let was = lost.iter().find(|row| {
            known.identity.get(&row.id).is_some_and(|known| known.is(&here.identity)) && !row.path.is_inbox() && row.role.is_none()
        });
        match was {
            Some(row) if may_rename(row, here) => {
                renamed.insert(row.id);
                plan.rename.push(((*row).clone(), (*here).clone()));
            }
            _ if !there.contains_key(&here.path) => plan.create.push((*here).clone()),
            _ => {}
        }
    }
    // A server takes folders below along. Where they did not go the same way here, messages are moved one by one instead.
    let ways: HashMap<FolderPath, FolderPath> = plan.rename.iter().map(|(row, here)| (row.path.clone(), here.path.clone())).collect();
    let together = |row: &FolderRow, here: &FolderHere| {
        let depth = row.path.levels().len();
        let below = listed.iter().filter(|i| i.path.levels().len() > depth && i.path.levels().starts_with(row.path.levels()));
        let mut below = below.map(|i| (&i.path, &i.path.levels()[depth..]));
        below.all(|(path, rest)| {
            let expected = FolderPath::new(here.path.levels().iter().chain(rest).cloned());
            ways.get(path).cloned() == expected
        })
    };
    let (rename, apart): (Vec<_>, Vec<_>) = std::mem::take(&mut plan.rename).into_iter().partition(|(row, here)| together(row, here));
    for (row, here) in apart {
        renamed.remove(&row.id);
        if !there.contains_key(&here.path) {
            plan.create.push(here);
        }
    }
    plan.rename = rename;
    plan.rename.sort_by_key(|(row, _)| row.path.levels().len());
    plan.create.sort_by_key(|here| here.path.levels().len());
    let empty = |row: &&&FolderRow| known.linked.get(&row.id) == Some(&0) && row.role.is_none() && !row.path.is_inbox();
    plan.remove = lost
        .iter()
        // A message may have come into it there meanwhile: then it stays, and comes back here.
        .filter(|row| !renamed.contains(&row.id) && ids.get(&row.remote).is_some_and(|i| i.messages.unwrap_or(0) == 0))
        .filter(empty)
        .map(|row| (*row).clone())
        .collect();
    plan.remove.sort_by_key(|row| std::cmp::Reverse(row.path.levels().len()));
    plan
}

impl FolderPlan {
    fn is_empty(&self) -> bool {
        self.create.is_empty() && self.rename.is_empty() && self.remove.is_empty()
    }

    /// Those that are renamed there, too: another spelling of a directory's name may stand for the same path.
    fn renamed(&self) -> impl Iterator<Item = &(FolderRow, FolderHere)> {
        self.rename.iter().filter(|(row, here)| row.path != here.path)
    }

    fn actions(&self) -> Vec<PlannedAction> {
        let action = |action, folder: &FolderPath| PlannedAction { action, folder: folder.clone(), id: None, bytes: None };
        let rename = self.renamed().map(|(_, here)| action("rename-folder-there", &here.path));
        let create = self.create.iter().map(|here| action("create-folder-there", &here.path));
        rename.chain(create).chain(self.remove.iter().map(|row| action("remove-folder-there", &row.path))).collect()
    }

    fn orders(&self) -> Vec<(FolderOrder, &FolderPath)> {
        let rename = self.renamed().map(|(row, here)| (FolderOrder::Rename { id: row.remote.clone(), to: here.path.clone() }, &here.path));
        let create = self.create.iter().map(|here| (FolderOrder::Create { path: here.path.clone() }, &here.path));
        let remove = self.remove.iter().map(|row| (FolderOrder::Remove { id: row.remote.clone() }, &row.path));
        rename.chain(create).chain(remove).collect()
    }
}

/// In a dry run: what the plan would make, rename and remove is taken for done, so that the messages are planned as they will be.
async fn rehearse(store: &Arc<Store>, plan: &FolderPlan, listed: &mut Vec<FolderInfo>, agreed: &mut Agreed) -> Result<()> {
    agreed.planned.extend(plan.actions());
    let renamed: Vec<(i64, FolderId, FolderHere)> =
        plan.rename.iter().map(|(row, here)| (row.id, row.remote.clone(), here.clone())).collect();
    for (_, id, here) in &renamed {
        listed.iter_mut().filter(|i| i.id == *id).for_each(|i| i.path = here.path.clone());
    }
    blocking(store, move |store| {
        renamed.iter().try_for_each(|(row, id, here)| store.state().rename_folder(*row, id, &here.path, &here.dir))
    })
    .await?;
    for here in &plan.create {
        // No server's handle is like this.
        let id = FolderId(format!("\0{}", here.dir).into_bytes());
        agreed.unborn.insert(id.clone());
        let marks = Marks::default();
        listed.push(FolderInfo { id, path: here.path.clone(), role: None, messages: None, octets: None, marks });
    }
    Ok(())
}

/// Carries the plan out, and lists the folders again.
async fn carry_out(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: &mut Box<dyn Session>,
    plan: &FolderPlan,
    agreed: &mut Agreed,
) -> Result<Vec<FolderInfo>> {
    let (orders, paths): (Vec<FolderOrder>, Vec<&FolderPath>) = plan.orders().into_iter().unzip();
    // Each of them may be repeated, so a lost answer costs nothing.
    let outcomes = loop {
        match session.reshape(&orders).await {
            Ok(outcomes) => break outcomes,
            Err(error) => *session = sessions.reopen(error).await?,
        }
    };
    store.step("answer");
    for (path, outcome) in paths.into_iter().zip(outcomes) {
        if let FolderOutcome::Refused(why) = outcome {
            let failed = format!("the server refuses: {why}");
            let tried = format!("change the folder `{path}` on the server");
            let error = Error::new(Class::Partial, tried, failed).scope(Scope::Folder).safe("the mail in it stays here");
            agreed.reports.push(FolderReport { error: Some(error), ..FolderReport::new(path.clone()) });
        }
    }
    let listed = all_folders(session, sessions).await?;
    record(store, plan, &listed).await?;
    Ok(listed)
}

/// Records what became of renamed and removed folders.
async fn record(store: &Arc<Store>, plan: &FolderPlan, listed: &[FolderInfo]) -> Result<()> {
    let find = |path: &FolderPath| listed.iter().find(|i| i.path == *path).map(|i| i.id.clone());
    let renamed: Vec<(i64, FolderId, FolderHere)> = plan
        .rename
        .iter()
        .filter(|(row, here)| !listed.iter().any(|i| i.id == row.remote && i.path != here.path))
        .filter_map(|(row, here)| Some((row.id, find(&here.path)?, here.clone())))
        .collect();
    let removed: Vec<i64> = plan.remove.iter().filter(|row| !listed.iter().any(|i| i.id == row.remote)).map(|row| row.id).collect();
    blocking(store, move |store| {
        for (row, id, here) in &renamed {
            store.state().rename_folder(*row, id, &here.path, &here.dir)?;
        }
        store.state().forget_folders(&removed)?;
        store.step("commit-folders");
        Ok(())
    })
    .await
}

/// Removes folders here that the server removed while nothing was in them.
pub(super) async fn remove_here(store: &Arc<Store>, rows: &[FolderRow], report: &mut AccountReport) -> Result<()> {
    for row in rows {
        let (id, dir) = (row.id, row.dir.clone());
        let removed = blocking(store, move |store| {
            let removed = store.remove_folder(&dir)?;
            store.step("remove-folder");
            // Somebody's new mail in it, and nothing that we know: then it is a folder that was made here.
            if removed || !store.state().has_rows(id)? {
                store.state().forget_folders(&[id])?;
                store.step("commit-folders");
            }
            Ok(removed)
        })
        .await?;
        if !removed {
            // The next run makes the folder there again.
            report.folders.push(FolderReport { local_only: 1, ..FolderReport::new(row.path.clone()) });
        }
    }
    Ok(())
}
