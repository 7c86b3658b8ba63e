//! What real servers send although no RFC allows it (dependencies.md §1, table "Coverage and tolerance").

use super::super::{Response, StatusKind, decode};
use super::{fetch, status};

#[test]
fn a_command_always_ends() {
    for (line, text) in [
        (&b"a1 OK"[..], ""),
        (b"a1 OK\r\n", ""),
        (b"a1 OK \r\n", ""),
        (b"a1  ok   done\r\n", "done"),
        (b"a1 OK d\xe9j\xe0 vu\r\n", "d\u{fffd}j\u{fffd} vu"),
        ("a1 OK fertig – ja\n".as_bytes(), "fertig – ja"),
        (b"a1 OK [", "["),
        (b"a1 OK []", ""),
        (b"a1 OK [X (] x", "x"),
        (b"a1 OK [UNCLOSED text", "[UNCLOSED text"),
        (b"a1 OK [COPYUID 0 0 0] x", "x"),
        (b"a1 OK ((((({5}\r\n", "((((({5}"),
        (b"a1 OK \x1b]0;x\x07", "\x1b]0;x\x07"),
    ] {
        let got = status(line);
        assert_eq!((got.tag.as_deref(), got.kind, got.text.as_str()), (Some("a1"), StatusKind::Ok, text));
    }
}

#[test]
fn fetch_lines_with_stray_spaces_and_odd_values() {
    assert_eq!(fetch("* 1 FETCH ( UID  5 FLAGS ( \\Seen  a ) )  \r\n").flags.unwrap(), ["\\Seen", "a"]);
    assert_eq!(fetch("*  1  FETCH  (UID 5)\r\n").uid, Some(5));
    assert_eq!(fetch("* 1 FETCH(UID 5)\r\n").uid, Some(5));
    assert_eq!(fetch("* 1 FETCH (FLAGS (sch\u{f6}n))").flags.unwrap(), ["sch\u{f6}n"]);
    assert_eq!(fetch("* 1 FETCH (RFC822.SIZE 5000000000)").size, Some(5_000_000_000));
    assert_eq!(fetch("* 1 FETCH (RFC822.SIZE -1 UID 2)").size, None);
    assert_eq!(fetch("* 1 FETCH (RFC822.SIZE NIL UID 2)").uid, Some(2));
    assert_eq!(fetch("* 1 FETCH (INTERNALDATE \"1-Jan-1970 00:00:09 +0000\")").internal_date, Some(9));
    assert_eq!(fetch("* 1 FETCH (INTERNALDATE NIL UID 3)").uid, Some(3));
    assert_eq!(fetch("* 1 FETCH (UID 0 MODSEQ (0))").uid, None);
    assert_eq!(fetch("* 1 FETCH (MODSEQ (0) UID 3)").mod_seq, None);
    assert_eq!(fetch("* 1 FETCH (MODSEQ 7)").mod_seq, Some(7));
    assert_eq!(fetch("* 1 FETCH (FLAGS NIL UID 3)").flags, None);
    assert_eq!(fetch("* 1 FETCH ()").uid, None);
    assert_eq!(fetch("* 0 FETCH (UID 3)").seq, 0);
    let latin1 = b"* 1 FETCH (ENVELOPE (\"\xe9\" NIL) UID 4)\r\n";
    assert!(matches!(decode(latin1), Ok(Response::Fetch(fetch)) if fetch.uid == Some(4)));
}

#[test]
fn other_lines_with_stray_spaces() {
    assert_eq!(decode(b"* SEARCH 1 2 \r\n"), Ok(Response::Search { ids: vec![1, 2], mod_seq: None }));
    assert_eq!(decode(b"* 5 EXISTS \r\n"), Ok(Response::Exists(5)));
    assert_eq!(decode(b"* CAPABILITY  IDLE \r\n"), Ok(Response::Capability(vec!["IDLE".into()])));
    assert!(matches!(decode(b"* LIST (\\A  )  \"/\"  x \r\n"), Ok(Response::List(item)) if item.name == b"x"));
    assert!(matches!(decode(b"* STATUS x ( MESSAGES 1 )\r\n"), Ok(Response::MailboxStatus(status)) if status.messages == Some(1)));
    assert_eq!(decode(b"* FLAGS (sch\xf6n)\r\n"), Ok(Response::Flags(vec!["sch\u{fffd}n".into()])));
}

#[test]
fn the_unknown_is_skipped() {
    for line in [
        "* X-NEWS 5",
        "* 5 FOO",
        "* THREAD (1)(2)",
        "* METADATA x (/a b)",
        "* MYRIGHTS x lr",
        "*",
        "* ",
        "* ID x",
        "* NAMESPACE junk",
        "* QUOTA",
    ] {
        assert_eq!(decode(line.as_bytes()), Ok(Response::Other), "{line}");
    }
}

#[test]
fn what_matters_is_an_error_when_unreadable() {
    for line in [
        "* SEARCH 1 x",
        "* VANISHED",
        "* VANISHED (EARLIER) x",
        "* 0 EXPUNGE",
        "* -1 EXISTS",
        "* 99999999999 EXISTS",
        "* FETCH (UID 1)",
        "* 99999999999 FETCH (UID 1)",
        "* 1 FETCH",
        "* 1 FETCH UID 5",
        "* 1 FETCH (UID 5",
        "* 1 FETCH (UID x)",
        "* 1 FETCH (UID)",
        "* 1 FETCH (BODY[)",
        "* 1 FETCH (BODY[] x)",
        "* 1 FETCH (BODY[] {5}\r\nabc)",
        "* 1 FETCH (\"UID\" 5)",
        "* 1 FETCH (FLAGS (a) b)",
        "* LIST",
        "* LIST () \"/\"",
        "* LIST () \"/\" \"x",
        "* STATUS x",
        "* STATUS x (MESSAGES",
        "* ESEARCH (TAG",
        "* ESEARCH ALL x",
        "* FLAGS x",
        "a1 FOO",
        "a1",
        "",
        " OK",
        "1 \u{e9}",
    ] {
        let got = decode(line.as_bytes());
        // A FETCH without a number is no response we know.
        assert!(got.is_err() || line == "* FETCH (UID 1)" && got == Ok(Response::Other), "{line}: {got:?}");
    }
}
