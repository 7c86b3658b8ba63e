//! One folder's look under way: what of the server's answers is its.

use crate::model::{Change, FlagState, Listed, Need, PermanentId};
use crate::wire::imap::{Code, Fetch, Response, Status, StatusKind, UidSet};

use super::super::cursor::Position;
use super::super::{Opened, limits, remote_id};
use super::known::{Resync, Way};

/// One folder's look under way.
pub(super) struct Look {
    /// Index into what was asked for.
    pub index: usize,
    pub need: Need,
    pub way: Way,
    pub from: Option<Position>,
    /// First UID that is listed as new, and the last one; `None` = no end.
    pub first: u32,
    pub last: Option<u32>,
    /// Tags of the commands.
    pub select: String,
    pub list: String,
    pub known_tags: Vec<String>,
    pub search_tag: Option<String>,
    /// The select had parameters; the search asked for a set.
    pub parameters: bool,
    pub esearch: bool,
    pub opened: Opened,
    /// What its select came to: the kind and the words of a refusal.
    pub selected: Option<Result<(), (StatusKind, String)>>,
    listed: Option<Status>,
    /// The first refusal of each.
    pub known_refused: Option<Status>,
    pub search_refused: Option<Status>,
    /// EXISTS when it was open.
    exists_then: Option<u32>,
    /// (UID, sequence number) of what came as new.
    pub seen: Vec<(u32, u32)>,
    /// Known UIDs that are there.
    pub known: Vec<u32>,
    /// Known UIDs that a search found, and that vanished.
    pub found: UidSet,
    pub vanished: UidSet,
    ranges: Vec<(u32, u32)>,
    /// A message came without its UID.
    pub anonymous: bool,
    /// Messages went while the listing came, so that sequence numbers shifted in it (RFC 3501 §7.4.1 allows that in UID FETCH).
    pub shifted: bool,
    /// The server told what it must not, or more than can be.
    pub lied: bool,
    /// Told when the way has proved right.
    held: Vec<Change>,
}

impl Look {
    pub fn new(index: usize, need: Need, way: Way, from: Option<Position>, first: u32, last: Option<u32>) -> Self {
        Self {
            index,
            need,
            way,
            from,
            first,
            last,
            select: String::new(),
            list: String::new(),
            known_tags: Vec::new(),
            search_tag: None,
            parameters: false,
            esearch: false,
            opened: Opened::default(),
            selected: None,
            listed: None,
            known_refused: None,
            search_refused: None,
            exists_then: None,
            seen: Vec::new(),
            known: Vec::new(),
            found: UidSet::new(),
            vanished: UidSet::new(),
            ranges: Vec::new(),
            anonymous: false,
            shifted: false,
            lied: false,
            held: Vec::new(),
        }
    }

    /// Whether the folder was opened and is in the epoch that was asked for.
    pub fn in_epoch(&self) -> bool {
        matches!(self.selected, Some(Ok(()))) && self.from.is_none_or(|from| from.uid_validity == self.opened.validity())
    }

    /// Whether every command has ended. A listing that ends before the folder is open is none.
    pub fn is_answered(&self) -> bool {
        self.listed.is_some() && (self.selected.is_none() || (self.known_tags.is_empty() && self.search_tag.is_none()))
    }

    /// The listing, or that of the known ones where it is all that tells of them, if it was refused.
    pub fn refused_listing(&self) -> Option<&Status> {
        let known = self.known_refused.as_ref().filter(|_| self.way == Way::Flags);
        self.listed.as_ref().filter(|status| status.kind != StatusKind::Ok).or(known)
    }

    /// Nobody came or went while it was looked at, so that the counters must agree.
    pub fn is_steady(&self) -> bool {
        !self.shifted && self.exists_then == self.opened.exists
    }

    /// Whether a message is there with a UID that no message could have yet.
    pub fn is_above_uid_next(&self) -> bool {
        let highest = self.seen.last().map_or(0, |(uid, _)| u64::from(*uid));
        self.is_steady() && self.opened.uid_next.is_some_and(|next| highest >= next)
    }

    /// EXISTS, or what it was at first: what came later may not be in the listing.
    pub fn exists_least(&self) -> u64 {
        u64::from(self.opened.exists.min(self.exists_then).unwrap_or(0))
    }

    /// The select was answered.
    pub fn is_open(&mut self, selected: Result<(), (StatusKind, String)>) {
        self.selected = Some(selected);
        self.opened.done = true;
        self.exists_then = self.opened.exists;
        self.vanished = UidSet::from_ranges(std::mem::take(&mut self.ranges));
    }

    /// Another command was answered.
    pub fn answer(&mut self, status: Status) {
        let tag = status.tag.as_deref();
        let refused = status.kind != StatusKind::Ok;
        if tag == Some(&self.list) {
            self.listed = Some(status);
        } else if tag == self.search_tag.as_deref() {
            self.search_tag = None;
            self.search_refused = Some(status).filter(|_| refused);
            self.found = UidSet::from_ranges(clip(std::mem::take(&mut self.ranges), self.first));
        } else if let Some(at) = self.known_tags.iter().position(|known| tag == Some(known)) {
            self.known_tags.swap_remove(at);
            if refused {
                self.known_refused.get_or_insert(status);
            }
        }
    }

    /// A message.
    pub fn take(&mut self, fetch: Fetch, out: &mut (dyn FnMut(usize, Change) + Send)) {
        let open = self.in_epoch();
        // QRESYNC tells in the answer to the select itself; what comes of another epoch is dropped with the look.
        let early = self.way == Way::Resync && self.selected.is_none();
        if !open && !early {
            return;
        }
        let new = fetch.size.is_some() || fetch.internal_date.is_some();
        let Some(uid) = fetch.uid else {
            self.anonymous |= open && fetch.size.is_some();
            return;
        };
        // `n:*` also gives the last message when it is below n; unsolicited data has no size.
        if open && new && uid >= self.first && self.last.is_none_or(|last| uid <= last) {
            self.seen.push((uid, fetch.seq));
            let change = present(uid, fetch);
            self.tell(change, out);
        } else if !new && self.way != Way::Listing && uid < self.first {
            self.known.push(uid);
            let change = if fetch.flags.is_some() { present(uid, fetch) } else { Change::Kept(remote_id(uid)) };
            self.tell(change, out);
        }
    }

    fn tell(&mut self, change: Change, out: &mut (dyn FnMut(usize, Change) + Send)) {
        if self.way.is_held() {
            self.held.push(change);
        } else {
            out(self.index, change);
        }
    }

    /// Whatever else came.
    pub fn other(&mut self, response: Response, resync: Resync) {
        match response {
            Response::Vanished { earlier, uids } => self.take_vanished(earlier, &uids, resync),
            Response::Esearch(esearch) if self.is_searching() => self.add_ranges(esearch.all.unwrap_or_default().ranges()),
            Response::Search { mut ids, .. } if self.is_searching() => {
                ids.sort_unstable();
                self.add_ranges(UidSet::from_sorted(ids).ranges());
            }
            // What came before it was of the folder that was selected before.
            Response::Status(Status { code: Some(Code::Closed), .. }) if self.selected.is_none() => {
                self.held.clear();
                self.known.clear();
                self.ranges.clear();
            }
            response => {
                self.shifted |= matches!(response, Response::Expunge(_));
                self.opened.take(&response);
            }
        }
    }

    fn is_searching(&self) -> bool {
        self.search_tag.is_some() && self.in_epoch()
    }

    fn take_vanished(&mut self, earlier: bool, uids: &UidSet, resync: Resync) {
        let on = resync == Resync::Yes;
        self.lied |= !on;
        self.shifted |= !earlier;
        if on && !earlier {
            let went = u32::try_from(uids.len()).unwrap_or(u32::MAX);
            self.opened.exists = self.opened.exists.map(|n| n.saturating_sub(went));
        } else if on && self.way == Way::Resync && self.selected.is_none() {
            self.add_ranges(&clip(uids.ranges().to_vec(), self.first));
        }
    }

    /// Ranges, never expanded, and bounded all the same.
    fn add_ranges(&mut self, ranges: &[(u32, u32)]) {
        if self.ranges.len() + ranges.len() > limits::VANISHED as usize {
            self.lied = true;
        } else {
            self.ranges.extend_from_slice(ranges);
        }
    }

    /// Brings what came into order, before it is judged.
    pub fn sort(&mut self) {
        self.seen.sort_unstable();
        if self.shifted {
            self.seen.dedup_by_key(|(uid, _)| *uid);
        } else {
            self.seen.dedup();
        }
        self.known.sort_unstable();
        self.known.dedup();
    }

    /// Tells what was held back, what vanished, and what is there still.
    pub fn tell_held(&mut self, out: &mut (dyn FnMut(usize, Change) + Send)) {
        for change in std::mem::take(&mut self.held) {
            out(self.index, change);
        }
        for uid in self.vanished.iter() {
            out(self.index, Change::Gone(remote_id(uid)));
        }
        for uid in self.found.iter().filter(|uid| self.known.binary_search(uid).is_err()) {
            out(self.index, Change::Kept(remote_id(uid)));
        }
    }
}

fn present(uid: u32, fetch: Fetch) -> Change {
    let flags = fetch.flags.unwrap_or_default();
    let (flags, dropped) = FlagState::from_imap(flags.iter().map(String::as_str));
    if dropped > 0 || fetch.flags_dropped > 0 {
        tracing::debug!(uid, "keywords over the limit were left out");
    }
    let gmail = fetch.gm_msgid.map(|id| PermanentId(format!("gm:{id}").into()));
    let permanent = fetch.email_id.map(PermanentId).or(gmail);
    Change::Present(Listed { id: remote_id(uid), size: fetch.size, date: fetch.internal_date, flags, permanent })
}

/// What of the ranges is below `end`.
fn clip(mut ranges: Vec<(u32, u32)>, end: u32) -> Vec<(u32, u32)> {
    ranges.retain_mut(|(first, last)| {
        *last = (*last).min(end.saturating_sub(1));
        first <= last
    });
    ranges
}
