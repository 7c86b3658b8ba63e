//! `mailx` against a scripted ActiveSync server: what real servers rarely do, and what they must not do.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]
#![allow(dropping_references, reason = "what a writer returns is for chaining")]

#[path = "eas/drafts.rs"]
mod drafts;
#[path = "eas/exchange.rs"]
mod exchange;
#[path = "eas/faults.rs"]
mod faults;
#[path = "eas/home.rs"]
mod home;
#[path = "eas/hostile.rs"]
mod hostile;
#[path = "eas/keys.rs"]
mod keys;
#[path = "eas/kill.rs"]
mod kill;
#[path = "eas/mailbox.rs"]
mod mailbox;
#[path = "eas/peer.rs"]
mod peer;
#[path = "eas/policy.rs"]
mod policy;
#[path = "eas/send.rs"]
mod send;
#[path = "eas/statuses.rs"]
mod statuses;
#[path = "support/mod.rs"]
mod support;
#[path = "eas/who.rs"]
mod who;
