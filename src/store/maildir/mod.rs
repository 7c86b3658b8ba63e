//! The Maildir: names, layout, digests, directories, delivery.

pub mod deliver;
pub mod digest;
pub mod dir;
pub mod keywords;
pub mod layout;
pub mod name;
