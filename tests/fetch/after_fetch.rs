//! What becomes of the server's copies.

use std::path::Path;
use std::process::Command;

use crate::support::World;
use crate::support::server::run;
use crate::world;

fn there(w: &World, mailbox: &str) -> usize {
    w.server.list(&w.user)[mailbox].len()
}

#[test]
fn keep_changes_nothing_there_not_even_seen() {
    let Some(w) = world("keep") else { return };
    w.server.generate(&w.user, "INBOX", 4, "a");
    let before = w.server.list(&w.user);
    w.fetch(0, &[]);
    w.fetch(0, &[]);
    assert_eq!(w.server.list(&w.user), before);
}

#[test]
fn delete_removes_what_is_here_and_a_second_run_has_nothing_to_do() {
    let Some(w) = world("delete") else { return };
    w.configure("after-fetch = \"delete\"");
    w.server.generate(&w.user, "INBOX", 7, "a");
    w.server.create(&w.user, &["Lists"]);
    w.server.generate(&w.user, "Lists", 3, "b");
    let all: Vec<String> = w.server.list(&w.user).into_values().flatten().map(|l| l.identity).collect();
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (10, 10));
    assert_eq!((there(&w, "INBOX"), there(&w, "Lists"), there(&w, "Trash")), (0, 0, 0), "for good, not into the trash");
    let mut here: Vec<String> = w.mail().into_iter().map(|m| m.identity).collect();
    here.sort();
    let mut all = all;
    all.sort();
    assert_eq!(here, all);
    let again = w.fetch(0, &[]);
    assert_eq!((again.sum("downloaded"), again.sum("deleted_there")), (0, 0));
    assert_eq!(w.mail().len(), 10);
}

#[test]
fn switching_to_delete_later_removes_what_an_earlier_run_stored() {
    let Some(w) = world("switch") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    w.fetch(0, &[]);
    w.configure("after-fetch = \"delete\"");
    // One was damaged here meanwhile: its copy there is all that is left.
    let victim = w.mail()[1].clone();
    let mut bytes = std::fs::read(&victim.path).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&victim.path, bytes).unwrap();
    let out = w.fetch(1, &[]);
    assert_eq!(out.sum("deleted_there"), 2);
    assert_eq!(there(&w, "INBOX"), 1);
    assert!(out.stderr.contains(&victim.base), "{}", out.stderr);
}

/// Message 1 is marked deleted by another client and too large for us; message 2 is ours.
fn beside_anothers_mark(mask: &str, code: i32) -> Option<(World, crate::support::Out)> {
    let w = world("marks")?;
    w.configure("after-fetch = \"delete\"");
    let large = [b"Subject: large\r\n\r\n".as_slice(), &b"x".repeat(20_000), b"\r\n"].concat();
    w.server.append(&w.user, "INBOX", &large, "\\Deleted", 1_700_000_000);
    w.server.append(&w.user, "INBOX", b"Subject: small\r\n\r\nx\r\n", "", 1_700_000_000);
    let out = w.fetch_without(mask, code, &["--max-size", "10k"]);
    assert_eq!(out.sum("downloaded"), 1);
    Some((w, out))
}

#[test]
fn what_other_clients_marked_deleted_survives() {
    let Some((w, out)) = beside_anothers_mark("", 0) else { return };
    assert_eq!(out.sum("deleted_there"), 1);
    let left = &w.server.list(&w.user)["INBOX"];
    assert_eq!((left.len(), left[0].uid), (1, 1));
}

#[test]
fn without_uidplus_it_moves_to_the_trash_and_is_not_fetched_again() {
    let Some((w, out)) = beside_anothers_mark("UIDPLUS", 0) else { return };
    assert_eq!(out.sum("deleted_there"), 1);
    let left = w.server.list(&w.user);
    assert_eq!((left["INBOX"].len(), left["INBOX"][0].uid, left["Trash"].len()), (1, 1, 1));
    for _ in 0..2 {
        assert_eq!(w.fetch_without("UIDPLUS", 0, &["--max-size", "10k"]).sum("downloaded"), 0);
    }
    assert_eq!(w.mail().len(), 1);
}

#[test]
fn without_uidplus_and_move_nothing_is_expunged_beside_anothers_mark() {
    let Some((w, out)) = beside_anothers_mark("UIDPLUS,MOVE", 1) else { return };
    assert_eq!(out.sum("deleted_there"), 0);
    assert_eq!(there(&w, "INBOX"), 2);
    assert_eq!(out.folder("INBOX")["failed"].as_array().unwrap().len(), 1);
    // Once the other client is done, ours goes, too.
    w.server.store(&w.user, "INBOX", "1", "-\\Deleted");
    let out = w.fetch_without("UIDPLUS,MOVE", 0, &["--max-size", "10k"]);
    assert_eq!(out.sum("deleted_there"), 1);
    assert_eq!(w.server.list(&w.user)["INBOX"][0].uid, 1);
}

#[test]
fn delete_after_needs_the_age_and_two_runs() {
    let Some(w) = world("age") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    w.configure("after-fetch = { delete-after = \"30d\" }");
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 0);
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 0);
    assert_eq!(there(&w, "INBOX"), 3);
    state(&w, "UPDATE link SET stored_at = stored_at - 31*86400");
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 0, "due now, deleted in a later run");
    assert_eq!(there(&w, "INBOX"), 3);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 3);
    assert_eq!((there(&w, "INBOX"), w.mail().len()), (0, 3));
}

#[test]
fn a_clock_that_runs_backwards_suspends_delete_after() {
    let Some(w) = world("clock") else { return };
    w.server.generate(&w.user, "INBOX", 2, "a");
    w.configure("after-fetch = { delete-after = \"30d\" }");
    w.fetch(0, &[]);
    state(&w, "UPDATE link SET stored_at = stored_at - 31*86400");
    w.fetch(0, &[]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    // As if the last run had been tomorrow.
    let note = w.root.join(".mailx/last-run");
    let text = std::fs::read_to_string(&note).unwrap();
    let ended: i64 = text.lines().find_map(|line| line.strip_prefix("ended ")).unwrap().parse().unwrap();
    std::fs::write(&note, text.replace(&format!("ended {ended}"), &format!("ended {}", ended + 86_400))).unwrap();
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("deleted_there"), there(&w, "INBOX")), (0, 2));
    out.says("clock");
}

/// Time passes by hand: the state's times are changed.
pub fn state(w: &World, sql: &str) {
    let file = w.root.join(".mailx/state.db");
    let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute(sys.argv[2])\nc.commit()";
    run(Command::new("python3").args(["-c", script]).arg(Path::new(&file)).arg(sql));
}

#[test]
fn a_missing_maildir_folder_deletes_nothing_there() {
    let Some(w) = world("missing") else { return };
    w.server.generate(&w.user, "INBOX", 6, "a");
    w.fetch(0, &[]);
    w.configure("after-fetch = \"delete\"");
    std::fs::rename(w.root.join("INBOX"), w.tmp.path().join("elsewhere")).unwrap();
    let out = w.fetch(3, &[]);
    assert_eq!((out.sum("deleted_there"), there(&w, "INBOX")), (0, 6));
}

#[test]
fn an_emptied_maildir_folder_deletes_nothing_there() {
    let Some(w) = world("emptied") else { return };
    w.server.generate(&w.user, "INBOX", 6, "a");
    w.fetch(0, &[]);
    w.configure("after-fetch = \"delete\"");
    for mail in w.mail() {
        std::fs::remove_file(mail.path).unwrap();
    }
    for _ in 0..3 {
        let out = w.fetch(3, &[]);
        assert_eq!((out.sum("deleted_there"), there(&w, "INBOX")), (0, 6));
    }
}
