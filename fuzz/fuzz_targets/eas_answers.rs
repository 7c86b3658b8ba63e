//! No answer makes a decoder panic, and any split of one gives the same events.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mailx::wire::eas::{
    EasError, FetchDecoder, FetchEvent, FolderEdit, Multipart, Part, SyncDecoder, SyncEvent, device_response, estimate_response, folder_edited,
    folder_sync_response, move_response, provision_response,
};

/// Defines a function that feeds a decoder in steps and joins the pieces of a body.
macro_rules! events {
    ($name:ident, $decoder:ty, $event:ty, $piece:path) => {
        fn $name(octets: &[u8], step: usize) -> Result<Vec<$event>, EasError> {
            let (mut decoder, mut buf, mut found) = (<$decoder>::new(), BytesMut::new(), Vec::new());
            for chunk in octets.chunks(step) {
                buf.extend_from_slice(chunk);
                while let Some(event) = decoder.next(&mut buf)? {
                    match (event, found.last_mut()) {
                        ($piece(more), Some($piece(body))) => *body = [&body[..], &more[..]].concat().into(),
                        (event, _) => found.push(event),
                    }
                }
            }
            decoder.finish()?;
            Ok(found)
        }
    };
}

events!(sync, SyncDecoder, SyncEvent, SyncEvent::Body);
events!(fetch, FetchDecoder, FetchEvent, FetchEvent::Body);
events!(parts, Multipart, Part, Part::Data);

fuzz_target!(|input: (u8, &[u8])| {
    let (step, octets) = input;
    let (step, whole) = (usize::from(step).max(1), octets.len().max(1));
    assert_eq!(sync(octets, step), sync(octets, whole));
    assert_eq!(fetch(octets, step), fetch(octets, whole));
    assert_eq!(parts(octets, step), parts(octets, whole));
    let notes = &mut |_| {};
    let _ = provision_response(octets, notes);
    let _ = device_response(octets, notes);
    let _ = folder_sync_response(octets, notes);
    let _ = folder_edited(FolderEdit::Create { parent: "0", name: "x" }, octets, notes);
    let _ = folder_edited(FolderEdit::Update { id: "1", parent: "0", name: "x" }, octets, notes);
    let _ = folder_edited(FolderEdit::Delete { id: "1" }, octets, notes);
    let _ = move_response(octets, notes);
    let _ = estimate_response(octets, notes);
});
