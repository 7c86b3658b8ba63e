//! `mailx account test`: reaches a server step by step; each step is an event.

use std::sync::Arc;

use super::{Globals, Observers, Target, account, send, unless_stopped};
use crate::backend::FolderInfo;
use crate::config::Account;
use crate::model::event::Step;
use crate::model::{Event, Observer, Result};

/// Logs in to every account, lists its folders and reaches the place that takes what it sends; writes nothing.
pub async fn probe(globals: &Globals, target: &Target, observers: &Observers<'_>) -> Result<Vec<(String, Result<Vec<FolderInfo>>)>> {
    let mut results = Vec::new();
    // One after the other, so that the steps of one account stand together.
    for account in account::select(globals, target)? {
        let found = one(globals, &account, observers(&account.name)).await;
        results.push((account.name, found));
    }
    Ok(results)
}

/// The same for one account. One that only sends has no folders.
pub(super) async fn one(globals: &Globals, account: &Account, observer: Arc<dyn Observer>) -> Result<Vec<FolderInfo>> {
    let only_sends = account.receive.is_none() && account.sends();
    let folders = if only_sends { Vec::new() } else { look(globals, account, observer.clone()).await? };
    if account.sends() {
        unless_stopped(&globals.cancel, "reach the server that takes mail", send::reach(globals, account, observer)).await?;
    }
    Ok(folders)
}

async fn look(globals: &Globals, account: &Account, observer: Arc<dyn Observer>) -> Result<Vec<FolderInfo>> {
    let backend = account::patient_backend(globals, account)?;
    let ctx = account::looking_ctx(globals, account, observer.clone()).await?;
    unless_stopped(&globals.cancel, "reach the server", async {
        let mut session = backend.open(&ctx).await?;
        let folders = session.folders().await?;
        // The numbers are the server's: their sum may be beyond all bounds.
        let messages = folders.iter().filter_map(|f| f.messages).reduce(u64::saturating_add);
        let count = folders.len();
        let plural = if count == 1 { "" } else { "s" };
        // Some servers say nothing of how much there is before it is listed.
        let detail = messages.map_or_else(String::new, |messages| format!(", {messages} messages"));
        let detail = format!("{count} folder{plural}{detail}");
        observer.on(&Event::Reached { step: Step::Folders, detail: &detail });
        session.close().await?;
        Ok(folders)
    })
    .await
}
