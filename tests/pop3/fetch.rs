//! Messages come byte for byte, each once; and a run with nothing to do asks for no body.

use crate::support::Out;
use crate::{configure, here, there, url, world};

/// Servers that know less, masked on our side.
const MASKS: [&str; 5] = ["", "PIPELINING", "UIDL", "UIDL,TOP,PIPELINING", "CAPA,PIPELINING,UIDL"];

#[test]
fn everything_comes_byte_for_byte_and_again_nothing_comes() {
    for mask in MASKS {
        let Some(w) = world("bytes") else { return };
        w.server.generate(&w.user, "INBOX", 30, "a");
        let dots = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n...\r\n\r\n. \r\n";
        w.server.append(&w.user, "INBOX", dots, "", 1_600_000_000);
        w.server.append(&w.user, "INBOX", b"Subject: eight\r\n\r\ncaf\xe9 \xff\x01\r\n", "", 1_600_000_000);
        let large = [b"Subject: large\r\n\r\n".as_slice(), &b".23456789abcdef\r\n".repeat(100_000)].concat();
        w.server.append(&w.user, "INBOX", &large, "", 1_600_000_000);
        w.server.append(&w.user, "INBOX", b"Subject: twin\r\n\r\nsame\r\n", "", 1_600_000_000);
        w.server.append(&w.user, "INBOX", b"Subject: twin\r\n\r\nsame\r\n", "", 1_600_000_000);
        let out = w.fetch_without(mask, 0, &[]);
        assert_eq!((out.sum("downloaded"), out.account()["protocol"].as_str()), (35, Some("pop3")), "{mask}");
        assert_eq!(here(&w), there(&w), "{mask}");
        for _ in 0..2 {
            let out = w.fetch_without(mask, 0, &[]);
            assert_eq!(out.sum("downloaded"), 0, "{mask}");
            assert_eq!(out.stderr, "", "{mask}");
        }
        w.server.fill(&w.user, "INBOX", 3, "later");
        assert_eq!(w.fetch_without(mask, 0, &[]).sum("downloaded"), 3, "{mask}");
        assert_eq!(here(&w), there(&w), "{mask}");
        assert_eq!(there(&w).len(), 38);
    }
}

#[test]
fn many_messages_take_few_round_trips() {
    let trips = |out: &Out| out.account()["round_trips"].as_u64().unwrap();
    let Some(w) = world("many") else { return };
    w.server.fill(&w.user, "INBOX", 2000, "a");
    let out = w.fetch(0, &[]);
    assert_eq!(out.sum("downloaded"), 2000);
    assert!(trips(&out) < 40, "{} round trips", trips(&out));
    assert_eq!(here(&w), there(&w));
    // TLS, greeting, CAPA, three for SCRAM, one for everything else, and the end.
    let out = w.fetch(0, &[]);
    assert!(trips(&out) <= 9, "{} round trips with nothing to do", trips(&out));
}

#[test]
fn a_body_without_a_line_end_gets_the_one_that_the_protocol_demands() {
    let Some(w) = world("noeol") else { return };
    w.server.append(&w.user, "INBOX", b"Subject: no end", "", 1_600_000_000);
    w.server.append(&w.user, "INBOX", b"Subject: no end\r\n\r\nbody", "", 1_600_000_000);
    let out = w.fetch(0, &[]);
    assert_eq!(out.sum("downloaded"), 2);
    let mut texts: Vec<String> = w.mail().iter().map(|m| std::fs::read_to_string(&m.path).unwrap()).collect();
    texts.sort();
    assert_eq!(texts, ["Subject: no end\n", "Subject: no end\n\nbody\n"]);
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0);
}

#[test]
fn limits_of_a_run_leave_messages_for_later() {
    let Some(w) = world("limits") else { return };
    w.server.fill(&w.user, "INBOX", 9, "a");
    let large = [b"Subject: large\r\n\r\n".as_slice(), &b"x".repeat(20_000), b"\r\n"].concat();
    w.server.append(&w.user, "INBOX", &large, "", 1_600_000_000);
    configure(&w, "after-fetch = \"delete\"");
    assert_eq!(w.fetch(0, &["--limit", "4"]).sum("downloaded"), 4);
    assert_eq!(there(&w).len(), 6);
    assert_eq!(w.fetch(0, &["--max-size", "10k"]).sum("downloaded"), 5);
    assert_eq!(there(&w).len(), 1);
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 1);
    assert_eq!((there(&w).len(), here(&w).len()), (0, 10));
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some(w) = world("dry") else { return };
    w.server.fill(&w.user, "INBOX", 3, "a");
    let out = w.fetch(0, &["--dry-run"]);
    assert_eq!(out.account()["plan"].as_array().unwrap().len(), 3);
    assert!(!w.root.exists());
    w.fetch(0, &[]);
    assert_eq!(w.fetch(0, &["--dry-run"]).account()["plan"].as_array().unwrap().len(), 0);
}

#[test]
fn folders_status_and_test_know_the_account() {
    let Some(w) = world("words") else { return };
    w.server.fill(&w.user, "INBOX", 3, "a");
    w.fetch(0, &[]);
    w.server.fill(&w.user, "INBOX", 1, "b");
    let out = w.run(&["folders"]).exit(0);
    assert!(out.stdout.contains("INBOX") && out.stdout.contains('4') && out.stdout.contains('3'), "{}", out.stdout);
    let out = w.run(&["status", "--json"]).exit(0);
    assert!(out.stdout.contains("pop3"), "{}", out.stdout);
    let out = w.run(&["account", "test"]).exit(0);
    for words in ["password found", "PIPELINING", "SASL PLAIN", "by SCRAM-SHA-256", "after login", "1 folder, 4 messages"] {
        assert!(out.stdout.contains(words), "`{words}` is not in {}", out.stdout);
    }
    let out = w.run(&["account", "show", "test"]).exit(0);
    assert!(out.stdout.contains("pop3s") && out.stdout.contains("the server has only an INBOX"), "{}", out.stdout);
}

#[test]
fn stls_protects_like_tls_from_the_start() {
    let Some(w) = world("stls") else { return };
    w.server.fill(&w.user, "INBOX", 5, "a");
    configure(&w, &format!("receive = \"{}\"", url(&w, "pop3", &w.user)));
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 5);
    assert_eq!(here(&w), there(&w));
    // Without the offer nothing is sent.
    let out = w.fetch_without("STLS", 77, &[]);
    assert_eq!(out.account()["error"]["class"], "tls-required");
}

#[test]
fn a_url_on_the_command_line_is_enough() {
    let Some(w) = world("url") else { return };
    w.server.fill(&w.user, "INBOX", 2, "a");
    let (url, root) = (url(&w, "pop3s", &w.user), w.tmp.path().join("by-url"));
    let words = ["fetch", "--json", "--ca", w.server.get("CA"), &url, root.to_str().unwrap()];
    let out = w.run_with(&words, &[("MAILX_PASSWORD", w.server.get("PASSWORD"))]).exit(0);
    assert_eq!(out.sum("downloaded"), 2);
}
