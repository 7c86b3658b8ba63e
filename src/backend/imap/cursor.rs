//! The backend's bookmarks as bytes.

use crate::model::change::Marks;
use crate::model::{Cursor, Mark};
use crate::wire::imap::MailboxStatus;

/// Where the last look into a folder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Epoch of the UIDs; 0 = the server promises nothing.
    pub uid_validity: u32,
    /// Every UID below this was listed.
    pub next: u32,
    /// Flags and removals are known up to this mod-sequence; 0 = not known.
    pub mod_seq: u64,
    /// How many messages below `next` were told and not taken back. A look that tells additions only does not take back what went, so
    /// that the next one that tells everything finds by it that something did. `None` = not known.
    pub count: Option<u32>,
}

/// Without `count` it was 1.
const VERSION: u8 = 2;

impl Position {
    pub fn encode(self) -> Cursor {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.uid_validity.to_be_bytes());
        bytes.extend_from_slice(&self.next.to_be_bytes());
        bytes.extend_from_slice(&self.mod_seq.to_be_bytes());
        bytes.extend_from_slice(&self.count.map_or(0, |count| u64::from(count) + 1).to_be_bytes());
        Cursor(bytes.into())
    }

    /// `None` for bytes of another version or backend: then the folder is looked at afresh.
    pub fn decode(cursor: &Cursor) -> Option<Self> {
        let bytes = &*cursor.0;
        let four = |at: usize| bytes.get(at..at + 4)?.try_into().map(u32::from_be_bytes).ok();
        let eight = |at: usize| bytes.get(at..at + 8)?.try_into().map(u64::from_be_bytes).ok();
        let count = match (bytes.first()?, bytes.len()) {
            (1, 17) => None,
            (&VERSION, 25) => match eight(17)? {
                0 => None,
                more => Some(u32::try_from(more - 1).ok()?),
            },
            _ => return None,
        };
        Some(Self { uid_validity: four(1)?, next: four(5)?, mod_seq: eight(9)?, count })
    }
}

/// The marks of a folder from its STATUS: they say nothing where UIDVALIDITY or UIDNEXT is missing.
pub(super) fn marks(status: &MailboxStatus) -> Marks {
    let (Some(validity @ 1..), Some(next), Some(messages)) = (status.uid_validity, status.uid_next, status.messages) else {
        return Marks::default();
    };
    let bytes = |numbers: &[u64]| Mark(numbers.iter().flat_map(|n| n.to_be_bytes()).collect());
    Marks {
        additions: Some(bytes(&[validity, next, messages])),
        everything: status.highest_mod_seq.map(|mod_seq| bytes(&[validity, next, messages, mod_seq])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_foreign_bytes_do_not() {
        let position = Position { uid_validity: 7, next: u32::MAX, mod_seq: 1 << 60, count: None };
        for count in [None, Some(0), Some(u32::MAX)] {
            let position = Position { count, ..position };
            assert_eq!(Position::decode(&position.encode()), Some(position));
        }
        // Of the version before.
        let mut old = position.encode().0.to_vec();
        old[0] = 1;
        assert_eq!(Position::decode(&Cursor(old[..17].into())), Some(position));
        assert_eq!(Position::decode(&Cursor(old.into())), None);
        assert_eq!(Position::decode(&Cursor([].into())), None);
        assert_eq!(Position::decode(&Cursor([9; 17].into())), None);
    }

    #[test]
    fn marks_need_an_epoch() {
        let status = MailboxStatus { uid_validity: Some(0), uid_next: Some(5), messages: Some(1), ..MailboxStatus::default() };
        assert_eq!(marks(&status), Marks::default());
        let status = MailboxStatus { uid_validity: Some(3), highest_mod_seq: None, ..status };
        assert!(marks(&status).additions.is_some() && marks(&status).everything.is_none());
    }
}
