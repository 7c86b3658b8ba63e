//! What the tests against real servers share: a private Dovecot, a back door that does not use the code under test, the binary with
//! a deadline, and a reader of Maildirs that knows only maildir(5).
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

pub mod door;
pub mod kill;
pub mod maildir;
pub mod mount;
pub mod outgoing;
pub mod scripted;
pub mod server;
pub mod skip;
pub mod sogo;
pub mod watching;
pub mod world;

pub use door::{Letter, Mailboxes};
pub use maildir::{Mail, identity, read, snapshot};
pub use server::{Server, dovecot};
pub use skip::skip;
pub use sogo::sogo;
pub use world::{Out, World};
