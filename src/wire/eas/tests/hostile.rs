//! Answers that no server should give.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::super::{
    EasError, FolderEdit, SyncDecoder, SyncEvent, estimate_response, folder_edited, folder_sync_response, move_response, provision_response,
};
use super::{fetch_events, sync_events, vector};
use crate::wire::wbxml::tests::{from_hex, vector_names};
use crate::wire::wbxml::{Tag, WbxmlError};

/// All decoders, each with the name of its command. Streaming ones are fed by three octets.
fn decode_all(octets: &[u8]) -> Vec<(&'static str, Result<(), EasError>)> {
    let notes = &mut |_: Tag| {};
    vec![
        ("Provision", provision_response(octets, notes).map(drop)),
        ("FolderSync", folder_sync_response(octets, notes).map(drop)),
        ("FolderCreate", folder_edited(FolderEdit::Create { parent: "0", name: "x" }, octets, notes).map(drop)),
        ("FolderUpdate", folder_edited(FolderEdit::Update { id: "1", parent: "0", name: "x" }, octets, notes).map(drop)),
        ("FolderDelete", folder_edited(FolderEdit::Delete { id: "1" }, octets, notes).map(drop)),
        ("MoveItems", move_response(octets, notes).map(drop)),
        ("GetItemEstimate", estimate_response(octets, notes).map(drop)),
        ("Sync", sync_events(octets, 3).map(drop)),
        ("ItemOperations", fetch_events(octets, 3).map(drop)),
    ]
}

#[test]
fn only_the_answer_to_the_command_is_read() {
    for name in vector_names().into_iter().filter(|name| name.contains("-response")) {
        let kind = name.split('-').nth(1).unwrap();
        for (command, found) in decode_all(&vector(&name)) {
            let expected = command.eq_ignore_ascii_case(kind);
            assert_eq!(!matches!(found, Err(EasError::Root(_))), expected, "{name} as {command}: {found:?}");
            assert!(!expected || found.is_ok(), "{name}: {found:?}");
        }
    }
}

#[test]
fn what_is_no_wbxml_is_refused_by_all() {
    for (octets, error) in [
        (&b"<!DOCTYPE html><html>"[..], WbxmlError::Version(b'<')),
        (b"", WbxmlError::Truncated),
        (b"\x03\x01\x6a", WbxmlError::Truncated),
        (b"\x03\x01\x6a\x00", WbxmlError::Truncated),
    ] {
        for (command, found) in decode_all(octets) {
            assert_eq!(found, Err(EasError::Wbxml(error)), "{command}");
        }
    }
}

/// Cut anywhere, no answer is taken for a whole one.
#[test]
fn an_answer_cut_short_is_an_error() {
    for name in [
        "v03-provision-initial-response",
        "v13-foldersync-initial-response",
        "v28-sync-add-response",
        "v54-itemoperations-fetch-mime-response",
    ] {
        let octets = vector(name);
        for at in 0..octets.len() {
            for (command, found) in decode_all(&octets[..at]) {
                assert!(found.is_err(), "{name} to {at} as {command}");
            }
        }
    }
}

/// One octet of a vector changed, each in turn: an error or another answer, never a panic.
#[test]
fn answers_with_a_wrong_octet_never_panic() {
    for name in vector_names().into_iter().filter(|name| name.contains("-response")) {
        let octets = vector(&name);
        for at in 0..octets.len() {
            for value in [0x00, 0x01, 0x03, 0x3E, 0xC3, octets[at] ^ 0x40, octets[at].wrapping_add(1)] {
                let mut wrong = octets.clone();
                wrong[at] = value;
                let _ = decode_all(&wrong);
            }
        }
    }
}

/// A message of 64 MiB goes through in pieces; what is kept of it is nothing.
#[test]
fn a_large_body_is_not_collected() {
    const CHUNK: usize = 64 << 10;
    let mut decoder = SyncDecoder::new();
    let mut buf = BytesMut::from(&from_hex("03016a00 455c4f 4b036b00 01 52033500 01 4e033100 01 56 47 4d033100 01 5d 0011 4a 4b 03")[..]);
    while decoder.next(&mut buf).unwrap().is_some() {}
    for _ in 0..1024 {
        buf.resize(CHUNK, b'x');
        let Some(SyncEvent::Body(piece)) = decoder.next(&mut buf).unwrap() else { panic!() };
        assert_eq!((piece.len(), buf.len()), (CHUNK, 0), "at once, and whole");
        assert_eq!(decoder.next(&mut buf), Ok(None));
    }
    buf.extend_from_slice(&from_hex("00 01 01 01 01 01 01 01 01"));
    while decoder.next(&mut buf).unwrap().is_some() {}
    assert_eq!(decoder.finish(), Ok(()));
}

/// Long answers are read in time linear in their length. The bound is generous, but far below what a quadratic decoder needs.
#[test]
fn no_answer_is_quadratic() {
    let many = |part: &str| from_hex(part).repeat((1 << 18) / from_hex(part).len());
    let document = |start: &str, middle: &[u8], end: &str| [&from_hex(start)[..], middle, &from_hex(end)].concat();
    // A long subject in small strings, many messages, many bodies, many unknown elements.
    let item = "03016a00 455c4f 4b036b00 01 52033500 01 4e033100 01 56";
    for octets in [
        document(&format!("{item} 47 4d033100 01 5d 0002 54"), &many("034100"), "01 01 01 01 01 01 01"),
        document(item, &many("0000 49 4d033100 01 01"), "01 01 01 01"),
        document(item, &many("0000 47 4d033100 01 5d 0011 4a 4b 034100 01 01 01 01"), "01 01 01 01"),
        document(item, &many("0063 05"), "01 01 01 01"),
        document("03016a00 001445", &many("4e46 4d033100 01 01 01"), "01"),
    ] {
        let started = Instant::now();
        for size in [1, 4096] {
            let _ = sync_events(&octets, size);
            let _ = fetch_events(&octets, size);
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}
