//! Directories of a Maildir by handle: every file is opened, renamed and removed relative to a directory that was opened once,
//! without following links.

use std::collections::HashMap;
use std::io;

use crate::model::{Error, Flag, Flags, Result, Scope};
use crate::store::disk::{Dir, File, Identity, Kind, open_or_make, walk};

use super::name::{FileName, TMP_PREFIX};

/// Seconds: two changes within this may leave the same time stamp (FAT: 2 s; most others: a clock tick).
const GRANULARITY: i64 = 3;

/// Names that are no regular files and are told of, at most.
const MAX_OTHERS: usize = 100;

/// What lies in a folder and is no message, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its name, for people.
    pub name: String,
    /// Why.
    pub why: &'static str,
}

/// The directories of one folder.
#[derive(Debug)]
pub struct FolderDir {
    /// Relative to the root, for messages to people.
    pub path: String,
    /// The folder itself.
    pub base: Box<dyn Dir>,
    /// `tmp/`.
    pub tmp: Box<dyn Dir>,
    /// `new/`.
    pub new: Box<dyn Dir>,
    /// `cur/`.
    pub cur: Box<dyn Dir>,
}

/// Where a message lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Full file name.
    pub file: String,
    /// In cur/, else in new/.
    pub in_cur: bool,
}

/// The newest time stamp of `new/` and `cur/` in a mark: seconds since 1970.
pub fn marked_at(mark: &[u8]) -> Option<i64> {
    let time = |place: &[u8]| place.get(16..24).and_then(|octets| Some(i64::from_be_bytes(octets.try_into().ok()?)));
    mark.chunks(32).take(2).map(time).max().flatten()
}

impl FolderDir {
    /// Opens `path` (components joined by `/`, `""` = the root itself) below `root`; `None` when it is not there or is no Maildir.
    pub fn open(root: &dyn Dir, path: &str) -> Result<Option<Self>> {
        let open = || -> io::Result<Self> {
            let base = walk(root, path)?;
            let (tmp, new, cur) = (base.open_dir("tmp")?, base.open_dir("new")?, base.open_dir("cur")?);
            Ok(Self { path: path.into(), base, tmp, new, cur })
        };
        match open() {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Self::refuse(format!("open the Maildir folder `{path}`"), &error)),
        }
    }

    /// Opens `path` below `root` and makes what is missing. True when something was made: then sync before relying on it.
    pub fn make(root: &dyn Dir, path: &str) -> Result<(Self, bool)> {
        let make = || -> io::Result<(Self, bool)> {
            let (mut base, mut made) = (root.open_dir(".")?, false);
            for level in path.split('/').filter(|l| !l.is_empty()) {
                let (next, new) = open_or_make(&*base, level)?;
                if new {
                    base.sync()?;
                }
                (base, made) = (next, made || new);
            }
            let (tmp, a) = open_or_make(&*base, "tmp")?;
            let (new, b) = open_or_make(&*base, "new")?;
            let (cur, c) = open_or_make(&*base, "cur")?;
            if a || b || c {
                base.sync()?;
            }
            Ok((Self { path: path.into(), base, tmp, new, cur }, made || a || b || c))
        };
        make().map_err(|error| Self::refuse(format!("make the Maildir folder `{path}`"), &error))
    }

    /// Removes the directories of a folder that holds no message, at `now`; directories of folders below it stay. False when it holds
    /// something.
    pub fn remove(root: &dyn Dir, path: &str, now: i64) -> Result<bool> {
        let remove = || -> io::Result<bool> {
            // A run that died here may have left some of it.
            let base = match walk(root, path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
                base => base?,
            };
            if let Ok(tmp) = base.open_dir("tmp") {
                sweep(&*tmp, now)?;
            }
            let restore = |parts: &[&str]| -> io::Result<()> {
                parts.iter().try_for_each(|part| open_or_make(&*base, part).map(drop))?;
                base.sync()
            };
            // Looked at first, so that nothing has to be made again but where somebody is faster.
            for part in ["new", "cur"] {
                let mut holds = false;
                match base.open_dir(part) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    dir => dir?.each(&mut |_, _| holds = true)?,
                }
                if holds {
                    restore(&["new", "cur", "tmp"])?;
                    return Ok(false);
                }
            }
            // `new` and `cur` first: rmdir refuses where there is mail, and then what went is made again.
            for (done, name) in ["new", "cur", "tmp"].into_iter().enumerate() {
                match base.remove_dir(name) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                        restore(&["new", "cur", "tmp"][..done])?;
                        return Ok(false);
                    }
                    Err(error) => return Err(error),
                }
            }
            let _ = base.unlink(super::keywords::FILE);
            base.sync()?;
            // Fails where folders lie below it, or files of others: then it stays, and is no Maildir any more.
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            let above = walk(root, parent)?;
            let _ = above.remove_dir(name);
            above.sync()?;
            Ok(true)
        };
        remove().map_err(|error| Self::refuse(format!("remove the Maildir folder `{path}`"), &error))
    }

    /// Gives the directory `from` below `root` the name `to`, with all that is in it and below it, durable when it returns; directories above
    /// `to` are made. False: something has that name already.
    pub fn carry(root: &dyn Dir, from: &str, to: &str) -> Result<bool> {
        let carry = || -> io::Result<bool> {
            if to.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Ok(false);
            }
            let (from_above, from_name) = from.rsplit_once('/').unwrap_or(("", from));
            let (to_above, to_name) = to.rsplit_once('/').unwrap_or(("", to));
            let (old, mut new) = (walk(root, from_above)?, root.open_dir(".")?);
            for level in to_above.split('/').filter(|level| !level.is_empty()) {
                let (next, made) = open_or_make(&*new, level)?;
                if made {
                    new.sync()?;
                }
                new = next;
            }
            // What held nothing but folders, and holds none any more, is in nobody's way.
            if new.stat_of(to_name).is_ok() && new.remove_dir(to_name).is_err() {
                return Ok(false);
            }
            // The system replaces no directory that holds something.
            match old.replace(from_name, &*new, to_name) {
                Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty) => return Ok(false),
                renamed => renamed?,
            }
            new.sync()?;
            old.sync()?;
            Ok(true)
        };
        carry().map_err(|error| Self::refuse(format!("rename the Maildir folder `{from}` to `{to}`"), &error))
    }

    /// Makes the entries of new/ and cur/ durable.
    pub fn sync(&self) -> Result<()> {
        for place in [&self.new, &self.cur] {
            place.sync().map_err(|e| Error::local(format!("sync the Maildir folder `{}`", self.path), &e))?;
        }
        Ok(())
    }

    /// Which directory the folder's own is.
    pub fn identity(&self) -> Result<Identity> {
        self.base.identity().map_err(|e| Error::local(format!("look at the Maildir folder `{}`", self.path), &e))
    }

    fn refuse(tried: String, error: &io::Error) -> Box<Error> {
        // The other folders are none the worse for it.
        match error.raw_os_error() {
            Some(20 | 40) => Error::new(crate::model::Class::LocalCorrupt, tried, "it is a link or no directory") // ENOTDIR, ELOOP
                .scope(Scope::Folder)
                .hint("mailx follows no links below the Maildir root; put a real directory there"),
            _ if error.kind() == io::ErrorKind::PermissionDenied => Error::local(tried, error).scope(Scope::Folder),
            _ => Error::local(tried, error),
        }
    }

    /// new/ or cur/.
    pub fn place(&self, in_cur: bool) -> &dyn Dir {
        if in_cur { &*self.cur } else { &*self.new }
    }

    /// What new/, cur/ and the keyword file look like at `now` (seconds since 1970, read before): equal marks of two moments mean that no
    /// file came, went or was renamed between them. `None` while the last change is so recent that another one could leave the same time
    /// stamps.
    pub fn mark(&self, now: i64) -> Result<Option<Vec<u8>>> {
        let tried = || format!("look at the Maildir folder `{}`", self.path);
        let mut mark = Vec::with_capacity(96);
        let keywords = self.base.stat_of(super::keywords::FILE).ok();
        let mut stats = Vec::with_capacity(3);
        for place in [&self.new, &self.cur] {
            stats.push(place.stat().map_err(|e| Error::local(tried(), &e))?);
        }
        stats.extend(keywords);
        for stat in stats {
            if now - stat.mtime < GRANULARITY {
                return Ok(None);
            }
            for number in [stat.dev, stat.ino, stat.mtime.cast_unsigned(), stat.mtime_nsec] {
                mark.extend_from_slice(&number.to_be_bytes());
            }
        }
        Ok(Some(mark))
    }

    /// Renames a message within the folder; false when it is not there (any more).
    pub fn rename(&self, from: &Entry, to: &Entry) -> Result<bool> {
        self.rename_into(from, self, to)
    }

    /// Moves a message into another folder; false when it is not there (any more), when that folder lies on another file system, or
    /// when somebody made a file of that name there: it is never overwritten.
    pub fn rename_into(&self, from: &Entry, other: &Self, to: &Entry) -> Result<bool> {
        if self.base_is(other) && from == to {
            return Ok(true);
        }
        match self.place(from.in_cur).rename(&from.file, other.place(to.in_cur), &to.file) {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::CrossesDevices | io::ErrorKind::AlreadyExists => Ok(false),
                _ => {
                    let tried = format!("rename `{}` of the Maildir folder `{}` to `{}`", from.file, self.path, to.file);
                    Err(Error::local(tried, &error))
                }
            },
        }
    }

    /// Gives a message a second place, in another folder.
    pub fn link_into(&self, from: &Entry, other: &Self, to: &Entry) -> io::Result<()> {
        self.place(from.in_cur).link(&from.file, other.place(to.in_cur), &to.file)
    }

    fn base_is(&self, other: &Self) -> bool {
        self.path == other.path
    }

    /// Every message: base name → where. Only regular names; foreign directories, FIFOs and dot files are passed over when opened.
    pub fn scan(&self) -> Result<HashMap<String, Entry>> {
        Ok(self.scan_all()?.0)
    }

    /// The same, and what is no message.
    pub fn scan_all(&self) -> Result<(HashMap<String, Entry>, Vec<Other>)> {
        let (mut found, mut others) = (HashMap::new(), Vec::new());
        for in_cur in [false, true] {
            self.each(in_cur, |name, kind| {
                let why = match kind {
                    Kind::File | Kind::Unknown => {
                        let base = FileName::parse(name).base.to_owned();
                        found.insert(base, Entry { file: name.to_owned(), in_cur });
                        return;
                    }
                    Kind::Nameless => "its name is not UTF-8; rename it, and it is a message like any other",
                    Kind::Dir | Kind::Link | Kind::Other => "it is no regular file; it was left alone",
                };
                if others.len() < MAX_OTHERS {
                    others.push(Other { name: name.to_owned(), why });
                }
            })?;
        }
        Ok((found, others))
    }

    /// How many messages there are.
    pub fn count(&self) -> Result<u64> {
        let mut count = 0;
        for in_cur in [false, true] {
            self.each(in_cur, |_, kind| count += u64::from(matches!(kind, Kind::File | Kind::Unknown)))?;
        }
        Ok(count)
    }

    /// Calls `each` with every name that does not begin with a dot.
    fn each(&self, in_cur: bool, mut each: impl FnMut(&str, Kind)) -> Result<()> {
        let tried = || format!("read the Maildir folder `{}`", self.path);
        let read = self.place(in_cur).each(&mut |name, kind| {
            if !name.starts_with('.') {
                each(name, kind);
            }
        });
        read.map_err(|e| Error::local(tried(), &e))
    }

    /// Opens a message for reading; `None` when it is not there or no regular file. Never blocks on a FIFO, never follows a link.
    pub fn open_message(&self, entry: &Entry) -> io::Result<Option<Box<dyn File>>> {
        match self.place(entry.in_cur).open(&entry.file) {
            Ok(file) => Ok((file.stat()?.kind == Kind::File).then_some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(40) => Ok(None), // ELOOP
            Err(error) => Err(error),
        }
    }

    /// Finds the message with the base name `base`, wherever a mail reader has put it, with whatever flags. Looks at the likely
    /// places first; reads the directories only when it is in none.
    pub fn find(&self, base: &str) -> Result<Option<Entry>> {
        match self.likely(base, Flags::NONE.with(Flag::Seen), "") {
            Some(entry) => Ok(Some(entry)),
            None => Ok(self.scan()?.remove(base)),
        }
    }

    /// The message where it probably is: with these flags and keyword letters, or as it came.
    pub fn likely(&self, base: &str, flags: Flags, letters: &str) -> Option<Entry> {
        let named = |letters: String| Entry { file: format!("{base}:2,{letters}"), in_cur: true };
        let spelled = flags.letters() + letters;
        let mut places = vec![Entry { file: base.to_owned(), in_cur: false }, named(spelled.clone())];
        if !spelled.is_empty() {
            places.push(named(String::new()));
        }
        places.into_iter().find(|entry| self.has(entry))
    }

    /// Whether there is such a file.
    pub fn has(&self, entry: &Entry) -> bool {
        self.place(entry.in_cur).has(&entry.file)
    }

    /// Publishes `tmp/<from>` under its final name; never over an existing file.
    pub fn publish(&self, from: &str, to: &Entry) -> io::Result<()> {
        self.tmp.rename(from, self.place(to.in_cur), &to.file)
    }

    /// Removes what dead runs left in tmp/ by `now`: files of ours (the caller holds the lock), and anybody's older than 36 hours.
    pub fn sweep_tmp(&self, now: i64) -> Result<u64> {
        sweep(&*self.tmp, now).map_err(|e| Error::local(format!("tidy up tmp/ of the Maildir folder `{}`", self.path), &e))
    }
}

fn sweep(tmp: &dyn Dir, now: i64) -> io::Result<u64> {
    let mut swept = 0;
    tmp.each(&mut |name, _| {
        let old = || tmp.stat_of(name).is_ok_and(|s| now - s.mtime > 36 * 3600);
        if (name.starts_with(TMP_PREFIX) || old()) && tmp.unlink(name).is_ok() {
            swept += 1;
        }
    })?;
    Ok(swept)
}
