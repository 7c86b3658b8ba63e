//! What is no ActiveSync, or breaks off, or never ends: the exit code says so, nothing is lost, and no key moves: the next run brings all.

use std::time::{Duration, Instant};

use mailx::wire::wbxml::page::{AirSync as A, FolderHierarchy as F};

use crate::mailbox::{Mailbox, body};
use crate::node::{node, text};
use crate::peer::{Home, Reply, WBXML, http, status};
use crate::support::Out;

/// An account with mail, and new mail there; then `reply` to the first `command` of a run and to all after it. What the run said. Afterwards an
/// honest server, and all is well.
#[track_caller]
fn meets(command: &'static str, reply: impl Fn() -> Reply + Send + Sync + 'static) -> Out {
    let home = Home::new(Mailbox::of(3, "old"));
    home.fetch(0);
    let before = home.mail();
    home.peer.mailbox().deliver("5", &body("new"));
    home.peer.hook(move |request, _| request.is(command).then(&reply));
    let begun = Instant::now();
    let out = home.run(&["sync", "--json", "--timeout", "3"]);
    assert!(begun.elapsed() < Duration::from_secs(45), "{:?}", begun.elapsed());
    assert!(home.peer.seen().len() < 40, "{:?}", home.peer.commands());
    for mail in &before {
        assert!(home.mail().contains(mail), "lost or changed: {mail:?}");
    }
    home.peer.honest();
    let after = home.sync(0);
    assert_eq!(after.sum("uploaded") + after.sum("deleted_there") + after.sum("deleted_here"), 0, "{after:?}");
    home.assert_same();
    out
}

fn html() -> Reply {
    Reply::Http(200, vec![("Content-Type", "text/html; charset=utf-8".into())], b"<html><body>Sign in</body></html>".to_vec())
}

#[test]
fn a_page_instead_of_an_answer_is_a_broken_protocol() {
    for command in ["FolderSync", "Sync"] {
        meets(command, html).exit(76).says("text/html");
    }
}

#[test]
fn a_page_under_a_false_flag_is_one_still() {
    for command in ["FolderSync", "Sync"] {
        meets(command, || Reply::Octets(b"<html><body>Sign in</body></html>".to_vec())).exit(76);
    }
}

#[test]
fn a_login_page_by_redirect_is_not_followed() {
    for command in ["FolderSync", "Sync"] {
        let location = vec![("Location", "https://login.example.org/?next=mail".to_owned())];
        meets(command, move || Reply::Http(302, location.clone(), Vec::new())).exit(76).says("login.example.org");
    }
}

#[test]
fn another_content_type_is_refused_even_where_the_octets_are_right() {
    let octets = node(F::FolderSync, [text(F::Status, 1), text(F::SyncKey, "f1"), node(F::Changes, [text(F::Count, 0)])]).encode();
    meets("FolderSync", move || Reply::Http(200, vec![("Content-Type", "application/json".into())], octets.clone())).exit(76).says("json");
}

#[test]
fn nothing_where_an_answer_is_owed_is_no_answer() {
    meets("FolderSync", || Reply::Octets(Vec::new())).exit(76);
}

#[test]
fn nothing_from_sync_is_no_change() {
    let home = Home::new(Mailbox::of(3, "a"));
    home.fetch(0);
    home.peer.hook(|request, _| request.is("Sync").then(|| Reply::Octets(Vec::new())));
    home.fetch(0);
    home.peer.mailbox().deliver("5", &body("new"));
    home.peer.honest();
    assert_eq!(home.fetch(0).sum("downloaded"), 1);
    home.assert_same();
}

#[test]
fn a_truncated_document_moves_no_key() {
    // Page by page cut at many places: the key stands before the items, and must not be believed alone.
    let home = Home::new(Mailbox::of(3, "old"));
    home.fetch(0);
    home.peer.mailbox().deliver("5", &body("new"));
    let key = "f-never";
    let page = node(A::Sync, [node(A::Collections, [node(A::Collection, [
        text(A::SyncKey, key),
        text(A::CollectionId, "5"),
        text(A::Status, 1),
        node(A::Commands, [node(A::Delete, [text(A::ServerId, home.peer.mailbox().letters[0].id.clone())])]),
    ])])])
    .encode();
    let before = home.mail();
    for cut in (1..page.len()).step_by(3) {
        let octets = page[..cut].to_vec();
        home.peer.hook(move |request, _| request.is("Sync").then(|| Reply::Octets(octets.clone())));
        let out = home.run(&["sync", "--json", "--timeout", "3"]);
        assert!(matches!(out.code, Some(69 | 75 | 76)), "cut at {cut}: {out:?}");
        assert_eq!(home.mail(), before, "cut at {cut}");
        assert!(home.peer.seen().iter().all(|request| {
            let asked = request.body.as_ref().and_then(|body| body.said(&[A::Collections, A::Collection, A::SyncKey]));
            asked != Some(key)
        }));
    }
    home.peer.honest();
    home.sync(0);
    home.assert_same();
}

#[test]
fn an_answer_that_breaks_off_on_the_way_is_not_one() {
    let octets = http(200, &[("Content-Type", WBXML.into())], &node(F::FolderSync, [text(F::Status, 1), text(F::SyncKey, "f1")]).encode());
    let cut = octets[..octets.len() - 4].to_vec();
    let out = meets("FolderSync", move || Reply::Last(cut.clone()));
    assert!(matches!(out.code, Some(69 | 75 | 76)), "{out:?}");
    let out = meets("Sync", || Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Ty".to_vec()));
    assert!(matches!(out.code, Some(69 | 75 | 76)), "{out:?}");
}

#[test]
fn garbage_is_refused_wherever_it_comes() {
    let noise: Vec<u8> = (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let header = [0x03, 0x01, 0x6A, 0x00].into_iter().chain(noise.iter().copied()).collect::<Vec<u8>>();
    let deep = [0x03, 0x01, 0x6A, 0x00, 0x00, 0x07].into_iter().chain(std::iter::repeat_n(0x56, 1000)).collect::<Vec<u8>>();
    for octets in [noise, header, deep] {
        for command in ["FolderSync", "Sync"] {
            let octets = octets.clone();
            meets(command, move || Reply::Octets(octets.clone())).exit(76);
        }
    }
}

#[test]
fn bodies_that_are_garbage_are_missed_and_come_later() {
    for parts in [true, false] {
        let home = Home::new(Mailbox { parts, ..Mailbox::of(4, "a") });
        home.peer.hook(|request, number| (request.is("ItemOperations") && number <= 2).then(|| Reply::Octets(b"\x03\x01\x6a\x00\xff\xff".to_vec())));
        let out = home.run(&["fetch", "--json", "--timeout", "3"]);
        assert_ne!(out.code, Some(0), "{out:?}");
        home.peer.honest();
        home.fetch(0);
        home.assert_same();
    }
}

#[test]
fn parts_that_overlap_or_lie_outside_are_refused() {
    for table in [
        vec![2u32, 20, 10, 25, 10],
        vec![2, 0, 10, 4, 10],
        vec![1, 12, 1_000_000],
        vec![0xFFFF_FFFF],
        vec![3, 12, 4, u32::MAX, u32::MAX, 16, 4],
    ] {
        let octets: Vec<u8> = table.iter().flat_map(|n| n.to_le_bytes()).chain([0; 64]).collect();
        let home = Home::new(Mailbox::of(2, "a"));
        home.peer.hook(move |request, _| {
            let headers = vec![("Content-Type", "application/vnd.ms-sync.multipart".to_owned())];
            request.is("ItemOperations").then(|| Reply::Http(200, headers, octets.clone()))
        });
        let out = home.run(&["fetch", "--json", "--timeout", "3"]);
        assert_ne!(out.code, Some(0), "{table:?}: {out:?}");
        assert!(home.mail().is_empty());
        home.peer.honest();
        home.fetch(0);
        home.assert_same();
    }
}

#[test]
fn an_endless_answer_ends_at_a_bound() {
    let head = [0x03, 0x01, 0x6A, 0x00].to_vec();
    // FolderSync with a name that has no end.
    let name: Vec<u8> = [&head[..], &[0x00, 0x07, 0x56, 0x4E, 0x4F, 0x47, 0x03]].concat();
    meets("FolderSync", move || Reply::Endless(name.clone(), vec![b'x'; 60_000])).exit(76);
    // Nothing but changes of the code page.
    meets("Sync", move || Reply::Endless(head.clone(), [0x00, 0x00].repeat(30_000))).exit(76);
}

#[test]
fn a_body_that_never_ends_costs_itself_alone() {
    let home = Home::new(Mailbox::of(3, "a"));
    home.peer.hook(|request, number| (request.is("ItemOperations") && number == 1).then(|| Reply::Silence));
    let out = home.run(&["fetch", "--json", "--timeout", "1"]);
    assert!(matches!(out.code, Some(69 | 75)), "{out:?}");
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn web_servers_errors_have_their_exit_codes() {
    for (code, exit) in [(401, 77), (403, 77), (404, 76), (500, 75), (502, 75), (507, 69)] {
        let out = meets("FolderSync", move || status(code));
        assert_eq!(out.code, Some(exit), "HTTP {code}: {}", out.stderr);
        assert!(out.stderr.contains(&code.to_string()) || code == 401, "HTTP {code}: {}", out.stderr);
    }
}

#[test]
fn what_no_table_knows_is_skipped() {
    // An unknown element with content, and one of an unknown page, inside of a FolderSync.
    let home = Home::new(Mailbox::of(2, "a"));
    home.fetch(0);
    home.peer.mailbox().deliver("5", &body("new"));
    home.peer.hook(|request, _| {
        request.is("FolderSync").then(|| {
            let key = request.body.as_ref().unwrap().said(&[F::SyncKey]).unwrap().to_owned();
            let mut octets = node(F::FolderSync, [text(F::Status, 1), text(F::SyncKey, key)]).encode();
            octets.pop();
            octets.extend([0x7F, 0x03, b'x', 0, 0x01, 0x00, 0x63, 0x6A, 0x03, b'y', 0, 0x01, 0x01]);
            Reply::Octets(octets)
        })
    });
    assert_eq!(home.fetch(0).sum("downloaded"), 1);
    home.assert_same();
}
