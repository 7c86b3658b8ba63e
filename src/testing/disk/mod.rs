//! A disk in memory. It knows what would be left of it if the power went now.

mod handle;
#[cfg(test)]
mod tests;
mod tree;

use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::clock::Clock;
use crate::store::disk::{Blocks, Dir, Disk, Stat, open_or_make};

use handle::MemDir;
use tree::{ROOT, Tree};

/// Called before everything that changes the disk, and every sync, with the call's name. What it answers is the answer where it fails.
pub type Hook = Arc<dyn Fn(&'static str) -> io::Result<()> + Send + Sync>;

/// Called before a directory is listed: the moment in which somebody else changes something.
pub type Listing = Arc<dyn Fn() + Send + Sync>;

/// A file system in memory. All clones are the same disk.
///
/// A call never waits. Durable is what was synced: a file's content by [`File::sync`](crate::store::disk::File::sync), names by
/// [`Dir::sync`]. As on journaling file systems, a rename is whole or has not happened, and what follows from another change to the same
/// name or file does not outlive it.
#[derive(Clone)]
pub struct MemDisk(Arc<Shared>);

struct Shared {
    tree: Mutex<Tree>,
    hook: Mutex<Option<Hook>>,
    listing: Mutex<Option<Listing>>,
}

impl std::fmt::Debug for MemDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemDisk").finish_non_exhaustive()
    }
}

impl MemDisk {
    /// An empty one, whose times are those of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { tree: Mutex::new(Tree::new(clock)), hook: Mutex::default(), listing: Mutex::default() }))
    }

    /// Sets what is called before a change.
    pub fn set_hook(&self, hook: Option<Hook>) {
        *lock(&self.0.hook) = hook;
    }

    /// Sets what is called before a listing.
    pub fn set_listing(&self, listing: Option<Listing>) {
        *lock(&self.0.listing) = listing;
    }

    /// Whoever uses it is dead: until it is let go, nothing changes any more, whatever is asked.
    pub fn freeze(&self, frozen: bool) {
        self.tree().frozen = frozen;
    }

    /// The power goes. What was synced stays; of everything else `keeps` decides, change by change and file by file.
    pub fn lose_power(&self, keeps: &mut dyn FnMut() -> bool) {
        self.tree().lose_power(keeps);
    }

    fn before_listing(&self) {
        let listing = lock(&self.0.listing).clone();
        if let Some(listing) = listing {
            listing();
        }
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.0.tree)
    }

    /// Changes the disk, unless it is frozen or the hook says that it fails.
    fn change<T>(&self, name: &'static str, change: impl FnOnce(&mut Tree) -> io::Result<T>) -> io::Result<T> {
        let hook = lock(&self.0.hook).clone();
        if let Some(hook) = hook.filter(|_| !self.tree().frozen) {
            hook(name)?;
        }
        let mut tree = self.tree();
        if tree.frozen { Err(tree::error(tree::IO)) } else { change(&mut tree) }
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        let tree = self.tree();
        let mut at = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                at = tree.entry(at, name.to_str().unwrap_or_default())?;
            }
        }
        Ok(at)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A hook may panic, as kill -9 does; it holds no lock of ours then.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk for MemDisk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let at = self.find(path)?;
        Ok(self.tree().stat(at))
    }

    fn make_dirs(&self, path: &Path) -> io::Result<()> {
        let mut dir: Box<dyn Dir> = Box::new(MemDir { disk: self.clone(), ino: ROOT });
        for part in path.components() {
            if let Component::Normal(name) = part {
                let (next, made) = open_or_make(&*dir, name.to_str().unwrap_or_default())?;
                if made || part == path.components().next_back().unwrap_or(part) {
                    dir.sync()?;
                }
                dir = next;
            }
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Dir>> {
        let ino = self.find(path)?;
        self.tree().entries(ino)?;
        Ok(Box::new(MemDir { disk: self.clone(), ino }))
    }
}

impl Blocks for MemDisk {
    fn blocks(&self) -> bool {
        false
    }
}
