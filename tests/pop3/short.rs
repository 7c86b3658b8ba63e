//! Messages that come shorter than announced: they are stored, nothing is removed on the strength of them, and the next run tells.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::peer::{Answer, Drop, Home, body, say, stuffed};
use crate::support::maildir::identity;

const DELETE: &str = "after-fetch = \"delete\"";

/// The first octets of `whole`, as if they were all of it.
fn cut(whole: &[u8]) -> Vec<u8> {
    [b"+OK\r\n", &stuffed(&[&whole[..whole.len() / 2], b"\r\n"].concat())[..]].concat()
}

/// Cuts the message with this number in the connections up to `last`.
fn cuts(home: &Home, number: usize, last: usize) {
    home.peer.hook(move |line, connection| {
        (line == format!("RETR {number}") && connection <= last).then(|| Answer::Say(cut(&body(&format!("a {number}")))))
    });
}

/// Files that were put by.
fn put_by(home: &Home) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![home.root.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                dirs.push(entry);
            } else if entry.components().any(|part| part.as_os_str() == "deleted") {
                found.push(entry);
            }
        }
    }
    found
}

fn left(home: &Home) -> Vec<Vec<u8>> {
    home.peer.maildrop().letters.into_iter().map(|letter| letter.body).collect()
}

#[test]
fn row_68_half_a_message_removes_nothing_and_gives_way_to_the_whole_one() {
    for caps in [vec!["UIDL", "TOP", "PIPELINING"], vec!["UIDL", "TOP"]] {
        let home = Home::new(Drop { caps: Some(caps), ..Drop::of(6, "a") });
        home.configure(DELETE);
        cuts(&home, 4, usize::MAX);
        home.fetch(1).says("shorter");
        assert_eq!((home.mail().len(), left(&home)), (6, vec![body("a 4")]));
        home.peer.honest();
        let out = home.fetch(0);
        assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (1, 1));
        assert_eq!((home.here(), left(&home).len()), (Drop::of(6, "a").identities(), 0));
        assert_eq!(put_by(&home).len(), 1, "the half is put by");
    }
}

#[test]
fn row_68_what_comes_alike_in_the_next_run_is_what_the_server_has() {
    let home = Home::new(Drop::of(6, "a"));
    cuts(&home, 6, usize::MAX);
    home.fetch(1).says("shorter");
    home.fetch(0);
    let read = home.peer.count("RETR 6");
    home.fetch(0);
    assert_eq!((home.peer.count("RETR 6"), home.mail().len(), put_by(&home).len()), (read, 6, 0), "it is settled");
    home.configure(DELETE);
    home.fetch(0);
    assert_eq!((home.mail().len(), left(&home).len()), (6, 0));
}

#[test]
fn one_wrong_size_does_not_vouch_for_a_message_that_is_cut() {
    for caps in [vec!["UIDL", "TOP", "PIPELINING"], vec!["UIDL", "TOP"]] {
        let home = Home::new(Drop { caps: Some(caps), ..Drop::of(12, "a") });
        home.peer.change(|d| d.letters[1].size = Some(d.letters[1].body.len() as u64 + 7));
        home.configure(DELETE);
        cuts(&home, 9, 1);
        home.fetch(1).says("shorter");
        assert_eq!(left(&home), [body("a 2"), body("a 9")]);
        home.fetch(0);
        assert_eq!((home.here(), left(&home).len()), (Drop::of(12, "a").identities(), 0));
    }
}

#[test]
fn nothing_at_all_is_no_message() {
    let home = Home::new(Drop::of(4, "a"));
    home.configure(DELETE);
    home.peer.hook(|line, _| if line == "RETR 2" || line == "RETR 1" { say("+OK\r\n.\r\n") } else { None });
    home.fetch(1).says("does not give it");
    home.peer.hook(|line, _| if line == "RETR 1" || line == "RETR 2" { say("+OK\r\n.\r\n") } else { None });
    home.fetch(1).says("does not give it");
    assert_eq!((home.mail().len(), left(&home)), (2, vec![body("a 1"), body("a 2")]));
    home.peer.honest();
    home.fetch(0);
    assert_eq!((home.here(), left(&home).len()), (Drop::of(4, "a").identities(), 0));
}

#[test]
fn a_message_behind_whose_end_its_rest_follows_is_never_removed() {
    for caps in [vec!["UIDL", "TOP", "PIPELINING"], vec!["UIDL", "TOP"]] {
        let home = Home::new(Drop { caps: Some(caps), ..Drop::of(5, "a") });
        home.configure(DELETE);
        // The first one has a line that is a dot, the second a line that begins with one, and the server stuffs none.
        let raw = [&b"From: a@example.org\r\n\r\nabove\r\n.\r\nbelow\r\n"[..], b"From: a@example.org\r\n\r\n.foo\r\n"];
        home.peer.change(|d| d.letters.iter_mut().zip(raw).for_each(|(letter, body)| letter.body = body.to_vec()));
        home.peer.hook(move |line, _| {
            let n: usize = line.strip_prefix("RETR ")?.parse().unwrap();
            raw.get(n - 1).and_then(|body| say([b"+OK\r\n", *body, b".\r\n"].concat()))
        });
        for _ in 0..3 {
            let out = home.run(&["fetch", "--timeout", "3"]);
            assert!(matches!(out.code, Some(1 | 75 | 76)), "{out:?}");
            assert!(left(&home).iter().any(|body| body == raw[0]), "{out:?}");
        }
        home.peer.honest();
        home.fetch(0);
        assert_eq!((home.mail().len(), left(&home).len()), (5, 0));
        assert!(home.here().contains(&identity(raw[0])));
    }
}

#[test]
fn a_body_that_varies_is_delivered() {
    for more in [0, 40] {
        let home = Home::new(Drop::of(5, "a"));
        let asked = AtomicUsize::new(0);
        home.peer.hook(move |line, _| {
            if line != "RETR 3" {
                return None;
            }
            let seen = "x".repeat(more + asked.fetch_add(1, SeqCst));
            say([b"+OK\r\nX-Seen: ", seen.as_bytes(), b"\r\n", &stuffed(&body("a 3"))[..]].concat())
        });
        home.fetch(0);
        assert_eq!(home.mail().len(), 5);
        assert_eq!(home.fetch(0).sum("downloaded"), 0);
    }
}

#[test]
fn as_many_octets_are_not_the_same_octets() {
    let home = Home::new(Drop::of(5, "a"));
    home.configure(DELETE);
    let asked = AtomicUsize::new(0);
    home.peer.hook(move |line, _| {
        let body = || body(&format!("{:03}", asked.fetch_add(1, SeqCst)));
        (line == "RETR 3").then(|| Answer::Say([b"+OK\r\n", &stuffed(&body())[..]].concat()))
    });
    home.peer.change(|d| d.letters[2].size = Some(body("000").len() as u64 + 40));
    for _ in 0..3 {
        home.fetch(1);
        assert_eq!((home.mail().len(), left(&home)), (5, vec![body("a 3")]));
    }
}

#[test]
fn a_part_that_is_deleted_here_is_not_deleted_there() {
    let home = Home::new(Drop::of(5, "a"));
    cuts(&home, 3, usize::MAX);
    home.run(&["sync", "--json"]).exit(1).says("shorter");
    let whole = Drop::of(5, "a").identities();
    let half = home.mail().into_iter().find(|mail| !whole.contains(&mail.identity)).unwrap();
    std::fs::remove_file(half.path).unwrap();
    home.peer.honest();
    for _ in 0..2 {
        home.run(&["sync", "--json"]);
        assert_eq!(left(&home).len(), 5);
    }
    assert_eq!(home.here(), whole, "it comes whole");
}

#[test]
fn a_kill_at_each_step_never_takes_a_part_for_the_message() {
    for at in 1.. {
        let home = Home::new(Drop::of(3, "a"));
        home.configure(DELETE);
        cuts(&home, 2, usize::MAX);
        let killed = home.run_with(&["fetch", "--json", "--timeout", "3"], &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        assert!(killed.signal == Some(9) || killed.code == Some(1), "{killed:?}");
        assert!(left(&home).contains(&body("a 2")), "killed at step {at}");
        // The same again, in the run that reads it once more.
        home.peer.honest();
        let again = home.run_with(&["fetch", "--json", "--timeout", "3"], &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        home.run(&["fetch", "--json", "--timeout", "3"]);
        home.run(&["fetch", "--json", "--timeout", "3"]).exit(0);
        let here = home.here();
        assert!(here.contains(&identity(&body("a 2"))), "killed at step {at}: {here:?}");
        assert!(here.len() <= 4 && left(&home).is_empty(), "killed at step {at}: {here:?}");
        if killed.signal.is_none() && again.signal.is_none() {
            assert!(at > 8, "only {at} durable steps were met");
            break;
        }
    }
}
