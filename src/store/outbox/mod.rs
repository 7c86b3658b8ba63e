//! The outbox: messages that are to be sent, durable before anything is tried.
//!
//! Two files a message, both for people to read: `ID.eml`, the octets that go out (line ends CRLF), and `ID.STATE`, the envelope and what
//! has happened so far as TOML. The name's end is the state, so that a change of state is one rename:
//!
//! - `queued`: nothing was handed over; it may be tried again at any time.
//! - `armed-BOOT`: its end goes out next. Left so by a process that was killed it is `queued`; left so by another boot of the machine, the
//!   next step may be lost with what was not synced, and it is `uncertain`.
//! - `sending`: the end of the message may have gone out. Left so by a process that died, nobody knows: it is `uncertain` then.
//! - `uncertain`: it was sent whole and the answer is lost. Only a person sends it again.
//! - `failed`: refused for good.
//! - `sent`: accepted; its copy for the Sent folder is still to be filed.
//!
//! A message is claimed by a lock on its `.eml`, which the kernel releases when the process dies: any number of senders share an outbox.
//! Order of durable effects: message → envelope → both names → directory; then `armed` → directory → `sending`, and only then the end goes
//! out. The next message is armed while the last one is answered.

mod boot;
mod entry;
mod spool;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Mode, OFlags};

pub use entry::{Entry, Past, Postponed};
pub use spool::Spool;

use crate::model::{Cursor, Error, FolderId, Result};

use super::disk::{Blocks, OsDisk};
use super::maildir::layout::Layout;
use super::root::{Root, control_path};
use super::{StepHook, random};

/// The directory below that of the state.
const NAME: &str = "outbox";
/// What is postponed as a whole.
const POSTPONED: &str = "postponed.toml";
/// Where the Sent folder stood.
const BOOKMARK: &str = "sent-folder";
/// Octets of an envelope file.
const ENVELOPE: u64 = 16 << 20;
/// What a process left behind that died is removed when it is so old.
const LEFTOVER: Duration = Duration::from_hours(36);

/// How a message was found.
struct Standing {
    state: State,
    /// The end of its name.
    suffix: String,
    entry: Entry,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits for its next try.
    Queued,
    /// Its end may be on its way.
    Sending,
    /// The answer is lost.
    Uncertain,
    /// Refused for good.
    Failed,
    /// Accepted; its copy is to be filed.
    Sent,
}

impl State {
    /// Every state; a message in several (a crash between two steps) is in the first of them.
    pub const ALL: [Self; 5] = [Self::Sending, Self::Uncertain, Self::Sent, Self::Failed, Self::Queued];

    /// Its word, which ends the file's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Uncertain => "uncertain",
            Self::Failed => "failed",
            Self::Sent => "sent",
        }
    }
}

/// The outbox of an account.
pub struct Outbox {
    path: PathBuf,
    dir: OwnedFd,
    step: StepHook,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({})", self.path.display())
    }
}

/// A message as it is listed.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its name; ids sort by time.
    pub id: String,
    /// Where it stands. `Sending` while somebody is at it, and only then.
    pub state: State,
    /// Envelope and history.
    pub entry: Entry,
}

/// What trying to claim a message came to.
#[derive(Debug)]
pub enum Claimed {
    /// It is ours.
    Yes(Box<Claim>),
    /// Another process is at it.
    Busy,
    /// There is no such message (any more).
    Gone,
}

/// A message that nobody else touches as long as this lives.
#[derive(Debug)]
pub struct Claim {
    /// Its name.
    pub id: String,
    /// The message; its lock is the claim.
    file: File,
    /// Where it stands.
    pub state: State,
    /// Envelope and history.
    pub entry: Entry,
}

impl Claim {
    /// Another handle of the message, to read it.
    pub fn message(&self) -> Result<File> {
        self.file.try_clone().map_err(|e| Error::local(format!("read the message {}", self.id), &e))
    }
}

impl Blocks for Outbox {}

impl Outbox {
    /// Opens the outbox below the Maildir `root`, and makes what is missing.
    pub fn open_or_make(root: &Path, layout: Layout, step: StepHook) -> Result<Self> {
        let control = Root::open_or_make(&OsDisk, root)?.control(&OsDisk, layout)?.path;
        let path = control.join(NAME);
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => sync_dir(&control)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::local(format!("make {}", path.display()), &error)),
        }
        Self::at(path, step)
    }

    /// Opens the outbox if there is one.
    pub fn look(root: &Path, layout: Layout, step: StepHook) -> Result<Option<Self>> {
        let path = control_path(root, layout).join(NAME);
        if path.is_dir() { Self::at(path, step).map(Some) } else { Ok(None) }
    }

    fn at(path: PathBuf, step: StepHook) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty()).map_err(|e| Error::local(format!("open {}", path.display()), &e.into()))?;
        Ok(Self { path, dir, step })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn tried(&self, what: &str, name: &str) -> String {
        format!("{what} {}", self.path.join(name).display())
    }

    fn failed(&self, what: &str, name: &str) -> impl Fn(io::Error) -> Box<Error> {
        let tried = self.tried(what, name);
        move |error| Error::local(tried.clone(), &error)
    }

    /// A file to write a message into. It is nobody's until [`Outbox::enqueue`].
    pub fn spool(&self) -> Result<Spool> {
        let (seconds, noise) = (entry::now().as_second(), u64::from_le_bytes(random()?));
        let id = format!("{seconds}-{noise:016x}");
        let name = format!("tmp-{id}");
        let file = self.create(&name)?;
        // From its first octet on: whoever sweeps sees that somebody is at it.
        file.try_lock().map_err(|e| self.failed("lock", &name)(e.into()))?;
        Ok(Spool::new(id, file))
    }

    fn create(&self, name: &str) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR);
        file.map(File::from).map_err(|e| self.failed("create", name)(e.into()))
    }

    /// Gives up a message that was not enqueued.
    pub fn discard(&self, spool: Spool) {
        let (id, _) = spool.into_parts();
        let _ = rustix::fs::unlinkat(&self.dir, format!("tmp-{id}"), AtFlags::empty());
    }

    /// Makes a message durable with its envelope; from here on it is `queued`, and claimed by us.
    pub fn enqueue(&self, spool: Spool, entry: Entry) -> Result<Claim> {
        let (id, file) = spool.into_parts();
        let message = format!("tmp-{id}");
        let done = (|| {
            file.sync_all().map_err(self.failed("sync", &message))?;
            (self.step)("sync-message");
            self.write(&format!("tmp-{id}.toml"), &entry)?;
            (self.step)("sync-envelope");
            self.rename(&message, &format!("{id}.eml"))?;
            (self.step)("name-message");
            self.rename(&format!("tmp-{id}.toml"), &file_name(&id, State::Queued))?;
            (self.step)("name-envelope");
            self.sync()?;
            (self.step)("queued");
            Ok(())
        })();
        match done {
            Ok(()) => Ok(Claim { id, file, state: State::Queued, entry }),
            Err(error) => {
                for name in [message, format!("tmp-{id}.toml"), file_name(&id, State::Queued), format!("{id}.eml")] {
                    let _ = rustix::fs::unlinkat(&self.dir, name, AtFlags::empty());
                }
                Err(error)
            }
        }
    }

    /// Writes an envelope into a new file and syncs it.
    fn write(&self, name: &str, entry: &Entry) -> Result<()> {
        let text = entry.text()?;
        let _ = rustix::fs::unlinkat(&self.dir, name, AtFlags::empty());
        let mut file = self.create(name)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(self.failed("write", name))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        rustix::fs::renameat(&self.dir, from, &self.dir, to).map_err(|e| self.failed("rename", from)(e.into()))
    }

    fn sync(&self) -> Result<()> {
        rustix::fs::fsync(&self.dir).map_err(|e| self.failed("sync", "")(e.into()))
    }

    /// The messages, oldest first. One whose envelope cannot be read is an error of its own, in its place.
    pub fn list(&self) -> Result<Vec<Result<Item>>> {
        let mut ids: Vec<String> = Vec::new();
        for file in std::fs::read_dir(&self.path).map_err(self.failed("read", ""))? {
            let file = file.map_err(self.failed("read", ""))?;
            if let Some(id) = file.file_name().to_str().and_then(|name| name.strip_suffix(".eml"))
                && is_id(id)
            {
                ids.push(id.to_owned());
            }
        }
        ids.sort_unstable();
        Ok(ids.into_iter().filter_map(|id| self.item(id).transpose()).collect())
    }

    fn item(&self, id: String) -> Result<Option<Item>> {
        let Some(file) = self.open_message(&id)? else { return Ok(None) };
        let busy = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let Some(Standing { state, entry, .. }) = self.state(&id)? else { return Ok(None) };
        let state = match state {
            // What is done but for its last step belongs to whoever files copies.
            State::Sending if !busy => entry.conclusion(true).unwrap_or(State::Sent),
            State::Queued if busy => State::Sending,
            state => state,
        };
        Ok(Some(Item { id, state, entry }))
    }

    fn open_message(&self, id: &str) -> Result<Option<File>> {
        let name = format!("{id}.eml");
        match rustix::fs::openat(&self.dir, &name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("open", &name)(error.into())),
        }
    }

    /// The state and envelope of a message, and the end of its name; `None` when it has none.
    fn state(&self, id: &str) -> Result<Option<Standing>> {
        let here = boot::suffix();
        let known = State::ALL.map(|state| (state, state.word().to_owned()));
        for (state, suffix) in [(State::Queued, here.clone())].into_iter().chain(known) {
            if let Some(entry) = self.envelope(&format!("{id}.{suffix}"))? {
                return Ok(Some(Standing { state, suffix, entry }));
            }
        }
        // Armed by another boot of the machine.
        for file in std::fs::read_dir(&self.path).map_err(self.failed("read", ""))?.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if let Some(suffix) = name.strip_prefix(id).and_then(|rest| rest.strip_prefix('.')).filter(|s| s.starts_with(boot::ARMED))
                && let Some(entry) = self.envelope(&name)?
            {
                return Ok(Some(Standing { state: State::Sending, suffix: suffix.to_owned(), entry }));
            }
        }
        Ok(None)
    }

    /// Reads an envelope; `None` when there is none of this name.
    fn envelope(&self, name: &str) -> Result<Option<Entry>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.failed("open", name)(error.into())),
        };
        let mut text = String::new();
        file.take(ENVELOPE).read_to_string(&mut text).map_err(self.failed("read", name))?;
        Entry::read(&text, &self.tried("read", name)).map(Some)
    }

    /// Claims a message. One that somebody was sending who died is uncertain from here on.
    pub fn claim(&self, id: &str) -> Result<Claimed> {
        if !is_id(id) {
            return Ok(Claimed::Gone);
        }
        let Some(file) = self.open_message(id)? else { return Ok(Claimed::Gone) };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Claimed::Busy),
            Err(TryLockError::Error(error)) => return Err(self.failed("lock", &format!("{id}.eml"))(error)),
        }
        let Some(Standing { state, suffix, entry }) = self.state(id)? else { return Ok(Claimed::Gone) };
        if suffix == boot::suffix() {
            self.rename(&format!("{id}.{suffix}"), &file_name(id, State::Queued))?;
        }
        let mut claim = Claim { id: id.to_owned(), file, state, entry };
        if state == State::Sending {
            // Where everybody was settled, only the last step is missing.
            let conclusion = claim.entry.conclusion(true);
            if conclusion == Some(State::Uncertain) {
                claim.entry.last = Some("it was being sent when mailx was killed or the machine went down".into());
            }
            let Some(state) = conclusion else {
                self.remove(&claim.id)?;
                return Ok(Claimed::Gone);
            };
            self.settle(&mut claim, state)?;
        }
        Ok(Claimed::Yes(Box::new(claim)))
    }

    /// Gets a message ready for its end to go out: durable when this returns.
    pub fn arm(&self, id: &str) -> Result<()> {
        self.rename(&file_name(id, State::Queued), &format!("{id}.{}", boot::suffix()))?;
        (self.step)("name-armed");
        self.sync()?;
        (self.step)("armed");
        Ok(())
    }

    /// Its end goes out now.
    pub fn launch(&self, id: &str) -> Result<()> {
        self.rename(&format!("{id}.{}", boot::suffix()), &file_name(id, State::Sending))?;
        (self.step)("sending");
        Ok(())
    }

    /// Its end did not go out after all.
    pub fn withdraw(&self, id: &str) -> Result<()> {
        let queued = file_name(id, State::Queued);
        for suffix in [boot::suffix(), State::Sending.word().into()] {
            match rustix::fs::renameat(&self.dir, format!("{id}.{suffix}"), &self.dir, &queued) {
                Ok(()) => return self.sync(),
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(self.failed("rename", &queued)(error.into())),
            }
        }
        Ok(())
    }

    /// Records what became of a message: its envelope as it is now, then its state. A crash between the two leaves a state that sends
    /// nothing twice.
    pub fn settle(&self, claim: &mut Claim, state: State) -> Result<()> {
        let Some(Standing { suffix, .. }) = self.state(&claim.id)? else { return Ok(()) };
        let (name, now) = (format!("tmp-{}.toml", claim.id), format!("{}.{suffix}", claim.id));
        self.write(&name, &claim.entry)?;
        (self.step)("sync-verdict");
        self.rename(&name, &now)?;
        self.sync()?;
        (self.step)("verdict");
        if suffix != state.word() {
            self.rename(&now, &file_name(&claim.id, state))?;
            (self.step)("name-state");
            self.sync()?;
            (self.step)("state");
        }
        claim.state = state;
        Ok(())
    }

    /// Removes a message that was accepted, or that its sender gave up. Durable with the next [`Outbox::arm`], or with
    /// [`Outbox::flush`].
    pub fn remove(&self, id: &str) -> Result<()> {
        let mut names: Vec<String> = State::ALL.iter().map(|state| file_name(id, *state)).collect();
        names.push(format!("{id}.{}", boot::suffix()));
        names.push(format!("{id}.eml"));
        for name in names {
            match rustix::fs::unlinkat(&self.dir, &name, AtFlags::empty()) {
                Ok(()) => (self.step)("remove"),
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(self.failed("remove", &name)(error.into())),
            }
        }
        Ok(())
    }

    /// Makes removals durable.
    pub fn flush(&self) -> Result<()> {
        self.sync()?;
        (self.step)("removed");
        Ok(())
    }

    /// Removes what processes left behind that died before they had enqueued, or between the two removals.
    pub fn sweep(&self) -> Result<()> {
        let old = |file: &std::fs::DirEntry| {
            let modified = file.metadata().and_then(|m| m.modified());
            modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > LEFTOVER))
        };
        for file in std::fs::read_dir(&self.path).map_err(self.failed("read", ""))?.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let orphan = || name.strip_suffix(".eml").is_some_and(|id| is_id(id) && matches!(self.state(id), Ok(None)));
            if !old(&file) || !(name.starts_with("tmp-") || orphan()) {
                continue;
            }
            let open = OpenOptions::new().read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(file.path());
            if open.is_ok_and(|open| open.try_lock().is_ok()) {
                let _ = std::fs::remove_file(file.path());
            }
        }
        Ok(())
    }

    /// Why nothing of the outbox is tried for now.
    pub fn postponed(&self) -> Option<Postponed> {
        Postponed::read(&std::fs::read_to_string(self.path.join(POSTPONED)).ok()?)
    }

    /// Says when the outbox is tried again; `None` = it works. No more than a hint: it is not synced.
    pub fn postpone(&self, postponed: Option<&Postponed>) -> Result<()> {
        let Some(postponed) = postponed else {
            return match rustix::fs::unlinkat(&self.dir, POSTPONED, AtFlags::empty()) {
                Err(error) if error != rustix::io::Errno::NOENT => Err(self.failed("remove", POSTPONED)(error.into())),
                _ => Ok(()),
            };
        };
        self.replace(POSTPONED, &postponed.text()?)
    }

    /// Where a folder for copies stood at the last look.
    pub fn bookmark(&self, folder: &FolderId) -> Option<Cursor> {
        let text = std::fs::read_to_string(self.path.join(BOOKMARK)).ok()?;
        let (name, cursor) = text.trim().split_once(' ')?;
        (entry::bytes(name)? == folder.0).then(|| entry::bytes(cursor).map(Cursor))?
    }

    /// Remembers that. No more than a saving: it is not synced.
    pub fn set_bookmark(&self, folder: &FolderId, cursor: &Cursor) -> Result<()> {
        self.replace(BOOKMARK, &format!("{} {}\n", entry::octets(&folder.0), entry::octets(&cursor.0)))
    }

    /// Puts a small file in the place of another, unsynced.
    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let new = format!("tmp-{:016x}", u64::from_le_bytes(random()?));
        self.create(&new)?.write_all(text.as_bytes()).map_err(self.failed("write", name))?;
        self.rename(&new, name)
    }

    /// Ids of which `text` is the beginning, or the whole.
    pub fn named(&self, text: &str) -> Result<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for file in std::fs::read_dir(&self.path).map_err(self.failed("read", ""))?.flatten() {
            if let Some(id) = file.file_name().to_str().and_then(|name| name.strip_suffix(".eml"))
                && is_id(id)
                && id.starts_with(text)
            {
                found.push(id.to_owned());
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Whether a name can be an id of ours.
fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(seconds, noise)| {
        !seconds.is_empty()
            && seconds.bytes().all(|b| b.is_ascii_digit())
            && noise.len() == 16
            && noise.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn file_name(id: &str, state: State) -> String {
    format!("{id}.{}", state.word())
}

fn sync_dir(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|dir| dir.sync_all());
    synced.map_err(|e| Error::local(format!("sync {}", path.display()), &e))
}

#[cfg(test)]
mod tests;
