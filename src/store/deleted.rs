//! What the server deleted is kept for a while before it goes: `deleted/` beside the state. It holds no cur/, new/ or tmp/, so that no
//! indexer takes it for mail.

use std::io;

use crate::model::{Error, FlagState, LocalName, Result};

use super::disk::{Dir, open_or_make};
use super::maildir::dir::{Entry, FolderDir};
use super::maildir::finder::Finder;
use super::maildir::keywords::KeywordLetters;
use super::{Store, root};

const AREA: &str = "deleted";

impl Store {
    /// Puts messages of a folder by, which probably have these flags, at `now`, durably. Returns how many were there.
    pub fn put_by(&self, dir: &FolderDir, messages: &[(LocalName, FlagState)], now: i64) -> Result<u64> {
        let tried = |name: &LocalName| format!("put `{name}` of the Maildir folder `{}` by", dir.path);
        let Some((first, _)) = messages.first() else { return Ok(0) };
        let (letters, mut finder) = (KeywordLetters::load(dir)?, Finder::new(dir));
        let area = self.deleted_area(&dir.path).map_err(|e| Error::local(tried(first), &e))?;
        let mut count = 0;
        for (name, flags) in messages {
            // Looked for twice: a mail reader may rename it in between.
            for _ in 0..2 {
                if let Some(entry) = finder.find(name, flags, &letters)?
                    && put_one(dir, &entry, &*area, now).map_err(|e| Error::local(tried(name), &e))?
                {
                    count += 1;
                    break;
                }
            }
        }
        area.sync().map_err(|e| Error::local(tried(first), &e))?;
        Ok(count)
    }

    /// The directory for what was in the folder `dir`.
    fn deleted_area(&self, dir: &str) -> io::Result<Box<dyn Dir>> {
        let control = self.control().map_err(io::Error::other)?;
        let (area, made) = open_or_make(&*control, AREA)?;
        if made {
            control.sync()?;
        }
        // One flat name a folder, and never one of those that make a Maildir; it may be cut, since nothing reads it back.
        let name: String = format!("={}", dir.replace('/', "=")).chars().take(120).collect();
        let (own, made) = open_or_make(&*area, &name)?;
        if made {
            area.sync()?;
        }
        Ok(own)
    }

    /// Removes for good what was put by before `until`. Returns how many messages went. What cannot be removed stays.
    pub fn purge_deleted(&self, until: i64) -> Result<u64> {
        let purge = || -> io::Result<u64> {
            let control = self.control().map_err(io::Error::other)?;
            let Ok(area) = control.open_dir(AREA) else { return Ok(0) };
            let mut folders = Vec::new();
            area.each(&mut |name, _| folders.push(name.to_owned()))?;
            let mut gone = 0;
            for folder in folders.iter().filter(|name| !name.starts_with('.')) {
                let Ok(folder) = area.open_dir(folder) else { continue };
                folder.each(&mut |name, _| {
                    let put_by = name.split_once('.').and_then(|(seconds, _)| seconds.parse::<i64>().ok());
                    if put_by.is_some_and(|at| at < until) && folder.unlink(name).is_ok() {
                        gone += 1;
                    }
                })?;
            }
            Ok(gone)
        };
        purge().map_err(|e| Error::local("remove what was deleted long ago", &e))
    }

    fn control(&self) -> Result<Box<dyn Dir>> {
        let name = root::control_name(self.layout);
        self.root()?.open_dir(name).map_err(|e| Error::local(format!("open {name}"), &e))
    }
}

/// Moves one message into `area`; false when it is not there (any more).
fn put_one(dir: &FolderDir, entry: &Entry, area: &dyn Dir, now: i64) -> io::Result<bool> {
    let from = dir.place(entry.in_cur);
    for n in 0..1000_u32 {
        let suffix = if n == 0 { String::new() } else { format!("~{n}") };
        // A name may have 255 octets.
        let file: String = entry.file.chars().take(if entry.file.len() > 230 { 50 } else { 230 }).collect();
        let name = format!("{now}.{file}{suffix}");
        match from.rename(&entry.file, area, &name) {
            Ok(()) => return Ok(true),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => return Ok(false),
                io::ErrorKind::AlreadyExists => {}
                // Another file system (a folder may be a mount point), or one that knows no such rename.
                io::ErrorKind::CrossesDevices | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => {
                    copy(dir, entry, area, &name)?;
                    from.unlink(&entry.file)?;
                    return Ok(true);
                }
                _ => return Err(error),
            },
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Copies a message durably.
fn copy(dir: &FolderDir, entry: &Entry, area: &dyn Dir, name: &str) -> io::Result<()> {
    let mut from = dir.open_message(entry)?.ok_or(io::ErrorKind::NotFound)?;
    let mut to = area.create(name)?;
    io::copy(&mut from, &mut to)?;
    to.sync()?;
    area.sync()
}
