//! Open directories and files.

use std::any::Any;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use crate::store::disk::{Dir, File, Held, Identity, Kind, Space, Stat, Syncing};

use super::MemDisk;
use super::tree::{NOTDIR, XDEV, error};

#[derive(Debug)]
pub struct MemDir {
    pub disk: MemDisk,
    pub ino: u64,
}

#[derive(Debug)]
struct MemFile {
    disk: MemDisk,
    ino: u64,
    at: usize,
}

#[derive(Debug)]
struct MemLock {
    disk: MemDisk,
    ino: u64,
}

impl Held for MemLock {}

impl Drop for MemLock {
    fn drop(&mut self) {
        self.disk.tree().locks.remove(&self.ino);
    }
}

impl MemDir {
    fn file(&self, ino: u64) -> Box<dyn File> {
        Box::new(MemFile { disk: self.disk.clone(), ino, at: 0 })
    }

    /// The inode of a directory of this disk.
    fn inode(&self, dir: &dyn Dir) -> io::Result<u64> {
        let dir: &dyn Any = dir;
        let dir = dir.downcast_ref::<Self>().filter(|dir| std::sync::Arc::ptr_eq(&dir.disk.0, &self.disk.0));
        dir.map(|dir| dir.ino).ok_or_else(|| error(XDEV))
    }
}

impl Dir for MemDir {
    fn open_dir(&self, name: &str) -> io::Result<Box<dyn Dir>> {
        let tree = self.disk.tree();
        let ino = tree.entry(self.ino, name)?;
        if tree.kind(ino) != Kind::Dir {
            return Err(error(NOTDIR));
        }
        Ok(Box::new(Self { disk: self.disk.clone(), ino }))
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        self.disk.change("make-dir", |tree| tree.make(self.ino, name, Kind::Dir).map(drop))
    }

    fn remove_dir(&self, name: &str) -> io::Result<()> {
        self.disk.change("remove-dir", |tree| tree.remove_dir(self.ino, name))
    }

    fn each(&self, each: &mut dyn FnMut(&str, Kind)) -> io::Result<()> {
        self.disk.before_listing();
        let tree = self.disk.tree();
        let entries: Vec<(String, Kind)> = tree.entries(self.ino)?.iter().map(|(name, ino)| (name.clone(), tree.kind(*ino))).collect();
        drop(tree);
        for (name, kind) in &entries {
            each(name, *kind);
        }
        Ok(())
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(self.disk.tree().stat(self.ino))
    }

    fn identity(&self) -> io::Result<Identity> {
        Ok(self.disk.tree().identity(self.ino))
    }

    fn stat_of(&self, name: &str) -> io::Result<Stat> {
        let tree = self.disk.tree();
        Ok(tree.stat(tree.entry(self.ino, name)?))
    }

    fn has(&self, name: &str) -> bool {
        self.disk.tree().entry(self.ino, name).is_ok()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let ino = self.disk.tree().entry(self.ino, name)?;
        Ok(self.file(ino))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let ino = self.disk.change("create", |tree| tree.make(self.ino, name, Kind::File))?;
        Ok(self.file(ino))
    }

    fn rename(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()> {
        let to = self.inode(to)?;
        self.disk.change("rename", |tree| tree.rename((self.ino, name), (to, to_name), false))
    }

    fn replace(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()> {
        let to = self.inode(to)?;
        self.disk.change("replace", |tree| tree.rename((self.ino, name), (to, to_name), true))
    }

    fn link(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()> {
        let to = self.inode(to)?;
        self.disk.change("link", |tree| tree.link((self.ino, name), (to, to_name)))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.disk.change("unlink", |tree| tree.unlink(self.ino, name))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.change("sync-dir", |tree| {
            tree.sync_dir(self.ino);
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.change("sync-all", |tree| {
            tree.sync_all();
            Ok(())
        })
    }

    fn syncing(&self) -> Syncing {
        // One by one, so that nothing is durable by chance.
        Syncing { whole: false, network: false }
    }

    fn space(&self) -> io::Result<Space> {
        Ok(Space { free: 1 << 40, all: 1 << 40 })
    }

    fn try_lock(&self, name: &str) -> io::Result<Option<Box<dyn Held>>> {
        let ino = if self.has(name) {
            self.disk.tree().entry(self.ino, name)?
        } else {
            self.disk.change("create", |tree| tree.make(self.ino, name, Kind::File))?
        };
        let taken = self.disk.tree().locks.insert(ino);
        Ok(taken.then(|| Box::new(MemLock { disk: self.disk.clone(), ino }) as Box<dyn Held>))
    }
}

impl File for MemFile {
    fn stat(&self) -> io::Result<Stat> {
        Ok(self.disk.tree().stat(self.ino))
    }

    fn set_mtime(&self, seconds: i64) -> io::Result<()> {
        self.disk.change("set-time", |tree| {
            tree.set_mtime(self.ino, Duration::from_secs(seconds.max(0).cast_unsigned()));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.change("sync-file", |tree| {
            tree.sync_file(self.ino);
            Ok(())
        })
    }
}

impl Read for MemFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let tree = self.disk.tree();
        let bytes = tree.bytes(self.ino)?;
        let rest = bytes.get(self.at..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        drop(tree);
        self.at += n;
        Ok(n)
    }
}

impl Write for MemFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.disk.change("write", |tree| tree.write(self.ino, self.at, buf))?;
        self.at += buf.len();
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for MemFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.disk.tree().bytes(self.ino)?.len() as u64;
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => end.checked_add_signed(by),
            SeekFrom::Current(by) => (self.at as u64).checked_add_signed(by),
        };
        let at = to.ok_or(io::ErrorKind::InvalidInput)?;
        self.at = at as usize;
        Ok(at)
    }
}
