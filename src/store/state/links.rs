//! Rows of messages. Every id that a listing brought has its own row; only `stored` rows may be deleted there.

use std::collections::HashSet;

use rusqlite::params;

use crate::model::change::Marks;
use crate::model::{Cursor, FlagState, Flags, LocalName, PermanentId, RemoteId, Result};
use crate::store::maildir::digest::{Digest, LineEnds};

use super::columns::{RELEASED, SKIPPED, STORED, WANTED, keyword_text, keywords, name, remote};
use super::news::{News, record_news};
use super::sqlite::Sqlite;

/// Row id of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub i64);

/// A message of a listing, with the name reserved for it.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// Id there.
    pub remote: RemoteId,
    /// Reserved base name.
    pub name: LocalName,
    /// Octets as announced.
    pub size: Option<u64>,
    /// Internal date.
    pub date: Option<i64>,
    /// Flags and keywords there.
    pub flags: FlagState,
    /// Account-wide id.
    pub permanent: Option<PermanentId>,
    /// `Some` when the message is here already (adopted, matched again).
    pub here: Option<Known>,
}

/// A message that is here already.
#[derive(Debug, Clone)]
pub struct Known {
    /// Digest of the file.
    pub digest: Digest,
    /// Matched without its body.
    pub weak: bool,
    /// The row of an older epoch that it continues.
    pub continues: Option<LinkId>,
    /// The row of the message that was moved here when its server copy was removed: the new row is released, too.
    pub moved_from: Option<LinkId>,
    /// For a new row: flags and keywords that both sides have, where the server has more. The rest is a difference, for `sync` to settle.
    pub agreed: Option<FlagState>,
}

/// A file that was here before the folder was known, and that nothing there was matched with yet.
#[derive(Debug, Clone)]
pub struct FileHere {
    /// Base name.
    pub name: LocalName,
    /// One of its digests.
    pub digest: Digest,
}

/// A message that is wanted.
#[derive(Debug, Clone)]
pub struct PendingLink {
    /// Row.
    pub id: LinkId,
    /// Id there.
    pub remote: RemoteId,
    /// Reserved base name.
    pub name: LocalName,
    /// Octets as announced.
    pub size: Option<u64>,
    /// Internal date.
    pub date: Option<i64>,
    /// Flags and keywords there.
    pub flags: FlagState,
    /// Account-wide id.
    pub permanent: Option<PermanentId>,
    /// How often it failed before.
    pub tries: u32,
}

/// A message that has become durable here.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Row.
    pub id: LinkId,
    /// Where it lies, when not under the reserved name.
    pub name: Option<LocalName>,
    /// Digest.
    pub digest: Digest,
    /// Rows that it continues, of older epochs or of files that were here before: what was agreed of their flags still is; they go.
    pub replaces: Vec<LinkId>,
    /// Nothing that is doubted of it is settled: its bytes did not come from the server just now, or not all of them.
    pub keeps_doubt: bool,
}

/// One page of a listing, ready to be recorded.
#[derive(Debug)]
pub struct Page<'a> {
    /// The ids of before are void; the folder's epoch goes up first.
    pub restart: bool,
    /// Messages that have no row yet, or continue one under another id.
    pub links: &'a [NewLink],
    /// What it tells of known ones.
    pub news: &'a News,
    /// What was here before and was not matched.
    pub files: &'a [FileHere],
    /// Where the folder stands with it.
    pub cursor: &'a Cursor,
    /// Marks that it makes true; the others stay as they are.
    pub marks: Option<&'a Marks>,
    /// Seconds since 1970.
    pub now: i64,
}

/// Rows of messages as the download sees them.
pub trait Links {
    /// Commits one page of a listing: a row for every id that has none, what is new of known ones, and the cursor, in one transaction.
    /// Returns the epoch and how many rows are new.
    fn commit_page(&mut self, folder: i64, page: &Page<'_>) -> Result<(i64, u64)>;

    /// The folders that have wanted messages, with how many.
    fn wanted_folders(&self) -> Result<Vec<(i64, u64)>>;

    /// Up to `most` wanted messages of a folder's current epoch with row ids above `after`.
    fn wanted(&self, folder: i64, after: LinkId, most: usize) -> Result<Vec<PendingLink>>;

    /// The wanted messages whose reserved names are among `names`, with their folders.
    fn wanted_named(&self, names: &HashSet<LocalName>) -> Result<Vec<(i64, LinkId, LocalName)>>;

    /// Notes the dates of wanted messages, where their listing told none.
    fn set_dates(&mut self, dates: &[(LinkId, i64)]) -> Result<()>;

    /// Records messages that are durable here. Call it only after their directory entries were synced.
    fn mark_stored(&mut self, stored: &[Stored], now: i64) -> Result<()>;

    /// Records messages that could not be had; they are tried again every run.
    fn mark_skipped(&mut self, skipped: &[(LinkId, String)]) -> Result<()>;

    /// Forgets wanted messages that the server does not have any more.
    fn forget_wanted(&mut self, gone: &[LinkId]) -> Result<()>;

    /// Messages and octets stored, and messages wanted, of a folder.
    fn totals(&self, folder: i64) -> Result<(u64, u64, u64)>;
}

impl Links for Sqlite {
    fn commit_page(&mut self, folder: i64, page: &Page<'_>) -> Result<(i64, u64)> {
        let Page { restart, cursor, now, .. } = *page;
        self.transaction("record what the server listed", |tx| {
            if restart {
                tx.execute("UPDATE folder SET epoch = epoch + 1 WHERE id = ?1", [folder])?;
            }
            let epoch: i64 = tx.query_row("SELECT epoch FROM folder WHERE id = ?1", [folder], |r| r.get(0))?;
            if restart {
                // What was wanted by its old id will be listed again under the new one.
                tx.execute("DELETE FROM link WHERE folder = ?1 AND epoch < ?2 AND state IN (0, 2)", [folder, epoch])?;
                tx.execute(
                    "UPDATE link SET gone = 0, there_flags = NULL, there_keywords = NULL, taken = 0 WHERE folder = ?1 AND epoch < ?2",
                    [folder, epoch],
                )?;
            }
            let mut added = 0;
            let mut insert = tx.prepare_cached(
                "INSERT OR IGNORE INTO link (folder, epoch, remote, name, state, size, date, flags, keywords, permanent,
                    octets, as_sent, identity, wire, header, weak, stored_at, there_flags, there_keywords)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
            )?;
            let mut carry_on = tx.prepare_cached(
                "UPDATE link SET epoch = ?2, remote = ?3, permanent = ?4, size = ?5, weak = max(weak, ?6),
                    state = CASE state WHEN 3 THEN 1 WHEN 5 THEN 1 ELSE state END, there_flags = ?7, there_keywords = ?8, taken = 0
                 WHERE id = ?1",
            )?;
            let mut found_again = tx.prepare_cached("UPDATE link SET state = ?2, moved = 0 WHERE id = ?1")?;
            for link in page.links {
                let size = link.size.and_then(|s| i64::try_from(s).ok());
                let permanent = link.permanent.as_ref().map(|p| &*p.0);
                if let Some(Known { continues: Some(old), weak, .. }) = &link.here {
                    let (flags, words) = (link.flags.flags.bits(), keyword_text(&link.flags.keywords));
                    added += carry_on.execute(params![old.0, epoch, &*link.remote.0, permanent, size, weak, flags, words])?;
                    continue;
                }
                let digest = link.here.as_ref().map(|k| &k.digest);
                let agreed = link.here.as_ref().and_then(|k| k.agreed.as_ref());
                let flags = agreed.unwrap_or(&link.flags);
                let inserted = insert.execute(params![
                    folder,
                    epoch,
                    &*link.remote.0,
                    &*link.name.0,
                    match &link.here {
                        Some(Known { moved_from: Some(_), .. }) => RELEASED,
                        Some(_) => STORED,
                        None => WANTED,
                    },
                    size,
                    link.date,
                    flags.flags.bits(),
                    keyword_text(&flags.keywords),
                    permanent,
                    digest.map(|d| d.octets as i64),
                    digest.map(|d| d.line_ends == LineEnds::AsSent),
                    digest.map(|d| d.identity.0),
                    digest.map(|d| d.wire.0),
                    digest.map(|d| d.header.0),
                    link.here.as_ref().is_some_and(|k| k.weak),
                    link.here.as_ref().map(|_| now),
                    agreed.map(|_| link.flags.flags.bits()),
                    agreed.and_then(|_| keyword_text(&link.flags.keywords)),
                ])?;
                added += inserted;
                // An id that was known already accounts for no other message.
                if let Some(Known { moved_from: Some(from), .. }) = &link.here
                    && inserted > 0
                {
                    found_again.execute(params![from.0, RELEASED])?;
                }
            }
            record_news(tx, page.news)?;
            for file in page.files {
                let d = &file.digest;
                insert.execute(params![
                    folder,
                    0,
                    format!("{}/{}", file.name, d.octets),
                    &*file.name.0,
                    STORED,
                    None::<i64>,
                    None::<i64>,
                    0,
                    None::<String>,
                    None::<String>,
                    d.octets as i64,
                    d.line_ends == LineEnds::AsSent,
                    d.identity.0,
                    d.wire.0,
                    d.header.0,
                    true,
                    now,
                    None::<u8>,
                    None::<String>,
                ])?;
            }
            tx.execute("UPDATE folder SET cursor = ?2 WHERE id = ?1", params![folder, cursor.0])?;
            if let Some(marks) = page.marks {
                tx.execute(
                    "UPDATE folder SET mark_additions = ?2, mark_all = coalesce(?3, mark_all) WHERE id = ?1",
                    params![folder, marks.additions.as_ref().map(|m| &m.0), marks.everything.as_ref().map(|m| &m.0)],
                )?;
            }
            Ok((epoch, added as u64))
        })
    }

    fn wanted_folders(&self) -> Result<Vec<(i64, u64)>> {
        self.read("look for wanted messages", |db| {
            let mut query = db.prepare_cached(
                "SELECT folder, count(*) FROM link INDEXED BY link_wanted WHERE state IN (0, 2) GROUP BY folder ORDER BY folder",
            )?;
            query.query_map([], |r| Ok((r.get(0)?, r.get::<_, i64>(1)? as u64)))?.collect()
        })
    }

    fn wanted(&self, folder: i64, after: LinkId, most: usize) -> Result<Vec<PendingLink>> {
        self.read("read wanted messages", |db| {
            let mut query = db.prepare_cached(
                "SELECT l.id, remote, name, size, date, flags, keywords, permanent, tries FROM link l INDEXED BY link_wanted
                 WHERE folder = ?1 AND l.id > ?2 AND state IN (0, 2) AND epoch = (SELECT epoch FROM folder WHERE id = ?1) ORDER BY l.id LIMIT ?3",
            )?;
            let rows = query.query_map(params![folder, after.0, most as i64], |r| {
                Ok(PendingLink {
                    id: LinkId(r.get(0)?),
                    remote: remote(r, 1)?,
                    name: name(r, 2)?,
                    size: r.get::<_, Option<i64>>(3)?.map(|s| s as u64),
                    date: r.get(4)?,
                    flags: FlagState { flags: Flags::from_bits(r.get(5)?), keywords: keywords(r.get(6)?) },
                    permanent: r.get::<_, Option<String>>(7)?.map(|p| PermanentId(p.into())),
                    tries: r.get(8)?,
                })
            })?;
            rows.collect()
        })
    }

    fn wanted_named(&self, names: &HashSet<LocalName>) -> Result<Vec<(i64, LinkId, LocalName)>> {
        self.read("look for wanted messages", |db| {
            let mut query = db.prepare_cached(
                "SELECT l.folder, l.id, l.name FROM link l INDEXED BY link_wanted JOIN folder f ON f.id = l.folder
                 WHERE l.state IN (0, 2) AND l.epoch = f.epoch ORDER BY l.folder, l.id",
            )?;
            let rows = query.query_map([], |r| Ok((r.get(0)?, LinkId(r.get(1)?), name(r, 2)?)))?;
            rows.filter(|row| row.as_ref().map_or(true, |(_, _, name)| names.contains(name))).collect()
        })
    }

    fn set_dates(&mut self, dates: &[(LinkId, i64)]) -> Result<()> {
        self.transaction("note the dates of wanted messages", |tx| {
            let mut update = tx.prepare_cached("UPDATE link SET date = ?2 WHERE id = ?1")?;
            dates.iter().try_for_each(|(id, date)| update.execute([id.0, *date]).map(drop))
        })
    }

    fn mark_stored(&mut self, stored: &[Stored], now: i64) -> Result<()> {
        self.transaction("record delivered messages", |tx| {
            let mut update = tx.prepare_cached(
                "UPDATE link SET state = ?2, octets = ?3, as_sent = ?4, identity = ?5, wire = ?6, header = ?7, stored_at = ?8,
                    name = coalesce(?9, name), weak = CASE WHEN ?10 THEN weak ELSE 0 END, reason = NULL WHERE id = ?1",
            )?;
            let mut delete = tx.prepare_cached("DELETE FROM link WHERE id = ?1")?;
            // What the server says was recorded as the flags of a message that was to come.
            let mut agreed = tx.prepare_cached(
                "UPDATE link SET there_flags = flags, there_keywords = keywords,
                    (flags, keywords) = (SELECT flags, keywords FROM link WHERE id = ?2)
                 WHERE id = ?1 AND EXISTS (SELECT 1 FROM link WHERE id = ?2)",
            )?;
            for s in stored {
                let d = &s.digest;
                let as_sent = d.line_ends == LineEnds::AsSent;
                let name = s.name.as_ref().map(|n| &*n.0);
                update.execute(params![
                    s.id.0,
                    STORED,
                    d.octets as i64,
                    as_sent,
                    d.identity.0,
                    d.wire.0,
                    d.header.0,
                    now,
                    name,
                    s.keeps_doubt
                ])?;
                if let Some(old) = s.replaces.first() {
                    agreed.execute([s.id.0, old.0])?;
                }
                for old in &s.replaces {
                    delete.execute([old.0])?;
                }
            }
            Ok(())
        })
    }

    fn mark_skipped(&mut self, skipped: &[(LinkId, String)]) -> Result<()> {
        self.transaction("record messages that could not be had", |tx| {
            let mut update = tx.prepare_cached("UPDATE link SET state = ?2, tries = tries + 1, reason = ?3 WHERE id = ?1")?;
            skipped.iter().try_for_each(|(id, reason)| update.execute(params![id.0, SKIPPED, reason]).map(drop))
        })
    }

    fn forget_wanted(&mut self, gone: &[LinkId]) -> Result<()> {
        self.transaction("forget messages that are gone there", |tx| {
            let mut delete = tx.prepare_cached("DELETE FROM link WHERE id = ?1 AND state IN (0, 2)")?;
            gone.iter().try_for_each(|id| delete.execute([id.0]).map(drop))
        })
    }

    fn totals(&self, folder: i64) -> Result<(u64, u64, u64)> {
        self.read("count messages", |db| {
            db.query_row(
                "SELECT count(*) FILTER (WHERE state IN (1, 3, 4, 5)), coalesce(sum(octets), 0), count(*) FILTER (WHERE state IN (0, 2)) FROM link WHERE folder = ?1 AND epoch > 0",
                [folder],
                |r| Ok((r.get::<_, i64>(0)? as u64, r.get::<_, i64>(1)? as u64, r.get::<_, i64>(2)? as u64)),
            )
        })
    }
}
