//! The scripted server: versions, statuses, throttling, other hosts, folders and messages as no honest server gives them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mailx::wire::wbxml::page::{AirSync as A, FolderHierarchy as F, Settings};

use crate::mailbox::{Mailbox, body, status_of};
use crate::node::{Node, node, text};
use crate::peer::{Home, Peer, Reply, Request, status};
use crate::sums;
use crate::support::maildir::identity;

/// The document of a command that is nothing but a status.
fn says(request: &Request, code: u32) -> Reply {
    let tag = request.body.as_ref().unwrap().tag;
    Reply::Document(node(tag, [text(status_of(tag), code)]))
}

/// The folder of a Sync's only collection, and its key.
fn asked(request: &Request) -> (String, String) {
    let collection = request.body.as_ref().unwrap().at(&[A::Collections, A::Collection]).unwrap();
    (collection.said(&[A::CollectionId]).unwrap().into(), collection.said(&[A::SyncKey]).unwrap().into())
}

/// A Sync whose every folder is answered with a status.
fn each(request: &Request, code: u32) -> Reply {
    let collections = request.body.as_ref().unwrap().child(A::Collections).unwrap().nodes();
    let told = collections.iter().map(|asked| {
        let (key, id) = (asked.child(A::SyncKey).unwrap().clone(), asked.child(A::CollectionId).unwrap().clone());
        node(A::Collection, [key, id, text(A::Status, code)])
    });
    Reply::Document(node(A::Sync, [node(A::Collections, told)]))
}

#[test]
fn the_best_common_version_is_spoken_and_says_so_in_every_request() {
    for (offered, spoken) in [
        ("2.5,12.0,12.1,14.0,14.1,16.0,16.1", "16.1"),
        ("16.1", "16.1"),
        ("14.0, 16.0 ,12.1", "16.0"),
        ("2.5,12.0,12.1", "12.1"),
        ("14.1,17.0", "14.1"),
        ("14.0", "14.0"),
    ] {
        let home = Home::new(Mailbox { versions: Some(offered), ..Mailbox::of(2, "a") });
        home.fetch(0);
        home.assert_same();
        let posts: Vec<Request> = home.peer.seen().into_iter().filter(|request| request.method == "POST").collect();
        assert!(posts.iter().all(|request| request.header("MS-ASProtocolVersion") == Some(spoken)), "{offered}: {posts:#?}");
        let first = posts.iter().find(|request| request.is("Provision")).unwrap();
        let informed = first.body.as_ref().unwrap().child(Settings::DeviceInformation).is_some();
        assert_eq!(informed, spoken != "12.1" && spoken != "14.0", "{offered}: device information is a part of Provision from 14.1 on");
        let ids: BTreeSet<&str> = posts.iter().filter_map(|request| request.header("User-Agent")).collect();
        assert_eq!(ids.len(), 1);
    }
}

#[test]
fn a_server_without_a_common_version_is_told_apart_from_one_that_keeps_quiet() {
    let home = Home::new(Mailbox { versions: Some("2.5,12.0"), ..Mailbox::of(2, "a") });
    home.fetch(76).says("2.5,12.0");
    // Known once, it need not be said again.
    home.peer.mailbox().versions = Some("16.1");
    home.fetch(0);
    home.peer.mailbox().versions = None;
    home.fetch(0);
    let never = Home::new(Mailbox { versions: None, ..Mailbox::of(2, "a") });
    never.fetch(76);
}

#[test]
fn a_version_that_is_not_taken_any_more_is_negotiated_again() {
    let home = Home::new(Mailbox { versions: Some("14.1"), ..Mailbox::of(2, "a") });
    home.fetch(0);
    home.peer.mailbox().versions = Some("16.1");
    home.peer.mailbox().deliver("5", &body("new"));
    home.peer.hook(|request, _| {
        let old = request.method == "POST" && request.header("MS-ASProtocolVersion") == Some("14.1");
        old.then(|| says(request, 138))
    });
    let out = home.fetch(0);
    assert!(home.peer.count("OPTIONS") >= 1);
    // Keys of another version are void: the same messages are known again.
    assert_eq!(sums(&out)[0], 1, "{out:?}");
    home.assert_same();
}

#[test]
fn a_void_key_is_begun_afresh_without_doubles() {
    for code in [3, 132, 134] {
        let home = Home::new(Mailbox::of(6, "a"));
        home.sync(0);
        home.peer.mailbox().deliver("5", &body("new"));
        home.peer.mailbox().renumber();
        home.peer.hook(move |request, number| {
            (code != 3 && request.is("Sync") && number == 1).then(|| says(request, code))
        });
        let out = home.sync(0);
        assert_eq!(sums(&out), [1, 0, 0, 0], "status {code}: {out:?}");
        home.assert_same();
        home.peer.honest();
        assert_eq!(sums(&home.sync(0)), [0; 4], "status {code}");
    }
}

#[test]
fn changed_folders_are_looked_at_before_it_goes_on() {
    let home = Home::new(Mailbox::of(3, "a"));
    home.sync(0);
    home.peer.mailbox().deliver("5", &body("new"));
    home.peer.hook(|request, number| (request.is("Sync") && number == 1).then(|| says(request, 12)));
    assert_eq!(sums(&home.sync(0)), [1, 0, 0, 0]);
    assert!(home.peer.count("FolderSync") >= 2, "{:?}", home.peer.commands());
    home.assert_same();
}

#[test]
fn a_folder_that_is_gone_meanwhile_keeps_no_other_one_back() {
    let mut mailbox = Mailbox::of(3, "a");
    mailbox.make("20", "0", "Lists");
    mailbox.deliver("20", &body("listed"));
    let home = Home::new(mailbox);
    home.sync(0);
    home.peer.mailbox().deliver("5", &body("new"));
    home.peer.hook(|request, _| {
        request.is("Sync").then(|| {
            let asked = request.body.as_ref().unwrap().child(A::Collections).unwrap();
            let told = asked.nodes().iter().filter(|one| one.said(&[A::CollectionId]) == Some("20"));
            let told: Vec<Node> = told
                .map(|one| node(A::Collection, [one.child(A::SyncKey).unwrap().clone(), text(A::CollectionId, "20"), text(A::Status, 8)]))
                .collect();
            // Only where it is asked for alone with others left to the honest one.
            (told.len() == asked.nodes().len()).then(|| Reply::Document(node(A::Sync, [node(A::Collections, told)])))
        })?
    });
    let before = home.mail();
    home.run(&["sync", "--json", "--timeout", "3"]);
    assert!(before.iter().all(|mail| home.mail().contains(mail)), "nothing is lost");
    home.peer.honest();
    home.sync(0);
    home.assert_same();
}

#[test]
fn too_many_folders_at_once_are_asked_for_in_parts() {
    let mut mailbox = Mailbox::of(2, "a");
    for n in 0..7 {
        mailbox.make(&format!("2{n}"), "0", &format!("F{n}"));
        mailbox.deliver(&format!("2{n}"), &body(&format!("in {n}")));
    }
    let home = Home::new(mailbox);
    home.peer.hook(|request, _| {
        let count = request.body.as_ref()?.child(A::Collections)?.nodes().len();
        (request.is("Sync") && count > 3).then(|| Reply::Document(node(A::Sync, [text(A::Status, 15), text(A::Limit, 3)])))
    });
    home.fetch(0);
    home.assert_same();
}

#[test]
fn a_server_that_is_busy_for_a_moment_is_waited_for() {
    let busy: [fn(&Request) -> Reply; 4] = [|request| each(request, 16), |request| each(request, 5), |request| says(request, 111), |_| {
        Reply::Http(503, vec![("Retry-After", "1".into())], Vec::new())
    }];
    let each_of = busy.into_iter().map(|reply| {
        std::thread::spawn(move || {
            let home = Home::new(Mailbox::of(3, "a"));
            home.fetch(0);
            home.peer.mailbox().deliver("5", &body("new"));
            home.peer.hook(move |request, number| (request.is("Sync") && number == 1).then(|| reply(request)));
            let begun = Instant::now();
            assert_eq!(home.fetch(0).sum("downloaded"), 1);
            assert!(begun.elapsed() > Duration::from_millis(900), "it did not wait");
            home.assert_same();
        })
    });
    each_of.collect::<Vec<_>>().into_iter().for_each(|one| one.join().unwrap());
}

#[test]
fn a_server_that_is_always_busy_ends_the_run_and_loses_nothing() {
    for code in [16, 111] {
        let home = Home::new(Mailbox::of(3, "a"));
        home.fetch(0);
        home.peer.mailbox().deliver("5", &body("new"));
        home.peer.hook(move |request, _| request.is("Sync").then(|| each(request, code)));
        let out = home.run(&["fetch", "--json", "--timeout", "3"]);
        assert!(matches!(out.code, Some(1 | 69 | 75)), "{out:?}");
        assert!(home.peer.seen().len() < 12, "{:?}", home.peer.commands());
        home.peer.honest();
        assert_eq!(home.fetch(0).sum("downloaded"), 1);
        home.assert_same();
    }
}

#[test]
fn who_wants_to_be_left_alone_for_long_is_left_alone() {
    let home = Home::new(Mailbox::of(3, "a"));
    home.fetch(0);
    home.peer.hook(|request, _| {
        let headers = vec![("Retry-After", "3600".into()), ("X-MS-ASThrottle", "RecentCommands".into())];
        request.is("FolderSync").then(|| Reply::Http(503, headers, b"busy".to_vec()))
    });
    let begun = Instant::now();
    home.fetch(75).says("3600").says("RecentCommands");
    assert!(begun.elapsed() < Duration::from_secs(5) && home.peer.seen().len() <= 2);
}

#[test]
fn an_account_that_has_moved_is_followed_to_the_same_owner_only() {
    let (home, other) = (Home::new(Mailbox::default()), Peer::start(Mailbox::of(4, "moved")));
    let to = format!("https://127.0.0.1:{}/Microsoft-Server-ActiveSync", other.port);
    home.peer.hook(move |_, _| Some(Reply::Http(451, vec![("X-MS-Location", to.clone())], Vec::new())));
    assert_eq!(home.fetch(0).sum("downloaded"), 4);
    // It is remembered.
    home.peer.honest();
    other.honest();
    home.fetch(0);
    assert_eq!((home.peer.seen().len(), other.seen().len() >= 2), (0, true));

    for (to, code) in [
        ("https://mail.evil.test/Microsoft-Server-ActiveSync", 3),
        ("http://127.0.0.1/Microsoft-Server-ActiveSync", 76),
        ("https://me:secret@127.0.0.1/", 76),
        ("no address", 76),
        ("", 76),
    ] {
        let home = Home::new(Mailbox::of(2, "a"));
        home.fetch(0);
        home.peer.hook(move |_, _| Some(Reply::Http(451, vec![("X-MS-Location", to.into())], Vec::new())));
        home.fetch(code).says("no password was sent");
        assert_eq!(home.peer.seen().len(), 1, "{to}");
        home.peer.honest();
        home.fetch(0);
    }
    // In a circle, and to nowhere.
    let home = Home::new(Mailbox::of(2, "a"));
    let port = home.peer.port;
    home.peer.hook(move |_, number| {
        let to = format!("https://127.0.0.1:{port}/{number}");
        Some(Reply::Http(451, vec![("X-MS-Location", to)], Vec::new()))
    });
    home.fetch(76);
    assert!(home.peer.seen().len() < 8);
    home.peer.hook(|_, _| Some(status(451)));
    home.fetch(76);
}

#[test]
fn cookies_come_back() {
    let home = Home::new(Mailbox::of(2, "a"));
    home.peer.hook(|request, number| {
        (request.method == "OPTIONS" && number == 1).then(|| {
            let cookies = vec![
                ("Set-Cookie", "X-BEResource=abc~1; path=/; secure".to_owned()),
                ("Set-Cookie", "ClientId=XYZ; expires=Thu, 01 Jan 2099 00:00:00 GMT".to_owned()),
                ("MS-ASProtocolVersions", "16.1".to_owned()),
            ];
            Reply::Http(200, cookies, Vec::new())
        })
    });
    home.fetch(0);
    let last = home.peer.seen().pop().unwrap();
    let cookie = last.header("Cookie").unwrap();
    assert!(cookie.contains("X-BEResource=abc~1") && cookie.contains("ClientId=XYZ"), "{cookie}");
}

#[test]
fn folders_that_come_in_several_rounds_are_all_there() {
    let mut mailbox = Mailbox::of(1, "a");
    for n in 0..6 {
        mailbox.make(&format!("3{n}"), if n == 0 { "0" } else { "30" }, &format!("F{n}"));
        mailbox.deliver(&format!("3{n}"), &body(&format!("in {n}")));
    }
    let home = Home::new(mailbox);
    // Two folders a round; those below come before what they are below of.
    let all: Vec<_> = home.peer.mailbox().folders.iter().rev().cloned().collect();
    home.peer.hook(move |request, _| {
        request.is("FolderSync").then(|| {
            let key = request.body.as_ref().unwrap().said(&[F::SyncKey]).unwrap().to_owned();
            let at: usize = key.trim_start_matches('r').parse().unwrap();
            let told: Vec<Node> = all
                .iter()
                .skip(at)
                .take(2)
                .map(|folder| {
                    let parts = [(F::ServerId, &folder.id), (F::ParentId, &folder.parent), (F::DisplayName, &folder.name)];
                    node(F::Add, parts.into_iter().map(|(tag, value)| text(tag, value)).chain([text(F::Type, folder.kind)]))
                })
                .collect();
            let next = format!("r{}", at + told.len());
            Reply::Document(node(F::FolderSync, [text(F::Status, 1), text(F::SyncKey, next), node(F::Changes, told)]))
        })
    });
    home.fetch(0);
    home.assert_same();
}

#[test]
fn names_hold_what_they_like() {
    let mut mailbox = Mailbox::of(1, "a");
    let names = ["a/b", "..", ".", "", " ", "x\u{202e}y", "line\nbreak", "INBOX", "cur", "Inbox", "\\", "né%2F", "tmp", ".mailx", &"long ".repeat(80)];
    for (n, name) in names.iter().enumerate() {
        mailbox.make(&format!("4{n:02}"), "0", name);
        mailbox.deliver(&format!("4{n:02}"), &body(&format!("in {n}")));
    }
    // A parent that nobody knows; one that is inside itself; two of one name.
    for (id, parent, name) in [("50", "404", "lost"), ("51", "52", "round"), ("52", "51", "and round"), ("53", "0", "twin"), ("54", "0", "twin")] {
        mailbox.make(id, parent, name);
        mailbox.deliver(id, &body(&format!("in {id}")));
    }
    let home = Home::new(mailbox);
    let out = home.run(&["fetch", "--json", "--timeout", "3"]);
    assert!(matches!(out.code, Some(0 | 1)), "{out:?}");
    // Nothing outside of the Maildir, nothing twice.
    let here: Vec<String> = home.mail().into_iter().map(|mail| mail.identity).collect();
    let there: BTreeSet<String> = home.peer.mailbox().letters.iter().map(|letter| identity(&letter.body)).collect();
    assert_eq!(here.len(), here.iter().collect::<BTreeSet<_>>().len(), "twice");
    assert!(here.iter().all(|one| there.contains(one)));
    // One folder's message may stay there, loudly, where two want one directory; a name alone is no reason.
    assert!(here.len() + 4 >= there.len(), "{} of {}: {}", here.len(), there.len(), out.stderr);
    let again = home.run(&["fetch", "--json", "--timeout", "3"]);
    assert_eq!((again.sum("downloaded"), again.code), (0, out.code), "{again:?}");
}

#[test]
fn a_server_that_refuses_to_delete_for_good_keeps_and_says_so() {
    let home = Home::new(Mailbox::of(4, "a"));
    home.configure("expunge = \"now\"");
    home.sync(0);
    for mail in home.mail().iter().take(2) {
        std::fs::remove_file(&mail.path).unwrap();
    }
    // Item by item, with the status of one that is not there.
    home.peer.hook(|request, _| {
        let collection = request.body.as_ref()?.at(&[A::Collections, A::Collection])?;
        let refused: Vec<Node> = collection
            .child(A::Commands)?
            .nodes()
            .iter()
            .filter(|command| command.tag == A::Delete)
            .map(|command| node(A::Delete, [command.child(A::ServerId).unwrap().clone(), text(A::Status, 8)]))
            .collect();
        let key = collection.child(A::SyncKey)?.clone();
        let told = [key, text(A::CollectionId, "5"), text(A::Status, 1), node(A::Responses, refused)];
        Some(Reply::Document(node(A::Sync, [node(A::Collections, [node(A::Collection, told)])])))
    });
    let out = home.run(&["sync", "--json", "--timeout", "3"]);
    assert_eq!(home.peer.mailbox().letters.len(), 4);
    assert!(out.code != Some(0) && out.sum("deleted_there") == 0, "{out:?}");
    assert!(out.stderr.contains("trash"), "{}", out.stderr);
    home.peer.honest();
    home.sync(0);
    assert_eq!(home.peer.mailbox().letters.len(), 2);
}

#[test]
fn one_that_is_gone_there_already_is_gone() {
    let home = Home::new(Mailbox::of(4, "a"));
    home.configure("expunge = \"now\"");
    home.sync(0);
    let mail = home.mail().remove(0);
    std::fs::remove_file(&mail.path).unwrap();
    home.peer.mailbox().letters.retain(|letter| identity(&letter.body) != mail.identity);
    home.sync(0);
    assert_eq!(sums(&home.sync(0)), [0; 4]);
    home.assert_same();
}

#[test]
fn a_server_that_rebuilds_messages_doubles_none_and_sends_none_back() {
    let home = Home::new(Mailbox::of(5, "a"));
    home.sync(0);
    let before: Vec<String> = home.mail().into_iter().map(|mail| mail.base).collect();
    // Each time it is asked, a message has another boundary, other white space, another Received line; its Message-ID stays.
    let mut mailbox = home.peer.mailbox();
    for letter in &mut mailbox.letters {
        letter.body = [b"Received: from rebuilt\r\n".as_slice(), &letter.body[..], b"\r\n"].concat();
    }
    mailbox.renumber();
    drop(mailbox);
    let out = home.sync(0);
    let [_, uploaded, deleted_here, deleted_there] = sums(&out);
    assert_eq!([uploaded, deleted_here, deleted_there], [0; 3], "{out:?}");
    let after: Vec<String> = home.mail().into_iter().map(|mail| mail.base).collect();
    assert!(before.iter().all(|base| after.contains(base)), "nothing that is here is lost");
    assert_eq!(home.peer.mailbox().letters.len(), 5);
    let out = home.sync(0);
    assert_eq!(sums(&out), [0; 4], "{out:?}");
}

#[test]
fn a_page_at_a_time_with_kept_promises() {
    let mut mailbox = Mailbox::of(700, "a");
    mailbox.make("20", "0", "Lists");
    for n in 0..40 {
        mailbox.deliver("20", &body(&format!("list {n}")));
    }
    let home = Home::new(mailbox);
    assert_eq!(home.fetch(0).sum("downloaded"), 740);
    home.assert_same();
    home.peer.honest();
    assert_eq!(sums(&home.sync(0)), [0; 4]);
    // Two round trips when there is nothing to do.
    assert_eq!(home.peer.commands(), ["FolderSync", "Sync"]);
}

#[test]
fn more_available_for_ever_ends() {
    let home = Home::new(Mailbox::of(2, "a"));
    home.fetch(0);
    home.peer.hook(|request, number| {
        let (folder, _) = request.is("Sync").then(|| asked(request))?;
        let told = [text(A::SyncKey, format!("n{number}")), text(A::CollectionId, folder), text(A::Status, 1), node(A::MoreAvailable, [])];
        Some(Reply::Document(node(A::Sync, [node(A::Collections, [node(A::Collection, told)])])))
    });
    let begun = Instant::now();
    let out = home.run(&["fetch", "--json", "--timeout", "3"]);
    assert!(begun.elapsed() < Duration::from_secs(50), "{out:?}");
    assert_ne!(out.code, Some(0), "{out:?}");
}

#[test]
fn a_soft_deletion_takes_nothing_away() {
    let home = Home::new(Mailbox::of(3, "a"));
    home.sync(0);
    let before = home.mail();
    let id = home.peer.mailbox().letters[0].id.clone();
    home.peer.hook(move |request, number| {
        let (folder, key) = (request.is("Sync") && number == 1).then(|| asked(request))?;
        let told = [text(A::SyncKey, key), text(A::CollectionId, folder), text(A::Status, 1)];
        let soft = node(A::Commands, [node(A::SoftDelete, [text(A::ServerId, &id)])]);
        Some(Reply::Document(node(A::Sync, [node(A::Collections, [node(A::Collection, told.into_iter().chain([soft]))])])))
    });
    assert_eq!(sums(&home.sync(0)), [0; 4]);
    assert_eq!(home.mail(), before);
}

#[test]
fn flags_moves_and_deletions_go_both_ways() {
    let mut mailbox = Mailbox::of(6, "a");
    mailbox.make("20", "0", "Archive");
    let home = Home::new(mailbox);
    home.sync(0);
    // There.
    home.peer.mailbox().letters[0].read = true;
    home.peer.mailbox().letters[1].flagged = true;
    let gone = home.peer.mailbox().letters.remove(2);
    // Here.
    let here = |home: &Home, n: usize| {
        let id = identity(&home.peer.mailbox().letters[n].body);
        home.mail().into_iter().find(|mail| mail.identity == id).unwrap()
    };
    let (read, moved, deleted) = (here(&home, 2), here(&home, 3), here(&home, 4));
    std::fs::rename(&read.path, home.root.join("INBOX/cur").join(format!("{}:2,FS", read.base))).unwrap();
    std::fs::rename(&moved.path, home.root.join("Archive/cur").join(format!("{}:2,", moved.base))).unwrap();
    std::fs::remove_file(&deleted.path).unwrap();
    home.sync(0);
    home.sync(0);
    home.assert_same();
    let mailbox = home.peer.mailbox();
    let of = |wire: &str| mailbox.letters.iter().find(|letter| identity(&letter.body) == wire).unwrap().clone();
    assert!(of(&read.identity).read && of(&read.identity).flagged);
    assert_eq!((of(&moved.identity).folder, of(&deleted.identity).folder), ("20".into(), "7".into()));
    drop(mailbox);
    assert!(home.mail().iter().all(|mail| mail.identity != identity(&gone.body)));
    assert_eq!(sums(&home.sync(0)), [0; 4]);
}
