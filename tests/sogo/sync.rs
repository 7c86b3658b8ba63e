//! Changes of both sides, with IMAP as the other hand on the same mailbox.

use serde_json::json;

use crate::support::World;
use crate::support::maildir::Mail;
use crate::{assert_settled, done, here, id, message, there};

fn find(w: &World, subject: &str) -> Mail {
    let wanted = id(subject);
    w.mail().into_iter().find(|mail| mail.identity == wanted).unwrap_or_else(|| panic!("no {subject}"))
}

fn flag(w: &World, subject: &str, letters: &str) {
    let mail = find(w, subject);
    let to = w.root.join(&mail.dir).join("cur").join(format!("{}:2,{letters}", mail.base));
    std::fs::rename(mail.path, to).unwrap();
}

fn carry(w: &World, subject: &str, dir: &str) {
    let mail = find(w, subject);
    std::fs::rename(&mail.path, w.root.join(dir).join("cur").join(format!("{}:2,{}", mail.base, mail.letters))).unwrap();
}

fn letters(w: &World, subject: &str) -> String {
    find(w, subject).letters
}

fn seeded(prefix: &str) -> Option<World> {
    let w = World::active_sync(prefix)?;
    let mut deeds = vec![json!(["create", "Other"]), json!(["create", "Third"])];
    let crlf = |subject: &str| message(subject).replace('\n', "\r\n");
    deeds.extend(["a", "b", "c", "d", "e", "f", "g", "h"].map(|subject| json!(["append", "INBOX", crlf(subject), ""])));
    w.server.deeds(&w.user, &json!(deeds));
    w.sync(0, &[]);
    assert_settled(&w);
    Some(w)
}

#[test]
fn every_kind_of_change_goes_over_in_both_directions() {
    let Some(w) = seeded("both") else { return };
    let text = message("down").replace('\n', "\r\n");
    w.server.deeds(
        &w.user,
        &json!([
            ["store", "INBOX", id("b"), "+\\Flagged"],
            ["store", "INBOX", id("g"), "+\\Seen"],
            ["expunge", "INBOX", id("c")],
            ["move", "INBOX", id("f"), "Third"],
            ["append", "Other", text, "\\Seen"],
            ["create", "Made there"],
        ]),
    );
    flag(&w, "a", "FS");
    std::fs::remove_file(find(&w, "d").path).unwrap();
    carry(&w, "e", "Other");
    let out = w.sync(0, &[]);
    assert_eq!(out.sum("flags_pushed"), 1, "{out:?}");
    // What was moved or deleted into another folder is seen there in the next pass.
    w.sync(0, &[]);
    assert_settled(&w);
    assert_eq!((letters(&w, "a"), letters(&w, "b"), letters(&w, "g")), ("FS".into(), "F".into(), "S".into()));
    assert_eq!((find(&w, "e").dir, find(&w, "f").dir, find(&w, "d").dir), ("Other".into(), "Third".into(), "Trash".into()));
    assert!(w.mail().iter().all(|mail| mail.identity != id("c")) && w.root.join("Made there/cur").is_dir());
    // And back again.
    flag(&w, "a", "");
    w.server.deeds(&w.user, &json!([["store", "INBOX", id("b"), "-\\Flagged"]]));
    w.sync(0, &[]);
    assert_settled(&w);
    assert_eq!((letters(&w, "a"), letters(&w, "b")), (String::new(), String::new()));
}

#[test]
fn what_is_deleted_for_good_has_a_copy_in_the_trash_whatever_sogo_is_told() {
    let Some(w) = seeded("now") else { return };
    w.configure_active_sync("expunge = \"now\"\n");
    for subject in ["a", "e"] {
        std::fs::remove_file(find(&w, subject).path).unwrap();
    }
    assert_eq!(done(&w.sync(0, &[])), [("deleted_there", 2)]);
    assert_eq!(done(&w.sync(0, &[])), [("downloaded", 2)]);
    assert_settled(&w);
    let places =
        |subject: &str| there(&w).into_keys().filter(|(_, known)| *known == id(subject)).map(|(folder, _)| folder).collect::<Vec<_>>();
    assert_eq!((places("a"), places("e"), places("b")), (vec!["Trash".into()], vec!["Trash".into()], vec!["INBOX".to_owned()]));
}

#[test]
fn what_happens_to_the_same_message_on_both_sides_loses_nothing() {
    let Some(w) = seeded("same") else { return };
    w.server.deeds(
        &w.user,
        &json!([
            ["store", "INBOX", id("a"), "+\\Seen"],
            ["expunge", "INBOX", id("b")],
            ["store", "INBOX", id("c"), "+\\Flagged"],
            ["move", "INBOX", id("d"), "Other"],
        ]),
    );
    flag(&w, "a", "F");
    flag(&w, "b", "S");
    std::fs::remove_file(find(&w, "c").path).unwrap();
    carry(&w, "d", "Third");
    for _ in 0..3 {
        w.run(&["sync", "--json"]);
    }
    // What was moved to two places is here in both: no server over ActiveSync takes a copy.
    let (mut here_now, there_now) = (here(&w), there(&w));
    here_now.remove(&("Third".into(), id("d"))).unwrap();
    assert_eq!(here_now, there_now);
    let all: Vec<String> = here(&w).into_keys().map(|(_, identity)| identity).collect();
    for subject in ["a", "d", "e", "f", "g", "h"] {
        assert!(all.contains(&id(subject)), "{subject} is lost");
    }
    assert_eq!(letters(&w, "a"), "FS");
}

#[test]
fn folders_are_made_renamed_and_removed_on_either_side() {
    let Some(w) = seeded("folders") else { return };
    w.server.deeds(
        &w.user,
        &json!([["create", "There"], ["create", "There/below"], ["append", "There/below", message("new").replace('\n', "\r\n"), ""]]),
    );
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(w.root.join("Here/ümlaut").join(part)).unwrap();
    }
    carry(&w, "a", "Here/ümlaut");
    for _ in 0..2 {
        w.sync(0, &[]);
    }
    assert_settled(&w);
    assert!(there(&w).contains_key(&("Here/ümlaut".into(), id("a"))) && here(&w).contains_key(&("There/below".into(), id("new"))));
}

#[test]
fn a_folder_that_only_looks_could_hear_of_comes_with_the_next_run() {
    // SOGo tells a device of a folder once, whatever the device made of it.
    let Some(w) = seeded("looks") else { return };
    w.server.deeds(&w.user, &json!([["create", "Fresh"], ["append", "Fresh", message("new").replace('\n', "\r\n"), ""]]));
    for look in [&["sync", "--dry-run"][..], &["fetch", "--dry-run"], &["folders"], &["account", "test"], &["status"], &["verify"]] {
        w.run(look).exit(0);
    }
    assert_eq!(done(&w.sync(0, &[])), [("downloaded", 1)]);
    assert_settled(&w);
    // One that goes meanwhile still is a matter for the guard.
    w.server.deeds(&w.user, &json!([["delete", "Fresh"]]));
    w.run(&["sync", "--dry-run"]);
    w.run(&["folders"]);
    for _ in 0..2 {
        w.sync(3, &[]);
    }
    assert!(here(&w).contains_key(&("Fresh".into(), id("new"))));
}

#[test]
fn a_folder_renamed_there_is_renamed_here_with_those_below_it() {
    let Some(w) = seeded("renamed") else { return };
    let crlf = |subject: &str| message(subject).replace('\n', "\r\n");
    w.server.deeds(&w.user, &json!([["create", "P"], ["create", "P/K"], ["append", "P", crlf("p"), ""], ["append", "P/K", crlf("k"), ""]]));
    w.sync(0, &[]);
    w.server.deeds(&w.user, &json!([["rename", "P", "Q"], ["append", "Q", crlf("q"), ""], ["append", "Q/K", crlf("l"), ""]]));
    assert_eq!(done(&w.sync(0, &[])), [("downloaded", 2)]);
    assert_settled(&w);
    assert!(!w.root.join("P").exists());
}

#[test]
fn mail_that_nobody_counted_is_found_all_the_same() {
    // Made by IMAP without CONDSTORE: SOGo takes such a mailbox for empty until it is asked to count.
    let Some(w) = seeded("count") else { return };
    w.server.create(&w.user, &["Uncounted"]);
    w.sync(0, &[]);
    w.server.fill(&w.user, "Uncounted", 5, "late");
    assert_eq!(done(&w.sync(0, &[])), [("downloaded", 5)]);
    w.server.fill(&w.user, "Uncounted", 2, "later");
    assert_eq!(done(&w.sync(0, &[])), [("downloaded", 2)]);
    assert_settled(&w);
}

#[test]
fn a_name_that_holds_folders_alone_is_no_failure() {
    // SOGo shows what IMAP calls \Noselect as a folder for mail, and says nothing of it when it is asked.
    let Some(w) = World::active_sync("above") else { return };
    w.server.create(&w.user, &["Above/below"]);
    w.server.fill(&w.user, "Above/below", 3, "a");
    assert_eq!(done(&w.sync(0, &[])), [("downloaded", 3)]);
    assert_settled(&w);
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would() {
    let Some(w) = seeded("dry") else { return };
    w.server.fill(&w.user, "INBOX", 3, "new");
    flag(&w, "a", "S");
    let (before_here, before_there) = (here(&w), there(&w));
    let out = w.sync(0, &["--dry-run"]);
    assert_eq!((here(&w), there(&w)), (before_here, before_there));
    let account = out.account();
    let mut actions: Vec<&str> = account["plan"].as_array().unwrap().iter().map(|action| action["action"].as_str().unwrap()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["download", "download", "download", "flags-there"]);
    assert_eq!(done(&w.sync(0, &[])), [("downloaded", 3), ("flags_pushed", 1)]);
    assert_settled(&w);
}
