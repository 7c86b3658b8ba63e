//! Test doubles, built with the feature `testing` only: what the engine's tests run on instead of a server.

pub mod mem;
pub mod state;
