use crate::model::{Change, Listed, RemoteId, Result};
use crate::store::state::{LinkId, News, Sift, Taken};

use super::MemState;
use super::tables::{Link, Stage, Tables};

/// It is there.
fn present(news: &mut News, (id, link): (LinkId, &Link), listed: Listed) {
    if link.stage != Stage::Released && *link.told() != listed.flags {
        news.flags.push((id, listed.flags));
    }
    if let Some(permanent) = listed.permanent.filter(|_| link.permanent.is_none()) {
        news.permanent.push((id, permanent));
    }
    kept(news, (id, link));
}

/// It is there, and nothing else was said.
fn kept(news: &mut News, (id, link): (LinkId, &Link)) {
    if link.gone {
        news.back.push(id);
    }
    if link.taken != Taken::No {
        news.shown.push(id);
    }
}

/// It is not there.
fn absent(news: &mut News, (id, link): (LinkId, &Link)) {
    if link.stage != Stage::Released && !link.gone {
        news.gone.push(id);
    }
}

impl Sift for MemState {
    fn sift(&self, folder: i64, page: Vec<Change>, whole: bool) -> Result<(Vec<Listed>, News)> {
        let tables = self.read();
        let (mut new, mut news) = (Vec::new(), News::default());
        let find = |id: &RemoteId| {
            let found = tables.epoch(folder).and_then(|epoch| tables.find(folder, epoch, id));
            found.map(|id| (id, &tables.links[&id]))
        };
        // What is not mentioned, and is not on its way there, is gone.
        let mut unmentioned: Vec<(LinkId, &Link)> = if whole { tables.current(folder).collect() } else { Vec::new() };
        unmentioned.retain(|(_, link)| link.stage != Stage::Arriving);
        for change in page {
            let (Change::Present(Listed { id, .. }) | Change::Changed { now: Listed { id, .. }, .. } | Change::Kept(id) | Change::Gone(id)) =
                &change;
            let found = find(id);
            unmentioned.retain(|(other, _)| found.is_none_or(|(id, _)| id != *other));
            match (change, found) {
                (Change::Present(listed), Some(row)) => present(&mut news, row, listed),
                (Change::Changed { mut now, said }, Some(row)) => {
                    now.flags = said.over(row.1.told(), now.flags);
                    present(&mut news, row, now);
                }
                (Change::Present(listed) | Change::Changed { now: listed, .. }, None) => new.push(listed),
                (Change::Kept(_), Some(row)) => kept(&mut news, row),
                (Change::Gone(_), Some(row)) => absent(&mut news, row),
                (Change::Kept(_) | Change::Gone(_), None) => {}
            }
        }
        for row in unmentioned {
            absent(&mut news, row);
        }
        Ok((new, news))
    }
}

/// Records what is new of known messages. What is only wanted yet has no agreed flags, and is forgotten when it is gone.
pub(super) fn record_news(tables: &mut Tables, news: &News) {
    for (id, flags) in &news.flags {
        tables.change([id], |link| {
            if link.stage.is_wanted() {
                link.agreed = flags.clone();
            } else {
                link.there = Some(flags.clone());
            }
        });
    }
    for id in &news.gone {
        tables.forget_if(*id, Stage::is_wanted);
        tables.change([id], |link| {
            if link.stage == Stage::Releasing {
                // It is released now, and lives here only; it may have been moved to the trash.
                (link.stage, link.gone, link.moved) = (Stage::Released, false, true);
            } else {
                link.gone = true;
            }
        });
    }
    for (id, permanent) in &news.permanent {
        tables.change([id], |link| link.permanent = Some(permanent.clone()));
    }
    tables.change(&news.back, |link| link.gone = false);
    tables.change(&news.shown, |link| link.taken = Taken::No);
}
