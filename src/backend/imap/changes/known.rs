//! Ways to learn what became of messages that were known, and when one gives way to a weaker one.

use crate::backend::LookAt;
use crate::model::{Need, Result};
use crate::wire::imap::{Command, StatusKind, UidSet};

use super::super::ImapSession;
use super::super::cursor::Position;
use super::super::limits;
use super::look::Look;

/// How the changes of a folder are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// What is new, and nothing of what was known.
    Listing,
    /// The flags of every known message.
    Flags,
    /// CONDSTORE: the flags that changed; with `search` also which known messages are there.
    Changed {
        /// Ask.
        search: bool,
    },
    /// QRESYNC: EXAMINE itself tells which flags changed and what vanished.
    Resync,
}

impl Way {
    /// The next weaker one, for a server that has mod-sequences or not.
    pub fn weaker(self, mod_seqs: bool) -> Self {
        match self {
            Self::Listing => Self::Listing,
            Self::Resync if mod_seqs => Self::Changed { search: true },
            _ => Self::Flags,
        }
    }

    /// The items of the FETCH for known messages; `None` = there is none.
    pub fn asks_flags(self, from: Option<Position>) -> Option<String> {
        match self {
            Self::Listing | Self::Resync => None,
            Self::Flags => Some("(UID FLAGS)".into()),
            Self::Changed { .. } => Some(format!("(UID FLAGS) (CHANGEDSINCE {})", from.map_or(1, |from| from.mod_seq))),
        }
    }

    /// What it brings is told when it has proved right.
    pub fn is_held(self) -> bool {
        matches!(self, Self::Changed { .. } | Self::Resync)
    }
}

/// Whether QRESYNC is on in this session (RFC 7162 §3.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) enum Resync {
    /// Nobody wanted it yet.
    #[default]
    No,
    /// ENABLE was sent.
    Asked,
    /// The server said so.
    Yes,
}

impl Resync {
    pub fn enabled(&mut self, names: &[String]) {
        if *self == Self::Asked && names.iter().any(|n| n == "QRESYNC") {
            *self = Self::Yes;
        }
    }
}

impl ImapSession {
    /// Asks for QRESYNC, once; the answer comes with those to what follows. Only before the first folder is opened (RFC 5161 §3.1), and
    /// not at the login: a session that only downloads has no use for it.
    pub(super) fn enable_resync(&mut self) -> Result<()> {
        if self.resync == Resync::No && !self.opened_any && self.caps.has("QRESYNC") && self.caps.has("ENABLE") {
            self.conn.queue(&Command::Enable(&["QRESYNC"]))?;
            self.resync = Resync::Asked;
        }
        Ok(())
    }

    /// The strongest way that may do; `paged`: what is new does not come all at once.
    pub(super) fn way(&self, at: &LookAt, from: Option<Position>, paged: bool) -> Way {
        let Some(from) = from.filter(|from| at.need == Need::Everything && from.next > 1) else { return Way::Listing };
        if self.paged.get(&at.folder).is_some_and(|paged| paged.at == from.next) {
            return Way::Listing;
        }
        if from.mod_seq == 0 || !self.caps.mod_seqs() {
            return Way::Flags;
        }
        let status = self.listed.get(&at.folder);
        let messages = status.and_then(|status| status.messages);
        // QRESYNC's answer is checked by counters, which need all that is new; and it comes in one piece.
        let resync = self.resync != Resync::No && self.caps.has("QRESYNC") && from.count.is_some() && !paged;
        if resync && messages.is_none_or(|messages| messages <= limits::VANISHED) {
            return Way::Resync;
        }
        // Fewer than there would be if all known ones were there, and all UIDs since then new messages: something went.
        let new = status.and_then(|status| status.uid_next).map(|next| next.saturating_sub(u64::from(from.next)));
        let fewer = |count: u32| messages.zip(new).is_some_and(|(messages, new)| messages < u64::from(count).saturating_add(new));
        Way::Changed { search: paged || from.count.is_none_or(fewer) }
    }
}

/// The UIDs below `next`, in parts whose answers stay within [`limits::UNTAGGED`].
pub(super) fn known_sets(next: u32, messages: Option<u64>) -> Vec<UidSet> {
    let last = u64::from(next.saturating_sub(1));
    let parts = (messages.unwrap_or(0) / limits::FLAGS_AT_ONCE + 1).min(64);
    let width = last.div_ceil(parts).max(1);
    let part = |n: u64| (n * width + 1, last.min((n + 1) * width));
    let ranges = (0..parts).map(part).filter(|(first, last)| first <= last);
    ranges.map(|(first, last)| UidSet::from_ranges(vec![(first as u32, last as u32)])).collect()
}

/// Accelerators that lied are off from here on.
const OFF: &[&str] = &["CONDSTORE", "QRESYNC"];

impl Look {
    /// Another way, where this one did not do, and the extensions that have proved not to work.
    pub fn next_way(&mut self) -> Option<(Way, &'static [&'static str])> {
        let from = self.from.filter(|_| self.way.is_held())?;
        // A folder without mod-sequences; or they go back.
        let Some(mod_seq) = self.opened.mod_seq else { return Some((Way::Flags, &[])) };
        if self.lied || mod_seq < from.mod_seq {
            return Some((Way::Flags, OFF));
        }
        let exists = u64::from(self.opened.exists.unwrap_or(0));
        if let Some(status) = self.known_refused.as_ref().filter(|_| exists > 0) {
            return Some((Way::Flags, if status.kind == StatusKind::Bad { OFF } else { &[] }));
        }
        if let Some(status) = &self.search_refused {
            let unknown = status.kind == StatusKind::Bad && self.esearch;
            return Some(if unknown { (Way::Changed { search: true }, &["ESEARCH"]) } else { (Way::Flags, &[]) });
        }
        let steady = self.is_steady();
        if self.is_above_uid_next() {
            return Some((Way::Flags, OFF));
        }
        let new = self.seen.len() as u64;
        let count = from.count.map(u64::from);
        match self.way {
            Way::Changed { search: true } => self.found_contradicts(exists, new, steady).then_some((Way::Flags, OFF)),
            // All new ones are told, so that the rest of EXISTS are known ones.
            Way::Changed { search: false } => {
                let all = steady && self.last.is_none() && count.is_some_and(|count| count + new == exists);
                (!all).then_some((Way::Changed { search: true }, &[]))
            }
            _ => self.vanished_contradicts(exists, new, steady, count?),
        }
    }

    /// Fewer or more messages than the folder holds.
    fn found_contradicts(&self, exists: u64, new: u64, steady: bool) -> bool {
        let found = self.found.len();
        found > limits::KNOWN || (steady && (found > exists || (self.last.is_none() && found + new < exists)))
    }

    /// VANISHED may name UIDs that never were (RFC 7162 §3.2.10), but what went is among them. The counters tell how many went; where it
    /// names more than those, a search tells which.
    fn vanished_contradicts(&mut self, exists: u64, new: u64, steady: bool, count: u64) -> Option<(Way, &'static [&'static str])> {
        let search = Some((Way::Changed { search: true }, [].as_slice()));
        if !steady || self.last.is_some() {
            return search;
        }
        let Some(there) = exists.checked_sub(new) else { return Some((Way::Flags, OFF)) };
        let Some(went) = count.checked_sub(there) else { return search };
        let named = self.vanished.len();
        if went == 0 {
            self.vanished = UidSet::new();
        }
        match went {
            0 => None,
            _ if named > limits::VANISHED => search,
            _ if went == named => None,
            _ if went > named => Some((Way::Flags, OFF)),
            _ => search,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_messages_are_asked_for_in_parts_that_cover_them() {
        let text = |next, messages| known_sets(next, messages).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(8, None), ["1:7"]);
        assert_eq!(text(1, Some(9)), Vec::<String>::new());
        assert_eq!(text(2, Some(u64::MAX)), ["1"]);
        assert_eq!(text(11, Some(2 * limits::FLAGS_AT_ONCE)), ["1:4", "5:8", "9:10"]);
        let all = known_sets(u32::MAX, Some(u64::MAX));
        assert_eq!((all.len(), all.iter().map(UidSet::len).sum::<u64>()), (64, u64::from(u32::MAX) - 1));
    }
}
