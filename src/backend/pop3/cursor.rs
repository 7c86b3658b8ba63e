//! What was listed, as bytes that only this module reads; and whether the ids still mean what they meant.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use crate::model::{Cursor, RemoteId};

use super::limits;
use super::listing::Listing;
use super::quirks::Quirks;

/// First octets: a letter that no other backend's cursor begins with, and the version.
const MAGIC: [u8; 2] = *b"P\x01";
/// Octets before the entries.
const HEAD: usize = 11;
/// Octets of an entry.
const ENTRY: usize = 12;

/// An id, by the beginning of its hash, and the size that was announced with it.
type Entry = (u64, u32);

/// What was known when a folder was last looked into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Known {
    /// Counts how often the ids became void.
    pub generation: u32,
    /// The ids were made of headers.
    pub by_content: bool,
    /// Messages that were there.
    here: Vec<Entry>,
    /// Messages that were there before, latest first.
    past: Vec<Entry>,
}

/// An id as a cursor remembers it: the beginning of its hash.
pub(super) fn key(id: &RemoteId) -> u64 {
    let hash = Sha256::digest(id.0.as_bytes());
    hash.iter().take(8).fold(0, |key, octet| key << 8 | u64::from(*octet))
}

impl Known {
    /// Nothing, in a generation of its own.
    pub fn nothing(generation: u32, by_content: bool) -> Self {
        Self { generation, by_content, ..Self::default() }
    }

    pub fn encode(&self) -> Cursor {
        let mut bytes = Vec::with_capacity(HEAD + ENTRY * (self.here.len() + self.past.len()));
        bytes.extend_from_slice(&MAGIC);
        bytes.push(u8::from(self.by_content));
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&(self.here.len() as u32).to_be_bytes());
        for (key, size) in self.here.iter().chain(&self.past) {
            bytes.extend_from_slice(&key.to_be_bytes());
            bytes.extend_from_slice(&size.to_be_bytes());
        }
        Cursor(bytes.into())
    }

    /// `None` for bytes of another backend.
    pub fn decode(cursor: &Cursor) -> Option<Self> {
        let rest = cursor.0.strip_prefix(&MAGIC)?;
        let (head, entries) = rest.split_at_checked(HEAD - MAGIC.len())?;
        let four = |at: usize| head.get(at..at + 4)?.try_into().map(u32::from_be_bytes).ok();
        let (by_content, generation, count) = (head.first()? == &1, four(1)?, four(5)? as usize);
        let (entries, odd) = entries.as_chunks::<ENTRY>();
        if !odd.is_empty() || count > entries.len() {
            return None;
        }
        let entry = |e: &[u8; ENTRY]| -> Option<Entry> {
            Some((u64::from_be_bytes(e[..8].try_into().ok()?), u32::from_be_bytes(e[8..].try_into().ok()?)))
        };
        let mut all: Vec<Entry> = entries.iter().filter_map(entry).collect();
        let past = all.split_off(count);
        Some(Self { generation, by_content, here: all, past })
    }

    /// Whether the ids of `listing` do not mean what they meant: a known one has another size now, one that had gone is back and may be
    /// another message's, or messages that vanished may be there under other ids. Then the mail must be matched again; taking it for new
    /// would double it, and taking it for known would lose it.
    pub fn is_void(&self, listing: &Listing, quirks: Quirks) -> bool {
        if self.by_content != listing.by_content {
            return true;
        }
        let now = entries(listing);
        let changed = |(key, size): &Entry| now.get(key).is_some_and(|s| s != size);
        if self.here.iter().chain(&self.past).any(changed) {
            return true;
        }
        if quirks.hides_fetched {
            return false;
        }
        if self.past.iter().any(|(key, _)| now.contains_key(key)) {
            return true;
        }
        let vanished: HashSet<u32> = self.here.iter().filter(|(key, _)| !now.contains_key(key)).map(|(_, size)| *size).collect();
        let all_gone = !self.here.is_empty() && !now.is_empty() && !self.here.iter().any(|(key, _)| now.contains_key(key));
        let known: HashSet<u64> = self.here.iter().map(|(key, _)| *key).collect();
        all_gone || now.iter().any(|(key, size)| !known.contains(key) && vanished.contains(size))
    }

    /// Keys of messages that were there at the cursor and are not in `listing`.
    pub fn unlisted(&self, listing: &Listing) -> HashSet<u64> {
        let now: HashSet<u64> = listing.keys.iter().copied().collect();
        self.here.iter().map(|(key, _)| *key).filter(|key| !now.contains(key)).collect()
    }

    /// Positions in `listing` of messages that were not there.
    pub fn news(&self, listing: &Listing) -> Vec<usize> {
        let here: HashSet<u64> = self.here.iter().map(|(key, _)| *key).collect();
        (0..listing.keys.len()).filter(|n| !here.contains(&listing.keys[*n])).collect()
    }

    /// What is known once the messages at the positions `told` are.
    pub fn with(&self, listing: &Listing, told: &[usize]) -> Self {
        let now = entries(listing);
        let (mut here, gone): (Vec<Entry>, Vec<Entry>) = self.here.iter().copied().partition(|(key, _)| now.contains_key(key));
        here.extend(told.iter().filter_map(|n| Some((*listing.keys.get(*n)?, listing.messages.get(*n)?.size as u32))));
        Self { here, ..self.clone() }.after(gone)
    }

    /// The same once these were removed there by our doing.
    pub fn without<'a>(&self, removed: impl Iterator<Item = &'a RemoteId>) -> Self {
        let removed: HashSet<u64> = removed.map(key).collect();
        let (gone, here) = self.here.iter().copied().partition(|(key, _)| removed.contains(key));
        Self { here, ..self.clone() }.after(gone)
    }

    /// Notes what has gone.
    fn after(mut self, gone: Vec<Entry>) -> Self {
        let here: HashSet<u64> = self.here.iter().map(|(key, _)| *key).collect();
        let mut seen = here;
        let past = gone.into_iter().chain(std::mem::take(&mut self.past)).filter(|(key, _)| seen.insert(*key));
        self.past = past.take(limits::PAST).collect();
        self
    }
}

fn entries(listing: &Listing) -> HashMap<u64, u32> {
    listing.keys.iter().copied().zip(listing.messages.iter().map(|message| message.size as u32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(messages: &[(&str, u64)]) -> Listing {
        let number = |(n, (id, size)): (usize, &(&str, u64))| (n as u32 + 1, RemoteId((*id).into()), *size);
        Listing::new(messages.iter().enumerate().map(number), false)
    }

    fn known(messages: &[(&str, u64)]) -> Known {
        let listing = listing(messages);
        Known::nothing(3, false).with(&listing, &(0..messages.len()).collect::<Vec<_>>())
    }

    fn is_void(known: &Known, now: &[(&str, u64)]) -> bool {
        known.is_void(&listing(now), Quirks::default())
    }

    #[test]
    fn a_cursor_comes_back_and_foreign_bytes_do_not() {
        let known = known(&[("a", 1), ("b", u64::from(u32::MAX) + 6)]).with(&listing(&[("b", u64::from(u32::MAX) + 6), ("c", 3)]), &[1]);
        assert_eq!((known.here.len(), known.past.len()), (2, 1));
        assert_eq!(Known::decode(&known.encode()), Some(known.clone()));
        assert_eq!(Known::decode(&Known::nothing(0, true).encode()), Some(Known::nothing(0, true)));
        let mut cut = known.encode().0.to_vec();
        cut.pop();
        for bytes in [vec![], vec![0; 17], vec![255; 17], b"of another backend".to_vec(), b"P\x02".to_vec(), cut] {
            assert_eq!(Known::decode(&Cursor(bytes.into())), None);
        }
    }

    #[test]
    fn ids_hold_while_messages_come_and_go() {
        let known = known(&[("a", 10), ("b", 20)]);
        assert!(!is_void(&known, &[("a", 10), ("b", 20)]));
        assert!(!is_void(&known, &[("b", 20), ("c", 30)]));
        assert!(!is_void(&known, &[]), "an empty mailbox says nothing");
        assert_eq!(known.news(&listing(&[("b", 20), ("c", 30)])), [1]);
    }

    #[test]
    fn ids_are_void_where_mail_may_have_got_others() {
        let known = known(&[("a", 10), ("b", 20), ("c", 30)]);
        assert!(is_void(&known, &[("x", 11), ("y", 12)]), "nothing known is listed");
        assert!(is_void(&known, &[("a", 10), ("b", 20), ("x", 30)]), "c may be x now");
        assert!(is_void(&known, &[("a", 10), ("b", 21), ("c", 30)]), "b may be another message now");
        let gmail = Quirks { hides_fetched: true, portions: true };
        assert!(!known.is_void(&listing(&[("x", 30)]), gmail), "fetched ones are not listed any more");
        assert!(known.is_void(&listing(&[("a", 11)]), gmail));
    }

    #[test]
    fn an_id_that_comes_again_for_another_message_is_noticed() {
        let known = known(&[("a", 10), ("b", 20)]).without(std::iter::once(&RemoteId("a".into())));
        assert!(!is_void(&known, &[("b", 20)]));
        assert!(!is_void(&known, &[("b", 20), ("c", 10)]), "what we removed cannot be there under another id");
        assert!(is_void(&known, &[("a", 11), ("b", 20)]));
        assert!(is_void(&known, &[("a", 10), ("b", 20)]), "another one of the same size, or not removed after all");
        let gmail = Quirks { hides_fetched: true, portions: true };
        assert!(!known.is_void(&listing(&[("a", 10), ("b", 20)]), gmail), "it shows what it hid");
        assert_eq!(known.news(&listing(&[("a", 10), ("b", 20)])), [0]);
    }

    #[test]
    fn what_has_gone_is_remembered_for_a_while() {
        let mut known = Known::default();
        for n in 0..3 {
            let ids: Vec<String> = (0..limits::PAST / 2).map(|m| format!("{n}-{m}")).collect();
            let list: Vec<(&str, u64)> = ids.iter().map(|id| (id.as_str(), 1)).collect();
            known = known.with(&listing(&list), &(0..list.len()).collect::<Vec<_>>());
        }
        assert_eq!((known.here.len(), known.past.len()), (limits::PAST / 2, limits::PAST));
        assert_eq!(known.with(&listing(&[]), &[]).past.len(), limits::PAST);
    }
}
