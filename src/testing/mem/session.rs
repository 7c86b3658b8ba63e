//! A session on the memory server: what breaks, what is denied, and bodies.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backend::{BodySink, FolderInfo, FolderOrder, FolderOutcome, LookAt, Missed, Order, Part, Session, Step, Wake, Want};
use crate::model::caps::{Folders, Identity, Push};
use crate::model::change::{Harvest, Marks};
use crate::model::quota::Quota;
use crate::model::{Caps, Change, Class, Cursor, Error, FolderId, Mark, RemoteId, Result, Scope};

use super::account::{Account, Folder, handle};
use super::fault::{Fault, Point};
use super::place::Place;
use super::{Manners, MarksOffered, MemBackend, MemServer};

/// How long it takes until whoever waits is told.
const NOTICED: Duration = Duration::from_millis(250);

/// A connection to the memory server.
#[derive(Debug)]
pub(super) struct MemSession {
    pub server: MemServer,
    pub caps: Caps,
    pub manners: Manners,
    /// The folders as they were told last.
    listed: HashMap<FolderId, [u64; 4]>,
    /// The connection was lost.
    dead: bool,
}

/// The connection was lost; the answer of what was under way, with it.
pub(super) struct Lost;

impl MemBackend {
    pub(super) fn connect(&self) -> MemSession {
        self.server.lock().sessions += 1;
        MemSession { server: self.server.clone(), caps: self.caps, manners: self.manners, listed: HashMap::new(), dead: false }
    }
}

impl MemSession {
    /// Does one thing on the server, unless the connection breaks before or after it.
    pub async fn step<T: Send>(&mut self, point: Point, work: impl FnOnce(&mut Account) -> T + Send) -> Result<T, Lost> {
        if self.dead {
            return Err(Lost);
        }
        if self.server.lock().frozen {
            std::future::pending::<()>().await;
        }
        let (done, fault) = {
            let mut account = self.server.lock();
            let fault = account.faults.meet(point);
            let before = matches!(fault, Some(Fault::Before));
            ((!before).then(|| work(&mut account)), fault)
        };
        match (fault, done) {
            (None, Some(done)) => Ok(done),
            (Some(Fault::Death(died)), _) => {
                died.notify_one();
                std::future::pending().await
            }
            _ => {
                self.dead = true;
                Err(Lost)
            }
        }
    }

    /// The engine asked for what the caps deny.
    pub fn deny(&self, what: impl Into<String>) -> Box<Error> {
        let what = what.into();
        self.server.lock().violations.push(what.clone());
        Error::new(Class::Internal, "ask the server", format!("its capabilities deny it: {what}"))
    }

    pub fn lost() -> Box<Error> {
        Error::new(Class::Temporary, "talk to the server", "the connection was lost")
    }

    /// Whether ids stay at all.
    pub fn ids_stay(&self) -> bool {
        self.caps.identity != Identity::ByContent
    }

    /// The epoch as sessions see it: 0 where ids do not stay.
    pub fn epoch(&self, folder: &Folder) -> u32 {
        if self.ids_stay() { folder.epoch } else { 0 }
    }

    fn marks(&self, folder: &Folder) -> Marks {
        let mark = |numbers: &[u64]| Mark(numbers.iter().flat_map(|n| n.to_be_bytes()).collect());
        // The size of the folder is in both: a server that suddenly shows none must not look quiet.
        let additions = [u64::from(folder.epoch), folder.next, folder.count()];
        let everything = [additions[0], additions[1], additions[2], folder.mod_seq];
        let offered = if self.ids_stay() { self.manners.marks } else { MarksOffered::None };
        Marks {
            additions: (offered != MarksOffered::None).then(|| mark(&additions)),
            everything: (offered == MarksOffered::Everything).then(|| mark(&everything)),
        }
    }

    /// What a push goes by.
    fn counters(&self, account: &Account) -> HashMap<FolderId, [u64; 4]> {
        let counted = |f: &Folder| (handle(f, self.manners.handle_is_path), [u64::from(f.epoch), f.next, f.count(), f.mod_seq]);
        account.folders.iter().map(counted).collect()
    }

    fn hangs_up(&self, account: &mut Account, at: Option<&FolderId>) -> bool {
        let Some(path) = account.hangs_up_at.clone() else { return account.hangs_up };
        let everywhere = account.hangs_up;
        let waits_for = at.and_then(|id| account.by_handle(id, self.manners.handle_is_path));
        everywhere || waits_for.is_some_and(|folder| folder.path == path)
    }

    fn infos(&self, account: &Account) -> Vec<FolderInfo> {
        let listed = |f: &&Folder| !f.hidden && (self.caps.folders != Folders::InboxOnly || f.path.is_inbox());
        let info = |f: &Folder| FolderInfo {
            id: handle(f, self.manners.handle_is_path),
            path: f.path.clone(),
            role: f.role,
            messages: Some(f.count()),
            octets: None,
            marks: self.marks(f),
        };
        let mut infos: Vec<FolderInfo> = account.folders.iter().filter(listed).map(info).collect();
        infos.sort_by_cached_key(|i| (!i.path.is_inbox(), i.path.clone()));
        infos
    }

    /// The folder that can be opened under this handle.
    pub fn open<'a>(&self, account: &'a mut Account, id: &FolderId) -> Result<&'a mut Folder> {
        let inbox_only = self.caps.folders == Folders::InboxOnly;
        let found = account.by_handle(id, self.manners.handle_is_path);
        found.filter(|f| !f.hidden && (f.path.is_inbox() || !inbox_only)).ok_or_else(|| folder_error(id, "there is no such folder"))
    }

    /// The same, if it is still in the epoch of `cursor`.
    pub fn open_in_epoch<'a>(&self, account: &'a mut Account, id: &FolderId, cursor: &Cursor) -> Result<&'a mut Folder> {
        let folder = self.open(account, id)?;
        match Place::decode(cursor) {
            Some(place) if place.epoch == self.epoch(folder) => Ok(folder),
            _ => Err(folder_error(id, "the server renumbered it just now")),
        }
    }
}

pub(super) fn folder_error(id: &FolderId, failed: &str) -> Box<Error> {
    Error::new(Class::Partial, format!("work on the folder `{}`", id.0.escape_ascii()), failed).scope(Scope::Folder)
}

/// An id of ours as a number.
pub(super) fn number(id: &RemoteId) -> Option<u64> {
    id.0.parse().ok()
}

fn part_of(body: &Bytes, part: Part) -> Bytes {
    match part {
        Part::Whole => body.clone(),
        Part::Header => {
            let end = |pattern: &[u8]| memchr::memmem::find(body, pattern).map(|at| at + pattern.len());
            let length = [end(b"\r\n\r\n"), end(b"\n\n")].into_iter().flatten().min().unwrap_or(body.len());
            body.slice(..length)
        }
    }
}

#[async_trait]
impl Session for MemSession {
    fn caps(&self) -> &Caps {
        &self.caps
    }

    async fn folders(&mut self) -> Result<Vec<FolderInfo>> {
        let server = self.server.clone();
        self.step(Point::Read, |_| ()).await.map_err(|Lost| Self::lost())?;
        let infos = self.infos(&server.lock());
        self.listed = self.counters(&server.lock());
        Ok(infos)
    }

    async fn quota(&mut self) -> Result<Vec<Quota>> {
        Ok(Vec::new())
    }

    async fn changes(&mut self, at: &[LookAt], out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Vec<Result<Harvest>>> {
        self.step(Point::Read, |_| ()).await.map_err(|Lost| Self::lost())?;
        let server = self.server.clone();
        let mut account = server.lock();
        Ok(at.iter().enumerate().map(|(which, look)| self.look(&mut account, look, &mut |change| out(which, change))).collect())
    }

    async fn fetch(&mut self, folder: &FolderId, cursor: &Cursor, wanted: &[Want], part: Part, out: &mut dyn BodySink) -> Result<()> {
        let bodies: Vec<Option<Bytes>> = {
            let server = self.server.clone();
            let mut account = server.lock();
            let folder = self.open_in_epoch(&mut account, folder, cursor)?;
            wanted.iter().map(|w| number(&w.id).and_then(|id| folder.messages.get(&id)).map(|m| part_of(&m.body, part))).collect()
        };
        let Ok(()) = self.step(Point::Read, |_| ()).await else {
            // It breaks where it hurts most: inside a body.
            if let Some(body) = bodies.into_iter().flatten().next() {
                out.begin().await?;
                out.chunk(body.slice(..body.len() / 2)).await?;
                out.cut().await?;
            }
            return Err(Self::lost());
        };
        for (index, body) in bodies.into_iter().enumerate() {
            let Some(body) = body else {
                out.miss(index, Missed::Gone).await?;
                continue;
            };
            out.begin().await?;
            let half = body.len() / 2;
            for piece in [body.slice(..half), body.slice(half..)].into_iter().filter(|p| !p.is_empty()) {
                out.chunk(piece).await?;
            }
            out.end(index).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Step> {
        self.carry_out(folder, cursor, orders).await
    }

    async fn reshape(&mut self, orders: &[FolderOrder]) -> Result<Vec<FolderOutcome>> {
        if self.caps.folders != Folders::Tree && !orders.is_empty() {
            return Err(self.deny(format!("change its folders: {orders:?}")));
        }
        let mut outcomes = Vec::with_capacity(orders.len());
        for order in orders {
            let is_path = self.manners.handle_is_path;
            let done = self.step(Point::Effect, |account| super::apply::reshape(account, order, is_path)).await;
            outcomes.push(done.map_err(|Lost| Self::lost())?);
        }
        Ok(outcomes)
    }

    async fn wait(&mut self, at: &[FolderId], until: Instant, stop: &CancellationToken) -> Result<Wake> {
        self.step(Point::Wait, |_| ()).await.map_err(|Lost| Self::lost())?;
        let most = match self.caps.push {
            Push::Poll { .. } => 0,
            Push::OneFolder => 1,
            Push::Folders { most } => usize::from(most.get()),
        };
        let at = &at[..at.len().min(most)];
        let server = self.server.clone();
        while Instant::now() < until && !stop.is_cancelled() {
            if self.hangs_up(&mut server.lock(), at.first()) {
                self.dead = true;
                return Err(Self::lost());
            }
            let now = self.counters(&server.lock());
            if server.lock().talks || at.iter().any(|id| now.get(id) != self.listed.get(id)) {
                return Ok(Wake::Changed);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(NOTICED.min(until.saturating_duration_since(Instant::now()))) => {}
            }
        }
        Ok(Wake::Quiet)
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
