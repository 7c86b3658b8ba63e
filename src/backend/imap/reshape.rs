//! Folders: made, renamed and removed. Each order can be given again: what is found done is done.

use crate::backend::{FolderOrder, FolderOutcome};
use crate::model::{FolderId, FolderPath, Result};
use crate::wire::imap::{Code, Command, ListReturn, Response, SelectWith, Status, StatusKind};

use super::ImapSession;

/// What LIST says of one folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It is there and can hold mail.
    Folder,
    /// Only a name, with others below it.
    Name,
    Nothing,
}

impl ImapSession {
    pub(super) async fn change_folders(&mut self, orders: &[FolderOrder]) -> Result<Vec<FolderOutcome>> {
        if self.listed.is_empty() {
            // Delimiters and prefixes are not known yet.
            self.list_folders(false).await?;
        }
        if self.levels.is_flat() {
            let (mut delimiter, list) = (None, Command::List { reference: b"", pattern: b"", returns: ListReturn::default() });
            self.conn
                .run(&list, |response| {
                    if let Response::List(item) = response {
                        delimiter = item.delimiter;
                    }
                })
                .await?;
            self.levels.learn(delimiter);
        }
        let mut outcomes = Vec::with_capacity(orders.len());
        for order in orders {
            let outcome = match order {
                FolderOrder::Create { path } => self.make_folder(path).await?,
                FolderOrder::Rename { id, to } => self.rename_folder(id, to).await?,
                FolderOrder::Remove { id } => self.remove_folder(id).await?,
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    async fn make_folder(&mut self, path: &FolderPath) -> Result<FolderOutcome> {
        let id = match self.levels.spell(path) {
            Ok(id) => id,
            Err(why) => return Ok(FolderOutcome::Refused(why)),
        };
        if path.is_inbox() {
            return Ok(FolderOutcome::Done);
        }
        let mut status = self.create(&id).await?;
        if status.kind != StatusKind::Ok && !already(&status) {
            // RFC 9051 §6.3.4 makes what lies above it; a server that does not is helped, and then asked again.
            let levels = path.levels();
            for n in 1..levels.len() {
                if let Some(above) = FolderPath::new(levels[..n].iter().cloned())
                    && let Ok(above) = self.levels.spell(&above)
                    && self.look_for(&above).await? == Found::Nothing
                {
                    self.create(&above).await?;
                }
            }
            status = if levels.len() > 1 { self.create(&id).await? } else { status };
        }
        let there = status.kind == StatusKind::Ok || already(&status) || self.look_for(&id).await? == Found::Folder;
        if !there {
            return Ok(FolderOutcome::Refused(status.text));
        }
        // Nobody waits for the answer, and it changes nothing: clients that show only such folders show it then.
        let mailbox = self.wire_name(&id);
        self.conn.queue(&Command::Subscribe(&mailbox))?;
        Ok(FolderOutcome::Done)
    }

    async fn create(&mut self, id: &FolderId) -> Result<Status> {
        let mailbox = self.wire_name(id);
        self.conn.run(&Command::Create(&mailbox), drop).await
    }

    async fn rename_folder(&mut self, id: &FolderId, to: &FolderPath) -> Result<FolderOutcome> {
        if is_inbox(id) || to.is_inbox() {
            return Ok(FolderOutcome::Refused("the INBOX keeps its name".into()));
        }
        let target = match self.levels.spell(to) {
            Ok(target) => target,
            Err(why) => return Ok(FolderOutcome::Refused(why)),
        };
        if target == *id {
            return Ok(FolderOutcome::Done);
        }
        self.leave().await?;
        let (from, into) = (self.wire_name(id), self.wire_name(&target));
        let status = self.conn.run(&Command::Rename(&from, &into), drop).await?;
        let done =
            status.kind == StatusKind::Ok || (self.look_for(id).await? != Found::Folder && self.look_for(&target).await? == Found::Folder);
        if !done {
            return Ok(FolderOutcome::Refused(status.text));
        }
        self.forget_folder(id);
        self.conn.queue(&Command::Unsubscribe(&from))?;
        self.conn.queue(&Command::Subscribe(&into))?;
        Ok(FolderOutcome::Done)
    }

    async fn remove_folder(&mut self, id: &FolderId) -> Result<FolderOutcome> {
        if is_inbox(id) {
            return Ok(FolderOutcome::Refused("the INBOX stays".into()));
        }
        // The counters of a selected folder are as old as the last look at it.
        self.leave().await?;
        let (mailbox, mut messages) = (self.wire_name(id), None);
        let status = self
            .conn
            .run(&Command::Status { mailbox: &mailbox, items: &["MESSAGES"] }, |response| {
                if let Response::MailboxStatus(status) = response {
                    messages = status.messages;
                }
            })
            .await?;
        if status.kind != StatusKind::Ok {
            let gone = self.look_for(id).await? != Found::Folder;
            return Ok(if gone { self.removed(id, &mailbox)? } else { FolderOutcome::Refused(status.text) });
        }
        match messages {
            Some(0) => {}
            Some(1) => return Ok(FolderOutcome::Refused("a message is in it".into())),
            Some(n) => return Ok(FolderOutcome::Refused(format!("{n} messages are in it"))),
            None => return Ok(FolderOutcome::Refused("the server does not say whether mail is in it".into())),
        }
        let status = self.conn.run(&Command::Delete(&mailbox), drop).await?;
        if status.kind == StatusKind::Ok || self.look_for(id).await? != Found::Folder {
            return self.removed(id, &mailbox);
        }
        Ok(FolderOutcome::Refused(status.text))
    }

    fn removed(&mut self, id: &FolderId, mailbox: &[u8]) -> Result<FolderOutcome> {
        self.forget_folder(id);
        self.conn.queue(&Command::Unsubscribe(mailbox))?;
        Ok(FolderOutcome::Done)
    }

    /// A name that may be given again to another folder means nothing any more.
    fn forget_folder(&mut self, id: &FolderId) {
        self.listed.remove(id);
        self.paged.remove(id);
        self.levels.forget(id);
        self.trash = self.trash.take().filter(|trash| trash != id);
    }

    /// Leaves the folder that is selected: one that is open can neither be removed nor renamed everywhere. Never by CLOSE, which
    /// expunges.
    async fn leave(&mut self) -> Result<()> {
        if self.selected.take().is_none() {
            return Ok(());
        }
        if self.caps.has("UNSELECT") {
            let status = self.conn.run(&Command::Unselect, drop).await?;
            if status.kind == StatusKind::Ok {
                return Ok(());
            }
            self.caps.forget(&["UNSELECT"]);
        }
        let examine = Command::Select { mailbox: b"INBOX", read_only: true, with: SelectWith::Nothing };
        self.conn.run(&examine, drop).await?;
        Ok(())
    }

    async fn look_for(&mut self, id: &FolderId) -> Result<Found> {
        let (mailbox, mut found) = (self.wire_name(id), Found::Nothing);
        let list = Command::List { reference: b"", pattern: &mailbox, returns: ListReturn::default() };
        self.conn
            .run(&list, |response| {
                // Its name may be a pattern, too, which others fit.
                if let Response::List(item) = response
                    && item.name == mailbox
                {
                    let is = |name: &str| item.attributes.iter().any(|a| a.eq_ignore_ascii_case(name));
                    found = if is("\\NonExistent") || is("\\Noselect") { Found::Name } else { Found::Folder };
                }
            })
            .await?;
        Ok(found)
    }
}

fn already(status: &Status) -> bool {
    matches!(&status.code, Some(Code::Other { name, .. }) if name == "ALREADYEXISTS")
}

fn is_inbox(id: &FolderId) -> bool {
    id.0.eq_ignore_ascii_case(b"INBOX")
}
