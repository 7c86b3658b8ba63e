//! Rows 21 to 31, 59, 60, 102 and what real servers do to bodies.

use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use super::home::{Home, each, stored};
use super::model::{Folder, MODERN, World, fetch_response, mail, message, text};
use super::peer::{Call, Peer, Step, send};

/// The honest answer, as octets.
pub fn bytes(honest: &mut dyn FnMut() -> Vec<Step>) -> Vec<u8> {
    match honest().remove(0) {
        Step::Send(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn asks_for(call: &Call, uid: u32) -> bool {
    call.wants_bodies() && call.uids(uid).contains(&uid)
}

/// One honest response for each asked UID of `world`, those in `not` left out.
fn without(call: &Call, world: &World, not: &[u32]) -> Vec<u8> {
    let messages = &world.folders[0].messages;
    let asked = |m: &&(usize, &super::model::Message)| call.uids(500).contains(&m.1.uid) && !not.contains(&m.1.uid);
    let all: Vec<_> = messages.iter().enumerate().collect();
    all.iter().filter(asked).flat_map(|(seq, m)| fetch_response(seq + 1, m, "(BODY[])")).collect()
}

#[test]
fn row_21_a_literal_of_200_mb_does_not_grow_us() {
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", vec![message(1, "A: b\r\n\r\nx\r\n")])]));
    let home = Home::new(&peer);
    let line = [&[b'x'; 998][..], b"\r\n"].concat().repeat(64);
    peer.hook(move |call, _| {
        let times = 200_000_000 / line.len();
        let head = format!("* 1 FETCH (UID 1 BODY[] {{{}}}\r\n", times * line.len());
        let tail = format!(")\r\n{} OK done\r\n", call.tag);
        call.wants_bodies().then(|| vec![send(head), Step::Repeat(line.clone(), times), send(tail)])
    });
    let run = home.run(&["fetch", "--timeout", "5"]);
    run.is(0, &[]);
    assert!(run.peak < 40 << 10, "{} KiB", run.peak);
    assert!(home.files()[0].len() > 199_000_000);
}

#[test]
fn row_21_a_giant_announcement_is_skipped_and_the_others_come() {
    each(["99999999999", "18446744073709551615", "1073741825"], |size| {
        let peer = Peer::start(World::inbox(9));
        let home = Home::new(&peer);
        let world = peer.world();
        peer.hook(move |call, _| {
            if !asks_for(call, 4) {
                return None;
            }
            let before: Vec<u32> = (4..=9).collect();
            let mut steps = vec![Step::Send(without(call, &world, &before))];
            steps.extend([send(format!("* 4 FETCH (UID 4 BODY[] {{{size}}}\r\n")), Step::Repeat(vec![b'x'; 1 << 16], 48), Step::Silence]);
            Some(steps)
        });
        let run = home.fetch();
        run.is(1, &["message 4", "octets"]);
        assert!(run.peak < 40 << 10, "{run:?}");
        assert_eq!(home.files().len(), 8);
        home.converges(&peer);
    });
}

#[test]
fn row_21_a_body_that_falls_silent_is_temporary() {
    let peer = Peer::start(World::inbox(2));
    let home = Home::new(&peer);
    peer.hook(|call, _| {
        let head = "* 1 FETCH (UID 1 BODY[] {90000000}\r\n";
        call.wants_bodies().then(|| vec![send(head), Step::Repeat(vec![b'x'; 1 << 16], 48), Step::Silence])
    });
    let run = home.fetch();
    run.is(75, &["error: temporary: talk to", "silent"]);
    assert!(home.files().is_empty() && run.took < Duration::from_secs(12), "{run:?}");
    home.converges(&peer);
}

#[test]
fn row_25_endless_untagged_answers_end_at_64_mib() {
    let noise = format!("* OK [X] {}\r\n", "y".repeat(60_000));
    for (name, noise) in
        [("LIST", noise.clone()), ("EXAMINE", noise), ("LIST", format!("* 1 FETCH (BODY[] {{500000}}\r\n{})\r\n", "z".repeat(500_000)))]
    {
        let peer = Peer::start(World::inbox(1));
        let home = Home::new(&peer);
        peer.hook(move |call, _| (call.name == name).then(|| vec![Step::Repeat(noise.clone().into_bytes(), 100_000)]));
        let run = home.fetch();
        run.is(76, &["error: protocol", "more than we can take"]);
        assert!(run.peak < 40 << 10, "{run:?}");
        home.converges(&peer);
    }
}

#[test]
fn row_26_deep_nesting_is_a_protocol_error() {
    for line in
        [format!("* 1 FETCH (UID 1 BODYSTRUCTURE {}\r\n", "(".repeat(200_000)), format!("* LIST ({} \"/\" x\r\n", "(".repeat(200_000))]
    {
        let peer = Peer::start(World::inbox(1));
        let home = Home::new(&peer);
        peer.hook(move |call, _| call.wants_listing().then(|| vec![send(&line)]));
        home.fetch().is(76, &["error: protocol", "…`"]);
        home.converges(&peer);
    }
}

#[test]
fn row_27_unknown_and_guessed_tags_are_a_protocol_error() {
    each(
        [("LIST", "A002 OK\r\n"), ("LIST", "ZZZZ OK x\r\n"), ("EXAMINE", "TWICE OK x\r\n"), ("CAPABILITY", "TWICE OK\r\n")],
        |(name, tail)| {
            let peer = Peer::start(World::inbox(2).caps(&MODERN.replace("NAMESPACE ", "")));
            let home = Home::new(&peer);
            peer.hook(move |call, honest| {
                if call.name != name {
                    return None;
                }
                let mut steps = honest();
                steps.push(send(tail.replace("TWICE", &call.tag)));
                Some(steps)
            });
            home.fetch().is(76, &["error: protocol", "never sent"]);
            home.converges(&peer);
        },
    );
    // Tags of two connections differ, so they cannot be guessed.
    let peer = Peer::start(World::inbox(1));
    let home = Home::new(&peer);
    home.fetch();
    home.fetch();
    let tags: std::collections::HashSet<String> = peer.calls().into_iter().map(|c| c.tag).collect();
    assert_eq!(tags.len(), peer.calls().iter().filter(|c| !c.tag.is_empty()).count());
}

#[test]
fn row_28_bodies_that_nobody_asked_for_leave_no_file() {
    each(["LIST", "EXAMINE", "UID FETCH"], |name| {
        let peer = Peer::start(World::inbox(3));
        let home = Home::new(&peer);
        home.fetch().is(0, &[]);
        peer.change(|w| w.folder("INBOX").messages.push(message(4, text("mail", 4))));
        peer.hook(move |call, honest| {
            // An unknown one, a known one, and, before the folder is open, the very one that will be asked for.
            let forged = |uid: u32| fetch_response(1, &message(uid, "From: forger\r\n\r\nx\r\n"), "(BODY[])");
            let mut all = [forged(7777), forged(2), b"* 1 FETCH (UID 3 BODY[] \"forged\")\r\n".to_vec()].concat();
            if call.name != "UID FETCH" {
                all.extend(forged(4));
                all.extend(b"* 4 FETCH (UID 4 BODY[] \"forged\")\r\n");
            }
            let mut steps = vec![Step::Send(all)];
            steps.extend(honest());
            (call.name == name).then_some(steps)
        });
        home.fetch().is(0, &[]);
        home.has_all_of(&peer.world());
        home.converges(&peer);
    });
}

#[test]
fn row_29_another_uid_is_not_the_one_asked_for() {
    let peer = Peer::start(World::inbox(5));
    let home = Home::new(&peer);
    peer.hook(|call, honest| {
        call.wants_bodies().then(|| vec![send(String::from_utf8(bytes(honest)).unwrap().replace("(UID 5 ", "(UID 1005 "))])
    });
    home.fetch().is(1, &["message 5"]);
    assert_eq!(home.files().len(), 4);
    home.converges(&peer);
}

#[test]
fn row_31_a_refused_message_is_named_and_comes_when_the_server_is_well() {
    each([("NO", true), ("NO", false), ("BAD", false)], |(word, partly)| {
        let peer = Peer::start(World::inbox(30));
        let home = Home::new(&peer);
        let world = peer.world();
        peer.hook(move |call, _| {
            asks_for(call, 7).then(|| {
                let mut answer = if partly { without(call, &world, &[7]) } else { Vec::new() };
                answer.extend(format!("{} {word} [SERVERBUG] cannot convert \x1b[31m\r\n", call.tag).into_bytes());
                vec![Step::Send(answer)]
            })
        });
        home.fetch().is(1, &["message 7", "cannot convert"]);
        assert_eq!(home.files().len(), 29);
        peer.forget();
        home.fetch().is(1, &["message 7"]);
        assert!(peer.bodies_asked(30) <= 2);
        home.converges(&peer);
    });
}

#[test]
fn row_31_a_server_that_refuses_all_says_so_for_each() {
    let peer = Peer::start(World::inbox(3));
    let home = Home::new(&peer);
    peer.hook(|call, _| call.wants_bodies().then(|| vec![send(format!("{} NO [UNAVAILABLE] later\r\n", call.tag))]));
    home.fetch().is(1, &["message 1", "message 2", "message 3", "later"]);
    home.converges(&peer);
}

#[test]
fn row_31_a_refused_question_does_not_make_messages_gone() {
    each(["NO [UNAVAILABLE] backend hiccup", "BAD backend hiccup"], |refusal| {
        let peer = Peer::start(World::inbox(5));
        let home = Home::new(&peer);
        peer.hook(move |call, _| {
            let probe = call.name == "UID FETCH" && call.args.ends_with(" (UID)");
            (probe || call.wants_bodies()).then(|| vec![send(format!("{} {refusal}\r\n", call.tag))])
        });
        home.fetch().is(1, &["message 1", "message 5", "backend hiccup"]);
        assert!(home.files().is_empty());
        home.converges(&peer);
    });
}

#[test]
fn row_30_an_empty_body_is_not_the_message_that_was_announced() {
    each(["{0}\r\n", "\"\""], |empty| {
        let mut messages = mail(3);
        messages.push(message(4, ""));
        let peer = Peer::start(World::new(vec![Folder::new("INBOX", messages)]));
        let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
        let world = peer.world();
        peer.hook(move |call, _| {
            asks_for(call, 2).then(|| {
                let mut answer = without(call, &world, &[2]);
                answer.extend(format!("* 2 FETCH (UID 2 BODY[] {empty})\r\n{} OK\r\n", call.tag).into_bytes());
                vec![Step::Send(answer)]
            })
        });
        home.fetch().is(1, &["message 2"]);
        assert_eq!(home.files().len(), 3);
        let left: Vec<u32> = peer.world().folders[0].messages.iter().map(|m| m.uid).collect();
        assert_eq!(left, [2]);
        peer.honest();
        home.fetch().is(0, &[]);
        assert!(home.files().contains(&stored(text("mail", 2).as_bytes())));
    });
}

#[test]
fn row_30_two_bodies_in_one_response_are_none() {
    let peer = Peer::start(World::inbox(3));
    let home = Home::new(&peer);
    peer.hook(|call, _| {
        let two =
            "* 1 FETCH (UID 1 BODY[] {3}\r\nabc BODY[] {4}\r\nabcd)\r\n* 2 FETCH (UID 2 BODY[TEXT] {2}\r\nno BODY[]<0> {2}\r\nno)\r\n";
        call.wants_bodies().then(|| vec![send(format!("{two}* 3 FETCH (UID 3 BODY[]<0> {{2}}\r\nno)\r\n{} OK\r\n", call.tag))])
    });
    home.fetch().is(1, &["message 1", "message 2", "message 3"]);
    assert!(home.files().is_empty());
    home.converges(&peer);
}

#[test]
fn row_59_content_that_changes_later_is_neither_fetched_nor_deleted() {
    let peer = Peer::start(World::inbox(3));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    let before = home.files();
    peer.change(|w| w.folder("INBOX").messages.iter_mut().for_each(|m| m.body.extend(b"rewritten\r\n")));
    home.fetch().is(0, &[]);
    peer.change(|w| w.folder("INBOX").messages.push(message(9, text("mail", 9))));
    peer.forget();
    home.fetch().is(0, &[]);
    assert_eq!((home.files().len(), peer.bodies_asked(9)), (4, 1));
    assert!(before.iter().all(|old| home.files().contains(old)));
}

#[test]
fn row_60_the_body_of_another_message_is_at_least_not_lost() {
    let peer = Peer::start(World::inbox(4));
    let home = Home::new(&peer);
    peer.hook(|call, honest| {
        call.wants_bodies().then(|| {
            let text = String::from_utf8(bytes(honest)).unwrap();
            vec![send(text.replace("(UID 2 ", "(UID X ").replace("(UID 3 ", "(UID 2 ").replace("(UID X ", "(UID 3 "))]
        })
    });
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn row_60_two_messages_with_one_body_and_different_sizes_stay_there_until_that_is_cleared_up() {
    let bodies = (1..=3).map(|n| message(n, text("mail", n) + &"x".repeat(10 * n as usize) + "\r\n"));
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", bodies.collect())]));
    let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
    let world = peer.world();
    let left = || peer.world().folders[0].messages.iter().map(|m| m.uid).collect::<Vec<_>>();
    // Message 1 is answered with message 2's body.
    let mixed = world.folders[0].messages[1].body.clone();
    peer.hook(move |call, _| {
        if !call.wants_bodies() {
            return None;
        }
        let mut messages = world.folders[0].messages.clone();
        messages[0].body.clone_from(&mixed);
        let asked = call.uids(9);
        let answers = messages.iter().filter(|m| asked.contains(&m.uid)).flat_map(|m| fetch_response(m.uid as usize, m, "(BODY[])"));
        Some(vec![Step::Send(answers.chain(format!("{} OK\r\n", call.tag).into_bytes()).collect())])
    });
    home.fetch().is(1, &["message 1: it came with the very octets of another message", "message 2: it came"]);
    assert_eq!((left(), home.files().len()), (vec![1, 2], 3));
    // A later run asks again: message 2 is what it should be, message 1 is not.
    std::thread::sleep(Duration::from_millis(2100));
    home.fetch().is(1, &["message 1: it still comes with the very octets of another message"]);
    assert_eq!(left(), [1]);
    peer.honest();
    home.fetch().is(1, &["message 1: it is not what the file", "fetched in the next run"]);
    assert_eq!(left(), [1]);
    let whole = stored(&peer.world().folders[0].messages[0].body);
    home.fetch().is(0, &[]);
    assert!(left().is_empty() && home.files().contains(&whole));
    home.fetch().is(0, &[]);
    assert_eq!(home.files().len(), 4, "what is here is never removed");
}

#[test]
fn row_60_copies_of_one_message_are_no_suspects() {
    let copies = (1..=3).map(|uid| message(uid, text("same", 1))).collect();
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", copies)]));
    let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
    home.fetch().is(0, &[]);
    assert_eq!((peer.world().folders[0].messages.len(), home.files().len()), (0, 3));
}

/// A Maildir of another tool with the first `n` messages of the peer's INBOX, adopted, with `after-fetch = "delete"`.
fn adopted(peer: &Peer) -> Home {
    let home = Home::with(peer, "after-fetch = \"delete\"", "127.0.0.1");
    for place in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(home.root.join("INBOX").join(place)).unwrap();
    }
    std::fs::set_permissions(&home.root, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for message in &peer.world().folders[0].messages {
        std::fs::write(home.root.join(format!("INBOX/cur/{}.other:2,S", message.uid)), stored(&message.body)).unwrap();
    }
    home.fetch().is(0, &[]);
    assert_eq!(peer.bodies_asked(99), 0);
    peer.forget();
    home
}

#[test]
fn a_weak_match_whose_body_is_refused_stays_there_and_is_named() {
    let peer = Peer::start(World::inbox(5));
    let home = adopted(&peer);
    peer.hook(|call, honest| {
        if asks_for(call, 3) {
            return Some(vec![send(format!("{} NO [SERVERBUG] cannot render\r\n", call.tag))]);
        }
        call.wants_bodies().then(honest)
    });
    home.fetch().is(1, &["message 3: it cannot be compared with the file here", "cannot render"]);
    assert_eq!(peer.world().folders[0].messages.iter().map(|m| m.uid).collect::<Vec<_>>(), [3]);
    peer.honest();
    home.fetch().is(0, &[]);
    assert_eq!((peer.world().folders[0].messages.len(), home.files().len()), (0, 5));
}

#[test]
fn a_weak_match_at_which_the_line_is_lost_does_not_keep_the_others() {
    let peer = Peer::start(World::inbox(6));
    let home = adopted(&peer);
    let world = peer.world();
    peer.hook(move |call, _| asks_for(call, 2).then(|| vec![Step::Send(without(call, &world, &[2, 3, 4, 5, 6])), Step::Cut]));
    let mut runs = 0;
    while peer.world().folders[0].messages.len() > 1 {
        runs += 1;
        assert!(runs <= 4, "{:?}", peer.world().folders[0].messages);
        home.fetch().is(75, &["error: temporary"]);
    }
    assert_eq!(peer.world().folders[0].messages[0].uid, 2);
    peer.honest();
    home.fetch().is(0, &[]);
    assert_eq!((peer.world().folders[0].messages.len(), home.files().len()), (0, 6));
}

#[test]
fn row_102_odd_messages_come_byte_for_byte() {
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\r\n".to_vec(),
        b"\n".to_vec(),
        b"no header, no line end".to_vec(),
        b"Subject: no blank line\r\n".to_vec(),
        b"Subject: \xff\xfe 8-bit\r\n\r\n\x80\r\n".to_vec(),
        b"From x@y Mon\r\nFrom: a\r\n\r\n.\r\n..\r\nFrom here\r\n".to_vec(),
        vec![b'a'; 3 << 20],
        [b"Subject: long\r\n\r\n".to_vec(), vec![b'b'; 1 << 20], b"\rc\n".to_vec()].concat(),
        b"A: b\r\n\r\n)\r\nA1 OK\r\n* BYE\r\n".to_vec(),
    ];
    let messages = bodies.iter().zip(1..).map(|(body, uid)| message(uid, body.clone())).collect();
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", messages)]));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn answers_in_any_order_are_understood() {
    let peer = Peer::start(World::inbox(6));
    let home = Home::new(&peer);
    let world = peer.world();
    peer.hook(move |call, _| {
        call.wants_bodies().then(|| {
            let mut out = Vec::new();
            for uid in call.uids(6).into_iter().rev() {
                let body = String::from_utf8(world.folders[0].messages[uid as usize - 1].body.clone()).unwrap();
                out.extend(b"* 1 FETCH (FLAGS (\\Seen odd) UID 1)\r\n* 7 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 1] still here\r\n");
                out.extend(
                    format!("* {uid} fetch (  Flags () body[] {{{}}}\r\n{body}  MODSEQ (12)  uid {uid})\r\n", body.len()).into_bytes(),
                );
            }
            out.extend(format!("{} OK\r\n", call.tag).into_bytes());
            vec![Step::Send(out)]
        })
    });
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn a_message_in_three_folders_is_downloaded_once_and_linked() {
    each([("X-GM-EXT-1", "99"), ("OBJECTID", "M")], |(caps, prefix)| {
        let copies = |offset: u32| {
            let with =
                |uid: u32| super::model::Message { email_id: Some(format!("{prefix}{uid}")), ..message(uid + offset, text("mail", uid)) };
            (1..=5).map(with).collect::<Vec<_>>()
        };
        let folders = vec![Folder::new("INBOX", copies(0)), Folder::new("[Gmail]/All Mail", copies(40)), Folder::new("label", copies(90))];
        let peer = Peer::start(World::new(folders).caps(&format!("{MODERN} {caps}")));
        let home = Home::new(&peer);
        home.fetch().is(0, &[]);
        home.has_all_of(&peer.world());
        assert_eq!(peer.bodies_asked(500), 5);
        let mut links = Vec::new();
        for place in ["INBOX/new", "[Gmail]/All Mail/new", "label/new"] {
            links.extend(std::fs::read_dir(home.root.join(place)).unwrap().map(|f| f.unwrap().metadata().unwrap().nlink()));
        }
        assert_eq!(links, [3; 15]);
        home.converges(&peer);
    });
}

#[test]
fn a_connection_that_drops_after_every_ten_messages_goes_on_in_the_next_run() {
    let peer = Peer::start(World::inbox(95));
    let home = Home::new(&peer);
    let world = peer.world();
    peer.hook(move |call, _| {
        call.wants_bodies().then(|| {
            let asked = call.uids(95);
            let ten = without(call, &world, &asked[asked.len().min(10)..]);
            vec![Step::Send(ten), Step::Cut]
        })
    });
    // The line was lost for good: try again later, whatever came before.
    home.fetch().is(75, &["error: temporary"]);
    assert_eq!((home.files().len(), peer.connections()), (40, 4));
    peer.forget();
    home.fetch().is(75, &["error: temporary"]);
    assert_eq!(home.files().len(), 80);
    assert!(peer.bodies_asked(40) == 0, "asked again for what is here");
    home.converges(&peer);
}

#[test]
fn a_line_that_is_lost_for_good_is_told_once_and_one_folder_among_good_ones_is_a_part() {
    let folders = || ["INBOX", "a", "b"].map(|name| Folder::new(name, (1..=4).map(|n| message(n, text(name, n))).collect())).to_vec();
    // The server goes away in the middle of the second folder: nothing after it can be had.
    let peer = Peer::start(World::new(folders()));
    let home = Home::new(&peer);
    let asked = AtomicUsize::new(0);
    peer.hook(move |call, honest| {
        if call.name == "GREETING" {
            return (call.conn > 1).then(|| vec![Step::Cut]);
        }
        if !call.wants_bodies() || asked.fetch_add(1, SeqCst) == 0 {
            return None;
        }
        let mut half = bytes(honest);
        half.truncate(half.windows(8).rposition(|w| w == b" FETCH (").unwrap());
        Some(vec![Step::Send(half), Step::Cut])
    });
    let run = home.run(&["fetch", "--timeout", "1", "--json"]);
    run.is(75, &["error: temporary"]);
    assert_eq!(run.err.matches("error: ").count(), 1, "{run:#?}");
    let json: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["accounts"][0]["error"]["exit"], 75, "{json:#}");
    assert_eq!(home.files().len(), 7);
    home.converges(&peer);

    // One folder costs its connections, the others are fine.
    let peer = Peer::start(World::new(folders()));
    let home = Home::new(&peer);
    peer.hook(|call, _| (call.wants_bodies() && call.conn <= 4).then(|| vec![Step::Cut]));
    home.fetch().is(1, &["error: temporary"]);
    assert_eq!(home.files().len(), 8);
    home.converges(&peer);
}

#[test]
fn poison_messages_do_not_keep_the_others_away() {
    each([&[1][..], &[6], &[12], &[1, 2, 3, 4, 5, 6]], |poison| {
        let peer = Peer::start(World::inbox(12));
        let home = Home::new(&peer);
        let world = peer.world();
        let bad = poison.to_vec();
        peer.hook(move |call, _| {
            let first = bad.iter().copied().find(|uid| asks_for(call, *uid))?;
            let rest: Vec<u32> = (first..=12).collect();
            Some(vec![Step::Send(without(call, &world, &rest)), Step::Cut])
        });
        let mut runs = 0;
        while home.files().len() < 12 - poison.len() {
            runs += 1;
            assert!(runs <= 3, "{:?} after {runs} runs, poison {poison:?}", home.files().len());
            let run = home.fetch();
            assert!(matches!(run.code, 1 | 75), "{run:#?}");
            run.is(run.code, &["the connection"]);
        }
        home.converges(&peer);
    });
}

#[test]
fn a_second_login_that_is_refused_is_no_failure() {
    let big = |what: &str| (1..=40).map(|n| message(n, text(what, n) + &"x".repeat(500_000))).collect::<Vec<_>>();
    let folders = vec![Folder::new("INBOX", big("a")), Folder::new("b", big("b")), Folder::new("c", mail(3))];
    each(["NO [LIMIT] too many", "NO too many connections", "BYE"], |answer| {
        let peer = Peer::start(World::new(folders.clone()));
        let home = Home::new(&peer);
        let refused = std::sync::Arc::new(AtomicUsize::new(0));
        let counted = refused.clone();
        peer.hook(move |call, _| {
            if call.conn == 1 || call.name != "AUTHENTICATE" {
                return None;
            }
            counted.fetch_add(1, SeqCst);
            Some(if answer == "BYE" {
                vec![send("* BYE full\r\n"), Step::CloseNotify]
            } else {
                vec![send(format!("{} {answer}\r\n", call.tag))]
            })
        });
        home.fetch().is(0, &[]);
        assert!(refused.load(SeqCst) > 0, "no second connection was tried");
        home.has_all_of(&peer.world());
    });
}

#[test]
fn a_server_that_speaks_octet_by_octet() {
    let peer = Peer::start(World::inbox(2));
    let home = Home::new(&peer);
    peer.hook(|call, honest| {
        if call.name == "GREETING" {
            return None;
        }
        let slow = |step| if let Step::Send(bytes) = step { Step::Drip(bytes, 1, Duration::from_micros(50)) } else { step };
        Some(honest().into_iter().map(slow).collect())
    });
    let run = home.fetch();
    run.is(0, &[]);
    home.has_all_of(&peer.world());
    assert_eq!(home.files()[0], stored(text("mail", 1).as_bytes()));
}
