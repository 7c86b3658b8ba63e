//! `mailx sync`: the real binary against a real Dovecot, from the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "sync/bad_input.rs"]
mod bad_input;
#[path = "sync/both.rs"]
mod both;
#[path = "sync/both_ways.rs"]
mod both_ways;
#[path = "sync/folders.rs"]
mod folders;
#[path = "sync/guard.rs"]
mod guard;
#[path = "sync/kill.rs"]
mod kill;
#[path = "sync/moves.rs"]
mod moves;
#[path = "sync/state.rs"]
mod state;
#[path = "support/mod.rs"]
mod support;

use support::{World, dovecot};

/// A user and a Maildir; `None`, said loudly, without Dovecot. A prefix `tiny` gives a user with 10 MB of space.
fn world(prefix: &str) -> Option<World> {
    dovecot().map(|server| World::new(server, prefix))
}
