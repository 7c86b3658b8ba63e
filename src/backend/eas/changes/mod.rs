//! What changed in folders: one Sync for many of them, one page each.
//!
//! An answer is taken as it comes and told when it is whole. Its keys go to the engine, which records each together with a row for every id
//! that came with it; until then the old key brings the same again, or shows that it does not ([`Link::begins_anew`]).

mod estimate;
mod settle;
mod statuses;
mod sync;

use crate::backend::LookAt;
use crate::model::change::{Harvest, HarvestKind};
use crate::model::{Change, Cursor, Event, FolderId, Need, Result};
use crate::wire::eas::{CollectionEnd, Remedy, SyncCollection};

use super::cursor::Bookmark;
use super::limits;
use super::session::{Link, Tries};

use statuses::fewer;
pub(super) use sync::{Page, wanted};

/// A folder that is looked into.
struct Look {
    id: String,
    mark: Bookmark,
    /// Listed from nothing by this call.
    fresh: bool,
    /// The cursor was void.
    restarted: bool,
    /// The server listed nothing of it the last time: it may hold folders alone.
    silent: bool,
    /// The server was asked to count, because somebody wants to know how much there is.
    announced: bool,
    /// It has counted; or it was asked to, because it looked empty.
    counted: bool,
    harvest: Option<Result<Harvest>>,
    changes: Vec<Change>,
}

impl Link {
    /// One page of each folder.
    pub async fn look(&mut self, at: &[LookAt], out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Vec<Result<Harvest>>> {
        let mut looks: Vec<Look> = at.iter().map(|at| self.begin(at)).collect();
        let mut tries = Tries::default();
        let (mut at_once, mut keys_at_once) = (looks.len(), looks.len());
        loop {
            self.first_keys(&mut looks, &mut tries, &mut keys_at_once).await?;
            let open: Vec<usize> = (0..looks.len()).filter(|n| looks[*n].harvest.is_none()).take(at_once).collect();
            if open.is_empty() {
                break;
            }
            self.announce(&mut looks).await;
            let window = (limits::PAGE / open.len()).max(limits::WINDOW) as u16;
            let collections: Vec<SyncCollection<'_>> = open.iter().map(|n| wanted(&looks[*n].mark, Some(window))).collect();
            let mut answer = self.sync(&collections).await?;
            if std::mem::take(&mut self.reset) {
                self.start_over().await?;
                self.folder_sync().await?;
                for n in open {
                    self.restart(&mut looks[n]);
                }
                continue;
            }
            if let Some(status) = answer.status {
                match fewer(status, answer.limit, open.len()) {
                    Some(most) => at_once = most,
                    None => self.cure(status, &mut tries, open, &mut looks).await?,
                }
                continue;
            }
            let mut in_doubt = Vec::new();
            for n in open {
                let look = &mut looks[n];
                match answer.folders.remove(&look.id) {
                    None if self.begins_anew(look, &[]) => {}
                    // Nothing changed; or the mailbox is one that the server has never counted.
                    None if look.fresh && !look.counted => in_doubt.push(n),
                    None => look.harvest = Some(Ok(self.harvest(look, false))),
                    Some(page) => self.end(look, page, &mut tries, n, &mut in_doubt).await?,
                }
            }
            self.count(&mut looks, in_doubt).await;
        }
        for (n, look) in looks.iter_mut().enumerate() {
            for change in std::mem::take(&mut look.changes) {
                out(n, change);
            }
        }
        Ok(looks.into_iter().map(|look| look.harvest.unwrap_or_else(|| Err(self.unanswered(&look.id)))).collect())
    }

    fn begin(&self, at: &LookAt) -> Look {
        let id = String::from_utf8_lossy(&at.folder.0).into_owned();
        let before = at.cursor.as_ref().and_then(Bookmark::decode);
        let silent = before.as_ref().is_some_and(|mark| mark.key == "0" && mark.folder == id);
        let known = before.filter(|mark| self.holds(mark, &id));
        let mut look = Look {
            mark: Bookmark::nothing(&id, self.version, self.device.base),
            id,
            fresh: known.is_none(),
            restarted: known.is_none() && at.cursor.is_some() && !silent,
            silent,
            announced: false,
            counted: false,
            harvest: None,
            changes: Vec::new(),
        };
        if let Some(mark) = known {
            // In a rehearsal the server must not take a page for received, which asking with the next key would say.
            if self.ctx.rehearsal && !self.listed_here(&mark) && self.rehearsed.contains(&look.id) {
                look.harvest = Some(Ok(Harvest { cursor: mark.encode(), ..harvest_of(HarvestKind::Delta) }));
            }
            look.mark = mark;
        }
        look
    }

    fn restart(&self, look: &mut Look) {
        look.restarted |= !look.fresh;
        look.fresh = true;
        look.counted = false;
        look.changes.clear();
        look.mark = Bookmark { epoch: look.mark.epoch, ..Bookmark::nothing(&look.id, self.version, self.device.base) };
    }

    /// Gets the first key of folders that have none, all in one request.
    async fn first_keys(&mut self, looks: &mut [Look], tries: &mut Tries, at_once: &mut usize) -> Result<()> {
        loop {
            let open = (0..looks.len()).filter(|n| looks[*n].harvest.is_none() && looks[*n].mark.key == "0");
            let open: Vec<usize> = open.take(*at_once).collect();
            if open.is_empty() {
                return Ok(());
            }
            let collections: Vec<SyncCollection<'_>> = open.iter().map(|n| wanted(&looks[*n].mark, None)).collect();
            let mut answer = self.sync(&collections).await?;
            // A first key is what was asked for.
            self.reset = false;
            if let Some(status) = answer.status {
                match fewer(status, answer.limit, open.len()) {
                    Some(most) => *at_once = most,
                    None => self.cure(status, tries, open, looks).await?,
                }
                continue;
            }
            let together = open.len() > 1;
            for n in open {
                let look = &mut looks[n];
                match answer.folders.remove(&look.id).and_then(|page| page.end) {
                    Some(CollectionEnd { status, key: Some(key), .. }) if status.is_done() && key != "0" => {
                        look.mark.key = key;
                        look.mark.epoch = self.next_epoch();
                        self.epochs.insert(look.id.clone(), look.mark.epoch);
                    }
                    Some(end) if !end.status.is_done() => {
                        // Nothing can be void about no key.
                        if matches!(end.status.remedy(), Remedy::Restart) {
                            look.harvest = Some(Err(self.refused_folder(&look.id, end.status)));
                        } else {
                            self.cure(end.status, tries, vec![n], looks).await?;
                        }
                    }
                    // Some servers (SOGo) show what holds folders alone like any other, and say nothing when they are asked what is in it.
                    _ if look.silent => look.harvest = Some(Ok(nothing_said(&look.mark))),
                    // It may fare better alone.
                    _ if together => *at_once = 1,
                    _ if !look.restarted && self.node(&look.id).is_some() => look.harvest = Some(Ok(nothing_said(&look.mark))),
                    _ => look.harvest = Some(Err(self.unanswered(&look.id))),
                }
            }
        }
    }

    fn harvest(&mut self, look: &Look, more: bool) -> Harvest {
        let kind = if look.restarted || (look.fresh && !more) { HarvestKind::Whole } else { HarvestKind::Delta };
        let mut more = more;
        if self.ctx.rehearsal && !self.listed_here(&look.mark) {
            self.rehearsed.insert(look.id.clone());
            if more {
                let note = "more has changed than the server tells in one answer; a rehearsal goes no further";
                self.ctx.observer.on(&Event::Note(note));
                more = false;
            }
        }
        Harvest { cursor: look.mark.encode(), restarted: look.restarted, more, ..harvest_of(kind) }
    }

    /// Whether a folder that is to be removed holds nothing. Its key is void afterwards.
    pub async fn is_empty(&mut self, id: &str) -> Result<bool> {
        let at = [LookAt { folder: FolderId(id.as_bytes().to_vec()), cursor: None, need: Need::Everything }];
        let mut empty = true;
        let harvests = self.look(&at, &mut |_, _| empty = false).await?;
        match harvests.into_iter().next() {
            Some(Ok(harvest)) => Ok(empty && !harvest.more),
            Some(Err(error)) => Err(error),
            None => Ok(false),
        }
    }
}

fn harvest_of(kind: HarvestKind) -> Harvest {
    Harvest { cursor: Cursor([].into()), kind, restarted: false, more: false, doubtful: false, passing_ids: false }
}

/// Of a folder without a key, of which the server says nothing: nothing has changed, and it is asked again the next time.
fn nothing_said(mark: &Bookmark) -> Harvest {
    Harvest { cursor: mark.encode(), ..harvest_of(HarvestKind::Delta) }
}
