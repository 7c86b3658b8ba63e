//! Status lines, continuations, listings.

use super::super::*;

fn reply(line: &str) -> Reply {
    parse_reply(line.as_bytes()).unwrap()
}

#[test]
fn status_lines_are_read_with_their_codes() {
    let code = |line: &str| reply(line).code;
    assert_eq!(reply("+OK"), Reply { ok: true, code: None, text: String::new() });
    assert_eq!(reply("-ERR no such message, only 2"), Reply { ok: false, code: None, text: "no such message, only 2".into() });
    assert_eq!(code("-ERR [IN-USE] Do you have another POP session running?"), Some(Code::InUse));
    assert_eq!(code("-ERR [LOGIN-DELAY] minimum time between mail checks violation"), Some(Code::LoginDelay));
    assert_eq!(code("-err [sys/temp] try again"), Some(Code::SysTemp));
    assert_eq!(code("-ERR [SYS/TEMP/DISK] x"), Some(Code::SysTemp));
    assert_eq!(code("-ERR [SYS/PERM] x"), Some(Code::SysPerm));
    assert_eq!(code("-ERR [AUTH] x"), Some(Code::Auth));
    assert_eq!(code("-ERR [UTF8] x"), Some(Code::Utf8));
    assert_eq!(code("-ERR [AUTHENTICATION] x"), Some(Code::Other("AUTHENTICATION".into())));
    for none in ["-ERR [] x", "-ERR [AUTH x", "-ERR x [AUTH]", "+OK POP3 <1896.697170952@dbc.mtview.ca.us>"] {
        assert_eq!(code(none), None, "{none}");
    }
    assert_eq!(code(&format!("-ERR [{}] x", "A".repeat(65))), None);
}

#[test]
fn what_is_no_status_line_is_refused() {
    for line in ["", "OK", "+", "+ ", "+OKAY", "* OK", "1 120", ".", " +OK"] {
        assert_eq!(parse_reply(line.as_bytes()), Err(WireError::NoStatus), "{line}");
    }
}

#[test]
fn continuations_are_told_from_status_lines() {
    assert_eq!(parse_continuation(b"+ "), Some(vec![]));
    assert_eq!(parse_continuation(b"+"), Some(vec![]));
    assert_eq!(parse_continuation(b"+ aGk="), Some(b"hi".to_vec()));
    assert_eq!(parse_continuation(b"+ go ahead"), Some(vec![]));
    assert_eq!(parse_continuation(b"+OK"), None);
    assert_eq!(parse_continuation(b"-ERR"), None);
}

#[test]
fn listings_are_read_and_nonsense_is_not() {
    assert_eq!(parse_stat("2 320"), Ok((2, 320)));
    assert_eq!(parse_stat("0 0 more"), Ok((0, 0)));
    for wrong in ["", "2", "x y", "-1 5", "4294967296 0", "1 99999999999999999999", "+1 1"] {
        assert!(parse_stat(wrong).is_err(), "{wrong}");
    }
    assert_eq!(parse_list(b"1 120"), Ok((1, 120)));
    assert_eq!(parse_list(b"7  0 extra"), Ok((7, 0)));
    assert_eq!(parse_list(b"7 1 \xe9"), Ok((7, 1)), "what follows is the server's own business");
    for wrong in ["1 -1", "x y", "0 5", "1", "", "4294967296 1"] {
        assert!(parse_list(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let uidl = |line| parse_uidl(line).map(|u| (u.number, u.id));
    assert_eq!(uidl(b"1 whqtswO00WBw418f9t5JxYwZ"), Ok((1, &b"whqtswO00WBw418f9t5JxYwZ"[..])));
    assert_eq!(uidl(b"2 a b\x1b[2J"), Ok((2, &b"a b\x1b[2J"[..])));
    assert_eq!(uidl(b"3"), Ok((3, &b""[..])));
    assert_eq!(uidl(b"3 "), Ok((3, &b""[..])));
    for wrong in [&b"x a"[..], b"0 a", b"1a b", b"", b"99999999999 a"] {
        assert!(uidl(wrong).is_err(), "{}", wrong.escape_ascii());
    }
}

#[test]
fn unique_ids_are_judged_by_the_rfc() {
    let good = |id: &[u8]| Uidl { number: 1, id }.well_formed().is_some();
    assert!(good(b"../../etc") && good(&[b'~'; 70]));
    for wrong in [&b""[..], &[b'a'; 71], b"a b", b"\x1b[2J", b"caf\xc3\xa9", b"a\x7f"] {
        assert!(!good(wrong), "{}", wrong.escape_ascii());
    }
}

#[test]
fn capabilities_are_names_and_arguments() {
    let capability = |line: &str| parse_capability(line.as_bytes()).map(|c| (c.name, c.arguments));
    assert_eq!(capability("PIPELINING"), Some(("PIPELINING".into(), vec![])));
    assert_eq!(capability("sasl PLAIN SCRAM-SHA-256"), Some(("SASL".into(), vec!["PLAIN".into(), "SCRAM-SHA-256".into()])));
    assert_eq!(capability("EXPIRE 30 USER"), Some(("EXPIRE".into(), vec!["30".into(), "USER".into()])));
    assert_eq!(capability("  "), None);
}
