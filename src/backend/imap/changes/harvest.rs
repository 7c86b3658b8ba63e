//! What a look came to, and what the next page must know.

use crate::model::{Harvest, HarvestKind, Need};
use crate::wire::imap::MailboxStatus;

use super::super::cursor::Position;
use super::known::Way;
use super::look::Look;

/// What the pages of a folder have shown so far.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Paged {
    /// Where the next page starts.
    pub at: u32,
    /// They began with the first UID.
    from_one: bool,
    /// Above the highest UID that was seen, or that was known before.
    next: u32,
    count: u64,
}

impl Look {
    /// Whether its page follows those.
    pub fn continues(&self, paged: &Paged) -> bool {
        self.way == Way::Listing && paged.at == self.first
    }

    /// Whether nothing was listed as new.
    pub fn came_to_nothing(&self) -> bool {
        self.seen.is_empty()
    }

    /// The harvest of this page, and what the next page must know of the pages so far, where one follows.
    pub fn harvest(
        &mut self,
        status: Option<&MailboxStatus>,
        paged: Option<Paged>,
    ) -> std::result::Result<(Harvest, Option<Paged>), &'static str> {
        if self.anonymous {
            return Err("a message without a UID");
        }
        let validity = self.opened.validity();
        if self.seen.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("two messages with one UID");
        }
        if !self.shifted && self.seen.windows(2).any(|pair| pair[0].1 >= pair[1].1) {
            return Err("UIDs that do not ascend");
        }
        let more = self.last.is_some();
        let before = paged.unwrap_or(Paged { at: self.first, from_one: self.first == 1, next: self.first, count: 0 });
        let paged = Paged {
            at: self.last.map_or(self.first, |last| last + 1),
            next: self.seen.last().map_or(before.next, |(uid, _)| uid.saturating_add(1).max(before.next)),
            count: before.count + self.seen.len() as u64,
            ..before
        };
        let short = !more && self.is_short(&paged);
        let lied =
            status.is_some_and(|s| s.uid_validity.is_some_and(|v| v != u64::from(validity))) || self.uid_next_lied(status, paged.next);
        // After the last page not the page's end counts but the highest UID: UIDNEXT may have lied. A listing that is shorter than the
        // folder is no ground to stand on: the next look is at the whole folder again.
        let next = match self.last {
            Some(last) => last + 1,
            None if short => 1,
            None => paged.next,
        };
        let (mod_seq, count) = (self.mod_seq(), self.count().filter(|_| !short));
        let harvest = Harvest {
            cursor: Position { uid_validity: validity, next, mod_seq, count }.encode(),
            kind: if self.is_whole() { HarvestKind::Whole } else { HarvestKind::Delta },
            restarted: false,
            more,
            doubtful: lied || validity == 0 || short,
            passing_ids: validity == 0,
        };
        Ok((harvest, more.then_some(paged)))
    }

    /// Whether UIDNEXT was below a message that is there. The listing of folders may only be older than the mail that came since, so
    /// whoever asks for everything is told by what this very select said.
    fn uid_next_lied(&self, status: Option<&MailboxStatus>, next: u32) -> bool {
        match self.opened.uid_next.filter(|_| self.need == Need::Everything) {
            Some(_) => self.is_above_uid_next(),
            None => status.is_some_and(|s| s.uid_next.is_some_and(|told| told < u64::from(next))),
        }
    }

    fn is_whole(&self) -> bool {
        match self.way {
            Way::Listing => self.first == 1 && self.last.is_none(),
            Way::Flags | Way::Changed { search: true } => true,
            Way::Changed { search: false } | Way::Resync => false,
        }
    }

    /// Fewer messages than the folder holds. (The accelerated ways have been checked for that.)
    fn is_short(&self, paged: &Paged) -> bool {
        match self.way {
            Way::Listing => paged.from_one && paged.count < u64::from(self.opened.exists.unwrap_or(0)),
            Way::Flags => self.known.len() as u64 + (self.seen.len() as u64) < self.exists_least(),
            Way::Changed { .. } | Way::Resync => false,
        }
    }

    /// The mod-sequence up to which the caller knows flags and removals: what this select told, never a later one. Whoever asks for
    /// additions learns nothing of what it knew, and a later page nothing of the earlier ones.
    fn mod_seq(&self) -> u64 {
        match self.from {
            Some(from) if self.way == Way::Listing && !(self.first == 1 && self.need == Need::Everything) => from.mod_seq,
            _ => self.opened.mod_seq.unwrap_or(0),
        }
    }

    /// How many messages the caller knows to be there after this page.
    fn count(&self) -> Option<u32> {
        let before = self.from.and_then(|from| from.count);
        let known = match self.way {
            Way::Listing if self.first == 1 => 0,
            Way::Listing | Way::Changed { search: false } => u64::from(before?),
            Way::Flags => self.known.len() as u64,
            Way::Changed { search: true } => self.found.len(),
            // As many as were named, which the counters have confirmed.
            Way::Resync => u64::from(before?).saturating_sub(self.vanished.len()),
        };
        u32::try_from(known + self.seen.len() as u64).ok()
    }
}
