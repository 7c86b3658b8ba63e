//! The account as the server keeps it: folders, messages, counters. Every change takes the next mod-sequence of its folder.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::model::{Class, FlagState, FolderId, FolderPath, Role};

use super::fault::Faults;

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub body: Bytes,
    pub flags: FlagState,
    pub date: i64,
    pub mod_seq: u64,
    /// The same for every copy of the message.
    pub permanent: u64,
}

/// A folder.
#[derive(Debug)]
pub(super) struct Folder {
    /// Never used again.
    pub number: u64,
    pub path: FolderPath,
    pub role: Option<Role>,
    pub epoch: u32,
    pub next: u64,
    pub mod_seq: u64,
    pub messages: BTreeMap<u64, Message>,
    /// Mod-sequence and id of what was removed in this epoch.
    pub removed: Vec<(u64, u64)>,
    /// Left out of the folder list.
    pub hidden: bool,
    /// Shows no message, as if it were so.
    pub seems_empty: bool,
    /// Lists only half of its messages, and its counters say so.
    pub doubtful: bool,
    /// Refuses every order.
    pub read_only: bool,
}

impl Folder {
    fn bump(&mut self) -> u64 {
        self.mod_seq += 1;
        self.mod_seq
    }

    /// Adds a message; returns its id.
    pub fn add(&mut self, body: Bytes, flags: FlagState, date: i64, permanent: u64) -> u64 {
        let (id, mod_seq) = (self.next, self.bump());
        self.next += 1;
        self.messages.insert(id, Message { body, flags, date, mod_seq, permanent });
        id
    }

    /// Removes a message.
    pub fn remove(&mut self, id: u64) -> Option<Message> {
        let message = self.messages.remove(&id)?;
        let mod_seq = self.bump();
        self.removed.push((mod_seq, id));
        Some(message)
    }

    /// Gives a message these flags; false when it is not there.
    pub fn set_flags(&mut self, id: u64, flags: FlagState) -> bool {
        let Some(message) = self.messages.get_mut(&id) else { return false };
        if message.flags != flags {
            message.flags = flags;
            self.mod_seq += 1;
            message.mod_seq = self.mod_seq;
        }
        true
    }

    /// Everything in it counts as changed just now.
    pub fn touch(&mut self) {
        for message in self.messages.values_mut() {
            self.mod_seq += 1;
            message.mod_seq = self.mod_seq;
        }
    }

    /// How many messages it shows.
    pub fn count(&self) -> u64 {
        if self.seems_empty { 0 } else { self.messages.len() as u64 }
    }

    /// The messages that it shows.
    pub fn shown(&self) -> impl Iterator<Item = (u64, &Message)> {
        self.messages.iter().filter(|_| !self.seems_empty).map(|(id, message)| (*id, message))
    }
}

/// What an account makes of messages that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Taking {
    /// It keeps them as they are.
    #[default]
    AsTheyAre,
    /// It writes a line into the header: [`Taking::LINE`].
    Rewritten,
    /// It says that it has them, and has not.
    Lost,
}

impl Taking {
    /// The line of [`Taking::Rewritten`].
    pub const LINE: &str = "X-Server: mem\r\n";
}

/// Everything behind the lock.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub folders: Vec<Folder>,
    pub faults: Faults,
    /// Sessions that were opened.
    pub sessions: u64,
    /// What was asked for against the caps.
    pub violations: Vec<String>,
    /// Whoever waits is told at once that something changed.
    pub talks: bool,
    /// Whoever waits loses the connection.
    pub hangs_up: bool,
    /// Whoever waits for this folder first does.
    pub hangs_up_at: Option<FolderPath>,
    /// Nobody is let in, for this reason.
    pub refuses: Option<Class>,
    /// No session is answered any more.
    pub frozen: bool,
    /// What the account makes of messages that it takes.
    pub taking: Taking,
    /// Messages that find room, in all folders; `None` = no end.
    pub room: Option<usize>,
    epochs: u32,
    numbers: u64,
}

impl Account {
    /// A number that was never given before.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// An epoch that was never used before.
    pub fn epoch(&mut self) -> u32 {
        self.epochs += 1;
        self.epochs
    }

    /// Makes a folder with what lies above it, unless it is there.
    pub fn create(&mut self, path: &FolderPath, role: Option<Role>) {
        for depth in 1..=path.levels().len() {
            let Some(part) = FolderPath::new(path.levels()[..depth].iter().cloned()) else { continue };
            if self.by_path(&part).is_some() {
                continue;
            }
            let (number, epoch) = (self.number(), self.epoch());
            let role = if part.is_inbox() { Some(Role::Inbox) } else { role.filter(|_| part == *path) };
            self.folders.push(Folder {
                number,
                path: part,
                role,
                epoch,
                next: 1,
                mod_seq: 1,
                messages: BTreeMap::new(),
                removed: Vec::new(),
                hidden: false,
                seems_empty: false,
                doubtful: false,
                read_only: false,
            });
        }
    }

    /// Gives a folder another path; what lies below it follows. False when it is not there or the path is taken.
    pub fn rename(&mut self, from: &FolderPath, to: &FolderPath) -> bool {
        let below = to.levels().starts_with(from.levels());
        if below || self.by_path(from).is_none() || self.by_path(to).is_some() {
            return false;
        }
        if let Some(above) = FolderPath::new(to.levels()[..to.levels().len() - 1].iter().cloned()) {
            self.create(&above, None);
        }
        for folder in &mut self.folders {
            if let Some(rest) = folder.path.levels().strip_prefix(from.levels())
                && let Some(path) = FolderPath::new(to.levels().iter().chain(rest).cloned())
            {
                folder.path = path;
            }
        }
        true
    }

    pub fn by_path(&mut self, path: &FolderPath) -> Option<&mut Folder> {
        self.folders.iter_mut().find(|f| f.path == *path)
    }

    /// The folder that a session names by `handle`.
    pub fn by_handle(&mut self, handle: &FolderId, is_path: bool) -> Option<&mut Folder> {
        self.folders.iter_mut().find(|f| self::handle(f, is_path) == *handle)
    }

    pub fn has_room(&self) -> bool {
        self.room.is_none_or(|room| self.folders.iter().map(|f| f.messages.len()).sum::<usize>() < room)
    }
}

/// How a folder is named to sessions.
pub(super) fn handle(folder: &Folder, is_path: bool) -> FolderId {
    FolderId(if is_path { folder.path.to_string().into_bytes() } else { format!("f{}", folder.number).into_bytes() })
}
