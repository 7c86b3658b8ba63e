//! Tests of the whole module: the vectors, hostile documents, properties, and libwbxml as a judge.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hostile;
mod judge;
pub(in crate::wire) mod node;
mod properties;
mod reading;
mod table;
mod vectors;
mod xml;

use std::path::PathBuf;

use crate::wire::tests::in_pieces;

use super::{Event, Limits, Reader, WbxmlError, page};

/// The vectors' directory. They are read, not included: there are many.
fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/wbxml")
}

pub(in crate::wire) fn read(name: &str) -> String {
    let path = data().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(in crate::wire) fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    assert_eq!(digits.len() % 2, 0);
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The names of all vectors: `v01-provision-initial-request-16.1` and so on.
pub(in crate::wire) fn vector_names() -> Vec<String> {
    let names: Vec<String> = read("manifest.tsv").lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 76);
    names
}

/// Feeds `octets` in the given sizes (the last one repeated) and joins the pieces of each value.
fn events(octets: &[u8], sizes: &[usize], limits: Limits) -> Result<Vec<Event>, WbxmlError> {
    let mut reader = Reader::new(limits);
    let mut found = Vec::new();
    in_pieces(octets, sizes, |buf| {
        while let Some(event) = reader.next(buf)? {
            match (event, found.last_mut()) {
                (Event::Text(more), Some(Event::Text(text))) | (Event::Opaque(more), Some(Event::Opaque(text))) => {
                    *text = [&text[..], &more[..]].concat().into();
                }
                (event, _) => found.push(event),
            }
        }
        Ok(())
    })?;
    reader.finish()?;
    Ok(found)
}

pub(in crate::wire) fn all(octets: &[u8]) -> Result<Vec<Event>, WbxmlError> {
    events(octets, &[], Limits::default())
}
