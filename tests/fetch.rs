//! `mailx fetch`: the real binary against a real Dovecot, from the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "fetch/adopt.rs"]
mod adopt;
#[path = "fetch/after_fetch.rs"]
mod after_fetch;
#[path = "fetch/again.rs"]
mod again;
#[path = "fetch/bad_input.rs"]
mod bad_input;
#[path = "fetch/bytes.rs"]
mod bytes;
#[path = "fetch/disk.rs"]
mod disk;
#[path = "fetch/flags.rs"]
mod flags;
#[path = "fetch/folders.rs"]
mod folders;
#[path = "fetch/kill.rs"]
mod kill;
#[path = "fetch/limits.rs"]
mod limits;
#[path = "fetch/locks.rs"]
mod locks;
#[path = "fetch/output.rs"]
mod output;
#[path = "fetch/renumber.rs"]
mod renumber;
#[path = "support/mod.rs"]
mod support;
#[path = "fetch/verify.rs"]
mod verify;
#[path = "fetch/weak.rs"]
mod weak;

use support::{World, dovecot};

/// A user and a Maildir; `None`, said loudly, without Dovecot. A prefix `md` gives a Maildir user, `quota` one with a quota.
fn world(prefix: &str) -> Option<World> {
    dovecot().map(|server| World::new(server, prefix))
}
