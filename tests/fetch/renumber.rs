//! Ids that became void: UIDVALIDITY changed, the state lost, damaged, or too new. The map is void, the mail is not.

use std::process::Command;

use crate::support::World;
use crate::support::server::run;
use crate::world;

/// Twenty messages, among them two that are the same, all fetched.
fn fetched(prefix: &str) -> Option<World> {
    let w = world(prefix)?;
    w.server.generate(&w.user, "INBOX", 18, "a");
    for _ in 0..2 {
        w.server.append(&w.user, "INBOX", b"Subject: twin\r\n\r\ntwin\r\n", "\\Seen", 1_600_000_000);
    }
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 20);
    Some(w)
}

fn names(w: &World) -> Vec<(String, String)> {
    w.mail().into_iter().map(|m| (m.base, m.identity)).collect()
}

#[test]
fn another_uidvalidity_is_matched_again_without_downloads() {
    let Some(w) = fetched("renumber") else { return };
    let before = names(&w);
    w.server.renumber(&w.user, "INBOX", 424_242);
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), out.sum("local_only")), (0, 20, 0));
    assert_eq!(names(&w), before);
    let again = w.fetch(0, &[]);
    assert_eq!((again.sum("downloaded"), again.sum("linked")), (0, 0));
}

#[test]
fn a_mailbox_made_anew_with_the_same_mail_is_matched_and_what_is_new_comes() {
    let Some(w) = world("remade") else { return };
    w.server.create(&w.user, &["Box"]);
    w.server.generate(&w.user, "Box", 10, "a");
    w.fetch(0, &[]);
    let before = names(&w);
    w.server.adm(&["mailbox", "delete", "-u", &w.user, "Box"]);
    w.server.create(&w.user, &["Box"]);
    // UIDs are others now, two are gone, and three are new.
    w.server.generate(&w.user, "Box", 3, "new");
    w.server.generate(&w.user, "Box", 8, "a");
    let out = w.run(&["fetch", "--progress", "never", "-v", "--json"]).exit(0);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), out.sum("local_only")), (3, 8, 2), "{out:?}");
    out.says("Box");
    let now = names(&w);
    assert_eq!(now.len(), 13);
    assert!(before.iter().all(|b| now.contains(b)));
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0);
}

#[test]
fn the_user_is_told_of_a_renumbering_in_one_line() {
    let Some(w) = fetched("told") else { return };
    w.server.renumber(&w.user, "INBOX", 4711);
    w.server.generate(&w.user, "INBOX", 3, "new");
    let out = w.run(&["fetch"]).exit(0);
    assert_eq!(out.stdout, "");
    assert_eq!(out.stderr.lines().count(), 1, "{}", out.stderr);
    out.says("INBOX").says("renumbered").says("20").says("3 new");
}

#[test]
fn no_renumbering_deletes_on_the_server() {
    let Some(w) = fetched("careful") else { return };
    w.server.renumber(&w.user, "INBOX", 99);
    w.configure("after-fetch = \"delete\"");
    let out = w.fetch(0, &[]);
    assert_eq!(out.sum("downloaded"), 0);
    // A weak match saves the download and authorises no deletion.
    assert_eq!((out.sum("deleted_there"), w.server.list(&w.user)["INBOX"].len()), (0, 20));
}

#[test]
fn a_lost_state_is_rebuilt_from_the_maildir() {
    let Some(w) = fetched("lost") else { return };
    let large = [b"Subject: large\r\n\r\n".as_slice(), &b"0123456789\r\n".repeat(200_000)].concat();
    w.server.append(&w.user, "INBOX", &large, "", 1_600_000_000);
    w.fetch(0, &[]);
    let before = names(&w);
    std::fs::remove_dir_all(w.root.join(".mailx")).unwrap();
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked")), (0, 21));
    let octets = out.account()["bytes_in"].as_u64().unwrap();
    assert!(octets < 40_000, "{octets} octets: bodies were downloaded");
    assert_eq!(names(&w), before);
    assert_eq!(w.fetch(0, &[]).sum("linked"), 0);
    w.assert_same_as_server();
}

#[test]
fn a_lost_state_of_a_maildir_plus_plus_is_rebuilt_too() {
    let Some(w) = world("lostpp") else { return };
    w.configure("layout = \"maildir++\"");
    w.server.generate(&w.user, "INBOX", 4, "a");
    w.server.create(&w.user, &["Archive/2024"]);
    w.server.generate(&w.user, "Archive/2024", 3, "b");
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 7);
    std::fs::remove_dir_all(w.root.join("mailx.state")).unwrap();
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), w.mail().len()), (0, 7, 7));
}

/// The first run after damage ends with one of `codes`; 74 means that it was met in the middle, and the next run rebuilds.
fn damaged(prefix: &str, codes: &[i32], damage: impl Fn(&std::path::Path)) {
    let Some(w) = fetched(prefix) else { return };
    let before = names(&w);
    damage(&w.root.join(".mailx/state.db"));
    for companion in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(w.root.join(".mailx").join(companion));
    }
    let mut out = w.run(&["fetch", "--json"]);
    assert!(codes.contains(&out.code.unwrap()), "{out:?}");
    if out.code == Some(74) {
        out.says("rebuilds the state");
        out = w.fetch(0, &[]);
    }
    assert_eq!((out.sum("downloaded"), out.sum("linked")), (0, 20));
    out.says("state.db.bad-");
    assert_eq!(names(&w), before);
    let aside = std::fs::read_dir(w.root.join(".mailx")).unwrap().flatten();
    assert_eq!(aside.filter(|e| e.file_name().to_string_lossy().starts_with("state.db.bad-")).count(), 1);
    assert_eq!(w.fetch(0, &[]).sum("linked"), 0);
}

#[test]
fn a_state_of_garbage_is_moved_aside_and_rebuilt() {
    damaged("garbage", &[0], |path| std::fs::write(path, b"this is no database\n".repeat(500)).unwrap());
}

#[test]
fn a_truncated_state_is_moved_aside_and_rebuilt() {
    damaged("cut", &[0, 74], |path| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    });
}

#[test]
fn an_overwritten_page_is_found_and_the_state_rebuilt() {
    damaged("page", &[0, 74], |path| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[4096..].fill(0xa5);
        std::fs::write(path, bytes).unwrap();
    });
}

#[test]
fn an_empty_state_file_is_no_state() {
    let Some(w) = fetched("zero") else { return };
    for name in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(w.root.join(".mailx").join(name));
    }
    std::fs::write(w.root.join(".mailx/state.db"), b"").unwrap();
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), w.mail().len()), (0, 20, 20));
}

#[test]
fn a_state_of_a_newer_mailx_is_refused_and_not_touched() {
    let Some(w) = fetched("newer") else { return };
    let file = w.root.join(".mailx/state.db");
    let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.execute('PRAGMA user_version=99')\nc.commit()\nc.execute('PRAGMA wal_checkpoint(TRUNCATE)')";
    run(Command::new("python3").args(["-c", script]).arg(&file));
    let bytes = std::fs::read(&file).unwrap();
    w.server.generate(&w.user, "INBOX", 1, "b");
    let out = w.run(&["fetch"]);
    assert!(matches!(out.code, Some(74 | 78)), "{out:?}");
    out.says("newer");
    assert_eq!((std::fs::read(&file).unwrap(), w.mail().len()), (bytes, 20));
}
