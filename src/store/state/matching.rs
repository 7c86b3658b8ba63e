//! Rows as what a message there can be matched with.

use rusqlite::{OptionalExtension as _, Row, params};

use crate::model::{LocalName, PermanentId, Result};
use crate::store::maildir::digest::Digest;

use super::columns::{RELEASED, digest, name};
use super::links::LinkId;
use super::sqlite::Sqlite;

/// The file of a message whose server copy is there still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptName {
    /// Row.
    pub id: LinkId,
    /// Base name.
    pub name: LocalName,
    /// A person said that it was removed on purpose.
    pub removed: bool,
}

/// A row of an older epoch, for matching.
#[derive(Debug, Clone)]
pub struct Digested {
    /// Row.
    pub id: LinkId,
    /// Base name.
    pub name: LocalName,
    /// Digest.
    pub digest: Digest,
    /// Account-wide id.
    pub permanent: Option<PermanentId>,
    /// Released: lives here only.
    pub released: bool,
    /// Sent there from here, and the server said that it has it.
    pub taken: bool,
    /// Octets as the server announced them: servers estimate, and estimate alike again.
    pub announced: Option<u64>,
}

/// A stored copy of a message in another place of the account.
#[derive(Debug, Clone)]
pub struct Twin {
    /// Directory of its folder.
    pub dir: String,
    /// Base name.
    pub name: LocalName,
    /// Digest.
    pub digest: Digest,
}

/// Columns `id, name, octets, as_sent, identity, wire, header, permanent, state, taken, size`.
fn digested(row: &Row<'_>) -> rusqlite::Result<Digested> {
    Ok(Digested {
        id: LinkId(row.get(0)?),
        name: name(row, 1)?,
        digest: digest(row, 2)?,
        permanent: row.get::<_, Option<String>>(7)?.map(|p| PermanentId(p.into())),
        released: row.get::<_, i64>(8)? == RELEASED,
        taken: row.get::<_, i64>(9)? != 0,
        announced: row.get::<_, Option<i64>>(10)?.map(|size| size as u64),
    })
}

/// Rows that a message there can be matched with.
pub trait Matching {
    /// Stored and released messages of every epoch but the current one (they were not matched), or, before a restart is committed, of
    /// the epoch that ends. By epoch and id there.
    fn digested(&self, folder: i64) -> Result<Vec<Digested>>;

    /// What is here and no message of the current epoch was matched with, or is on its way there: a body that equals one of these is
    /// that file. The former by epoch and id there, then the latter.
    fn unmatched(&self, folder: i64) -> Result<Vec<Digested>>;

    /// The messages of a folder whose server copies are known to be there still, by id there.
    fn kept_names(&self, folder: i64) -> Result<Vec<KeptName>>;

    /// Messages of other folders that were, or may have been, moved to the trash when their server copies were removed: those that
    /// are being released, then those that went.
    fn moving(&self, trash: i64) -> Result<Vec<Digested>>;

    /// The trash was listed up to now: what was not found there did not go there.
    fn forget_moved(&mut self, trash: i64) -> Result<()>;

    /// Wanted messages, each with the row of a file of another folder that nothing there was matched with: it is here, by a weak match.
    /// Nothing is agreed of its flags yet.
    fn link_astray(&mut self, pairs: &[(LinkId, LinkId)], now: i64) -> Result<()>;

    /// Messages of a folder that are on their way there.
    fn arriving(&self, folder: i64) -> Result<Vec<Digested>>;

    /// The first stored copy of the message with the account-wide id `permanent`.
    fn twin(&self, permanent: &PermanentId) -> Result<Option<Twin>>;
}

impl Matching for Sqlite {
    fn digested(&self, folder: i64) -> Result<Vec<Digested>> {
        self.read("read what is known of the folder", |db| {
            let mut query =
                db.prepare_cached("SELECT id, name, octets, as_sent, identity, wire, header, permanent, state, taken, size FROM link WHERE folder = ?1 AND state IN (1, 3, 4, 5, 6) ORDER BY epoch, remote")?;
            query.query_map([folder], digested)?.collect()
        })
    }

    fn unmatched(&self, folder: i64) -> Result<Vec<Digested>> {
        self.read("read what is here and not matched", |db| {
            let columns = "SELECT id, name, octets, as_sent, identity, wire, header, permanent, state, taken, size FROM link";
            // Two parts, each by an index: the folder's own rows are many, these are few.
            let mut query = db.prepare_cached(&format!(
                "{columns} WHERE folder = ?1 AND epoch < (SELECT epoch FROM folder WHERE id = ?1) AND state IN (1, 3, 4)
                 UNION ALL {columns} INDEXED BY link_under_way WHERE folder = ?1 AND state = 5 AND state IN (5, 6)"
            ))?;
            query.query_map([folder], digested)?.collect()
        })
    }

    fn kept_names(&self, folder: i64) -> Result<Vec<KeptName>> {
        self.read("read the names of stored messages", |db| {
            let mut query = db.prepare_cached(
                "SELECT id, name, missing FROM link WHERE folder = ?1 AND state IN (1, 3) AND epoch = (SELECT epoch FROM folder WHERE id = ?1) ORDER BY remote",
            )?;
            let kept = query.query_map([folder], |r| {
                let missing: u32 = r.get(2)?;
                Ok(KeptName { id: LinkId(r.get(0)?), name: name(r, 1)?, removed: missing > 1 })
            })?;
            kept.collect()
        })
    }

    fn moving(&self, trash: i64) -> Result<Vec<Digested>> {
        self.read("look for messages moved to the trash", |db| {
            let columns = "SELECT id, name, octets, as_sent, identity, wire, header, permanent, state, taken, size FROM link";
            let mut query = db.prepare_cached(&format!(
                "{columns} INDEXED BY link_releasing WHERE state = 3 AND folder <> ?1 UNION ALL {columns} INDEXED BY link_moved WHERE moved = 1 AND folder <> ?1"
            ))?;
            query.query_map([trash], digested)?.collect()
        })
    }

    fn forget_moved(&mut self, trash: i64) -> Result<()> {
        self.transaction("forget messages moved to the trash", |tx| {
            tx.execute("UPDATE link INDEXED BY link_moved SET moved = 0 WHERE moved = 1 AND folder <> ?1", [trash]).map(drop)
        })
    }

    fn link_astray(&mut self, pairs: &[(LinkId, LinkId)], now: i64) -> Result<()> {
        self.transaction("record messages that lie in other folders", |tx| {
            let mut link = tx.prepare_cached(
                "UPDATE link SET state = 1, weak = 1, stored_at = ?3, there_flags = flags, there_keywords = keywords, flags = 0, keywords = NULL,
                    (name, octets, as_sent, identity, wire, header) = (SELECT name, octets, as_sent, identity, wire, header FROM link WHERE id = ?2)
                 WHERE id = ?1 AND state IN (0, 2) AND EXISTS (SELECT 1 FROM link WHERE id = ?2 AND epoch = 0)",
            )?;
            let mut forget = tx.prepare_cached(
                "DELETE FROM link WHERE epoch = 0 AND (folder, name) = (SELECT folder, name FROM link WHERE id = ?1 AND epoch = 0)",
            )?;
            for (wanted, file) in pairs {
                if link.execute(params![wanted.0, file.0, now])? > 0 {
                    forget.execute([file.0])?;
                }
            }
            Ok(())
        })
    }

    fn arriving(&self, folder: i64) -> Result<Vec<Digested>> {
        self.read("look for messages on their way", |db| {
            let mut query = db.prepare_cached(
                "SELECT id, name, octets, as_sent, identity, wire, header, permanent, state, taken, size FROM link INDEXED BY link_under_way
                 WHERE state = 5 AND folder = ?1 AND state IN (5, 6) ORDER BY id",
            )?;
            query.query_map([folder], digested)?.collect()
        })
    }

    fn twin(&self, permanent: &PermanentId) -> Result<Option<Twin>> {
        self.read("look for a copy of a message", |db| {
            let mut query = db.prepare_cached(
                "SELECT f.dir, l.name, octets, as_sent, identity, wire, header FROM link l JOIN folder f ON f.id = l.folder
                 WHERE l.permanent = ?1 AND l.permanent IS NOT NULL AND state = 1 AND weak = 0 ORDER BY l.id LIMIT 1",
            )?;
            query.query_row([&*permanent.0], |r| Ok(Twin { dir: r.get(0)?, name: name(r, 1)?, digest: digest(r, 2)? })).optional()
        })
    }
}
