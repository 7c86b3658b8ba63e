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
mod claim;
mod entry;
mod hints;
mod spool;

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Mode, OFlags};

pub use claim::{Claim, Claimed};
pub use entry::{Entry, Past, Postponed};
pub use spool::Spool;

use crate::model::{Error, Result};

use claim::Standing;

use super::disk::{Blocks, OsDisk};
use super::maildir::layout::Layout;
use super::root::{Root, control_path};
use super::{StepHook, random};

/// The directory below that of the state.
const NAME: &str = "outbox";
/// What a process left behind that died is removed when it is so old.
const LEFTOVER: Duration = Duration::from_hours(36);

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

/// A message in the directory.
#[derive(Debug, Clone)]
struct Name {
    id: String,
    /// The end of its envelope's name when the directory was read: where to look first.
    end: Option<String>,
}

impl Name {
    fn of(id: &str) -> Self {
        Self { id: id.to_owned(), end: None }
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
        let id = spool.abandon();
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
        Ok(self.names()?.into_iter().filter_map(|name| self.item(name).transpose()).collect())
    }

    /// Ids of the messages, oldest first.
    fn names(&self) -> Result<Vec<Name>> {
        let (mut messages, mut ends) = (Vec::new(), HashMap::new());
        for file in std::fs::read_dir(&self.path).map_err(self.failed("read", ""))? {
            let file = file.map_err(self.failed("read", ""))?.file_name();
            match file.to_str().and_then(|name| name.split_once('.')) {
                Some((id, _)) if !is_id(id) => {}
                Some((id, "eml")) => messages.push(id.to_owned()),
                Some((id, end)) => drop(ends.insert(id.to_owned(), end.to_owned())),
                None => {}
            }
        }
        messages.sort_unstable();
        Ok(messages.into_iter().map(|id| Name { end: ends.remove(&id), id }).collect())
    }

    fn item(&self, name: Name) -> Result<Option<Item>> {
        let Some(file) = self.open_message(&name.id)? else { return Ok(None) };
        let busy = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let Some(Standing { state, mut entry, .. }) = self.state(&name)? else { return Ok(None) };
        let state = match state {
            // What is done but for its last step belongs to whoever files copies.
            State::Sending if !busy => {
                entry.cut_off(claim::CUT_OFF);
                entry.conclusion().unwrap_or(State::Sent)
            }
            State::Queued if busy => State::Sending,
            state => state,
        };
        Ok(Some(Item { id: name.id, state, entry }))
    }

    /// Claims messages in `state` that are `due`, the oldest first and so many at most. Those that others are at are passed over; what cannot
    /// be read is told.
    pub fn claim_all(&self, state: State, most: usize, due: &dyn Fn(&Entry) -> bool) -> Result<(Vec<Claim>, Vec<Box<Error>>)> {
        let (mut claims, mut errors) = (Vec::new(), Vec::new());
        for name in self.names()? {
            if claims.len() >= most {
                break;
            }
            // The name tells it; where it stands at something else for a moment, only a look does.
            if name.end.as_deref() != Some(state.word()) {
                match self.item(name.clone()) {
                    Ok(Some(item)) if item.state == state => {}
                    Ok(_) => continue,
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                }
            }
            match self.claim_named(&name) {
                Ok(Claimed::Yes(claim)) if claim.state == state && due(&claim.entry) => claims.push(*claim),
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        Ok((claims, errors))
    }

    fn open_message(&self, id: &str) -> Result<Option<File>> {
        let name = format!("{id}.eml");
        match rustix::fs::openat(&self.dir, &name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("open", &name)(error.into())),
        }
    }

    /// Removes what processes left behind that died before they had enqueued, or between the two removals.
    pub fn sweep(&self) -> Result<()> {
        let old = |file: &std::fs::DirEntry| {
            let modified = file.metadata().and_then(|m| m.modified());
            modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > LEFTOVER))
        };
        for file in std::fs::read_dir(&self.path).map_err(self.failed("read", ""))?.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let orphan = || name.strip_suffix(".eml").is_some_and(|id| is_id(id) && matches!(self.state(&Name::of(id)), Ok(None)));
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

    /// Ids of which `text` is the beginning, or the whole.
    pub fn named(&self, text: &str) -> Result<Vec<String>> {
        Ok(self.names()?.into_iter().map(|name| name.id).filter(|id| id.starts_with(text)).collect())
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
