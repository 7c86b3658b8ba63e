//! Copies of what was sent, for the Sent folder of the account.

use std::sync::Arc;

use crate::app::{Globals, account, off_thread};
use crate::backend::memory::Ram;
use crate::backend::smtp::quirks;
use crate::config::{Account, Outgoing, SaveSent};
use crate::engine::send;
use crate::model::{Observer, Protocol, Result};
use crate::store::outbox::{Outbox, State};

/// Copies that are filed by one connection.
const MOST: usize = 256;

/// Whether a copy of what the account sends is to be filed: where its server has folders, and does not file it by itself.
pub(super) fn wanted(account: &Account) -> bool {
    let folders = account.receive.as_ref().is_some_and(|receive| receive.protocol == Protocol::Imap);
    let itself = match &account.send {
        Some(Outgoing::Smtp { host, .. }) => quirks::files_itself(host).is_some(),
        _ => false,
    };
    match account.save_sent {
        SaveSent::No => false,
        SaveSent::Yes => folders,
        SaveSent::Auto => folders && !itself,
    }
}

/// Files the copies that wait in the outbox; whether there were any.
pub(super) async fn file(globals: &Globals, account: &Account, outbox: &Arc<Outbox>, observer: Arc<dyn Observer>) -> Result<bool> {
    let claims = {
        let outbox = outbox.clone();
        off_thread("read the outbox", move || send::claim_due(&outbox, State::Sent, MOST)).await?.0
    };
    if claims.is_empty() {
        return Ok(false);
    }
    let backend = account::backend(account)?;
    let memory = Ram::new(account::remembered(account).await?);
    let mut session = backend.open(&account::ctx(globals, account, observer, Arc::new(memory), false)).await?;
    send::file_copies(outbox, &mut *session, claims).await?;
    session.close().await?;
    Ok(true)
}
