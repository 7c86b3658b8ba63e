//! Any split of the input gives the same pieces, and every line can be handed to the readers.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use mailx::wire::pop3::{
    Framer, Limits, Piece, WireError, parse_capability, parse_continuation, parse_list, parse_reply, parse_stat, parse_uidl,
};

fn pieces(octets: &[u8], step: usize, then: u8) -> Result<Vec<Piece>, WireError> {
    let mut framer = Framer::new(Limits { line: 256, item: 64 });
    let (mut buf, mut found, mut lines) = (BytesMut::new(), Vec::new(), 0);
    for chunk in octets.chunks(step) {
        buf.extend_from_slice(chunk);
        while let Some(piece) = framer.next(&mut buf)? {
            if matches!(piece, Piece::Line(_)) {
                // Two bits for each status line say what follows it.
                match then.wrapping_shr(2 * (lines % 4)) & 3 {
                    1 => framer.begin_items(),
                    2 => framer.begin_body(),
                    _ => {}
                }
                lines += 1;
            }
            match (piece, found.last_mut()) {
                (Piece::Body(more), Some(Piece::Body(body))) => *body = [&body[..], &more[..]].concat().into(),
                (piece, _) => found.push(piece),
            }
        }
    }
    Ok(found)
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (step, then, octets) = input;
    let whole = pieces(octets, octets.len().max(1), then);
    assert_eq!(whole, pieces(octets, usize::from(step).max(1), then));
    for piece in whole.into_iter().flatten() {
        if let Piece::Line(line) | Piece::Item(line) = piece {
            let _ = (parse_list(&line), parse_uidl(&line), parse_capability(&line), parse_continuation(&line));
            if let Ok(reply) = parse_reply(&line) {
                let _ = parse_stat(&reply.text);
            }
        }
    }
});
