//! What an outbox remembers to save work. None of it is synced: losing it costs a look.

use std::io::Write as _;

use rustix::fs::AtFlags;

use crate::model::{Cursor, FolderId, Result};
use crate::store::random;

use super::{Outbox, Postponed, entry};

/// What is postponed as a whole.
const POSTPONED: &str = "postponed.toml";
/// Where the Sent folder stood.
const BOOKMARK: &str = "sent-folder";

impl Outbox {
    /// Why nothing of the outbox is tried for now.
    pub fn postponed(&self) -> Option<Postponed> {
        Postponed::read(&std::fs::read_to_string(self.path.join(POSTPONED)).ok()?)
    }

    /// Says when the outbox is tried again; `None` = it works. No more than a hint: it is not synced.
    pub fn postpone(&self, postponed: Option<&Postponed>) -> Result<()> {
        let Some(postponed) = postponed else {
            return match rustix::fs::unlinkat(&self.dir, POSTPONED, AtFlags::empty()) {
                Err(error) if error != rustix::io::Errno::NOENT => Err(self.failed("remove", POSTPONED)(error.into())),
                _ => Ok(()),
            };
        };
        self.replace(POSTPONED, &postponed.text()?)
    }

    /// Where a folder for copies stood at the last look.
    pub fn bookmark(&self, folder: &FolderId) -> Option<Cursor> {
        let text = std::fs::read_to_string(self.path.join(BOOKMARK)).ok()?;
        let (name, cursor) = text.trim().split_once(' ')?;
        (entry::bytes(name)? == folder.0).then(|| entry::bytes(cursor).map(Cursor::from))?
    }

    /// Remembers that. No more than a saving: it is not synced.
    pub fn set_bookmark(&self, folder: &FolderId, cursor: &Cursor) -> Result<()> {
        self.replace(BOOKMARK, &format!("{} {}\n", entry::octets(&folder.0), entry::octets(&cursor.0)))
    }

    /// Puts a small file in the place of another, unsynced.
    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let new = format!("tmp-{:016x}", u64::from_le_bytes(random()?));
        self.create(&new)?.write_all(text.as_bytes()).map_err(self.failed("write", name))?;
        self.rename(&new, name)
    }
}
