//! A scripted malicious IMAP server against the real binary. Tests are named after the rows of the catalogue of threats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::format_collect, clippy::zombie_processes, missing_docs, reason = "tests")]

#[path = "hostile/direct.rs"]
mod direct;
#[path = "hostile/home.rs"]
mod home;
#[path = "hostile/model.rs"]
mod model;
#[path = "hostile/peer.rs"]
mod peer;

#[path = "hostile/bodies.rs"]
mod bodies;
#[path = "hostile/changes.rs"]
mod changes;
#[path = "hostile/compress.rs"]
mod compress;
#[path = "hostile/folders.rs"]
mod folders;
#[path = "hostile/framing.rs"]
mod framing;
#[path = "hostile/lies.rs"]
mod lies;
#[path = "hostile/login.rs"]
mod login;
#[path = "hostile/names.rs"]
mod names;
#[path = "hostile/orders.rs"]
mod orders;
#[path = "hostile/rest.rs"]
mod rest;
#[path = "support/mod.rs"]
#[allow(clippy::pedantic, clippy::print_stdout, reason = "as in the tests that it is written for")]
mod support;
#[path = "hostile/uploads.rs"]
mod uploads;
#[path = "hostile/waiting.rs"]
mod waiting;

use support::outgoing;
