//! The steps of a message that one process has claimed: armed, on its way, settled, gone.

use std::fs::{File, TryLockError};
use std::io::Read as _;

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::model::{Error, Result};

use super::{Entry, Name, Outbox, State, boot, file_name, is_id};

/// What happened to a message that was on its way when its sender died.
pub(super) const CUT_OFF: &str = "it was being sent when mailx was killed or the machine went down";
/// Octets of an envelope file.
const ENVELOPE: u64 = 16 << 20;

/// How a message was found.
pub(super) struct Standing {
    pub state: State,
    /// The end of its name.
    pub suffix: String,
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
    pub(super) file: File,
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

impl Outbox {
    /// The state and envelope of a message, and the end of its name; `None` when it has none.
    pub(super) fn state(&self, name: &Name) -> Result<Option<Standing>> {
        let (id, here) = (&name.id, boot::suffix());
        let read = |end: &str| -> Result<Option<Standing>> {
            let Some(state) = State::ALL.into_iter().find(|state| state.word() == end).or_else(|| {
                let armed = if end == here { State::Queued } else { State::Sending };
                end.starts_with(boot::ARMED).then_some(armed)
            }) else {
                return Ok(None);
            };
            let entry = self.envelope(&format!("{id}.{end}"))?;
            Ok(entry.map(|mut entry| {
                // As they were written before doubts had a place of their own.
                if state == State::Uncertain && entry.doubts().next().is_none() {
                    let words = entry.last.take().unwrap_or_else(|| CUT_OFF.into());
                    entry.cut_off(&words);
                }
                Standing { state, suffix: end.to_owned(), entry }
            }))
        };
        let ends = name.end.as_deref().into_iter().chain([&*here]).chain(State::ALL.map(State::word));
        for end in ends {
            if let Some(standing) = read(end)? {
                return Ok(Some(standing));
            }
        }
        // Armed by another boot of the machine.
        for file in std::fs::read_dir(&self.path).map_err(self.failed("read", ""))?.flatten() {
            let file = file.file_name().to_string_lossy().into_owned();
            if let Some(end) = file.strip_prefix(&**id).and_then(|rest| rest.strip_prefix('.')).filter(|end| end.starts_with(boot::ARMED))
                && let Some(standing) = read(end)?
            {
                return Ok(Some(standing));
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
        if is_id(id) { self.claim_named(&Name::of(id)) } else { Ok(Claimed::Gone) }
    }

    pub(super) fn claim_named(&self, name: &Name) -> Result<Claimed> {
        let id = &*name.id;
        let Some(file) = self.open_message(id)? else { return Ok(Claimed::Gone) };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Claimed::Busy),
            Err(TryLockError::Error(error)) => return Err(self.failed("lock", &format!("{id}.eml"))(error)),
        }
        let Some(Standing { state, suffix, entry }) = self.state(name)? else { return Ok(Claimed::Gone) };
        if suffix == boot::suffix() {
            self.rename(&format!("{id}.{suffix}"), &file_name(id, State::Queued))?;
        }
        let mut claim = Claim { id: id.to_owned(), file, state, entry };
        if state == State::Sending {
            // Where everybody was settled, only the last step is missing.
            claim.entry.cut_off(CUT_OFF);
            let Some(state) = claim.entry.conclusion() else {
                self.remove(&claim.id)?;
                return Ok(Claimed::Gone);
            };
            self.settle(&mut claim, state)?;
        }
        Ok(Claimed::Yes(Box::new(claim)))
    }

    /// Settles what a process was sending that died; those of whom nobody knows whether they went. Each is told once: by whoever claims it here.
    pub fn cut_off(&self) -> Result<(Vec<Claim>, Vec<Box<Error>>)> {
        let (mut cut, mut errors) = (Vec::new(), Vec::new());
        let here = boot::suffix();
        for name in self.names()? {
            let Some(end) = name.end.as_deref().filter(|end| *end == State::Sending.word() || end.starts_with(boot::ARMED)) else {
                continue;
            };
            // Armed in this boot: its end did not go out.
            if end == here {
                continue;
            }
            match self.claim_named(&name) {
                Ok(Claimed::Yes(claim)) if claim.state == State::Uncertain => cut.push(*claim),
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        Ok((cut, errors))
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
        let Some(Standing { suffix, .. }) = self.state(&Name::of(&claim.id))? else { return Ok(()) };
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
        // It has one state, and that of one that was sent is the first.
        for end in State::ALL.map(State::word).into_iter().chain([&*boot::suffix()]) {
            if self.unlink(&format!("{id}.{end}"))? {
                break;
            }
        }
        self.unlink(&format!("{id}.eml")).map(drop)
    }

    /// Whether there was such a file.
    fn unlink(&self, name: &str) -> Result<bool> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) => {
                (self.step)("remove");
                Ok(true)
            }
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(self.failed("remove", name)(error.into())),
        }
    }

    /// Makes removals durable.
    pub fn flush(&self) -> Result<()> {
        self.sync()?;
        (self.step)("removed");
        Ok(())
    }
}
