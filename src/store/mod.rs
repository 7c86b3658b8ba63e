//! The local store of one account: a Maildir, its state, its lock.
//!
//! Everything here blocks; the engine calls it from blocking threads. Order of durable effects, never changed, only batched:
//! tmp file → sync → rename to the reserved name → sync directory → commit → only then may the server forget.

pub mod clock;
mod deleted;
pub mod disk;
pub mod lock;
pub mod maildir;
pub mod notice;
pub mod outbox;
pub mod root;
pub mod state;
pub mod survey;
mod sync;

use std::collections::HashMap;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Class, Error, FolderPath, LocalName, Result, Scope};

use clock::Clock;
use disk::{Blocks, Dir, Disk, File, Held, Identity, Syncing, sync_names};
use lock::Patience;
use maildir::digest::{Digest, LineEnds, digest_file, digest_foreign};
use maildir::dir::{Entry, FolderDir};
use maildir::layout::Layout;
use maildir::name::{FileName, NameMaker};
use root::Root;
use state::{Found, LinkId, Opener, State, Stored};
use survey::Odd;

/// Called at every durable step with its name, so that tests can stop the world there.
pub type StepHook = Arc<dyn Fn(&'static str) + Send + Sync>;

/// An account's store, open for writing.
pub struct Store {
    /// `None` only in a rehearsal where there is no Maildir yet.
    root: Option<Root>,
    layout: Layout,
    state: Mutex<Box<dyn State>>,
    states: Arc<dyn Opener>,
    /// What opening the state found.
    pub found: Found,
    /// Makes base names.
    pub names: NameMaker,
    /// How files become durable.
    pub sync: Syncing,
    step: StepHook,
    clock: Arc<dyn Clock>,
    blocks: bool,
    /// `None` in a rehearsal: then nothing here may be changed.
    lock: Option<Box<dyn Held>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("root", &self.root).finish_non_exhaustive()
    }
}

/// How to open a store.
pub struct Opening<'a> {
    /// Where the root lies.
    pub disk: Arc<dyn Disk>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The Maildir root.
    pub root: PathBuf,
    /// Layout.
    pub layout: Layout,
    /// How its state is opened.
    pub states: Arc<dyn Opener>,
    /// Host name for base names.
    pub host: String,
    /// Random octets for base names.
    pub seed: [u8; 16],
    /// Wait for the lock.
    pub patience: Patience<'a>,
    /// Step hook.
    pub step: StepHook,
}

/// A Maildir folder that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderHere {
    /// The path that its directory stands for.
    pub path: FolderPath,
    /// Directory relative to the root.
    pub dir: String,
    /// Which directory it is.
    pub identity: Identity,
}

/// A file of the Maildir whose origin is not known.
#[derive(Debug, Clone)]
pub struct ForeignFile {
    /// Base name.
    pub name: LocalName,
    /// Where it lies.
    pub entry: Entry,
    /// Digest without the lines of other tools.
    pub digest: Digest,
    /// Digest with them, where it has such.
    pub with_tool_lines: Option<Digest>,
}

impl Store {
    /// Opens the store: checks the root, takes the lock, opens the state. Makes what is missing.
    pub fn open(opening: Opening<'_>) -> Result<Self> {
        let root = Root::open_or_make(&*opening.disk, &opening.root)?;
        root.check_layout(opening.layout)?;
        let control = root.control(&*opening.disk, opening.layout)?;
        let lock = lock::take(&control, &*opening.clock, &opening.patience)?;
        let sync = root.dir.syncing();
        let (state, found) = opening.states.open(&control.path, sync.network)?;
        let names = NameMaker::new(&opening.host, opening.seed, opening.clock.clone());
        Ok(Self {
            root: Some(root),
            layout: opening.layout,
            state: Mutex::new(state),
            states: opening.states,
            found,
            names,
            sync,
            step: opening.step,
            clock: opening.clock,
            blocks: opening.disk.blocks(),
            lock: Some(lock),
        })
    }

    /// Opens the store for a rehearsal: the state is a copy in memory, nothing on disk is changed, no lock is taken.
    pub fn rehearse(opening: &Opening<'_>) -> Result<Self> {
        let root = match opening.disk.stat(&opening.root) {
            Ok(_) => Some(Root::open_or_make(&*opening.disk, &opening.root)?),
            Err(_) => None,
        };
        root.as_ref().map_or(Ok(()), |root| root.check_layout(opening.layout))?;
        let state = opening.states.rehearse(&root::control_path(&opening.root, opening.layout))?;
        let sync = Syncing { whole: false, network: false };
        let names = NameMaker::new(&opening.host, opening.seed, opening.clock.clone());
        Ok(Self {
            root,
            layout: opening.layout,
            state: Mutex::new(state),
            states: opening.states.clone(),
            found: Found::Good,
            names,
            sync,
            step: opening.step.clone(),
            clock: opening.clock.clone(),
            blocks: opening.disk.blocks(),
            lock: None,
        })
    }

    /// Whether this is a rehearsal: decide everything, change nothing.
    pub fn is_rehearsal(&self) -> bool {
        self.lock.is_none()
    }

    /// The state. One caller at a time.
    pub fn state(&self) -> MutexGuard<'_, Box<dyn State>> {
        // A panic while it was held left no transaction open, so the state is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the state turned out to be damaged while it was in use: the next opening checks all of it and moves it aside.
    pub fn suspect_state(&self) {
        if let Some(root) = self.root.as_ref().filter(|_| !self.is_rehearsal()) {
            self.states.suspect(&root::control_path(&root.path, self.layout));
        }
    }

    /// Announces a durable step.
    pub fn step(&self, name: &'static str) {
        (self.step)(name);
    }

    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.wall().as_secs().cast_signed()
    }

    /// The root's handle. There is none in a rehearsal without a Maildir.
    pub fn root(&self) -> Result<&dyn Dir> {
        let none = || Error::new(Class::Internal, "open the Maildir", "a rehearsal has none");
        self.root.as_ref().map(|root| &*root.dir).ok_or_else(none)
    }

    /// The directories of a folder; `None` when they are not there.
    pub fn open_folder(&self, dir: &str) -> Result<Option<FolderDir>> {
        self.root.as_ref().map_or(Ok(None), |root| FolderDir::open(&*root.dir, dir))
    }

    /// The directories of the folder with this row, made where they are missing, and durable then. Which directory it is, is recorded
    /// where none is known, and where a new one stands for one in which no mail was: any other is the guard's to judge.
    pub fn make_folder(&self, row: i64, dir: &str) -> Result<FolderDir> {
        let (folder, new) = self.make(row, dir)?;
        if let Some(identity) = new {
            self.state().set_directories(&[(row, identity)])?;
        }
        Ok(folder)
    }

    /// The same for many, recorded at once. Returns those that cannot be made where others can.
    pub fn make_folders(&self, rows: &[(i64, &str)]) -> Result<Vec<(i64, Box<Error>)>> {
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for (row, dir) in rows {
            match self.make(*row, dir) {
                Ok((_, new)) => made.extend(new.map(|identity| (*row, identity))),
                Err(error) if error.scope == Scope::Folder => failed.push((*row, error)),
                Err(error) => return Err(error),
            }
        }
        if !made.is_empty() {
            self.state().set_directories(&made)?;
        }
        Ok(failed)
    }

    /// Makes a folder; which directory it is where that is to be recorded.
    fn make(&self, row: i64, dir: &str) -> Result<(FolderDir, Option<Identity>)> {
        debug_assert!(!self.is_rehearsal(), "a rehearsal changes nothing");
        let (folder, made) = FolderDir::make(self.root()?, dir)?;
        if made {
            self.step("make-folder");
        }
        let new = self.state().directory(row)?.is_none() || (made && self.state().linked_count(row, 1)? == 0);
        let identity = if new { Some(self.settle(&folder)?) } else { None };
        Ok((folder, identity))
    }

    /// Which directory a folder is, to be recorded: its names are durable then, whoever has made it.
    pub fn settle(&self, folder: &FolderDir) -> Result<Identity> {
        if !self.is_rehearsal() {
            let tried = || format!("sync the Maildir folder `{}`", folder.path);
            sync_names(self.root()?, &folder.path).map_err(|e| Error::local(tried(), &e))?;
        }
        folder.identity()
    }

    /// Whether a folder's directory is the one that was recorded. Where none was, or a time of birth was not known yet, it is now.
    pub fn is_known(&self, row: i64, folder: &FolderDir) -> Result<bool> {
        let (known, now) = (self.state().directory(row)?, folder.identity()?);
        match known {
            Some(known) if !known.is(&now) => return Ok(false),
            Some(known) if known.born.is_some() || now.born.is_none() => {}
            _ => {
                self.settle(folder)?;
                self.state().set_directories(&[(row, now)])?;
            }
        }
        Ok(true)
    }

    /// Takes what is in its place now for the folder's directory, whichever it is.
    pub fn accept(&self, row: i64, folder: &FolderDir) -> Result<()> {
        let now = self.settle(folder)?;
        self.state().set_directories(&[(row, now)])
    }

    /// Chooses the directory of a new folder: the usual spelling, or another one where that collides on case. A spelling that is on
    /// disk already is preferred, so that a rebuilt state finds its directories again.
    pub fn choose_dir(&self, path: &FolderPath, taken: &dyn Fn(&str) -> bool) -> String {
        let free = |variant: &usize| !taken(&self.layout.dir(path, *variant));
        let on_disk = |variant: &usize| self.open_folder(&self.layout.dir(path, *variant)).is_ok_and(|d| d.is_some());
        let variant = (0..4).filter(free).find(on_disk).or_else(|| (0..1 << 16).find(free));
        self.layout.dir(path, variant.unwrap_or_default())
    }

    /// Every Maildir folder below the root that a path stands for, whoever made it; and what holds mail and can be no folder.
    pub fn folders_here(&self) -> Result<(Vec<FolderHere>, Vec<Odd>)> {
        let Some(root) = &self.root else { return Ok((Vec::new(), Vec::new())) };
        // The state knows the paths of directories whose names were cut.
        let known: HashMap<String, FolderPath> = self.state().folders()?.into_iter().map(|row| (row.dir, row.path)).collect();
        let path = |dir: &str| self.layout.path(dir).or_else(|| known.get(dir).cloned());
        let (dirs, mut odd) = survey::look(&*root.dir, self.layout, &path);
        let mut found = Vec::new();
        for (dir, path) in dirs {
            match FolderDir::open(&*root.dir, &dir) {
                Ok(Some(open)) => found.push(FolderHere { path, identity: open.identity()?, dir }),
                Ok(None) => {}
                Err(error) if error.scope == Scope::Folder => odd.push(Odd::closed(dir, error.failed)),
                Err(error) => return Err(error),
            }
        }
        Ok((found, odd))
    }

    /// Whether something else than a folder stands where this one would be, or it cannot be looked at.
    pub fn is_blocked(&self, dir: &str) -> Result<bool> {
        match self.open_folder(dir) {
            Ok(_) => Ok(false),
            Err(error) if error.scope == Scope::Folder => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Removes the directories of a folder that holds no message; false when it holds something after all.
    pub fn remove_folder(&self, dir: &str) -> Result<bool> {
        match &self.root {
            Some(root) => FolderDir::remove(&*root.dir, dir, self.now()),
            None => Ok(false),
        }
    }

    /// Gives the directories of a folder another name, with all that is below them; false where something has that name.
    pub fn carry_folder(&self, from: &str, to: &str) -> Result<bool> {
        debug_assert!(!self.is_rehearsal(), "a rehearsal changes nothing");
        FolderDir::carry(self.root()?, from, to)
    }

    /// Digests every file of a folder that was there before mailx, and makes it durable; files that vanish or are no regular files are passed over.
    pub fn foreign_files(&self, dir: &FolderDir) -> Result<Vec<ForeignFile>> {
        let mut files = Vec::new();
        let mut entries: Vec<(String, Entry)> = dir.scan()?.into_iter().collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (base, entry) in entries {
            let tried = || format!("read `{}` in the Maildir folder `{}`", entry.file, dir.path);
            let Some(file) = dir.open_message(&entry).map_err(|e| Error::local(tried(), &e))? else { continue };
            let (digest, with_tool_lines) = digest_foreign(BufReader::new(file)).map_err(|e| Error::local(tried(), &e))?;
            files.push(ForeignFile { name: LocalName(base.into()), entry, digest, with_tool_lines });
        }
        self.make_durable(dir, &files.iter().map(|file| &file.entry).collect::<Vec<_>>())?;
        Ok(files)
    }

    /// Makes files durable that somebody else put into a folder: what the state knows, no loss of power may take away, or it would look
    /// deleted by the user.
    pub fn make_durable(&self, dir: &FolderDir, entries: &[&Entry]) -> Result<()> {
        if entries.is_empty() || self.is_rehearsal() {
            return Ok(());
        }
        let tried = || format!("make messages of the Maildir folder `{}` durable", dir.path);
        let files = entries.iter().map(|entry| (dir.place(entry.in_cur), entry.file.as_str()));
        match self.sync.files(self.root()?, files) {
            // A mail reader has renamed one meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                for entry in entries {
                    if let Some(now) = dir.find(FileName::parse(&entry.file).base)?
                        && let Some(file) = dir.open_message(&now).map_err(|e| Error::local(tried(), &e))?
                    {
                        file.sync().map_err(|e| Error::local(tried(), &e))?;
                    }
                }
            }
            synced => synced.map_err(|e| Error::local(tried(), &e))?,
        }
        dir.sync()
    }

    /// Looks whether the file of a stored message is there (among the folder's files `present`) and, with `bytes`, whether it still is
    /// what was stored.
    pub fn intact(
        &self,
        dir: &FolderDir,
        present: &HashMap<String, Entry>,
        name: &LocalName,
        digest: &Digest,
        bytes: bool,
    ) -> Result<Intact> {
        let tried = || format!("check `{name}` in the Maildir folder `{}`", dir.path);
        let open = |entry: &Entry| dir.open_message(entry).map_err(|e| Error::local(tried(), &e));
        let file = match present.get(&*name.0) {
            Some(entry) => open(entry)?,
            None => None,
        };
        // A mail reader may have renamed it since the directory was read: look once more.
        let file = match file {
            Some(file) => Some(file),
            None => dir.find(&name.0)?.map_or(Ok(None), |entry| open(&entry))?,
        };
        let Some(file) = file else { return Ok(Intact::Missing) };
        if !bytes {
            let length = file.stat().map_err(|e| Error::local(tried(), &e))?.len;
            // LF files are shorter by their number of lines, which is not kept; empty where there should be something is damage.
            let plausible = if digest.line_ends == LineEnds::AsSent { length == digest.octets } else { length <= digest.octets };
            return Ok(if plausible && (length > 0 || digest.octets == 0) { Intact::Yes } else { Intact::Damaged });
        }
        // Identity takes CRLF as LF, so it is the same in either form; an adopted file may have the lines of another tool in its header.
        let (bare, full) = digest_foreign(BufReader::new(file)).map_err(|e| Error::local(tried(), &e))?;
        let same = std::iter::once(bare).chain(full).any(|now| now.identity == digest.identity);
        Ok(if same { Intact::Yes } else { Intact::Damaged })
    }

    /// Finishes what a crash left between a rename and its commit: messages that are wanted and yet lie under their reserved name
    /// are synced and recorded; leftovers in tmp/ are removed. Returns how many were recovered.
    pub fn redo(&self, folder: i64, dir: &FolderDir) -> Result<u64> {
        dir.sweep_tmp(self.now())?;
        let present: HashMap<String, Entry> = dir.scan()?;
        let mut after = LinkId(0);
        let mut recovered = 0;
        loop {
            let wanted = self.state().wanted(folder, after, 1000)?;
            let Some(last) = wanted.last() else { return Ok(recovered) };
            after = last.id;
            let mut stored = Vec::new();
            for link in &wanted {
                let Some(entry) = present.get(&*link.name.0) else { continue };
                let tried = || format!("recover `{}` in the Maildir folder `{}`", entry.file, dir.path);
                let Some(mut file) = dir.open_message(entry).map_err(|e| Error::local(tried(), &e))? else { continue };
                // A file of ours holds a CR only when it lies as sent; one without CR may have had bare LF only: its size tells.
                let length = file.stat().map_err(|e| Error::local(tried(), &e))?.len;
                let as_sent = has_cr(&mut *file).map_err(|e| Error::local(tried(), &e))? || link.size == Some(length);
                let line_ends = if as_sent { LineEnds::AsSent } else { LineEnds::Lf };
                let digest = digest_file(BufReader::new(&mut file), line_ends).map_err(|e| Error::local(tried(), &e))?;
                file.sync().map_err(|e| Error::local(tried(), &e))?;
                stored.push(Stored { id: link.id, name: None, digest, replaces: Vec::new(), keeps_doubt: true });
            }
            if !stored.is_empty() {
                dir.sync()?;
                self.state().mark_stored(&stored, self.now())?;
                recovered += stored.len() as u64;
            }
        }
    }
}

impl Blocks for Store {
    fn blocks(&self) -> bool {
        self.blocks
    }
}

/// Whether the file of a stored message is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intact {
    /// It is.
    Yes,
    /// There is no such file.
    Missing,
    /// Its bytes or size are not those that were stored.
    Damaged,
}

/// Whether the file has a CR; rewinds it.
fn has_cr(file: &mut dyn File) -> std::io::Result<bool> {
    let mut piece = vec![0; 1 << 16];
    let mut found = false;
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 || found {
            file.rewind()?;
            return Ok(found);
        }
        found = memchr::memchr(b'\r', &piece[..n]).is_some();
    }
}

/// Random octets of the system.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut octets = [0; N];
    rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty())
        .map_err(|e| Error::local("read random bytes", &e.into()))?;
    Ok(octets)
}
