//! Rows as two-way sync sees them: what both sides agreed on, and what was told since.

use std::collections::HashSet;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::model::{FlagState, Flags, FolderId, Hash, LocalName, PermanentId, RemoteId, Result};
use crate::store::maildir::digest::Digest;

use super::columns::{ARRIVING, MOVING, RELEASED, RELEASING, STORED, digest, keyword_text, keywords, name, remote};
use super::links::LinkId;
use super::sqlite::Sqlite;

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not here yet.
    Wanted,
    /// Here and there.
    Linked,
    /// Here only, for ever: released, or never matched.
    LocalOnly,
    /// Here, and on its way there.
    Arriving,
    /// There, and on its way to another folder there: its file is in that folder already.
    Moving {
        /// The row that it becomes.
        dest: LinkId,
    },
}

/// What is known of a message that went there from here, until a listing shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing; or a listing has shown it.
    No,
    /// The server said that it has it.
    Yes,
    /// It did, and a later listing did not show it.
    InVain,
}

/// A row.
#[derive(Debug, Clone)]
pub struct SyncRow {
    /// Row id.
    pub id: LinkId,
    /// Id there.
    pub remote: RemoteId,
    /// Base name here.
    pub name: LocalName,
    /// What it stands for.
    pub standing: Standing,
    /// Agreed flags.
    pub agreed: FlagState,
    /// Flags there as last told, where they differ from the agreed ones.
    pub there: Option<FlagState>,
    /// A listing told that it is not there any more.
    pub gone: bool,
    /// Matched without its body, or come shorter than announced: authorises no deletion.
    pub weak: bool,
    /// Whether the server said that it has it, and has not shown it yet.
    pub taken: Taken,
}

/// What proves that two messages are the same.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Row id.
    pub id: LinkId,
    /// Folder row.
    pub folder: i64,
    /// Base name.
    pub name: LocalName,
    /// Digest.
    pub digest: Digest,
    /// Internal date.
    pub date: Option<i64>,
    /// Account-wide id.
    pub permanent: Option<PermanentId>,
    /// How often its body cost the connection.
    pub tries: u32,
}

/// A message whose file followed it into another folder.
#[derive(Debug, Clone)]
pub struct Relocated {
    /// The row of the folder that it is in now.
    pub wanted: LinkId,
    /// The row of the folder that it was in.
    pub gone: LinkId,
    /// What both sides agreed on before.
    pub agreed: FlagState,
    /// Matched without its body.
    pub weak: bool,
}

pub(super) fn record_agreed(tx: &Transaction<'_>, agreed: &[(LinkId, FlagState)]) -> rusqlite::Result<()> {
    let mut update =
        tx.prepare_cached("UPDATE link SET flags = ?2, keywords = ?3, there_flags = NULL, there_keywords = NULL WHERE id = ?1")?;
    agreed.iter().try_for_each(|(id, flags)| update.execute(params![id.0, flags.flags.bits(), keyword_text(&flags.keywords)]).map(drop))
}

pub(super) const COLUMNS: &str =
    "l.id, l.remote, l.name, l.state, l.flags, l.keywords, l.there_flags, l.there_keywords, l.gone, l.weak, l.dest, l.taken,
    l.epoch = (SELECT epoch FROM folder WHERE id = l.folder)";

pub(super) fn row(row: &Row<'_>) -> rusqlite::Result<SyncRow> {
    let current: bool = row.get(12)?;
    let standing = match row.get::<_, i64>(3)? {
        ARRIVING => Standing::Arriving,
        MOVING if current => Standing::Moving { dest: LinkId(row.get::<_, Option<i64>>(10)?.unwrap_or_default()) },
        RELEASED => Standing::LocalOnly,
        _ if !current => Standing::LocalOnly,
        STORED | RELEASING => Standing::Linked,
        _ => Standing::Wanted,
    };
    let there = match row.get::<_, Option<u8>>(6)? {
        Some(bits) => Some(FlagState { flags: Flags::from_bits(bits), keywords: keywords(row.get(7)?) }),
        None => None,
    };
    Ok(SyncRow {
        id: LinkId(row.get(0)?),
        remote: remote(row, 1)?,
        name: name(row, 2)?,
        standing,
        agreed: FlagState { flags: Flags::from_bits(row.get(4)?), keywords: keywords(row.get(5)?) },
        there,
        gone: row.get::<_, i64>(8)? == 1,
        weak: row.get(9)?,
        taken: match row.get::<_, i64>(11)? {
            0 => Taken::No,
            1 => Taken::Yes,
            _ => Taken::InVain,
        },
    })
}

/// Rows as two-way sync sees them.
pub trait Agreed {
    /// Goes through every row of a folder, one at a time: 100,000 of them are not held at once.
    fn each_row(&self, folder: i64, each: &mut dyn FnMut(SyncRow)) -> Result<()>;

    /// Rows of which something was told since both sides agreed.
    fn told_rows(&self, folder: i64) -> Result<Vec<SyncRow>>;

    /// Messages that both sides had until the ids of the folder became void, and that nothing there was matched with.
    fn superseded(&self, folder: i64) -> Result<Vec<SyncRow>>;

    /// How many messages of a folder both sides have; counting ends at `most`.
    fn linked_count(&self, folder: i64, most: u64) -> Result<u64>;

    /// Whether anything at all is known of messages of a folder.
    fn has_rows(&self, folder: i64) -> Result<bool>;

    /// The proofs of rows that have a digest.
    fn proofs(&self, ids: &[LinkId]) -> Result<Vec<Proof>>;

    /// What the messages of a folder are that both sides are known to have, byte for byte.
    fn identities(&self, folder: &FolderId) -> Result<HashSet<Hash>>;

    /// Records what both sides agree on now: flags, and that nothing else is to be told.
    fn agree(&mut self, agreed: &[(LinkId, FlagState)]) -> Result<()>;

    /// Records flags that were taken over here while those there are still to be changed: `there` is what they are.
    fn agree_in_part(&mut self, agreed: &[(LinkId, FlagState, FlagState)]) -> Result<()>;

    /// Messages that live here only from now on: the server does not have them, and nothing says that they should go.
    fn keep_here(&mut self, ids: &[LinkId]) -> Result<()>;

    /// Forgets messages: neither side has them any more, or none of both is to be asked again.
    fn forget(&mut self, ids: &[LinkId]) -> Result<()>;

    /// A row as it is now.
    fn row(&self, id: LinkId) -> Result<Option<(i64, SyncRow)>>;

    /// Files of messages that live here only, and that lie in another folder now: each is known there under its name. Its row goes where
    /// that says nothing of an id of today.
    fn rehome(&mut self, strays: &[(LinkId, i64, LocalName)]) -> Result<()>;

    /// Intent: files are about to follow their messages into other folders. Each wanted row there takes over the name that its file
    /// will have, so that a later run finds it by that.
    fn intend_relocation(&mut self, names: &[(LinkId, LocalName)]) -> Result<()>;

    /// Messages that were moved here, after the server: each wanted row has the file, digest and weakness of the row that went.
    fn relocated(&mut self, pairs: &[Relocated]) -> Result<()>;

    /// What the directories of a folder looked like when they were last read.
    fn here_mark(&self, folder: i64) -> Result<Option<Vec<u8>>>;

    /// Records what the directories of folders look like, once nothing in them is left to do.
    fn set_here_marks(&mut self, marks: &[(i64, Vec<u8>)]) -> Result<()>;

    /// Records the base names that other programs gave to messages.
    fn rename_links(&mut self, renamed: &[(LinkId, LocalName)]) -> Result<()>;
}

impl Agreed for Sqlite {
    fn each_row(&self, folder: i64, each: &mut dyn FnMut(SyncRow)) -> Result<()> {
        self.read("read the rows of a folder", |db| {
            let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM link l WHERE l.folder = ?1 ORDER BY l.id"))?;
            let mut rows = query.query([folder])?;
            while let Some(next) = rows.next()? {
                each(row(next)?);
            }
            Ok(())
        })
    }

    fn told_rows(&self, folder: i64) -> Result<Vec<SyncRow>> {
        self.read("read what the server changed", |db| {
            let text = format!(
                "SELECT {COLUMNS} FROM link l INDEXED BY link_dirty WHERE l.folder = ?1 AND (l.there_flags IS NOT NULL OR l.gone = 1) ORDER BY l.id"
            );
            db.prepare_cached(&text)?.query_map([folder], row)?.collect()
        })
    }

    fn superseded(&self, folder: i64) -> Result<Vec<SyncRow>> {
        self.read("read what was not matched again", |db| {
            let text = format!(
                "SELECT {COLUMNS} FROM link l WHERE l.folder = ?1 AND l.epoch > 0 AND l.epoch < (SELECT epoch FROM folder WHERE id = ?1)
                     AND l.state = 1 ORDER BY l.id"
            );
            db.prepare_cached(&text)?.query_map([folder], row)?.collect()
        })
    }

    fn linked_count(&self, folder: i64, most: u64) -> Result<u64> {
        self.read("count messages", |db| {
            let text = "SELECT count(*) FROM (SELECT 1 FROM link
                WHERE folder = ?1 AND epoch = (SELECT epoch FROM folder WHERE id = ?1) AND state IN (1, 3) LIMIT ?2)";
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            Ok(db.prepare_cached(text)?.query_row([folder, most], |r| r.get::<_, i64>(0))? as u64)
        })
    }

    fn has_rows(&self, folder: i64) -> Result<bool> {
        self.read("look for messages", |db| {
            db.prepare_cached("SELECT EXISTS (SELECT 1 FROM link WHERE folder = ?1)")?.query_row([folder], |r| r.get(0))
        })
    }

    fn proofs(&self, ids: &[LinkId]) -> Result<Vec<Proof>> {
        self.read("read what proves messages the same", |db| {
            let text = "SELECT id, folder, name, octets, as_sent, identity, wire, header, date, permanent, tries FROM link
                        WHERE id = ?1 AND identity IS NOT NULL";
            let mut query = db.prepare_cached(text)?;
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                let proof = query.query_row([id.0], |r| {
                    Ok(Proof {
                        id: LinkId(r.get(0)?),
                        folder: r.get(1)?,
                        name: name(r, 2)?,
                        digest: digest(r, 3)?,
                        date: r.get(8)?,
                        permanent: r.get::<_, Option<String>>(9)?.map(|p| PermanentId(p.into())),
                        tries: r.get(10)?,
                    })
                });
                found.extend(proof.optional()?);
            }
            Ok(found)
        })
    }

    fn identities(&self, folder: &FolderId) -> Result<HashSet<Hash>> {
        self.read("read what messages of a folder are", |db| {
            let mut query = db.prepare_cached(
                "SELECT identity FROM link WHERE folder = (SELECT id FROM folder WHERE remote = ?1)
                     AND state = 1 AND epoch > 0 AND gone = 0 AND weak = 0 AND taken = 0 AND identity IS NOT NULL",
            )?;
            query.query_map([&folder.0], |r| r.get::<_, [u8; 32]>(0).map(Hash))?.collect()
        })
    }

    fn agree(&mut self, agreed: &[(LinkId, FlagState)]) -> Result<()> {
        self.transaction("record agreed flags", |tx| record_agreed(tx, agreed))
    }

    fn agree_in_part(&mut self, agreed: &[(LinkId, FlagState, FlagState)]) -> Result<()> {
        self.transaction("record flags", |tx| {
            let mut update =
                tx.prepare_cached("UPDATE link SET flags = ?2, keywords = ?3, there_flags = ?4, there_keywords = ?5 WHERE id = ?1")?;
            agreed.iter().try_for_each(|(id, flags, there)| {
                let there = (there.flags.bits(), keyword_text(&there.keywords));
                update.execute(params![id.0, flags.flags.bits(), keyword_text(&flags.keywords), there.0, there.1]).map(drop)
            })
        })
    }

    fn keep_here(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction("record messages that live here only", |tx| {
            let mut update =
                tx.prepare_cached("UPDATE link SET state = 4, gone = 0, there_flags = NULL, there_keywords = NULL WHERE id = ?1")?;
            ids.iter().try_for_each(|id| update.execute([id.0]).map(drop))
        })
    }

    fn forget(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction("forget messages", |tx| {
            let mut delete = tx.prepare_cached("DELETE FROM link WHERE id = ?1")?;
            ids.iter().try_for_each(|id| delete.execute([id.0]).map(drop))
        })
    }

    fn row(&self, id: LinkId) -> Result<Option<(i64, SyncRow)>> {
        self.read("read a row", |db| {
            let text = format!("SELECT {COLUMNS}, l.folder FROM link l WHERE l.id = ?1");
            db.prepare_cached(&text)?.query_row([id.0], |r| Ok((r.get(13)?, row(r)?))).optional()
        })
    }

    fn rehome(&mut self, strays: &[(LinkId, i64, LocalName)]) -> Result<()> {
        self.transaction("record where messages are that live here only", |tx| {
            let mut insert = tx.prepare_cached(
                "INSERT OR IGNORE INTO link (folder, epoch, remote, name, state, flags, octets, as_sent, identity, wire, header, weak, stored_at)
                 SELECT ?2, 0, ?3 || '/' || octets, ?3, 1, 0, octets, as_sent, identity, wire, header, 1, stored_at
                 FROM link WHERE id = ?1 AND identity IS NOT NULL",
            )?;
            let mut delete = tx.prepare_cached(
                "DELETE FROM link WHERE id = ?1 AND epoch < (SELECT epoch FROM folder WHERE id = link.folder)",
            )?;
            strays.iter().try_for_each(|(id, folder, name)| {
                insert.execute(params![id.0, folder, &*name.0])?;
                delete.execute([id.0]).map(drop)
            })
        })
    }

    fn intend_relocation(&mut self, names: &[(LinkId, LocalName)]) -> Result<()> {
        self.transaction("record the intent to move files", |tx| {
            // Until the receipt nothing proves that the bytes are the server's.
            let mut update = tx.prepare_cached("UPDATE link SET name = ?2, weak = 1 WHERE id = ?1")?;
            names.iter().try_for_each(|(id, name)| update.execute(params![id.0, &*name.0]).map(drop))
        })
    }

    fn relocated(&mut self, pairs: &[Relocated]) -> Result<()> {
        self.transaction("record moved messages", |tx| {
            let mut take = tx.prepare_cached(
                "UPDATE link SET state = 1, flags = ?3, keywords = ?4, there_flags = flags, there_keywords = keywords,
                    (octets, as_sent, identity, wire, header, stored_at, weak) =
                    (SELECT octets, as_sent, identity, wire, header, stored_at, max(weak, ?5) FROM link WHERE id = ?2)
                 WHERE id = ?1",
            )?;
            let mut delete = tx.prepare_cached("DELETE FROM link WHERE id = ?1")?;
            for r in pairs {
                take.execute(params![r.wanted.0, r.gone.0, r.agreed.flags.bits(), keyword_text(&r.agreed.keywords), r.weak])?;
                delete.execute([r.gone.0])?;
            }
            Ok(())
        })
    }

    fn here_mark(&self, folder: i64) -> Result<Option<Vec<u8>>> {
        self.read("read what is known of a folder here", |db| {
            db.prepare_cached("SELECT here_mark FROM folder WHERE id = ?1")?.query_row([folder], |r| r.get(0))
        })
    }

    fn set_here_marks(&mut self, marks: &[(i64, Vec<u8>)]) -> Result<()> {
        // Most runs change none of them, and an empty commit costs a flush all the same.
        let known: Result<Vec<bool>> = marks.iter().map(|(id, mark)| Ok(self.here_mark(*id)?.as_ref() == Some(mark))).collect();
        if known?.iter().all(|same| *same) {
            return Ok(());
        }
        self.transaction("record what folders here look like", |tx| {
            let mut update = tx.prepare_cached("UPDATE folder SET here_mark = ?2 WHERE id = ?1")?;
            marks.iter().try_for_each(|(id, mark)| update.execute(params![id, mark]).map(drop))
        })
    }

    fn rename_links(&mut self, renamed: &[(LinkId, LocalName)]) -> Result<()> {
        self.transaction("record new names", |tx| {
            let mut update = tx.prepare_cached("UPDATE link SET name = ?2 WHERE id = ?1")?;
            renamed.iter().try_for_each(|(id, name)| update.execute(params![id.0, &*name.0]).map(drop))
        })
    }
}
