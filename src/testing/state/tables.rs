//! What a state consists of: folders, messages, texts.

use std::collections::BTreeMap;

use crate::model::{Class, Error, FlagState, LocalName, PermanentId, RemoteId, Result};
use crate::store::maildir::digest::Digest;
use crate::store::state::{FileHere, FolderRow, LinkId, Taken};

/// Where a message is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There, and not here yet.
    Wanted,
    /// The same, and it failed before.
    Skipped,
    /// Here and there.
    Stored,
    /// Here and there, and the server is being told to remove it.
    Releasing,
    /// Here only.
    Released,
    /// Here, and on its way there.
    Arriving,
    /// There, and on its way to where that row is arriving.
    Moving(LinkId),
}

impl Stage {
    pub fn is_wanted(self) -> bool {
        matches!(self, Self::Wanted | Self::Skipped)
    }

    /// Here and there, as far as is known.
    pub fn is_linked(self) -> bool {
        matches!(self, Self::Stored | Self::Releasing)
    }

    /// Its file is in this folder, and it is not on its way.
    pub fn is_settled(self) -> bool {
        self.is_linked() || self == Self::Released
    }
}

/// Why a file may not be the message there, all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    None,
    /// Matched without its body.
    Unread,
    /// It came shorter than announced.
    Short,
}

impl Doubt {
    pub fn weak(weak: bool) -> Self {
        if weak { Self::Unread } else { Self::None }
    }
}

/// A message that the server has or had; in epoch 0, a file that nothing there was matched with.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub folder: i64,
    pub epoch: i64,
    pub remote: RemoteId,
    pub name: LocalName,
    pub stage: Stage,
    pub size: Option<u64>,
    pub date: Option<i64>,
    /// Flags that both sides agreed on.
    pub agreed: FlagState,
    /// Flags there as last told; `None` = the agreed ones.
    pub there: Option<FlagState>,
    pub permanent: Option<PermanentId>,
    pub digest: Option<Digest>,
    pub doubt: Doubt,
    pub stored_at: Option<i64>,
    /// When its age made it due for removal there.
    pub due: Option<i64>,
    /// Runs that did not find its file.
    pub missing: u32,
    /// Released by a move to the trash, where it has not been found again yet.
    pub moved: bool,
    pub tries: u32,
    /// A listing told that it is not there any more.
    pub gone: bool,
    pub taken: Taken,
}

impl Link {
    /// Nothing is known of it but this.
    pub fn new(folder: i64, epoch: i64, remote: RemoteId, name: LocalName, stage: Stage) -> Self {
        Self {
            folder,
            epoch,
            remote,
            name,
            stage,
            size: None,
            date: None,
            agreed: FlagState::default(),
            there: None,
            permanent: None,
            digest: None,
            doubt: Doubt::None,
            stored_at: None,
            due: None,
            missing: 0,
            moved: false,
            tries: 0,
            gone: false,
            taken: Taken::No,
        }
    }

    /// A file that nothing there was matched with.
    pub fn unmatched(folder: i64, file: &FileHere, stored_at: Option<i64>) -> Self {
        let remote = RemoteId(format!("{}/{}", file.name, file.digest.octets).into());
        let link = Self::new(folder, 0, remote, file.name.clone(), Stage::Stored);
        Self { digest: Some(file.digest), doubt: Doubt::Unread, stored_at, ..link }
    }

    /// The digest of what must be here.
    pub fn known(&self) -> Result<Digest> {
        self.digest.ok_or_else(|| broken("a message that should be here has no digest"))
    }

    /// It authorises no deletion.
    pub fn is_weak(&self) -> bool {
        self.doubt != Doubt::None
    }

    /// Flags there.
    pub fn told(&self) -> &FlagState {
        self.there.as_ref().unwrap_or(&self.agreed)
    }
}

/// A folder, and what is known of its directory.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub row: FolderRow,
    /// Device and inode.
    pub directory: Option<crate::store::disk::Identity>,
    pub here_mark: Option<Vec<u8>>,
}

/// Everything that a state knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    pub folders: BTreeMap<i64, Folder>,
    pub links: BTreeMap<LinkId, Link>,
    pub meta: BTreeMap<String, String>,
}

/// Something that cannot be recorded, or should never have been.
pub(super) fn broken(failed: &str) -> Box<Error> {
    Error::new(Class::LocalIo, "use the state", failed)
}

impl Tables {
    /// The epoch of a folder's ids.
    pub fn epoch(&self, folder: i64) -> Option<i64> {
        self.folders.get(&folder).map(|folder| folder.row.epoch)
    }

    /// A folder that must be there.
    pub fn folder(&mut self, id: i64) -> Result<&mut Folder> {
        self.folders.get_mut(&id).ok_or_else(|| broken("there is no such folder"))
    }

    /// Whether its id means something today.
    pub fn is_current(&self, link: &Link) -> bool {
        self.epoch(link.folder) == Some(link.epoch)
    }

    /// The messages of a folder, by row id.
    pub fn of(&self, folder: i64) -> impl Iterator<Item = (LinkId, &Link)> {
        self.links.iter().map(|(id, link)| (*id, link)).filter(move |(_, link)| link.folder == folder)
    }

    /// The messages of a folder by epoch and id there.
    pub fn listed(&self, folder: i64) -> Vec<(LinkId, &Link)> {
        let mut links: Vec<_> = self.of(folder).collect();
        links.sort_by(|(_, a), (_, b)| (a.epoch, &a.remote).cmp(&(b.epoch, &b.remote)));
        links
    }

    /// Those of today's ids, by id there.
    pub fn current(&self, folder: i64) -> impl Iterator<Item = (LinkId, &Link)> {
        self.listed(folder).into_iter().filter(|(_, link)| self.is_current(link))
    }

    /// The messages of all folders, by folder and row id.
    pub fn by_folder(&self) -> Vec<(LinkId, &Link)> {
        let mut links: Vec<_> = self.links.iter().map(|(id, link)| (*id, link)).collect();
        links.sort_by_key(|(id, link)| (link.folder, *id));
        links
    }

    /// The message that has an id there.
    pub fn find(&self, folder: i64, epoch: i64, remote: &RemoteId) -> Option<LinkId> {
        self.of(folder).find(|(_, link)| link.epoch == epoch && link.remote == *remote).map(|(id, _)| id)
    }

    /// Whether another row than `id` has what `link` has: one id there, one row.
    pub fn collides(&self, id: Option<LinkId>, link: &Link) -> bool {
        let mut others = self.of(link.folder).filter(|(other, _)| Some(*other) != id);
        others.any(|(_, other)| other.epoch == link.epoch && other.remote == link.remote)
    }

    /// A new row; none where the id there has one.
    pub fn insert(&mut self, link: Link) -> Option<LinkId> {
        if self.collides(None, &link) {
            return None;
        }
        let id = LinkId(self.links.last_key_value().map_or(1, |(last, _)| last.0 + 1));
        self.links.insert(id, link);
        Some(id)
    }

    /// Changes these rows, where they are there.
    pub fn change<'a>(&mut self, ids: impl IntoIterator<Item = &'a LinkId>, change: impl Fn(&mut Link)) {
        for id in ids {
            if let Some(link) = self.links.get_mut(id) {
                change(link);
            }
        }
    }

    /// Forgets these rows.
    pub fn forget<'a>(&mut self, ids: impl IntoIterator<Item = &'a LinkId>) {
        for id in ids {
            self.links.remove(id);
        }
    }

    /// Forgets a row while it is in such a stage.
    pub fn forget_if(&mut self, id: LinkId, is: impl Fn(Stage) -> bool) {
        if self.links.get(&id).is_some_and(|link| is(link.stage)) {
            self.links.remove(&id);
        }
    }
}
