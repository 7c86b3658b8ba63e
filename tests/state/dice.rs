//! Random octets as the things that a state is told of. The pools are small, so that things meet.

use mailx::model::change::Said;
use mailx::model::{Change, Cursor, FlagState, Flags, FolderId, Hash, Keyword, Listed, LocalName, Mark, PermanentId, RemoteId};
use mailx::store::maildir::digest::{Digest, LineEnds};
use mailx::store::state::LinkId;

/// Folders that there may be; one more is asked for.
pub const FOLDERS: usize = 4;
/// Rows of messages that are asked for.
pub const ROWS: i64 = 24;
/// Moments that things happen at.
pub const MOMENTS: usize = 8;

pub struct Dice<'a> {
    octets: std::slice::Iter<'a, u8>,
    /// Rows that there are.
    rows: &'a [LinkId],
    /// Rows whose file is here: the engine tells of others that they are wanted only.
    here: &'a [LinkId],
}

impl<'a> Dice<'a> {
    pub fn new(octets: &'a [u8], rows: &'a [LinkId], here: &'a [LinkId]) -> Self {
        Self { octets: octets.iter(), rows, here }
    }

    /// Below `most`; 0 when the octets are used up.
    pub fn below(&mut self, most: usize) -> usize {
        self.octets.next().map_or(0, |octet| usize::from(*octet) % most)
    }

    pub fn yes(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Now and then.
    pub fn rarely(&mut self) -> bool {
        self.below(16) == 15
    }

    pub fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.yes().then(|| make(self))
    }

    /// Up to two; seldom none.
    pub fn few<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4).div_ceil(2)).map(|_| make(self)).collect()
    }

    pub fn folder_id(&mut self) -> FolderId {
        FolderId(vec![b'f', b'0' + self.below(FOLDERS) as u8])
    }

    /// Now and then one that there is not.
    pub fn one_of(&mut self, rows: &[LinkId]) -> LinkId {
        match rows.get(self.below(rows.len().max(1))) {
            Some(row) if !self.rarely() => *row,
            _ => LinkId(1 + self.below(ROWS as usize) as i64),
        }
    }

    pub fn row(&mut self) -> LinkId {
        self.one_of(self.rows)
    }

    pub fn here(&mut self) -> LinkId {
        self.one_of(self.here)
    }

    pub fn remote(&mut self) -> RemoteId {
        RemoteId(format!("{}", self.below(12)).into())
    }

    pub fn name(&mut self) -> LocalName {
        LocalName(format!("n{}", self.below(10)).into())
    }

    pub fn permanent(&mut self) -> PermanentId {
        PermanentId(format!("p{}", self.below(4)).into())
    }

    pub fn moment(&mut self) -> i64 {
        self.below(MOMENTS) as i64
    }

    pub fn flags(&mut self) -> FlagState {
        let keywords = ["one", "two"].into_iter().filter(|_| self.below(4) == 3).filter_map(Keyword::new).collect();
        FlagState { flags: Flags::from_bits([0, 16, 18][self.below(3)]), keywords }
    }

    /// Some have the same bytes on the wire, and were announced with another size.
    pub fn digest(&mut self) -> Digest {
        let n = self.below(8) as u8;
        let line_ends = if n.is_multiple_of(3) { LineEnds::AsSent } else { LineEnds::Lf };
        Digest { identity: Hash([n; 32]), wire: Hash([n / 2; 32]), header: Hash([n / 4; 32]), octets: 100 + u64::from(n / 2), line_ends }
    }

    /// Also one that no mailbox has.
    pub fn size(&mut self) -> Option<u64> {
        [None, Some(100), Some(101), Some(u64::MAX)][self.below(4)]
    }

    pub fn cursor(&mut self) -> Cursor {
        Cursor([self.below(4) as u8].into())
    }

    pub fn mark(&mut self) -> Mark {
        Mark(vec![self.below(4) as u8])
    }

    /// A page of a listing; each id is mentioned once.
    pub fn page(&mut self) -> Vec<Change> {
        let mut page: Vec<(RemoteId, Change)> = Vec::new();
        for _ in 0..self.below(6) {
            let id = self.remote();
            let (size, date, flags, permanent) = (self.size(), self.some(Self::moment), self.flags(), self.some(Self::permanent));
            let listed = Listed { id: id.clone(), size, date, flags, permanent };
            let change = match self.below(6) {
                0 => Change::Gone(id.clone()),
                1 => Change::Kept(id.clone()),
                2 => Change::Changed { now: listed, said: Said { flags: self.flags().flags, keywords: self.below(2) == 0 } },
                _ => Change::Present(listed),
            };
            if page.iter().all(|(other, _)| *other != id) {
                page.push((id, change));
            }
        }
        page.into_iter().map(|(_, change)| change).collect()
    }
}
