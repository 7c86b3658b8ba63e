//! Rows 62 to 67: unique-ids that are missing, twins, reused, changed, malformed.

use crate::peer::{Drop, Home, Message, Peer, message, say};

#[test]
fn row_62_without_unique_ids_nothing_comes_twice_and_all_can_be_removed() {
    for (caps, pipelining) in [(None, false), (Some(vec!["USER", "TOP"]), false), (Some(vec!["USER", "PIPELINING"]), true)] {
        let mut world = Drop::of((0..6).map(|n| message(&format!("m{n}"), &"x".repeat(n))).collect());
        world.caps = caps.clone();
        let peer = Peer::start(world);
        let home = Home::new(&peer, "");
        // Without TOP either, where it is not announced.
        let top = caps.is_some_and(|caps| caps.contains(&"TOP"));
        let deny = move |line: &str| line == "UIDL" || (!top && line.starts_with("TOP"));
        peer.hook(move |line, _| if deny(line) { say("-ERR what?\r\n") } else { None });
        home.fetch(0);
        assert_eq!(home.bodies().len(), 6, "pipelining: {pipelining}");
        let out = home.fetch(0);
        assert_eq!((out.sum("downloaded"), home.bodies().len()), (0, 6));
        home.configure(&peer, "after-fetch = \"delete\"");
        let out = home.fetch(0);
        assert_eq!((out.sum("deleted_there"), peer.messages().len(), home.bodies().len()), (6, 0, 6));
    }
}

#[test]
fn row_63_twins_are_both_fetched_and_both_removed() {
    let peer = Peer::start(Drop::of(vec![message("same", "one"), message("same", "another"), message("other", "x")]));
    let home = Home::new(&peer, "");
    home.fetch(0);
    home.converges(&peer);
    home.configure(&peer, "after-fetch = \"delete\"");
    home.fetch(0);
    assert_eq!((peer.messages().len(), home.bodies().len()), (0, 3));
}

#[test]
fn row_64_an_id_that_names_another_message_is_noticed() {
    for removed in [false, true] {
        let peer = Peer::start(Drop::of(vec![message("a", "one"), message("b", "two")]));
        let home = Home::new(&peer, if removed { "after-fetch = \"delete\"" } else { "" });
        home.fetch(0);
        peer.change(|w| {
            w.messages = vec![Message { uidl: b"a".to_vec(), body: b"Subject: new\r\n\r\nquite another one\r\n".to_vec() }];
            w.messages.push(message("b", "two"));
        });
        home.run(&["fetch"]);
        home.run(&["fetch"]);
        let bodies = home.bodies();
        assert!(bodies.iter().any(|b| b.starts_with(b"Subject: new")), "removed: {removed}");
        assert_eq!(bodies.len(), 3, "removed: {removed}");
    }
}

#[test]
fn row_65_ids_that_all_change_bring_nothing_twice() {
    let peer = Peer::start(Drop::of((0..8).map(|n| message(&format!("m{n}"), &"x".repeat(n * 7))).collect()));
    let home = Home::new(&peer, "");
    home.fetch(0);
    for round in 0..3 {
        peer.change(|w| w.messages.iter_mut().for_each(|m| m.uidl.extend_from_slice(format!("-{round}").as_bytes())));
        let out = home.fetch(0);
        assert_eq!((out.sum("downloaded"), home.bodies().len()), (0, 8), "{}", out.stderr);
    }
    // One alone, too.
    peer.change(|w| w.messages[3].uidl = b"moved".to_vec());
    assert_eq!((home.fetch(0).sum("downloaded"), home.bodies().len()), (0, 8));
    home.converges(&peer);
}

#[test]
fn row_66_malformed_ids_are_ids_and_never_paths() {
    let mut world = Drop::of((0..6).map(|n| message(&format!("m{n}"), &"x".repeat(n))).collect());
    let odd: [&[u8]; 5] = [&[b'u'; 70_000], b"two words", b"../../../etc/passwd", b"\x1b]0;x\x07", b"caf\xe9"];
    for (message, id) in world.messages.iter_mut().zip(odd) {
        message.uidl = id.to_vec();
    }
    let peer = Peer::start(world);
    let home = Home::new(&peer, "");
    home.fetch(0);
    home.converges(&peer);
}

#[test]
fn row_67_listings_that_disagree_are_a_protocol_error_and_nothing_is_deleted() {
    let lies: [(&str, &str); 6] = [
        ("STAT", "+OK 4294967295 1\r\n"),
        ("STAT", "+OK 3 9\r\n"),
        ("LIST", "+OK\r\n1 -1\r\n2 5\r\n.\r\n"),
        ("LIST", "+OK\r\nx y\r\n.\r\n"),
        ("UIDL", "+OK\r\n1 a\r\n.\r\n"),
        ("UIDL", "+OK\r\n1 a\r\n1 b\r\n.\r\n"),
    ];
    for (command, lie) in lies {
        let peer = Peer::start(Drop::of(vec![message("a", "one"), message("b", "two")]));
        let home = Home::new(&peer, "after-fetch = \"delete\"");
        peer.hook(move |line, _| if line == command { say(lie) } else { None });
        let out = home.fetch(76);
        assert_eq!(out.account()["error"]["class"], "protocol", "{command}");
        assert_eq!((peer.count("DELE"), peer.messages().len()), (0, 2));
    }
}
