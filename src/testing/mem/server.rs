//! The back door: tests arrange and observe the account without the code under test.
#![expect(clippy::missing_panics_doc, reason = "said once, for all of them, at the type")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::model::{Class, FlagState, FolderPath, Role};

use super::account::{Account, Folder, Taking};
use super::fault::{Fault, Point};

/// A mail account in memory. Clones are the same account.
///
/// Folders are named by their path with `/`, messages by their number in the folder. The back door asks for what is there:
/// a folder or message that is not is a mistake of the test, and panics.
#[derive(Debug, Clone)]
pub struct MemServer(Arc<Mutex<Account>>);

/// A message as the back door sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its number in the folder.
    pub id: u64,
    /// Its bytes.
    pub body: Bytes,
    /// Its flags and keywords.
    pub flags: FlagState,
    /// Internal date, seconds since 1970.
    pub date: i64,
    /// The same for every copy of the message.
    pub permanent: u64,
}

impl Default for MemServer {
    fn default() -> Self {
        Self::new()
    }
}

impl MemServer {
    /// An account with an INBOX.
    pub fn new() -> Self {
        let mut account = Account::default();
        account.create(&FolderPath::inbox(), None);
        Self(Arc::new(Mutex::new(account)))
    }

    /// An account with an INBOX and these folders.
    pub fn with(folders: &[(&str, Option<Role>)]) -> Self {
        let server = Self::new();
        for (path, role) in folders {
            server.create(path, *role);
        }
        server
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Account> {
        // A test that failed while it held the lock has left no half change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder<T>(&self, path: &str, work: impl FnOnce(&mut Folder) -> T) -> T {
        let mut account = self.lock();
        match account.by_path(&parse(path)) {
            Some(folder) => work(folder),
            None => panic!("the server has no folder `{path}`"),
        }
    }

    /// Makes a folder, with what lies above it.
    pub fn create(&self, path: &str, role: Option<Role>) {
        self.lock().create(&parse(path), role);
    }

    /// Gives a folder another path; what lies below it follows.
    pub fn rename(&self, from: &str, to: &str) {
        let renamed = self.lock().rename(&parse(from), &parse(to));
        assert!(renamed, "cannot rename `{from}` to `{to}`");
    }

    /// Removes a folder with all that is in it; folders below it stay.
    pub fn remove_folder(&self, path: &str) {
        let path = parse(path);
        self.lock().folders.retain(|f| f.path != path);
    }

    /// A new message comes in; returns its number.
    pub fn deliver(&self, path: &str, body: &[u8], flags: FlagState, date: i64) -> u64 {
        let permanent = self.lock().number();
        self.folder(path, |folder| folder.add(Bytes::copy_from_slice(body), flags, date, permanent))
    }

    /// Removes a message for good.
    pub fn remove(&self, path: &str, id: u64) {
        let removed = self.folder(path, |folder| folder.remove(id));
        assert!(removed.is_some(), "no message {id} in `{path}`");
    }

    /// Gives a message these flags and keywords and no others.
    pub fn set_flags(&self, path: &str, id: u64, flags: FlagState) {
        let set = self.folder(path, |folder| folder.set_flags(id, flags));
        assert!(set, "no message {id} in `{path}`");
    }

    /// Moves a message; returns its new number.
    pub fn move_to(&self, path: &str, id: u64, to: &str) -> u64 {
        let Some(message) = self.folder(path, |folder| folder.remove(id)) else { panic!("no message {id} in `{path}`") };
        self.folder(to, |folder| folder.add(message.body, message.flags, message.date, message.permanent))
    }

    /// Copies a message; returns the number of the copy.
    pub fn copy_to(&self, path: &str, id: u64, to: &str) -> u64 {
        let Some(message) = self.folder(path, |folder| folder.messages.get(&id).cloned()) else { panic!("no message {id} in `{path}`") };
        self.folder(to, |folder| folder.add(message.body, message.flags, message.date, message.permanent))
    }

    /// A new epoch, in which the numbers begin again, and the old ones name other messages.
    pub fn renumber(&self, path: &str) {
        let epoch = self.lock().epoch();
        self.folder(path, |folder| {
            folder.epoch = epoch;
            folder.removed.clear();
            folder.next = 1;
            for message in std::mem::take(&mut folder.messages).into_values().rev() {
                folder.add(message.body, message.flags, message.date, message.permanent);
            }
        });
    }

    /// Every folder with its messages in the order of their numbers.
    pub fn list(&self) -> BTreeMap<String, Vec<Letter>> {
        let letter = |(id, m): (&u64, &super::account::Message)| Letter {
            id: *id,
            body: m.body.clone(),
            flags: m.flags.clone(),
            date: m.date,
            permanent: m.permanent,
        };
        self.lock().folders.iter().map(|f| (f.path.to_string(), f.messages.iter().map(letter).collect())).collect()
    }

    /// The messages of a folder in the order of their numbers.
    pub fn letters(&self, path: &str) -> Vec<Letter> {
        self.list().remove(path).unwrap_or_default()
    }

    /// Leaves a folder out of the folder list, as a server does that has lost sight of it; or not any more.
    pub fn hide(&self, path: &str, hidden: bool) {
        self.folder(path, |folder| folder.hidden = hidden);
    }

    /// A folder shows no message, as if all had gone; or shows them again.
    pub fn seem_empty(&self, path: &str, empty: bool) {
        self.folder(path, |folder| {
            folder.seems_empty = empty;
            // So that a listing of changes tells of it: as gone, or as there again.
            let all: Vec<u64> = folder.messages.keys().copied().collect();
            folder.touch();
            let mod_seq = folder.mod_seq;
            folder.removed.retain(|(_, id)| !all.contains(id));
            if empty {
                folder.removed.extend(all.into_iter().map(|id| (mod_seq, id)));
            }
        });
    }

    /// A folder lists only every other message, and its counters say that there are more; or lists all again.
    pub fn make_doubtful(&self, path: &str, doubtful: bool) {
        self.folder(path, |folder| {
            folder.doubtful = doubtful;
            folder.touch();
        });
    }

    /// A folder refuses every order; or not any more.
    pub fn make_read_only(&self, path: &str, read_only: bool) {
        self.folder(path, |folder| folder.read_only = read_only);
    }

    /// What becomes of messages that sessions append, from now on.
    pub fn set_taking(&self, taking: Taking) {
        self.lock().taking = taking;
    }

    /// How many messages find room in the account; `None` = no end.
    pub fn set_room(&self, room: Option<usize>) {
        self.lock().room = room;
    }

    /// Tells everybody who waits, without end, that something changed; or only when it did.
    pub fn talk(&self, talks: bool) {
        self.lock().talks = talks;
    }

    /// Hangs up on everybody who waits; or on nobody.
    pub fn hang_up(&self, hangs_up: bool) {
        self.lock().hangs_up = hangs_up;
    }

    /// Hangs up on everybody who waits for this folder first; or for none.
    pub fn hang_up_at(&self, path: Option<&str>) {
        self.lock().hangs_up_at = path.map(parse);
    }

    /// Lets nobody in, with an error of this class; or everybody again.
    pub fn refuse(&self, class: Option<Class>) {
        self.lock().refuses = class;
    }

    /// Leaves sessions without answers for ever, so that an engine that was killed does nothing more; or serves new ones again.
    pub fn freeze(&self, frozen: bool) {
        self.lock().frozen = frozen;
    }

    /// Plans `fault` for the `nth` time, from now on and counted from 1, that a session comes to `point`. It happens once.
    pub fn plan(&self, point: Point, nth: u64, fault: Fault) {
        self.lock().faults.plan(Some((point, nth, fault)));
    }

    /// The connections hold.
    pub fn plan_nothing(&self) {
        self.lock().faults.plan(None);
    }

    /// Whether a planned fault is yet to come.
    pub fn is_fault_planned(&self) -> bool {
        self.lock().faults.is_planned()
    }

    /// Steps that changed something so far.
    pub fn effects(&self) -> u64 {
        self.lock().faults.effects
    }

    /// Calls that changed nothing so far.
    pub fn reads(&self) -> u64 {
        self.lock().faults.reads
    }

    /// Waits for news so far.
    pub fn waits(&self) -> u64 {
        self.lock().faults.waits
    }

    /// Sessions that were opened so far.
    pub fn sessions(&self) -> u64 {
        self.lock().sessions
    }

    /// What the caps deny and was asked for all the same.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }
}

fn parse(path: &str) -> FolderPath {
    FolderPath::new(path.split('/').map(str::to_owned)).unwrap_or_else(FolderPath::inbox)
}
