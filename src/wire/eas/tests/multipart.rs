//! The splitter: the vector, any chunks, and answers that lie.

use bytes::BytesMut;
use proptest::prelude::*;

use super::super::{EasError, FetchEvent, Multipart, Part};
use super::{fetch_events, vector};
use crate::wire::wbxml::tests::{from_hex, read};

/// Number and octets of each part, in chunks of `size`.
fn parts(octets: &[u8], size: usize) -> Result<Vec<(usize, Vec<u8>)>, EasError> {
    let (mut multipart, mut buf, mut found) = (Multipart::new(), BytesMut::new(), Vec::new());
    let (mut open, mut announced) = (false, 0u32);
    for chunk in octets.chunks(size.max(1)) {
        buf.extend_from_slice(chunk);
        while let Some(part) = multipart.next(&mut buf)? {
            match part {
                Part::Start { number, length } => {
                    assert!(!open);
                    (open, announced) = (true, length);
                    found.push((number, Vec::new()));
                }
                Part::Data(data) => {
                    assert!(open && !data.is_empty());
                    found.last_mut().unwrap().1.extend_from_slice(&data);
                }
                Part::End => {
                    assert!(open && found.last().unwrap().1.len() == announced as usize);
                    open = false;
                }
            }
        }
    }
    multipart.finish()?;
    assert!(!open);
    Ok(found)
}

fn answer(table: &[(u32, u32)], data: &[u8]) -> Vec<u8> {
    let numbers = [table.len() as u32].into_iter().chain(table.iter().flat_map(|(offset, length)| [*offset, *length]));
    numbers.flat_map(u32::to_le_bytes).chain(data.iter().copied()).collect()
}

#[test]
fn the_vector_has_its_document_and_its_data() {
    let octets = from_hex(&read("multipart-itemoperations-response.hex"));
    for size in [1, 3, 7, octets.len()] {
        let found = parts(&octets, size).unwrap();
        assert_eq!(found, [(0, vector("v57-itemoperations-fetch-multipart-response")), (1, b"data".to_vec())]);
    }
    let document = &parts(&octets, 9).unwrap()[0].1;
    assert!(fetch_events(document, 5).unwrap().iter().any(|event| matches!(event, FetchEvent::Item(item) if item.status.is_done())));
}

#[test]
fn parts_come_in_the_order_in_which_they_lie() {
    let octets = answer(&[(33, 2), (28, 5), (35, 0)], b"HELLOHI");
    assert_eq!(parts(&octets, 4).unwrap(), [(1, b"HELLO".to_vec()), (0, b"HI".to_vec()), (2, vec![])]);
    let gap = answer(&[(15, 2)], b"xxxHI");
    assert_eq!(parts(&gap, 1).unwrap(), [(0, b"HI".to_vec())]);
}

#[test]
fn answers_that_lie_are_refused() {
    let wrong = |octets: &[u8]| parts(octets, 3).unwrap_err();
    for overlap in [answer(&[(0, 4)], b"data"), answer(&[(11, 4)], b"data"), answer(&[(20, 3), (22, 2)], b"data")] {
        assert_eq!(wrong(&overlap), EasError::Multipart("parts overlap"));
    }
    for short in [&b""[..], b"\x01\0\0", b"\x01\0\0\0\x0c\0\0\0", &answer(&[(12, 5)], b"data"), &answer(&[(12, u32::MAX)], b"data")] {
        assert_eq!(wrong(short), EasError::Multipart("cut short"));
    }
    assert_eq!(wrong(&answer(&[(u32::MAX, 1)], b"data")), EasError::Multipart("cut short"));
    assert_eq!(wrong(&answer(&[(12, 4)], b"datax")), EasError::Multipart("octets after the last part"));
    assert_eq!(wrong(&answer(&[], b"")), EasError::Multipart("no parts"));
    assert_eq!(wrong(b"\xff\xff\xff\xff"), EasError::TooMany("parts"));
    // Big-endian integers, WBXML and HTML are far too many parts.
    for other in [&b"\0\0\0\x02"[..], b"\x03\x01\x6a\0", b"<htm"] {
        assert_eq!(wrong(other), EasError::TooMany("parts"));
    }
}

#[test]
fn the_number_of_parts_is_bounded() {
    let many = |count: u32| answer(&vec![(4 + 8 * count, 0); count as usize], b"");
    assert_eq!(parts(&many(1024), 100).unwrap().len(), 1024);
    assert_eq!(parts(&many(1025), 100), Err(EasError::TooMany("parts")));
}

proptest! {
    #[test]
    fn any_chunks_give_the_same_parts(
        table in prop::collection::vec((0u32..60, 0u32..12), 0..4),
        data in prop::collection::vec(any::<u8>(), 0..40),
        size in 1usize..50,
    ) {
        let octets = answer(&table, &data);
        prop_assert_eq!(parts(&octets, size), parts(&octets, octets.len()));
    }

    #[test]
    fn what_is_put_together_is_taken_apart(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6), size in 1usize..50) {
        let mut at = 4 + 8 * bodies.len() as u32;
        let mut table = Vec::new();
        for body in &bodies {
            table.push((at, body.len() as u32));
            at += body.len() as u32;
        }
        let found = parts(&answer(&table, &bodies.concat()), size).unwrap();
        prop_assert_eq!(found, bodies.into_iter().enumerate().collect::<Vec<_>>());
    }
}
