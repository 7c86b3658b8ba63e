//! Lines, listings and bodies cut out of the stream.

use bytes::BytesMut;

use super::*;

fn text(pieces: &[Piece]) -> Vec<String> {
    let spell = |piece: &Piece| match piece {
        Piece::Line(line) => format!("line {}", line.escape_ascii()),
        Piece::Item(line) => format!("item {}", line.escape_ascii()),
        Piece::Body(body) => format!("body {}", body.escape_ascii()),
        Piece::End => "end".into(),
    };
    pieces.iter().map(spell).collect()
}

fn cut(octets: &[u8], then: &[Then]) -> Vec<String> {
    let whole = pieces(octets, &[octets.len()], then, Limits::default()).unwrap();
    for size in 1..octets.len().min(12) {
        assert_eq!(pieces(octets, &[size], then, Limits::default()).unwrap(), whole, "in pieces of {size}");
    }
    text(&whole)
}

#[test]
fn answers_of_one_line_and_of_many_follow_each_other() {
    let wire = b"+OK ready\r\n+OK 2 320\r\n+OK\r\n1 120\r\n2 200\r\n.\r\n+OK 120 octets\r\nA: b\r\n\r\nhi\r\n.\r\n-ERR no\r\n";
    let cut = cut(wire, &[Then::Nothing, Then::Nothing, Then::Items, Then::Body]);
    let expected = [
        "line +OK ready",
        "line +OK 2 320",
        "line +OK",
        "item 1 120",
        "item 2 200",
        "end",
        "line +OK 120 octets",
        r"body A: b\r\n\r\nhi\r\n",
        "end",
        "line -ERR no",
    ];
    assert_eq!(cut, expected);
}

#[test]
fn a_stuffed_dot_is_taken_wherever_a_packet_ends() {
    let message = b"..\r\n.\r\n..x\r\n\r\n.\r\r\n.\n\r\n";
    let wire = [b"+OK\r\n".to_vec(), stuffed(message), b"+OK\r\n".to_vec()].concat();
    let cut = cut(&wire, &[Then::Body]);
    assert_eq!(cut, ["line +OK".to_owned(), format!("body {}", message.escape_ascii()), "end".into(), "line +OK".into()]);
}

#[test]
fn only_crlf_dot_crlf_is_the_end() {
    let wire = b"+OK\r\na\n.\nb\r.\r\nc\n.\r\n\r\n.\r\n";
    let cut = cut(wire, &[Then::Body]);
    assert_eq!(cut, ["line +OK", r"body a\n.\nb\r.\r\nc\n.\r\n\r\n", "end"]);
}

#[test]
fn a_server_that_forgets_to_stuff_loses_a_dot_and_no_message() {
    let wire = b"+OK\r\n.hidden\r\n.\nx\r\n.\r\n";
    assert_eq!(cut(wire, &[Then::Body]), ["line +OK", r"body hidden\r\n\nx\r\n", "end"]);
}

#[test]
fn an_empty_message_and_an_empty_listing_end_at_once() {
    assert_eq!(cut(b"+OK\r\n.\r\n+OK\r\n.\r\n", &[Then::Body, Then::Items]), ["line +OK", "end", "line +OK", "end"]);
}

#[test]
fn lines_have_limits_and_bodies_have_none() {
    let limits = Limits { line: 10, item: 20 };
    let line = |n: usize| [vec![b'a'; n], b"\r\n".to_vec()].concat();
    // The CR counts until it is known for one.
    assert!(pieces(&line(9), &[1], &[], limits).is_ok());
    for size in [1, 100] {
        assert_eq!(pieces(&line(11), &[size], &[], limits), Err(WireError::LineTooLong));
        let items = |n| [b"+OK\r\n".to_vec(), line(n), b".\r\n".to_vec()].concat();
        assert!(pieces(&items(19), &[size], &[Then::Items], limits).is_ok());
        assert_eq!(pieces(&items(21), &[size], &[Then::Items], limits), Err(WireError::LineTooLong));
        assert!(pieces(&items(100_000), &[size.max(7)], &[Then::Body], limits).is_ok());
    }
}

#[test]
fn a_body_is_given_as_it_comes_and_not_collected() {
    let mut framer = Framer::new(Limits::default());
    let mut buf = BytesMut::from(&b"+OK\r\n"[..]);
    framer.next(&mut buf).unwrap();
    framer.begin_body();
    for _ in 0..1000 {
        buf.extend_from_slice(&[b'x'; 1000]);
        assert!(matches!(framer.next(&mut buf), Ok(Some(Piece::Body(_)))));
        assert!(buf.is_empty() && framer.next(&mut buf).unwrap().is_none());
    }
    assert!(!framer.is_idle());
}
