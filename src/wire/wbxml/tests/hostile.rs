//! Row 95 of the catalogue of hostile servers: malformed WBXML. And every limit, just below and just above.

use std::time::{Duration, Instant};

use super::super::{Limits, Tag, WbxmlError};
use super::{all, events, from_hex, page::AirSync as A};

const HEADER: &[u8] = &[0x03, 0x01, 0x6A, 0x00];

fn document(body: &[u8]) -> Result<usize, WbxmlError> {
    limited(body, Limits::default())
}

/// How many events there are.
fn limited(body: &[u8], limits: Limits) -> Result<usize, WbxmlError> {
    events(&[HEADER, body].concat(), &[], limits).map(|found| found.len())
}

#[test]
fn row_95_string_table() {
    let document = |table: &str, index: &str| all(&from_hex(&format!("03016a{table} 45 4b83{index}01 01"))).map(|found| found.len());
    assert_eq!(document("024100", "00"), Ok(5));
    assert_eq!(document("024100", "01"), Ok(4), "an empty string");
    for (table, index) in [("024100", "02"), ("00", "00"), ("024100", "8fffffff7f"), ("024142", "00")] {
        assert_eq!(document(table, index), Err(WbxmlError::StringTable), "{table} {index}");
    }
    assert_eq!(all(&from_hex("03016a a001 00")), Err(WbxmlError::TooLong("string table")));
    assert_eq!(all(&from_hex("03016a 8fffffff7f")), Err(WbxmlError::TooLong("string table")));
    assert_eq!(all(&from_hex("03016a 05414200")), Err(WbxmlError::Truncated));
}

#[test]
fn row_95_multi_byte_integers() {
    let opaque = |length: &str| all(&from_hex(&format!("03016a00 45 4b c3{length}")));
    for length in ["ffffffffffffffffffffffffffffffffffffff7f", "9080808000", "808080808000", "ff80808000"] {
        assert_eq!(opaque(length), Err(WbxmlError::Number), "{length}");
    }
    // 2^31, 2^32 - 1.
    for length in ["8880808000", "8fffffff7f"] {
        assert_eq!(opaque(length), Err(WbxmlError::TooLong("value")), "{length}");
    }
    for length in ["", "ff", "ffff", "05", "8001"] {
        assert_eq!(opaque(length), Err(WbxmlError::Truncated), "{length}");
    }
    assert_eq!(all(&from_hex("03ffffffffff7f")), Err(WbxmlError::Number), "in the header");
}

#[test]
fn row_95_tokens_that_are_none() {
    // Entities, literal tags, processing instructions, extensions.
    for token in [0x02u8, 0x04, 0x44, 0x84, 0xC4, 0x43, 0x40, 0x41, 0x42, 0x80, 0x81, 0x82, 0xC0, 0xC1, 0xC2] {
        assert_eq!(document(&[0x45, token, 0x00]), Err(WbxmlError::Token(token)), "{token:#04x} inside");
        assert_eq!(document(&[token, 0x00]), Err(WbxmlError::Token(token)), "{token:#04x} outside");
    }
    // Text, opaque data and ends where no element is open.
    for token in [0x01u8, 0x03, 0x83, 0xC3] {
        assert_eq!(document(&[token, 0x00]), Err(WbxmlError::Token(token)), "{token:#04x}");
    }
    assert_eq!(document(&[0x85]), Err(WbxmlError::Attributes(A::Sync)));
    assert_eq!(document(&[0xC5]), Err(WbxmlError::Attributes(A::Sync)));
    assert_eq!(document(&[0x00, 99, 0xC5]), Err(WbxmlError::Attributes(Tag::new(99, 5))));
}

#[test]
fn row_95_documents_that_end_too_early_or_too_late() {
    for body in [&b""[..], b"\x00", b"\x00\x07", b"\x45", b"\x45\x03", b"\x45\x03A", b"\x45\x0B", b"\x45\x00", b"\x45\x00\x07"] {
        assert_eq!(document(body), Err(WbxmlError::Truncated), "{body:x?}");
    }
    for body in [&b"\x05\x01"[..], b"\x05\x05", b"\x45\x01\x00", b"\x05\n", b"\x05<html>"] {
        assert_eq!(document(body), Err(WbxmlError::Trailing), "{body:x?}");
    }
    assert_eq!(all(b""), Err(WbxmlError::Truncated));
    for text in [&b"<!DOCTYPE html>"[..], b"HTTP", b"{\"error\"", b"\0\0\0\0", b"\r\n", b"\x1f\x8b"] {
        assert_eq!(all(text), Err(WbxmlError::Version(text[0])));
    }
}

#[test]
fn row_95_depth() {
    let nested = |depth| [vec![0x45; depth], vec![0x01; depth]].concat();
    assert_eq!(document(&nested(32)), Ok(64));
    for depth in [33, 100_000] {
        assert_eq!(document(&nested(depth)), Err(WbxmlError::TooDeep));
    }
    // Skipped ones count, and an element without content at the bottom.
    assert_eq!(document(&[vec![0x00, 99], nested(32)].concat()), Ok(1));
    assert_eq!(document(&[vec![0x00, 99], nested(33)].concat()), Err(WbxmlError::TooDeep));
    assert_eq!(document(&[vec![0x45; 32], vec![0x05]].concat()), Err(WbxmlError::TooDeep));
}

#[test]
fn limits_hold_to_the_last_unit() {
    let default = Limits::default();
    let with = |elements| Limits { elements, ..default };
    let children = [&b"\x45"[..], &[0x0B; 9], b"\x01"].concat();
    assert_eq!((limited(&children, with(10)), limited(&children, with(9))), (Ok(20), Err(WbxmlError::TooManyElements)));

    let with = |value| Limits { value, ..default };
    for value in [&b"\x03ABCD\0"[..], b"\xC3\x04ABCD", b"\x03AB\0\xC3\x02CD", b"\xC3\x03ABC\x03D\0"] {
        let body = [b"\x45\x4B", value, b"\x01\x01"].concat();
        assert!(limited(&body, with(4)).is_ok());
        assert_eq!(limited(&body, with(3)), Err(WbxmlError::TooLong("value")));
        let body = [b"\x45\x4B", value, b"\x01\x4B", value, b"\x01\x01"].concat();
        assert!(limited(&body, with(4)).is_ok(), "each element has its own");
        let body = [b"\x00\x63\x45\x4B", value, b"\x01\x01"].concat();
        assert_eq!(limited(&body, with(3)), Err(WbxmlError::TooLong("value")), "skipped ones, too");
    }

    let with = |switches| Limits { switches, ..default };
    let body = b"\x00\x07\x00\x07\x00\x07\x56\x01";
    assert_eq!((limited(body, with(3)), limited(body, with(2))), (Ok(2), Err(WbxmlError::TooManySwitches)));

    let with = |octets| Limits { octets, ..default };
    let body = b"\x45\x4B\x03ABCD\0\x01\x01";
    assert_eq!((limited(body, with(14)), limited(body, with(13))), (Ok(5), Err(WbxmlError::TooLong("document"))));
    let endless = [&b"\x45"[..], &b"\x03\0".repeat(100)].concat();
    assert_eq!(limited(&endless, with(100)), Err(WbxmlError::TooLong("document")), "empty texts are no free ride");

    let with = |table| Limits { table, ..default };
    let table = from_hex("03016a024100 05");
    assert!(events(&table, &[], with(2)).is_ok());
    assert_eq!(events(&table, &[], with(1)), Err(WbxmlError::TooLong("string table")));
}

/// A quarter of a megabyte of anything, octet by octet and at once, are read in time linear in their length. The bound is generous (debug build,
/// busy machine) but far below what a quadratic reader needs.
#[test]
fn no_document_is_quadratic() {
    let many = |part: &[u8]| part.repeat((1 << 18) / part.len());
    let documents = [
        [&b"\x45\x4B\x03"[..], &many(b"A"), b"\0\x01\x01"].concat(),
        [&b"\x45\x4B\xC3\x90\x80\x00"[..], &many(b"A"), b"\x01\x01"].concat(),
        [&b"\x45\x4B"[..], &many(b"\x03A\0"), b"\x01\x01"].concat(),
        [&b"\x45\x4B"[..], &many(b"\x03\0"), b"\x01\x01"].concat(),
        [&b"\x45\x4B"[..], &many(b"\xC3\x80\x80\x80\x01A"), b"\x01\x01"].concat(),
        [&b"\x45"[..], &many(b"\x0B"), b"\x01"].concat(),
        [&b"\x45"[..], &many(b"\x4B\x01"), b"\x01"].concat(),
        [&b"\x45"[..], &many(b"\x00\x63\x05\x00\x00\x0B"), b"\x01"].concat(),
        [&b"\x45\x00\x63"[..], &many(b"\x45\x03A\0\x01"), b"\x01"].concat(),
        many(b"\x00\x07"),
    ];
    for body in documents {
        let octets = [HEADER, &body].concat();
        let started = Instant::now();
        for step in [1, 4096, octets.len()] {
            let mut reader = super::Reader::new(Limits::default());
            let (mut buf, mut seen) = (bytes::BytesMut::new(), 0u64);
            for chunk in octets.chunks(step) {
                buf.extend_from_slice(chunk);
                while reader.next(&mut buf).unwrap().is_some() {
                    seen += 1;
                }
            }
            assert!(seen > 0 || body[0] == 0);
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{:x?}: {:?}", &body[..8], started.elapsed());
    }
}
