//! How a batch of files becomes durable.
//!
//! On Linux from 5.8 on, `syncfs` reports write errors and counts as an fsync of every file of the file system: one flush for a whole
//! batch. It also writes what *others* left dirty, so a small batch is synced file by file. Network file systems and older kernels
//! always are.

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
        if self.syncfs && files.len() > FEW {
            return syncfs(root);
        }
        for (dir, name) in files {
            let file = rustix::fs::openat(&dir.tmp, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            rustix::fs::fsync(&file)?;
        }
        Ok(())
    }

    /// Makes the entries of directories durable.
    pub fn dirs<'a>(self, root: &OwnedFd, dirs: impl ExactSizeIterator<Item = &'a OwnedFd>) -> io::Result<()> {
        if self.syncfs && dirs.len() > FEW {
            return syncfs(root);
        }
        for dir in dirs {
            rustix::fs::fsync(dir.as_fd())?;
        }
        Ok(())
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
