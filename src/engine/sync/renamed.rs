//! Folders that were renamed there, and keep their handles: their directories are renamed here.
//!
//! A server whose handles are names (IMAP) lists another folder instead, and the messages move one by one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::backend::FolderInfo;
use crate::engine::fetch::blocking;
use crate::model::report::{FolderReport, PlannedAction};
use crate::model::{Class, Error, FolderId, FolderPath, Result, Role, Scope};
use crate::store::Store;
use crate::store::state::FolderRow;

/// What came of it.
#[derive(Default)]
pub(super) struct Followed {
    /// What a dry run tells.
    pub planned: Vec<PlannedAction>,
    /// Folders whose new names are taken here.
    pub reports: Vec<FolderReport>,
}

/// Renames the directories of folders that the server lists under their handles at other paths, where they are what was recorded: any other
/// is a matter of the plan and the guard.
pub(super) async fn follow(
    store: &Arc<Store>,
    listed: &[FolderInfo],
    takes: &(dyn Fn(&FolderPath, Option<Role>) -> bool + Sync),
) -> Result<Followed> {
    let there: HashMap<FolderId, FolderPath> = listed
        .iter()
        .filter(|info| !info.path.is_inbox() && takes(&info.path, info.role))
        .map(|info| (info.id.clone(), info.path.clone()))
        .collect();
    blocking(store, move |store| {
        let mut rows = store.state().folders()?;
        let mut queue: Vec<(usize, FolderPath)> = Vec::new();
        for (n, row) in rows.iter().enumerate().filter(|(_, row)| !row.path.is_inbox()) {
            queue.extend(there.get(&row.remote).filter(|path| **path != row.path).map(|path| (n, path.clone())));
        }
        // Those above first: they take along what is below them.
        queue.sort_by_key(|(_, path)| path.levels().len());
        let mut queue = VecDeque::from(queue);
        let mut followed = Followed::default();
        let mut taken_along: HashSet<usize> = HashSet::new();
        while let Some((n, path)) = queue.pop_front() {
            let Some(to) = place(store, &rows, n, &path)? else { continue };
            if store.is_rehearsal() {
                followed.planned.push(PlannedAction { action: "rename-folder-here", folder: path.clone(), id: None, bytes: None });
            } else if let Some(along) = carry(store, &mut rows, n, &to)? {
                for below in along.into_iter().filter(|below| taken_along.insert(*below)) {
                    // It may have stayed where it was there: then it goes back.
                    queue.extend(there.get(&rows[below].remote).map(|path| (below, path.clone())));
                }
            } else {
                followed.reports.push(is_taken(&rows[n].path, &path));
                continue;
            }
            let row = &mut rows[n];
            if row.path != path || row.dir != to {
                // What a rehearsal does not rename stays in its place.
                let dir = if store.is_rehearsal() { row.dir.clone() } else { to };
                store.state().rename_folder(row.id, &row.remote, &path, &dir)?;
                store.step("commit-folders");
                (row.path, row.dir) = (path, dir);
            }
        }
        Ok(followed)
    })
    .await
}

/// The directory that a folder shall have; `None` where its own is not what was recorded.
fn place(store: &Store, rows: &[FolderRow], n: usize, path: &FolderPath) -> Result<Option<String>> {
    let row = &rows[n];
    let is_taken = |dir: &str| {
        let dir = dir.to_lowercase();
        rows.iter().enumerate().any(|(other, row)| other != n && row.dir.to_lowercase() == dir)
    };
    let to = store.choose_dir(path, &is_taken);
    let known = store.state().directory(row.id)?;
    // It has the new name already, where a run did not live to record that, or somebody has renamed it here as well.
    let now = match store.open_folder(&row.dir)? {
        Some(dir) => Some(dir),
        None if known.is_some() => store.open_folder(&to)?,
        None => None,
    };
    let Some(now) = now else { return Ok(None) };
    let identity = now.identity()?;
    Ok(known.is_none_or(|known| known.is(&identity)).then_some(to))
}

/// Renames a folder's directory, and records what that takes along: which are those below it. `None`: something has that name.
fn carry(store: &Store, rows: &mut [FolderRow], n: usize, to: &str) -> Result<Option<Vec<usize>>> {
    let from = rows[n].dir.clone();
    if from == to {
        return Ok(Some(Vec::new()));
    }
    let below = |dir: &str| dir.strip_prefix(&from).filter(|rest| rest.starts_with('/')).map(|rest| format!("{to}{rest}"));
    let along: Vec<(usize, String)> = rows.iter().enumerate().filter_map(|(n, row)| Some((n, below(&row.dir)?))).collect();
    let wanted: HashSet<String> = along.iter().map(|(_, dir)| dir.to_lowercase()).collect();
    // Directories that others have, and that need not be there.
    if rows.iter().any(|row| below(&row.dir).is_none() && wanted.contains(&row.dir.to_lowercase())) {
        return Ok(None);
    }
    if store.open_folder(&from)?.is_some() {
        if !store.carry_folder(&from, to)? {
            return Ok(None);
        }
        store.step("rename-folder");
    }
    for (below, dir) in &along {
        let row = &mut rows[*below];
        row.dir.clone_from(dir);
        // Before the folder itself: until that is recorded, the next run does all of this again.
        store.state().rename_folder(row.id, &row.remote, &row.path, &row.dir)?;
        store.step("commit-folders");
    }
    Ok(Some(along.into_iter().map(|(below, _)| below).collect()))
}

fn is_taken(path: &FolderPath, to: &FolderPath) -> FolderReport {
    let tried = format!("rename the folder `{path}` to `{to}`, as the server has");
    let error = Error::new(Class::Partial, tried, "a directory of that name is here already").scope(Scope::Folder);
    let error = error.safe("its mail stays where it is").hint("give that directory another name");
    FolderReport { error: Some(error), ..FolderReport::new(to.clone()) }
}
