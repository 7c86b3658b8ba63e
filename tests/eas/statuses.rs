//! Every status of the protocol, wherever it may stand: what it costs, and that it costs no mail.

use std::time::{Duration, Instant};

use mailx::wire::wbxml::page::{AirSync as A, AirSyncBase as B, Email as E, FolderHierarchy as F, ItemOperations as I, Move as M};
use mailx::wire::wbxml::write;

use crate::exchange::{Reply, Seen, item_status, status, sync_status};
use crate::home::Home;
use crate::mailbox::{INBOX, There, letter};
use crate::support::Out;
use crate::support::maildir::identity;

/// A status for each remedy that the commands have in common; 199 is of no table.
const COMMON: [u32; 22] = [101, 107, 110, 111, 113, 114, 122, 126, 129, 132, 133, 134, 136, 137, 138, 141, 149, 150, 151, 156, 177, 199];

/// Does it for each code at the same time: most of it is waiting.
fn for_each(codes: impl IntoIterator<Item = u32>, check: impl Fn(u32) + Sync) {
    let codes: Vec<u32> = codes.into_iter().collect();
    for some in codes.chunks(24) {
        std::thread::scope(|scope| {
            let runs: Vec<_> = some.iter().map(|code| (*code, scope.spawn(|| check(*code)))).collect();
            for (code, run) in runs {
                assert!(run.join().is_ok(), "status {code}");
            }
        });
    }
}

/// Mail here, new mail there, and an answer to a command that says the same for ever. It ends, with few requests and no mail lost; what it
/// said is returned. Afterwards an honest server.
fn stands(command: &'static str, reply: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Out {
    let home = Home::new(3);
    home.sync(0);
    let before = home.mail();
    home.peer.there().deliver(INBOX, &letter(90));
    home.peer.seen();
    home.peer.hook(move |seen, _| if seen.command == command { reply(seen) } else { None });
    let begun = Instant::now();
    let out = home.run(&["sync", "--json", "--timeout", "5"]);
    assert!(begun.elapsed() < Duration::from_secs(55), "{:?}", begun.elapsed());
    let asked = home.peer.commands();
    assert!(asked.len() < 40, "{asked:?}");
    assert!(before.iter().all(|mail| home.mail().contains(mail)), "nothing is lost");
    home.peer.honest();
    home.sync(0);
    home.sync(0);
    home.assert_same();
    out
}

/// The same answer once, and then an honest server: the run gets over it.
fn passes(command: &'static str, reply: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) {
    let home = Home::new(3);
    home.sync(0);
    home.peer.there().deliver(INBOX, &letter(90));
    home.peer.seen();
    home.peer.hook(move |seen, _| if seen.command == command && seen.before == 0 { reply(seen) } else { None });
    home.sync(0);
    home.assert_same();
    assert!(home.mail().len() == 4, "nothing is doubled");
}

#[test]
fn a_listing_that_is_refused_for_ever_costs_its_folder_or_the_run() {
    for_each([3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16], |code| {
        let out = stands("Sync", move |seen| {
            let inbox = seen.node().all(A::CollectionId).iter().any(|id| id.text == INBOX);
            inbox.then(|| sync_status(INBOX, code))
        });
        assert_eq!(out.code, Some(1), "of the folder: {out:?}");
        let out = stands("Sync", move |_| Some(status(A::Sync, A::Status, code)));
        assert!(matches!(out.code, Some(1 | 69 | 75 | 76)), "of the request: {out:?}");
    });
}

#[test]
fn a_listing_that_is_refused_once_is_asked_for_again() {
    for_each([3, 5, 8, 12, 13, 16, 111, 114, 132, 133, 134, 136, 142, 149, 199], |code| {
        passes("Sync", move |_| Some(sync_status(INBOX, code)));
        passes("Sync", move |_| Some(status(A::Sync, A::Status, code)));
    });
}

#[test]
fn what_all_commands_may_answer_is_understood_in_each() {
    for_each(COMMON, |code| {
        let kind = match code {
            // Nobody is let in.
            126 | 129 | 177 => Some(77),
            111 | 114 | 133 | 149 | 199 => Some(75),
            110 | 113 | 151 | 141 => Some(69),
            101 | 138 => Some(76),
            _ => None,
        };
        let out = stands("FolderSync", move |_| Some(status(F::FolderSync, F::Status, code)));
        assert!(out.code != Some(0) && kind.is_none_or(|kind| out.code == Some(kind)), "{out:?}");
        let out = stands("Sync", move |_| Some(status(A::Sync, A::Status, code)));
        assert!(out.code != Some(0), "{out:?}");
        let out = stands("ItemOperations", move |_| Some(status(I::ItemOperations, I::Status, code)));
        assert!(out.code != Some(0), "{out:?}");
    });
}

#[test]
fn the_folders_own_statuses_are_understood() {
    for_each([2, 3, 4, 5, 6, 9, 10, 11, 12], |code| {
        let out = stands("FolderSync", move |_| Some(status(F::FolderSync, F::Status, code)));
        assert!(matches!(out.code, Some(69 | 75 | 76)), "{out:?}");
    });
    for_each([6, 9, 11, 12], |code| passes("FolderSync", move |_| Some(status(F::FolderSync, F::Status, code))));
}

/// An answer to ItemOperations that says `code` of the message with this id and gives the others.
fn fetch_status(seen: &Seen, there: &There, poison: &str, code: u32) -> Reply {
    Reply::wbxml(
        write(I::ItemOperations, |operations| {
            operations.number(I::Status, 1u32).element(I::Response, |response| {
                for wanted in seen.node().all(I::Fetch) {
                    let (folder, id) = (wanted.text(A::CollectionId), wanted.text(A::ServerId));
                    let letter = there.folders[folder].letters.iter().find(|l| l.id == id).filter(|_| id != poison);
                    response.element(I::Fetch, |fetch| {
                        fetch
                            .number(I::Status, if letter.is_some() { 1 } else { code })
                            .text(A::CollectionId, folder)
                            .text(A::ServerId, id);
                        let Some(letter) = letter else { return };
                        fetch.element(I::Properties, |properties| {
                            properties.element(B::Body, |body| drop(body.number(B::Type, 4u32).opaque(B::Data, &letter.body)));
                        });
                    });
                }
            });
        })
        .unwrap(),
    )
}

#[test]
fn a_message_that_is_refused_keeps_no_other_back_and_is_asked_for_in_each_run() {
    for_each([2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14, 16, 17, 107, 111, 168, 199], |code| {
        let home = Home::new(3);
        home.peer.hook(move |seen, there| (seen.command == "ItemOperations").then(|| fetch_status(seen, there, "5:2", code)));
        let out = home.fetch(1);
        assert_eq!((out.sum("downloaded"), home.mail().len()), (2, 2), "{out:?}");
        home.fetch(1);
        home.peer.honest();
        assert_eq!(home.fetch(0).sum("downloaded"), 1);
        home.assert_same();
    });
}

#[test]
fn a_message_that_does_not_come_whole_or_as_it_was_sent_is_not_stored() {
    // Cut short; text that the server made of it; a part that is not there; no octets of many.
    let odd: [fn(&mut mailx::wire::wbxml::Writer<'_>); 5] = [
        |body| drop(body.number(B::Type, 4u32).boolean(B::Truncated, true).text(B::Data, "From: half")),
        |body| drop(body.number(B::Type, 1u32).text(B::Data, "only text")),
        |body| drop(body.number(B::Type, 2u32).text(B::Data, "<p>only HTML")),
        |body| drop(body.number(B::Type, 4u32).number(I::Part, 9u32)),
        |body| drop(body.number(B::Type, 4u32).number(B::EstimatedDataSize, 300u32)),
    ];
    for put in odd {
        let home = Home::new(1);
        home.peer.hook(move |seen, _| {
            let document = || {
                write(I::ItemOperations, |operations| {
                    operations.number(I::Status, 1u32).element(I::Response, |response| {
                        response.element(I::Fetch, |fetch| {
                            fetch.number(I::Status, 1u32).text(A::CollectionId, INBOX).text(A::ServerId, "5:1");
                            fetch.element(I::Properties, |properties| drop(properties.element(B::Body, put)));
                        });
                    });
                })
                .unwrap()
            };
            (seen.command == "ItemOperations").then(|| Reply::wbxml(document()))
        });
        let out = home.run(&["fetch", "--json", "--timeout", "3"]);
        assert_eq!((out.code, home.here().len()), (Some(1), 0), "{out:?}");
        home.peer.honest();
        home.fetch(0);
        home.assert_same();
    }
}

#[test]
fn a_server_that_gives_no_message_is_not_asked_for_each_of_them() {
    let home = Home::new(60);
    home.peer.hook(|seen, _| (seen.command == "ItemOperations").then(|| Reply::status(500)));
    let out = home.run(&["fetch", "--json", "--timeout", "5"]);
    assert!(matches!(out.code, Some(1 | 75)), "{out:?}");
    let asked = home.peer.commands().len();
    assert!(asked < 60, "{asked}");
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn a_move_that_is_refused_is_made_by_a_later_run() {
    for_each([1, 2, 4, 5, 7, 111, 154, 156, 199], |code| {
        let home = Home::new(4);
        home.peer.there().deliver("6", &letter(40));
        home.sync(0);
        let moved = home.mail().into_iter().find(|m| m.identity == identity(&letter(2))).unwrap();
        std::fs::rename(&moved.path, home.root.join("Sent Items/cur").join(format!("{}:2,", moved.base))).unwrap();
        home.peer.seen();
        home.peer.hook(move |seen, _| {
            let body = || {
                let node = seen.node();
                write(M::MoveItems, |items| {
                    for one in node.all(M::Move) {
                        items.element(M::Response, |response| {
                            response.text(M::SrcMsgId, one.text(M::SrcMsgId)).number(M::Status, code);
                        });
                    }
                })
                .unwrap()
            };
            (seen.command == "MoveItems").then(|| Reply::wbxml(body()))
        });
        let out = home.run(&["sync", "--json", "--timeout", "5"]);
        assert_eq!(out.code, Some(1), "{out:?}");
        assert!(home.peer.commands().len() < 30);
        assert_eq!((home.mail().len(), home.peer.there().identities().len()), (5, 5), "nothing lost, nothing doubled");
        home.peer.honest();
        home.sync(0);
        home.sync(0);
        home.assert_same();
        assert_eq!(home.peer.there().folders["6"].letters.len(), 2);
    });
}

#[test]
fn a_change_that_is_refused_is_made_by_a_later_run() {
    for_each([4, 5, 6, 7, 9, 16, 111, 199], |code| {
        let home = Home::new(3);
        home.sync(0);
        let flagged = home.mail().into_iter().find(|m| m.identity == identity(&letter(1))).unwrap();
        flagged.relabel("F");
        home.peer.hook(move |seen, _| {
            (seen.command == "Sync" && seen.node().find(A::Change).is_some()).then(|| item_status(seen.node(), A::Change, code))
        });
        let out = home.run(&["sync", "--json", "--timeout", "5"]);
        assert_eq!(out.code, Some(1), "{out:?}");
        assert!(home.mail().iter().any(|m| m.letters == "F"), "what was done here stays");
        home.peer.honest();
        home.sync(0);
        assert!(home.peer.there().folders[INBOX].letters[1].flagged);
        home.assert_same();
    });
}

#[test]
fn a_full_mailbox_is_told_and_costs_nothing() {
    for reply in [Reply::status(507), status(A::Sync, A::Status, 113), sync_status(INBOX, 9)] {
        let home = Home::new(3);
        home.sync(0);
        let flagged = home.mail().into_iter().find(|m| m.identity == identity(&letter(1))).unwrap();
        flagged.relabel("F");
        home.peer.hook(move |seen, _| (seen.command == "Sync" && seen.node().find(E::Flag).is_some()).then(|| reply.clone()));
        let out = home.run(&["sync", "--json", "--timeout", "5"]);
        assert!(matches!(out.code, Some(1 | 69)), "{out:?}");
        out.says("full");
        home.peer.honest();
        home.sync(0);
        assert!(home.peer.there().folders[INBOX].letters[1].flagged);
        home.assert_same();
    }
}

/// A folder here that is not there, of two levels.
fn makes_a_path(home: &Home) {
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(home.root.join("a").join(part)).unwrap();
        std::fs::create_dir_all(home.root.join("a/b").join(part)).unwrap();
    }
}

#[test]
fn a_folder_is_made_with_those_above_it_and_renamed_and_removed() {
    let home = Home::new(1);
    home.sync(0);
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(home.root.join("x/y/z").join(part)).unwrap();
    }
    home.peer.seen();
    home.sync(0);
    let made: Vec<(String, String)> = home
        .peer
        .seen()
        .iter()
        .filter(|seen| seen.command == "FolderCreate")
        .map(|seen| (seen.node().text(F::ParentId).to_owned(), seen.node().text(F::DisplayName).to_owned()))
        .collect();
    let names: Vec<&str> = made.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!((names, made[0].0.as_str()), (vec!["x", "y", "z"], "0"));
    {
        let there = home.peer.there();
        let id = |name: &str| there.folders.iter().find(|(_, place)| place.name == name).unwrap().0.clone();
        assert_eq!((&there.folders[&id("y")].parent, &there.folders[&id("z")].parent), (&id("x"), &id("y")));
    }
    home.sync(0);
    assert!(!home.peer.commands().iter().any(|command| command == "FolderCreate"));
    std::fs::rename(home.root.join("x/y/z"), home.root.join("x/y/w")).unwrap();
    home.sync(0);
    assert!(home.peer.there().folders.values().any(|place| place.name == "w"));
    assert!(!home.peer.there().folders.values().any(|place| place.name == "z"));
    std::fs::remove_dir_all(home.root.join("x/y/w")).unwrap();
    home.sync(0);
    assert!(!home.peer.there().folders.values().any(|place| place.name == "w"));
    home.sync(0);
    home.assert_same();
}

#[test]
fn a_folder_that_cannot_be_made_keeps_its_mail_here_and_no_other_back() {
    for_each([2, 3, 5, 6, 9, 10, 11, 12, 101, 111, 151], |code| {
        let home = Home::new(1);
        home.sync(0);
        makes_a_path(&home);
        std::fs::write(home.root.join("a/b/cur/1.M1P1.here:2,S"), b"Subject: mine\n\nkept\n").unwrap();
        home.peer.there().deliver(INBOX, &letter(9));
        home.peer.seen();
        home.peer.hook(move |seen, _| (seen.command == "FolderCreate").then(|| status(F::FolderCreate, F::Status, code)));
        let out = home.run(&["sync", "--json", "--timeout", "5"]);
        assert!(matches!(out.code, Some(1 | 69 | 75 | 76)), "{out:?}");
        assert!(home.peer.commands().len() < 40);
        assert!(home.root.join("a/b/cur/1.M1P1.here:2,S").exists());
        home.peer.honest();
        home.run(&["sync", "--json"]);
        assert!(home.peer.there().folders.values().any(|place| place.name == "b"));
        assert!(home.here().contains(&identity(&letter(9))));
    });
    // A key that is void, a folder above that is not known any more: brought up to date, and made.
    for_each([5, 9], |code| {
        let home = Home::new(1);
        home.sync(0);
        makes_a_path(&home);
        home.peer.seen();
        home.peer
            .hook(move |seen, _| (seen.command == "FolderCreate" && seen.before == 0).then(|| status(F::FolderCreate, F::Status, code)));
        home.sync(0);
        assert!(home.peer.there().folders.values().any(|place| place.name == "b"));
        home.assert_same();
    });
}

#[test]
fn an_interval_that_is_out_of_range_is_no_number_of_folders() {
    // 14 is about waiting, which nobody asked for: it must not make us ask for fewer folders, one by one.
    let home = Home::new(2);
    home.peer.hook(|seen, _| {
        (seen.command == "Sync")
            .then(|| Reply::wbxml(write(A::Sync, |sync| drop(sync.number(A::Status, 14u32).number(A::Limit, 59u32))).unwrap()))
    });
    let out = home.run(&["fetch", "--json", "--timeout", "3"]);
    assert!(matches!(out.code, Some(1 | 69 | 76)), "{out:?}");
    assert!(home.peer.commands().len() < 12);
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn a_folder_that_went_while_it_was_listed_costs_no_other() {
    let home = Home::new(2);
    home.peer.there().make("20", "brief", "0", 12);
    home.peer.there().deliver("20", &letter(30));
    home.sync(0);
    home.peer.seen();
    home.peer.there().deliver(INBOX, &letter(31));
    home.peer.hook(|seen, there| {
        if seen.command == "Sync" && seen.before == 0 {
            there.unmake("20");
        }
        None
    });
    let out = home.run(&["sync", "--json", "--timeout", "3"]);
    assert_eq!(out.folder("INBOX")["downloaded"], 1, "{out:?}");
    assert_eq!(out.code, Some(1), "{out:?}");
    out.says("no such folder");
    assert!(home.here().contains(&identity(&letter(30))), "its mail stays");
}
