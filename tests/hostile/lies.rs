//! Rows 32 to 42: counters, ids and epochs that lie; ends in the middle; NUL.

use super::home::{Home, each};
use super::model::{Folder, World, mail, message, text};
use super::peer::{Peer, Security, Step, send};

#[test]
fn row_32_a_new_uidvalidity_is_matched_without_downloads() {
    let peer = Peer::start(World::inbox(12));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    peer.change(|w| {
        let inbox = w.folder("INBOX");
        inbox.validity = Some(8);
        for message in &mut inbox.messages {
            message.uid += 100;
        }
    });
    peer.forget();
    home.fetch().is(0, &[]);
    assert_eq!(peer.bodies_asked(300), 0);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

/// From now on every EXAMINE tells another UIDVALIDITY.
fn flips(peer: &Peer) {
    let selects = std::sync::atomic::AtomicU64::new(100);
    peer.hook(move |call, honest| {
        if call.name != "EXAMINE" {
            return None;
        }
        let Step::Send(all) = honest().remove(0) else { unreachable!() };
        let validity = selects.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Some(vec![send(String::from_utf8(all).unwrap().replace("UIDVALIDITY 7", &format!("UIDVALIDITY {validity}")))])
    });
}

#[test]
fn row_33_uidvalidity_that_flips_in_a_run_drops_the_folder_and_in_three_runs_in_a_row_is_a_protocol_error() {
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(3)), Folder::new("b", vec![message(1, text("b", 1))])]));
    let home = Home::new(&peer);
    flips(&peer);
    for _ in 0..2 {
        home.fetch().is(1, &["error: partial", "renumbered it just now", "the next run matches"]);
    }
    for runs in ["last 3 runs", "last 4 runs"] {
        home.fetch().is(76, &["error: protocol", runs, "leave the folder out"]);
    }
    home.converges(&peer);
    // What is past does not count.
    for _ in 0..2 {
        flips(&peer);
        peer.change(|w| w.folder("b").messages.push(message(9, text("b", 9))));
        home.fetch().is(1, &["error: partial"]);
        home.fetch().is(1, &["error: partial"]);
        peer.change(|w| drop(w.folder("b").messages.pop()));
        home.converges(&peer);
    }
}

#[test]
fn row_33_uidvalidity_that_flips_while_the_folder_is_listed() {
    let peer = Peer::start(World::inbox(5));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    flips(&peer);
    peer.change(|w| w.folder("INBOX").messages.push(message(9, text("mail", 9))));
    // The cursor's epoch, another one, and a third one in one run.
    home.fetch().is(1, &["error: partial", "renumbered"]);
    assert_eq!((home.files().len(), peer.bodies_asked(20)), (5, 5));
    home.converges(&peer);
}

#[test]
fn row_34_without_uidvalidity_everything_comes_once_and_nothing_is_deleted() {
    each([None, Some(0), Some(4_294_967_296)], |validity| {
        let peer = Peer::start(World::inbox(5));
        peer.change(|w| w.folder("INBOX").validity = validity);
        let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
        let run = home.fetch();
        run.is(1, &["does not promise"]);
        home.has_all_of(&peer.world());
        peer.forget();
        home.fetch().is(1, &["does not promise"]);
        home.has_all_of(&peer.world());
        assert_eq!((peer.bodies_asked(9), peer.count("UID STORE")), (0, 0));
        assert_eq!(peer.world().folders[0].messages.len(), 5);
        peer.change(|w| w.folder("INBOX").messages.push(message(9, text("mail", 9))));
        home.fetch().is(1, &[]);
        home.has_all_of(&peer.world());
    });
}

#[test]
fn row_34_without_uidvalidity_a_fetch_that_deletes_nothing_is_a_success_without_words() {
    let peer = Peer::start(World::inbox(5));
    peer.change(|w| w.folder("INBOX").validity = None);
    let home = Home::new(&peer);
    home.converges(&peer);
    assert_eq!(home.fetch().is(0, &[]).err, "");
}

#[test]
fn row_35_twins_and_impossible_uids_are_no_listing() {
    each(
        [
            "* 1 FETCH (UID 4 FLAGS () RFC822.SIZE 9)\r\n* 2 FETCH (UID 4 FLAGS () RFC822.SIZE 9)\r\n",
            "* 1 FETCH (UID 4 FLAGS () RFC822.SIZE 9)\r\n* 2 FETCH (UID 3 FLAGS () RFC822.SIZE 9)\r\n",
            "* 1 FETCH (UID 0 FLAGS () RFC822.SIZE 9)\r\n",
            "* 1 FETCH (UID 4294967296 FLAGS () RFC822.SIZE 9)\r\n",
            "* 1 FETCH (FLAGS () RFC822.SIZE 9)\r\n",
        ],
        |lines| {
            let peer = Peer::start(World::inbox(5));
            let home = Home::new(&peer);
            peer.hook(move |call, _| call.wants_listing().then(|| vec![send(format!("{lines}{} OK\r\n", call.tag))]));
            home.fetch().is(76, &["error: protocol"]);
            assert!(home.files().is_empty());
            home.converges(&peer);
        },
    );
}

#[test]
fn row_36_lying_counters_lose_nothing() {
    type Lie = fn(&mut Folder);
    let lies: [Lie; 6] = [
        |f| f.next = Some(2),
        |f| f.next = Some(4_294_967_295),
        |f| f.exists = Some(1),
        |f| f.exists = Some(4_294_967_295),
        |f| (f.exists, f.next) = (Some(4_294_967_295), Some(2)),
        |f| (f.exists, f.next) = (Some(40_000), Some(4_294_967_295)),
    ];
    each(lies, |lie| {
        let peer = Peer::start(World::inbox(9));
        let home = Home::new(&peer);
        peer.change(|w| lie(w.folder("INBOX")));
        home.fetch().is(0, &[]);
        home.has_all_of(&peer.world());
        // New mail is seen although the counters do not move.
        peer.change(|w| w.folder("INBOX").messages.push(message(20, text("new", 20))));
        home.fetch().is(0, &[]);
        home.has_all_of(&peer.world());
        assert!(peer.calls().len() < 60, "{} commands", peer.calls().len());
    });
}

#[test]
fn row_36_a_listing_shorter_than_exists_is_not_the_last_word() {
    let peer = Peer::start(World::inbox(9));
    let home = Home::new(&peer);
    // UIDs 3 and 4 are hidden once, below the highest.
    peer.hook(|call, honest| {
        let Step::Send(all) = honest().remove(0) else { unreachable!() };
        let text = String::from_utf8(all).unwrap();
        let shown = text.split_inclusive("\r\n").filter(|l| !l.contains("(UID 3 ") && !l.contains("(UID 4 "));
        call.wants_listing().then(|| vec![send(shown.collect::<String>())])
    });
    home.fetch().is(0, &[]);
    assert_eq!(home.files().len(), 7);
    home.converges(&peer);
}

#[test]
fn row_37_a_folder_that_is_suddenly_empty_or_gone_costs_nothing_here() {
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(9)), Folder::new("b", vec![message(1, text("b", 1))])]));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    let before = home.files();
    let full = peer.world();
    peer.change(|w| w.folder("INBOX").messages.clear());
    home.fetch().is(0, &[]);
    peer.change(|w| w.folders.truncate(1));
    home.fetch().is(0, &[]);
    peer.change(|w| w.folders.clear());
    home.fetch();
    assert_eq!(home.files(), before);
    peer.change(|w| *w = full);
    home.converges(&peer);
    assert_eq!(home.files(), before);
}

#[test]
fn row_38_an_expunge_storm_while_listing_or_fetching() {
    let peer = Peer::start(World::inbox(9));
    let home = Home::new(&peer);
    peer.hook(|call, honest| {
        if call.name != "UID FETCH" {
            return None;
        }
        let mut steps = vec![send("* 1 EXPUNGE\r\n".repeat(9)), send("* 9 EXISTS\r\n")];
        steps.extend(honest());
        Some(steps)
    });
    let run = home.fetch();
    assert!(matches!(run.code, 0 | 1), "{run:#?}");
    home.converges(&peer);
}

#[test]
fn row_38_another_client_that_expunges_while_we_list_is_no_lie() {
    let peer = Peer::start(World::inbox(6));
    let home = Home::new(&peer);
    // RFC 3501 §7.4.1 allows EXPUNGE in UID FETCH: sequence numbers shift in the middle.
    peer.hook(|call, _| {
        let line = |seq: u32, uid: u32| format!("* {seq} FETCH (UID {uid} FLAGS () RFC822.SIZE {})\r\n", text("mail", uid).len());
        let (before, after) = ([line(1, 1), line(2, 2)].concat(), [line(2, 3), line(3, 4), line(4, 5), line(5, 6)].concat());
        let answer = format!("{before}* 1 EXPUNGE\r\n{after}{} OK\r\n", call.tag);
        call.wants_listing().then(|| vec![send(answer)])
    });
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn row_39_vanished_all_is_ignored() {
    let peer = Peer::start(World::inbox(9));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    peer.change(|w| w.folder("INBOX").messages.push(message(10, text("mail", 10))));
    peer.hook(|call, honest| {
        let mut steps = vec![send("* VANISHED (EARLIER) 1:4294967295\r\n* VANISHED 1:4294967295\r\n")];
        steps.extend(honest());
        matches!(call.name.as_str(), "UID FETCH" | "EXAMINE").then_some(steps)
    });
    let run = home.fetch();
    run.is(0, &[]);
    assert!(run.peak < 40 << 10, "{run:?}");
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn row_40_counts_reserve_no_memory() {
    let peer = Peer::start(World::inbox(3));
    let home = Home::new(&peer);
    peer.hook(|call, honest| {
        let mut steps = vec![send("* 4294967295 EXISTS\r\n* SEARCH 1 2 3\r\n* ESEARCH UID ALL 1:4294967295\r\n")];
        steps.extend(honest());
        (call.name == "EXAMINE").then_some(steps)
    });
    let run = home.fetch();
    run.is(0, &[]);
    assert!(run.peak < 40 << 10, "{run:?}");
    home.converges(&peer);
}

#[test]
fn row_41_bye_at_any_command() {
    each(["AUTHENTICATE", "LIST", "NAMESPACE", "EXAMINE", "UID FETCH"], |name| {
        let peer = Peer::start(World::inbox(4));
        let home = Home::new(&peer);
        peer.hook(move |call, _| (call.name == name).then(|| vec![send("* BYE [ALERT] shutting \x1b[2J down\r\n"), Step::CloseNotify]));
        home.fetch().is(75, &["error: temporary", "shutting"]);
        assert!(home.files().is_empty());
        assert!(peer.count("AUTHENTICATE") <= 4);
        home.converges(&peer);
    });
}

#[test]
fn row_41_bye_in_a_literal_is_message_data() {
    let peer = Peer::start(World::inbox(4));
    let home = Home::new(&peer);
    peer.hook(|call, _| {
        let half = "* 1 FETCH (UID 1 BODY[] {5000}\r\nFrom: x\r\n\r\n* BYE down\r\n";
        call.wants_bodies().then(|| vec![send(half), Step::CloseNotify])
    });
    home.fetch().is(75, &["error: temporary"]);
    assert!(home.files().is_empty());
    home.converges(&peer);
}

#[test]
fn row_42_nul_in_the_protocol_is_refused_and_in_bodies_kept() {
    each(
        [
            ("EXAMINE", &b"* 3 EX\0ISTS\r\n"[..]),
            ("LIST", b"* LIST () \"/\" \"a\0b\"\r\n"),
            ("UID FETCH", b"* 1 FETCH (UID 1 FLAGS (\0))\r\n"),
        ],
        |(name, line)| {
            let peer = Peer::start(World::inbox(2));
            let home = Home::new(&peer);
            peer.hook(move |call, honest| {
                let mut steps = vec![send(line)];
                steps.extend(honest());
                (call.name == name).then_some(steps)
            });
            home.fetch().is(76, &["error: protocol", "\\x00"]);
            home.converges(&peer);
        },
    );
}

#[test]
fn row_42_every_octet_of_a_body_is_kept() {
    let every: Vec<u8> = (0..=255).collect();
    let bodies: Vec<Vec<u8>> = vec![
        every.repeat(40),
        b"A: b\r\n\r\nNUL \0 here\r\n".to_vec(),
        b"A: b\r\n\r\nlone \r here\r\n".to_vec(),
        b"A: b\r\n\r\nlone \n here\r\n".to_vec(),
        b"A: b\n\nonly LF\n".to_vec(),
        b"\r\r\n\n\r".to_vec(),
    ];
    let messages = bodies.iter().zip(1..).map(|(body, uid)| message(uid, body.clone())).collect();
    let peer = Peer::with(World::new(vec![Folder::new("INBOX", messages)]), Security::Clear, &["localhost"]);
    let home = Home::new(&peer);
    // As literal8, which BINARY servers may use for anything.
    peer.hook(|call, honest| {
        let Step::Send(all) = honest().remove(0) else { unreachable!() };
        let mut out = Vec::new();
        for (n, part) in all.split_inclusive(|b| *b == b'{').enumerate() {
            let literal = n % 2 == 0 && part.ends_with(b"BODY[] {");
            out.extend_from_slice(if literal { &part[..part.len() - 1] } else { part });
            if literal {
                out.extend_from_slice(b"~{");
            }
        }
        call.wants_bodies().then(|| vec![Step::Send(out)])
    });
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}
