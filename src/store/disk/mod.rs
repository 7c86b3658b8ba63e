//! The file system as the store uses it: by handles of directories, every name relative to one of them, no link followed.
//!
//! The store does all its work on files through these traits. [`OsDisk`] is the operating system's file systems; `testing::disk` is one in
//! memory, which knows what a loss of power would leave.

mod os;

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::Path;

pub use os::OsDisk;

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket, a device.
    Other,
    /// Not told by a listing: only [`Dir::stat_of`] knows.
    Unknown,
    /// Anything whose name is not UTF-8: what a listing tells for it is for people.
    Nameless,
}

/// What is known of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
    /// Octets.
    pub len: u64,
    /// Last change of the content: seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds beside them.
    pub mtime_nsec: u64,
    /// Last change of anything, its name and place included: seconds since 1970.
    pub changed: i64,
    /// Owner.
    pub uid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// Which directory it is. An inode alone does not tell: many file systems give that of a removed directory to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
    /// When it was made, in nanoseconds since 1970; `None` where the file system does not tell, or where it was not asked for when this
    /// was recorded.
    pub born: Option<i64>,
}

impl Identity {
    /// Whether both are the same directory, as far as both are known.
    pub fn is(&self, other: &Self) -> bool {
        let born = self.born.zip(other.born).is_none_or(|(one, other)| one == other);
        born && (self.dev, self.ino) == (other.dev, other.ino)
    }
}

/// Room on a file system, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Free for us.
    pub free: u64,
    /// All of it.
    pub all: u64,
}

/// How a file system can be synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syncing {
    /// One [`Dir::sync_all`] stands for a sync of each file and directory, and reports their errors.
    pub whole: bool,
    /// A network file system.
    pub network: bool,
}

/// What work can be done on that may take its time.
pub trait Blocks: Send + Sync {
    /// Whether it may, so that it belongs on a thread of its own.
    fn blocks(&self) -> bool {
        true
    }
}

/// File systems, by paths: only as far as the root of a Maildir.
pub trait Disk: Debug + Blocks {
    /// What lies at `path`, itself where it is a link.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Makes the directory `path` and those above it where they are missing, mode 0700; and the names of `path` and of what was made
    /// durable, as far as what they lie in can be opened.
    fn make_dirs(&self, path: &Path) -> io::Result<()>;

    /// Opens the directory `path`.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Dir>>;
}

/// A directory that was opened once. Names are single components, without a link followed; `.` is the directory itself.
pub trait Dir: Any + Debug + Send + Sync {
    /// Opens the directory `name`. A link or a file is an error (ENOTDIR, ELOOP).
    fn open_dir(&self, name: &str) -> io::Result<Box<dyn Dir>>;

    /// Makes the directory `name`, mode 0700.
    fn make_dir(&self, name: &str) -> io::Result<()>;

    /// Removes the directory `name`, which must be empty.
    fn remove_dir(&self, name: &str) -> io::Result<()>;

    /// Calls `each` with every entry, in no order.
    fn each(&self, each: &mut dyn FnMut(&str, Kind)) -> io::Result<()>;

    /// Opens the directories whose names are not UTF-8; each with its name for people.
    fn nameless_dirs(&self) -> io::Result<Vec<(String, Box<dyn Dir>)>> {
        Ok(Vec::new())
    }

    /// Of the directory itself.
    fn stat(&self) -> io::Result<Stat>;

    /// Which directory it is.
    fn identity(&self) -> io::Result<Identity>;

    /// Of the entry `name`, itself where it is a link.
    fn stat_of(&self, name: &str) -> io::Result<Stat>;

    /// Whether there is a file `name`.
    fn has(&self, name: &str) -> bool;

    /// Opens `name` for reading. Never waits (a FIFO); what is no file may be opened, too.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Makes the file `name`, mode 0600, for reading and writing. One that exists is an error.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Gives `name` the name `to_name` in `to`. One that exists there is an error, and stays.
    fn rename(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()>;

    /// The same, and what has the name there goes.
    fn replace(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()>;

    /// Gives the file `name` the name `to_name` in `to`, too.
    fn link(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()>;

    /// Removes the file `name`.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// Makes its entries durable: names that came and names that went.
    fn sync(&self) -> io::Result<()>;

    /// Makes everything on its file system durable.
    fn sync_all(&self) -> io::Result<()>;

    /// How its file system can be synced.
    fn syncing(&self) -> Syncing;

    /// Room on its file system.
    fn space(&self) -> io::Result<Space>;

    /// Takes the lock file `name`, made where it is missing, and never removed; `None` where somebody else holds it. It is free again when
    /// the value is dropped, or the process dies.
    fn try_lock(&self, name: &str) -> io::Result<Option<Box<dyn Held>>>;
}

/// An open file.
pub trait File: Any + Debug + Send + Sync + io::Read + io::Write + io::Seek {
    /// What is known of it.
    fn stat(&self) -> io::Result<Stat>;

    /// Sets the time of its last change, seconds since 1970.
    fn set_mtime(&self, seconds: i64) -> io::Result<()>;

    /// Makes its content durable.
    fn sync(&self) -> io::Result<()>;
}

/// A lock that is held.
pub trait Held: Debug + Send + Sync {}

/// Makes the names of the directory `path` and of those above it, up to `root`, durable.
pub fn sync_names(root: &dyn Dir, path: &str) -> io::Result<()> {
    let mut dir = root.open_dir(".")?;
    for level in path.split('/').filter(|level| !level.is_empty()) {
        dir.sync()?;
        dir = dir.open_dir(level)?;
    }
    dir.sync()
}

/// Opens the directory `path` below `root` (names joined by `/`; empty = `root` itself).
pub fn walk(root: &dyn Dir, path: &str) -> io::Result<Box<dyn Dir>> {
    let mut dir = root.open_dir(".")?;
    for level in path.split('/').filter(|level| !level.is_empty()) {
        dir = dir.open_dir(level)?;
    }
    Ok(dir)
}

/// Opens or makes the directory `name` below `parent`. True when it was made.
pub fn open_or_make(parent: &dyn Dir, name: &str) -> io::Result<(Box<dyn Dir>, bool)> {
    match parent.open_dir(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match parent.make_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok((parent.open_dir(name)?, true)),
        },
        opened => Ok((opened?, false)),
    }
}
