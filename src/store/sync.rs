//! How a batch of files becomes durable.
//!
//! On Linux from 5.8 on, `syncfs` reports write errors and counts as an fsync of every file of the file system: one flush for a whole
//! batch. It also writes what *others* left dirty, so a small batch is synced file by file. Network file systems and older kernels
//! always are, and so is what lies on another file system than the root: a folder may be a mount point.

use std::io;

use super::disk::{Dir, Syncing};

/// Below so many files, one fsync each is cheaper than flushing the whole file system.
const FEW: usize = 8;

impl Syncing {
    /// Makes the contents of files durable.
    pub fn files<'a>(self, root: &dyn Dir, files: impl ExactSizeIterator<Item = (&'a dyn Dir, &'a str)>) -> io::Result<()> {
        for (dir, name) in self.many(root, files, |(dir, _)| *dir)? {
            dir.open(name)?.sync()?;
        }
        Ok(())
    }

    /// Makes the entries of directories durable.
    pub fn dirs<'a>(self, root: &dyn Dir, dirs: impl ExactSizeIterator<Item = &'a dyn Dir>) -> io::Result<()> {
        for dir in self.many(root, dirs, |dir| *dir)? {
            dir.sync()?;
        }
        Ok(())
    }

    /// Flushes the root's file system when there are many things on it. Returns those that are still to be synced one by one.
    fn many<'a, T>(self, root: &dyn Dir, all: impl ExactSizeIterator<Item = T>, place: impl Fn(&T) -> &'a dyn Dir) -> io::Result<Vec<T>> {
        if !self.whole || all.len() <= FEW {
            return Ok(all.collect());
        }
        let home = root.stat()?.dev;
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for one in all {
            let on = place(&one).stat()?.dev;
            if on == home { here.push(one) } else { elsewhere.push(one) }
        }
        if here.len() > FEW {
            root.sync_all()?;
        } else {
            elsewhere.append(&mut here);
        }
        Ok(elsewhere)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use super::*;
    use crate::store::disk::{Disk as _, OsDisk};
    use crate::store::maildir::dir::FolderDir;

    #[test]
    fn what_lies_on_another_file_system_is_synced_one_by_one() {
        let open = |at: &Path| OsDisk.open(at).unwrap();
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm"));
        let root = open(home.path());
        let dev = |dir: &dyn Dir| dir.stat().unwrap().dev;
        let Some(other) = other.ok().filter(|other| dev(&*open(other.path())) != dev(&*root)) else {
            // Past the harness, which would swallow it.
            let _ = writeln!(io::stderr(), "SKIPPED: /dev/shm is no file system of its own here");
            return;
        };
        let sync = Syncing { whole: true, network: false };
        let (here, there) = (FolderDir::make(&*root, "").unwrap().0, FolderDir::make(&*open(other.path()), "").unwrap().0);
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let both = |here_too| {
            let of = |dir| names.iter().map(move |name| (dir, name.as_str()));
            let mut all: Vec<(&dyn Dir, &str)> = of(&*there.tmp).collect();
            all.extend(of(&*here.tmp).filter(|_| here_too));
            all
        };
        // A file that is opened for its fsync must be there; one that syncfs stands for is not looked at.
        assert!(sync.files(&*root, both(false).into_iter()).is_err());
        for name in &names {
            std::fs::write(other.path().join("tmp").join(name), "x").unwrap();
        }
        sync.files(&*root, both(false).into_iter()).unwrap();
        sync.files(&*root, both(true).into_iter()).unwrap();
        let dirs = [&*here.new, &*there.new].repeat(10);
        let left = sync.many(&*root, dirs.into_iter(), |dir| *dir).unwrap();
        assert!(left.len() == 10 && left.iter().all(|dir| dev(*dir) == dev(&*there.new)));
        sync.dirs(&*root, left.into_iter()).unwrap();
    }
}
