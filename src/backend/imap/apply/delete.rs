//! Removing messages for good, those and no others.

use crate::backend::Order;
use crate::model::{FolderId, Outcome, Result};
use crate::wire::imap::{Command, StatusKind, StoreKind, UidSet};

use super::super::{ImapSession, limits, uid};
use super::{Tried, refused};

/// Why a folder is not expunged as a whole.
pub(super) const OTHERS: &str = "other messages are marked deleted, too, and this server can only remove all of them at once";

impl ImapSession {
    pub(super) async fn delete(&mut self, folder: &FolderId, orders: &[Order]) -> Result<Vec<Outcome>> {
        let uids: Vec<Option<u32>> = orders.iter().map(|o| o.id().and_then(uid)).collect();
        let set = sorted(&uids);
        if set.is_empty() {
            return Ok(orders.iter().map(|_| Outcome::Gone).collect());
        }
        let trash = self.trash.clone().filter(|trash| trash != folder);
        let refusal = loop {
            // An extension that is offered and answered BAD is forgotten, and the next way is tried.
            if self.caps.has("UIDPLUS") {
                match self.expunge_set(&set).await? {
                    Tried::Done(refusal) => break refusal,
                    Tried::Unknown => self.caps.forget(&["UIDPLUS"]),
                }
            } else if let Some(trash) = trash.as_ref().filter(|_| self.caps.has("MOVE")) {
                match self.move_set(&set, trash).await? {
                    Some(transfer) => return Ok(uids.iter().map(|uid| transfer.outcome(*uid, trash)).collect()),
                    None => self.caps.forget(&["MOVE"]),
                }
            } else {
                break self.expunge_all_deleted(&set).await?;
            }
        };
        // What the server said is one thing; what is still there is what counts.
        let left = self.still_there(&set).await?;
        let outcome = |uid: &Option<u32>| match uid {
            None => Outcome::Gone,
            Some(uid) if left.contains(*uid) => refusal.clone().unwrap_or_else(|| Outcome::Refused("it is still there".into())),
            Some(_) => Outcome::Done { id: None },
        };
        Ok(uids.iter().map(outcome).collect())
    }

    /// UIDPLUS: marks and removes exactly these.
    pub(super) async fn expunge_set(&mut self, set: &UidSet) -> Result<Tried> {
        let mut refusal = None;
        for part in set.chunks(limits::SET_TEXT) {
            let store = Command::UidStore { uids: &part, kind: StoreKind::Add, flags: &["\\Deleted"] };
            let tags = [self.conn.queue(&store)?, self.conn.queue(&Command::UidExpunge(&part))?];
            let ends = self.conn.complete_all(&tags, &mut drop).await?;
            if ends.last().is_some_and(|expunged| expunged.kind == StatusKind::Bad) {
                return Ok(Tried::Unknown);
            }
            refusal = refusal.or_else(|| ends.iter().find_map(refused));
        }
        Ok(Tried::Done(refusal))
    }

    /// Neither UIDPLUS nor MOVE: EXPUNGE removes whatever is marked, so it is used only when that is exactly our set. Where it fails,
    /// our marks are taken back: with them in the folder, no later batch could be exactly what is marked.
    pub(super) async fn expunge_all_deleted(&mut self, set: &UidSet) -> Result<Option<Outcome>> {
        let before = self.search("DELETED").await?;
        if before.iter().any(|uid| !set.contains(uid)) {
            return Ok(Some(Outcome::Refused(OTHERS.into())));
        }
        let refusal = self.mark_and_expunge(set).await?;
        if refusal.is_some() {
            let ours = UidSet::from_sorted(set.iter().filter(|uid| !before.contains(*uid)));
            for part in ours.chunks(limits::SET_TEXT) {
                let store = Command::UidStore { uids: &part, kind: StoreKind::Remove, flags: &["\\Deleted"] };
                self.conn.run(&store, drop).await?;
            }
        }
        Ok(refusal)
    }

    async fn mark_and_expunge(&mut self, set: &UidSet) -> Result<Option<Outcome>> {
        for part in set.chunks(limits::SET_TEXT) {
            let store = Command::UidStore { uids: &part, kind: StoreKind::Add, flags: &["\\Deleted"] };
            let status = self.conn.run(&store, drop).await?;
            if let Some(refusal) = refused(&status) {
                return Ok(Some(refusal));
            }
        }
        if self.search("DELETED").await? != *set {
            return Ok(Some(Outcome::Refused(OTHERS.into())));
        }
        Ok(refused(&self.conn.run(&Command::Expunge, drop).await?))
    }
}

/// The UIDs as a set.
pub(super) fn sorted(uids: &[Option<u32>]) -> UidSet {
    let mut sorted: Vec<u32> = uids.iter().flatten().copied().collect();
    sorted.sort_unstable();
    UidSet::from_sorted(sorted)
}
