//! Opaque bookmarks of a backend.

/// "I have seen up to here" of one folder (or of the folder list). The bytes belong to the backend that made them; the store
/// keeps them in the same transaction as what they cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub Vec<u8>);

/// A cheap token for "nothing changed": equal marks of two moments mean that nothing of the kind happened in between.
/// Unequal marks mean nothing at all. The bytes belong to the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(pub Vec<u8>);
