use super::super::{BodyData, Limits, Piece, Response, WireError, decode};
use super::{fetch, frame, pieces};

fn line(text: &[u8]) -> Piece {
    Piece::Line(text.to_vec().into())
}

fn body(text: &[u8]) -> Piece {
    Piece::Body(text.to_vec().into())
}

#[test]
fn bodies_are_streamed_in_order_and_leave_a_placeholder() {
    let got = frame(b"* 12 FETCH (BODY[HEADER] {3}\r\nA\0B BODY[TEXT]<0> ~{2}\r\n\r\n UID 7 RFC822 {0}\r\n)\r\na OK\r\n").unwrap();
    let want = [
        Piece::BodyStart { size: 3 },
        body(b"A\0B"),
        Piece::BodyEnd,
        Piece::BodyStart { size: 2 },
        body(b"\r\n"),
        Piece::BodyEnd,
        Piece::BodyStart { size: 0 },
        Piece::BodyEnd,
        line(b"* 12 FETCH (BODY[HEADER] {0}\r\n BODY[TEXT]<0> {0}\r\n UID 7 RFC822 {0}\r\n)\r\n"),
        line(b"a OK\r\n"),
    ];
    assert_eq!(got, want);
    let Piece::Line(text) = &got[8] else { panic!() };
    let fetch = fetch(std::str::from_utf8(text).unwrap());
    assert_eq!(fetch.uid, Some(7));
    let sections: Vec<_> = fetch.bodies.iter().map(|body| (body.section.as_str(), body.origin, &body.data)).collect();
    let streamed = &BodyData::Streamed;
    assert_eq!(sections, [("HEADER", None, streamed), ("TEXT", Some(0), streamed), ("", None, streamed)]);
}

#[test]
fn every_name_of_message_data_is_streamed() {
    for item in
        ["BODY[]", "body[1.2.MIME]", "BODY[]<17>", "BINARY[1]", "RFC822", "RFC822.HEADER", "rfc822.text", "BODY[HEADER.FIELDS (A B)]"]
    {
        for head in ["* 1 FETCH (", "* 1 fetch (UID 4 ", "*  1 FETCH( "] {
            let got = frame(format!("{head}{item} {{2}}\r\nxy)\r\n").as_bytes()).unwrap();
            assert_eq!(got[0], Piece::BodyStart { size: 2 }, "{head}{item}");
            assert_eq!(got[3], line(format!("{head}{item} {{0}}\r\n)\r\n").as_bytes()));
        }
    }
}

#[test]
fn other_literals_stay_in_the_line() {
    for (head, tail) in [
        ("* LIST () \"/\" ", "\r\n"),
        ("* 1 FETCH (ENVELOPE (", "))\r\n"),
        ("* 1 FETCH (XBODY[] ", ")\r\n"),
        ("* 1 FETCH (BODYSTRUCTURE ", ")\r\n"),
        ("* LIST (BODY[] ", ")\r\n"),
        ("* x FETCH (BODY[] ", ")\r\n"),
    ] {
        let text = format!("{head}{{4}}\r\na\r\nb{tail}");
        assert_eq!(frame(text.as_bytes()).unwrap(), [line(text.as_bytes())]);
    }
    let got = frame(b"* LIST () NIL ~{3+}\r\nabc\r\n").unwrap();
    assert_eq!(got, [line(b"* LIST () NIL {3}\r\nabc\r\n")], "one form of literal for the decoders");
    let header = b"* 1 FETCH (BODY[HEADER.FIELDS ({4}\r\nDATE)] {1}\r\nx)\r\n";
    assert_eq!(frame(header).unwrap()[0], Piece::BodyStart { size: 1 });
}

#[test]
fn free_text_has_no_literals() {
    for text in ["* OK wait {5}\r\n", "* bye {-1}\r\n", "+ {3}\r\n", "A1 NO {99999999999999999999}\r\n", "A1 OK {}\r\n"] {
        assert_eq!(frame(text.as_bytes()).unwrap(), [line(text.as_bytes())]);
    }
    assert_eq!(frame(b"* LIST () NIL a{b}\r\n").unwrap().len(), 1, "an atom with braces");
}

#[test]
fn bare_lf_ends_a_line_and_a_literals_announcement() {
    let got = frame(b"* 1 EXISTS\n* 1 FETCH (BODY[] {1}\nx)\n").unwrap();
    assert_eq!(
        got,
        [line(b"* 1 EXISTS\n"), Piece::BodyStart { size: 1 }, body(b"x"), Piece::BodyEnd, line(b"* 1 FETCH (BODY[] {0}\r\n)\n")]
    );
    assert_eq!(decode(b"* 1 EXISTS\n"), Ok(Response::Exists(1)));
}

#[test]
fn limits_hold_on_both_sides() {
    let limits = Limits { line: 20, inline: 4 };
    let of = |text: &[u8]| pieces(text, &[1], limits);
    assert!(of(b"* OK 345678901234567\n").is_err_and(|error| error == WireError::LineTooLong));
    assert!(of(b"* OK 34567890123456\n").is_ok());
    assert_eq!(of(b"* OK no line end at all").unwrap_err(), WireError::LineTooLong);
    assert!(of(b"* LIST {4}\r\nabcd\r\n").is_ok());
    assert_eq!(of(b"* LIST {5}\r\n").unwrap_err(), WireError::LiteralTooLong);
    assert_eq!(of(b"* L {2}\r\nab {3}\r\n").unwrap_err(), WireError::LiteralTooLong, "all literals of a line count together");
    assert_eq!(of(b"* L {1}\r\nabcdefghi {1}\r\n").unwrap_err(), WireError::LineTooLong);
    assert!(of(b"* L {4}\r\nabcd\r\n* L {4}\r\nabcd\r\n").is_ok(), "and the next line starts afresh");
}

#[test]
fn errors_are_repeated() {
    let mut framer = super::super::Framer::new(Limits::default());
    let mut buf = bytes::BytesMut::from(&b"* LIST {-1}\r\n* 1 EXISTS\r\n"[..]);
    assert_eq!(framer.next(&mut buf), Err(WireError::Literal));
    assert_eq!(framer.next(&mut buf), Err(WireError::Literal));
    assert!(WireError::Literal.is_framing());
}

#[test]
fn idle_only_between_responses() {
    let mut framer = super::super::Framer::new(Limits::default());
    let mut buf = bytes::BytesMut::from(&b"* 1 FETCH (BODY[] {1}\r\n"[..]);
    assert!(framer.is_idle());
    framer.next(&mut buf).unwrap();
    assert!(!framer.is_idle());
    buf.extend_from_slice(b"x)\r\n");
    while framer.next(&mut buf).unwrap().is_some() {}
    assert!(framer.is_idle());
    buf.extend_from_slice(b"* half");
    assert_eq!(framer.next(&mut buf), Ok(None));
    assert!(!framer.is_idle());
}

#[test]
fn a_body_chunk_is_given_as_soon_as_it_is_there_without_a_copy() {
    let mut framer = super::super::Framer::new(Limits::default());
    let mut buf = bytes::BytesMut::from(&b"* 1 FETCH (BODY[] {18446744073709551615}\r\nabc"[..]);
    assert_eq!(framer.next(&mut buf), Ok(Some(Piece::BodyStart { size: u64::MAX })));
    let before = buf.as_ptr();
    let Ok(Some(Piece::Body(chunk))) = framer.next(&mut buf) else { panic!() };
    assert_eq!((&chunk[..], chunk.as_ptr()), (&b"abc"[..], before));
    assert_eq!(framer.next(&mut buf), Ok(None));
}
