use std::collections::{BTreeMap, HashSet};

use crate::model::{LocalName, Result};
use crate::store::maildir::digest::Digest;
use crate::store::state::{Inventory, Kept, Known, LinkId, Links, NewLink, Page, PendingLink, Stock, Stored, Taken};

use super::MemState;
use super::news::record_news;
use super::tables::{Doubt, Link, Stage, Tables, broken};

/// Sizes that no mailbox has are none.
fn plausible(size: Option<u64>) -> Option<u64> {
    size.filter(|size| i64::try_from(*size).is_ok())
}

/// The ids of before are void: what was wanted by them will be listed again, what was told by them means nothing.
fn restart(tables: &mut Tables, folder: i64) -> Result<()> {
    tables.folder(folder)?.row.epoch += 1;
    let now = tables.folder(folder)?.row.epoch;
    let is_old = |link: &Link| link.folder == folder && link.epoch < now;
    tables.links.retain(|_, link| !(is_old(link) && link.stage.is_wanted()));
    for link in tables.links.values_mut().filter(|link| is_old(link)) {
        (link.gone, link.there, link.taken) = (false, None, Taken::No);
    }
    Ok(())
}

/// A row that goes on under another id.
fn carry_on(tables: &mut Tables, old: LinkId, epoch: i64, new: &NewLink, weak: bool) -> Result<bool> {
    let Some(link) = tables.links.get_mut(&old) else { return Ok(false) };
    (link.epoch, link.remote, link.permanent) = (epoch, new.remote.clone(), new.permanent.clone());
    (link.size, link.there, link.taken) = (plausible(new.size), Some(new.flags.clone()), Taken::No);
    link.doubt = link.doubt.max(Doubt::weak(weak));
    if matches!(link.stage, Stage::Releasing | Stage::Arriving) {
        link.stage = Stage::Stored;
    }
    let link = link.clone();
    if tables.collides(Some(old), &link) { Err(broken("that id has a row already")) } else { Ok(true) }
}

/// A row for an id that has none.
fn add(tables: &mut Tables, folder: i64, epoch: i64, new: &NewLink, now: i64) -> bool {
    let moved_from = new.here.as_ref().and_then(|known| known.moved_from);
    let stage = match (&new.here, moved_from) {
        (None, _) => Stage::Wanted,
        (Some(_), None) => Stage::Stored,
        (Some(_), Some(_)) => Stage::Released,
    };
    let agreed = new.here.as_ref().and_then(|known| known.agreed.clone());
    let there = agreed.as_ref().map(|_| new.flags.clone());
    let added = tables.insert(Link {
        size: plausible(new.size),
        date: new.date,
        agreed: agreed.unwrap_or_else(|| new.flags.clone()),
        there,
        permanent: new.permanent.clone(),
        digest: new.here.as_ref().map(|known| known.digest),
        doubt: Doubt::weak(new.here.as_ref().is_some_and(|known| known.weak)),
        stored_at: new.here.as_ref().map(|_| now),
        ..Link::new(folder, epoch, new.remote.clone(), new.name.clone(), stage)
    });
    if added.is_some() {
        tables.change(&moved_from, |link| (link.stage, link.moved) = (Stage::Released, false));
    }
    added.is_some()
}

impl Links for MemState {
    fn commit_page(&mut self, folder: i64, page: &Page<'_>) -> Result<(i64, u64)> {
        self.transaction(|tables| {
            if page.restart {
                restart(tables, folder)?;
            }
            let epoch = tables.folder(folder)?.row.epoch;
            let mut added = 0;
            for new in page.links {
                let counts = match &new.here {
                    Some(Known { continues: Some(old), weak, .. }) => carry_on(tables, *old, epoch, new, *weak)?,
                    _ => add(tables, folder, epoch, new, page.now),
                };
                added += u64::from(counts);
            }
            record_news(tables, page.news);
            for file in page.files {
                tables.insert(Link::unmatched(folder, file, Some(page.now)));
            }
            let row = &mut tables.folder(folder)?.row;
            row.cursor = Some(page.cursor.clone());
            if let Some(marks) = page.marks {
                row.marks.additions.clone_from(&marks.additions);
                row.marks.everything = marks.everything.clone().or(row.marks.everything.take());
            }
            Ok((epoch, added))
        })
    }

    fn wanted_folders(&self) -> Result<Vec<(i64, u64)>> {
        let mut counts = BTreeMap::new();
        for link in self.read().links.values().filter(|link| link.stage.is_wanted()) {
            *counts.entry(link.folder).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    fn wanted(&self, folder: i64, after: LinkId, most: usize) -> Result<Vec<PendingLink>> {
        let tables = self.read();
        let wanted = tables.of(folder).filter(|(id, link)| *id > after && link.stage.is_wanted() && tables.is_current(link));
        let pending = wanted.take(most).map(|(id, link)| PendingLink {
            id,
            remote: link.remote.clone(),
            name: link.name.clone(),
            size: link.size,
            date: link.date,
            flags: link.agreed.clone(),
            permanent: link.permanent.clone(),
            tries: link.tries,
        });
        Ok(pending.collect())
    }

    fn wanted_named(&self, names: &HashSet<LocalName>) -> Result<Vec<(i64, LinkId, LocalName)>> {
        let tables = self.read();
        let wanted = tables.by_folder().into_iter().filter(|(_, link)| link.stage.is_wanted() && tables.is_current(link));
        let named = wanted.filter(|(_, link)| names.contains(&link.name));
        Ok(named.map(|(id, link)| (link.folder, id, link.name.clone())).collect())
    }

    fn set_dates(&mut self, dates: &[(LinkId, i64)]) -> Result<()> {
        self.transaction(|tables| {
            for (id, date) in dates {
                tables.change([id], |link| link.date = Some(*date));
            }
            Ok(())
        })
    }

    fn mark_stored(&mut self, stored: &[Stored], now: i64) -> Result<()> {
        self.transaction(|tables| {
            for s in stored {
                tables.change([&s.id], |link| {
                    (link.stage, link.digest, link.stored_at) = (Stage::Stored, Some(s.digest), Some(now));
                    if !s.keeps_doubt {
                        link.doubt = Doubt::None;
                    }
                    if let Some(name) = &s.name {
                        link.name = name.clone();
                    }
                });
                if let Some(agreed) = s.replaces.first().and_then(|old| tables.links.get(old)).map(|old| old.agreed.clone()) {
                    tables.change([&s.id], |link| link.there = Some(std::mem::replace(&mut link.agreed, agreed.clone())));
                }
                tables.forget(&s.replaces);
            }
            Ok(())
        })
    }

    fn mark_skipped(&mut self, skipped: &[(LinkId, String)]) -> Result<()> {
        self.transaction(|tables| {
            tables.change(skipped.iter().map(|(id, _)| id), |link| {
                link.stage = Stage::Skipped;
                link.tries += 1;
            });
            Ok(())
        })
    }

    fn forget_wanted(&mut self, gone: &[LinkId]) -> Result<()> {
        self.transaction(|tables| {
            for id in gone {
                tables.forget_if(*id, Stage::is_wanted);
            }
            Ok(())
        })
    }

    fn totals(&self, folder: i64) -> Result<(u64, u64, u64)> {
        let tables = self.read();
        let known: Vec<&Link> = tables.of(folder).map(|(_, link)| link).filter(|link| link.epoch > 0).collect();
        let is_here = |link: &&&Link| link.stage.is_settled() || link.stage == Stage::Arriving;
        let octets = known.iter().filter_map(|link| link.digest).map(|Digest { octets, .. }| octets).sum();
        let wanted = known.iter().filter(|link| link.stage.is_wanted()).count();
        Ok((known.iter().filter(is_here).count() as u64, octets, wanted as u64))
    }
}

impl Inventory for MemState {
    fn each_kept(&self, folder: i64, each: &mut dyn FnMut(Kept)) -> Result<()> {
        let tables = self.read();
        for (_, link) in tables.of(folder).filter(|(_, link)| tables.is_current(link)) {
            let here = link.digest.filter(|_| link.stage.is_settled()).map(|digest| Stock {
                octets: link.size.unwrap_or(digest.octets),
                line_ends: digest.line_ends,
                identity: digest.identity,
                wire: (!link.is_weak()).then_some(digest.wire),
            });
            let there = (link.stage.is_wanted() || matches!(link.stage, Stage::Stored | Stage::Releasing)) && !link.gone;
            each(Kept { remote: link.remote.clone(), name: link.name.clone(), there, here });
        }
        Ok(())
    }
}
