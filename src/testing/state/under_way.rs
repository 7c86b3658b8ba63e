use crate::model::{Cursor, RemoteId, Result};
use crate::store::state::{Arrival, LinkId, News, Receipts, SyncRow, Taken, UnderWay};

use super::MemState;
use super::agreed::record_agreed;
use super::news::record_news;
use super::tables::{Doubt, Link, Stage, Tables, broken};

fn is_under_way(link: &Link) -> bool {
    matches!(link.stage, Stage::Arriving | Stage::Moving(_))
}

/// The rows that move to where `dest` arrives.
fn movers(tables: &Tables, dest: LinkId) -> Vec<LinkId> {
    tables.links.iter().filter(|(_, link)| link.stage == Stage::Moving(dest)).map(|(id, _)| *id).collect()
}

fn mark(tables: &mut Tables, rows: &[LinkId], taken: Taken) {
    tables.change(rows, |link| link.taken = taken);
}

/// An id that has a row already (it was listed meanwhile) is that message: its row goes. `passed`: the folder whose cursor stands
/// behind the new messages already, so that no listing will show them.
fn record_arrived(tables: &mut Tables, arrived: &[(LinkId, RemoteId)], passed: Option<i64>) {
    for (id, remote) in arrived {
        if let Some(link) = tables.links.get(id).cloned() {
            // Its intent may be from before ids became void; the id that was told is one of today.
            let epoch = tables.epoch(link.folder).unwrap_or(link.epoch);
            if let Some(double) = tables.find(link.folder, epoch, remote) {
                tables.forget_if(double, Stage::is_wanted);
            }
            let now = Link {
                remote: remote.clone(),
                epoch,
                stage: Stage::Stored,
                taken: if passed == Some(link.folder) { Taken::No } else { Taken::Yes },
                ..link
            };
            // Where a row that is here has the id, both stay as they are.
            if link.stage == Stage::Arriving && !tables.collides(Some(*id), &now) {
                tables.links.insert(*id, now);
            }
        }
        let movers = movers(tables, *id);
        tables.forget(&movers);
    }
}

pub(super) fn record_cursor(tables: &mut Tables, folder: i64, cursor: Option<&Cursor>) {
    if let (Some(folder), Some(cursor)) = (tables.folders.get_mut(&folder), cursor) {
        folder.row.cursor = Some(cursor.clone());
    }
}

impl UnderWay for MemState {
    fn under_way(&self, folder: Option<i64>) -> Result<Vec<(i64, SyncRow)>> {
        let tables = self.read();
        let in_folder = tables.by_folder().into_iter().filter(|(_, link)| folder.is_none_or(|folder| link.folder == folder));
        let under_way = in_folder.filter(|(_, link)| is_under_way(link));
        Ok(under_way.map(|row| (row.1.folder, tables.sync_row(row))).collect())
    }

    fn is_arriving(&self, id: LinkId) -> Result<Option<bool>> {
        Ok(self.read().links.get(&id).map(|link| link.stage == Stage::Arriving))
    }

    fn intend(&mut self, folder: i64, arrivals: &[Arrival], now: i64) -> Result<Vec<LinkId>> {
        self.transaction(|tables| {
            let mut made = Vec::new();
            for arrival in arrivals {
                let epoch = tables.folder(folder)?.row.epoch;
                let from = match arrival.from {
                    Some(from) => Some(tables.links.get(&from).cloned().ok_or_else(|| broken("the row that moves is not there"))?),
                    None => None,
                };
                // An id that no server gives.
                let placeholder = RemoteId(format!("\u{1}{}", arrival.name).into());
                let row = tables.insert(Link {
                    date: arrival.date,
                    agreed: arrival.flags.clone(),
                    digest: Some(arrival.digest),
                    stored_at: Some(now),
                    doubt: from.as_ref().map_or(Doubt::None, |from| from.doubt),
                    permanent: from.and_then(|from| from.permanent),
                    ..Link::new(folder, epoch, placeholder, arrival.name.clone(), Stage::Arriving)
                });
                let row = row.ok_or_else(|| broken("a file of this name is on its way there already"))?;
                tables.change(&arrival.from, |link| link.stage = Stage::Moving(row));
                made.push(row);
            }
            Ok(made)
        })
    }

    fn settle(&mut self, folder: i64, receipts: &Receipts) -> Result<()> {
        self.transaction(|tables| {
            record_agreed(tables, &receipts.agreed);
            record_arrived(tables, &receipts.arrived, receipts.cursor.as_ref().map(|_| folder));
            mark(tables, &receipts.taken, Taken::Yes);
            tables.forget(&receipts.gone);
            for id in &receipts.withdrawn {
                let movers = movers(tables, *id);
                tables.change(&movers, |link| link.stage = Stage::Stored);
                tables.forget_if(*id, |stage| stage == Stage::Arriving);
            }
            record_cursor(tables, folder, receipts.cursor.as_ref());
            Ok(())
        })
    }

    fn mark_in_vain(&mut self, rows: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            mark(tables, rows, Taken::InVain);
            Ok(())
        })
    }

    fn unseen(&self, folder: i64) -> Result<Vec<(LinkId, RemoteId)>> {
        let tables = self.read();
        let is_there = |stage: Stage| stage.is_linked() || matches!(stage, Stage::Moving(_));
        let unseen = tables.of(folder).filter(|(_, link)| link.taken == Taken::Yes && is_there(link.stage) && tables.is_current(link));
        Ok(unseen.map(|(id, link)| (id, link.remote.clone())).collect())
    }

    fn settle_unseen(&mut self, there: &[LinkId], gone: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            mark(tables, there, Taken::No);
            mark(tables, gone, Taken::No);
            record_news(tables, &News { gone: gone.to_vec(), ..News::default() });
            Ok(())
        })
    }

    fn undo_moves(&mut self, moving: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            for id in moving {
                if let Some(Link { stage: Stage::Moving(dest), .. }) = tables.links.get(id).cloned() {
                    tables.forget_if(dest, |stage| stage == Stage::Arriving);
                    tables.change([id], |link| link.stage = Stage::Stored);
                }
            }
            Ok(())
        })
    }
}
