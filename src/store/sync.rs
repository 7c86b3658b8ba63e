//! How a batch of files becomes durable.
//!
//! On Linux from 5.8 on, `syncfs` reports write errors and counts as an fsync of every file of the file system: one flush for a whole
//! batch. It also writes what *others* left dirty, so a small batch is synced file by file. Network file systems and older kernels
//! always are, and so is what lies on another file system than the root: a folder may be a mount point.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use super::maildir::dir::FolderDir;

/// Below so many files, one fsync each is cheaper than flushing the whole file system.
const FEW: usize = 8;

/// How this file system is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncMode {
    /// `syncfs` can be relied on.
    pub syncfs: bool,
    /// A network file system: no WAL either.
    pub network: bool,
}

impl SyncMode {
    /// Looks at the file system of `fd` and at the kernel.
    pub fn of(fd: &OwnedFd) -> Self {
        // Magic numbers of statfs(2): NFS, SMB, SMB2, CIFS, AFS, Ceph, Coda, FUSE (may be sshfs), 9P, OCFS2, GFS2, Lustre.
        const NETWORK: [u32; 12] = [
            0x6969,
            0x517b,
            0xfe53_4d42,
            0xff53_4d42,
            0x5346_414f,
            0x00c3_6400,
            0x7375_7245,
            0x6573_5546,
            0x0102_1997,
            0x7461_636f,
            0x0116_1970,
            0x0bd0_0bd0,
        ];
        let network = rustix::fs::fstatfs(fd).map_or(true, |s| NETWORK.contains(&(s.f_type as u32)));
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap_or(0));
        let kernel = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Self { syncfs: cfg!(target_os = "linux") && !network && kernel >= (5, 8), network }
    }

    /// Makes the contents of tmp files durable.
    pub fn files<'a>(self, root: &OwnedFd, files: impl ExactSizeIterator<Item = (&'a FolderDir, &'a str)>) -> io::Result<()> {
        for (dir, name) in self.many(root, files, |(dir, _)| &dir.tmp)? {
            let file = rustix::fs::openat(&dir.tmp, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            rustix::fs::fsync(&file)?;
        }
        Ok(())
    }

    /// Makes the entries of directories durable.
    pub fn dirs<'a>(self, root: &OwnedFd, dirs: impl ExactSizeIterator<Item = &'a OwnedFd>) -> io::Result<()> {
        for dir in self.many(root, dirs, |dir| dir)? {
            rustix::fs::fsync(dir.as_fd())?;
        }
        Ok(())
    }

    /// Flushes the root's file system when there are many things on it. Returns those that are still to be synced one by one.
    fn many<T>(self, root: &OwnedFd, all: impl ExactSizeIterator<Item = T>, place: impl Fn(&T) -> &OwnedFd) -> io::Result<Vec<T>> {
        if !self.syncfs || all.len() <= FEW {
            return Ok(all.collect());
        }
        let home = rustix::fs::fstat(root)?.st_dev;
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for one in all {
            let on = rustix::fs::fstat(place(&one))?.st_dev;
            if on == home { here.push(one) } else { elsewhere.push(one) }
        }
        if here.len() > FEW {
            syncfs(root)?;
        } else {
            elsewhere.append(&mut here);
        }
        Ok(elsewhere)
    }
}

#[cfg(target_os = "linux")]
fn syncfs(root: &OwnedFd) -> io::Result<()> {
    Ok(rustix::fs::syncfs(root)?)
}

#[cfg(not(target_os = "linux"))]
fn syncfs(_: &OwnedFd) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use super::*;

    fn open(at: &Path) -> OwnedFd {
        std::fs::File::open(at).unwrap().into()
    }

    #[test]
    fn what_lies_on_another_file_system_is_synced_one_by_one() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm"));
        let root = open(home.path());
        let dev = |fd: &OwnedFd| rustix::fs::fstat(fd).unwrap().st_dev;
        let Some(other) = other.ok().filter(|other| dev(&open(other.path())) != dev(&root)) else {
            // Past the harness, which would swallow it.
            let _ = writeln!(io::stderr(), "SKIPPED: /dev/shm is no file system of its own here");
            return;
        };
        let sync = SyncMode { syncfs: true, network: false };
        let (here, there) = (FolderDir::make(&root, "").unwrap().0, FolderDir::make(&open(other.path()), "").unwrap().0);
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let both = |here_too| {
            let of = |dir| names.iter().map(move |name| (dir, name.as_str()));
            let mut all: Vec<(&FolderDir, &str)> = of(&there).collect();
            all.extend(of(&here).filter(|_| here_too));
            all
        };
        // A file that is opened for its fsync must be there; one that syncfs stands for is not looked at.
        assert!(sync.files(&root, both(false).into_iter()).is_err());
        for name in &names {
            std::fs::write(other.path().join("tmp").join(name), "x").unwrap();
        }
        sync.files(&root, both(false).into_iter()).unwrap();
        sync.files(&root, both(true).into_iter()).unwrap();
        let dirs = [&here.new, &there.new].repeat(10);
        let left = sync.many(&root, dirs.into_iter(), |dir| dir).unwrap();
        assert!(left.len() == 10 && left.iter().all(|dir| dev(dir) == dev(&there.new)));
        sync.dirs(&root, left.into_iter()).unwrap();
    }
}
