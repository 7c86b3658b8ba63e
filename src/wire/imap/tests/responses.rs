//! Examples of RFC 9051, 3501, 7162, 6154, 5819, 4731, 4315, 2087, 2342 and 2971, beside the decoder that imap-codec would be.

use super::super::{
    BodyData, BodyItem, Code, Esearch, Fetch, ListItem, ListKind, MailboxStatus, Namespace, Response, StatusKind, UidSet, decode,
    decode_greeting,
};
use super::{fetch, status};

fn set(text: &str) -> UidSet {
    UidSet::parse(text.as_bytes()).unwrap()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn ok(line: &str) -> Response {
    decode(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn folder(attributes: &[&str], delimiter: Option<u8>, name: &str) -> ListItem {
    ListItem { kind: ListKind::List, attributes: strings(attributes), delimiter, name: name.into(), old_name: None }
}

#[test]
fn greetings() {
    let greeting = decode_greeting(b"* OK [CAPABILITY IMAP4rev1 auth=plain] Hello\r\n").unwrap();
    assert_eq!((greeting.kind, greeting.text.as_str()), (StatusKind::Ok, "Hello"));
    assert_eq!(greeting.code, Some(Code::Capability(strings(&["IMAP4REV1", "AUTH=PLAIN"]))));
    assert_eq!(decode_greeting(b"* PREAUTH hi\r\n").unwrap().kind, StatusKind::PreAuth);
    assert_eq!(decode_greeting(b"* BYE\r\n").unwrap().kind, StatusKind::Bye);
    for bad in [
        &b"HTTP/1.1 400 Bad Request\r\n"[..],
        b"* NO\r\n",
        b"* BAD x\r\n",
        b"a OK x\r\n",
        b"+OK POP3\r\n",
        b"",
        b"* 1 EXISTS\r\n",
        b"* OK a\0\r\n",
    ] {
        assert!(decode_greeting(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn status_codes() {
    let cases = [
        ("* OK [UIDVALIDITY 3857529045] UIDs valid", Some(Code::UidValidity(3_857_529_045))),
        ("* OK [UIDNEXT 4392] Predicted next UID", Some(Code::UidNext(4392))),
        ("* OK [HIGHESTMODSEQ 715194045007] ok", Some(Code::HighestModSeq(715_194_045_007))),
        ("* OK [NOMODSEQ] Sorry", Some(Code::NoModSeq)),
        ("* OK [HIGHESTMODSEQ 0] x", Some(Code::NoModSeq)),
        ("* OK [UIDNEXT 0] x", Some(Code::Other { name: "UIDNEXT".into(), arg: "0".into() })),
        ("* OK [UIDVALIDITY 0] x", Some(Code::UidValidity(0))),
        ("* OK [UNSEEN 12] Message 12 is first unseen", Some(Code::Unseen)),
        ("* OK [PERMANENTFLAGS (\\deleted \\Seen \\*)] Limited", Some(Code::PermanentFlags(strings(&["\\Deleted", "\\Seen", "\\*"])))),
        ("* OK [PERMANENTFLAGS ()] none", Some(Code::PermanentFlags(vec![]))),
        ("* OK [PERMANENTFLAGS ([Gmail] a)] x", Some(Code::PermanentFlags(strings(&["[Gmail]", "a"])))),
        ("* OK [CLOSED] Previous mailbox is now closed", Some(Code::Closed)),
        ("A142 OK [READ-WRITE] SELECT completed", Some(Code::ReadWrite)),
        ("A932 ok [read-only] EXAMINE completed", Some(Code::ReadOnly)),
        ("A003 NO [TRYCREATE] No such mailbox", Some(Code::TryCreate)),
        ("* OK [ALERT] System shutdown", Some(Code::Alert)),
        ("A003 OK [APPENDUID 38505 3955] done", Some(Code::AppendUid { uid_validity: 38505, uids: set("3955") })),
        (
            "A004 OK [COPYUID 38505 304,319:320 3956:3958] Done",
            Some(Code::CopyUid { uid_validity: 38505, source: set("304,319:320"), destination: set("3956:3958") }),
        ),
        ("a NO [COMPRESSIONACTIVE] DEFLATE active", Some(Code::CompressionActive)),
        ("b NO [AUTHENTICATIONFAILED] no", Some(Code::Other { name: "AUTHENTICATIONFAILED".into(), arg: String::new() })),
        ("b NO [referral imap://evil/] no", Some(Code::Other { name: "REFERRAL".into(), arg: "imap://evil/".into() })),
        ("b NO plain", None),
    ];
    for (line, code) in cases {
        assert_eq!(status(line.as_bytes()).code, code, "{line}");
    }
    let full = status(b"a1 BAD [PARSE] What?  \r\n");
    assert_eq!((full.tag.as_deref(), full.kind, full.text.as_str()), (Some("a1"), StatusKind::Bad, "What?"));
}

#[test]
fn copyuid_that_cannot_be_paired_stays_unread() {
    for arg in ["5 3,1 7:8", "5 1,3 8,7", "5 1:2 7", "0 1 7", "5 1", "x 1 7", "5 1:3,2 7:9,8"] {
        let code = status(format!("a OK [COPYUID {arg}] x").as_bytes()).code;
        assert_eq!(code, Some(Code::Other { name: "COPYUID".into(), arg: arg.into() }));
    }
}

#[test]
fn continuations() {
    assert_eq!(ok("+ dGVzdA==\r\n"), Response::Continue { data: b"test".to_vec(), text: "dGVzdA==".into() });
    assert_eq!(ok("+ Ready for literal\r\n"), Response::Continue { data: vec![], text: "Ready for literal".into() });
    assert_eq!(ok("+\r\n"), Response::Continue { data: vec![], text: String::new() });
    assert_eq!(ok("+ \r\n"), Response::Continue { data: vec![], text: String::new() });
}

#[test]
fn word_lists() {
    assert_eq!(
        ok("* CAPABILITY IMAP4rev1 STARTTLS auth=GSSAPI \r\n"),
        Response::Capability(strings(&["IMAP4REV1", "STARTTLS", "AUTH=GSSAPI"]))
    );
    assert_eq!(ok("* ENABLED CONDSTORE\r\n"), Response::Enabled(strings(&["CONDSTORE"])));
    assert_eq!(ok("* ENABLED\r\n"), Response::Enabled(vec![]));
    assert_eq!(ok("* FLAGS (\\Answered $Forwarded)\r\n"), Response::Flags(strings(&["\\Answered", "$Forwarded"])));
}

#[test]
fn folders() {
    let list = |line: &str| match ok(line) {
        Response::List(item) => item,
        other => panic!("{other:?}"),
    };
    assert_eq!(list("* LIST (\\Noselect) \"/\" \"\"\r\n"), folder(&["\\Noselect"], Some(b'/'), ""));
    assert_eq!(list("* LIST (\\Sent \\HasNoChildren) \"/\" SentMail\r\n"), folder(&["\\Sent", "\\HasNoChildren"], Some(b'/'), "SentMail"));
    assert_eq!(list("* LIST () \"\\\\\" \"a\\\"b\"\r\n"), folder(&[], Some(b'\\'), "a\"b"));
    assert_eq!(list("* LIST () NIL {5}\r\na\r\n \"\r\n"), folder(&[], None, "a\r\n \""));
    assert_eq!(list("* LIST () \".\" \"foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"), folder(&[], Some(b'.'), "foo"));
    let renamed = list("* LIST () \"/\" NewMailbox (\"OLDNAME\" (\"OldMailbox\"))\r\n");
    assert_eq!(renamed.old_name.as_deref(), Some(&b"OldMailbox"[..]));
    let both = list("* LIST () \"/\" x (CHILDINFO (\"A\" \"B\") OLDNAME (y) X (((1))))\r\n");
    assert_eq!(both.old_name.as_deref(), Some(&b"y"[..]));
    assert_eq!(list("* LSUB () \".\" #news.comp.mail.misc\r\n").kind, ListKind::Lsub);
    assert_eq!(list("* XLIST (\\Inbox) \"/\" \"Bo&AO4-te\"\r\n").kind, ListKind::XList);
    for flat in ["\"\"", "\"ab\"", "\"\u{e9}\"", "\"\t\""] {
        assert_eq!(list(&format!("* LIST () {flat} x\r\n")).delimiter, None, "{flat}");
    }
}

#[test]
fn counters_of_folders() {
    let line = "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292 UIDVALIDITY 9 UNSEEN 0 HIGHESTMODSEQ 7011231777 SIZE 99999999999 DELETED 3 \
                MAILBOXID (F2212ea87) APPENDLIMIT NIL X-NEW (a (b)) RECENT 1) \r\n";
    let want = MailboxStatus {
        name: b"blurdybloop".to_vec(),
        messages: Some(231),
        uid_next: Some(44292),
        uid_validity: Some(9),
        unseen: Some(0),
        highest_mod_seq: Some(7_011_231_777),
        size: Some(99_999_999_999),
        deleted: Some(3),
        mailbox_id: Some("F2212ea87".into()),
        append_limit: None,
    };
    assert_eq!(ok(line), Response::MailboxStatus(want));
    let empty = MailboxStatus { name: b"a b".to_vec(), ..MailboxStatus::default() };
    assert_eq!(ok("* STATUS \"a b\" (HIGHESTMODSEQ 0 UIDNEXT 0 MESSAGES NIL)\r\n"), Response::MailboxStatus(empty.clone()));
    assert_eq!(ok("* STATUS {3}\r\na b ()\r\n"), Response::MailboxStatus(empty));
}

#[test]
fn searches() {
    assert_eq!(ok("* SEARCH 2 84 882\r\n"), Response::Search { ids: vec![2, 84, 882], mod_seq: None });
    assert_eq!(ok("* SEARCH\r\n"), Response::Search { ids: vec![], mod_seq: None });
    assert_eq!(ok("* SEARCH 2 5 (MODSEQ 917162500)\r\n"), Response::Search { ids: vec![2, 5], mod_seq: Some(917_162_500) });
    assert_eq!(ok("* SORT 5 3\r\n"), Response::Search { ids: vec![5, 3], mod_seq: None });
    let want = Esearch { tag: Some("A285".into()), uid: true, min: Some(7), max: Some(3800), ..Esearch::default() };
    assert_eq!(ok("* ESEARCH (TAG \"A285\") UID MIN 7 MAX 3800\r\n"), Response::Esearch(want));
    let want = Esearch { tag: Some("a".into()), all: Some(set("1:3,5")), count: Some(4), mod_seq: Some(12), ..Esearch::default() };
    assert_eq!(ok("* ESEARCH (TAG a) COUNT 4 ALL 5,1:3 MODSEQ 12 PARTIAL (1:2 7,9)\r\n"), Response::Esearch(want));
    assert_eq!(ok("* ESEARCH\r\n"), Response::Esearch(Esearch::default()));
}

#[test]
fn counters_of_the_selected_folder() {
    assert_eq!(ok("* 23 EXISTS\r\n"), Response::Exists(23));
    assert_eq!(ok("* 5 recent\r\n"), Response::Recent(5));
    assert_eq!(ok("* 44 EXPUNGE\r\n"), Response::Expunge(44));
    assert_eq!(ok("* VANISHED (EARLIER) 41,43:116,118\r\n"), Response::Vanished { earlier: true, uids: set("41,43:116,118") });
    assert_eq!(ok("* VANISHED 405,407\r\n"), Response::Vanished { earlier: false, uids: set("405,407") });
}

#[test]
fn messages() {
    let line = "* 23 FETCH (UID 4827313 FLAGS (\\seen $Junk) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4286 MODSEQ (65402) \
                EMAILID (M6d99ac3275bb4e) X-GM-MSGID 1278455344230334865)\r\n";
    let want = Fetch {
        seq: 23,
        uid: Some(4_827_313),
        flags: Some(strings(&["\\Seen", "$Junk"])),
        internal_date: Some(837_596_665),
        size: Some(4286),
        mod_seq: Some(65402),
        email_id: Some("M6d99ac3275bb4e".into()),
        gm_msgid: Some(1_278_455_344_230_334_865),
        ..Fetch::default()
    };
    assert_eq!(fetch(line), want);
    let rest = fetch(
        "* 1 FETCH (ENVELOPE (\"a\" NIL ((NIL NIL \"x\" \"y)\")) {2}\r\n)( NIL) BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 5 1) \
         THREADID NIL SAVEDATE \"x\" PREVIEW \"(\" X-GM-LABELS (\\Inbox \"a b\") BINARY.SIZE[1] 7 FLAGS () UID 9)\r\n",
    );
    assert_eq!((rest.uid, rest.flags), (Some(9), Some(vec![])));
    let item = |section: &str, data| BodyItem { section: section.into(), binary: false, origin: None, data };
    let bodies = fetch("* 1 FETCH (BODY[header] \"a\\\"b\" BODY[1] NIL RFC822.HEADER {0}\r\n BODY[] \"\" RFC822 {2}\r\nhi)\r\n").bodies;
    let want = [
        item("HEADER", BodyData::Inline(b"a\"b".to_vec())),
        item("1", BodyData::Nil),
        item("HEADER", BodyData::Streamed),
        item("", BodyData::Inline(vec![])),
        item("", BodyData::Inline(b"hi".to_vec())),
    ];
    assert_eq!(bodies, want);
    let binary = &fetch("* 1 FETCH (BINARY[1.2]<7> {0}\r\n)").bodies[0];
    assert_eq!((binary.section.as_str(), binary.binary, binary.origin), ("1.2", true, Some(7)));
    let fields = &fetch("* 1 FETCH (BODY[HEADER.FIELDS (date \"a]b\" {2}\r\nXY)] {0}\r\n)").bodies[0];
    assert_eq!(fields.section, "HEADER.FIELDS (DATE A]B XY)");
}

#[test]
fn knowledge_about_the_server() {
    let want = Namespace {
        personal: vec![(b"".to_vec(), Some(b'/'))],
        others: vec![(b"~".to_vec(), Some(b'/'))],
        shared: vec![(b"#shared/".to_vec(), Some(b'/')), (b"x".to_vec(), None)],
    };
    assert_eq!(ok("* NAMESPACE ((\"\" \"/\")) ((\"~\" \"/\")) ((\"#shared/\" \"/\")(\"x\" NIL))\r\n"), Response::Namespace(want));
    assert_eq!(ok("* NAMESPACE NIL NIL NIL\r\n"), Response::Namespace(Namespace::default()));
    assert_eq!(
        ok("* QUOTA \"\" (STORAGE 10 512)\r\n"),
        Response::Quota { root: String::new(), resources: vec![("STORAGE".into(), 10, 512)] }
    );
    assert_eq!(ok("* QUOTA \"\" ()\r\n"), Response::Quota { root: String::new(), resources: vec![] });
    assert_eq!(ok("* QUOTAROOT INBOX \"\"\r\n"), Response::QuotaRoot { mailbox: b"INBOX".to_vec(), roots: strings(&[""]) });
    assert_eq!(ok("* QUOTAROOT comp.mail.mime\r\n"), Response::QuotaRoot { mailbox: b"comp.mail.mime".to_vec(), roots: vec![] });
    let id = vec![("name".into(), Some("Cyrus".into())), ("os".into(), None)];
    assert_eq!(ok("* ID (\"name\" \"Cyrus\" \"os\" NIL)\r\n"), Response::Id(id));
    assert_eq!(ok("* ID NIL\r\n"), Response::Id(vec![]));
}
