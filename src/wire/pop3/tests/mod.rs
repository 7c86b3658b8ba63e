//! Tests of the whole module: known answers from the RFCs, quirks seen in the field, hostile peers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod framing;
mod properties;
mod replies;

use crate::wire::tests::in_pieces;

use super::{Framer, Limits, Piece, WireError};

/// What follows a status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Items,
    Body,
}

/// Feeds `octets` in the given sizes (the last one repeated) and joins the chunks of each body. `then` says what follows the n-th status
/// line; behind its end, nothing.
fn pieces(octets: &[u8], sizes: &[usize], then: &[Then], limits: Limits) -> Result<Vec<Piece>, WireError> {
    let mut framer = Framer::new(limits);
    let mut found = Vec::new();
    let mut then = then.iter();
    in_pieces(octets, sizes, |buf| {
        while let Some(piece) = framer.next(buf)? {
            if matches!(piece, Piece::Line(_)) {
                match then.next().unwrap_or(&Then::Nothing) {
                    Then::Nothing => {}
                    Then::Items => framer.begin_items(),
                    Then::Body => framer.begin_body(),
                }
            }
            match (piece, found.last_mut()) {
                (Piece::Body(more), Some(Piece::Body(body))) => *body = [&body[..], &more[..]].concat().into(),
                (piece, _) => found.push(piece),
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// The octets of a message as a server sends them (RFC 1939 §3); what does not end in CRLF gets one.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line_start = true;
    for (at, octet) in message.iter().enumerate() {
        if line_start && *octet == b'.' {
            out.push(b'.');
        }
        out.push(*octet);
        line_start = message[..=at].ends_with(b"\r\n");
    }
    if !line_start {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
