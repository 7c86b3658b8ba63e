//! The operating system's file systems.

use std::any::Any;
use std::fs::{self, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;

use super::{Blocks, Dir, Disk, File, Held, Identity, Kind, Space, Stat, Syncing};

const DIR: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const CREATE: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const LOCK: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const OWN: Mode = Mode::RUSR.union(Mode::WUSR);

/// The file systems of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

#[derive(Debug)]
struct OsDir(OwnedFd);

#[derive(Debug)]
struct OsFile(fs::File);

/// The kernel gives it up with the handle.
#[derive(Debug)]
struct OsLock(#[expect(dead_code, reason = "held, never read")] fs::File);

impl Held for OsLock {}

impl Disk for OsDisk {
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        Ok(stat(&rustix::fs::lstat(path)?))
    }

    fn make_dirs(&self, path: &Path) -> io::Result<()> {
        let missing = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty() && !above.exists()).count();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        for above in path.ancestors().skip(1).take(missing + 1) {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            if let Ok(above) = fs::File::open(above) {
                above.sync_all()?;
            }
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Dir>> {
        Ok(Box::new(OsDir(fs::File::open(path)?.into())))
    }
}

impl Blocks for OsDisk {}

impl Blocks for fs::File {}

impl Dir for OsDir {
    fn open_dir(&self, name: &str) -> io::Result<Box<dyn Dir>> {
        Ok(Box::new(Self(rustix::fs::openat(&self.0, name, DIR, Mode::empty())?)))
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::RWXU)?)
    }

    fn remove_dir(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR) {
            // POSIX allows either for a directory that is not empty.
            Err(Errno::EXIST) => Err(Errno::NOTEMPTY.into()),
            removed => Ok(removed?),
        }
    }

    fn each(&self, each: &mut dyn FnMut(&str, Kind)) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => each(name, kind(entry.file_type())),
                Err(_) => each(&entry.file_name().to_string_lossy(), Kind::Nameless),
            }
        }
        Ok(())
    }

    fn nameless_dirs(&self) -> io::Result<Vec<(String, Box<dyn Dir>)>> {
        let mut found: Vec<(String, Box<dyn Dir>)> = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_str().is_err()
                && let Ok(dir) = rustix::fs::openat(&self.0, name, DIR, Mode::empty())
            {
                found.push((name.to_string_lossy().into_owned(), Box::new(Self(dir))));
            }
        }
        Ok(found)
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(stat(&rustix::fs::fstat(&self.0)?))
    }

    fn identity(&self) -> io::Result<Identity> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok(Identity { dev: stat.st_dev, ino: stat.st_ino, born: born(&self.0) })
    }

    fn stat_of(&self, name: &str) -> io::Result<Stat> {
        Ok(stat(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    fn has(&self, name: &str) -> bool {
        rustix::fs::accessat(&self.0, name, Access::EXISTS, AtFlags::empty()).is_ok()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        Ok(Box::new(OsFile(rustix::fs::openat(&self.0, name, READ, Mode::empty())?.into())))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        Ok(Box::new(OsFile(rustix::fs::openat(&self.0, name, CREATE, OWN)?.into())))
    }

    fn rename(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()> {
        let to = fd(to)?;
        match rustix::fs::renameat_with(&self.0, name, to, to_name, RenameFlags::NOREPLACE) {
            // File systems without RENAME_NOREPLACE: link refuses an existing name, too.
            Err(first @ (Errno::INVAL | Errno::NOSYS)) => {
                match rustix::fs::linkat(&self.0, name, to, to_name, AtFlags::empty()) {
                    Err(Errno::PERM | Errno::OPNOTSUPP) => return Err(first.into()),
                    linked => linked?,
                }
                Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
            }
            renamed => Ok(renamed?),
        }
    }

    fn replace(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, fd(to)?, to_name)?)
    }

    fn link(&self, name: &str, to: &dyn Dir, to_name: &str) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.0, name, fd(to)?, to_name, AtFlags::empty())?)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    #[cfg(target_os = "linux")]
    fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn syncing(&self) -> Syncing {
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
        let network = rustix::fs::fstatfs(&self.0).map_or(true, |s| NETWORK.contains(&(s.f_type as u32)));
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap_or(0));
        let kernel = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        // From 5.8 on, syncfs reports write errors.
        Syncing { whole: cfg!(target_os = "linux") && !network && kernel >= (5, 8), network }
    }

    fn space(&self) -> io::Result<Space> {
        let space = rustix::fs::fstatvfs(&self.0)?;
        let octets = |blocks: u64| blocks.saturating_mul(space.f_frsize);
        Ok(Space { free: octets(space.f_bavail), all: octets(space.f_blocks) })
    }

    fn try_lock(&self, name: &str) -> io::Result<Option<Box<dyn Held>>> {
        let file = fs::File::from(rustix::fs::openat(&self.0, name, LOCK, OWN)?);
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(OsLock(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The handle of a directory of this disk; another disk is another file system.
fn fd(dir: &dyn Dir) -> io::Result<BorrowedFd<'_>> {
    let dir: &dyn Any = dir;
    dir.downcast_ref::<OsDir>().map(|dir| dir.0.as_fd()).ok_or_else(|| Errno::XDEV.into())
}

impl File for OsFile {
    fn stat(&self) -> io::Result<Stat> {
        Ok(stat(&rustix::fs::fstat(&self.0)?))
    }

    fn set_mtime(&self, seconds: i64) -> io::Result<()> {
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        Ok(rustix::fs::futimens(&self.0, &Timestamps { last_access: time, last_modification: time })?)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl Read for OsFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.0.read_to_end(buf)
    }
}

impl Write for OsFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for OsFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

fn kind(of: FileType) -> Kind {
    match of {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Dir,
        FileType::Symlink => Kind::Link,
        FileType::Unknown => Kind::Unknown,
        _ => Kind::Other,
    }
}

/// When it was made, where the kernel and the file system tell.
#[cfg(target_os = "linux")]
fn born(of: &OwnedFd) -> Option<i64> {
    use rustix::fs::StatxFlags;
    let told = rustix::fs::statx(of, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    let born = told.stx_btime;
    let tells = StatxFlags::from_bits_retain(told.stx_mask).contains(StatxFlags::BTIME);
    tells.then(|| born.tv_sec.saturating_mul(1_000_000_000).saturating_add(i64::from(born.tv_nsec)))
}

#[cfg(not(target_os = "linux"))]
fn born(_: &OwnedFd) -> Option<i64> {
    None
}

fn stat(of: &rustix::fs::Stat) -> Stat {
    Stat {
        kind: kind(FileType::from_raw_mode(of.st_mode)),
        dev: of.st_dev,
        ino: of.st_ino,
        len: of.st_size.cast_unsigned(),
        mtime: of.st_mtime,
        mtime_nsec: of.st_mtime_nsec,
        changed: of.st_ctime,
        uid: of.st_uid,
        mode: of.st_mode & 0o7777,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_made_anew_is_another_one() {
        let tmp = tempfile::tempdir().unwrap();
        let root = OsDisk.open(tmp.path()).unwrap();
        let make = || {
            root.make_dir("x").unwrap();
            root.open_dir("x").unwrap().identity().unwrap()
        };
        let first = make();
        assert!(first.is(&root.open_dir("x").unwrap().identity().unwrap()));
        // Longer than the tick of any clock that stamps it.
        std::thread::sleep(std::time::Duration::from_millis(20));
        root.remove_dir("x").unwrap();
        let second = make();
        assert!(first.born.is_none() || !first.is(&second), "{first:?} {second:?}");
    }
}
