//! What the state says of every message of a folder: for those who check it.

use crate::model::{Hash, LocalName, RemoteId, Result};
use crate::store::maildir::digest::LineEnds;

use super::columns::{RELEASED, RELEASING, SKIPPED, STORED, WANTED, name, remote};
use super::sqlite::Sqlite;

/// A message that the server listed, as the state has it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Id there.
    pub remote: RemoteId,
    /// Base name.
    pub name: LocalName,
    /// It is there, by all that was told of it.
    pub there: bool,
    /// What is here of it; `None` = nothing yet.
    pub here: Option<Stock>,
}

/// A message that is here.
#[derive(Debug, Clone, Copy)]
pub struct Stock {
    /// Octets as the server announced them, else as they came.
    pub octets: u64,
    /// Form of the file.
    pub line_ends: LineEnds,
    /// SHA-256 with CRLF taken as LF.
    pub identity: Hash,
    /// SHA-256 of the bytes that the server sent; `None` where it has not been seen sending them.
    pub wire: Option<Hash>,
}

/// Rows for those who check them.
pub trait Inventory {
    /// Goes through the messages of a folder's current ids, one at a time.
    fn each_kept(&self, folder: i64, each: &mut dyn FnMut(Kept)) -> Result<()>;
}

impl Inventory for Sqlite {
    fn each_kept(&self, folder: i64, each: &mut dyn FnMut(Kept)) -> Result<()> {
        self.read("read what is kept of a folder", |db| {
            let mut query = db.prepare_cached(
                "SELECT remote, name, state, coalesce(size, octets), as_sent, identity, wire, weak, gone FROM link
                 WHERE folder = ?1 AND epoch = (SELECT epoch FROM folder WHERE id = ?1) ORDER BY id",
            )?;
            let mut rows = query.query([folder])?;
            while let Some(row) = rows.next()? {
                let is_here = [STORED, RELEASING, RELEASED].contains(&row.get(2)?);
                let there = [WANTED, STORED, SKIPPED, RELEASING].contains(&row.get(2)?) && !row.get::<_, bool>(8)?;
                let identity: Option<[u8; 32]> = row.get(5)?;
                let here = match identity.filter(|_| is_here) {
                    None => None,
                    Some(identity) => Some(Stock {
                        octets: row.get::<_, i64>(3)? as u64,
                        line_ends: if row.get::<_, i64>(4)? == 1 { LineEnds::AsSent } else { LineEnds::Lf },
                        identity: Hash(identity),
                        wire: if row.get::<_, bool>(7)? { None } else { row.get::<_, Option<[u8; 32]>>(6)?.map(Hash) },
                    }),
                };
                each(Kept { remote: remote(row, 0)?, name: name(row, 1)?, there, here });
            }
            Ok(())
        })
    }
}
