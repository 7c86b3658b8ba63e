//! What changed in folders: one Sync for many of them, one page each.
//!
//! An answer is taken as it comes and told when it is whole. Its keys go to the engine, which records each together with a row for every id
//! that came with it; until then the old key brings the same again.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::BytesMut;

use crate::backend::LookAt;
use crate::model::change::{Harvest, HarvestKind};
use crate::model::{Change, Class, Cursor, Error, Event, Fate, FolderId, RemoteId, Renumbered, Result, Scope};
use crate::wire::eas::{
    BodyWanted, CollectionEnd, Command, EstimateWanted, Filter, Item, ItemKind, Remedy, Status, SyncCollection, SyncDecoder, SyncEvent,
    SyncStatus, Version, estimate_request, estimate_response, sync_request,
};

use super::cursor::Bookmark;
use super::flags::listed;
use super::limits;
use super::session::{Ask, Link, Tries};

/// What one Sync said.
#[derive(Default)]
pub(super) struct SyncAnswer {
    /// Of the whole, where it is no success.
    pub status: Option<Status<SyncStatus>>,
    /// The limit that the request broke.
    pub limit: Option<u32>,
    /// Folders that it speaks of, by their ids.
    pub folders: HashMap<String, Page>,
}

/// What it said of one folder.
#[derive(Default)]
pub(super) struct Page {
    /// Messages there that are new, changed or gone, in the order in which they were told.
    pub changes: Vec<Change>,
    /// What became of our changes; those that are missing are done.
    pub responses: Vec<Item>,
    pub end: Option<CollectionEnd>,
}

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
    /// It looked empty, and the server was asked to count.
    counted: bool,
    harvest: Option<Result<Harvest>>,
    changes: Vec<Change>,
}

impl Link {
    /// Sends one Sync.
    pub async fn sync(&mut self, collections: &[SyncCollection<'_>]) -> Result<SyncAnswer> {
        let body = sync_request(collections, self.version).map_err(|e| self.broke(Command::Sync, e))?;
        let ask = Ask { most: limits::LISTING, ..Ask::new(Command::Sync, body) };
        let mut answer = self.send(&ask).await?;
        let (mut decoder, mut buf, mut began) = (SyncDecoder::new(), BytesMut::new(), false);
        let (mut all, mut page, mut folder) = (SyncAnswer::default(), Page::default(), None);
        while let Some(piece) = answer.chunk().await? {
            if !began {
                self.check_type(Command::Sync, &answer)?;
                began = true;
            }
            buf.extend_from_slice(&piece);
            while let Some(event) = decoder.next(&mut buf).map_err(|e| self.broke(Command::Sync, e))? {
                match event {
                    SyncEvent::Status(status) if !status.is_done() => all.status = Some(status),
                    SyncEvent::Limit(limit) => all.limit = Some(limit),
                    SyncEvent::Collection(id) => {
                        page = Page::default();
                        folder = Some(id);
                    }
                    SyncEvent::Item(item) => take(&mut page, *item, self.version),
                    SyncEvent::CollectionEnd(end) => {
                        let mut whole = std::mem::take(&mut page);
                        whole.end = Some(end);
                        if let Some(id) = folder.take() {
                            all.folders.insert(id, whole);
                        } else if let Some(end) = whole.end {
                            // A folder that it does not name: about the request.
                            all.status.get_or_insert(end.status);
                        }
                    }
                    SyncEvent::Status(_) | SyncEvent::ItemStart(_) | SyncEvent::Body(_) => {}
                    SyncEvent::Skipped(tag) => Self::note(Command::Sync)(tag),
                }
            }
        }
        // No octets at all: nothing changed.
        if began {
            decoder.finish().map_err(|e| self.broke(Command::Sync, e))?;
        }
        Ok(all)
    }

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
            let window = (limits::PAGE / open.len()).max(limits::WINDOW) as u16;
            let collections: Vec<SyncCollection<'_>> = open.iter().map(|n| wanted(&looks[*n].mark, Some(window))).collect();
            let mut answer = self.sync(&collections).await?;
            if std::mem::take(&mut self.reset) {
                self.forget_all().await?;
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
            mark: Bookmark { folder: id.clone(), version: self.version.text().into(), base: self.device.base, epoch: 0, key: "0".into() },
            id,
            fresh: known.is_none(),
            restarted: known.is_none() && at.cursor.is_some() && !silent,
            silent,
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

    /// Whether a bookmark means something still.
    fn holds(&self, mark: &Bookmark, folder: &str) -> bool {
        mark.folder == folder
            && mark.version == self.version.text()
            && mark.base == self.device.base
            && mark.key != "0"
            && !mark.key.is_empty()
    }

    /// Whether this session listed the folder from nothing, and the ids are of that listing.
    fn listed_here(&self, mark: &Bookmark) -> bool {
        self.epochs.get(&mark.folder) == Some(&mark.epoch)
    }

    fn restart(&self, look: &mut Look) {
        look.restarted |= !look.fresh;
        look.fresh = true;
        look.counted = false;
        look.changes.clear();
        look.mark.key = "0".into();
        look.mark.base = self.device.base;
        look.mark.version = self.version.text().into();
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

    /// Takes what was said of one folder.
    async fn end(&mut self, look: &mut Look, page: Page, tries: &mut Tries, n: usize, in_doubt: &mut Vec<usize>) -> Result<()> {
        let Some(end) = page.end else { return Ok(()) };
        match end.status.remedy() {
            Remedy::Done => {
                let Some(key) = end.key else { return Ok(()) };
                if key == "0" {
                    self.restart(look);
                    tries.restarts += 1;
                    if tries.restarts > 3 {
                        look.harvest = Some(Err(self.refused_folder(&look.id, end.status)));
                    }
                    return Ok(());
                }
                if page.changes.is_empty() && look.fresh && !look.counted && !end.more {
                    in_doubt.push(n);
                    look.mark.key = key;
                    return Ok(());
                }
                if end.more && page.changes.is_empty() {
                    let empty = self.empty_pages.entry(look.id.clone()).or_default();
                    *empty += 1;
                    if *empty > limits::EMPTY_PAGES {
                        let tried = format!("list the folder `{}`", self.name(&look.id));
                        let failed = "the server always has more of it, and gives nothing";
                        look.harvest = Some(Err(Error::new(Class::Protocol, tried, failed).scope(Scope::Folder)));
                        return Ok(());
                    }
                } else {
                    self.empty_pages.remove(&look.id);
                }
                look.mark.key = key;
                look.changes = settle(page.changes);
                look.harvest = Some(Ok(self.harvest(look, end.more)));
                Ok(())
            }
            Remedy::Restart if !look.fresh => {
                tracing::info!(folder = look.id, status = %end.status, "the key of a folder is void: it is listed from nothing");
                self.restart(look);
                Ok(())
            }
            _ => {
                let one = std::slice::from_mut(look);
                self.cure(end.status, tries, vec![0], one).await
            }
        }
    }

    /// Does what helps against a status that folders were answered with; folders for which nothing helps are given up.
    async fn cure(&mut self, status: Status<SyncStatus>, tries: &mut Tries, which: Vec<usize>, looks: &mut [Look]) -> Result<()> {
        match status.remedy() {
            Remedy::SyncFolders if tries.folder_syncs == 0 => {
                tries.folder_syncs += 1;
                return self.folder_sync().await;
            }
            Remedy::RestartAll if tries.restarts == 0 => {
                tries.restarts += 1;
                self.forget_all().await?;
                self.folder_sync().await?;
                for n in which {
                    self.restart(&mut looks[n]);
                }
                return Ok(());
            }
            Remedy::Restart if tries.restarts == 0 => {
                tries.restarts += 1;
                for n in which {
                    self.restart(&mut looks[n]);
                }
                return Ok(());
            }
            _ => {}
        }
        match self.recover(Command::Sync, status, tries).await {
            Ok(()) => Ok(()),
            Err(error) if error.scope <= Scope::Folder || error.class == Class::Protocol => {
                for n in which {
                    looks[n].harvest = Some(Err(self.refused_folder(&looks[n].id, status)));
                }
                Ok(())
            }
            // One folder that the server cannot give now keeps no other one back.
            Err(error) if error.class == Class::Temporary && error.fate == Fate::NeedsUser && !self.ctx.cancel.is_cancelled() => {
                for n in which {
                    looks[n].harvest = Some(Err(error.copy().scope(Scope::Folder)));
                }
                tries.waits = 0;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Asks the server to count folders that look empty when they are listed from nothing. Some (SOGo on Dovecot) find the mail of a mailbox
    /// only after that.
    async fn count(&mut self, looks: &mut [Look], which: Vec<usize>) {
        if which.is_empty() {
            return;
        }
        let wanted: Vec<EstimateWanted<'_>> =
            which.iter().map(|n| EstimateWanted { folder: &looks[*n].id, key: &looks[*n].mark.key, filter: Filter::All }).collect();
        let counted = self.estimate(&wanted).await;
        for n in which {
            looks[n].counted = true;
            // Where it cannot count, the listing that was empty holds.
            if counted.is_none() {
                let look = &looks[n];
                let harvest = self.harvest(look, false);
                looks[n].harvest = Some(Ok(harvest));
            }
        }
    }

    /// About how many changes there are in folders; `None` where the server cannot tell.
    pub async fn estimate(&mut self, wanted: &[EstimateWanted<'_>]) -> Option<u64> {
        let body = estimate_request(wanted, self.version).ok()?;
        let octets = self.ask(&Ask::new(Command::GetItemEstimate, body)).await.ok()?;
        let all = estimate_response(&octets, &mut Self::note(Command::GetItemEstimate)).ok()?;
        Some(all.iter().filter_map(|one| one.count).map(u64::from).sum())
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

    /// A number that no listing from nothing had before.
    pub fn next_epoch(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
        self.epochs.values().copied().max().map_or(now, |last| now.max(last + 1))
    }

    /// The key and the id of a folder; fails where the ids are of another epoch.
    pub fn bookmark(&self, folder: &FolderId, cursor: &Cursor) -> Result<Bookmark> {
        let id = String::from_utf8_lossy(&folder.0).into_owned();
        let mark = Bookmark::decode(cursor).filter(|mark| self.holds(mark, &id));
        mark.filter(|mark| self.epochs.get(&id).is_none_or(|epoch| *epoch == mark.epoch)).ok_or_else(|| self.renumbered(&id))
    }

    /// The ids of a folder mean nothing any more.
    pub fn renumbered(&self, id: &str) -> Box<Error> {
        let failed = "the server has reset it: the ids of its messages are others now";
        Error::new(Class::Partial, format!("work on the folder `{}`", self.name(id)), failed)
            .scope(Scope::Folder)
            .because(Renumbered)
            .hint("the next run matches its messages again")
    }

    fn unanswered(&self, id: &str) -> Box<Error> {
        let tried = format!("list the folder `{}`", self.name(id));
        let error = match self.node(id) {
            Some(_) => Error::new(Class::Protocol, tried, "the server says nothing of it"),
            None => Error::new(Class::Partial, tried, "the server has no such folder (any more)"),
        };
        error.scope(Scope::Folder)
    }

    fn refused_folder(&self, id: &str, status: Status<SyncStatus>) -> Box<Error> {
        let class = if matches!(status.remedy(), Remedy::Bug) { Class::Protocol } else { Class::Rejected };
        Error::new(class, format!("list the folder `{}`", self.name(id)), format!("the server answers {status}")).scope(Scope::Folder)
    }

    /// The name of a folder, for words.
    pub fn name(&self, id: &str) -> String {
        self.node(id).map_or_else(|| id.to_owned(), |node| node.name.clone())
    }

    /// Whether a folder that is to be removed holds nothing. Its key is void afterwards.
    pub async fn is_empty(&mut self, id: &str) -> Result<bool> {
        let at = [LookAt { folder: FolderId(id.as_bytes().to_vec()), cursor: None, need: crate::model::Need::Everything }];
        let mut empty = true;
        let harvests = self.look(&at, &mut |_, _| empty = false).await?;
        match harvests.into_iter().next() {
            Some(Ok(harvest)) => Ok(empty && !harvest.more),
            Some(Err(error)) => Err(error),
            None => Ok(false),
        }
    }
}

/// How many of `asked` folders are asked for at once after a status of all of them: as many as the server bears; or one, where it is not
/// known which of them is meant. `None`: their number is not to blame.
fn fewer(status: Status<SyncStatus>, limit: Option<u32>, asked: usize) -> Option<usize> {
    if asked < 2 {
        return None;
    }
    match status.remedy() {
        Remedy::ObeyLimit => {
            let half = asked / 2;
            Some(limit.and_then(|most| usize::try_from(most).ok()).map_or(half, |most| most.clamp(1, asked - 1)))
        }
        Remedy::Bug | Remedy::Refuse | Remedy::Gone | Remedy::DoWithout => Some(1),
        _ => None,
    }
}

/// A folder in a request. Bodies are not listed: they follow from the rows.
pub(super) fn wanted(mark: &Bookmark, window: Option<u16>) -> SyncCollection<'_> {
    SyncCollection {
        folder: &mark.folder,
        key: &mark.key,
        window,
        filter: Filter::All,
        body: BodyWanted::Nothing,
        deletes_as_moves: false,
        commands: &[],
    }
}

fn harvest_of(kind: HarvestKind) -> Harvest {
    Harvest { cursor: Cursor(Vec::new()), kind, restarted: false, more: false, doubtful: false, passing_ids: false }
}

/// Of a folder without a key, of which the server says nothing: nothing has changed, and it is asked again the next time.
fn nothing_said(mark: &Bookmark) -> Harvest {
    Harvest { cursor: mark.encode(), ..harvest_of(HarvestKind::Delta) }
}

/// Takes one message of an answer. The same one may come twice in a page: the later holds.
fn take(page: &mut Page, item: Item, version: Version) {
    let change = match (item.kind, item.id.clone()) {
        (ItemKind::Added | ItemKind::Changed | ItemKind::Deleted | ItemKind::Fetched, _) => {
            page.responses.push(item);
            return;
        }
        (_, None) => return,
        (ItemKind::Add, Some(id)) => Change::Present(listed(id, &item.properties, version).0),
        (ItemKind::Change, Some(id)) => {
            let (now, said) = listed(id, &item.properties, version);
            Change::Changed { now, said }
        }
        (ItemKind::Delete, Some(id)) => Change::Gone(RemoteId(id.into())),
        // It is there still, and nothing was deleted.
        (ItemKind::SoftDelete, Some(id)) => Change::Kept(RemoteId(id.into())),
    };
    page.changes.push(change);
}

/// What is told of messages more than once in a page becomes one change for each: the engine compares them with rows one by one.
fn settle(changes: Vec<Change>) -> Vec<Change> {
    let id = |change: &Change| match change {
        Change::Present(listed) | Change::Changed { now: listed, .. } => listed.id.clone(),
        Change::Kept(id) | Change::Gone(id) => id.clone(),
    };
    let mut places: HashMap<RemoteId, usize> = HashMap::with_capacity(changes.len());
    let mut all: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let place = *places.entry(id(&change)).or_insert(all.len());
        let Some(before) = all.get_mut(place) else {
            all.push(change);
            continue;
        };
        match (&mut *before, change) {
            (Change::Present(listed), Change::Changed { now, said }) => listed.flags = said.over(&listed.flags, now.flags),
            (Change::Present(_) | Change::Changed { .. } | Change::Gone(_), Change::Kept(_)) => {}
            (Change::Changed { now: first, said: told }, Change::Changed { now, said }) => {
                first.flags = said.over(&first.flags, now.flags);
                told.flags = told.flags.either(said.flags);
                told.keywords |= said.keywords;
            }
            (before, change) => *before = change,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Said;
    use crate::model::{FlagState, Flags, Listed};

    fn message(id: &str, letters: &str) -> Listed {
        let flags = FlagState { flags: Flags::from_letters(letters), keywords: Vec::new() };
        Listed { id: RemoteId(id.into()), size: None, date: None, flags, permanent: None }
    }

    fn changed(id: &str, letters: &str, said: &str) -> Change {
        Change::Changed { now: message(id, letters), said: Said { flags: Flags::from_letters(said), keywords: false } }
    }

    #[test]
    fn a_message_that_is_told_twice_is_told_once() {
        let gone = |id: &str| Change::Gone(RemoteId(id.into()));
        let all = settle(vec![
            Change::Present(message("1", "S")),
            changed("2", "S", "S"),
            Change::Present(message("3", "")),
            changed("1", "F", "F"),
            changed("2", "F", "FS"),
            gone("3"),
            gone("4"),
            Change::Present(message("4", "")),
            Change::Kept(RemoteId("1".into())),
        ]);
        assert_eq!(all, [Change::Present(message("1", "FS")), changed("2", "F", "FS"), gone("3"), Change::Present(message("4", ""))]);
    }
}
