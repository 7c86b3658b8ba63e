//! mailx keeps a local Maildir and a mail account in step, whatever the account speaks.
//!
//! The map (arrows point down; `tests/architecture.rs` checks them):
//!
//! - [`cli`]: arguments, commands, bars, JSON, exit codes
//! - [`app`]: the composition root: configuration → secrets → backend and store → engine
//! - [`engine`]: plan, match, execute; the verbs. Knows backends only by their capabilities
//! - [`backend`]: the traits, and one folder for each protocol
//! - [`store`]: Maildir, state, outbox, lock
//! - `secret`, [`config`]: where secrets and settings come from
//! - [`net`]: dial, TLS, deadlines, meter
//! - [`wire`]: bytes ↔ meaning, no I/O
//! - [`model`]: the nouns
//! - `testing`: a server in memory, with the feature `testing` only
#![forbid(unsafe_code)]

pub mod app;
pub mod backend;
pub mod cli;
pub mod config;
pub mod engine;
pub mod model;
pub mod net;
pub mod secret;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod wire;
