//! Notices that somebody changes a Maildir: a mail reader, `mv`, another program of ours.
//!
//! A thread listens to the system (inotify) about `new/` and `cur/` of every folder, and to the directories above them, where folders come and go.
//! What we deliver ourselves is left out, or each delivery would call for a run. Where the system has no more watches to give, the times of
//! those directories are compared twice a minute.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use notify::event::{CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::disk::{Disk as _, OsDisk};
use super::maildir::layout::Layout;
use super::survey;

/// After so much silence folders are looked for that came without being told of.
const SEEING: Duration = Duration::from_mins(5);
/// How often times are compared, and it is looked whether a root that is gone is back.
const BLIND: Duration = Duration::from_secs(30);
/// Folders that are watched at most; beyond, times are compared.
const FOLDERS: usize = 20_000;
/// ENOSPC and EMFILE: what inotify says at its limits.
const LIMITS: [i32; 2] = [28, 24];

/// What was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noticed {
    /// Something changed.
    Changed,
    /// The system tells nothing, or not of everything; why. Changes are noticed later. Told once.
    Blind(String),
}

/// Notices changes until it is dropped.
#[derive(Debug)]
pub struct Notice(Sender<Heard>);

impl Drop for Notice {
    fn drop(&mut self) {
        let _ = self.0.send(Heard::Stop);
    }
}

/// What the thread hears.
#[derive(Debug)]
enum Heard {
    System(notify::Result<Event>),
    Stop,
}

struct Listener {
    root: PathBuf,
    layout: Layout,
    /// The system's watches; `None` where there are none to be had.
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    /// Inodes and times of the directories, where these are compared.
    times: Vec<(PathBuf, u64, i64, u64)>,
    /// What names of ours have in them.
    own: String,
    told_blind: bool,
    on: Box<dyn Fn(Noticed) + Send>,
}

impl Notice {
    /// Begins to notice changes of the Maildir `root`. `on` is called from a thread, at once for what may have changed before.
    pub fn start(root: &Path, layout: Layout, on: impl Fn(Noticed) + Send + 'static) -> Self {
        let (sender, heard) = channel();
        let listener = Listener {
            root: root.to_owned(),
            layout,
            watcher: None,
            watched: HashSet::new(),
            times: Vec::new(),
            own: format!("P{}Q", std::process::id()),
            told_blind: false,
            on: Box::new(on),
        };
        let (thread, events) = (std::thread::Builder::new().name("notice".into()), sender.clone());
        // Without a thread nothing is noticed, and the watch polls.
        let _ = thread.spawn(move || listener.listen(events, &heard));
        Self(sender)
    }
}

impl Listener {
    fn listen(mut self, events: Sender<Heard>, heard: &Receiver<Heard>) {
        match notify::recommended_watcher(move |event| drop(events.send(Heard::System(event)))) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.blind(&error.to_string()),
        }
        self.look();
        (self.on)(Noticed::Changed);
        loop {
            let patience = if self.watcher.is_some() && !self.watched.is_empty() { SEEING } else { BLIND };
            match heard.recv_timeout(patience) {
                Ok(Heard::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Heard::System(Ok(event))) => self.hear(&event),
                Ok(Heard::System(Err(error))) => {
                    tracing::debug!(%error, "a notice was lost: it may have been a change");
                    (self.on)(Noticed::Changed);
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
            }
        }
    }

    /// Looks which directories there are, and watches those that are not watched yet.
    fn look(&mut self) {
        let directories = self.directories();
        let there: HashSet<&PathBuf> = directories.iter().collect();
        self.watched.retain(|path| there.contains(path));
        let mut grown = false;
        for path in &directories {
            if self.watched.contains(path) {
                continue;
            }
            let Some(watcher) = &mut self.watcher else { break };
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => grown |= self.watched.insert(path.clone()),
                Err(error) if is_limit(&error) => {
                    let why = "its limit of watches is reached (fs.inotify.max_user_watches, max_user_instances)";
                    self.watcher = None;
                    self.watched.clear();
                    self.blind(why);
                }
                // It has just gone.
                Err(error) => tracing::debug!(path = %path.display(), %error, "not watched"),
            }
        }
        if self.watcher.is_none() {
            let times: Vec<_> = directories
                .into_iter()
                .filter_map(|path| {
                    let stat = OsDisk.stat(&path).ok()?;
                    Some((path, stat.ino, stat.mtime, stat.mtime_nsec))
                })
                .collect();
            let changed = !self.times.is_empty() && times != self.times;
            self.times = times;
            if changed {
                (self.on)(Noticed::Changed);
            }
        } else if grown {
            (self.on)(Noticed::Changed);
        }
    }

    /// The root, every folder, and what is in them.
    fn directories(&self) -> Vec<PathBuf> {
        let Ok(root) = OsDisk.open(&self.root) else { return Vec::new() };
        let mut all = vec![self.root.clone()];
        for dir in survey::directories(&*root, self.layout).into_iter().take(FOLDERS) {
            let dir = if dir.is_empty() { self.root.clone() } else { self.root.join(dir) };
            for part in ["new", "cur"].map(|part| dir.join(part)) {
                if OsDisk.stat(&part).is_ok() {
                    all.push(part);
                }
            }
            if dir != self.root {
                all.push(dir);
            }
        }
        all
    }

    fn blind(&mut self, why: &str) {
        if !std::mem::replace(&mut self.told_blind, true) {
            (self.on)(Noticed::Blind(why.to_owned()));
        }
    }

    fn hear(&mut self, event: &Event) {
        let change = event.paths.iter().any(|path| self.is_change(event.kind, path));
        let folder = matches!(
            event.kind,
            EventKind::Create(CreateKind::Folder) | EventKind::Remove(RemoveKind::Folder) | EventKind::Modify(ModifyKind::Name(_))
        ) && event.paths.iter().any(|path| !is_message(path));
        if folder {
            for path in &event.paths {
                // A directory that comes back under the same name is another one.
                self.watched.retain(|watched| !watched.starts_with(path));
            }
            self.look();
        }
        if change || event.need_rescan() {
            (self.on)(Noticed::Changed);
        }
    }

    /// Whether an event is something that a run may have to carry to the server.
    fn is_change(&self, kind: EventKind, path: &Path) -> bool {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if !is_message(path) {
            let is_folder = matches!(
                kind,
                EventKind::Create(CreateKind::Folder) | EventKind::Remove(RemoveKind::Folder) | EventKind::Modify(ModifyKind::Name(_))
            );
            return is_folder && !name.starts_with("dovecot") && name != "tmp" && !name.starts_with("mailx");
        }
        match kind {
            // From tmp/, which is not watched: ours when the name is. A file that a mail reader renames is told of as going, too.
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => !name.contains(&self.own),
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => true,
            _ => false,
        }
    }
}

/// Whether a path is that of a message, or of something else in the place of one.
fn is_message(path: &Path) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|dir| dir == "new" || dir == "cur")
}

fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::MaxFilesWatch => true,
        ErrorKind::Io(error) => error.raw_os_error().is_some_and(|code| LIMITS.contains(&code)),
        _ => false,
    }
}
