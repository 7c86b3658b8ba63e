//! Messages on their way there, by upload or by a move: intent, receipt, and what no listing has shown yet.

use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::model::{Cursor, FlagState, LocalName, RemoteId, Result};
use crate::store::maildir::digest::{Digest, LineEnds};

use super::agreed::{COLUMNS, SyncRow, record_agreed, row};
use super::columns::{ARRIVING, keyword_text, remote};
use super::links::LinkId;
use super::news::{News, record_news};
use super::sqlite::Sqlite;

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
    /// Messages that arrived under ids that the server did not tell: a listing will; they are not sent again.
    pub taken: Vec<LinkId>,
    /// Messages that are not there any more, by our order or anyhow: their rows go.
    pub gone: Vec<LinkId>,
    /// Arriving rows whose orders came to nothing: the file is new again, the moving row is linked as before.
    pub withdrawn: Vec<LinkId>,
    /// Where the folder stands now, when the orders moved that.
    pub cursor: Option<Cursor>,
}

/// An id that has a row already (it was listed meanwhile) is that message: its row goes. `passed`: the folder whose cursor stands behind
/// the new messages already, so that no listing will show them.
fn record_arrived(tx: &Transaction<'_>, arrived: &[(LinkId, RemoteId)], passed: Option<i64>) -> rusqlite::Result<()> {
    let mut double = tx.prepare_cached(
        "DELETE FROM link WHERE remote = ?2 AND state IN (0, 2)
            AND (folder, epoch) = (SELECT f.id, f.epoch FROM folder f JOIN link l ON l.folder = f.id WHERE l.id = ?1)",
    )?;
    // Its intent may be from before ids became void; the id that was told is one of today.
    let mut update = tx.prepare_cached(
        "UPDATE OR IGNORE link SET remote = ?2, epoch = (SELECT epoch FROM folder f WHERE f.id = link.folder), state = 1,
            taken = (folder IS NOT ?3) WHERE id = ?1 AND state = 5",
    )?;
    let mut from = tx.prepare_cached("DELETE FROM link WHERE state = 6 AND dest = ?1")?;
    for (id, remote) in arrived {
        double.execute(params![id.0, &*remote.0])?;
        update.execute(params![id.0, &*remote.0, passed])?;
        from.execute([id.0])?;
    }
    Ok(())
}

fn mark_taken(tx: &Transaction<'_>, rows: &[LinkId], taken: i64) -> rusqlite::Result<()> {
    let mut update = tx.prepare_cached("UPDATE link SET taken = ?2 WHERE id = ?1")?;
    rows.iter().try_for_each(|id| update.execute([id.0, taken]).map(drop))
}

/// Rows of messages that are on their way there.
pub trait UnderWay {
    /// Rows of messages that are on their way there, in all folders or one.
    fn under_way(&self, folder: Option<i64>) -> Result<Vec<(i64, SyncRow)>>;

    /// Whether a row is still on its way there; `None` when it is no more.
    fn is_arriving(&self, id: LinkId) -> Result<Option<bool>>;

    /// Intent: messages are about to be sent, or moved, into a folder. A row for each, under a placeholder of its id; the rows that
    /// move point to them. Before the order goes out. Returns the rows.
    fn intend(&mut self, folder: i64, arrivals: &[Arrival], now: i64) -> Result<Vec<LinkId>>;

    /// Receipt of orders: all that they came to, and where the folder stands now, in one transaction.
    fn settle(&mut self, folder: i64, receipts: &Receipts) -> Result<()>;

    /// Notes messages that the server took, and that a later listing did not show.
    fn mark_in_vain(&mut self, rows: &[LinkId]) -> Result<()>;

    /// Messages that went there from here under known ids, and that no listing has shown.
    fn unseen(&self, folder: i64) -> Result<Vec<(LinkId, RemoteId)>>;

    /// What a look at exactly these messages told of those that no listing had shown.
    fn settle_unseen(&mut self, there: &[LinkId], gone: &[LinkId]) -> Result<()>;

    /// Moves to other folders that cannot be carried on: the message is linked as before, and nothing is on its way any more.
    fn undo_moves(&mut self, moving: &[LinkId]) -> Result<()>;
}

impl UnderWay for Sqlite {
    fn under_way(&self, folder: Option<i64>) -> Result<Vec<(i64, SyncRow)>> {
        self.read("read what is on its way there", |db| {
            let text = format!(
                "SELECT {COLUMNS}, l.folder FROM link l INDEXED BY link_under_way WHERE l.state IN (5, 6) AND (?1 IS NULL OR l.folder = ?1) ORDER BY l.folder, l.id"
            );
            db.prepare_cached(&text)?.query_map([folder], |r| Ok((r.get(13)?, row(r)?)))?.collect()
        })
    }

    fn is_arriving(&self, id: LinkId) -> Result<Option<bool>> {
        self.read("read a row", |db| {
            let state = db.prepare_cached("SELECT state FROM link WHERE id = ?1")?.query_row([id.0], |r| r.get::<_, i64>(0)).optional()?;
            Ok(state.map(|state| state == ARRIVING))
        })
    }

    fn intend(&mut self, folder: i64, arrivals: &[Arrival], now: i64) -> Result<Vec<LinkId>> {
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
                let as_sent = d.line_ends == LineEnds::AsSent;
                let inserted = insert.execute(params![
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
                if inserted == 0 {
                    // There is no such folder.
                    return Err(rusqlite::Error::QueryReturnedNoRows);
                }
                let id = LinkId(tx.last_insert_rowid());
                if let Some(from) = a.from {
                    moves.execute(params![from.0, id.0])?;
                }
                made.push(id);
            }
            Ok(made)
        })
    }

    fn settle(&mut self, folder: i64, receipts: &Receipts) -> Result<()> {
        self.transaction("record what became of orders", |tx| {
            record_agreed(tx, &receipts.agreed)?;
            record_arrived(tx, &receipts.arrived, receipts.cursor.as_ref().map(|_| folder))?;
            mark_taken(tx, &receipts.taken, 1)?;
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

    fn mark_in_vain(&mut self, rows: &[LinkId]) -> Result<()> {
        self.transaction("record messages that the server does not show", |tx| mark_taken(tx, rows, 2))
    }

    fn unseen(&self, folder: i64) -> Result<Vec<(LinkId, RemoteId)>> {
        self.read("look for messages that the server did not show", |db| {
            let text = "SELECT id, remote FROM link INDEXED BY link_taken WHERE taken = 1 AND state IN (1, 3, 6)
                AND folder = ?1 AND epoch = (SELECT epoch FROM folder WHERE id = ?1) ORDER BY id";
            db.prepare_cached(text)?.query_map([folder], |r| Ok((LinkId(r.get(0)?), remote(r, 1)?)))?.collect()
        })
    }

    fn settle_unseen(&mut self, there: &[LinkId], gone: &[LinkId]) -> Result<()> {
        self.transaction("record what the server said of messages", |tx| {
            mark_taken(tx, there, 0)?;
            mark_taken(tx, gone, 0)?;
            record_news(tx, &News { gone: gone.to_vec(), ..News::default() })
        })
    }

    fn undo_moves(&mut self, moving: &[LinkId]) -> Result<()> {
        self.transaction("record moves that came to nothing", |tx| {
            let mut dest =
                tx.prepare_cached("DELETE FROM link WHERE id = (SELECT dest FROM link WHERE id = ?1 AND state = 6) AND state = 5")?;
            let mut back = tx.prepare_cached("UPDATE link SET state = 1, dest = NULL WHERE id = ?1 AND state = 6")?;
            moving.iter().try_for_each(|id| dest.execute([id.0]).and_then(|_| back.execute([id.0])).map(drop))
        })
    }
}
