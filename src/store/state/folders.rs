//! Rows of folders.

use rusqlite::{OptionalExtension as _, Row, params};

use crate::model::change::Marks;
use crate::model::{Cursor, FolderId, FolderPath, Mark, Result, Role};

use super::sqlite::Sqlite;
use crate::store::disk::Identity;

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
        cursor: row.get::<_, Option<Vec<u8>>>(6)?.map(Cursor::from),
        marks: Marks { additions: row.get::<_, Option<Vec<u8>>>(7)?.map(Mark), everything: row.get::<_, Option<Vec<u8>>>(8)?.map(Mark) },
    })
}

fn path_text(path: &FolderPath) -> String {
    let levels: Vec<String> = path.levels().iter().map(|l| l.replace(LEVEL, "\u{241f}")).collect();
    levels.join("\u{1f}")
}

const COLUMNS: &str = "id, remote, path, dir, role, epoch, cursor, mark_additions, mark_all";

/// Chooses the directory of a folder; what it is given tells whether a directory, in lower case, belongs to another one.
pub type ChooseDir<'a> = dyn Fn(&FolderPath, &dyn Fn(&str) -> bool) -> String + 'a;

/// Rows of folders.
pub trait Folders {
    /// Every folder, oldest first.
    fn folders(&self) -> Result<Vec<FolderRow>>;

    /// Makes rows for folders that are new.
    fn add_folders(&mut self, new: &[(FolderId, FolderPath, Option<Role>)], dir_of: &ChooseDir<'_>) -> Result<()>;

    /// Forgets folders and what is known of their messages.
    fn forget_folders(&mut self, folders: &[i64]) -> Result<()>;

    /// A folder that was renamed on both sides keeps its row, under its new handle, path and directory.
    fn rename_folder(&mut self, folder: i64, remote: &FolderId, path: &FolderPath, dir: &str) -> Result<()>;

    /// The directory that was recorded for a folder.
    fn directory(&self, folder: i64) -> Result<Option<Identity>>;

    /// Records the directories of folders, by row.
    fn set_directories(&mut self, directories: &[(i64, Identity)]) -> Result<()>;
}

impl Folders for Sqlite {
    fn folders(&self) -> Result<Vec<FolderRow>> {
        self.read("read the folders of the state", |db| {
            db.prepare_cached(&format!("SELECT {COLUMNS} FROM folder ORDER BY id"))?.query_map([], row)?.collect()
        })
    }

    fn add_folders(&mut self, new: &[(FolderId, FolderPath, Option<Role>)], dir_of: &ChooseDir<'_>) -> Result<()> {
        self.transaction("record new folders", |tx| {
            let mut insert = tx.prepare_cached("INSERT INTO folder (remote, path, dir, fold, role) VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let mut known = tx.prepare_cached("SELECT 1 FROM folder WHERE fold = ?1")?;
            for (id, path, role) in new {
                let taken = std::cell::RefCell::new(&mut known);
                let dir = dir_of(path, &|dir: &str| {
                    let found: rusqlite::Result<Option<i64>> = taken.borrow_mut().query_row([dir.to_lowercase()], |r| r.get(0)).optional();
                    found.ok().flatten().is_some()
                });
                insert.execute(params![id.0, path_text(path), dir, dir.to_lowercase(), role.map(Role::attribute)])?;
            }
            Ok(())
        })
    }

    fn forget_folders(&mut self, folders: &[i64]) -> Result<()> {
        self.transaction("forget folders", |tx| {
            let mut links = tx.prepare_cached("DELETE FROM link WHERE folder = ?1")?;
            let mut folder = tx.prepare_cached("DELETE FROM folder WHERE id = ?1")?;
            folders.iter().try_for_each(|id| links.execute([id]).and_then(|_| folder.execute([id])).map(drop))
        })
    }

    fn rename_folder(&mut self, folder: i64, remote: &FolderId, path: &FolderPath, dir: &str) -> Result<()> {
        self.transaction("record the new name of a folder", |tx| {
            tx.execute(
                "UPDATE folder SET remote = ?2, path = ?3, dir = ?4, fold = ?5 WHERE id = ?1",
                params![folder, remote.0, path_text(path), dir, dir.to_lowercase()],
            )
            .map(drop)
        })
    }

    fn directory(&self, folder: i64) -> Result<Option<Identity>> {
        self.read("read the directory of a folder", |db| {
            db.prepare_cached("SELECT dev, ino, born FROM folder WHERE id = ?1")?.query_row([folder], |r| {
                let known = r.get::<_, Option<i64>>(0)?.zip(r.get::<_, Option<i64>>(1)?);
                let born = r.get(2)?;
                Ok(known.map(|(dev, ino)| Identity { dev: dev.cast_unsigned(), ino: ino.cast_unsigned(), born }))
            })
        })
    }

    fn set_directories(&mut self, directories: &[(i64, Identity)]) -> Result<()> {
        self.transaction("record the directories of folders", |tx| {
            let mut update = tx.prepare_cached("UPDATE folder SET dev = ?2, ino = ?3, born = ?4 WHERE id = ?1")?;
            directories
                .iter()
                .try_for_each(|(id, of)| update.execute(params![id, of.dev.cast_signed(), of.ino.cast_signed(), of.born]).map(drop))
        })
    }
}
