//! The engine: what changed there → a plan (pure) → an executor with a journal. It knows backends by their capabilities only.

pub mod fetch;
mod gaps;
pub mod guard;
pub mod matching;
pub mod merge;
mod origin;
pub mod plan;
mod portions;
mod reading;
pub mod select;
pub mod send;
pub mod sync;
pub mod verify;
pub mod watch;
