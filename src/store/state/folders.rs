//! Rows of folders.

use rusqlite::{OptionalExtension as _, Row, params};

use crate::model::change::Marks;
use crate::model::{Cursor, FolderId, FolderPath, Mark, Result, Role};

use super::State;

/// Joins the levels of a path in the database: no level holds it, since control characters in names are kept but this one is
/// replaced on the way in.
const LEVEL: char = '\u{1f}';

/// A folder that the state knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// Row id.
    pub id: i64,
    /// The server's handle.
    pub remote: FolderId,
    /// Decoded path.
    pub path: FolderPath,
    /// Directory relative to the root.
    pub dir: String,
    /// Special use.
    pub role: Option<Role>,
    /// Epoch of the ids.
    pub epoch: i64,
    /// Where the last look ended; `None` = never looked.
    pub cursor: Option<Cursor>,
    /// Marks as of the cursor.
    pub marks: Marks,
}

fn row(row: &Row<'_>) -> rusqlite::Result<FolderRow> {
    let path: String = row.get(2)?;
    let role: Option<String> = row.get(4)?;
    Ok(FolderRow {
        id: row.get(0)?,
        remote: FolderId(row.get(1)?),
        path: FolderPath::new(path.split(LEVEL).map(str::to_owned)).unwrap_or_else(FolderPath::inbox),
        dir: row.get(3)?,
        role: role.and_then(|r| Role::from_attribute(&r)),
        epoch: row.get(5)?,
        cursor: row.get::<_, Option<Vec<u8>>>(6)?.map(Cursor),
        marks: Marks { additions: row.get::<_, Option<Vec<u8>>>(7)?.map(Mark), everything: row.get::<_, Option<Vec<u8>>>(8)?.map(Mark) },
    })
}

const COLUMNS: &str = "id, remote, path, dir, role, epoch, cursor, mark_additions, mark_all";

impl State {
    /// Every folder, oldest first.
    pub fn folders(&self) -> Result<Vec<FolderRow>> {
        self.read("read the folders of the state", |db| {
            db.prepare_cached(&format!("SELECT {COLUMNS} FROM folder ORDER BY id"))?.query_map([], row)?.collect()
        })
    }

    /// Makes rows for folders that are new. `dir_of(path, taken)` chooses the directory; `taken` tells whether a directory, in lower
    /// case, belongs to another folder.
    pub fn add_folders(
        &mut self,
        new: &[(FolderId, FolderPath, Option<Role>)],
        dir_of: impl Fn(&FolderPath, &dyn Fn(&str) -> bool) -> String,
    ) -> Result<()> {
        self.transaction("record new folders", |tx| {
            let mut insert = tx.prepare_cached("INSERT INTO folder (remote, path, dir, fold, role) VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let mut known = tx.prepare_cached("SELECT 1 FROM folder WHERE fold = ?1")?;
            for (id, path, role) in new {
                let taken = std::cell::RefCell::new(&mut known);
                let dir = dir_of(path, &|dir: &str| {
                    let found: rusqlite::Result<Option<i64>> = taken.borrow_mut().query_row([dir.to_lowercase()], |r| r.get(0)).optional();
                    found.ok().flatten().is_some()
                });
                let levels: Vec<String> = path.levels().iter().map(|l| l.replace(LEVEL, "\u{241f}")).collect();
                insert.execute(params![id.0, levels.join("\u{1f}"), dir, dir.to_lowercase(), role.map(Role::attribute)])?;
            }
            Ok(())
        })
    }

    /// Saves marks alone, for folders whose harvest changed nothing.
    pub fn save_marks(&mut self, folder: i64, marks: &Marks) -> Result<()> {
        self.transaction("record the marks of a folder", |tx| {
            tx.execute(
                "UPDATE folder SET mark_additions = ?2, mark_all = ?3 WHERE id = ?1",
                params![folder, marks.additions.as_ref().map(|m| &m.0), marks.everything.as_ref().map(|m| &m.0)],
            )
        })?;
        Ok(())
    }
}
