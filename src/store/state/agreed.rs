//! Rows as two-way sync sees them: what both sides agreed on, what was told since, and what is under way.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::model::{Cursor, FlagState, Flags, LocalName, PermanentId, RemoteId, Result};
use crate::store::maildir::digest::Digest;

use super::State;
use super::links::{ARRIVING, LinkId, MOVING, RELEASED, STORED, digest, keyword_text, keywords, name, remote};

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
    /// Matched without its body: authorises no deletion.
    pub weak: bool,
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
}

/// A message that is about to go there.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Base name.
    pub name: LocalName,
    /// Digest of the file.
    pub digest: Digest,
    /// Flags that it is sent with.
    pub flags: FlagState,
    /// Internal date.
    pub date: Option<i64>,
    /// The row that moves; `None` for an upload.
    pub from: Option<LinkId>,
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

/// A placeholder of an id that is not known yet; no server's id begins with this character.
fn placeholder(name: &LocalName) -> String {
    format!("\u{1}{name}")
}

/// What a batch of orders came to.
#[derive(Debug, Clone, Default)]
pub struct Receipts {
    /// Agreed flags.
    pub agreed: Vec<(LinkId, FlagState)>,
    /// Messages that arrived under these ids; the rows that moved into them go.
    pub arrived: Vec<(LinkId, RemoteId)>,
    /// Messages that are not there any more, by our order or anyhow: their rows go.
    pub gone: Vec<LinkId>,
    /// Arriving rows whose orders came to nothing: the file is new again, the moving row is linked as before.
    pub withdrawn: Vec<LinkId>,
    /// Where the folder stands now, when the orders moved that.
    pub cursor: Option<Cursor>,
}

fn record_agreed(tx: &Transaction<'_>, agreed: &[(LinkId, FlagState)]) -> rusqlite::Result<()> {
    let mut update =
        tx.prepare_cached("UPDATE link SET flags = ?2, keywords = ?3, there_flags = NULL, there_keywords = NULL WHERE id = ?1")?;
    agreed.iter().try_for_each(|(id, flags)| update.execute(params![id.0, flags.flags.bits(), keyword_text(&flags.keywords)]).map(drop))
}

/// An id that has a row already (it was listed meanwhile) is that message: its row goes.
fn record_arrived(tx: &Transaction<'_>, arrived: &[(LinkId, RemoteId)]) -> rusqlite::Result<()> {
    let mut double = tx.prepare_cached(
        "DELETE FROM link WHERE remote = ?2 AND state IN (0, 2) AND (folder, epoch) = (SELECT folder, epoch FROM link WHERE id = ?1)",
    )?;
    let mut update = tx.prepare_cached("UPDATE OR IGNORE link SET remote = ?2, state = 1 WHERE id = ?1 AND state = 5")?;
    let mut from = tx.prepare_cached("DELETE FROM link WHERE state = 6 AND dest = ?1")?;
    for (id, remote) in arrived {
        double.execute(params![id.0, &*remote.0])?;
        update.execute(params![id.0, &*remote.0])?;
        from.execute([id.0])?;
    }
    Ok(())
}

const COLUMNS: &str = "l.id, l.remote, l.name, l.state, l.flags, l.keywords, l.there_flags, l.there_keywords, l.gone, l.weak, l.dest,
    l.epoch = (SELECT epoch FROM folder WHERE id = l.folder)";

fn row(row: &Row<'_>) -> rusqlite::Result<SyncRow> {
    let current: bool = row.get(11)?;
    let standing = match row.get::<_, i64>(3)? {
        ARRIVING => Standing::Arriving,
        MOVING if current => Standing::Moving { dest: LinkId(row.get::<_, Option<i64>>(10)?.unwrap_or_default()) },
        RELEASED => Standing::LocalOnly,
        _ if !current => Standing::LocalOnly,
        STORED | super::links::RELEASING => Standing::Linked,
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
        weak: row.get::<_, i64>(9)? == 1,
    })
}

impl State {
    /// Goes through every row of a folder, one at a time: 100,000 of them are not held at once.
    pub fn each_row(&self, folder: i64, each: &mut dyn FnMut(SyncRow)) -> Result<()> {
        self.read("read the rows of a folder", |db| {
            let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM link l WHERE l.folder = ?1 ORDER BY l.id"))?;
            let mut rows = query.query([folder])?;
            while let Some(next) = rows.next()? {
                each(row(next)?);
            }
            Ok(())
        })
    }

    /// Rows of which something was told since both sides agreed.
    pub fn told_rows(&self, folder: i64) -> Result<Vec<SyncRow>> {
        self.read("read what the server changed", |db| {
            let text = format!(
                "SELECT {COLUMNS} FROM link l INDEXED BY link_dirty WHERE l.folder = ?1 AND (l.there_flags IS NOT NULL OR l.gone = 1)"
            );
            db.prepare_cached(&text)?.query_map([folder], row)?.collect()
        })
    }

    /// Rows of messages that are on their way there, in all folders or one.
    pub fn under_way(&self, folder: Option<i64>) -> Result<Vec<(i64, SyncRow)>> {
        self.read("read what is on its way there", |db| {
            let text = format!(
                "SELECT {COLUMNS}, l.folder FROM link l INDEXED BY link_under_way WHERE l.state IN (5, 6) AND (?1 IS NULL OR l.folder = ?1)"
            );
            db.prepare_cached(&text)?.query_map([folder], |r| Ok((r.get(12)?, row(r)?)))?.collect()
        })
    }

    /// Whether a row is still on its way there; `None` when it is no more.
    pub fn is_arriving(&self, id: LinkId) -> Result<Option<bool>> {
        self.read("read a row", |db| {
            let state = db.prepare_cached("SELECT state FROM link WHERE id = ?1")?.query_row([id.0], |r| r.get::<_, i64>(0)).optional()?;
            Ok(state.map(|state| state == ARRIVING))
        })
    }

    /// How many messages of a folder both sides have.
    pub fn linked_count(&self, folder: i64) -> Result<u64> {
        self.read("count messages", |db| {
            let text =
                "SELECT count(*) FROM link WHERE folder = ?1 AND epoch = (SELECT epoch FROM folder WHERE id = ?1) AND state IN (1, 3, 6)";
            Ok(db.prepare_cached(text)?.query_row([folder], |r| r.get::<_, i64>(0))? as u64)
        })
    }

    /// Whether anything at all is known of messages of a folder.
    pub fn has_rows(&self, folder: i64) -> Result<bool> {
        self.read("look for messages", |db| {
            db.prepare_cached("SELECT EXISTS (SELECT 1 FROM link WHERE folder = ?1)")?.query_row([folder], |r| r.get(0))
        })
    }

    /// The proofs of rows that have a digest.
    pub fn proofs(&self, ids: &[LinkId]) -> Result<Vec<Proof>> {
        self.read("read what proves messages the same", |db| {
            let text = "SELECT id, folder, name, octets, as_sent, identity, wire, header, date, permanent FROM link
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
                    })
                });
                found.extend(proof.optional()?);
            }
            Ok(found)
        })
    }

    /// Records what both sides agree on now: flags, and that nothing else is to be told.
    pub fn agree(&mut self, agreed: &[(LinkId, FlagState)]) -> Result<()> {
        self.transaction("record agreed flags", |tx| record_agreed(tx, agreed))
    }

    /// Records flags that were taken over here while those there are still to be changed: `there` is what they are.
    pub fn agree_in_part(&mut self, agreed: &[(LinkId, FlagState, FlagState)]) -> Result<()> {
        self.transaction("record flags", |tx| {
            let mut update =
                tx.prepare_cached("UPDATE link SET flags = ?2, keywords = ?3, there_flags = ?4, there_keywords = ?5 WHERE id = ?1")?;
            agreed.iter().try_for_each(|(id, flags, there)| {
                let there = (there.flags.bits(), keyword_text(&there.keywords));
                update.execute(params![id.0, flags.flags.bits(), keyword_text(&flags.keywords), there.0, there.1]).map(drop)
            })
        })
    }

    /// Messages that live here only from now on: the server does not have them, and nothing says that they should go.
    pub fn keep_here(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction("record messages that live here only", |tx| {
            let mut update =
                tx.prepare_cached("UPDATE link SET state = 4, gone = 0, there_flags = NULL, there_keywords = NULL WHERE id = ?1")?;
            ids.iter().try_for_each(|id| update.execute([id.0]).map(drop))
        })
    }

    /// Forgets messages: neither side has them any more, or none of both is to be asked again.
    pub fn forget(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction("forget messages", |tx| {
            let mut delete = tx.prepare_cached("DELETE FROM link WHERE id = ?1")?;
            ids.iter().try_for_each(|id| delete.execute([id.0]).map(drop))
        })
    }

    /// Intent: messages are about to be sent, or moved, into a folder. A row for each, under a placeholder of its id; the rows that
    /// move point to them. Before the order goes out. Returns the rows.
    pub fn intend(&mut self, folder: i64, arrivals: &[Arrival], now: i64) -> Result<Vec<LinkId>> {
        self.transaction("record the intent to send messages", |tx| {
            let mut insert = tx.prepare_cached(
                "INSERT INTO link (folder, epoch, remote, name, state, date, flags, keywords, octets, as_sent, identity, wire, header, stored_at, weak, permanent)
                 SELECT ?1, epoch, ?2, ?3, 5, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, (SELECT permanent FROM link WHERE id = ?14)
                 FROM folder WHERE id = ?1",
            )?;
            let mut moves = tx.prepare_cached("UPDATE link SET state = 6, dest = ?2 WHERE id = ?1")?;
            let mut is_weak = tx.prepare_cached("SELECT weak FROM link WHERE id = ?1")?;
            let mut made = Vec::with_capacity(arrivals.len());
            for a in arrivals {
                let d = &a.digest;
                let weak: i64 = match a.from {
                    Some(from) => is_weak.query_row([from.0], |r| r.get(0))?,
                    None => 0,
                };
                let as_sent = d.line_ends == crate::store::maildir::digest::LineEnds::AsSent;
                insert.execute(params![
                    folder,
                    placeholder(&a.name),
                    &*a.name.0,
                    a.date,
                    a.flags.flags.bits(),
                    keyword_text(&a.flags.keywords),
                    d.octets as i64,
                    as_sent,
                    d.identity.0,
                    d.wire.0,
                    d.header.0,
                    now,
                    weak,
                    // A lasting id goes along with a move.
                    a.from.map(|from| from.0)
                ])?;
                let id = LinkId(tx.last_insert_rowid());
                if let Some(from) = a.from {
                    moves.execute(params![from.0, id.0])?;
                }
                made.push(id);
            }
            Ok(made)
        })
    }

    /// Receipt of orders: all that they came to, and where the folder stands now, in one transaction.
    pub fn settle(&mut self, folder: i64, receipts: &Receipts) -> Result<()> {
        self.transaction("record what became of orders", |tx| {
            record_agreed(tx, &receipts.agreed)?;
            record_arrived(tx, &receipts.arrived)?;
            let mut left = tx.prepare_cached("DELETE FROM link WHERE id = ?1")?;
            receipts.gone.iter().try_for_each(|id| left.execute([id.0]).map(drop))?;
            let mut back = tx.prepare_cached("UPDATE link SET state = 1, dest = NULL WHERE state = 6 AND dest = ?1")?;
            let mut delete = tx.prepare_cached("DELETE FROM link WHERE id = ?1 AND state = 5")?;
            for id in &receipts.withdrawn {
                back.execute([id.0])?;
                delete.execute([id.0])?;
            }
            if let Some(cursor) = &receipts.cursor {
                tx.execute("UPDATE folder SET cursor = ?2 WHERE id = ?1", params![folder, cursor.0])?;
            }
            Ok(())
        })
    }

    /// Intent: files are about to follow their messages into other folders. Each wanted row there takes over the name that its file
    /// will have, so that a later run finds it by that.
    pub fn intend_relocation(&mut self, names: &[(LinkId, LocalName)]) -> Result<()> {
        self.transaction("record the intent to move files", |tx| {
            // Until the receipt nothing proves that the bytes are the server's.
            let mut update = tx.prepare_cached("UPDATE link SET name = ?2, weak = 1 WHERE id = ?1")?;
            names.iter().try_for_each(|(id, name)| update.execute(params![id.0, &*name.0]).map(drop))
        })
    }

    /// Messages that were moved here, after the server: each wanted row has the file, digest and weakness of the row that went.
    pub fn relocated(&mut self, pairs: &[Relocated]) -> Result<()> {
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

    /// What the directories of a folder looked like when they were last read.
    pub fn here_mark(&self, folder: i64) -> Result<Option<Vec<u8>>> {
        self.read("read what is known of a folder here", |db| {
            db.prepare_cached("SELECT here_mark FROM folder WHERE id = ?1")?.query_row([folder], |r| r.get(0))
        })
    }

    /// Records what the directories of folders look like, once nothing in them is left to do.
    pub fn set_here_marks(&mut self, marks: &[(i64, Vec<u8>)]) -> Result<()> {
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

    /// Records the base names that other programs gave to messages.
    pub fn rename_links(&mut self, renamed: &[(LinkId, LocalName)]) -> Result<()> {
        self.transaction("record new names", |tx| {
            let mut update = tx.prepare_cached("UPDATE link SET name = ?2 WHERE id = ?1")?;
            renamed.iter().try_for_each(|(id, name)| update.execute(params![id.0, &*name.0]).map(drop))
        })
    }
}
