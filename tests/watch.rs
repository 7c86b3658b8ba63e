//! `mailx watch` against real servers: what arrives, how soon, and what is told when something goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "watch/exec.rs"]
mod exec;
#[path = "watch/idle.rs"]
mod idle;
#[path = "watch/line.rs"]
mod line;
#[path = "watch/proxy.rs"]
mod proxy;
#[path = "watch/push.rs"]
mod push;
#[path = "watch/service.rs"]
mod service;
#[path = "watch/soak.rs"]
mod soak;
#[path = "support/mod.rs"]
mod support;
#[path = "watch/trouble.rs"]
mod trouble;

use std::time::Duration;

use support::watching::{Watch, until};
use support::{World, dovecot};

/// A user and a Maildir; `None`, said loudly, without Dovecot.
fn world(prefix: &str) -> Option<World> {
    dovecot().map(|server| World::new(server, prefix))
}

/// What a push may take here; Dovecot's own notice takes most of it.
const SOON: Duration = Duration::from_secs(4);

/// Waits until `is_so`, which takes no longer than a push may.
#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let took = until(what, is_so);
    println!("{what} after {took:?}");
    assert!(took < SOON, "{what}: {took:?}");
}

/// Messages here.
fn count(w: &World) -> usize {
    w.mail().len()
}
