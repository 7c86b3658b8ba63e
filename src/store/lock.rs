//! One writer per root: an advisory lock that the kernel releases when the process dies. The lock file is never removed.

use std::time::Duration;

use crate::model::{Class, Error, Result};

use super::clock::Clock;
use super::disk::Held;
use super::root::{Control, LOCK};

/// How often a held lock is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// ENOLCK and EOPNOTSUPP: what a file system says that has no such locks.
const NO_LOCKS: [i32; 2] = [37, 95];

/// How long to wait for a lock that another run holds.
pub struct Patience<'a> {
    /// `None`: for ever; zero: not at all.
    pub most: Option<Duration>,
    /// Ends the wait early.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// Takes the lock of a root, waiting as `patience` says; dropping it releases. Class `locked` when another run holds it to the end.
pub fn take(control: &Control, clock: &dyn Clock, patience: &Patience<'_>) -> Result<Box<dyn Held>> {
    let tried = || format!("lock {}", control.path.join(LOCK).display());
    let begun = clock.steady();
    loop {
        match control.dir.try_lock(LOCK) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if (patience.cancelled)() || patience.most.is_some_and(|most| clock.steady().saturating_sub(begun) >= most) => {
                let waited = patience.most != Some(Duration::ZERO);
                let hint = if waited { "wait for it: it goes on longer than this run waited" } else { "wait for it, or give --wait" };
                return Err(Error::new(Class::Locked, tried(), "another run of mailx is at work on this Maildir")
                    .safe("nothing was touched")
                    .hint(hint));
            }
            Ok(None) => clock.sleep(RETRY),
            Err(error) => {
                let local = Error::local(tried(), &error);
                let none = error.raw_os_error().is_some_and(|e| NO_LOCKS.contains(&e));
                return Err(if none { local.hint("the file system must support flock; put the Maildir on a local disk") } else { local });
            }
        }
    }
}
