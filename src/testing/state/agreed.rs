use std::collections::HashSet;

use crate::model::{FlagState, FolderId, Hash, LocalName, Result};
use crate::store::state::{Agreed, FileHere, LinkId, Proof, Relocated, Standing, SyncRow, Taken};

use super::MemState;
use super::tables::{Doubt, Link, Stage, Tables, broken};

impl Tables {
    /// A row as two-way sync sees it.
    pub fn sync_row(&self, (id, link): (LinkId, &Link)) -> SyncRow {
        let standing = match link.stage {
            Stage::Arriving => Standing::Arriving,
            Stage::Released => Standing::LocalOnly,
            _ if !self.is_current(link) => Standing::LocalOnly,
            Stage::Moving(dest) => Standing::Moving { dest },
            Stage::Stored | Stage::Releasing => Standing::Linked,
            Stage::Wanted | Stage::Skipped => Standing::Wanted,
        };
        SyncRow {
            id,
            remote: link.remote.clone(),
            name: link.name.clone(),
            standing,
            agreed: link.agreed.clone(),
            there: link.there.clone(),
            gone: link.gone,
            weak: link.is_weak(),
            taken: link.taken,
        }
    }
}

pub(super) fn record_agreed(tables: &mut Tables, agreed: &[(LinkId, FlagState)]) {
    for (id, flags) in agreed {
        tables.change([id], |link| (link.agreed, link.there) = (flags.clone(), None));
    }
}

impl Agreed for MemState {
    fn each_row(&self, folder: i64, each: &mut dyn FnMut(SyncRow)) -> Result<()> {
        let tables = self.read();
        tables.of(folder).for_each(|row| each(tables.sync_row(row)));
        Ok(())
    }

    fn told_rows(&self, folder: i64) -> Result<Vec<SyncRow>> {
        let tables = self.read();
        let told = tables.of(folder).filter(|(_, link)| link.there.is_some() || link.gone);
        Ok(told.map(|row| tables.sync_row(row)).collect())
    }

    fn superseded(&self, folder: i64) -> Result<Vec<SyncRow>> {
        let tables = self.read();
        let epoch = tables.epoch(folder).unwrap_or_default();
        let old = tables.of(folder).filter(|(_, link)| link.epoch > 0 && link.epoch < epoch && link.stage == Stage::Stored);
        Ok(old.map(|row| tables.sync_row(row)).collect())
    }

    fn linked_count(&self, folder: i64, most: u64) -> Result<u64> {
        Ok(most.min(self.read().current(folder).filter(|(_, link)| link.stage.is_linked()).count() as u64))
    }

    fn has_rows(&self, folder: i64) -> Result<bool> {
        Ok(self.read().of(folder).next().is_some())
    }

    fn proofs(&self, ids: &[LinkId]) -> Result<Vec<Proof>> {
        let tables = self.read();
        let proof = |id: &LinkId| {
            let link = tables.links.get(id)?;
            Some(Proof {
                id: *id,
                folder: link.folder,
                name: link.name.clone(),
                digest: link.digest?,
                date: link.date,
                permanent: link.permanent.clone(),
                tries: link.tries,
            })
        };
        Ok(ids.iter().filter_map(proof).collect())
    }

    fn identities(&self, folder: &FolderId) -> Result<HashSet<Hash>> {
        let tables = self.read();
        let Some(folder) = tables.folders.values().find(|known| known.row.remote == *folder) else { return Ok(HashSet::new()) };
        let is_certain =
            |link: &Link| link.stage == Stage::Stored && link.epoch > 0 && !link.gone && !link.is_weak() && link.taken == Taken::No;
        let certain = tables.of(folder.row.id).filter(|(_, link)| is_certain(link));
        Ok(certain.filter_map(|(_, link)| link.digest).map(|digest| digest.identity).collect())
    }

    fn agree(&mut self, agreed: &[(LinkId, FlagState)]) -> Result<()> {
        self.transaction(|tables| {
            record_agreed(tables, agreed);
            Ok(())
        })
    }

    fn agree_in_part(&mut self, agreed: &[(LinkId, FlagState, FlagState)]) -> Result<()> {
        self.transaction(|tables| {
            for (id, flags, there) in agreed {
                tables.change([id], |link| (link.agreed, link.there) = (flags.clone(), Some(there.clone())));
            }
            Ok(())
        })
    }

    fn keep_here(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            tables.change(ids, |link| (link.stage, link.gone, link.there) = (Stage::Released, false, None));
            Ok(())
        })
    }

    fn forget(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            tables.forget(ids);
            Ok(())
        })
    }

    fn row(&self, id: LinkId) -> Result<Option<(i64, SyncRow)>> {
        let tables = self.read();
        Ok(tables.links.get(&id).map(|link| (link.folder, tables.sync_row((id, link)))))
    }

    fn rehome(&mut self, strays: &[(LinkId, i64, LocalName)]) -> Result<()> {
        self.transaction(|tables| {
            for (id, folder, name) in strays {
                let Some(stray) = tables.links.get(id).cloned() else { continue };
                if let Some(digest) = stray.digest {
                    let file = FileHere { name: name.clone(), digest };
                    tables.insert(Link::unmatched(*folder, &file, stray.stored_at));
                }
                if tables.epoch(stray.folder).is_some_and(|epoch| stray.epoch < epoch) {
                    tables.forget([id]);
                }
            }
            Ok(())
        })
    }

    fn intend_relocation(&mut self, names: &[(LinkId, LocalName)]) -> Result<()> {
        self.transaction(|tables| {
            for (id, name) in names {
                tables.change([id], |link| (link.name, link.doubt) = (name.clone(), Doubt::Unread));
            }
            Ok(())
        })
    }

    fn relocated(&mut self, pairs: &[Relocated]) -> Result<()> {
        self.transaction(|tables| {
            for pair in pairs {
                let gone = tables.links.get(&pair.gone).cloned();
                if let Some(link) = tables.links.get_mut(&pair.wanted) {
                    let gone = gone.ok_or_else(|| broken("the row of the message that was moved is not there"))?;
                    link.stage = Stage::Stored;
                    link.there = Some(std::mem::replace(&mut link.agreed, pair.agreed.clone()));
                    (link.digest, link.stored_at, link.doubt) = (gone.digest, gone.stored_at, gone.doubt.max(Doubt::weak(pair.weak)));
                }
                tables.forget([&pair.gone]);
            }
            Ok(())
        })
    }

    fn here_mark(&self, folder: i64) -> Result<Option<Vec<u8>>> {
        Ok(self.read().folder(folder)?.here_mark.clone())
    }

    fn set_here_marks(&mut self, marks: &[(i64, Vec<u8>)]) -> Result<()> {
        self.transaction(|tables| {
            marks.iter().try_for_each(|(id, mark)| {
                tables.folder(*id)?.here_mark = Some(mark.clone());
                Ok(())
            })
        })
    }

    fn rename_links(&mut self, renamed: &[(LinkId, LocalName)]) -> Result<()> {
        self.transaction(|tables| {
            for (id, name) in renamed {
                tables.change([id], |link| link.name = name.clone());
            }
            Ok(())
        })
    }
}
