//! Known answers, smtp-proto as the judge of what is written, and what must hold for any input; fuzz/ states the same.
#![allow(clippy::unwrap_used)]

use bytes::BytesMut;
use proptest::prelude::*;
use smtp_proto::{MAIL_BODY_8BITMIME, MAIL_RET_HDRS, MAIL_SMTPUTF8, RCPT_NOTIFY_DELAY, RCPT_NOTIFY_FAILURE, Request};

use super::*;

/// The replies in octets that come in pieces of these sizes.
fn replies(octets: &[u8], sizes: &[usize], limits: Limits) -> Result<Vec<Reply>, WireError> {
    let (mut framer, mut buf, mut found) = (Framer::new(limits), BytesMut::new(), Vec::new());
    let (mut rest, mut sizes) = (octets, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()).max(1));
        rest = after;
        buf.extend_from_slice(piece);
        while let Some(reply) = framer.next(&mut buf)? {
            found.push(reply);
        }
    }
    Ok(found)
}

fn one(text: &str) -> Reply {
    replies(text.as_bytes(), &[text.len()], Limits::default()).unwrap().remove(0)
}

#[test]
fn replies_are_read() {
    let reply = one("250-peer\r\n250-SIZE 10\n250 HELP\r\n");
    assert_eq!((reply.code, reply.lines.len(), reply.severity()), (250, 3, Severity::Done));
    let reply = one("550-5.7.708 Service unavailable.\r\n550 5.7.708 Access denied\r\n");
    assert_eq!(reply.words(), "550 5.7.708 Service unavailable. 5.7.708 Access denied");
    assert_eq!(reply.enhanced(), Some((5, 7, 708)));
    assert_eq!(one("354\r\n").words(), "354");
    for (text, enhanced) in
        [("250 2.1.0 ok", Some((2, 1, 0))), ("250 5.1.0 ok", None), ("250 2.1 ok", None), ("250 2.1.0.0 x", None), ("250 +2.1.0", None)]
    {
        assert_eq!(one(&format!("{text}\r\n")).enhanced(), enhanced, "{text}");
    }
}

#[test]
fn what_is_no_reply_is_an_error_for_ever() {
    for (text, error) in [
        ("250ok\r\n", WireError::NoCode),
        ("999 x\r\n", WireError::NoCode),
        ("150 x\r\n", WireError::NoCode),
        ("25\r\n", WireError::NoCode),
        ("\r\n", WireError::NoCode),
        ("250-a\r\n550 b\r\n", WireError::TwoCodes),
        (&"250-a\r\n".repeat(65), WireError::ReplyTooLong),
        (&format!("250-{}\r\n250-{0}\r\n250-{0}\r\n", "x".repeat(4000)), WireError::ReplyTooLong),
        (&format!("250 {}", "x".repeat(9000)), WireError::LineTooLong),
    ] {
        let (mut framer, mut buf) = (Framer::new(Limits::default()), BytesMut::from(text));
        assert_eq!(framer.next(&mut buf), Err(error), "{text}");
        assert_eq!(framer.next(&mut BytesMut::from("250 ok\r\n")), Err(error), "{text}");
    }
}

#[test]
fn extensions_are_read_as_servers_write_them() {
    let reply =
        one("250-peer hello\r\n250-size 35882577\r\n250-AUTH=LOGIN PLAIN\r\n250-AUTH LOGIN XOAUTH2\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n");
    let extensions = Extensions::read(&reply, &["STARTTLS".into()]);
    assert_eq!(extensions.mechanisms(), ["LOGIN", "PLAIN", "XOAUTH2"]);
    assert_eq!(extensions.size(), Some(35_882_577));
    assert!(extensions.has("SMTPUTF8") && !extensions.has("STARTTLS") && !extensions.has("PEER"));
    for size in ["SIZE", "SIZE 0", "SIZE x", "SIZE 99999999999999999999999"] {
        assert_eq!(Extensions::read(&one(&format!("250-p\r\n250 {size}\r\n")), &[]).size(), None, "{size}");
    }
}

fn judged(command: &Command<'_>) -> Request<String> {
    let line = command.encode().unwrap();
    Request::parse(&mut line.iter()).unwrap().into_owned()
}

#[test]
fn a_server_understands_what_is_written() {
    let mail = Command::Mail {
        from: "me@example.org",
        size: Some(1000),
        body: Body { eight_bit: true, utf8: true },
        whole: Some(false),
        envelope_id: Some("a+b=c d"),
    };
    let Request::Mail { from } = judged(&mail) else { panic!("no MAIL") };
    assert_eq!((from.address.as_str(), from.size), ("me@example.org", 1000));
    assert_eq!(from.flags, MAIL_BODY_8BITMIME | MAIL_SMTPUTF8 | MAIL_RET_HDRS);
    assert_eq!(from.env_id.as_deref(), Some("a+b=c d"));
    let nobody = Command::Mail { from: "", size: None, body: Body::default(), whole: None, envelope_id: None };
    assert_eq!(nobody.encode().unwrap(), b"MAIL FROM:<>\r\n");
    let Request::Rcpt { to } = judged(&Command::Rcpt { to: "\"a b\"@x.org", notify: Some("failure,delay") }) else { panic!("no RCPT") };
    assert_eq!(to.flags, RCPT_NOTIFY_FAILURE | RCPT_NOTIFY_DELAY);
    assert_eq!(Command::Rcpt { to: "a@b", notify: Some("never") }.encode().unwrap(), b"RCPT TO:<a@b> NOTIFY=NEVER\r\n");
    assert_eq!(judged(&Command::Ehlo("[127.0.0.1]")), Request::Ehlo { host: "[127.0.0.1]".into() });
    assert_eq!((judged(&Command::Data), judged(&Command::Rset), judged(&Command::Quit)), (Request::Data, Request::Rset, Request::Quit));
}

#[test]
fn row_77_nothing_ends_a_command_early() {
    for bad in ["a@b>\r\nRCPT TO:<x@y", "a@b\n", "a@b> SIZE=1", "a b@c", "a@b\0", "\"a@b", "a@b\u{85}c", "<a@b>"] {
        assert!(Command::Rcpt { to: bad, notify: None }.encode().is_err(), "{bad:?}");
        let mail = Command::Mail { from: bad, size: None, body: Body::default(), whole: None, envelope_id: None };
        assert!(mail.encode().is_err(), "{bad:?}");
    }
    assert!(Command::Rcpt { to: "", notify: None }.encode().is_err());
    assert!(Command::Rcpt { to: "a@b", notify: Some("never\r\nDATA") }.encode().is_err());
    assert!(Command::Ehlo("me\r\nMAIL").encode().is_err() && Command::Ehlo("").encode().is_err());
    let id = Command::Mail { from: "", size: None, body: Body::default(), whole: None, envelope_id: Some("x\r\nDATA") };
    assert_eq!(id.encode().unwrap(), b"MAIL FROM:<> ENVID=x+0D+0ADATA\r\n");
    assert!(!format!("{:?}", Command::Auth { mechanism: "PLAIN", initial: Some(b"secret") }).contains("c2Vj"));
}

/// What a server makes of octets behind DATA (RFC 5321 §4.5.2): the message, and what is left.
fn received(mut wire: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut message = Vec::new();
    loop {
        let end = memchr::memmem::find(wire, b"\r\n")? + 2;
        let (line, rest) = wire.split_at(end);
        wire = rest;
        if line == b".\r\n" {
            return Some((message, wire));
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
}

fn stuffed(message: &[u8], sizes: &[usize]) -> Result<BytesMut, WireError> {
    let (mut out, mut stuffer) = (BytesMut::new(), Stuffer::default());
    let (mut rest, mut sizes) = (message, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        rest = after;
        stuffer.push(piece, &mut out)?;
    }
    stuffer.end(&mut out)?;
    Ok(out)
}

/// Text that looks like SMTP more often than random octets do.
fn nearly_smtp() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&[u8]] =
        &[b".", b"..", b"\r\n", b"\r", b"\n", b"\r\n.\r\n", b"250", b"-", b" ", b"5.1.1", b"550 no", b"a", b"\0", b"\xff"];
    let word = prop_oneof![
        8 => prop::sample::select(WORDS).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_split_gives_the_same_replies(octets in nearly_smtp(), sizes in prop::collection::vec(1_usize..9, 1..5)) {
        let limits = Limits { line: 24, lines: 4, octets: 60 };
        let whole = replies(&octets, &[octets.len().max(1)], limits);
        prop_assert_eq!(replies(&octets, &sizes, limits), whole);
    }

    #[test]
    fn what_is_stuffed_comes_back_and_ends_once(octets in nearly_smtp(), sizes in prop::collection::vec(1_usize..9, 1..5)) {
        let clean = String::from_utf8_lossy(&octets).replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n").into_bytes();
        let wire = stuffed(&clean, &sizes).unwrap();
        let (message, rest) = received(&wire).unwrap();
        prop_assert!(rest.is_empty());
        let mut expected = clean;
        if !expected.is_empty() && !expected.ends_with(b"\r\n") {
            expected.extend_from_slice(b"\r\n");
        }
        prop_assert_eq!(message, expected);
    }

    #[test]
    fn a_bare_line_end_never_goes_out_as_a_whole_message(octets in nearly_smtp(), sizes in prop::collection::vec(1_usize..9, 1..5)) {
        let bare = (0..octets.len()).any(|n| match octets[n] {
            b'\r' => octets.get(n + 1) != Some(&b'\n'),
            b'\n' => n == 0 || octets[n - 1] != b'\r',
            _ => false,
        });
        prop_assert_eq!(stuffed(&octets, &sizes).is_err(), bare);
    }
}
