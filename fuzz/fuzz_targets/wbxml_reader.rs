//! Any split of a document gives the same events, and what was accepted has balanced elements.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mailx::wire::wbxml::{Event, Limits, Reader, WbxmlError};

const LIMITS: Limits = Limits { octets: 1 << 16, value: 256, depth: 8, elements: 512, switches: 64, table: 16 };

fn events(octets: &[u8], step: usize) -> Result<Vec<Event>, WbxmlError> {
    let mut reader = Reader::new(LIMITS);
    let (mut buf, mut found) = (BytesMut::new(), Vec::new());
    for chunk in octets.chunks(step) {
        buf.extend_from_slice(chunk);
        while let Some(event) = reader.next(&mut buf)? {
            match (event, found.last_mut()) {
                (Event::Text(more), Some(Event::Text(text))) | (Event::Opaque(more), Some(Event::Opaque(text))) => {
                    *text = [&text[..], &more[..]].concat().into();
                }
                (event, _) => found.push(event),
            }
        }
    }
    reader.finish()?;
    Ok(found)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, octets) = input;
    let whole = events(octets, octets.len().max(1));
    assert_eq!(whole, events(octets, usize::from(step).max(1)));
    let mut open = Vec::new();
    for event in whole.into_iter().flatten() {
        match event {
            Event::Start(tag) => open.push(tag),
            Event::End(tag) => assert_eq!(open.pop(), Some(tag)),
            Event::Text(value) | Event::Opaque(value) => assert!(!value.is_empty() && !open.is_empty()),
            Event::Skipped(_) => {}
        }
    }
    assert!(open.is_empty());
});
