//! How the columns of a row are read and written.

use rusqlite::Row;

use crate::model::{Hash, Keyword, LocalName, RemoteId};
use crate::store::maildir::digest::{Digest, LineEnds};

pub(super) const WANTED: i64 = 0;
pub(super) const STORED: i64 = 1;
pub(super) const SKIPPED: i64 = 2;
pub(super) const RELEASING: i64 = 3;
pub(super) const RELEASED: i64 = 4;
pub(super) const ARRIVING: i64 = 5;
pub(super) const MOVING: i64 = 6;

fn hash(row: &Row<'_>, at: usize) -> rusqlite::Result<Hash> {
    row.get::<_, [u8; 32]>(at).map(Hash)
}

/// Columns `octets, as_sent, identity, wire, header` from `at` on.
pub(super) fn digest(row: &Row<'_>, at: usize) -> rusqlite::Result<Digest> {
    Ok(Digest {
        octets: row.get::<_, i64>(at)? as u64,
        line_ends: if row.get::<_, i64>(at + 1)? == 1 { LineEnds::AsSent } else { LineEnds::Lf },
        identity: hash(row, at + 2)?,
        wire: hash(row, at + 3)?,
        header: hash(row, at + 4)?,
    })
}

pub(super) fn name(row: &Row<'_>, at: usize) -> rusqlite::Result<LocalName> {
    row.get::<_, String>(at).map(|n| LocalName(n.into()))
}

pub(super) fn remote(row: &Row<'_>, at: usize) -> rusqlite::Result<RemoteId> {
    row.get::<_, String>(at).map(|n| RemoteId(n.into()))
}

pub(super) fn keywords(text: Option<String>) -> Vec<Keyword> {
    text.map(|t| t.split(' ').filter_map(Keyword::new).collect()).unwrap_or_default()
}

pub(super) fn keyword_text(keywords: &[Keyword]) -> Option<String> {
    (!keywords.is_empty()).then(|| keywords.iter().map(Keyword::as_str).collect::<Vec<_>>().join(" "))
}
