//! A scripted malicious POP3 server against the real binary. Tests are named after the rows of the catalogue of threats.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests repeat for clarity")]

#[path = "hostile_pop3/bodies.rs"]
mod bodies;
#[path = "hostile_pop3/direct.rs"]
mod direct;
#[path = "hostile_pop3/ends.rs"]
mod ends;
#[path = "hostile_pop3/ids.rs"]
mod ids;
#[path = "hostile_pop3/lies.rs"]
mod lies;
#[path = "hostile_pop3/peer.rs"]
mod peer;
#[path = "support/mod.rs"]
mod support;
