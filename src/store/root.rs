//! The root directory of a Maildir: ours alone, no link, mode 0700.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Class, Error, Result};

use super::disk::{Dir, Disk, Kind, Stat};
use super::maildir::layout::Layout;

/// The file of the lock.
pub const LOCK: &str = "lock";

/// The root of a Maildir.
#[derive(Debug)]
pub struct Root {
    /// Its path.
    pub path: PathBuf,
    /// Its handle.
    pub dir: Arc<dyn Dir>,
}

/// The directory of the state below it.
#[derive(Debug)]
pub struct Control {
    /// Its path.
    pub path: PathBuf,
    /// Its handle.
    pub dir: Box<dyn Dir>,
}

/// The directory of the state below `root`.
pub fn control_path(root: &Path, layout: Layout) -> PathBuf {
    root.join(control_name(layout))
}

/// The name of that directory.
pub fn control_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Fs => ".mailx",
        Layout::MaildirPlusPlus => "mailx.state",
    }
}

impl Root {
    /// Opens the root, and makes it when it is missing.
    pub fn open_or_make(disk: &dyn Disk, path: &Path) -> Result<Self> {
        let tried = || format!("open the Maildir {}", path.display());
        let stat = match disk.stat(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk.make_dirs(path).map_err(|e| cannot_create(format!("make the Maildir {}", path.display()), &e))?;
                disk.stat(path)
            }
            known => known,
        };
        check(path, &stat.map_err(|e| Error::local(tried(), &e))?)?;
        let dir = disk.open(path).map_err(|e| Error::local(tried(), &e))?;
        Ok(Self { path: path.into(), dir: dir.into() })
    }

    /// Refuses a root whose mail lies otherwise than in `layout`: it would not be seen, and all of it downloaded beside it.
    pub fn check_layout(&self, layout: Layout) -> Result<()> {
        if self.dir.has(control_name(layout)) {
            return Ok(());
        }
        let (other, word) = match layout {
            Layout::Fs => (Layout::MaildirPlusPlus, "maildir++"),
            Layout::MaildirPlusPlus => (Layout::Fs, "fs"),
        };
        let failed = if self.dir.has(control_name(other)) {
            "mailx has kept it in another layout so far"
        } else if layout == Layout::Fs && self.dir.has("cur") && self.dir.has("new") {
            "it is a Maildir itself, and not a directory of Maildir folders"
        } else {
            return Ok(());
        };
        let error = Error::new(Class::Config, format!("use the Maildir {}", self.path.display()), failed);
        let hint = format!("write layout = \"{word}\" for this account, which takes over what is there; or name another `maildir`");
        Err(error.safe("nothing was touched").hint(hint))
    }

    /// Opens or makes the directory of the state.
    pub fn control(&self, disk: &dyn Disk, layout: Layout) -> Result<Control> {
        let (path, name) = (control_path(&self.path, layout), control_name(layout));
        match self.dir.make_dir(name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot_create(format!("make {}", path.display()), &error)),
        }
        let tried = || format!("open {}", path.display());
        check(&path, &self.dir.stat_of(name).map_err(|e| Error::local(tried(), &e))?)?;
        let dir = self.dir.open_dir(name).map_err(|e| Error::local(tried(), &e))?;
        if !dir.has(LOCK) {
            // The first run here, or one that follows one which died at this point.
            let durable = disk.make_dirs(&self.path).and_then(|()| self.dir.sync());
            durable.map_err(|e| Error::local(format!("sync {}", self.path.display()), &e))?;
        }
        Ok(Control { path, dir })
    }
}

fn cannot_create(tried: String, error: &io::Error) -> Box<Error> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::local(tried, error),
        _ => Error::new(Class::LocalWrite, tried, error.to_string()).hint("choose another `maildir`, or mend the permissions"),
    }
}

/// Refuses a directory that somebody else could have put there or could change.
fn check(path: &Path, stat: &Stat) -> Result<()> {
    let tried = || format!("use {}", path.display());
    let refuse = |failed: String, hint: &str| {
        Err(Error::new(Class::LocalCorrupt, tried(), failed).safe("nothing was touched").hint(hint.to_owned()))
    };
    let us = rustix::process::geteuid().as_raw();
    if stat.kind == Kind::Link {
        return refuse("it is a link".into(), "name the directory itself in `maildir`");
    }
    if stat.kind != Kind::Dir {
        return refuse("it is no directory".into(), "name a directory in `maildir`");
    }
    if stat.uid != us {
        return refuse(format!("it belongs to user {}, not to us ({us})", stat.uid), "run mailx as its owner, or choose another `maildir`");
    }
    if stat.mode & 0o022 != 0 {
        let hint = format!("chmod go-w {}", path.display());
        return refuse(format!("others may write to it (mode {:03o})", stat.mode & 0o777), &hint);
    }
    Ok(())
}
