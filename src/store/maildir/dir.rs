//! Directories of a Maildir by handle: every file is opened, renamed and removed relative to a directory that was opened once,
//! without following links.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};

use crate::model::{Error, Flag, Flags, Result};

use super::name::{FileName, TMP_PREFIX};

/// Seconds: two changes within this may leave the same time stamp (FAT: 2 s; most others: a clock tick).
const GRANULARITY: i64 = 3;

/// Names that are no regular files and are told of, at most.
const MAX_OTHERS: usize = 100;

const DIR: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens or makes the directory `name` below `parent`, mode 0700. True when it was made.
pub fn open_or_make(parent: &OwnedFd, name: &str) -> io::Result<(OwnedFd, bool)> {
    match rustix::fs::openat(parent, name, DIR, Mode::empty()) {
        Ok(dir) => Ok((dir, false)),
        Err(rustix::io::Errno::NOENT) => {
            match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            Ok((rustix::fs::openat(parent, name, DIR, Mode::empty())?, true))
        }
        Err(error) => Err(error.into()),
    }
}

/// The directories of one folder.
#[derive(Debug)]
pub struct FolderDir {
    /// Relative to the root, for messages to people.
    pub path: String,
    /// The folder itself.
    pub base: OwnedFd,
    /// `tmp/`.
    pub tmp: OwnedFd,
    /// `new/`.
    pub new: OwnedFd,
    /// `cur/`.
    pub cur: OwnedFd,
}

/// Where a message lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Full file name.
    pub file: String,
    /// In cur/, else in new/.
    pub in_cur: bool,
}

impl FolderDir {
    /// Opens `path` (components joined by `/`, `""` = the root itself) below `root`; `None` when it is not there or is no Maildir.
    pub fn open(root: &OwnedFd, path: &str) -> Result<Option<Self>> {
        let open = |parent: &OwnedFd, name: &str| rustix::fs::openat(parent, name, DIR, Mode::empty());
        let tried = || format!("open the Maildir folder `{path}`");
        let walk = || -> rustix::io::Result<Self> {
            let mut base = open(root, ".")?;
            for level in path.split('/').filter(|l| !l.is_empty()) {
                base = open(&base, level)?;
            }
            let (tmp, new, cur) = (open(&base, "tmp")?, open(&base, "new")?, open(&base, "cur")?);
            Ok(Self { path: path.into(), base, tmp, new, cur })
        };
        match walk() {
            Ok(dir) => Ok(Some(dir)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(Self::refuse(tried(), error)),
        }
    }

    /// Opens `path` below `root` and makes what is missing. True when something was made: then sync before relying on it.
    pub fn make(root: &OwnedFd, path: &str) -> Result<(Self, bool)> {
        let walk = || -> io::Result<(Self, bool)> {
            let (mut base, mut made) = open_or_make(root, ".")?;
            for level in path.split('/').filter(|l| !l.is_empty()) {
                let (next, new) = open_or_make(&base, level)?;
                if new {
                    rustix::fs::fsync(&base)?;
                }
                (base, made) = (next, made || new);
            }
            let (tmp, a) = open_or_make(&base, "tmp")?;
            let (new, b) = open_or_make(&base, "new")?;
            let (cur, c) = open_or_make(&base, "cur")?;
            if a || b || c {
                rustix::fs::fsync(&base)?;
            }
            Ok((Self { path: path.into(), base, tmp, new, cur }, made || a || b || c))
        };
        walk().map_err(|error| Self::refuse(format!("make the Maildir folder `{path}`"), error))
    }

    /// Removes the directories of a folder that holds no message; directories of folders below it stay. False when it holds something.
    pub fn remove(root: &OwnedFd, path: &str) -> Result<bool> {
        let Some(dir) = Self::open(root, path)? else { return Ok(true) };
        dir.sweep_tmp()?;
        let tried = || format!("remove the Maildir folder `{path}`");
        let remove = || -> rustix::io::Result<bool> {
            // `new` and `cur` first: rmdir refuses where there is mail, and then what went is made again.
            for (done, name) in ["new", "cur", "tmp"].into_iter().enumerate() {
                match rustix::fs::unlinkat(&dir.base, name, AtFlags::REMOVEDIR) {
                    Ok(()) => {}
                    Err(rustix::io::Errno::NOTEMPTY | rustix::io::Errno::EXIST) => {
                        for made in ["new", "cur", "tmp"].into_iter().take(done) {
                            rustix::fs::mkdirat(&dir.base, made, Mode::RWXU)?;
                        }
                        return Ok(false);
                    }
                    Err(error) => return Err(error),
                }
            }
            let _ = rustix::fs::unlinkat(&dir.base, super::keywords::FILE, AtFlags::empty());
            // Fails where folders lie below it, or files of others: then it stays, and is no Maildir any more.
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            let mut above = rustix::fs::openat(root, ".", DIR, Mode::empty())?;
            for level in parent.split('/').filter(|l| !l.is_empty()) {
                above = rustix::fs::openat(&above, level, DIR, Mode::empty())?;
            }
            let _ = rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR);
            rustix::fs::fsync(&above)?;
            Ok(true)
        };
        remove().map_err(|e| Error::local(tried(), &e.into()))
    }

    /// Makes the entries of new/ and cur/ durable.
    pub fn sync(&self) -> Result<()> {
        for place in [&self.new, &self.cur] {
            rustix::fs::fsync(place).map_err(|e| Error::local(format!("sync the Maildir folder `{}`", self.path), &e.into()))?;
        }
        Ok(())
    }

    /// Device and inode of the folder's own directory.
    pub fn identity(&self) -> Result<(u64, u64)> {
        let tried = || format!("look at the Maildir folder `{}`", self.path);
        rustix::fs::fstat(&self.base).map(|s| (s.st_dev, s.st_ino)).map_err(|e| Error::local(tried(), &e.into()))
    }

    fn refuse(tried: String, error: impl Into<io::Error>) -> Box<Error> {
        let error: io::Error = error.into();
        match error.raw_os_error() {
            Some(20 | 40) => Error::new(crate::model::Class::LocalCorrupt, tried, "it is a link or no directory") // ENOTDIR, ELOOP
                .hint("mailx follows no links below the Maildir root; put a real directory there"),
            _ => Error::local(tried, &error),
        }
    }

    /// new/ or cur/.
    pub fn place(&self, in_cur: bool) -> &OwnedFd {
        if in_cur { &self.cur } else { &self.new }
    }

    /// What new/, cur/ and the keyword file look like: equal marks of two moments mean that no file came, went or was renamed between
    /// them. `None` while the last change is so recent that another one could leave the same time stamps.
    pub fn mark(&self) -> Result<Option<Vec<u8>>> {
        let tried = || format!("look at the Maildir folder `{}`", self.path);
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec;
        let mut mark = Vec::with_capacity(96);
        let keywords = rustix::fs::statat(&self.base, super::keywords::FILE, AtFlags::SYMLINK_NOFOLLOW).ok();
        let mut stats = Vec::with_capacity(3);
        for place in [&self.new, &self.cur] {
            stats.push(rustix::fs::fstat(place).map_err(|e| Error::local(tried(), &e.into()))?);
        }
        stats.extend(keywords);
        for stat in stats {
            if now - stat.st_mtime < GRANULARITY {
                return Ok(None);
            }
            for number in [stat.st_dev, stat.st_ino, stat.st_mtime.cast_unsigned(), stat.st_mtime_nsec] {
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
        let (old, new) = (self.place(from.in_cur), other.place(to.in_cur));
        let renamed = match rustix::fs::renameat_with(old, from.file.as_str(), new, to.file.as_str(), RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                rustix::fs::linkat(old, from.file.as_str(), new, to.file.as_str(), AtFlags::empty())
                    .and_then(|()| rustix::fs::unlinkat(old, from.file.as_str(), AtFlags::empty()))
            }
            other => other,
        };
        match renamed {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::XDEV | rustix::io::Errno::EXIST) => Ok(false),
            Err(error) => {
                let tried = format!("rename `{}` of the Maildir folder `{}` to `{}`", from.file, self.path, to.file);
                Err(Error::local(tried, &error.into()))
            }
        }
    }

    fn base_is(&self, other: &Self) -> bool {
        self.path == other.path
    }

    /// Every message: base name → where. Only regular names; foreign directories, FIFOs and dot files are passed over when opened.
    pub fn scan(&self) -> Result<HashMap<String, Entry>> {
        Ok(self.scan_all()?.0)
    }

    /// The same, and the names of what is no regular file.
    pub fn scan_all(&self) -> Result<(HashMap<String, Entry>, Vec<String>)> {
        let (mut found, mut others) = (HashMap::new(), Vec::new());
        for in_cur in [false, true] {
            self.each(in_cur, |name, regular| {
                if regular {
                    let base = FileName::parse(name).base.to_owned();
                    found.insert(base, Entry { file: name.to_owned(), in_cur });
                } else if others.len() < MAX_OTHERS {
                    others.push(name.to_owned());
                }
            })?;
        }
        Ok((found, others))
    }

    /// How many messages there are.
    pub fn count(&self) -> Result<u64> {
        let mut count = 0;
        for in_cur in [false, true] {
            self.each(in_cur, |_, regular| count += u64::from(regular))?;
        }
        Ok(count)
    }

    /// Calls `each` with every name that does not begin with a dot, and whether it is (or may be) a regular file.
    fn each(&self, in_cur: bool, mut each: impl FnMut(&str, bool)) -> Result<()> {
        let tried = || format!("read the Maildir folder `{}`", self.path);
        let dir = rustix::fs::Dir::read_from(self.place(in_cur)).map_err(|e| Error::local(tried(), &e.into()))?;
        for entry in dir {
            let entry = entry.map_err(|e| Error::local(tried(), &e.into()))?;
            if let Ok(name) = entry.file_name().to_str()
                && !name.starts_with('.')
            {
                each(name, matches!(entry.file_type(), rustix::fs::FileType::RegularFile | rustix::fs::FileType::Unknown));
            }
        }
        Ok(())
    }

    /// Opens a message for reading; `None` when it is not there or no regular file. Never blocks on a FIFO, never follows a link.
    pub fn open_message(&self, entry: &Entry) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::fs::openat(self.place(entry.in_cur), entry.file.as_str(), flags, Mode::empty()) {
            Ok(fd) => {
                let file = File::from(fd);
                Ok(file.metadata()?.is_file().then_some(file))
            }
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => Ok(None),
            Err(error) => Err(error.into()),
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
        rustix::fs::accessat(self.place(entry.in_cur), entry.file.as_str(), rustix::fs::Access::EXISTS, AtFlags::empty()).is_ok()
    }

    /// Publishes `tmp/<from>` under its final name; never over an existing file.
    pub fn publish(&self, from: &str, to: &Entry) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.tmp, from, self.place(to.in_cur), to.file.as_str(), RenameFlags::NOREPLACE) {
            // File systems without RENAME_NOREPLACE: link refuses an existing name, too.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                rustix::fs::linkat(&self.tmp, from, self.place(to.in_cur), to.file.as_str(), AtFlags::empty())?;
                rustix::fs::unlinkat(&self.tmp, from, AtFlags::empty())?;
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Removes what dead runs left in tmp/: files of ours (the caller holds the lock), and anybody's older than 36 hours.
    pub fn sweep_tmp(&self) -> Result<u64> {
        let tried = || format!("tidy up tmp/ of the Maildir folder `{}`", self.path);
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec;
        let mut swept = 0;
        for entry in rustix::fs::Dir::read_from(&self.tmp).map_err(|e| Error::local(tried(), &e.into()))? {
            let Ok(entry) = entry else { continue };
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            let old = || {
                let stat = rustix::fs::statat(&self.tmp, name, AtFlags::SYMLINK_NOFOLLOW);
                stat.is_ok_and(|s| now - s.st_mtime > 36 * 3600)
            };
            if (name.starts_with(TMP_PREFIX) || old()) && rustix::fs::unlinkat(&self.tmp, name, AtFlags::empty()).is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }
}
