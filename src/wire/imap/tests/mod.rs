//! Tests of the whole module: known answers from the RFCs, quirks seen in the field, hostile peers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod framing;
mod hostile;
mod names;
mod properties;
mod quirks;
mod responses;
mod sets;

use crate::wire::tests::in_pieces;

use super::{Command, Fetch, Framer, Limits, Piece, Response, Status, WireError, decode};

/// Feeds `octets` in the given sizes (the last one repeated) and joins the chunks of each body.
fn pieces(octets: &[u8], sizes: &[usize], limits: Limits) -> Result<Vec<Piece>, WireError> {
    let mut framer = Framer::new(limits);
    let mut found = Vec::new();
    in_pieces(octets, sizes, |buf| {
        while let Some(piece) = framer.next(buf)? {
            match (piece, found.last_mut()) {
                (Piece::Body(more), Some(Piece::Body(body))) => *body = [&body[..], &more[..]].concat().into(),
                (piece, _) => found.push(piece),
            }
        }
        Ok(())
    })?;
    Ok(found)
}

fn frame(octets: &[u8]) -> Result<Vec<Piece>, WireError> {
    pieces(octets, &[], Limits::default())
}

fn fetch(line: &str) -> Fetch {
    match decode(line.as_bytes()) {
        Ok(Response::Fetch(fetch)) => *fetch,
        other => panic!("{line}: {other:?}"),
    }
}

fn status(line: &[u8]) -> Status {
    match decode(line) {
        Ok(Response::Status(status)) => status,
        other => panic!("{}: {other:?}", String::from_utf8_lossy(line)),
    }
}

fn encoded(command: &Command<'_>) -> String {
    String::from_utf8(command.encode("A1").unwrap().octets()).unwrap()
}
