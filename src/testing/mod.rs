//! Test doubles, built with the feature `testing` only: what the engine's tests run on instead of a server, a disk and a clock.

pub mod clock;
mod ctx;
pub mod disk;
pub mod mem;
pub mod state;

pub use ctx::ctx;
