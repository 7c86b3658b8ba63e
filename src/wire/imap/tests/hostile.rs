//! Rows of hostile-servers.md §3.2, as far as bytes decide them.

use std::time::{Duration, Instant};

use super::super::{Command, Response, Secret, TagMaker, UidSet, WireError, decode};
use super::{encoded, fetch, frame};

#[test]
fn row_22_literal_sizes_that_are_none() {
    for size in ["-1", "", "0x10", "18446744073709551617", "1 ", "+", "5-", "5++", "١"] {
        for head in ["* 1 FETCH (BODY[] ", "* LIST () NIL "] {
            let got = frame(format!("{head}{{{size}}}\r\n").as_bytes());
            // A size in other digits does not try to be a number: the braces are text, which the decoder refuses.
            assert!(got == Err(WireError::Literal) || size == "١", "{head}{size}: {got:?}");
        }
    }
    for size in ["2147483647", "4294967306"] {
        assert!(frame(format!("* 1 FETCH (BODY[] {{{size}}}\r\n").as_bytes()).is_ok(), "streamed, for the session to judge");
        assert_eq!(frame(format!("* LIST {{{size}}}\r\n").as_bytes()), Err(WireError::LiteralTooLong));
    }
}

#[test]
fn row_24_a_line_without_end() {
    assert_eq!(frame(&[&b"* OK "[..], &vec![b'A'; 1 << 20]].concat()), Err(WireError::LineTooLong));
}

#[test]
fn row_26_deep_nesting_is_counted() {
    for head in ["* 1 FETCH (BODYSTRUCTURE ", "* STATUS x (Y ", "* LIST () NIL x (Y ", "* ESEARCH X ", "* ID ", "* NAMESPACE ", "* QUOTA "]
    {
        let line = |depth| format!("{head}{}1{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(decode(line(200_000).as_bytes()), Err(WireError::Nesting), "{head}");
        assert_eq!(decode(format!("{head}{}", "(".repeat(200_000)).as_bytes()), Err(WireError::Nesting), "{head}");
        assert_ne!(decode(line(60).as_bytes()), Err(WireError::Nesting), "{head}");
    }
    assert_eq!(decode(format!("* THREAD {}", "(".repeat(200_000)).as_bytes()), Ok(Response::Other), "never parsed");
}

#[test]
fn row_27_tags_are_unlike_between_connections() {
    let (mut one, mut other) = (TagMaker::new(0x0123_4567_89ab_cdef), TagMaker::new(0xfedc_ba98_7654_3210));
    let tags: Vec<String> = (0..3).map(|_| one.next_tag()).collect();
    assert!(tags[0].ends_with(".1") && tags[1].ends_with(".2") && tags[0] != other.next_tag());
    assert!(tags.iter().all(|tag| tag.len() > 8 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')));
}

#[test]
fn row_35_twins_and_impossible_uids() {
    assert!(decode(b"* 1 FETCH (UID 4294967296)").is_err());
    assert!(decode(b"* 1 FETCH (UID 4 UID 5)").is_err());
    assert_eq!(fetch("* 1 FETCH (UID 0)").uid, None);
}

#[test]
fn rows_39_and_40_ranges_cost_nothing() {
    let Ok(Response::Vanished { earlier: true, uids }) = decode(b"* VANISHED (EARLIER) 1:4294967295") else { panic!() };
    assert_eq!((uids.ranges().len(), uids.len()), (1, 4_294_967_295));
    assert_eq!(decode(b"* 4294967295 EXISTS"), Ok(Response::Exists(u32::MAX)));
    let Ok(Response::Esearch(found)) = decode(b"* ESEARCH ALL 1:4294967295") else { panic!() };
    assert_eq!(found.all, Some(UidSet::from_ranges(vec![(1, u32::MAX)])));
}

#[test]
fn row_42_control_characters_outside_literals() {
    for line in [
        &b"* 3 EX\0ISTS"[..],
        b"* LIST () \"/\" \"a\0b\"",
        b"* LIST () \"/\" a\x1bb",
        b"* LIST () \"/\" a\x7fb",
        b"* LIST () \"/\" a\rb",
        b"* LIST () \"/\" a\nb",
        b"* LIST () \"/\" {1}\nab\0",
        b"* LIST () \"/\" {9}\r\nab\0",
        b"* X\0",
        b"* OK a\0b",
        b"a1 OK a\0b",
        b"+ a\0b",
    ] {
        assert_eq!(decode(line), Err(WireError::Control), "{}", String::from_utf8_lossy(line));
    }
    let Ok(Response::List(item)) = decode(b"* LIST () \"/\" {3}\r\na\0\n\r\n") else { panic!() };
    assert_eq!(item.name, b"a\0\n", "kept in a literal, and refused when it would be sent");
}

#[test]
fn row_47_no_name_becomes_a_command() {
    for name in [&b"x\r\nA9 DELETE INBOX"[..], b"x\n", b"x\r", b"x\0"] {
        for command in [
            Command::Select { mailbox: name, read_only: false, with: super::super::SelectWith::Nothing },
            Command::Status { mailbox: name, items: &["MESSAGES"] },
            Command::UidMove(&UidSet::from_sorted([1]), name),
        ] {
            assert!(matches!(command.encode("A1"), Err(WireError::Unencodable(_))));
        }
    }
    assert!(Command::UidFetch { uids: super::super::Uids::From(1), items: "(UID)\r\nA9 X" }.encode("A1").is_err());
    assert!(Command::Id(&[("name", "a\r\nb")]).encode("A1").is_err());
}

#[test]
fn row_52_a_flood_of_keywords_is_bounded() {
    let flood = "keyword ".repeat(100_000);
    let got = fetch(&format!("* 1 FETCH (FLAGS ({flood}\\Seen {}) UID 9)", "x".repeat(65)));
    let flags = got.flags.unwrap();
    assert_eq!((flags.len(), got.flags_dropped, got.uid), (65, 100_000 - 64 + 1, Some(9)));
    assert_eq!(flags[64], "\\Seen", "system flags are never dropped");
    let repeated = fetch(&format!("* 1 FETCH (FLAGS ({}))", "\\Seen ".repeat(1000)));
    assert_eq!(repeated.flags.unwrap().len(), 1);
    assert!(decode(b"* 1 FETCH (FLAGS (a) UID 9) UID 4)").is_err(), "a keyword that closes the list");
    let set = UidSet::from_sorted([1]);
    for flag in ["a) UID 9", "a b", "", "\\", "a\"", "\\Seen)", "{5}", "a\r\nb", "é"] {
        let store = Command::UidStore { uids: &set, kind: super::super::StoreKind::Add, flags: &[flag] };
        assert!(store.encode("A1").is_err(), "{flag:?}");
    }
}

#[test]
fn row_54_dates_never_panic() {
    for date in ["\"99-Foo-0000 25:61:61 +9999\"", "NIL", "\"01-Jan-99999 00:00:00 +0000\"", "x", "\"\"", "{1}\r\nx", "(1 2)"] {
        let got = fetch(&format!("* 1 FETCH (INTERNALDATE {date} UID 9)"));
        assert_eq!((got.internal_date, got.uid), (None, Some(9)), "{date}");
    }
}

#[test]
fn text_is_bounded() {
    let line = format!("a1 OK [X {}] {}", "y".repeat(1 << 19), "é".repeat(1 << 18));
    let got = super::status(line.as_bytes());
    assert!(got.text.len() <= 1024 && got.text.len() > 1000);
    assert!(matches!(got.code, Some(super::super::Code::Other { arg, .. }) if arg.len() == 1024));
}

#[test]
fn row_17_secrets_are_not_printed() {
    let command = Command::Login { user: "joe", secret: Secret(b"hunter2") };
    let all = format!("{command:?} {:?}", command.encode("A1").unwrap());
    assert!(!all.contains("hunter2") && !all.contains("104, 117"), "{all}");
    assert_eq!(encoded(&command), "A1 LOGIN \"joe\" \"hunter2\"\r\n");
}

/// A megabyte of anything is read in time linear in its length. The bound is generous (debug build, busy machine) but far
/// below what a quadratic reader needs.
#[test]
fn no_line_is_quadratic() {
    let mib = |part: &str| part.repeat((1 << 20) / part.len());
    for line in [
        format!("* 1 FETCH (FLAGS ({}) UID 1)\r\n", mib("a ")),
        format!("* 1 FETCH ({})\r\n", mib("X-Y \"\\\\\" ")),
        format!("* 1 FETCH (X {}", mib("{0}\r\n")),
        format!("* {}{}", mib("A"), mib("{0}\r\n")),
        format!("* 1 FETCH (X {})\r\n", mib("{ ")),
        format!("* 1 FETCH ({}", mib("x] {0}\r\n")),
        format!("* 1 FETCH ({}", mib("BODY[] {0}\r\n")),
        format!("* STATUS x ({})\r\n", mib("A 1 ")),
        format!("* SEARCH{}\r\n", mib(" 1")),
        format!("* VANISHED {}1\r\n", mib("9,7,")),
        format!("* OK [{}\r\n", mib("(")),
        format!("* LIST {}\r\n", mib("\"")),
        format!("* ID ({})\r\n", mib("\"a\" \"b\" ")),
    ] {
        let started = Instant::now();
        let _ = super::pieces(line.as_bytes(), &[4096], super::super::Limits { line: 4 << 20, inline: 4 << 20 });
        let _ = decode(line.as_bytes());
        assert!(started.elapsed() < Duration::from_secs(10), "{}: {:?}", &line[..30], started.elapsed());
    }
}
