//! One writer per root: an advisory lock that the kernel releases when the process dies. The lock file is never removed.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::model::{Class, Error, Result};

/// How often a held lock is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// The lock of a root; dropping it releases.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, never read")] File);

/// How long to wait for a lock that another run holds.
pub struct Patience<'a> {
    /// `None`: for ever; zero: not at all.
    pub most: Option<Duration>,
    /// Ends the wait early.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// Takes the lock `path`, waiting as `patience` says. Class `locked` when another run holds it to the end.
pub fn take(path: &Path, patience: &Patience<'_>) -> Result<Lock> {
    let tried = || format!("lock {}", path.display());
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path);
    let file = file.map_err(|e| Error::local(tried(), &e))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock(file)),
            Err(TryLockError::WouldBlock) if (patience.cancelled)() || patience.most.is_some_and(|most| begun.elapsed() >= most) => {
                return Err(Error::new(Class::Locked, tried(), "another run of mailx is at work on this Maildir")
                    .safe("nothing was touched")
                    .hint("wait for it, or give --wait"));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(RETRY),
            Err(TryLockError::Error(error)) => {
                return Err(Error::local(tried(), &error).hint("the file system must support flock; put the Maildir on a local disk"));
            }
        }
    }
}
