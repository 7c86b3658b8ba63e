//! Rows of which it is not certain that their file is the server's message: matched without the body, come shorter than announced, or with
//! the octets of another message. Reading the body settles them.

use std::collections::HashSet;

use rusqlite::params;

use crate::model::{LocalName, RemoteId, Result};
use crate::store::maildir::digest::{Digest, LineEnds};

use super::columns::{STORED, WANTED, digest, name, remote};
use super::links::{FileHere, LinkId};
use super::sqlite::Sqlite;

/// A message that may be another one than the file here.
#[derive(Debug, Clone)]
pub struct Doubtful {
    /// Row.
    pub id: LinkId,
    /// Id there.
    pub remote: RemoteId,
    /// Base name.
    pub name: LocalName,
    /// Octets as announced.
    pub size: Option<u64>,
    /// What is known of the file.
    pub digest: Digest,
}

/// What the bodies told.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// It is the file here: its identity as the file has it, the rest as the server sent it.
    pub proven: Vec<(LinkId, Digest)>,
    /// It is another message, which is wanted; under this fresh name.
    pub disproved: Vec<(LinkId, LocalName)>,
    /// It is not there any more.
    pub gone: Vec<LinkId>,
    /// The files of the disproved and the gone ones, which are here only.
    pub files: Vec<FileHere>,
    /// It cost the connection: others come first in the next run.
    pub blamed: Option<LinkId>,
}

/// Rows whose file may be another message.
pub trait Doubts {
    /// Records what the bodies told of rows of a folder.
    fn settle_doubtful(&mut self, folder: i64, verdicts: &Verdicts, now: i64) -> Result<()>;

    /// Notes messages that are about to be stored, and came shorter than announced: until they were read once more they authorise no deletion.
    fn mark_short(&mut self, ids: &[LinkId]) -> Result<()>;

    /// Stored messages of a folder that were noted so, and how often each cost the connection since; those last that did.
    fn short(&self, folder: i64) -> Result<Vec<(u32, Doubtful)>>;

    /// Messages of a folder that came with the very octets of another one that was announced with another size: one of the two may have
    /// got the other's body.
    fn suspects(&self, folder: i64) -> Result<HashSet<LinkId>>;
}

impl Doubts for Sqlite {
    fn settle_doubtful(&mut self, folder: i64, verdicts: &Verdicts, now: i64) -> Result<()> {
        self.transaction("record what message bodies told", |tx| {
            let mut proven = tx.prepare_cached("UPDATE link SET weak = 0, octets = ?2, identity = ?3, wire = ?4 WHERE id = ?1 AND identity IS NOT NULL")?;
            for (id, digest) in &verdicts.proven {
                proven.execute(params![id.0, digest.octets as i64, digest.identity.0, digest.wire.0])?;
            }
            let mut wanted = tx.prepare_cached(
                "UPDATE link SET state = ?2, name = ?3, octets = NULL, as_sent = NULL, identity = NULL, wire = NULL, header = NULL, weak = 0,
                    flags = coalesce(there_flags, flags), keywords = CASE WHEN there_flags IS NULL THEN keywords ELSE there_keywords END,
                    there_flags = NULL, there_keywords = NULL, gone = 0,
                    stored_at = NULL, due = NULL, missing = 0, tries = 0, reason = NULL WHERE id = ?1",
            )?;
            for (id, name) in &verdicts.disproved {
                wanted.execute(params![id.0, WANTED, &*name.0])?;
            }
            let mut delete = tx.prepare_cached("DELETE FROM link WHERE id = ?1")?;
            verdicts.gone.iter().try_for_each(|id| delete.execute([id.0]).map(drop))?;
            let mut here = tx.prepare_cached(
                "INSERT OR IGNORE INTO link (folder, epoch, remote, name, state, flags, octets, as_sent, identity, wire, header, weak, stored_at)
                 VALUES (?1, 0, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, 1, ?10)",
            )?;
            for FileHere { name, digest: d } in &verdicts.files {
                let (remote, as_sent) = (format!("{name}/{}", d.octets), d.line_ends == LineEnds::AsSent);
                let hashes = (d.identity.0, d.wire.0, d.header.0);
                here.execute(params![folder, remote, &*name.0, STORED, d.octets as i64, as_sent, hashes.0, hashes.1, hashes.2, now])?;
            }
            if let Some(blamed) = verdicts.blamed {
                tx.execute("UPDATE link SET tries = tries + 1 WHERE id = ?1", [blamed.0])?;
            }
            Ok(())
        })
    }

    fn mark_short(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction("note messages that came shorter than announced", |tx| {
            let mut update = tx.prepare_cached("UPDATE link SET weak = 2 WHERE id = ?1")?;
            ids.iter().try_for_each(|id| update.execute([id.0]).map(drop))
        })
    }

    fn short(&self, folder: i64) -> Result<Vec<(u32, Doubtful)>> {
        self.read("look for messages that came shorter than announced", |db| {
            let mut query = db.prepare_cached(
                "SELECT tries, id, remote, name, size, octets, as_sent, identity, wire, header FROM link
                 WHERE folder = ?1 AND weak = 2 AND state = 1 AND gone = 0 AND epoch = (SELECT epoch FROM folder WHERE id = ?1)
                 ORDER BY tries, id",
            )?;
            let rows = query.query_map([folder], |r| {
                let size = r.get::<_, Option<i64>>(4)?.map(|s| s as u64);
                Ok((r.get(0)?, Doubtful { id: LinkId(r.get(1)?), remote: remote(r, 2)?, name: name(r, 3)?, size, digest: digest(r, 5)? }))
            })?;
            rows.collect()
        })
    }

    fn suspects(&self, folder: i64) -> Result<HashSet<LinkId>> {
        self.read("look for messages with the body of another", |db| {
            let mut query = db.prepare_cached(
                "WITH known AS (SELECT id, state, wire, size FROM link
                    WHERE folder = ?1 AND epoch = (SELECT epoch FROM folder WHERE id = ?1) AND state IN (1, 3, 4))
                 SELECT id FROM known WHERE state IN (1, 3)
                    AND wire IN (SELECT wire FROM known GROUP BY wire HAVING min(size) <> max(size))",
            )?;
            query.query_map([folder], |r| r.get(0).map(LinkId))?.collect()
        })
    }
}
