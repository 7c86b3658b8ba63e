//! Rows 71 and 75, and floods: more than was asked for, and no end.

use std::time::Instant;

use crate::peer::{Act, Drop, Home, Peer, message, say};

fn two() -> Peer {
    Peer::start(Drop::of(vec![message("a", "one"), message("b", "two")]))
}

#[test]
fn row_75_answers_that_nobody_asked_for_end_the_session() {
    for (command, answer) in
        [("CAPA", "+OK\r\nUSER\r\nPIPELINING\r\n.\r\n+OK\r\n"), ("STAT", "+OK 2 0\r\n1 120\r\n2 200\r\n.\r\n"), ("UIDL", "what?\r\n")]
    {
        let peer = two();
        let home = Home::new(&peer, "after-fetch = \"delete\"");
        peer.hook(move |line, _| if line == command { say(answer) } else { None });
        let out = home.fetch(76);
        assert_eq!(out.account()["error"]["class"], "protocol", "{command}");
        assert_eq!((peer.count("DELE"), home.bodies().len()), (0, 0));
        home.configure(&peer, "");
        home.converges(&peer);
    }
}

#[test]
fn a_dele_with_more_than_one_answer_deletes_nothing() {
    let peer = two();
    let home = Home::new(&peer, "after-fetch = \"delete\"");
    peer.hook(|line, _| if line == "DELE 1" { say("+OK\r\nmore\r\n.\r\n") } else { None });
    home.run(&["fetch"]);
    assert_eq!((peer.count("QUIT"), peer.messages().len(), home.bodies().len()), (0, 2, 2));
}

#[test]
fn endless_lines_and_listings_are_cut() {
    for (command, first) in [("GREETING", ""), ("CAPA", "+OK\r\n"), ("UIDL", "+OK\r\n1 ")] {
        let peer = two();
        let home = Home::new(&peer, "");
        peer.hook(move |line, _| (line == command).then(|| vec![Act::Say(first.into()), Act::Repeat(vec![b'x'; 65_536], 400)]));
        let begun = Instant::now();
        assert_eq!(home.fetch(76).account()["error"]["class"], "protocol", "{command}");
        assert!(begun.elapsed().as_secs() < 20);
        home.converges(&peer);
    }
}

#[test]
fn silence_is_borne_for_a_while_only() {
    let peer = two();
    let home = Home::new(&peer, "");
    peer.hook(|line, _| (line == "USER me").then(Vec::new));
    let out = home.fetch(75);
    assert_eq!(out.account()["error"]["class"], "temporary");
    home.converges(&peer);
}

#[test]
fn starttls_that_is_not_offered_or_comes_with_more_is_refused() {
    for (command, answer) in [("NONE", ""), ("STLS", "-ERR no\r\n"), ("STLS", "+OK\r\n+OK injected\r\n")] {
        let peer = two();
        let home = Home::new(&peer, "");
        if command == "STLS" {
            peer.change(|w| w.caps.as_mut().unwrap().push("STLS"));
        }
        peer.hook(move |line, _| if line == command { say(answer) } else { None });
        home.secure();
        let out = home.fetch(77);
        assert_eq!(out.account()["error"]["class"], "tls-required");
        assert_eq!((peer.count("USER"), peer.count("PASS"), peer.count("AUTH")), (0, 0, 0));
    }
}
