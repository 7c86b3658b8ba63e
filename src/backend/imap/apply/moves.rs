//! Moving messages to another folder: MOVE, or a copy and the removal of what was copied.

use std::collections::HashMap;

use crate::backend::Order;
use crate::model::{Flag, FolderId, Outcome, Result};
use crate::wire::imap::{Code, Command, Response, Status, StatusKind, UidSet};

use super::super::search::Found;
use super::super::{ImapSession, limits, remote_id, uid};
use super::delete::{OTHERS, sorted};
use super::{Tried, refused};

/// What a transfer of messages came to.
#[derive(Default)]
pub(super) struct Transfer {
    /// Those that were there before; `None` = not known.
    before: Option<UidSet>,
    /// Those that arrived; `None` = all that are there no more.
    arrived: Option<UidSet>,
    /// Those that are there still.
    left: UidSet,
    /// UIDs here and there.
    pairs: HashMap<u32, u32>,
    refusal: Option<Outcome>,
}

impl Transfer {
    pub fn outcome(&self, uid: Option<u32>, to: &FolderId) -> Outcome {
        let Some(uid) = uid else { return Outcome::Gone };
        let arrived = self.arrived.as_ref().map_or(!self.left.contains(uid), |arrived| arrived.contains(uid));
        match self.pairs.get(&uid) {
            Some(there) if arrived => Outcome::Moved { to: to.clone(), id: Some(remote_id(*there)) },
            _ if self.before.as_ref().is_some_and(|before| !before.contains(uid)) => Outcome::Gone,
            _ if arrived => Outcome::Moved { to: to.clone(), id: None },
            _ => self.refusal.clone().unwrap_or_else(|| Outcome::Refused("it is still there".into())),
        }
    }

    /// Takes the pairs of a COPYUID, if it is of the epoch that the folder is known to be in.
    fn pair(&mut self, status: &Status, validity: Option<u64>) {
        if let Some(Code::CopyUid { uid_validity, source, destination }) = &status.code
            && source.len() == destination.len()
            && source.len() <= limits::STORE_MESSAGES as u64
            && validity.is_none_or(|validity| validity == u64::from(*uid_validity))
        {
            self.pairs.extend(source.iter().zip(destination.iter()));
        }
    }

    fn take(&mut self, response: Response, found: &mut Found, validity: Option<u64>) {
        match response {
            Response::Status(status) => self.pair(&status, validity),
            response => found.take(response),
        }
    }
}

impl ImapSession {
    pub(super) async fn move_to(&mut self, to: &FolderId, batch: &[Order]) -> Result<Vec<Outcome>> {
        let uids: Vec<Option<u32>> = batch.iter().map(|o| o.id().and_then(uid)).collect();
        let set = sorted(&uids);
        if set.is_empty() {
            return Ok(batch.iter().map(|_| Outcome::Gone).collect());
        }
        let mut transfer = None;
        if self.caps.has("MOVE") {
            transfer = self.move_set(&set, to).await?;
            if transfer.is_none() {
                self.caps.forget(&["MOVE"]);
            }
        }
        let transfer = match transfer {
            Some(transfer) => transfer,
            None => self.copy_set(&set, to).await?,
        };
        Ok(uids.iter().map(|uid| transfer.outcome(*uid, to)).collect())
    }

    /// MOVE (RFC 6851), between two questions which of them are there; `None` = the server does not know the command after all.
    pub(super) async fn move_set(&mut self, set: &UidSet, to: &FolderId) -> Result<Option<Transfer>> {
        let (mut transfer, mut rest, mut made) = (Transfer::default(), set.clone(), false);
        loop {
            let (statuses, before) = self.send_set(&rest, to, &mut transfer, |part, mailbox| Command::UidMove(part, mailbox)).await?;
            if statuses.iter().all(|status| status.kind == StatusKind::Bad) {
                return Ok(None);
            }
            transfer.before = transfer.before.or(before);
            transfer.left = self.still_there(set).await?;
            transfer.refusal = statuses.iter().find_map(refused);
            if made || !could_be_made(&statuses) {
                return Ok(Some(transfer));
            }
            self.make_target(&self.wire_name(to)).await?;
            (rest, made) = (transfer.left.clone(), true);
            if rest.is_empty() {
                return Ok(Some(transfer));
            }
        }
    }

    /// COPY, and then the removal of exactly what was copied. Whatever would make that fail is looked for first: a copy whose original
    /// stays is answered as moved all the same, because the order given again would make a second copy.
    async fn copy_set(&mut self, set: &UidSet, to: &FolderId) -> Result<Transfer> {
        if let Some(why) = self.cannot_remove(set).await? {
            let refusal = Some(Outcome::Refused(why));
            let left = self.still_there(set).await?;
            return Ok(Transfer { before: Some(left.clone()), left, refusal, ..Transfer::default() });
        }
        let (mut transfer, mut rest, mut made) = (Transfer::default(), set.clone(), false);
        let mut copied: Vec<(u32, u32)> = Vec::new();
        loop {
            let (statuses, before) = self.send_set(&rest, to, &mut transfer, |part, mailbox| Command::UidCopy(part, mailbox)).await?;
            // A search that was not understood: what there is now is as good, because a copy removes nothing.
            let before = match before {
                Some(before) => before,
                None => self.still_there(&rest).await?,
            };
            let (mut refused_parts, parts) = (Vec::new(), rest.chunks(limits::SET_TEXT));
            for (part, status) in parts.iter().zip(&statuses) {
                let ranges = if status.kind == StatusKind::Ok { &mut copied } else { &mut refused_parts };
                let there = part.iter().filter(|uid| before.contains(*uid));
                ranges.extend_from_slice(UidSet::from_sorted(there).ranges());
            }
            transfer.refusal = statuses.iter().find_map(refused);
            transfer.before.get_or_insert(before);
            rest = UidSet::from_ranges(refused_parts);
            if made || rest.is_empty() || !could_be_made(&statuses) {
                break;
            }
            self.make_target(&self.wire_name(to)).await?;
            made = true;
        }
        let copied = UidSet::from_ranges(copied);
        if !copied.is_empty() {
            self.remove_copied(&copied).await?;
        }
        transfer.left = rest;
        transfer.arrived = Some(copied);
        Ok(transfer)
    }

    /// Why messages that were copied could not be removed afterwards.
    async fn cannot_remove(&mut self, set: &UidSet) -> Result<Option<String>> {
        let permanent = self.selected.as_ref().and_then(|selected| selected.permanent.as_ref());
        let deleted = Flag::ALL[5].2;
        if permanent.is_some_and(|permanent| !permanent.iter().any(|p| p.eq_ignore_ascii_case(deleted))) {
            return Ok(Some("messages cannot be removed from the folder".into()));
        }
        if !self.caps.has("UIDPLUS") && self.search("DELETED").await?.iter().any(|uid| !set.contains(uid)) {
            return Ok(Some(OTHERS.into()));
        }
        Ok(None)
    }

    async fn remove_copied(&mut self, copied: &UidSet) -> Result<()> {
        let mut refusal = None;
        if self.caps.has("UIDPLUS") {
            match self.expunge_set(copied).await? {
                Tried::Done(done) => refusal = done,
                Tried::Unknown => self.caps.forget(&["UIDPLUS"]),
            }
        }
        if !self.caps.has("UIDPLUS") {
            refusal = self.expunge_all_deleted(copied).await?;
        }
        if let Some(refusal) = refusal {
            tracing::warn!(?refusal, "messages were copied to another folder, and could not be removed from their own");
        }
        Ok(())
    }

    /// One command for each part of the set, and in front of them the question which are there; all in one pipeline.
    async fn send_set(
        &mut self,
        set: &UidSet,
        to: &FolderId,
        transfer: &mut Transfer,
        command: impl for<'c> Fn(&'c UidSet, &'c [u8]) -> Command<'c>,
    ) -> Result<(Vec<Status>, Option<UidSet>)> {
        let mailbox = self.wire_name(to);
        let validity = self.listed.get(to).and_then(|status| status.uid_validity);
        let parts = set.chunks(limits::SET_TEXT);
        let (mut searches, mut sent) = (Vec::new(), Vec::new());
        for part in &parts {
            searches.push(self.queue_search(&format!("UID {part}"))?);
        }
        for part in &parts {
            sent.push(self.conn.queue(&command(part, &mailbox))?);
        }
        let mut found = Found::default();
        let tags: Vec<String> = searches.iter().chain(&sent).cloned().collect();
        let mut answers = self.conn.complete_all(&tags, &mut |response| transfer.take(response, &mut found, validity)).await?;
        let statuses = answers.split_off(searches.len());
        for status in &statuses {
            transfer.pair(status, validity);
        }
        match answers.iter().find(|status| status.kind != StatusKind::Ok) {
            Some(status) => {
                self.search_refused(status)?;
                Ok((statuses, None))
            }
            None => Ok((statuses, Some(found.set()))),
        }
    }
}

fn could_be_made(statuses: &[Status]) -> bool {
    statuses.iter().any(|status| status.kind == StatusKind::No && status.code == Some(Code::TryCreate))
}
