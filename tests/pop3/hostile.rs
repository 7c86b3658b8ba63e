//! What a real server does not do. Tests are named after the rows of the catalogue of threats where they have one.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::peer::{Answer, Drop, GMAIL, Home, Letter, body, say};
use crate::support::maildir::identity;

#[test]
fn an_honest_peer_is_fetched_and_emptied() {
    let home = Home::new(Drop::of(30, "a"));
    assert_eq!(home.fetch(0).sum("downloaded"), 30);
    home.assert_same();
    assert_eq!(home.fetch(0).sum("downloaded"), 0);
    home.configure("after-fetch = \"delete\"");
    assert_eq!(home.fetch(0).sum("deleted_there"), 30);
    assert_eq!((home.peer.maildrop().letters.len(), home.mail().len()), (0, 30));
}

#[test]
fn without_any_extension_the_result_is_the_same() {
    for caps in [None, Some(vec![]), Some(vec!["USER", "UIDL", "TOP"])] {
        let home = Home::new(Drop { caps, ..Drop::of(20, "a") });
        assert_eq!(home.fetch(0).sum("downloaded"), 20);
        home.assert_same();
        assert_eq!(home.fetch(0).sum("downloaded"), 0);
    }
}

#[test]
fn row_62_without_unique_ids_nothing_comes_twice_and_only_what_was_read_goes() {
    let home = Home::new(Drop { uidl: false, ..Drop::of(10, "a") });
    // Two that are the same in header and size, and one that stands twice.
    home.peer.change(|d| {
        let twin = |text: &str| Letter { id: vec![], body: [body("twin"), text.as_bytes().to_vec()].concat(), size: None };
        d.letters.extend([twin("one\r\n"), twin("two\r\n"), twin("two\r\n")]);
    });
    home.fetch(0);
    home.assert_same();
    assert_eq!(home.fetch(0).sum("downloaded"), 0);
    // One more on top moves all numbers.
    home.peer.change(|d| d.letters.insert(0, Letter { id: vec![], body: body("first now"), size: None }));
    assert_eq!(home.fetch(0).sum("downloaded"), 1);
    home.assert_same();
    home.configure("after-fetch = \"delete\"");
    home.peer.honest();
    for _ in 0..3 {
        home.run(&["fetch", "--timeout", "3"]);
    }
    assert_eq!((home.peer.maildrop().letters.len(), home.mail().len()), (0, 14));
    assert!(home.peer.count("RETR") >= 14, "what an earlier run stored is read before it goes");
}

#[test]
fn row_63_one_unique_id_for_several_messages() {
    let home = Home::new(Drop::of(6, "a"));
    home.peer.change(|d| d.letters.iter_mut().take(4).for_each(|l| l.id = b"same".to_vec()));
    assert_eq!(home.fetch(0).sum("downloaded"), 6);
    home.assert_same();
    assert_eq!(home.fetch(0).sum("downloaded"), 0);
    home.configure("after-fetch = \"delete\"");
    for _ in 0..3 {
        home.run(&["fetch", "--timeout", "3"]);
    }
    assert_eq!((home.peer.maildrop().letters.len(), home.mail().len()), (0, 6));
}

#[test]
fn row_64_a_unique_id_that_is_used_again_for_other_mail() {
    let home = Home::new(Drop::of(3, "a"));
    home.fetch(0);
    let before = home.here();
    home.peer.change(|d| d.letters[1].body = body("a much longer subject than before"));
    home.fetch(0);
    let here = home.here();
    assert_eq!(here.len(), 4);
    assert!(before.iter().chain(&home.peer.maildrop().identities()).all(|identity| here.contains(identity)));
}

#[test]
fn row_65_new_unique_ids_for_all() {
    let home = Home::new(Drop::of(12, "a"));
    home.fetch(0);
    home.peer.change(|d| d.letters.iter_mut().for_each(|l| l.id = [b"new-", &l.id[..]].concat()));
    assert_eq!(home.fetch(0).sum("downloaded"), 0);
    home.assert_same();
}

#[test]
fn row_66_malformed_unique_ids_are_ids_all_the_same() {
    let home = Home::new(Drop::of(5, "a"));
    let odd: [&[u8]; 5] = [b"../../etc/passwd", b"\x1b[2Jx", b"\xff\xfe", b"a b c", &[b'x'; 2000]];
    home.peer.change(|d| d.letters.iter_mut().zip(odd).for_each(|(l, id)| l.id = id.to_vec()));
    assert_eq!(home.fetch(0).sum("downloaded"), 5);
    home.assert_same();
    assert_eq!(home.fetch(0).sum("downloaded"), 0);
}

#[test]
fn row_67_lists_that_disagree_are_no_ground_to_stand_on() {
    for (verb, answer) in [
        ("STAT", "+OK 4294967295 1\r\n"),
        ("STAT", "+OK many\r\n"),
        ("LIST", "+OK\r\n1 -1\r\n.\r\n"),
        ("LIST", "+OK\r\nx y\r\n.\r\n"),
        ("LIST", "+OK\r\n1 10\r\n1 10\r\n1 10\r\n.\r\n"),
        ("UIDL", "+OK\r\n1 a\r\n.\r\n"),
        ("UIDL", "+OK\r\n1 a\r\n1 b\r\n2 c\r\n.\r\n"),
        ("UIDL", "+OK\r\n7 a\r\n8 b\r\n9 c\r\n.\r\n"),
    ] {
        let home = Home::new(Drop::of(3, "a"));
        home.configure("after-fetch = \"delete\"");
        home.peer.hook(move |line, _| if line == verb { say(answer) } else { None });
        let out = home.run(&["fetch", "--timeout", "3"]);
        assert_eq!(out.code, Some(76), "{verb} {answer:?}: {out:?}");
        assert_eq!((home.peer.maildrop().letters.len(), home.peer.count("DELE")), (3, 0), "{verb} {answer:?}");
        home.peer.honest();
        home.fetch(0);
        assert_eq!((home.mail().len(), home.peer.maildrop().letters.len()), (3, 0));
    }
}

#[test]
fn row_68_a_message_that_ends_too_soon_is_asked_for_again_and_not_removed() {
    let home = Home::new(Drop::of(5, "a"));
    home.configure("after-fetch = \"delete\"");
    let asked = AtomicUsize::new(0);
    home.peer.hook(move |line, _| {
        // Cut short the first time.
        (line == "RETR 3" && asked.fetch_add(1, SeqCst) == 0).then(|| Answer::Say(b"+OK\r\nFrom: a@example.org\r\n.\r\n".to_vec()))
    });
    home.fetch(0);
    assert_eq!(home.here(), Drop::of(5, "a").identities(), "the whole message is here, and no half of it");
    assert_eq!(home.peer.maildrop().letters.len(), 0);
}

#[test]
fn row_68_a_message_that_ends_elsewhere_each_time_stays_there() {
    let home = Home::new(Drop::of(5, "a"));
    home.configure("after-fetch = \"delete\"");
    let asked = AtomicUsize::new(0);
    home.peer.hook(move |line, connection| {
        // Later it is the only one.
        if line != if connection == 1 { "RETR 3" } else { "RETR 1" } {
            return None;
        }
        let cut = &body("a 3")[..20 + asked.fetch_add(1, SeqCst)];
        say([b"+OK\r\n", cut, b"\r\n.\r\n"].concat())
    });
    home.fetch(1).says("shorter");
    for _ in 0..3 {
        // Nothing tells there that sizes are exact.
        home.run(&["fetch", "--timeout", "3"]);
        let left = home.peer.maildrop();
        assert_eq!((home.mail().len(), left.letters.len()), (5, 1));
        assert_eq!(left.letters[0].body, body("a 3"));
    }
    home.peer.honest();
    home.fetch(0);
    assert_eq!((home.here(), home.peer.maildrop().letters.len()), (Drop::of(5, "a").identities(), 0));
}

#[test]
fn sizes_that_are_estimates_are_borne() {
    let home = Home::new(Drop::of(1000, "a"));
    home.peer.change(|d| d.letters.iter_mut().for_each(|l| l.size = Some(l.body.len() as u64 + 17)));
    assert_eq!(home.fetch(0).sum("downloaded"), 1000);
    home.assert_same();
    assert!(home.peer.count("RETR") < 1300, "one doubt is enough for what is not under way: {}", home.peer.count("RETR"));
    // Each might be a part, so each is read once more.
    home.peer.honest();
    home.configure("after-fetch = \"delete\"");
    let out = home.fetch(0);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), home.peer.count("RETR") < 1300), (0, 1000, true));
}

#[test]
fn row_69_the_line_is_lost_in_a_message() {
    let home = Home::new(Drop::of(10, "a"));
    home.peer.hook(|line, connection| {
        let half = [b"+OK\r\n", &body("a 6")[..40]].concat();
        (line == "RETR 6" && connection == 1).then_some(Answer::Last(half))
    });
    home.fetch(0);
    home.assert_same();
    // Every time: the others come, this one is named.
    let home = Home::new(Drop::of(10, "a"));
    home.peer.hook(|line, _| {
        let half = [b"+OK\r\n", &body("a 6")[..40]].concat();
        (line == "RETR 6").then_some(Answer::Last(half))
    });
    for _ in 0..3 {
        let out = home.run(&["fetch", "--timeout", "3"]);
        assert!(matches!(out.code, Some(1 | 75)), "{out:?}");
    }
    assert_eq!(home.mail().len(), 9, "the others come");
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn row_70_dots_at_the_edges_of_packets_and_where_they_do_not_belong() {
    let odd: Vec<(Vec<u8>, Vec<u8>)> = vec![
        // What comes, and what it is.
        (b"S: a\r\n\r\n.foo\r\n.\r\n".to_vec(), b"S: a\r\n\r\nfoo\r\n".to_vec()),
        (b"S: b\r\n\r\nx\n.\ny\r\n.\r\n".to_vec(), b"S: b\r\n\r\nx\n.\ny\r\n".to_vec()),
        (b"S: c\r\n\r\nx\r.\r\n.\r\n".to_vec(), b"S: c\r\n\r\nx\r.\r\n".to_vec()),
        (b"S: d\r\n\r\n....\r\n..\r\n.\r\n".to_vec(), b"S: d\r\n\r\n...\r\n.\r\n".to_vec()),
        (b".\r\n".to_vec(), b"".to_vec()),
    ];
    let home = Home::new(Drop::of(odd.len(), "a"));
    home.peer.change(|d| d.letters.iter_mut().zip(&odd).for_each(|(l, (_, is))| l.body = is.clone()));
    let wire: Vec<Vec<u8>> = odd.iter().map(|(comes, _)| comes.clone()).collect();
    home.peer.hook(move |line, _| {
        let n: usize = line.strip_prefix("RETR ")?.parse().unwrap();
        say([b"+OK\r\n", &wire[n - 1][..]].concat())
    });
    home.fetch(0);
    home.assert_same();
    let mut all: Vec<String> = odd.iter().map(|(_, is)| identity(is)).collect();
    all.sort();
    assert_eq!(home.here(), all);
}

#[test]
fn row_71_a_message_without_an_end() {
    let home = Home::new(Drop::of(4, "a"));
    home.peer.hook(|line, _| (line == "RETR 2").then(|| Answer::Say([&b"+OK\r\n"[..], &b"more and more\r\n".repeat(100_000)].concat())));
    let out = home.run(&["fetch", "--timeout", "1"]);
    assert!(matches!(out.code, Some(1 | 75)), "{out:?}");
    assert!(crate::support::maildir::leftovers(&home.root).is_empty());
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn a_message_that_the_server_refuses_is_named_and_never_removed() {
    let home = Home::new(Drop::of(6, "a"));
    home.configure("after-fetch = \"delete\"");
    home.peer.hook(|line, _| if line == "RETR 4" { say("-ERR \x1b[31mcorrupt mailbox\r\n") } else { None });
    for _ in 0..2 {
        home.fetch(1).says("corrupt mailbox");
        let left = home.peer.maildrop();
        assert_eq!((home.mail().len(), left.letters.len()), (5, 1));
        assert_eq!(left.letters[0].body, body("a 4"));
        home.peer.hook(|line, _| if line == "RETR 1" { say("-ERR corrupt mailbox\r\n") } else { None });
    }
}

#[test]
fn row_72_a_mailbox_that_is_in_use_or_was_asked_too_soon_is_75() {
    for (answer, words) in [
        ("-ERR [IN-USE] Do you have another POP session running?\r\n", "another session"),
        ("-ERR maildrop already locked\r\n", "another session"),
        ("-ERR [LOGIN-DELAY] minimum time between mail checks violation\r\n", "too short a time ago"),
        ("-ERR [SYS/TEMP] database is away\r\n", "cannot check the login now"),
    ] {
        let home = Home::new(Drop::of(2, "a"));
        home.peer.hook(move |line, _| if line.starts_with("PASS") { say(answer) } else { None });
        home.fetch(75).says(words);
        assert!(!home.root.exists(), "nothing was written");
        assert_eq!(home.peer.count("PASS"), 1, "a login is tried once");
    }
    // Whoever waits gets it when it is free.
    let home = Home::new(Drop::of(2, "a"));
    home.peer.hook(|line, connection| if line.starts_with("PASS") && connection < 3 { say("-ERR [IN-USE] locked\r\n") } else { None });
    home.run(&["fetch", "--wait=30"]).exit(0);
    home.assert_same();
}

#[test]
fn row_72_a_server_that_says_how_long_it_wants_to_be_left_alone_is_waited_for() {
    let caps = Some(vec!["USER", "UIDL", "TOP", "RESP-CODES", "LOGIN-DELAY 2"]);
    let home = Home::new(Drop { caps, ..Drop::of(2, "a") });
    home.peer
        .hook(|line, connection| if line.starts_with("PASS") && connection == 1 { say("-ERR [LOGIN-DELAY] too soon\r\n") } else { None });
    home.run(&["fetch", "--wait=1"]).exit(75).says("too short a time ago");
    assert_eq!(home.peer.count("PASS"), 1, "what comes too late is not waited for");
    home.peer
        .hook(|line, connection| if line.starts_with("PASS") && connection == 2 { say("-ERR [LOGIN-DELAY] too soon\r\n") } else { None });
    let begun = std::time::Instant::now();
    home.run(&["fetch", "--wait=20"]).exit(0);
    assert!(begun.elapsed().as_millis() >= 2000 && home.peer.count("PASS") == 3, "{}", home.peer.count("PASS"));
    home.assert_same();
}

#[test]
fn refusals_before_and_after_the_login_say_what_they_are() {
    for (greeting, code) in [("-ERR [SYS/PERM] closed\r\n", 69), ("-ERR [LOGIN-DELAY] too soon\r\n", 75)] {
        let home = Home::new(Drop { greeting: greeting.trim_end().into(), ..Drop::of(2, "a") });
        home.fetch(code);
        assert_eq!(home.peer.connections(), 1, "{greeting}");
    }
    for verb in ["STAT", "LIST", "UIDL"] {
        for (answer, code) in [("-ERR [SYS/PERM] broken\r\n", 69), ("-ERR [SYS/TEMP] later\r\n", 75)] {
            let home = Home::new(Drop::of(2, "a"));
            home.peer.hook(move |line, _| if line == verb { say(answer) } else { None });
            home.fetch(code);
            assert!(code == 75 || home.peer.count("PASS") == 1, "{verb}: what a person must mend is tried once");
            assert_eq!(home.peer.count("TOP"), 0, "{verb}: that is no server without unique-ids");
        }
    }
}

#[test]
fn a_listing_may_be_in_any_order_and_say_more() {
    let home = Home::new(Drop::of(3, "a"));
    let sizes: Vec<usize> = home.peer.maildrop().letters.iter().map(|l| l.body.len()).collect();
    home.peer.hook(move |line, _| {
        let list = format!("+OK\r\n3 {} \u{e9}\r\n1 {}\r\n2 {}\r\n.\r\n", sizes[2], sizes[0], sizes[1]);
        // One octet, which is no UTF-8.
        if line == "LIST" { say(list.chars().map(|c| c as u8).collect::<Vec<u8>>()) } else { None }
    });
    home.fetch(0);
    home.assert_same();
}

#[test]
fn what_a_refused_login_is_about() {
    for (answer, code, words) in [
        ("-ERR Server Unavailable. 21\r\n", 75, "cannot check the login now"),
        ("-ERR Exceeded the login limit for a 15 minute period\r\n", 75, "cannot check the login now"),
        ("-ERR [AUTH] service temporarily unavailable\r\n", 77, "wrong user name or password"),
        ("-ERR password wrong or service temporarily unavailable\r\n", 77, "wrong user name or password"),
        ("-ERR [AUTH] invalid\r\n", 77, "wrong user name or password"),
        ("-ERR [SYS/PERM] no mailbox\r\n", 69, "cannot open the mailbox"),
        ("-ERR your account is locked\r\n", 77, "your account is locked"),
    ] {
        let home = Home::new(Drop::of(2, "a"));
        home.peer.hook(move |line, _| if line.starts_with("PASS") { say(answer) } else { None });
        home.fetch(code).says(words);
    }
}

#[test]
fn row_73_quit_without_an_answer_loses_and_doubles_nothing() {
    for carried_out in [false, true] {
        let home = Home::new(Drop::of(8, "a"));
        home.configure("after-fetch = \"delete\"");
        let all = home.peer.maildrop().identities();
        home.peer.hook(|line, _| if line == "QUIT" { Some(Answer::Last(Vec::new())) } else { None });
        let out = home.run(&["fetch", "--timeout", "2"]);
        assert!(matches!(out.code, Some(1 | 75)), "{out:?}");
        assert_eq!(home.here(), all);
        if carried_out {
            home.peer.change(|d| d.letters.clear());
        }
        home.peer.honest();
        let out = home.fetch(0);
        assert_eq!(out.sum("downloaded"), 0, "no second copy");
        assert_eq!((home.here(), home.peer.maildrop().letters.len()), (all, 0));
    }
}

#[test]
fn row_73_quit_refused_is_no_deletion() {
    let home = Home::new(Drop::of(4, "a"));
    home.configure("after-fetch = \"delete\"");
    home.peer.hook(|line, _| if line == "QUIT" { Some(Answer::Last(b"-ERR some messages were not removed\r\n".to_vec())) } else { None });
    let out = home.run(&["fetch", "--json", "--timeout", "2"]);
    assert!(matches!(out.code, Some(1 | 75)), "{out:?}");
    assert_eq!(out.sum("deleted_there"), 0);
    home.peer.honest();
    home.fetch(0);
    assert_eq!((home.mail().len(), home.peer.maildrop().letters.len()), (4, 0));
}

#[test]
fn row_74_dele_refused_keeps_the_message_there_and_the_memory_here() {
    let home = Home::new(Drop::of(5, "a"));
    home.configure("after-fetch = \"delete\"");
    home.peer.hook(|line, _| if line == "DELE 2" { say("-ERR denied\r\n") } else { None });
    home.fetch(1).says("denied");
    assert_eq!((home.mail().len(), home.peer.maildrop().letters.len()), (5, 1));
    home.peer.honest();
    assert_eq!(home.fetch(0).sum("downloaded"), 0);
    assert_eq!(home.peer.maildrop().letters.len(), 0);
}

#[test]
fn row_75_answers_out_of_step_are_a_protocol_error() {
    for (verb, answer) in [("STAT", &b"+OK 3 100\r\n+OK more\r\n"[..]), ("LIST", b"hello\r\n"), ("RETR 1", b"* OK\r\n")] {
        let home = Home::new(Drop { caps: None, ..Drop::of(3, "a") });
        home.configure("after-fetch = \"delete\"");
        home.peer.hook(move |line, _| if line == verb { say(answer) } else { None });
        let out = home.run(&["fetch", "--timeout", "2"]);
        assert!(matches!(out.code, Some(1 | 76)), "{verb}: {out:?}");
        // What one message is about costs no other one.
        let left = if verb == "RETR 1" { 1 } else { 3 };
        assert_eq!((home.peer.count("DELE"), home.peer.maildrop().letters.len()), (3 - left, left), "{verb}");
        assert!(left == 3 || home.peer.maildrop().letters[0].body == body("a 1"));
    }
}

#[test]
fn a_server_that_gives_up_behind_the_login_is_asked_later() {
    for (code, exit) in [("SYS/TEMP", 75), ("SYS/PERM", 69)] {
        let home = Home::new(Drop::of(3, "a"));
        home.peer.hook(move |line, _| {
            let both = || format!("+OK logged in\r\n-ERR [{code}] internal error\r\n").into_bytes();
            line.starts_with("PASS").then(|| Answer::Last(both()))
        });
        home.fetch(exit).says("the server gives up").says("internal error");
    }
}

#[test]
fn a_server_that_falls_silent_is_left() {
    let home = Home::new(Drop::of(3, "a"));
    home.peer.hook(|line, _| (line == "RETR 2").then_some(Answer::Silence));
    let begun = std::time::Instant::now();
    let out = home.run(&["fetch", "--timeout", "1"]);
    assert!(matches!(out.code, Some(1 | 75)), "{out:?}");
    out.says("silent");
    assert!(begun.elapsed().as_secs() < 40);
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn a_line_without_an_end_is_bounded() {
    for verb in ["STAT", "LIST", "CAPA"] {
        let home = Home::new(Drop::of(3, "a"));
        home.peer.hook(move |line, _| if line == verb { say([&b"+OK "[..], &vec![b'x'; 4 << 20]].concat()) } else { None });
        home.run(&["fetch", "--timeout", "2"]).exit(76);
    }
}

#[test]
fn row_3_stls_that_is_not_offered_sends_no_password() {
    let home = Home::new(Drop::of(3, "a"));
    home.configure("");
    let text = std::fs::read_to_string(home.root.parent().unwrap().join("config.toml")).unwrap();
    std::fs::write(home.root.parent().unwrap().join("config.toml"), text.replace("tls = { mode = \"none\" }\n", "")).unwrap();
    home.fetch(77).says("STLS");
    assert_eq!((home.peer.count("USER"), home.peer.count("PASS"), home.peer.count("AUTH")), (0, 0, 0));
    // Nor where something was slipped in behind the agreement.
    home.peer.hook(|line, _| match line {
        "CAPA" => say("+OK\r\nSTLS\r\n.\r\n"),
        "STLS" => say("+OK begin\r\n+OK logged in\r\n"),
        _ => None,
    });
    let out = home.run(&["fetch", "--timeout", "2"]);
    assert_eq!(out.code, Some(77), "{out:?}");
    assert_eq!(home.peer.count("PASS"), 0);
}

#[test]
fn row_10_apop_is_never_chosen_on_its_own_nor_used_in_clear() {
    let home = Home::new(Drop { greeting: "+OK ready <1.2@example.org>".into(), ..Drop::of(2, "a") });
    home.fetch(0);
    assert_eq!(home.peer.count("APOP"), 0);
    home.configure("sasl = \"APOP\"");
    home.fetch(77).says("APOP");
    assert_eq!(home.peer.count("APOP"), 0);
}

#[test]
fn row_76_gmail_shows_a_portion_at_a_time_and_hides_what_was_read() {
    ["fetch", "sync"].into_iter().for_each(gmails_portions_all_come);
}

fn gmails_portions_all_come(verb: &str) {
    // It wants a second between two logins as well.
    let caps = Some(vec!["USER", "UIDL", "TOP", "PIPELINING", "RESP-CODES", "LOGIN-DELAY 1"]);
    let home = Home::new(Drop { greeting: GMAIL.into(), caps, ..Drop::of(23, "a") });
    home.peer.in_portions(10);
    let last = std::sync::Mutex::new(None::<std::time::Instant>);
    home.peer.hook(move |line, _| {
        let soon = || last.lock().unwrap().replace(std::time::Instant::now()).is_some_and(|at| at.elapsed().as_millis() < 950);
        (line.starts_with("PASS") && soon()).then(|| Answer::Say(b"-ERR [LOGIN-DELAY] too soon\r\n".to_vec()))
    });
    assert_eq!(home.run(&[verb, "--json"]).exit(0).sum("downloaded"), 23, "{verb}");
    home.assert_same();
    assert_eq!(home.peer.count("RETR"), 23, "each was read once");
}
