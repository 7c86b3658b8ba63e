//! Rows 68 to 71: bodies that are cut, wrongly stuffed, endless, refused.

use crate::peer::{Act, Drop, Home, Peer, message, say, stuffed};

fn three() -> Drop {
    Drop::of(vec![message("a", "one"), message("b", "two"), message("c", "three")])
}

#[test]
fn row_68_a_body_cut_by_a_dot_is_asked_for_again_and_never_deleted_on_trust() {
    let peer = Peer::start(three());
    let home = Home::new(&peer, "after-fetch = \"delete\"");
    let times = std::sync::atomic::AtomicUsize::new(0);
    peer.hook(move |line, _| {
        let first = line == "RETR 2" && times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        if first { say("+OK\r\nSubject: b\r\n\r\n.\r\n") } else { None }
    });
    let all: Vec<Vec<u8>> = peer.messages().into_iter().map(|m| m.body).collect();
    home.fetch(0);
    assert_eq!((home.bodies(), peer.messages().len(), peer.count("RETR")), (all, 0, 4));
}

#[test]
fn row_68_a_body_that_comes_short_in_two_ways_stays_there() {
    let peer = Peer::start(three());
    let home = Home::new(&peer, "after-fetch = \"delete\"");
    let times = std::sync::atomic::AtomicUsize::new(0);
    peer.hook(move |line, _| {
        if line != "RETR 2" {
            return None;
        }
        let n = times.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        say(format!("+OK\r\n{}\r\n.\r\n", "x".repeat(n + 1)))
    });
    home.fetch(1).says("19 were announced").says("b");
    assert_eq!((home.bodies().len(), peer.messages().len()), (2, 1));
}

#[test]
fn sizes_that_are_estimates_cost_one_message_twice_and_nothing_else() {
    let peer = Peer::start(Drop::of((0..20).map(|n| message(&format!("m{n}"), "body")).collect()));
    let home = Home::new(&peer, "");
    peer.hook(|line, _| {
        let list: String = (1..=20).map(|n| format!("{n} {}\r\n", 100 * n)).collect();
        if line == "LIST" { say(format!("+OK\r\n{list}.\r\n")) } else { None }
    });
    home.fetch(0);
    // Those under way when the first was found are asked for again, too.
    assert!((21..=40).contains(&peer.count("RETR")), "{}", peer.count("RETR"));
    assert_eq!(home.bodies().len(), 20);
}

#[test]
fn row_69_a_body_cut_by_the_end_of_the_line_is_not_delivered() {
    let peer = Peer::start(three());
    let home = Home::new(&peer, "after-fetch = \"delete\"");
    peer.hook(|line, _| (line == "RETR 2").then(|| vec![Act::Say(b"+OK\r\nSubject: b\r\n\r\nhal".to_vec()), Act::Hang]));
    let out = home.run(&["fetch"]);
    assert!(matches!(out.code, Some(1 | 75)), "{out:#?}");
    assert!(home.bodies().iter().all(|b| !b.windows(3).any(|w| w == b"hal")));
    assert!(peer.messages().iter().any(|m| m.uidl == b"b"));
    peer.honest();
    home.fetch(0);
    assert_eq!((home.bodies().len(), peer.messages().len()), (3, 0));
}

#[test]
fn row_70_dots_come_through_at_any_edge() {
    let mut world = three();
    world.messages[1].body = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n\r\n...\r\n.\r\n".to_vec();
    let peer = Peer::start(world.clone());
    let wire = [b"+OK\r\n".to_vec(), stuffed(&world.messages[1].body)].concat();
    for size in [1, 2, 3, 5] {
        let home = Home::new(&peer, "");
        let wire = wire.clone();
        peer.hook(move |line, _| (line == "RETR 2").then(|| vec![Act::Pieces(wire.clone(), size)]));
        home.fetch(0);
        assert!(home.bodies().contains(&world.messages[1].body), "in pieces of {size}");
        home.converges(&peer);
    }
}

#[test]
fn a_message_that_the_server_cannot_give_is_named_and_never_deleted() {
    let peer = Peer::start(three());
    let home = Home::new(&peer, "after-fetch = \"delete\"");
    peer.hook(|line, _| if line == "RETR 2" { say("-ERR bad \x1b[2Jblock\r\n") } else { None });
    let out = home.fetch(1);
    out.says("the server refuses to give it: bad");
    assert_eq!((home.bodies().len(), peer.messages().len()), (2, 1));
    assert_eq!(peer.messages()[0].uidl, b"b");
    peer.honest();
    home.fetch(0);
    assert_eq!((home.bodies().len(), peer.messages().len()), (3, 0));
}

#[test]
fn row_71_a_body_that_never_ends_is_left_at_the_limit() {
    use mailx::backend::{Backend as _, LookAt, Missed, Part, Want};
    use mailx::model::{Change, FolderId, Need};
    let peer = Peer::start(three());
    peer.hook(|line, _| (line == "RETR 2").then(|| vec![Act::Say(b"+OK\r\n".to_vec()), Act::Repeat(b"x\r\n".repeat(1000), 1_000_000)]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (missed, came, error) = runtime.block_on(async {
        let (backend, ctx) = crate::direct::account(&peer, 100_000);
        let mut session = backend.open(&ctx).await.unwrap();
        let (folder, mut ids) = (FolderId(b"INBOX".to_vec()), Vec::new());
        let at = [LookAt { folder: folder.clone(), cursor: None, need: Need::Additions }];
        let harvest = session
            .changes(&at, &mut |_, change| {
                if let Change::Present(listed) = change {
                    ids.push(listed.id);
                }
            })
            .await
            .unwrap()
            .remove(0)
            .unwrap();
        let wants: Vec<Want> = ids.into_iter().map(|id| Want { id, size: None }).collect();
        let mut keep = crate::direct::Keep::default();
        let error = session.fetch(&folder, &harvest.cursor, &wants, Part::Whole, &mut keep).await.unwrap_err();
        assert!(keep.most <= 100_000, "{} octets were taken", keep.most);
        (keep.missed, keep.came, error)
    });
    // The line is of no use any more; the others come on the next one.
    assert_eq!((missed, came), (vec![(1, Missed::TooLarge)], vec![0]));
    assert_eq!((error.class, error.scope), (mailx::model::Class::Temporary, mailx::model::Scope::Session));
}
