//! Rows of messages whose server copies go: which may, which are going, which are gone.

use rusqlite::params;

use crate::model::{Cursor, FolderId, LocalName, RemoteId, Result};
use crate::store::maildir::digest::Digest;

use super::columns::{RELEASED, RELEASING, STORED, digest, name, remote};
use super::doubtful::Doubtful;
use super::links::LinkId;
use super::sqlite::Sqlite;

/// A stored message whose server copy may go.
#[derive(Debug, Clone)]
pub struct Releasable {
    /// Row.
    pub id: LinkId,
    /// Id there.
    pub remote: RemoteId,
    /// Base name.
    pub name: LocalName,
    /// Digest.
    pub digest: Digest,
    /// Seconds since 1970 when it was stored.
    pub stored_at: i64,
    /// Consecutive runs that did not find the file.
    pub missing: u32,
    /// Matched without its body: that must be read first.
    pub weak: bool,
    /// How often its body cost the connection.
    pub tries: u32,
    /// Octets as announced.
    pub size: Option<u64>,
    /// Internal date.
    pub date: Option<i64>,
    /// Its removal was begun, and nothing is known of its end.
    pub begun: bool,
}

impl From<&Releasable> for Doubtful {
    fn from(m: &Releasable) -> Self {
        Self { id: m.id, remote: m.remote.clone(), name: m.name.clone(), size: m.size, digest: m.digest }
    }
}

/// What became of a batch of removals.
#[derive(Debug, Clone, Default)]
pub struct Receipt {
    /// Removed there, or not there any more.
    pub released: Vec<LinkId>,
    /// Refused: stored, as before.
    pub kept: Vec<LinkId>,
    /// Of the released: moved into this folder under this id.
    pub moved: Vec<(FolderId, RemoteId, LinkId)>,
    /// Of the released: moved to the trash under an id that the server did not tell.
    pub unnamed: Vec<LinkId>,
    /// Where the folder stands now, when the orders moved that.
    pub cursor: Option<Cursor>,
}

/// Rows of messages whose server copies go.
pub trait Releases {
    /// Stored messages of the current epoch whose server copy may go, but for those that came shorter than announced: stored not after `until`; also those whose removal was begun
    /// before. With `due_before`, only those that became due in a run before that moment. By id there.
    fn releasable(&self, folder: i64, until: i64, due_before: Option<i64>) -> Result<Vec<Releasable>>;

    /// Notes messages stored not after `until` as due at `now`; those noted before keep their note.
    fn mark_due(&mut self, folder: i64, until: i64, now: i64) -> Result<()>;

    /// Counts one more run that did not find these files, and forgets the count of those found again.
    fn mark_missing(&mut self, missing: &[LinkId], found: &[LinkId]) -> Result<()>;

    /// A person said that these files are missing on purpose: no further run has to find it out.
    fn mark_removed(&mut self, ids: &[LinkId]) -> Result<()>;

    /// Intent: the server will be told to remove these. Before the order goes out.
    fn mark_releasing(&mut self, ids: &[LinkId]) -> Result<()>;

    /// Receipt: what the server answered, and its new cursor, in one transaction.
    fn settle_release(&mut self, folder: i64, receipt: &Receipt) -> Result<()>;
}

impl Releases for Sqlite {
    fn releasable(&self, folder: i64, until: i64, due_before: Option<i64>) -> Result<Vec<Releasable>> {
        self.read("look for messages to release", |db| {
            let mut query = db.prepare_cached(
                "SELECT id, remote, name, octets, as_sent, identity, wire, header, stored_at, missing, weak, tries, size, date, state = 3 FROM link
                 WHERE folder = ?1 AND epoch = (SELECT epoch FROM folder WHERE id = ?1) AND weak < 2
                   AND (state = 3 OR (state = 1 AND stored_at <= ?2 AND (?3 IS NULL OR due < ?3))) ORDER BY remote",
            )?;
            let rows = query.query_map(params![folder, until, due_before], |r| {
                Ok(Releasable {
                    id: LinkId(r.get(0)?),
                    remote: remote(r, 1)?,
                    name: name(r, 2)?,
                    digest: digest(r, 3)?,
                    stored_at: r.get(8)?,
                    missing: r.get(9)?,
                    weak: r.get(10)?,
                    tries: r.get(11)?,
                    size: r.get::<_, Option<i64>>(12)?.map(|s| s as u64),
                    date: r.get(13)?,
                    begun: r.get(14)?,
                })
            })?;
            rows.collect()
        })
    }

    fn mark_due(&mut self, folder: i64, until: i64, now: i64) -> Result<()> {
        self.transaction("note messages whose time has come", |tx| {
            // A note from the future was made by a clock that was wrong.
            let due = "UPDATE link SET due = ?3 WHERE folder = ?1 AND state = 1 AND stored_at <= ?2 AND (due IS NULL OR due > ?3)";
            tx.execute(due, params![folder, until, now]).map(drop)
        })
    }

    fn mark_missing(&mut self, missing: &[LinkId], found: &[LinkId]) -> Result<()> {
        self.transaction("record missing files", |tx| {
            let mut more = tx.prepare_cached("UPDATE link SET missing = missing + 1 WHERE id = ?1")?;
            missing.iter().try_for_each(|id| more.execute([id.0]).map(drop))?;
            let mut none = tx.prepare_cached("UPDATE link SET missing = 0 WHERE id = ?1")?;
            found.iter().try_for_each(|id| none.execute([id.0]).map(drop))
        })
    }

    fn mark_removed(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction("record files that are missing on purpose", |tx| {
            let mut update = tx.prepare_cached("UPDATE link SET missing = 2 WHERE id = ?1")?;
            ids.iter().try_for_each(|id| update.execute([id.0]).map(drop))
        })
    }

    fn mark_releasing(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction("record the intent to remove server copies", |tx| {
            let mut update = tx.prepare_cached(SET_STATE)?;
            ids.iter().try_for_each(|id| update.execute([id.0, RELEASING]).map(drop))
        })
    }

    fn settle_release(&mut self, folder: i64, receipt: &Receipt) -> Result<()> {
        self.transaction("record removed server copies", |tx| {
            // A released row where it went, so that it is not fetched again from there; when that folder is known.
            let mut there = tx.prepare_cached(
                "INSERT OR IGNORE INTO link (folder, epoch, remote, name, state, size, date, flags, keywords, octets, as_sent, identity, wire, header, stored_at)
                 SELECT f.id, f.epoch, ?2, l.name, ?4, l.size, l.date, l.flags, l.keywords, l.octets, l.as_sent, l.identity, l.wire, l.header, l.stored_at
                 FROM link l, folder f WHERE l.id = ?3 AND f.remote = ?1",
            )?;
            for (to, id, from) in &receipt.moved {
                there.execute(params![to.0, &*id.0, from.0, RELEASED])?;
            }
            let mut update = tx.prepare_cached(SET_STATE)?;
            receipt.released.iter().try_for_each(|id| update.execute([id.0, RELEASED]).map(drop))?;
            receipt.kept.iter().try_for_each(|id| update.execute([id.0, STORED]).map(drop))?;
            let mut unnamed = tx.prepare_cached("UPDATE link SET moved = 1 WHERE id = ?1")?;
            receipt.unnamed.iter().try_for_each(|id| unnamed.execute([id.0]).map(drop))?;
            if let Some(cursor) = &receipt.cursor {
                tx.execute("UPDATE folder SET cursor = ?2 WHERE id = ?1", params![folder, cursor.0])?;
            }
            Ok(())
        })
    }
}

const SET_STATE: &str = "UPDATE link SET state = ?2 WHERE id = ?1";
