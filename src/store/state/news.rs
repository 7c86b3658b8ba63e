//! What a listing tells of messages that have a row: compared with it first, recorded with the page.

use std::collections::HashMap;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::model::change::Said;
use crate::model::{Change, FlagState, Flags, Listed, PermanentId, RemoteId, Result};

use super::columns::{ARRIVING, RELEASED, SKIPPED, WANTED, keyword_text, keywords, remote};
use super::links::LinkId;
use super::sqlite::Sqlite;

/// Above so many changes one reading of all rows of the folder is cheaper than a look for each.
const MANY: usize = 2000;

/// What is new of known messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// Other flags there than the row says.
    pub flags: Vec<(LinkId, FlagState)>,
    /// Not there any more.
    pub gone: Vec<LinkId>,
    /// There after all.
    pub back: Vec<LinkId>,
    /// Shown for the first time, of messages that went there from here.
    pub shown: Vec<LinkId>,
    /// Their lasting ids, of messages that went there from here and whose ids nobody knew.
    pub permanent: Vec<(LinkId, PermanentId)>,
}

impl News {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty() && self.gone.is_empty() && self.back.is_empty() && self.permanent.is_empty() && self.shown.is_empty()
    }
}

/// A row as far as a listing can contradict it.
struct Told {
    id: LinkId,
    state: i64,
    flags: FlagState,
    gone: bool,
    /// Its lasting id is known.
    named: bool,
    /// No listing has shown it yet.
    unseen: bool,
}

const COLUMNS: &str =
    "id, state, coalesce(there_flags, flags), CASE WHEN there_flags IS NULL THEN keywords ELSE there_keywords END, gone, remote,
     permanent IS NOT NULL, taken <> 0";

fn told(row: &Row<'_>) -> rusqlite::Result<Told> {
    Ok(Told {
        id: LinkId(row.get(0)?),
        state: row.get(1)?,
        flags: FlagState { flags: Flags::from_bits(row.get(2)?), keywords: keywords(row.get(3)?) },
        gone: row.get::<_, i64>(4)? == 1,
        named: row.get(6)?,
        unseen: row.get(7)?,
    })
}

impl News {
    fn present(&mut self, row: &Told, listed: Listed) {
        if row.state != RELEASED && row.flags != listed.flags {
            self.flags.push((row.id, listed.flags));
        }
        if let Some(permanent) = listed.permanent.filter(|_| !row.named) {
            self.permanent.push((row.id, permanent));
        }
        self.kept(row);
    }

    fn changed(&mut self, row: &Told, mut now: Listed, said: Said) {
        now.flags = said.over(&row.flags, now.flags);
        self.present(row, now);
    }

    fn kept(&mut self, row: &Told) {
        if row.gone {
            self.back.push(row.id);
        }
        if row.unseen {
            self.shown.push(row.id);
        }
    }

    fn absent(&mut self, row: &Told) {
        if row.state != RELEASED && !row.gone {
            self.gone.push(row.id);
        }
    }
}

/// Compares a listing with the rows.
pub trait Sift {
    /// Takes a page apart: messages that have no row in the folder's current epoch, and what is new of those that have one. `whole`:
    /// what the page does not mention is gone. A page mentions an id once. The new ones come in the order of the listing; news has none.
    fn sift(&self, folder: i64, page: Vec<Change>, whole: bool) -> Result<(Vec<Listed>, News)>;
}

impl Sift for Sqlite {
    fn sift(&self, folder: i64, page: Vec<Change>, whole: bool) -> Result<(Vec<Listed>, News)> {
        self.read("compare what the server listed with the state", |db| {
            let mut news = News::default();
            let mut new = Vec::new();
            let by_id = format!(
                "SELECT {COLUMNS} FROM link WHERE folder = ?1 AND epoch = (SELECT epoch FROM folder WHERE id = ?1) AND remote = ?2"
            );
            let mut find = db.prepare_cached(&by_id)?;
            let mut find = |id: &RemoteId| find.query_row(params![folder, &*id.0], told).optional();
            if !whole && page.len() <= MANY {
                for change in page {
                    match change {
                        Change::Present(listed) => match find(&listed.id)? {
                            Some(row) => news.present(&row, listed),
                            None => new.push(listed),
                        },
                        Change::Changed { now, said } => match find(&now.id)? {
                            Some(row) => news.changed(&row, now, said),
                            None => new.push(now),
                        },
                        Change::Gone(id) => find(&id)?.iter().for_each(|row| news.absent(row)),
                        Change::Kept(id) => find(&id)?.iter().for_each(|row| news.kept(row)),
                    }
                }
                return Ok((new, news));
            }
            // In the order of the listing, so that names are given in it.
            let mut mentioned: HashMap<RemoteId, usize> = HashMap::with_capacity(page.len());
            let mut page: Vec<Option<Change>> = page.into_iter().map(Some).collect();
            for (n, change) in page.iter().enumerate() {
                let id = match change {
                    Some(Change::Present(listed) | Change::Changed { now: listed, .. }) => &listed.id,
                    Some(Change::Kept(id) | Change::Gone(id)) => id,
                    None => continue,
                };
                mentioned.insert(id.clone(), n);
            }
            let all = format!("SELECT {COLUMNS} FROM link WHERE folder = ?1 AND epoch = (SELECT epoch FROM folder WHERE id = ?1)");
            let mut all = db.prepare_cached(&all)?;
            let mut rows = all.query([folder])?;
            while let Some(row) = rows.next()? {
                let mention = mentioned.get(&remote(row, 5)?).and_then(|n| page[*n].take());
                let row = told(row)?;
                match mention {
                    Some(Change::Present(listed)) => news.present(&row, listed),
                    Some(Change::Changed { now, said }) => news.changed(&row, now, said),
                    Some(Change::Gone(_)) => news.absent(&row),
                    None if whole && row.state != ARRIVING => news.absent(&row),
                    Some(Change::Kept(_)) => news.kept(&row),
                    None => {}
                }
            }
            new.extend(page.into_iter().flatten().filter_map(|change| match change {
                Change::Present(listed) | Change::Changed { now: listed, .. } => Some(listed),
                Change::Kept(_) | Change::Gone(_) => None,
            }));
            Ok((new, news))
        })
    }
}

/// Records what is new of known messages. What is only wanted yet has no agreed flags, and is forgotten when it is gone.
pub(super) fn record_news(tx: &Transaction<'_>, news: &News) -> rusqlite::Result<()> {
    let mut wanted = tx.prepare_cached("UPDATE link SET flags = ?2, keywords = ?3 WHERE id = ?1 AND state IN (?4, ?5)")?;
    let mut there = tx.prepare_cached("UPDATE link SET there_flags = ?2, there_keywords = ?3 WHERE id = ?1")?;
    for (id, flags) in &news.flags {
        let (bits, words) = (flags.flags.bits(), keyword_text(&flags.keywords));
        if wanted.execute(params![id.0, bits, words, WANTED, SKIPPED])? == 0 {
            there.execute(params![id.0, bits, words])?;
        }
    }
    let mut forget = tx.prepare_cached("DELETE FROM link WHERE id = ?1 AND state IN (?2, ?3)")?;
    let mut gone = tx.prepare_cached(
        // What was being removed there by `after-fetch` is released now, and lives here only; it may have been moved to the trash.
        "UPDATE link SET gone = CASE state WHEN 3 THEN 0 ELSE 1 END, moved = CASE state WHEN 3 THEN 1 ELSE moved END,
            state = CASE state WHEN 3 THEN 4 ELSE state END WHERE id = ?1",
    )?;
    for id in &news.gone {
        if forget.execute(params![id.0, WANTED, SKIPPED])? == 0 {
            gone.execute([id.0])?;
        }
    }
    let mut name = tx.prepare_cached("UPDATE link SET permanent = ?2 WHERE id = ?1")?;
    for (id, permanent) in &news.permanent {
        name.execute(params![id.0, &*permanent.0])?;
    }
    let mut back = tx.prepare_cached("UPDATE link SET gone = 0 WHERE id = ?1")?;
    news.back.iter().try_for_each(|id| back.execute([id.0]).map(drop))?;
    let mut shown = tx.prepare_cached("UPDATE link SET taken = 0 WHERE id = ?1")?;
    news.shown.iter().try_for_each(|id| shown.execute([id.0]).map(drop))
}
