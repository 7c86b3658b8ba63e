//! Orders: removing messages for good, those and no others.

use crate::backend::Order;
use crate::model::{Cursor, FolderId, Outcome, RemoteId, Result};
use crate::wire::imap::{Code, Command, Response, Status, StatusKind, StoreKind, UidSet};

use super::cursor::Position;
use super::{ImapSession, limits, remote_id, uid};

impl ImapSession {
    pub(super) async fn carry_out(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Vec<Outcome>> {
        let Some(position) = Position::decode(cursor).filter(|p| p.uid_validity != 0) else {
            return Err(self.folder_error(folder, "nothing can be deleted in it", "the server does not promise that its UIDs stay"));
        };
        if !self.caps.has("UIDPLUS") && self.caps.has("MOVE") && self.listed.is_empty() {
            // A session that only downloaded does not know the trash yet.
            self.list_folders(false).await?;
        }
        let mut outcomes = Vec::with_capacity(orders.len());
        for batch in orders.chunks(limits::STORE_MESSAGES) {
            self.select(folder, false, position.uid_validity).await?;
            if self.selected.as_ref().is_some_and(|s| s.read_only) {
                outcomes.extend(batch.iter().map(|_| Outcome::Refused("the folder is read-only".into())));
                continue;
            }
            let silence = std::mem::replace(&mut self.conn.silence, self.ctx.silence * limits::WORK);
            let done = self.delete(folder, batch).await;
            self.conn.silence = silence;
            outcomes.extend(done?);
        }
        Ok(outcomes)
    }

    async fn delete(&mut self, folder: &FolderId, orders: &[Order]) -> Result<Vec<Outcome>> {
        let uids: Vec<Option<u32>> = orders.iter().map(|o| o.id().and_then(uid)).collect();
        let mut sorted: Vec<u32> = uids.iter().flatten().copied().collect();
        sorted.sort_unstable();
        let set = UidSet::from_sorted(sorted);
        if set.is_empty() {
            return Ok(orders.iter().map(|_| Outcome::Gone).collect());
        }
        let trash = self.trash.clone().filter(|trash| trash != folder);
        let (refusal, moved) = loop {
            // An extension that is offered and answered BAD is forgotten, and the next way is tried.
            if self.caps.has("UIDPLUS") {
                match self.expunge_set(&set).await? {
                    Tried::Done(refusal) => break (refusal, None),
                    Tried::Unknown => self.caps.forget(&["UIDPLUS"]),
                }
            } else if let Some(trash) = trash.clone().filter(|_| self.caps.has("MOVE")) {
                let (tried, pairs) = self.move_set(&set, &trash).await?;
                match tried {
                    Tried::Done(refusal) => break (refusal, Some((trash, pairs))),
                    Tried::Unknown => self.caps.forget(&["MOVE"]),
                }
            } else {
                break (self.expunge_all_deleted(&set).await?, None);
            }
        };
        // What the server said is one thing; what is still there is what counts.
        let left = self.still_there(&set).await?;
        let outcome = |uid: &Option<u32>| match uid {
            None => Outcome::Gone,
            Some(uid) if left.contains(*uid) => Outcome::Refused(refusal.clone().unwrap_or_else(|| "it is still there".into())),
            Some(uid) => match &moved {
                Some((trash, pairs)) => {
                    let id: Option<RemoteId> = pairs.iter().find(|(from, _)| from == uid).map(|(_, to)| remote_id(*to));
                    Outcome::Moved { to: trash.clone(), id }
                }
                None => Outcome::Done { id: None },
            },
        };
        Ok(uids.iter().map(outcome).collect())
    }

    /// UIDPLUS: marks and removes exactly these.
    async fn expunge_set(&mut self, set: &UidSet) -> Result<Tried> {
        let mut refusal = None;
        for part in set.chunks(limits::SET_TEXT) {
            let store = Command::UidStore { uids: &part, kind: StoreKind::Add, flags: &["\\Deleted"], unchanged_since: None };
            let (store, expunge) = (self.conn.queue(&store)?, self.conn.queue(&Command::UidExpunge(&part))?);
            let status = self.conn.complete(&store, &mut drop).await?;
            refusal = refusal.or_else(|| words(status));
            let status = self.conn.complete(&expunge, &mut drop).await?;
            if status.kind == StatusKind::Bad {
                return Ok(Tried::Unknown);
            }
            refusal = refusal.or_else(|| words(status));
        }
        Ok(Tried::Done(refusal))
    }

    /// No UIDPLUS: into the trash. Pairs of UIDs where the server tells them.
    async fn move_set(&mut self, set: &UidSet, trash: &FolderId) -> Result<(Tried, Vec<(u32, u32)>)> {
        let mailbox = self.wire_name(trash);
        let mut pairs = Vec::new();
        let mut keep = |status: &Status| {
            if let Some(Code::CopyUid { source, destination, .. }) = &status.code
                && source.len() == destination.len()
                && source.len() <= limits::STORE_MESSAGES as u64
            {
                pairs.extend(source.iter().zip(destination.iter()));
            }
        };
        let mut refusal = None;
        for part in set.chunks(limits::SET_TEXT) {
            let status = self
                .conn
                .run(&Command::UidMove(&part, &mailbox), |response| {
                    if let Response::Status(status) = &response {
                        keep(status);
                    }
                })
                .await?;
            keep(&status);
            if status.kind == StatusKind::Bad {
                return Ok((Tried::Unknown, Vec::new()));
            }
            refusal = refusal.or_else(|| words(status));
        }
        Ok((Tried::Done(refusal), pairs))
    }

    /// Neither UIDPLUS nor MOVE: EXPUNGE removes whatever is marked, so it is used only when that is exactly our set. Where it fails,
    /// our marks are taken back: with them in the folder, no later batch could be exactly what is marked.
    async fn expunge_all_deleted(&mut self, set: &UidSet) -> Result<Option<String>> {
        let before = self.search("DELETED").await?;
        if before.iter().any(|uid| !set.contains(uid)) {
            return Ok(Some(OTHERS.into()));
        }
        let refusal = self.mark_and_expunge(set).await?;
        if refusal.is_some() {
            let ours = UidSet::from_sorted(set.iter().filter(|uid| !before.contains(*uid)));
            for part in ours.chunks(limits::SET_TEXT) {
                let store = Command::UidStore { uids: &part, kind: StoreKind::Remove, flags: &["\\Deleted"], unchanged_since: None };
                self.conn.run(&store, drop).await?;
            }
        }
        Ok(refusal)
    }

    async fn mark_and_expunge(&mut self, set: &UidSet) -> Result<Option<String>> {
        for part in set.chunks(limits::SET_TEXT) {
            let store = Command::UidStore { uids: &part, kind: StoreKind::Add, flags: &["\\Deleted"], unchanged_since: None };
            let status = self.conn.run(&store, drop).await?;
            if let Some(refusal) = words(status) {
                return Ok(Some(refusal));
            }
        }
        if self.search("DELETED").await? != *set {
            return Ok(Some(OTHERS.into()));
        }
        Ok(words(self.conn.run(&Command::Expunge, drop).await?))
    }

    async fn still_there(&mut self, set: &UidSet) -> Result<UidSet> {
        let mut ranges = Vec::new();
        for part in set.chunks(limits::SET_TEXT) {
            ranges.extend_from_slice(self.search(&format!("UID {part}")).await?.ranges());
        }
        Ok(UidSet::from_ranges(ranges))
    }

    /// UID SEARCH, by ESEARCH where there is one: the answer is a set instead of a list.
    async fn search(&mut self, criteria: &str) -> Result<UidSet> {
        if self.caps.has("ESEARCH") {
            let (found, status) = self.search_by(criteria, &["ALL"]).await?;
            if status.kind == StatusKind::Ok {
                return Ok(found);
            }
            self.caps.forget(&["ESEARCH"]);
        }
        let (found, status) = self.search_by(criteria, &[]).await?;
        match words(status) {
            Some(text) => Err(self.conn.broke(&format!("refused a search: {text}"), &[])),
            None => Ok(found),
        }
    }

    async fn search_by(&mut self, criteria: &str, returns: &[&str]) -> Result<(UidSet, Status)> {
        // Some servers give a long answer in several lines; what stands in any of them is there.
        let mut found = Vec::new();
        let status = self
            .conn
            .run(&Command::UidSearch { returns, criteria }, |response| match response {
                Response::Esearch(esearch) => found.extend_from_slice(esearch.all.unwrap_or_default().ranges()),
                Response::Search { mut ids, .. } => {
                    ids.sort_unstable();
                    found.extend_from_slice(UidSet::from_sorted(ids).ranges());
                }
                _ => {}
            })
            .await?;
        Ok((UidSet::from_ranges(found), status))
    }
}

/// Why a folder is not expunged as a whole.
const OTHERS: &str = "other messages are marked deleted, too, and this server can only remove all of them at once";

/// What became of a command of an extension.
enum Tried {
    /// It was understood; the server's words where it refused.
    Done(Option<String>),
    /// BAD: it is not known after all.
    Unknown,
}

/// The words of a refusal.
fn words(status: Status) -> Option<String> {
    (status.kind != StatusKind::Ok).then_some(status.text)
}
