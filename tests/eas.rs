//! `mailx` over ActiveSync: against a real SOGo, and against a scripted server for what SOGo does not do.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "eas/fetch.rs"]
mod fetch;
#[path = "eas/garbage.rs"]
mod garbage;
#[path = "eas/hostile.rs"]
mod hostile;
#[path = "eas/kill.rs"]
mod kill;
#[path = "eas/mailbox.rs"]
mod mailbox;
#[path = "eas/node.rs"]
mod node;
#[path = "eas/peer.rs"]
mod peer;
#[path = "eas/policy.rs"]
mod policy;
#[path = "support/mod.rs"]
mod support;
#[path = "eas/switch.rs"]
mod switch;
#[path = "eas/sync.rs"]
mod sync;

use support::Out;

/// What a run counted: downloaded, uploaded, deleted here, deleted there.
fn sums(out: &Out) -> [u64; 4] {
    ["downloaded", "uploaded", "deleted_here", "deleted_there"].map(|name| out.sum(name))
}
