#![allow(clippy::unwrap_used, clippy::unnecessary_wraps)]

use super::*;

fn remote(protocol: Protocol, starttls: bool, user: &str, host: &str, port: u16, path: Option<&str>) -> Parsed<Remote> {
    Ok(Remote { protocol, starttls, user: user.to_owned(), host: host.to_owned(), port, path: path.map(str::to_owned) })
}

#[test]
fn receiving_urls() {
    use Protocol::{ActiveSync, Imap, Pop3};
    for (text, expected) in [
        ("imaps://me@h.example", remote(Imap, false, "me", "h.example", 993, None)),
        ("IMAPS://me@H.Example.", remote(Imap, false, "me", "h.example", 993, None)),
        ("imap://me@h", remote(Imap, true, "me", "h", 143, None)),
        ("pop3s://me@h/", remote(Pop3, false, "me", "h", 995, None)),
        ("pop3://me@h:1110", remote(Pop3, true, "me", "h", 1110, None)),
        ("eas://me@h", remote(ActiveSync, false, "me", "h", 443, None)),
        ("eas://me@h:8443/Microsoft-Server-ActiveSync", remote(ActiveSync, false, "me", "h", 8443, Some("/Microsoft-Server-ActiveSync"))),
        ("imaps://me%40example.org@h", remote(Imap, false, "me@example.org", "h", 993, None)),
        ("imaps://me@example.org@imap.example.org", remote(Imap, false, "me@example.org", "imap.example.org", 993, None)),
        ("imaps://DOM%5Cme%3Ax@h", remote(Imap, false, "DOM\\me:x", "h", 993, None)),
        ("imaps://h", remote(Imap, false, "default@x", "h", 993, None)),
        ("imaps://me@[::1]:10993", remote(Imap, false, "me", "::1", 10993, None)),
        ("imaps://me@[2001:db8::7]", remote(Imap, false, "me", "2001:db8::7", 993, None)),
        ("imaps://me@127.0.0.1:1/", remote(Imap, false, "me", "127.0.0.1", 1, None)),
        ("imaps://me@h/Archive/2024", remote(Imap, false, "me", "h", 993, Some("Archive/2024"))),
        ("imaps://me@h/Entw%C3%BCrfe%3F/", remote(Imap, false, "me", "h", 993, Some("Entwürfe?"))),
        ("imaps://me@h/lists@work", remote(Imap, false, "me", "h", 993, Some("lists@work"))),
        ("imaps://me@bücher.example", remote(Imap, false, "me", "xn--bcher-kva.example", 993, None)),
    ] {
        assert_eq!(receive(text, Some("default@x")), expected, "{text}");
    }
}

#[test]
fn wrong_receiving_urls_say_why() {
    for (text, says) in [
        ("h.example", "not a URL"),
        ("http://h", "unknown scheme `http`"),
        ("smtps://me@h", "smtp is for `send`"),
        ("imaps://", "host is missing"),
        ("imaps://me@", "host is missing"),
        ("imaps://@h", "user name"),
        ("imaps://h", "no user: write imaps://user@h"),
        ("imaps://me:hunter2@h", "no place in a URL"),
        ("imaps://me:@h", "no place in a URL"),
        ("imaps://me:hun/ter2@h", "port is not a number"),
        ("imaps://me;AUTH=PLAIN@h", "sasl"),
        ("imaps://me@h:0", "port"),
        ("imaps://me@h:65536", "port"),
        ("imaps://me@h:", "port"),
        ("imaps://me@h:+1", "port"),
        ("imaps://me@::1", "brackets"),
        ("imaps://me@[::1", "`]`"),
        ("imaps://me@[::1]x", "`]`"),
        ("imaps://me@[nonsense]", "not a host"),
        ("imaps://me@a b", "not a host"),
        ("imaps://me%4@h", "hexadecimal"),
        ("imaps://me%FF@h", "UTF-8"),
        ("imaps://me%0A@h", "control"),
        ("imaps://me@h/a?b", "%3F"),
        ("pop3s://me@h/INBOX", "no folders"),
    ] {
        let said = receive(text, None).unwrap_err();
        assert!(said.contains(says), "{text}: {said}");
        assert!(!said.contains("hun"), "{text}: {said} tells the password");
    }
}

#[test]
fn sending_urls() {
    let smtp =
        |starttls, user: Option<&str>, port| Ok(Outgoing::Smtp { starttls, user: user.map(str::to_owned), host: "h".to_owned(), port });
    assert_eq!(send("smtps://me@h", None), smtp(false, Some("me"), 465));
    assert_eq!(send("smtp://h", Some("me@x")), smtp(true, Some("me@x"), 587));
    assert_eq!(send("smtp://h:2525/", None), smtp(true, None, 2525));
    assert_eq!(send("lmtp://h:2003", Some("me@x")), Ok(Outgoing::Lmtp { host: "h".to_owned(), port: 2003 }));
    let socket = |path: &str, lmtp| Ok(Outgoing::Socket { path: path.into(), lmtp });
    assert_eq!(send("lmtp:///run/dovecot/lmtp", None), socket("/run/dovecot/lmtp", true));
    assert_eq!(send("smtp:///run/a%20b", None), socket("/run/a b", false));
    for text in ["imaps://me@h", "smtps://me@h/x", "smtps://me:pw@h", "smtps:///run/x", "lmtp://me@h", "lmtp://h/x", "sendmail"] {
        assert!(send(text, None).is_err(), "{text}");
    }
}

#[test]
fn proxies() {
    for (text, secret) in [("socks5://h:1080", false), ("http://u:p@h:8080/", true), ("socks5://[::1]:9050", false)] {
        assert_eq!(proxy(text), Ok(secret), "{text}");
    }
    for text in ["h:1080", "ftp://h", "socks5://", "http://h/x", "http://h:0", "http://h:99999"] {
        assert!(proxy(text).is_err(), "{text}");
    }
}

#[test]
fn loopback_is_this_machine_only() {
    for host in ["localhost", "x.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["localhost.example.org", "notlocalhost", "10.0.0.1", "::", "0.0.0.0", "127.example.org"] {
        assert!(!is_loopback(host), "{host}");
    }
}
