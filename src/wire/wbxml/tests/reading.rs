//! What the reader tells, event by event.

use bytes::{Bytes, BytesMut};

use super::super::{Event, Limits, Reader, Tag, WbxmlError, write};
use super::{all, from_hex, page::FolderHierarchy as F};

fn text(text: &str) -> Event {
    Event::Text(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn what_no_table_knows_is_noted_once_and_left_out() {
    // FolderSync(99:0x38(text, 99:0x05(opaque)), Status(1), 7:0x3e without content)
    let octets = from_hex("03016a00 000756 006378 037800 45c3024142 01 01 0007 4c033100 01 3e 01");
    let wanted = [
        Event::Start(F::FolderSync),
        Event::Skipped(Tag::new(99, 0x38)),
        Event::Start(F::Status),
        text("1"),
        Event::End(F::Status),
        Event::Skipped(Tag::new(7, 0x3E)),
        Event::End(F::FolderSync),
    ];
    assert_eq!(all(&octets).unwrap(), wanted);
}

/// A known element inside of an unknown one is not told: nobody would know where it stands.
#[test]
fn known_elements_inside_of_unknown_ones_are_left_out() {
    let octets = from_hex("03016a00 0007 7e 4c033100 01 0c 01");
    assert_eq!(all(&octets).unwrap(), [Event::Skipped(Tag::new(7, 0x3E))]);
    assert_eq!(all(&from_hex("03016a00 0007 3e")).unwrap(), [Event::Skipped(Tag::new(7, 0x3E))]);
}

#[test]
fn values_come_in_pieces_as_they_arrive_and_nothing_is_held_back() {
    let mut reader = Reader::new(Limits::default());
    let mut buf = BytesMut::from(&from_hex("03016a00 000756 52 034142")[..]);
    let mut next = |more: &[u8]| {
        buf.extend_from_slice(more);
        reader.next(&mut buf).unwrap()
    };
    assert_eq!(next(b""), Some(Event::Start(F::FolderSync)));
    assert_eq!(next(b""), Some(Event::Start(F::SyncKey)));
    assert_eq!(next(b""), Some(text("AB")));
    assert_eq!(next(b""), None);
    assert_eq!(next(b"C\0\xC3"), Some(text("C")));
    assert_eq!(next(b""), None);
    assert_eq!(next(b"\x03D"), Some(Event::Opaque(Bytes::from_static(b"D"))));
    assert_eq!(next(b"EF\x01"), Some(Event::Opaque(Bytes::from_static(b"EF"))));
    assert_eq!(next(b""), Some(Event::End(F::SyncKey)));
    assert_eq!(next(b"\x01"), Some(Event::End(F::FolderSync)));
    assert_eq!(next(b""), None);
    assert!(reader.is_complete() && reader.finish().is_ok());
}

#[test]
fn headers_of_other_writers_are_read() {
    let body = "0007564c033100 0101";
    let complete = all(&from_hex(&format!("03016a00{body}"))).unwrap();
    // Versions 1.1 and 1.2; the public identifier in the string table; an identifier of two octets; a long zero.
    for header in ["01016a00", "02016a00", "0300006a024100", "03a0016a00", "03016a808000"] {
        assert_eq!(all(&from_hex(&format!("{header}{body}"))).unwrap(), complete, "{header}");
    }
}

#[test]
fn an_element_of_empty_texts_is_an_element_without_text() {
    let octets = from_hex("03016a00 000756 4c0300c3000300 01 01");
    let wanted = [Event::Start(F::FolderSync), Event::Start(F::Status), Event::End(F::Status), Event::End(F::FolderSync)];
    assert_eq!(all(&octets).unwrap(), wanted);
}

#[test]
fn an_error_is_final() {
    let mut reader = Reader::new(Limits::default());
    let mut buf = BytesMut::from(&b"<html>"[..]);
    assert_eq!(reader.next(&mut buf), Err(WbxmlError::Version(b'<')));
    buf = BytesMut::from(&from_hex("03016a00000716")[..]);
    assert_eq!(reader.next(&mut buf), Err(WbxmlError::Version(b'<')));
    assert_eq!(reader.finish(), Err(WbxmlError::Version(b'<')));
}

#[test]
fn writing_marks_content_where_there_is_some() {
    let octets = write(F::FolderSync, |w| {
        w.element(F::Changes, |_| {}).text(F::Status, "").number(F::Count, 0u8).boolean(F::Type, true);
    });
    assert_eq!(octets.unwrap(), from_hex("03016a00 000756 0e 0c 57033000 01 4a033100 01 01"));
    assert_eq!(write(F::FolderSync, |_| {}).unwrap(), from_hex("03016a00 000716"));
}

#[test]
fn a_nul_is_refused_and_named() {
    let octets = write(F::FolderSync, |w| {
        w.text(F::SyncKey, "a\0b").text(F::Status, "\0");
    });
    assert_eq!(octets, Err(WbxmlError::Nul(F::SyncKey)));
}

/// Lengths around each step of the multi-byte integer.
#[test]
fn opaque_lengths_are_read_as_they_are_written() {
    for length in [0usize, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
        let data = vec![b'x'; length];
        let octets = write(F::FolderSync, |w| {
            w.opaque(F::Status, &data);
        });
        let found = all(&octets.unwrap()).unwrap();
        let value: Vec<&Event> = found.iter().filter(|event| matches!(event, Event::Opaque(_))).collect();
        let wanted = Event::Opaque(data.into());
        assert_eq!(value, if length == 0 { vec![] } else { vec![&wanted] }, "{length}");
    }
}
