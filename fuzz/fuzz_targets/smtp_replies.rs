//! Any split of the input gives the same replies, and each can be read as everything that a reply can be.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mailx::wire::smtp::{Extensions, Framer, Limits, Reply, WireError};

fn replies(octets: &[u8], step: usize) -> Result<Vec<Reply>, WireError> {
    let mut framer = Framer::new(Limits { line: 256, lines: 8, octets: 512 });
    let (mut buf, mut found) = (BytesMut::new(), Vec::new());
    for chunk in octets.chunks(step) {
        buf.extend_from_slice(chunk);
        while let Some(reply) = framer.next(&mut buf)? {
            found.push(reply);
        }
    }
    Ok(found)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, octets) = input;
    let whole = replies(octets, octets.len().max(1));
    assert_eq!(whole, replies(octets, usize::from(step).max(1)));
    for reply in whole.into_iter().flatten() {
        let extensions = Extensions::read(&reply, &[]);
        let _ = (reply.words(), reply.enhanced(), reply.severity(), extensions.mechanisms(), extensions.size(), extensions.list());
    }
});
