//! `mailx folders`: what is there, and what is here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{AccountFolders, FolderRow, Globals, Target, account, off_thread, run::layout, unless_stopped};
use crate::config::Account;
use crate::engine::select::Patterns;
use crate::model::event::Silent;
use crate::model::{FolderPath, Result};
use crate::store::disk::OsDisk;
use crate::store::state::SqliteOpener;
use crate::store::survey;

/// The folders of the accounts, there and here, by path. `patterns` choose among them; without any, all are shown.
pub async fn folders(globals: &Globals, target: &Target, patterns: &[String]) -> Result<Vec<AccountFolders>> {
    let shown = Patterns::new(patterns)?;
    let mut all = Vec::new();
    for account in account::select(globals, target)? {
        let folders = one(globals, &account, &shown).await;
        all.push(AccountFolders { name: account.name, folders });
    }
    Ok(all)
}

async fn one(globals: &Globals, account: &Account, shown: &Patterns) -> Result<Vec<FolderRow>> {
    let backend = account::patient_backend(globals, account)?;
    let selected = Patterns::new(&account.folders)?;
    let there = unless_stopped(&globals.cancel, "list the folders", async {
        let mut session = backend.open(&account::looking_ctx(globals, account, Arc::new(Silent)).await?).await?;
        let there = session.folders_with_sizes().await?;
        session.close().await?;
        Ok(there)
    })
    .await?;
    let (root, layout) = (account.maildir.clone(), layout(account.layout));
    let here = off_thread("look at the Maildir", move || survey::folders(&OsDisk, &SqliteOpener, &root, layout)).await?;

    let mut rows: BTreeMap<FolderPath, FolderRow> = BTreeMap::new();
    let mut alike = Vec::new();
    for info in there {
        let row = FolderRow {
            path: info.path.clone(),
            role: info.role,
            listed: true,
            there: info.messages,
            there_octets: info.octets,
            here: None,
            selected: selected.take(&info.path, info.role),
        };
        // Two names there may decode to one path: both are shown.
        alike.extend(rows.insert(info.path, row));
    }
    for (path, count) in here {
        let selected = selected.take(&path, None);
        let row = FolderRow { path: path.clone(), role: None, listed: false, there: None, there_octets: None, here: None, selected };
        rows.entry(path).or_insert(row).here = Some(count);
    }
    let mut rows: Vec<FolderRow> = rows.into_values().chain(alike).filter(|row| shown.take(&row.path, row.role)).collect();
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(rows)
}
