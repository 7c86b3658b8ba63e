//! The bookmarks of the memory server as bytes, opaque to everybody else.

use crate::model::Cursor;

/// Where the last look into a folder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Epoch of the ids; 0 = they do not stay.
    pub epoch: u32,
    /// Every id below was listed.
    pub next: u64,
    /// Changes and removals are known up to here.
    pub mod_seq: u64,
    /// Messages in the folder then; nothing depends on it.
    pub count: u64,
}

impl Place {
    pub fn encode(self) -> Cursor {
        let numbers = [u64::from(self.epoch), self.next, self.mod_seq, self.count];
        Cursor(numbers.iter().flat_map(|n| n.to_be_bytes()).collect())
    }

    /// `None` for bytes of another backend.
    pub fn decode(cursor: &Cursor) -> Option<Self> {
        let (numbers, rest) = cursor.0.as_chunks::<8>();
        match *numbers {
            [epoch, next, mod_seq, count] if rest.is_empty() => Some(Self {
                epoch: u32::try_from(u64::from_be_bytes(epoch)).ok()?,
                next: u64::from_be_bytes(next),
                mod_seq: u64::from_be_bytes(mod_seq),
                count: u64::from_be_bytes(count),
            }),
            _ => None,
        }
    }
}
