//! What changed in a folder since a cursor.

use crate::backend::LookAt;
use crate::model::caps::{Changes, Identity, Keywords};
use crate::model::change::{Harvest, HarvestKind};
use crate::model::{Change, FlagState, Listed, Need, PermanentId, RemoteId, Result};

use super::account::{Account, Folder, Message};
use super::place::Place;
use super::session::MemSession;

/// One page under way.
struct Page<'a> {
    session: &'a MemSession,
    folder: &'a Folder,
    /// News that it may still take.
    room: usize,
    out: &'a mut dyn FnMut(Change),
}

impl MemSession {
    /// Looks into one folder. Everybody's changes of before the call are in it.
    pub(super) fn look(&self, account: &mut Account, look: &LookAt, out: &mut dyn FnMut(Change)) -> Result<Harvest> {
        let folder = self.open(account, &look.folder)?;
        let place = look.cursor.as_ref().and_then(Place::decode).filter(|p| p.epoch != 0 && p.epoch == self.epoch(folder));
        let restarted = look.cursor.is_some() && place.is_none();
        let room = if self.ids_stay() { self.manners.page } else { usize::MAX };
        let mut page = Page { session: self, folder, room, out };
        let fresh = Place { epoch: self.epoch(folder), next: 1, mod_seq: 0, count: 0 };
        let (from, known) = (place.unwrap_or(fresh), place.is_some());
        if folder.doubtful {
            return Ok(page.doubtful(from, restarted));
        }
        // Where absence means nothing, what was removed is never told, and flags that do not travel never change.
        let need = if self.manners.silent_removals { Need::Additions } else { look.need };
        let harvest = match (need, self.caps.changes) {
            (Need::Additions, _) => page.additions(from, if known { from.mod_seq } else { folder.mod_seq }),
            (Need::Everything, Changes::Delta) => page.delta(from),
            (Need::Everything, Changes::Whole) => page.whole(from),
        };
        // From nothing, nothing was known: one page is the whole folder.
        let whole = restarted || (!known && !harvest.more);
        Ok(Harvest { restarted, kind: if whole { HarvestKind::Whole } else { harvest.kind }, ..harvest })
    }

    /// What this server shows of a message's flags.
    pub(super) fn shown_flags(&self, flags: &FlagState) -> FlagState {
        let keeps = |word: &str| match self.caps.flags.keywords {
            Keywords::No => false,
            Keywords::Listed => self.manners.listed_keywords.contains(&word),
            Keywords::Any => true,
        };
        FlagState {
            flags: flags.flags.both(self.caps.flags.pull),
            keywords: flags.keywords.iter().filter(|k| keeps(k.as_str())).cloned().collect(),
        }
    }

    fn listed(&self, id: u64, message: &Message) -> Listed {
        let permanent = (self.caps.identity == Identity::Permanent).then(|| PermanentId(format!("m{}", message.permanent).into()));
        Listed {
            id: remote_id(id),
            size: self.manners.tells_sizes.then_some(message.body.len() as u64),
            date: Some(message.date),
            flags: self.shown_flags(&message.flags),
            permanent,
        }
    }
}

impl Page<'_> {
    fn tell(&mut self, id: u64, message: &Message) {
        self.room -= 1;
        (self.out)(Change::Present(self.session.listed(id, message)));
    }

    fn harvest(&self, next: u64, mod_seq: u64, kind: HarvestKind, more: bool) -> Harvest {
        let cursor = Place { epoch: self.session.epoch(self.folder), next, mod_seq, count: self.folder.count() }.encode();
        Harvest { cursor, kind, restarted: false, more, doubtful: false, passing_ids: !self.session.ids_stay() }
    }

    /// New messages by their ids.
    fn additions(&mut self, from: Place, mod_seq: u64) -> Harvest {
        let new: Vec<(u64, &Message)> = self.folder.shown().filter(|(id, _)| *id >= from.next).collect();
        let more = new.len() > self.room;
        let mut next = from.next;
        for (id, message) in new.into_iter().take(self.room) {
            next = id + 1;
            self.tell(id, message);
        }
        self.harvest(if more { next } else { self.folder.next }, mod_seq, HarvestKind::Delta, more)
    }

    /// What changed of known messages, oldest change first; and, once that is told, what is new.
    fn delta(&mut self, from: Place) -> Harvest {
        // Also what came and went since then, as servers do that only remember ids.
        let gone = self.folder.removed.iter().map(|(mod_seq, id)| (*mod_seq, *id, None));
        let there = self.folder.shown().filter(|(id, _)| *id < from.next).map(|(id, message)| (message.mod_seq, id, Some(message)));
        let mut changed: Vec<_> = there.chain(gone).filter(|(mod_seq, ..)| *mod_seq > from.mod_seq).collect();
        changed.sort_by_key(|(mod_seq, id, _)| (*mod_seq, *id));
        let all = changed.len() <= self.room;
        let mut mod_seq = from.mod_seq;
        for (at, id, message) in changed {
            // What changed at once is told at once, or the cursor would pass over the rest.
            if self.room == 0 && at != mod_seq {
                break;
            }
            mod_seq = at;
            match message {
                Some(message) => (self.out)(Change::Present(self.session.listed(id, message))),
                None => (self.out)(Change::Gone(remote_id(id))),
            }
            self.room = self.room.saturating_sub(1);
        }
        if all { self.additions(from, self.folder.mod_seq) } else { self.harvest(from.next, mod_seq, HarvestKind::Delta, true) }
    }

    /// Every known message that is still there, and what is new.
    fn whole(&mut self, from: Place) -> Harvest {
        for (id, message) in self.folder.shown().filter(|(id, _)| *id < from.next) {
            let same = self.session.manners.kept && message.mod_seq <= from.mod_seq;
            (self.out)(if same { Change::Kept(remote_id(id)) } else { Change::Present(self.session.listed(id, message)) });
        }
        let new = self.additions(from, self.folder.mod_seq);
        Harvest { kind: HarvestKind::Whole, ..new }
    }

    /// Every other message, and no ground to stand on: the next look is from the same place.
    fn doubtful(&mut self, from: Place, restarted: bool) -> Harvest {
        let some: Vec<(u64, &Message)> = self.folder.shown().step_by(2).collect();
        self.room = usize::MAX;
        for (id, message) in some {
            self.tell(id, message);
        }
        Harvest { restarted, doubtful: true, ..self.harvest(from.next, from.mod_seq, HarvestKind::Whole, false) }
    }
}

/// A number of ours as the engine's id.
pub(super) fn remote_id(id: u64) -> RemoteId {
    RemoteId(id.to_string().into())
}
