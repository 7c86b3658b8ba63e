//! Messages whose answer was lost, of accounts whose server files what it sends: the next flush looks whether they are in the Sent folder.

use std::sync::Arc;
use std::time::Duration;

use crate::app::run::layout;
use crate::app::{Globals, account, off_thread};
use crate::backend::smtp::quirks;
use crate::config::{Account, Outgoing, SaveSent};
use crate::engine::send::{self, Doubt, Settled};
use crate::model::{Class, FolderId, Observer, Protocol, Result, Role};
use crate::store::clock::OsClock;
use crate::store::disk::OsDisk;
use crate::store::lock::{self, Patience};
use crate::store::outbox::{Outbox, State};
use crate::store::root::{Root, control_path};
use crate::store::state::{FolderRow, Opener as _, SqliteOpener};
use crate::store::survey;

/// Messages that are looked for at once.
const MOST: usize = 256;
/// Messages of the Sent folder here that are looked at.
const NEWEST: usize = 1000;

/// Whether the account's server files what it sends, where we can look.
pub(super) fn tells(account: &Account) -> bool {
    let folders = account.receive.as_ref().is_some_and(|receive| receive.protocol != Protocol::Pop3);
    match &account.send {
        None => account.sends_itself() && account.save_sent != SaveSent::No,
        Some(Outgoing::Smtp { host, .. }) => folders && quirks::files_itself(host).is_some(),
        Some(_) => false,
    }
}

/// Settles what is found: first here, among what a run has brought, then there.
pub(super) async fn settle(
    globals: &Globals,
    account: &Account,
    outbox: &Arc<Outbox>,
    observer: Arc<dyn Observer>,
) -> Result<Vec<Settled>> {
    if !tells(account) {
        return Ok(Vec::new());
    }
    let (of, root, layout) = (outbox.clone(), account.maildir.clone(), layout(account.layout));
    let (mut doubts, rows) = off_thread("look for messages whose answer was lost", move || {
        let mut doubts = Vec::new();
        for claim in send::claim_due(&of, State::Uncertain, MOST)?.0 {
            doubts.extend(Doubt::of(claim)?);
        }
        if doubts.is_empty() {
            return Ok((doubts, Vec::new()));
        }
        let sent = |row: &FolderRow| row.role == Some(Role::Sent) || send::is_sent_name(&row.path);
        survey::newest(&OsDisk, &SqliteOpener, (&root, layout), &sent, NEWEST, &mut |here| {
            for doubt in &mut doubts {
                doubt.compare(here.header);
            }
            doubts.iter().all(Doubt::is_found)
        })?;
        let state = SqliteOpener.open_read_only(&control_path(&root, layout))?;
        Ok((doubts, state.map_or(Ok(Vec::new()), |state| state.folders())?))
    })
    .await?;
    if doubts.iter().any(|doubt| !doubt.is_found()) {
        look_there(globals, account, observer, &mut doubts, &rows).await?;
    }
    send::settle_found(outbox, doubts).await
}

/// Looks on the server, as a rehearsal does, from where the state says that its folders stood. Not while a run is at them.
async fn look_there(
    globals: &Globals,
    account: &Account,
    observer: Arc<dyn Observer>,
    doubts: &mut [Doubt],
    rows: &[FolderRow],
) -> Result<()> {
    let (root, layout) = (account.maildir.clone(), layout(account.layout));
    let held = off_thread("lock the Maildir", move || {
        let control = Root::open_or_make(&OsDisk, &root)?.control(&OsDisk, layout)?;
        let patience = Patience { most: Some(Duration::ZERO), cancelled: &|| false };
        match lock::take(&control, &OsClock, &patience) {
            Ok(held) => Ok(Some(held)),
            Err(error) if error.class == Class::Locked => Ok(None),
            Err(error) => Err(error),
        }
    });
    let Some(_held) = held.await? else { return Ok(()) };
    let ctx = account::looking_ctx(globals, account, observer).await?;
    let mut session = account::backend(account)?.open(&ctx).await?;
    let known = |folder: &FolderId| rows.iter().find(|row| row.remote == *folder).and_then(|row| row.cursor.clone());
    send::look_there(&mut *session, doubts, &known).await?;
    session.close().await
}
