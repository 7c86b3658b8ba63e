use crate::model::{PermanentId, Result};
use crate::store::state::{Digested, KeptName, LinkId, Matching, Taken, Twin};

use super::MemState;
use super::tables::{Doubt, Link, Stage};

/// A row as what can be matched.
fn digested((id, link): (LinkId, &Link)) -> Result<Digested> {
    Ok(Digested {
        id,
        name: link.name.clone(),
        digest: link.known()?,
        permanent: link.permanent.clone(),
        released: link.stage == Stage::Released,
        taken: link.taken != Taken::No,
        announced: link.size,
    })
}

impl Matching for MemState {
    fn digested(&self, folder: i64) -> Result<Vec<Digested>> {
        self.read().listed(folder).into_iter().filter(|(_, link)| !link.stage.is_wanted()).map(digested).collect()
    }

    fn unmatched(&self, folder: i64) -> Result<Vec<Digested>> {
        let tables = self.read();
        let is_old = |link: &Link| tables.epoch(folder).is_some_and(|epoch| link.epoch < epoch);
        let old = tables.listed(folder).into_iter().filter(|(_, link)| is_old(link) && link.stage.is_settled());
        old.chain(tables.of(folder).filter(|(_, link)| link.stage == Stage::Arriving)).map(digested).collect()
    }

    fn kept_names(&self, folder: i64) -> Result<Vec<KeptName>> {
        let tables = self.read();
        let kept = tables.current(folder).filter(|(_, link)| link.stage.is_linked());
        Ok(kept.map(|(id, link)| KeptName { id, name: link.name.clone(), removed: link.missing > 1 }).collect())
    }

    fn moving(&self, trash: i64) -> Result<Vec<Digested>> {
        let tables = self.read();
        let others = || tables.by_folder().into_iter().filter(|(_, link)| link.folder != trash);
        let releasing = others().filter(|(_, link)| link.stage == Stage::Releasing);
        releasing.chain(others().filter(|(_, link)| link.moved)).map(digested).collect()
    }

    fn forget_moved(&mut self, trash: i64) -> Result<()> {
        self.transaction(|tables| {
            tables.links.values_mut().filter(|link| link.folder != trash).for_each(|link| link.moved = false);
            Ok(())
        })
    }

    fn link_astray(&mut self, pairs: &[(LinkId, LinkId)], now: i64) -> Result<()> {
        self.transaction(|tables| {
            for (wanted, file) in pairs {
                let Some(file) = tables.links.get(file).filter(|file| file.epoch == 0).cloned() else { continue };
                let Some(link) = tables.links.get_mut(wanted).filter(|link| link.stage.is_wanted()) else { continue };
                (link.stage, link.doubt, link.stored_at) = (Stage::Stored, Doubt::Unread, Some(now));
                (link.name, link.digest) = (file.name.clone(), file.digest);
                link.there = Some(std::mem::take(&mut link.agreed));
                tables.links.retain(|_, link| link.epoch != 0 || (link.folder, &link.name) != (file.folder, &file.name));
            }
            Ok(())
        })
    }

    fn arriving(&self, folder: i64) -> Result<Vec<Digested>> {
        self.read().of(folder).filter(|(_, link)| link.stage == Stage::Arriving).map(digested).collect()
    }

    fn twin(&self, permanent: &PermanentId) -> Result<Option<Twin>> {
        let tables = self.read();
        let is_copy = |link: &Link| link.permanent.as_ref() == Some(permanent) && link.stage == Stage::Stored && !link.is_weak();
        let copy = tables.links.values().find(|link| is_copy(link) && tables.folders.contains_key(&link.folder));
        let twin = |link: &Link| {
            let dir = tables.folders[&link.folder].row.dir.clone();
            Ok(Twin { dir, name: link.name.clone(), digest: link.known()? })
        };
        copy.map(twin).transpose()
    }
}
