//! Drafts: the only folder that takes new messages, from 16.0 on.

use mailx::wire::wbxml::page::{AirSync as A, AirSyncBase as B};

use crate::exchange::{Reply, item_status};
use crate::home::Home;
use crate::mailbox::letter;
use crate::support::maildir::identity;

const DRAFTS: &str = "4";

/// A new draft here.
fn write_draft(home: &Home, n: usize) {
    write_file(
        home,
        "Drafts",
        n,
        format!("From: me@example.org\nMessage-ID: <draft{n}@example.org>\nSubject: draft {n}\n\nGrüße\n").as_bytes(),
    );
}

fn write_file(home: &Home, folder: &str, n: usize, body: &[u8]) {
    std::fs::write(home.root.join(folder).join(format!("cur/1.M{n}P1.here:2,S")), body).unwrap();
}

fn drafts_there(home: &Home) -> usize {
    home.peer.there().folders[DRAFTS].letters.len()
}

#[test]
fn a_draft_goes_there_once_byte_for_byte() {
    for version in ["16.0", "16.1"] {
        let home = Home::new(1);
        home.peer.there().versions = version.into();
        home.sync(0);
        write_draft(&home, 1);
        assert_eq!(home.sync(0).folder("Drafts")["uploaded"], 1);
        home.assert_same();
        let add = home.peer.seen().into_iter().find(|s| s.command == "Sync" && s.node().find(A::Add).is_some()).unwrap();
        assert_eq!((add.node().text(B::Type), add.node().text(A::DeletesAsMoves)), ("4", "0"));
        assert!(!add.node().text(A::ClientId).is_empty() && add.node().text(B::Data).contains("Gr\u{fc}\u{df}e\r\n"));
        assert!(home.peer.there().folders[DRAFTS].letters[0].read);
        for _ in 0..2 {
            let out = home.sync(0);
            assert_eq!((out.sum("uploaded"), out.sum("downloaded")), (0, 0), "{out:?}");
        }
        assert_eq!(drafts_there(&home), 1);
    }
}

#[test]
fn before_16_a_draft_stays_here_and_that_is_said_once() {
    for version in ["12.1", "14.0", "14.1"] {
        let home = Home::new(1);
        home.peer.there().versions = version.into();
        home.sync(0);
        write_draft(&home, 1);
        let out = home.sync(0);
        assert_eq!(out.folder("Drafts")["unsupported"], serde_json::json!(["append"]), "{out:?}");
        assert_eq!((out.sum("uploaded"), drafts_there(&home), home.mail().len()), (0, 0, 2));
        assert!(!home.sync(0).stderr.contains("Drafts"), "said once");
        assert_eq!(home.mail().len(), 2);
    }
}

#[test]
fn other_folders_take_nothing_and_keep_the_file() {
    let home = Home::new(1);
    home.sync(0);
    write_file(&home, "INBOX", 1, b"Subject: mine\n\nhere\n");
    let out = home.run(&["sync", "--json"]);
    assert_eq!(out.folder("INBOX")["unsupported"], serde_json::json!(["append"]), "{out:?}");
    assert_eq!((home.peer.there().folders["5"].letters.len(), home.mail().len()), (1, 2));
}

#[test]
fn what_the_server_does_not_take_stays_here_and_is_sent_again() {
    for (code, exit) in [(6, 1), (9, 1), (113, 1), (111, 1)] {
        let home = Home::new(1);
        home.sync(0);
        write_draft(&home, 1);
        home.peer.hook(move |seen, _| {
            (seen.command == "Sync" && seen.node().find(A::Add).is_some()).then(|| item_status(seen.node(), A::Add, code))
        });
        let out = home.run(&["sync", "--json", "--timeout", "5"]);
        assert_eq!((out.code, drafts_there(&home)), (Some(exit), 0), "status {code}: {out:?}");
        home.peer.honest();
        home.sync(0);
        assert_eq!(drafts_there(&home), 1, "status {code}");
        home.assert_same();
    }
}

#[test]
fn a_lost_answer_to_a_draft_makes_no_second_one() {
    // The server has it and its answer never comes; some tell it as a new message then, rebuilt or not.
    for rebuilt in [false, true] {
        let home = Home::new(1);
        home.sync(0);
        write_draft(&home, 1);
        home.peer.seen();
        home.peer.hook(move |seen, there| {
            if seen.command != "Sync" || seen.node().find(A::Add).is_none() {
                return None;
            }
            let mut body = seen.node().text(B::Data).as_bytes().to_vec();
            if rebuilt {
                body = [b"X-Rebuilt: yes\r\n".as_slice(), &body].concat();
            }
            there.deliver(DRAFTS, &body);
            Some(Reply { cut: Some(3), body: vec![3, 1, 0x6a, 0, 0x45], ..Reply::wbxml(Vec::new()) })
        });
        home.run(&["sync", "--json", "--timeout", "3"]);
        home.peer.honest();
        for _ in 0..3 {
            home.run(&["sync", "--json"]);
        }
        assert_eq!(drafts_there(&home), 1, "rebuilt: {rebuilt}");
        assert_eq!(home.mail().iter().filter(|m| m.dir == "Drafts").count(), 1, "rebuilt: {rebuilt}");
        assert!(home.here().contains(&identity(&letter(0))));
    }
}

#[test]
fn a_draft_that_is_no_text_stays_here() {
    let home = Home::new(1);
    home.sync(0);
    write_file(&home, "Drafts", 1, b"Subject: odd\n\n\xff\xfe is no UTF-8\n");
    write_draft(&home, 2);
    home.run(&["sync", "--json"]).exit(1).says("UTF-8");
    assert_eq!((drafts_there(&home), home.mail().len()), (1, 3));
}
