//! One heap for a process that stays.
//!
//! glibc gives up to eight threads a core a heap of their own, and each keeps what was needed in it once: ten accounts at rest hold three times what
//! they need. How many there may be is read from the environment when a process starts, so it starts once more, as the same process.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// What glibc reads (mallopt(3)).
const MOST: &str = "MALLOC_ARENA_MAX";

/// Begins this process anew with one heap, unless somebody has decided already. Where that fails it goes on as it is.
pub fn share() {
    if !cfg!(target_env = "gnu") || std::env::var_os(MOST).is_some() {
        return;
    }
    let mut words = std::env::args_os();
    let Some(name) = words.next() else { return };
    let error = Command::new("/proc/self/exe").arg0(name).args(words).env(MOST, "1").exec();
    tracing::debug!(%error, "each thread has a heap of its own");
}
