//! Bytes ↔ meaning, sans-I/O. Imports nothing of ours.

pub mod imap;
pub mod pop3;
pub mod sasl;
