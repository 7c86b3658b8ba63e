//! SyncKeys: each is kept with what it brought, and losing one loses nothing.

use std::sync::Mutex;

use mailx::wire::wbxml::page::{AirSync as A, Email as E, FolderHierarchy as F, GetItemEstimate as G};
use mailx::wire::wbxml::write;

use crate::exchange::{Reply, Seen, status};
use crate::home::Home;
use crate::mailbox::{INBOX, letter};
use crate::support::maildir;

#[test]
fn everything_comes_once_and_then_nothing_is_asked_twice() {
    let home = Home::new(700);
    assert_eq!(home.fetch(0).sum("downloaded"), 700);
    home.assert_same();
    home.peer.seen();
    let out = home.sync(0);
    assert_eq!(out.account()["round_trips"], 2, "{out:?}");
    assert_eq!(home.peer.commands(), ["FolderSync", "Sync"]);
}

#[test]
fn changes_of_both_sides_meet() {
    let home = Home::new(6);
    home.sync(0);
    {
        let mut there = home.peer.there();
        there.mark_read(INBOX, "5:1", true);
        there.delete(INBOX, "5:2");
        there.deliver(INBOX, &letter(50));
    }
    let file = |n: usize| home.mail().into_iter().find(|m| m.identity == maildir::identity(&letter(n))).unwrap();
    let flagged = file(2);
    flagged.relabel("F");
    std::fs::remove_file(file(3).path).unwrap();
    let out = home.sync(0);
    assert_eq!((out.sum("flags_pulled"), out.sum("flags_pushed"), out.sum("deleted_here"), out.sum("deleted_there")), (1, 1, 1, 1));
    assert_eq!(file(0).letters, "S");
    {
        let there = home.peer.there();
        assert!(there.folders[INBOX].letters.iter().any(|l| l.id == "5:3" && l.flagged));
        assert!(!there.folders[INBOX].letters.iter().any(|l| l.id == "5:4"));
        assert_eq!(there.folders["3"].letters.len(), 1, "it went to the trash");
    }
    home.sync(0);
    home.assert_same();
}

#[test]
fn categories_are_keywords_and_others_stay() {
    let home = Home::new(2);
    home.peer.there().folders.get_mut(INBOX).unwrap().letters[0].categories = vec!["work".into(), "two words".into()];
    home.sync(0);
    let file = home.mail().into_iter().find(|m| m.identity == maildir::identity(&letter(0))).unwrap();
    assert_eq!(file.letters, "a", "{file:?}");
    // Another keyword instead, by a letter of the folder.
    let words = home.root.join("INBOX/dovecot-keywords");
    std::fs::write(&words, "0 work\n1 later\n").unwrap();
    file.relabel("b");
    home.sync(0);
    assert_eq!(home.peer.there().folders[INBOX].letters[0].categories, ["two words", "later"]);
    // A server that keeps only what it knows: the rest stays here, and is told once.
    home.peer.there().knows_only = Some("later");
    std::fs::rename(
        home.root.join("INBOX/cur").join(format!("{}:2,b", file.base)),
        home.root.join("INBOX/cur").join(format!("{}:2,a", file.base)),
    )
    .unwrap();
    let out = home.sync(0);
    assert_eq!(out.folder("INBOX")["unsupported"], serde_json::json!(["keywords"]), "{out:?}");
    home.sync(0);
    assert!(home.mail().iter().any(|m| m.letters == "a"));
}

#[test]
fn what_a_fetch_hears_of_known_messages_a_sync_does() {
    let home = Home::new(4);
    home.sync(0);
    home.peer.there().mark_read(INBOX, "5:1", true);
    home.peer.there().delete(INBOX, "5:2");
    home.fetch(0);
    assert_eq!(home.mail().len(), 4);
    let out = home.sync(0);
    assert_eq!((out.sum("flags_pulled"), out.sum("deleted_here")), (1, 1), "{out:?}");
    home.assert_same();
}

#[test]
fn rehearsals_and_checks_leave_the_keys_alone() {
    let home = Home::new(4);
    home.sync(0);
    home.peer.there().deliver(INBOX, &letter(9));
    home.peer.there().mark_read(INBOX, "5:1", true);
    home.peer.seen();
    for arguments in [&["fetch", "--dry-run"][..], &["sync", "--dry-run"], &["verify", "--all"], &["folders"], &["account", "test"]] {
        home.run(arguments);
    }
    // Never with key 0, and never with the key that came.
    let keys: Vec<String> =
        home.peer.seen().iter().filter(|s| s.command == "Sync").flat_map(|s| s.node().all(A::SyncKey)).map(|n| n.text.clone()).collect();
    let inbox: Vec<&String> = keys.iter().filter(|key| *key != "0.0").collect();
    assert!(!inbox.is_empty() && inbox.iter().all(|key| *key == "0.4"), "{keys:?}");
    let out = home.sync(0);
    assert_eq!((out.sum("downloaded"), out.sum("flags_pulled")), (1, 1));
    home.run(&["verify", "--all"]).exit(0);
    home.peer.there().deliver(INBOX, &letter(10));
    home.run(&["verify"]).exit(1);
}

#[test]
fn a_folder_that_is_told_once_is_lost_by_no_look() {
    let home = Home::new(2);
    home.peer.there().tells_once = true;
    home.peer.there().make("20", "Leaving", "0", 12);
    for n in 20..26 {
        home.peer.there().deliver("20", &letter(n));
    }
    home.sync(0);
    {
        let mut there = home.peer.there();
        there.make("21", "Fresh", "0", 12);
        there.deliver("21", &letter(30));
        there.unmake("20");
    }
    home.peer.seen();
    for arguments in [&["fetch", "--dry-run"][..], &["sync", "--dry-run"], &["verify"], &["folders"], &["status"], &["account", "test"]] {
        home.run(arguments);
    }
    assert!(!home.peer.commands().iter().any(|command| command == "FolderSync"));
    // A wrong password is found out all the same.
    home.run(&["account", "test"]).exit(0);
    let out = home.sync(3);
    assert_eq!(out.sum("downloaded"), 1, "{out:?}");
    assert!(home.root.join("Fresh/cur").is_dir());
    assert_eq!(home.mail().len(), 9);
    home.sync(3);
}

#[test]
fn a_folder_renamed_there_is_renamed_here() {
    let home = Home::new(1);
    {
        let mut there = home.peer.there();
        there.make("20", "P", "0", 12);
        there.make("21", "K", "20", 12);
        there.deliver("20", &letter(20));
        there.deliver("21", &letter(21));
    }
    home.sync(0);
    {
        let mut there = home.peer.there();
        there.rename("20", "Q");
        there.deliver("20", &letter(22));
        there.deliver("21", &letter(23));
    }
    assert_eq!(home.sync(0).sum("downloaded"), 2);
    let dirs: std::collections::BTreeSet<String> = home.mail().into_iter().map(|mail| mail.dir).collect();
    assert_eq!(dirs.into_iter().collect::<Vec<_>>(), ["INBOX", "Q", "Q/K"]);
    assert!(!home.root.join("P").exists());
    home.assert_same();
    assert_eq!(home.sync(0).sum("downloaded"), 0);
}

#[test]
fn a_void_key_matches_again_and_doubles_nothing() {
    let home = Home::new(5);
    home.sync(0);
    let path = home.mail()[0].path.clone();
    std::fs::remove_file(path).unwrap();
    home.peer.there().reset(INBOX);
    home.peer.there().deliver(INBOX, &letter(7));
    // A pass that matches again deletes nothing on either side.
    home.sync(0);
    assert_eq!(home.peer.there().folders[INBOX].letters.len(), 6);
    assert_eq!(home.mail().iter().filter(|m| m.dir == "INBOX").count(), 5);
    // The next one knows what was deleted here.
    home.sync(0);
    assert_eq!(home.peer.there().folders[INBOX].letters.len(), 5);
    home.sync(0);
    home.assert_same();
}

#[test]
fn a_lost_folder_key_restarts_the_folders_alone() {
    let home = Home::new(2);
    home.sync(0);
    home.peer.hook(|seen, _| (seen.command == "FolderSync" && seen.before == 0).then(|| status(F::FolderSync, F::Status, 9)));
    home.sync(0);
    let seen = home.peer.seen();
    assert!(seen.iter().any(|s| s.command == "FolderSync" && s.node().text(F::SyncKey) == "0"));
    home.assert_same();
}

#[test]
fn a_server_that_forgot_everything_is_told_everything_again() {
    let home = Home::new(3);
    home.sync(0);
    home.peer.seen();
    home.peer.hook(|seen, there| {
        if seen.command == "Sync" && seen.before == 0 {
            there.reset(INBOX);
            return Some(status(A::Sync, A::Status, 132));
        }
        None
    });
    home.sync(0);
    home.assert_same();
    assert_eq!(home.mail().len(), 3);
}

#[test]
fn an_answer_that_breaks_off_keeps_the_key() {
    let home = Home::new(3);
    home.sync(0);
    home.peer.there().deliver(INBOX, &letter(8));
    home.peer.seen();
    home.peer.hook(|seen, _| {
        (seen.command == "Sync" && seen.before == 0).then(|| Reply {
            cut: Some(12),
            body: vec![3, 1, 0x6a, 0, 0x45, 0x5c, 0x4f, 0x4b, 3, b'9', 0, 1, 1, 1, 1],
            ..Reply::wbxml(Vec::new())
        })
    });
    home.sync(0);
    home.assert_same();
}

/// The key that a Sync asks about INBOX with.
fn inbox_key(seen: &Seen) -> Option<String> {
    let asked = seen.body.as_ref().filter(|_| seen.command == "Sync")?;
    let inbox = asked.all(A::Collection).into_iter().find(|one| one.text(A::CollectionId) == INBOX)?;
    Some(inbox.text(A::SyncKey).to_owned())
}

/// 700 messages, and the answer to a page in the middle of their first listing is lost. `again` is the next answer.
fn cut_off_in_the_first_listing(again: fn() -> Option<Reply>) -> Home {
    let home = Home::new(700);
    // What was asked for in the middle.
    let middle = Mutex::new(Vec::new());
    home.peer.hook(move |seen, _| {
        let key = inbox_key(seen).filter(|key| key != "0" && key != "0.0")?;
        let mut middle = middle.lock().unwrap();
        if middle.len() == 2 {
            return None;
        }
        middle.push(key);
        if middle.len() == 1 { Some(Reply::lost()) } else { again() }
    });
    home.run(&["fetch", "--timeout", "3"]);
    home
}

fn beginnings(home: &Home) -> usize {
    home.peer.seen().iter().filter_map(inbox_key).filter(|key| key == "0").count()
}

#[test]
fn a_first_listing_that_was_cut_off_goes_on_where_it_was() {
    let home = cut_off_in_the_first_listing(|| None);
    home.fetch(0);
    home.assert_same();
    assert_eq!(beginnings(&home), 1);
}

/// SOGo takes a page for received when it was asked for, and the rest of the listing with it.
#[test]
fn a_first_listing_that_does_not_go_on_is_begun_anew() {
    let nothing = || Some(Reply::status(200));
    let what_is_known = || {
        let page = write(A::Sync, |sync| {
            sync.element(A::Collections, |all| {
                all.element(A::Collection, |one| {
                    one.text(A::SyncKey, "0.700").text(A::CollectionId, INBOX).number(A::Status, 1u32).empty(A::MoreAvailable);
                    one.element(A::Commands, |commands| {
                        commands.element(A::Change, |change| {
                            change.text(A::ServerId, "5:1").element(A::ApplicationData, |data| drop(data.boolean(E::Read, false)));
                        });
                    });
                });
            });
        });
        Some(Reply::wbxml(page.unwrap()))
    };
    for again in [nothing as fn() -> Option<Reply>, what_is_known] {
        let home = cut_off_in_the_first_listing(again);
        home.fetch(0);
        home.assert_same();
        assert_eq!(beginnings(&home), 2);
    }
}

#[test]
fn a_rehearsal_begins_no_listing_anew() {
    let home = Home::new(700);
    let in_the_middle = |seen: &Seen| inbox_key(seen).is_some_and(|key| key != "0" && key != "0.0");
    home.peer.hook(move |seen, _| in_the_middle(seen).then(Reply::lost));
    home.fetch(75);
    home.peer.hook(move |seen, _| in_the_middle(seen).then(|| Reply::status(200)));
    home.peer.seen();
    home.run(&["fetch", "--dry-run"]);
    assert_eq!(beginnings(&home), 0);
    home.peer.hook(move |seen, _| (in_the_middle(seen) && seen.before == 0).then(|| Reply::status(200)));
    home.fetch(0);
    assert_eq!(beginnings(&home), 1);
    home.assert_same();
}

#[test]
fn a_refused_folder_keeps_no_other_back() {
    let home = Home::new(2);
    home.peer.there().deliver("6", &letter(20));
    home.peer.there().broken = Some(INBOX.into());
    assert_eq!(home.fetch(1).folder("Sent Items")["downloaded"], 1);
    // Of all folders at once, by a server that says not which.
    let home = Home::new(2);
    home.peer.there().deliver("6", &letter(20));
    home.peer.hook(|seen, _| {
        let node = seen.body.as_ref()?;
        let spoilt = node.all(A::CollectionId).iter().any(|id| id.text == INBOX);
        (seen.command == "Sync" && spoilt).then(|| status(A::Sync, A::Status, 4))
    });
    assert_eq!(home.fetch(1).folder("Sent Items")["downloaded"], 1);
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn how_much_there_will_be_is_asked_for_only_where_somebody_watches() {
    let asked_of_inbox = |home: &Home| {
        let seen = home.peer.seen();
        seen.iter().filter(|s| s.command == "GetItemEstimate").any(|s| s.node().all(G::CollectionId).iter().any(|id| id.text == INBOX))
    };
    let home = Home::new(700);
    home.fetch(0);
    assert!(!asked_of_inbox(&home));
    let home = Home::new(700);
    let out = home.run(&["fetch", "--json", "--progress", "always"]).exit(0);
    assert!(out.says("of about 700 messages listed").stderr.contains("700 of about 700"), "{out:?}");
    assert!(asked_of_inbox(&home));
    home.assert_same();
    // A run with nothing to do is two requests, whoever watches.
    home.run(&["sync", "--json", "--progress", "always"]).exit(0);
    assert_eq!(home.peer.commands(), ["FolderSync", "Sync"]);
}
