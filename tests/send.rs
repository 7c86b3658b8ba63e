//! `mailx send` against a real submission server that relays into a sink, and against one that is scripted.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "send/bed.rs"]
mod bed;
#[path = "send/copies.rs"]
mod copies;
#[path = "send/forms.rs"]
mod forms;
#[path = "send/hostile.rs"]
mod hostile;
#[path = "send/kill.rs"]
mod kill;
#[path = "send/outbox.rs"]
mod outbox;
#[path = "send/peer.rs"]
mod peer;
#[path = "send/provider.rs"]
mod provider;
#[path = "send/said.rs"]
mod said;
#[path = "send/submission.rs"]
mod submission;
#[path = "support/mod.rs"]
mod support;
