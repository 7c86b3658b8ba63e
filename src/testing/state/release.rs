use crate::model::Result;
use crate::store::state::{LinkId, Receipt, Releasable, Releases};

use super::MemState;
use super::tables::{Doubt, Link, Stage, broken};
use super::under_way::record_cursor;

impl Releases for MemState {
    fn releasable(&self, folder: i64, until: i64, due_before: Option<i64>) -> Result<Vec<Releasable>> {
        let tables = self.read();
        let is_old = |link: &Link| link.stored_at.is_some_and(|at| at <= until);
        let is_due = |link: &Link| due_before.is_none_or(|before| link.due.is_some_and(|due| due < before));
        let may_go = |link: &Link| match link.stage {
            _ if link.doubt == Doubt::Short => false,
            Stage::Releasing => true,
            Stage::Stored => is_old(link) && is_due(link),
            _ => false,
        };
        let releasable = tables.current(folder).filter(|(_, link)| may_go(link)).map(|(id, link)| {
            Ok(Releasable {
                id,
                remote: link.remote.clone(),
                name: link.name.clone(),
                digest: link.known()?,
                stored_at: link.stored_at.ok_or_else(|| broken("a message that is being released was never stored"))?,
                missing: link.missing,
                weak: link.is_weak(),
                tries: link.tries,
                size: link.size,
                date: link.date,
                begun: link.stage == Stage::Releasing,
            })
        });
        releasable.collect()
    }

    fn mark_due(&mut self, folder: i64, until: i64, now: i64) -> Result<()> {
        self.transaction(|tables| {
            let is_old =
                |link: &&mut Link| link.folder == folder && link.stage == Stage::Stored && link.stored_at.is_some_and(|at| at <= until);
            for link in tables.links.values_mut().filter(is_old) {
                // A note from the future was made by a clock that was wrong.
                link.due = Some(link.due.map_or(now, |due| due.min(now)));
            }
            Ok(())
        })
    }

    fn mark_missing(&mut self, missing: &[LinkId], found: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            tables.change(missing, |link| link.missing += 1);
            tables.change(found, |link| link.missing = 0);
            Ok(())
        })
    }

    fn mark_removed(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            tables.change(ids, |link| link.missing = 2);
            Ok(())
        })
    }

    fn mark_releasing(&mut self, ids: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            tables.change(ids, |link| link.stage = Stage::Releasing);
            Ok(())
        })
    }

    fn settle_release(&mut self, folder: i64, receipt: &Receipt) -> Result<()> {
        self.transaction(|tables| {
            for (to, remote, from) in &receipt.moved {
                let to = tables.folders.values().find(|known| known.row.remote == *to).map(|known| (known.row.id, known.row.epoch));
                // Where it went it is known, so that it is not fetched again from there.
                if let (Some((folder, epoch)), Some(from)) = (to, tables.links.get(from).cloned()) {
                    tables.insert(Link {
                        size: from.size,
                        date: from.date,
                        agreed: from.agreed,
                        digest: from.digest,
                        stored_at: from.stored_at,
                        ..Link::new(folder, epoch, remote.clone(), from.name, Stage::Released)
                    });
                }
            }
            tables.change(&receipt.released, |link| link.stage = Stage::Released);
            tables.change(&receipt.kept, |link| link.stage = Stage::Stored);
            tables.change(&receipt.unnamed, |link| link.moved = true);
            record_cursor(tables, folder, receipt.cursor.as_ref());
            Ok(())
        })
    }
}
