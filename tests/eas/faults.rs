//! What the web server, the network and a server's whims do.

use mailx::wire::wbxml::page::{AirSync as A, FolderHierarchy as F, ItemOperations as I};

use crate::exchange::{Reply, status, sync_status};
use crate::home::Home;
use crate::mailbox::{INBOX, letter};
use crate::support::maildir;

#[test]
fn a_wrong_password_is_77_and_makes_nothing() {
    let home = Home::new(1);
    home.peer.hook(|_, _| Some(Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\"")));
    home.fetch(77).says("wrong user name or password");
    assert_eq!(home.peer.commands().len(), 1, "a refused login is never repeated");
    assert!(!home.root.exists());
}

#[test]
fn a_device_that_is_not_let_in_is_77_and_says_its_id() {
    let home = Home::new(1);
    home.peer.hook(|seen, _| (seen.command == "FolderSync").then(|| Reply::status(403)));
    home.fetch(77).says("allow the device mailx");
}

#[test]
fn what_is_no_activesync_is_told_as_what_it_is() {
    for (reply, code, words) in [
        (Reply::html(200), 76, "text/html"),
        (Reply::status(302).with("Location", "https://login.example.org/"), 76, "https://login.example.org/"),
        (Reply::status(200), 76, "empty"),
        (Reply::wbxml(b"<?xml".to_vec()), 76, "not WBXML"),
        (Reply::wbxml(vec![3, 1, 0x6a, 0, 0, 7, 0x56]), 76, "cut short"),
        (Reply::status(404), 76, "no ActiveSync"),
        (Reply::status(400), 76, "HTTP 400"),
        (Reply::status(507), 69, "full"),
    ] {
        let home = Home::new(1);
        home.fetch(0);
        home.peer.hook(move |seen, _| (seen.command == "FolderSync").then(|| reply.clone()));
        home.fetch(code).says(words);
        home.assert_same();
        home.peer.honest();
        home.fetch(0);
    }
}

#[test]
fn nonsense_in_a_listing_changes_nothing() {
    for reply in
        [Reply::html(200), Reply::wbxml(b"\x03\x01\x6a\x00\x45\x5c\x4f\xff\xff\xff".to_vec()), Reply::wbxml(vec![3, 1, 0x6a, 0, 0x45])]
    {
        let home = Home::new(2);
        home.fetch(0);
        home.peer.there().deliver(INBOX, &letter(5));
        home.peer.hook(move |seen, _| (seen.command == "Sync").then(|| reply.clone()));
        home.fetch(76);
        home.peer.honest();
        assert_eq!(home.fetch(0).sum("downloaded"), 1);
        home.assert_same();
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_is() {
    let home = Home::new(1);
    home.peer.hook(|seen, _| (seen.command == "FolderSync" && seen.before == 0).then(|| Reply::status(503).with("Retry-After", "1")));
    home.fetch(0);
    home.assert_same();
    home.peer.seen();
    home.peer.hook(|_, _| Some(Reply::status(503).with("Retry-After", "3600")));
    home.fetch(75).says("3600 s");
    assert_eq!(home.peer.commands().len(), 1);
}

#[test]
fn an_account_that_is_elsewhere_is_followed_and_remembered() {
    let home = Home::new(2);
    let other = home.peer.other_door();
    let here = home.peer.port;
    home.peer.hook(move |seen, _| {
        let at = seen.header("host").to_owned();
        at.ends_with(&format!(":{here}"))
            .then(|| Reply::status(451).with("X-MS-Location", &format!("https://127.0.0.1:{other}/Microsoft-Server-ActiveSync")))
    });
    home.fetch(0);
    home.assert_same();
    home.peer.seen();
    home.fetch(0);
    assert!(home.peer.seen().iter().all(|s| s.header("host").ends_with(&format!(":{other}"))), "remembered");
}

#[test]
fn the_password_goes_to_no_stranger() {
    for (to, code) in [("https://evil.test/Microsoft-Server-ActiveSync", 3), ("http://127.0.0.1/", 76), ("nonsense", 76)] {
        let home = Home::new(1);
        home.peer.hook(move |_, _| Some(Reply::status(451).with("X-MS-Location", to)));
        home.fetch(code).says("no password was sent there");
        assert_eq!(home.peer.commands().len(), 1);
    }
    let home = Home::new(1);
    let doors: Vec<u16> = (0..2).map(|_| home.peer.other_door()).collect();
    home.peer.hook(move |seen, _| {
        let to = doors.iter().find(|door| !seen.header("host").ends_with(&door.to_string())).unwrap();
        Some(Reply::status(451).with("X-MS-Location", &format!("https://127.0.0.1:{to}/Microsoft-Server-ActiveSync")))
    });
    home.fetch(76).says("circle");
}

#[test]
fn one_id_that_spoils_a_request_keeps_no_other_back() {
    let home = Home::new(5);
    home.peer.hook(|seen, _| {
        let node = seen.body.as_ref()?;
        let poison = node.all(A::ServerId).iter().any(|id| id.text == "5:3");
        (seen.command == "ItemOperations" && poison).then(|| Reply::status(501))
    });
    let out = home.fetch(1);
    assert_eq!((out.sum("downloaded"), home.mail().len()), (4, 4));
    home.peer.honest();
    assert_eq!(home.fetch(0).sum("downloaded"), 1);
    home.assert_same();
}

#[test]
fn a_server_without_parts_gives_the_same_bytes() {
    let home = Home::new(20);
    home.peer.there().multipart = false;
    home.fetch(0);
    home.assert_same();
    let masked = Home::new(3);
    masked.run_with(&["fetch", "--json"], &[("MAILX_TEST_DISABLE", "MULTIPART")]).exit(0);
    masked.assert_same();
    assert!(masked.peer.seen().iter().all(|s| s.header("ms-asacceptmultipart").is_empty()));
}

#[test]
fn a_message_that_went_while_it_was_fetched_is_no_failure() {
    let home = Home::new(3);
    home.peer.hook(|seen, there| {
        if seen.command == "ItemOperations" && seen.before == 0 {
            there.delete(INBOX, "5:2");
        }
        None
    });
    home.fetch(0);
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn bodies_that_break_off_come_again() {
    let home = Home::new(30);
    home.peer.hook(|seen, _| {
        (seen.command == "ItemOperations" && seen.before == 0).then(|| {
            let body = [1u32.to_le_bytes(), 12u32.to_le_bytes(), 400u32.to_le_bytes()].concat();
            Reply { cut: Some(12), body: [body, vec![0; 400]].concat(), ..Reply::status(200) }
                .with("Content-Type", "application/vnd.ms-sync.multipart")
        })
    });
    home.fetch(0);
    home.assert_same();
}

#[test]
fn passing_statuses_pass() {
    for (command, reply) in [
        ("FolderSync", status(F::FolderSync, F::Status, 6)),
        ("FolderSync", status(F::FolderSync, F::Status, 111)),
        ("Sync", status(A::Sync, A::Status, 16)),
        ("Sync", status(A::Sync, A::Status, 5)),
        ("Sync", status(A::Sync, A::Status, 12)),
        ("Sync", sync_status(INBOX, 12)),
        ("ItemOperations", status(I::ItemOperations, I::Status, 111)),
    ] {
        let home = Home::new(2);
        home.peer.hook(move |seen, _| (seen.command == command && seen.before == 0).then(|| reply.clone()));
        home.fetch(0);
        home.assert_same();
    }
}

#[test]
fn a_limit_of_folders_is_obeyed() {
    let home = Home::new(2);
    home.peer.there().deliver("6", &letter(30));
    home.peer.hook(|seen, _| {
        let node = seen.body.as_ref()?;
        (seen.command == "Sync" && node.all(A::Collection).len() > 2 && node.find(A::WindowSize).is_some()).then(|| {
            let body = mailx::wire::wbxml::write(A::Sync, |sync| drop(sync.number(A::Status, 15u32).number(A::Limit, 2u32)));
            Reply::wbxml(body.unwrap())
        })
    });
    home.fetch(0);
    home.assert_same();
}

#[test]
fn folders_with_slashes_and_in_several_rounds_come() {
    let home = Home::new(1);
    home.peer.there().make("20", "a/b", "5", 12);
    home.peer.there().deliver("20", &letter(40));
    home.peer.hook(|seen, there| {
        if seen.command == "FolderSync" && seen.before == 1 {
            there.make("21", "later", "0", 12);
            there.deliver("21", &letter(41));
        }
        None
    });
    let out = home.fetch(0);
    assert_eq!(out.folder("INBOX/a/b")["downloaded"], 1);
    assert_eq!(out.folder("later")["downloaded"], 1);
    home.assert_same();
    assert!(home.mail().iter().any(|m| m.dir == "INBOX/a%2Fb"), "{:?}", home.mail());
}

#[test]
fn a_deletion_that_the_server_denies_is_no_deletion() {
    let home = Home::new(3);
    home.configure("expunge = \"now\"");
    home.sync(0);
    std::fs::remove_file(home.mail().iter().find(|m| m.identity == maildir::identity(&letter(1))).unwrap().path.clone()).unwrap();
    home.peer.hook(|seen, _| {
        let node = seen.body.as_ref()?;
        if seen.command != "Sync" || node.find(A::Delete).is_none() {
            return None;
        }
        let body = mailx::wire::wbxml::write(A::Sync, |sync| {
            sync.element(A::Collections, |all| {
                all.element(A::Collection, |one| {
                    one.text(A::SyncKey, node.text(A::SyncKey)).text(A::CollectionId, INBOX).number(A::Status, 1u32);
                    one.element(A::Responses, |responses| {
                        responses.element(A::Delete, |d| {
                            drop(d.text(A::ServerId, node.find(A::Delete).unwrap().text(A::ServerId)).number(A::Status, 8u32))
                        });
                    });
                });
            });
        });
        Some(Reply::wbxml(body.unwrap()))
    });
    home.sync(1).says("has it");
    assert_eq!(home.peer.there().folders[INBOX].letters.len(), 3);
    home.peer.honest();
    home.sync(0);
    assert_eq!(home.peer.there().folders[INBOX].letters.len(), 2);
}

#[test]
fn a_silent_server_ends_the_run() {
    let home = Home::new(1);
    home.fetch(0);
    home.peer.hook(|seen, _| {
        (seen.command == "FolderSync").then(|| Reply { silent: true, cut: Some(0), body: vec![0; 10], ..Reply::wbxml(Vec::new()) })
    });
    home.run(&["fetch", "--json", "--timeout", "1"]).exit(75);
    home.assert_same();
}

#[test]
fn every_version_works() {
    for versions in ["12.1", "14.0", "14.1", "16.0", "16.1", "2.5,12.0,12.1,14.0,14.1,16.0,16.1,17.0"] {
        let home = Home::new(3);
        home.peer.there().versions = versions.into();
        home.sync(0);
        home.assert_same();
        let best = mailx::wire::eas::Version::best(versions).unwrap();
        let seen = home.peer.seen();
        assert!(seen.iter().filter(|s| s.command != "OPTIONS").all(|s| s.query.contains("&User=me&DeviceId=mailx")), "{seen:#?}");
        assert!(seen.iter().filter(|s| s.command == "Sync").all(|s| s.header("ms-asprotocolversion") == best.text()));
    }
    let home = Home::new(1);
    home.peer.there().versions = "1.0,2.5".into();
    home.fetch(76).says("12.1 to 16.1");
}

#[test]
fn a_size_that_the_server_does_not_tell_limits_nothing_and_is_said() {
    let home = Home::new(2);
    let out = home.run(&["fetch", "--json", "--max-size", "1"]).exit(0);
    assert_eq!((out.sum("downloaded"), out.folder("INBOX")["unsupported"].as_array().unwrap().len()), (0, 0), "{out:?}");
    let home = Home::new(2);
    home.peer.there().sizeless = true;
    let out = home.run(&["fetch", "--json", "--max-size", "1"]).exit(0);
    assert_eq!((out.sum("downloaded"), out.folder("INBOX")["unsupported"][0].as_str()), (2, Some("max-size")), "{out:?}");
    out.says("the server does not tell the sizes");
    let again = home.run(&["fetch", "--json", "--max-size", "1"]).exit(0);
    assert!(again.stderr.is_empty(), "it is said once: {}", again.stderr);
}
