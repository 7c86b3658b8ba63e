//! New mail, flags and deletions, in both directions.

use serde_json::json;

use crate::both::*;
use crate::world;

#[test]
fn a_first_sync_brings_everything_and_a_second_does_nothing() {
    let Some(w) = world("first") else { return };
    w.server.generate(&w.user, "INBOX", 20, "a");
    send(&w, "INBOX", "flagged", "\\Seen \\Flagged Work");
    w.server.create(&w.user, &["Lists/rust", "Empty"]);
    w.server.generate(&w.user, "Lists/rust", 5, "b");
    assert_eq!(w.sync(0, &[]).sum("downloaded"), 26);
    assert_settled(&w);
}

#[test]
fn new_files_here_go_there_with_flags_and_date() {
    let Some(w) = world("up") else { return };
    send(&w, "INBOX", "old", "");
    w.sync(0, &[]);
    put(&w, "INBOX", "1.new.host", &message("one"));
    put(&w, "INBOX", "2.new.host:2,FS", &message("two"));
    let crlf = String::from_utf8(message("three")).unwrap().replace('\n', "\r\n");
    put(&w, "Sent", "3.new.host:2,S", crlf.as_bytes());
    let out = w.sync(0, &[]);
    assert_eq!(done(&out), [("uploaded", 3)]);
    assert_settled(&w);
    let all = w.server.list(&w.user);
    let mtime = find(&w, "two").mtime;
    assert!(all["INBOX"].iter().any(|l| l.date == mtime && l.flags == ["\\Flagged", "\\Seen"]), "{all:?}");
    assert!(w.mail().iter().any(|m| m.base == "1.new.host"), "the name that others gave is kept");
}

#[test]
fn flags_merge_one_by_one() {
    let Some(w) = world("flags") else { return };
    for subject in ["a", "b", "c", "d"] {
        send(&w, "INBOX", subject, "\\Seen");
    }
    w.sync(0, &[]);
    flag(&w, "a", "FS");
    w.server.store(&w.user, "INBOX", &uid(&w, "INBOX", "a"), "+\\Answered Work");
    w.server.store(&w.user, "INBOX", &uid(&w, "INBOX", "b"), "-\\Seen");
    flag(&w, "c", "");
    flag(&w, "d", "RS");
    w.server.store(&w.user, "INBOX", &uid(&w, "INBOX", "d"), "+\\Answered");
    w.sync(0, &[]);
    let letters = |subject| find(&w, subject).letters;
    assert_eq!((letters("a"), letters("b"), letters("c"), letters("d")), ("FRSa".into(), "".into(), "".into(), "RS".into()));
    assert_settled(&w);
}

#[test]
fn deletions_travel_both_ways_and_are_kept_here_for_a_while() {
    let Some(w) = world("gone") else { return };
    for subject in ["a", "b", "c", "d"] {
        send(&w, "INBOX", subject, "");
    }
    w.sync(0, &[]);
    delete(&w, "a");
    w.server.expunge(&w.user, "INBOX", &uid(&w, "INBOX", "b"));
    // A deletion meets a flag change: it wins.
    flag(&w, "b", "F");
    w.server.store(&w.user, "INBOX", &uid(&w, "INBOX", "a"), "+\\Flagged");
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("deleted_here"), out.sum("deleted_there")), (1, 1), "{out:?}");
    assert_eq!((count_there(&w, "INBOX", "a"), count_there(&w, "Trash", "a")), (0, 1));
    assert_eq!(kept(&w), 1);
    w.sync(0, &[]);
    assert_settled(&w);
}

#[test]
fn expunge_now_and_never_are_obeyed() {
    let Some(w) = world("policy") else { return };
    w.configure("expunge = \"now\"");
    for subject in ["a", "b", "c"] {
        send(&w, "INBOX", subject, "");
    }
    w.sync(0, &[]);
    delete(&w, "a");
    assert_eq!(done(&w.sync(0, &[])), [("deleted_there", 1)]);
    assert_eq!(count_there(&w, "Trash", "a"), 0);
    assert_settled(&w);
    w.configure("expunge = \"never\"");
    delete(&w, "b");
    assert_eq!(done(&w.sync(0, &[])), []);
    assert_eq!((count_there(&w, "INBOX", "b"), w.mail().len()), (1, 1), "it stays there and does not come back");
    assert_eq!(done(&w.sync(0, &[])), []);
}

#[test]
fn twins_stay_two_and_one_of_them_can_go() {
    let Some(w) = world("twins") else { return };
    w.configure("expunge = \"now\"");
    send(&w, "INBOX", "twin", "");
    send(&w, "INBOX", "twin", "");
    put(&w, "INBOX", "1.twin.host", &message("mine"));
    put(&w, "INBOX", "2.twin.host", &message("mine"));
    w.sync(0, &[]);
    // What was here before the first run stays here only.
    assert_eq!(count_there(&w, "INBOX", "mine"), 0);
    put(&w, "INBOX", "3.twin.host", &message("yours"));
    put(&w, "INBOX", "4.twin.host", &message("yours"));
    assert_eq!(done(&w.sync(0, &[])), [("uploaded", 2)]);
    delete(&w, "twin");
    delete(&w, "yours");
    assert_eq!(done(&w.sync(0, &[])), [("deleted_there", 2)]);
    assert_eq!((count_there(&w, "INBOX", "twin"), count_there(&w, "INBOX", "yours")), (1, 1));
    assert_eq!(done(&w.sync(0, &[])), []);
}

#[test]
fn the_result_is_the_same_without_any_extension() {
    for mask in ["QRESYNC", "QRESYNC,CONDSTORE", "UIDPLUS", "UIDPLUS,MOVE", "MULTIAPPEND,LITERAL+", "LIST-STATUS,ESEARCH,LIST-EXTENDED"] {
        let Some(w) = world("mask") else { return };
        let mails = ["a", "b", "c", "d", "e", "f"].map(|subject| appended("INBOX", subject, ""));
        w.server.deeds(&w.user, &json!([&mails[..], &[json!(["create", "Other"])]].concat()));
        w.sync_without(mask, 0, &[]);
        flag(&w, "a", "S");
        w.server.deeds(&w.user, &json!([["store", "INBOX", id("b"), "+\\Flagged"], ["expunge", "INBOX", id("c")]]));
        delete(&w, "d");
        carry(&w, "e", "Other");
        put(&w, "INBOX", "1.up.host:2,R", &message("up"));
        w.sync_without(mask, 0, &[]);
        w.sync_without(mask, 0, &[]);
        assert_eq!(here(&w), there(&w), "without {mask}");
        let again = w.sync_without(mask, 0, &[]);
        assert_nothing_done(&again);
        assert_eq!(count_there(&w, "INBOX", "up"), 1, "without {mask}");
    }
}

#[test]
fn a_dry_run_prints_what_the_real_run_does_and_changes_nothing() {
    let Some(w) = world("dry") else { return };
    for subject in ["a", "b", "c", "d"] {
        send(&w, "INBOX", subject, "");
    }
    w.server.create(&w.user, &["Other"]);
    w.sync(0, &[]);
    flag(&w, "a", "S");
    w.server.store(&w.user, "INBOX", &uid(&w, "INBOX", "b"), "+\\Flagged");
    w.server.expunge(&w.user, "INBOX", &uid(&w, "INBOX", "c"));
    carry(&w, "d", "Other");
    put(&w, "INBOX", "1.up.host", &message("up"));
    put(&w, "Fresh", "2.up.host", &message("fresh"));
    send(&w, "INBOX", "coming", "");
    let before = (crate::support::snapshot(&w.root), there(&w));
    let out = w.sync(0, &["--dry-run"]);
    assert_eq!((crate::support::snapshot(&w.root), there(&w)), before);
    let account = out.account();
    let mut actions: Vec<&str> = account["plan"].as_array().unwrap().iter().map(|a| a["action"].as_str().unwrap()).collect();
    actions.sort();
    assert_eq!(
        actions,
        ["create-folder-there", "delete-here", "download", "flags-here", "flags-there", "move-there", "upload", "upload"],
        "{account:#}"
    );
    assert_eq!(
        done(&w.sync(0, &[])),
        [("downloaded", 1), ("uploaded", 2), ("flags_pulled", 1), ("flags_pushed", 1), ("deleted_here", 1), ("moved", 1)]
    );
    assert_settled(&w);
}
