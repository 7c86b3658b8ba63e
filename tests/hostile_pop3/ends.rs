//! Rows 72 to 76: refusals, and the end of the session.

use crate::peer::{Act, Drop, Home, Peer, message, say};

fn two() -> Peer {
    Peer::start(Drop::of(vec![message("a", "one"), message("b", "two")]))
}

#[test]
fn row_72_temporary_refusals_are_no_wrong_passwords() {
    for (answer, class) in [
        ("-ERR [IN-USE] locked\r\n", "locked"),
        ("-ERR maildrop already locked\r\n", "locked"),
        ("-ERR [LOGIN-DELAY] wait\r\n", "temporary"),
        ("-ERR [SYS/TEMP] later\r\n", "temporary"),
    ] {
        let peer = two();
        let home = Home::new(&peer, "");
        peer.hook(move |line, _| if line.starts_with("PASS") { say(answer) } else { None });
        let out = home.fetch(75);
        assert_eq!((out.account()["error"]["class"].as_str(), peer.count("PASS")), (Some(class), 1), "{answer}");
        assert!(!home.root.exists());
    }
    for (answer, code, class) in
        [("-ERR [SYS/PERM] broken\r\n", 69, "rejected"), ("-ERR [AUTH] no\r\n", 77, "auth"), ("-ERR no\r\n", 77, "auth")]
    {
        let peer = two();
        let home = Home::new(&peer, "");
        peer.hook(move |line, _| if line.starts_with("PASS") { say(answer) } else { None });
        assert_eq!(home.fetch(code).account()["error"]["class"], class);
        assert_eq!(peer.count("PASS"), 1, "one try");
    }
}

#[test]
fn row_72_wait_waits_for_a_mailbox_in_use() {
    let peer = two();
    let home = Home::new(&peer, "");
    peer.hook(|line, conn| if line.starts_with("PASS") && conn < 3 { say("-ERR [IN-USE] locked\r\n") } else { None });
    home.run(&["fetch", "--wait=20"]).exit(0);
    assert_eq!((home.bodies().len(), peer.count("PASS")), (2, 3));
}

#[test]
fn row_73_a_quit_without_an_answer_deletes_nothing_for_sure_and_doubles_nothing() {
    // Refused, lost before it, lost behind it.
    for (n, act) in [Act::Say(b"-ERR some messages were not removed\r\n".to_vec()), Act::Hang, Act::DoAndHang].into_iter().enumerate() {
        let peer = two();
        let home = Home::new(&peer, "after-fetch = \"delete\"");
        let act_now = act.clone();
        peer.hook(move |line, _| (line == "QUIT").then(|| vec![act_now.clone()]));
        let out = home.fetch(75);
        assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (2, 0), "{n}");
        assert_eq!(peer.messages().len(), if n == 2 { 0 } else { 2 });
        peer.honest();
        let out = home.fetch(0);
        assert_eq!((out.sum("downloaded"), peer.count("RETR"), peer.messages().len(), home.bodies().len()), (0, 0, 0, 2), "{n}");
    }
}

#[test]
fn row_74_a_refused_dele_is_named_and_not_downloaded_again() {
    let peer = two();
    let home = Home::new(&peer, "after-fetch = \"delete\"");
    peer.hook(|line, _| if line == "DELE 1" { say("-ERR not yours\r\n") } else { None });
    let out = home.fetch(1);
    out.says("the server does not remove it: not yours");
    assert_eq!((out.sum("deleted_there"), peer.messages().len()), (1, 1));
    peer.honest();
    let out = home.fetch(0);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), home.bodies().len()), (0, 1, 2));
}

#[test]
fn row_76_a_server_that_shows_a_portion_a_session_is_asked_until_nothing_is_new() {
    for after_fetch in ["", "after-fetch = \"delete\""] {
        let mut world = Drop::of((0..23).map(|n| message(&format!("m{n}"), &"x".repeat(n))).collect());
        world.greeting = "+OK Gpop ready for requests from 192.0.2.1".into();
        world.portion = Some(5);
        let peer = Peer::start(world);
        let home = Home::new(&peer, after_fetch);
        let out = home.fetch(0);
        assert_eq!((out.sum("downloaded"), home.bodies().len()), (23, 23));
        assert!(!out.stderr.contains("renumbered"), "{}", out.stderr);
        assert_eq!(peer.messages().len(), if after_fetch.is_empty() { 23 } else { 0 });
        assert_eq!((home.fetch(0).sum("downloaded"), home.bodies().len()), (0, 23));
    }
}
