//! What must hold for any input; the target under fuzz/ states the same.

use proptest::prelude::*;

use super::super::{Limits, Tag};
use super::node::{Content, Node};
use super::{all, events, from_hex, read, table::rows, vector_names};

fn limits() -> Limits {
    Limits { octets: 4096, value: 64, depth: 6, elements: 64, switches: 32, table: 8 }
}

/// Octets that look like WBXML more often than random ones do.
fn nearly_wbxml() -> impl Strategy<Value = Vec<u8>> {
    const HEADERS: &[&[u8]] = &[b"\x03\x01\x6A\x00", b"\x03\x01\x6A\x02a\0", b"\x03\x00\x00\x6A\x00", b""];
    const PARTS: &[&[u8]] = &[
        b"\x00",
        b"\x00\x00",
        b"\x00\x07",
        b"\x00\x11",
        b"\x00\x63",
        b"\x01",
        b"\x01\x01",
        b"\x02",
        b"\x03",
        b"\x03a\0",
        b"\x03\xC3\xBC\0",
        b"\x05",
        b"\x45",
        b"\x4B",
        b"\x0B",
        b"\x56",
        b"\x7E",
        b"\x3E",
        b"\x85",
        b"\x83",
        b"\x83\x00",
        b"\xC3",
        b"\xC3\x02ab",
        b"\xC3\x81\x00",
        b"\xFF\xFF",
        b"\x80",
        b"abc",
        b"\0",
    ];
    let body = prop::collection::vec(prop::sample::select(PARTS), 0..40).prop_map(|parts| parts.concat());
    let header = prop::sample::select(HEADERS);
    (header, body).prop_map(|(header, body)| [header, &body].concat())
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => nearly_wbxml(), 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn tag() -> impl Strategy<Value = Tag> {
    (0..rows().len()).prop_map(|at| Tag::new(rows()[at].0, rows()[at].2))
}

fn node() -> impl Strategy<Value = Node> {
    let content = prop_oneof![
        Just(Content::Empty),
        "[^\0]{1,40}".prop_map(Content::Text),
        prop::collection::vec(any::<u8>(), 1..300).prop_map(Content::Opaque),
    ];
    let leaf = (tag(), content).prop_map(|(tag, content)| Node { tag, content });
    let inner = leaf.prop_recursive(6, 40, 6, |inner| {
        (tag(), prop::collection::vec(inner, 1..6)).prop_map(|(tag, children)| Node { tag, content: Content::Children(children) })
    });
    (tag(), prop::collection::vec(inner, 1..4)).prop_map(|(tag, children)| Node { tag, content: Content::Children(children) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_chunks_of_anything_give_the_same_events(octets in octets(), sizes in prop::collection::vec(1usize..20, 1..20)) {
        prop_assert_eq!(events(&octets, &sizes, limits()), events(&octets, &[], limits()));
    }

    #[test]
    fn what_is_written_is_read(node in node(), sizes in prop::collection::vec(1usize..60, 1..20)) {
        let octets = node.write().unwrap();
        let found = events(&octets, &sizes, Limits::default()).unwrap();
        prop_assert_eq!(Node::from_events(found), node);
    }

    /// Cut anywhere, a document is never taken for a whole one.
    #[test]
    fn a_document_cut_short_is_truncated(node in node(), at in any::<prop::sample::Index>()) {
        let octets = node.write().unwrap();
        let at = at.index(octets.len());
        prop_assert_eq!(all(&octets[..at]), Err(super::super::WbxmlError::Truncated));
    }
}

/// One octet of a vector changed, each in turn: no panic, and the same events in any chunks.
#[test]
fn vectors_with_a_wrong_octet_never_panic() {
    for name in vector_names() {
        let octets = from_hex(&read(&format!("{name}.hex")));
        for at in 0..octets.len() {
            for value in [0x00, 0x01, 0x03, 0x3E, 0x7E, 0x83, 0xC3, octets[at] ^ 0x40] {
                let mut wrong = octets.clone();
                wrong[at] = value;
                assert_eq!(events(&wrong, &[3], Limits::default()), all(&wrong), "{name} with {value:#04x} at {at}");
            }
        }
    }
}
