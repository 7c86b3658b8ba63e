//! Opaque bookmarks of a backend.

use std::sync::Arc;

/// "I have seen up to here" of one folder (or of the folder list). The bytes belong to the backend that made them; the store
/// keeps them in the same transaction as what they cover. They may be many (12 for each message on POP3): copies share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub Arc<[u8]>);

impl From<Vec<u8>> for Cursor {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

/// A cheap token for "nothing changed": equal marks of two moments mean that nothing of the kind happened in between.
/// Unequal marks mean nothing at all. The bytes belong to the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(pub Vec<u8>);
