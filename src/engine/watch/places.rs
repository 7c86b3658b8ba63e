//! Which folders are waited for.

use std::collections::HashSet;
use std::sync::Arc;

use crate::engine::fetch::blocking;
use crate::engine::select::Patterns;
use crate::model::report::AccountReport;
use crate::model::{FolderId, FolderPath, Result, Role};
use crate::store::Store;

/// The folders of an account that are waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// All that take part, the one that matters most first.
    pub all: Vec<FolderId>,
    /// So many of the first were chosen to be listened to, where a session tells of one folder only.
    pub chosen: usize,
}

impl Places {
    /// The chosen ones behind the first, which the session of the runs listens to in any case.
    pub(super) fn further(&self) -> &[FolderId] {
        self.all.get(1..self.chosen).unwrap_or_default()
    }
}

/// The folders of the state that take part and that the run of `report` found there: those that `chosen` takes in the order of its patterns,
/// then the others; the INBOX first among its like.
pub async fn places(store: &Arc<Store>, patterns: &[Patterns], chosen: &Patterns, report: &AccountReport) -> Result<Places> {
    let mut rows = blocking(store, |store| store.state().folders()).await?;
    let there: HashSet<&FolderPath> = report.folders.iter().map(|folder| &folder.folder).collect();
    // One that is only here yet, or here only by now, cannot be opened there.
    rows.retain(|row| row.cursor.is_some() && patterns.iter().all(|patterns| patterns.take(&row.path, row.role)));
    let mut ranked: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let rank = chosen.rank(&row.path, row.role).filter(|_| there.contains(&row.path));
            let is_inbox = row.role == Some(Role::Inbox) || row.path.is_inbox();
            ((rank.unwrap_or(usize::MAX), !there.contains(&row.path), !is_inbox, row.id), row.remote)
        })
        .collect();
    ranked.sort_unstable_by_key(|(rank, _)| *rank);
    let chosen = ranked.iter().filter(|((rank, ..), _)| *rank < usize::MAX).count();
    Ok(Places { all: ranked.into_iter().map(|(_, remote)| remote).collect(), chosen })
}
