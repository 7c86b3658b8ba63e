//! `mailx status`: what is stored here and how the last run ended; from the state alone unless the server is asked, too.

use std::sync::Arc;

use super::{AccountStatus, Globals, OutboxCount, Target, account, off_thread, run::layout, send, unless_stopped};
use crate::config::Account;
use crate::model::Result;
use crate::model::event::Silent;
use crate::store::outbox::State;
use crate::store::state::SqliteOpener;
use crate::store::survey::{self, Survey};

/// The status of the accounts `names` (none = all). `remote` asks the servers for the quota now.
pub async fn status(globals: &Globals, names: &[String], remote: bool) -> Result<Vec<AccountStatus>> {
    let mut all = Vec::new();
    for account in account::select(globals, &Target::Named(names.to_vec()))? {
        let mut status = local(&account).await;
        if remote && status.error.is_none() {
            match quota(globals, &account).await {
                Ok(quota) => status.quota = quota,
                Err(error) => status.error = Some(error),
            }
        }
        all.push(status);
    }
    Ok(all)
}

async fn local(account: &Account) -> AccountStatus {
    let (root, layout) = (account.maildir.clone(), layout(account.layout));
    let (survey, error) = match off_thread("read the state", move || survey::state(&SqliteOpener, &root, layout)).await {
        Ok(survey) => (survey, None),
        Err(error) => (Survey::default(), Some(error)),
    };
    let outbox = count(account).await;
    let error = error.or(outbox.as_ref().err().map(|e| e.copy()));
    let last_run = survey.last_run.ended.map(|ended| (ended, survey.last_run.failure.clone()));
    AccountStatus {
        name: account.name.clone(),
        protocol: account.receive.as_ref().map_or_else(|| "smtp".into(), |r| r.protocol.to_string()),
        maildir: account.maildir.clone(),
        folders: survey.folders,
        messages: survey.messages,
        octets: survey.octets,
        pending: survey.pending,
        last_success: survey.last_run.success,
        last_run,
        quota: survey.quota,
        outbox: outbox.unwrap_or_default(),
        error,
    }
}

async fn count(account: &Account) -> Result<OutboxCount> {
    let mut count = OutboxCount::default();
    for message in send::outbox::of(account).await?.messages {
        // One that waits for some is in doubt all the same where that is not known of others: a person must look.
        let state = if message.entry.doubts().next().is_some() { State::Uncertain } else { message.state };
        match state {
            State::Queued | State::Sending => count.queued += 1,
            State::Uncertain => count.uncertain += 1,
            State::Failed => count.failed += 1,
            State::Sent => {}
        }
    }
    Ok(count)
}

async fn quota(globals: &Globals, account: &Account) -> Result<Vec<crate::model::quota::Quota>> {
    let backend = account::patient_backend(globals, account)?;
    unless_stopped(&globals.cancel, "ask for the quota", async {
        let mut session = backend.open(&account::looking_ctx(globals, account, Arc::new(Silent)).await?).await?;
        let quota = session.quota().await?;
        session.close().await?;
        Ok(quota)
    })
    .await
}
