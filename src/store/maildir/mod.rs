//! The Maildir: names, layout, digests, directories, delivery.

mod commit;
pub mod deliver;
pub mod digest;
pub mod dir;
pub mod finder;
mod incoming;
pub mod keywords;
pub mod layout;
pub mod name;
pub mod outgoing;
pub mod streamed;
mod target;
