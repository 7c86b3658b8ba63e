//! The root directory of a Maildir: ours alone, no link, mode 0700.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::model::{Class, Error, Result};

use super::maildir::layout::Layout;

/// The root of a Maildir.
#[derive(Debug)]
pub struct Root {
    /// Its path.
    pub path: PathBuf,
    /// Its handle.
    pub fd: OwnedFd,
}

/// Seconds since 1970.
pub fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed())
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
    pub fn open_or_make(path: &Path) -> Result<Self> {
        let tried = || format!("open the Maildir {}", path.display());
        match std::fs::symlink_metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
                made.map_err(|e| cannot_create(format!("make the Maildir {}", path.display()), &e))?;
            }
            Err(error) => return Err(Error::local(tried(), &error)),
        }
        check(path)?;
        let fd = std::fs::File::open(path).map_err(|e| Error::local(tried(), &e))?;
        Ok(Self { path: path.into(), fd: fd.into() })
    }

    /// Opens or makes the directory of the state.
    pub fn control_dir(&self, layout: Layout) -> Result<PathBuf> {
        let path = control_path(&self.path, layout);
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => rustix::fs::fsync(&self.fd).map_err(|e| Error::local(format!("sync {}", self.path.display()), &e.into()))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot_create(format!("make {}", path.display()), &error)),
        }
        check(&path)?;
        Ok(path)
    }
}

fn cannot_create(tried: String, error: &io::Error) -> Box<Error> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::local(tried, error),
        _ => Error::new(Class::LocalWrite, tried, error.to_string()).hint("choose another `maildir`, or mend the permissions"),
    }
}

/// Refuses a directory that somebody else could have put there or could change.
fn check(path: &Path) -> Result<()> {
    let tried = || format!("use {}", path.display());
    let refuse = |failed: String, hint: &str| {
        Err(Error::new(Class::LocalCorrupt, tried(), failed).safe("nothing was touched").hint(hint.to_owned()))
    };
    let metadata = std::fs::symlink_metadata(path).map_err(|e| Error::local(tried(), &e))?;
    let us = rustix::process::geteuid().as_raw();
    if metadata.is_symlink() {
        return refuse("it is a link".into(), "name the directory itself in `maildir`");
    }
    if !metadata.is_dir() {
        return refuse("it is no directory".into(), "name a directory in `maildir`");
    }
    if metadata.uid() != us {
        return refuse(
            format!("it belongs to user {}, not to us ({us})", metadata.uid()),
            "run mailx as its owner, or choose another `maildir`",
        );
    }
    if metadata.mode() & 0o022 != 0 {
        let hint = format!("chmod go-w {}", path.display());
        return refuse(format!("others may write to it (mode {:03o})", metadata.mode() & 0o777), &hint);
    }
    Ok(())
}
