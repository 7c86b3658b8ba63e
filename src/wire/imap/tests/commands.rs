//! What we write, also as imap-codec's server side reads it.

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder as _;

use super::super::{
    Appended, CANCEL, Command, DONE, Encoded, ListReturn, Part, Secret, SelectWith, StoreKind, UidSet, Uids, WireError, sasl_line,
};
use super::encoded;

fn select(mailbox: &[u8]) -> Command<'_> {
    Command::Select { mailbox, read_only: false, with: SelectWith::Nothing }
}

#[test]
fn every_command_is_written_as_its_rfc_says() {
    let set = UidSet::parse(b"1:3,7").unwrap();
    let status = &["MESSAGES", "UIDNEXT", "UIDVALIDITY", "HIGHESTMODSEQ"][..];
    let store = |kind| Command::UidStore { uids: &set, kind, flags: &["\\Deleted", "$x"] };
    let list = |returns| Command::List { reference: b"", pattern: b"*", returns };
    let cases = [
        (Command::Capability, "CAPABILITY"),
        (Command::Noop, "NOOP"),
        (Command::Logout, "LOGOUT"),
        (Command::StartTls, "STARTTLS"),
        (Command::Id(&[]), "ID NIL"),
        (Command::Id(&[("name", "mailx"), ("version", "0.1")]), "ID (\"name\" \"mailx\" \"version\" \"0.1\")"),
        (Command::Enable(&["QRESYNC", "CONDSTORE"]), "ENABLE QRESYNC CONDSTORE"),
        (Command::Login { user: "j\"o\\e", secret: Secret(b"a b") }, "LOGIN \"j\\\"o\\\\e\" \"a b\""),
        (Command::Authenticate { mechanism: "PLAIN", initial: None }, "AUTHENTICATE PLAIN"),
        (Command::Authenticate { mechanism: "PLAIN", initial: Some(Secret(b"\0a\0b")) }, "AUTHENTICATE PLAIN AGEAYg=="),
        (Command::Authenticate { mechanism: "EXTERNAL", initial: Some(Secret(b"")) }, "AUTHENTICATE EXTERNAL ="),
        (list(ListReturn::default()), "LIST \"\" \"*\""),
        (Command::Namespace, "NAMESPACE"),
        (Command::GetQuotaRoot(b"INBOX"), "GETQUOTAROOT \"INBOX\""),
        (select(b"INBOX"), "SELECT \"INBOX\""),
        (select(b"NIL"), "SELECT \"NIL\""),
        (Command::Select { mailbox: b"a", read_only: true, with: SelectWith::CondStore }, "EXAMINE \"a\" (CONDSTORE)"),
        (
            Command::Select {
                mailbox: b"a",
                read_only: false,
                with: SelectWith::QResync { uid_validity: 67, mod_seq: 19, known: Some(&set) },
            },
            "SELECT \"a\" (QRESYNC (67 19 1:3,7))",
        ),
        (Command::Status { mailbox: b"a", items: status }, "STATUS \"a\" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"),
        (Command::Unselect, "UNSELECT"),
        (Command::Close, "CLOSE"),
        (Command::UidFetch { uids: (&set).into(), items: "(UID BODY.PEEK[])" }, "UID FETCH 1:3,7 (UID BODY.PEEK[])"),
        (
            Command::UidFetch { uids: Uids::From(8), items: "(FLAGS) (CHANGEDSINCE 5 VANISHED)" },
            "UID FETCH 8:* (FLAGS) (CHANGEDSINCE 5 VANISHED)",
        ),
        (Command::UidSearch { returns: &[], criteria: "UNDELETED" }, "UID SEARCH UNDELETED"),
        (store(StoreKind::Add), "UID STORE 1:3,7 +FLAGS.SILENT (\\Deleted $x)"),
        (store(StoreKind::Remove), "UID STORE 1:3,7 -FLAGS.SILENT (\\Deleted $x)"),
        (Command::UidExpunge(&set), "UID EXPUNGE 1:3,7"),
        (Command::Expunge, "EXPUNGE"),
        (Command::UidMove(&set, b"Tr ash"), "UID MOVE 1:3,7 \"Tr ash\""),
        (Command::UidCopy(&set, b"x"), "UID COPY 1:3,7 \"x\""),
        (Command::Create(b"a/b c"), "CREATE \"a/b c\""),
        (Command::Delete(b"a"), "DELETE \"a\""),
        (Command::Rename(b"a", b"b"), "RENAME \"a\" \"b\""),
        (Command::Subscribe(b"a"), "SUBSCRIBE \"a\""),
        (Command::Unsubscribe(b"a"), "UNSUBSCRIBE \"a\""),
        (Command::Compress, "COMPRESS DEFLATE"),
        (Command::Idle, "IDLE"),
    ];
    for (command, text) in cases {
        let line = encoded(&command);
        assert_eq!(line, format!("A1 {text}\r\n"));
        let (rest, _) = CommandCodec::default().decode(line.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert!(rest.is_empty(), "{text}");
    }
}

#[test]
fn commands_that_imap_codec_does_not_know() {
    let returns = ListReturn { special_use: true, subscribed: true, status: &["MESSAGES", "UIDNEXT"] };
    let list = Command::List { reference: b"", pattern: b"INBOX%", returns };
    assert_eq!(encoded(&list), "A1 LIST \"\" \"INBOX%\" RETURN (SPECIAL-USE SUBSCRIBED STATUS (MESSAGES UIDNEXT))\r\n");
    let search = Command::UidSearch { returns: &["ALL", "COUNT"], criteria: "1:* NOT DELETED" };
    assert_eq!(encoded(&search), "A1 UID SEARCH RETURN (ALL COUNT) 1:* NOT DELETED\r\n");
    assert_eq!((DONE, CANCEL), (&b"DONE\r\n"[..], &b"*\r\n"[..]));
    assert_eq!(sasl_line(b"x"), b"eA==\r\n");
    assert_eq!(sasl_line(b""), b"\r\n");
}

#[test]
fn eight_bit_names_are_literals_that_wait_unless_told_otherwise() {
    let copy = Command::UidCopy(&UidSet::from_sorted([1]), "é".as_bytes()).encode("A1").unwrap();
    let line = |text: &str| Part::Line(text.into());
    assert_eq!(copy.parts, [line("A1 UID COPY 1 {2}\r\n"), Part::AwaitContinuation, line("é\r\n")]);
    assert_eq!(copy.clone().without_waiting(1, 0), copy);
    assert_eq!(copy.without_waiting(2, 0).parts, [line("A1 UID COPY 1 {2+}\r\né\r\n")]);
    let login = Command::Login { user: "ü", secret: Secret("ä!".as_bytes()) }.encode("A1").unwrap();
    assert_eq!(login.parts.len(), 5);
    assert_eq!(login.clone().without_waiting(2, 0).parts, [line("A1 LOGIN {2+}\r\nü {3}\r\n"), Part::AwaitContinuation, line("ä!\r\n")]);
    assert_eq!(login.without_waiting(usize::MAX, 0).parts, [line("A1 LOGIN {2+}\r\nü {3+}\r\nä!\r\n")]);
    let plain = Encoded { parts: vec![line("A1 NOOP\r\n")] };
    assert_eq!(plain.clone().without_waiting(usize::MAX, 0), plain);
}

#[test]
fn empty_sets_are_not_sent() {
    let none = UidSet::new();
    for command in [
        Command::UidExpunge(&none),
        Command::UidFetch { uids: Uids::Set(&none), items: "UID" },
        Command::UidMove(&none, b"x"),
        Command::UidCopy(&none, b"x"),
        Command::UidStore { uids: &none, kind: StoreKind::Add, flags: &["a"] },
    ] {
        assert_eq!(command.encode("A1"), Err(WireError::Unencodable("empty set")));
    }
}

/// The octets of a command with its messages in their places.
fn with_messages(encoded: &Encoded, messages: &[&[u8]]) -> Vec<u8> {
    let octets = encoded.parts.iter().flat_map(|part| match part {
        Part::Line(octets) => octets.clone(),
        Part::AwaitContinuation => Vec::new(),
        Part::Message { index, .. } => messages[*index].to_vec(),
    });
    octets.collect()
}

#[test]
fn messages_are_announced_and_sent_by_others() {
    let flags = ["\\Seen", "$Forwarded", "work"];
    let messages: [&[u8]; 2] = [b"Subject: a\r\n\r\nx\r\n", b"Subject: b\r\n\r\n"];
    let appended = [
        Appended { flags: &flags, date: Some(837_596_665), octets: messages[0].len() as u64 },
        Appended { flags: &[], date: None, octets: messages[1].len() as u64 },
    ];
    let one = Command::Append { mailbox: b"Se nt", messages: &appended[..1] }.encode("A1").unwrap();
    let line = |text: &str| Part::Line(text.into());
    let announced = "A1 APPEND \"Se nt\" (\\Seen $Forwarded work) \"17-Jul-1996 09:44:25 +0000\" {17}\r\n";
    assert_eq!(one.parts, [line(announced), Part::AwaitContinuation, Part::Message { index: 0, octets: 17 }, line("\r\n")]);
    // Imap-codec's server side reads what we write.
    let octets = with_messages(&one.clone().without_waiting(0, 17), &messages);
    let (rest, command) = CommandCodec::default().decode(&octets).unwrap();
    assert!(rest.is_empty());
    let imap_codec::imap_types::command::CommandBody::Append { flags, date, message, .. } = command.body else { panic!() };
    assert_eq!((flags.len(), date.is_some()), (3, true));
    assert_eq!(
        format!("{message:?}"),
        format!(
            "{:?}",
            imap_codec::imap_types::extensions::binary::LiteralOrLiteral8::Literal(
                imap_codec::imap_types::core::Literal::try_from(messages[0]).unwrap().into_non_sync()
            )
        )
    );
    // Too long to go without asking.
    assert_eq!(one.clone().without_waiting(usize::MAX, 16), one);
    let both = Command::Append { mailbox: b"x", messages: &appended }.encode("A1").unwrap().without_waiting(0, 100);
    assert_eq!(
        String::from_utf8(with_messages(&both, &messages)).unwrap(),
        "A1 APPEND \"x\" (\\Seen $Forwarded work) \"17-Jul-1996 09:44:25 +0000\" {17+}\r\nSubject: a\r\n\r\nx\r\n {14+}\r\nSubject: b\r\n\r\n\r\n"
    );
    // A name that needs a literal of its own.
    let name = Command::Append { mailbox: "é".as_bytes(), messages: &appended[1..] }.encode("A1").unwrap().without_waiting(9, 99);
    assert_eq!(String::from_utf8(with_messages(&name, &messages[1..])).unwrap(), "A1 APPEND {2+}\r\né {14+}\r\nSubject: b\r\n\r\n\r\n");
    assert!(Command::Append { mailbox: b"x", messages: &[] }.encode("A1").is_err());
    let nasty = [Appended { flags: &["a) {9+}"], date: None, octets: 1 }];
    assert!(Command::Append { mailbox: b"x", messages: &nasty }.encode("A1").is_err());
}
