//! Any split of the input gives the same pieces, and every line can be handed to the decoder.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mailx::wire::imap::{Framer, Limits, Piece, WireError, decode};

fn pieces(octets: &[u8], step: usize) -> Result<Vec<Piece>, WireError> {
    let mut framer = Framer::new(Limits { line: 256, inline: 64 });
    let (mut buf, mut found) = (BytesMut::new(), Vec::new());
    for chunk in octets.chunks(step) {
        buf.extend_from_slice(chunk);
        while let Some(piece) = framer.next(&mut buf)? {
            match (piece, found.last_mut()) {
                (Piece::Body(more), Some(Piece::Body(body))) => *body = [&body[..], &more[..]].concat().into(),
                (piece, _) => found.push(piece),
            }
        }
    }
    Ok(found)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, octets) = input;
    let whole = pieces(octets, octets.len().max(1));
    assert_eq!(whole, pieces(octets, usize::from(step).max(1)));
    for piece in whole.into_iter().flatten() {
        if let Piece::Line(line) = piece {
            let _ = decode(&line);
        }
    }
});
