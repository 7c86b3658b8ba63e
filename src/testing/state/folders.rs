use crate::model::change::Marks;
use crate::model::{FolderId, FolderPath, Result, Role};
use crate::store::disk::Identity;
use crate::store::state::{ChooseDir, FolderRow, Folders};

use super::MemState;
use super::tables::{Folder, Tables, broken};

/// No two folders have one handle, or directories that differ in case only.
fn check(tables: &Tables, row: &FolderRow) -> Result<()> {
    let same = |other: &FolderRow| other.remote == row.remote || other.dir.to_lowercase() == row.dir.to_lowercase();
    if tables.folders.values().any(|other| other.row.id != row.id && same(&other.row)) {
        return Err(broken("another folder has the same handle or directory"));
    }
    Ok(())
}

impl Folders for MemState {
    fn folders(&self) -> Result<Vec<FolderRow>> {
        Ok(self.read().folders.values().map(|folder| folder.row.clone()).collect())
    }

    fn add_folders(&mut self, new: &[(FolderId, FolderPath, Option<Role>)], dir_of: &ChooseDir<'_>) -> Result<()> {
        self.transaction(|tables| {
            for (remote, path, role) in new {
                let taken = |dir: &str| tables.folders.values().any(|other| other.row.dir.to_lowercase() == dir.to_lowercase());
                let row = FolderRow {
                    id: tables.folders.last_key_value().map_or(1, |(last, _)| last + 1),
                    remote: remote.clone(),
                    path: path.clone(),
                    dir: dir_of(path, &taken),
                    role: *role,
                    epoch: 1,
                    cursor: None,
                    marks: Marks::default(),
                };
                check(tables, &row)?;
                tables.folders.insert(row.id, Folder { row, directory: None, here_mark: None });
            }
            Ok(())
        })
    }

    fn forget_folders(&mut self, folders: &[i64]) -> Result<()> {
        self.transaction(|tables| {
            tables.links.retain(|_, link| !folders.contains(&link.folder));
            tables.folders.retain(|id, _| !folders.contains(id));
            Ok(())
        })
    }

    fn rename_folder(&mut self, folder: i64, remote: &FolderId, path: &FolderPath, dir: &str) -> Result<()> {
        self.transaction(|tables| {
            let Some(known) = tables.folders.get_mut(&folder) else { return Ok(()) };
            known.row = FolderRow { remote: remote.clone(), path: path.clone(), dir: dir.to_owned(), ..known.row.clone() };
            let row = known.row.clone();
            check(tables, &row)
        })
    }

    fn directory(&self, folder: i64) -> Result<Option<Identity>> {
        Ok(self.read().folder(folder)?.directory)
    }

    fn set_directories(&mut self, directories: &[(i64, Identity)]) -> Result<()> {
        self.transaction(|tables| {
            for (id, of) in directories {
                if let Some(folder) = tables.folders.get_mut(id) {
                    folder.directory = Some(*of);
                }
            }
            Ok(())
        })
    }
}
