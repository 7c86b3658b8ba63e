//! A Maildir of another tool is taken over without downloads.

use std::fs;
use std::process::Command;

use crate::support::World;
use crate::support::server::run;
use crate::world;

/// Pulls everything.
fn mbsync(w: &World) -> bool {
    mbsync_with(w, "Pull")
}

fn mbsync_with(w: &World, sync: &str) -> bool {
    if Command::new("mbsync").arg("--version").output().is_err() {
        crate::support::skip("mbsync is not installed");
        return false;
    }
    let (port, root) = (w.server.get("IMAP_PORT"), w.root.display());
    let rc = w.tmp.path().join("mbsyncrc");
    let text = format!(
        "IMAPStore there\nHost 127.0.0.1\nPort {port}\nUser {}\nPass pass\nSSLType None\nAuthMechs LOGIN\n\n\
         MaildirStore here\nPath {root}/\nInbox {root}/INBOX\nSubFolders Verbatim\n\n\
         Channel all\nFar :there:\nNear :here:\nPatterns *\nCreate Near\nSync {sync}\nSyncState *\nCopyArrivalDate yes\n",
        w.user
    );
    fs::write(&rc, text).unwrap();
    fs::create_dir_all(&w.root).unwrap();
    fs::set_permissions(&w.root, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    run(Command::new("mbsync").arg("-q").arg("-c").arg(&rc).arg("-a").env("HOME", w.tmp.path()));
    true
}

fn mailboxes(w: &World) {
    w.server.generate(&w.user, "INBOX", 40, "in");
    w.server.create(&w.user, &["Archive/2024", "Lists"]);
    w.server.generate(&w.user, "Archive/2024", 15, "old");
    w.server.generate(&w.user, "Lists", 5, "list");
    w.server.append(&w.user, "Lists", b"Subject: seen\r\n\r\nx\r\n", "\\Seen \\Flagged", 1_600_000_000);
    for _ in 0..2 {
        w.server.append(&w.user, "Lists", b"Subject: twin\r\n\r\ntwin\r\n", "", 1_600_000_001);
    }
    w.server.append(&w.user, "Lists", b"Subject: no body at all\r\n\r\n", "", 1_600_000_002);
}

#[test]
fn a_maildir_made_by_mbsync_is_adopted_without_downloads() {
    let Some(w) = world("mbsync") else { return };
    mailboxes(&w);
    if !mbsync(&w) {
        return;
    }
    let before: Vec<_> = w.mail().into_iter().map(|m| (m.path, m.mtime)).collect();
    assert_eq!(before.len(), 64);
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), out.sum("local_only")), (0, 64, 0));
    assert_eq!(w.mail().into_iter().map(|m| (m.path, m.mtime)).collect::<Vec<_>>(), before, "names given by others are kept");
    let again = w.fetch(0, &[]);
    assert_eq!((again.sum("downloaded"), again.sum("linked")), (0, 0));
    w.server.generate(&w.user, "INBOX", 2, "new");
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 2);
    assert_eq!(w.mail().len(), 66);
}

#[test]
fn what_mbsync_has_uploaded_is_known_though_only_the_server_has_its_line() {
    let Some(w) = world("uploaded") else { return };
    w.server.create(&w.user, &["Sent"]);
    w.server.generate(&w.user, "Sent", 10, "old");
    if !mbsync_with(&w, "All") {
        return;
    }
    let sent = w.root.join("Sent/cur");
    let text = |n: usize| {
        format!("From: a@example.org\nSubject: sent\nMessage-ID: <{n}@sent.example>\n\nText of {n}.\n{}", "and more\n".repeat(1000))
    };
    for n in 0..20 {
        fs::write(sent.join(format!("{n}.sent.host:2,S")), text(n)).unwrap();
    }
    // What only the body tells apart, and what nothing tells apart.
    for (name, body) in [("b1", "one"), ("b2", "two"), ("t1", "twin"), ("t2", "twin")] {
        fs::write(sent.join(format!("{name}.sent.host:2,S")), format!("Subject: {}\n\n{body}\n", &name[..1])).unwrap();
    }
    assert!(mbsync_with(&w, "All"));
    let bodies = tempfile::tempdir().unwrap();
    w.server.bodies(&w.user, "Sent", bodies.path());
    let has_line = |file: &std::path::Path| String::from_utf8_lossy(&fs::read(file).unwrap()).contains("X-TUID: ");
    let lines = fs::read_dir(bodies.path()).unwrap().flatten().filter(|file| has_line(&file.path())).count();
    assert_eq!(lines, 24, "messages with a line of mbsync there");
    assert!(w.mail().iter().filter(|mail| mail.dir == "Sent" && has_line(&mail.path)).count() <= 10);
    // Flags that only one side has are no deletions.
    w.server.store(&w.user, "Sent", "11", "+\\Flagged");
    let before = w.mail();
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), out.sum("local_only")), (0, 34, 0), "{out:?}");
    assert!(out.account()["bytes_in"].as_u64().unwrap() < 20 * 1000, "bodies were read that headers tell apart: {out:?}");
    assert_eq!(w.mail().len(), before.len());
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("uploaded"), out.sum("flags_pulled")), (0, 0, 1), "{out:?}");
    assert_eq!(w.mail().into_iter().filter(|mail| mail.letters.contains('F')).count(), 1);
    w.run(&["verify", "--all"]).exit(0);
    // And once more without a state; by then it is no other tool's Maildir.
    fs::remove_dir_all(w.root.join(".mailx")).unwrap();
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), out.sum("local_only")), (0, 34, 0), "{out:?}");
    // What is deleted here is proven by its body, and goes there.
    w.configure("expunge = \"now\"");
    fs::remove_file(&w.mail().into_iter().find(|mail| mail.base.starts_with("3.sent")).unwrap().path).unwrap();
    w.sync(0, &[]);
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("uploaded"), out.sum("local_only")), (0, 0, 0), "{out:?}");
    assert_eq!((w.mail().len(), w.server.list(&w.user)["Sent"].len()), (33, 33));
}

#[test]
fn what_was_deleted_and_added_beside_the_other_tool_is_told_apart() {
    let Some(w) = world("beside") else { return };
    mailboxes(&w);
    if !mbsync(&w) {
        return;
    }
    // Gone there, gone here, new there, only here.
    w.server.expunge(&w.user, "INBOX", "1:3");
    let mail = w.mail();
    let archive: Vec<_> = mail.iter().filter(|m| m.dir == "Archive/2024").collect();
    for gone in &archive[..4] {
        fs::remove_file(&gone.path).unwrap();
    }
    fs::write(w.root.join("INBOX/cur/own.1.host:2,S"), b"Subject: mine\n\nmine\n").unwrap();
    w.server.generate(&w.user, "INBOX", 2, "new");
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked")), (6, 64 - 3 - 4));
    assert_eq!(out.folder("INBOX")["local_only"], 4);
    let now = w.mail();
    assert_eq!(now.len(), 64 - 4 + 1 + 6);
    assert!(now.iter().any(|m| m.base == "own.1.host"));
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0);
}

#[test]
fn a_maildir_with_crlf_and_strange_names_is_adopted_too() {
    let Some(w) = world("strange") else { return };
    w.server.append(&w.user, "INBOX", b"Subject: a\r\n\r\na\r\n", "\\Seen", 1_600_000_000);
    w.server.append(&w.user, "INBOX", b"Subject: b\r\n\r\nb\r\n", "", 1_600_000_000);
    w.server.append(&w.user, "INBOX", b"Subject: c\r\nX-OfflineIMAP: 1\r\n\r\nc\r\n", "", 1_600_000_000);
    for place in ["cur", "new", "tmp"] {
        fs::create_dir_all(w.root.join("INBOX").join(place)).unwrap();
    }
    fs::set_permissions(&w.root, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let cur = w.root.join("INBOX/cur");
    fs::write(cur.join("1.getmail.host,S=18:2,S"), b"Subject: a\r\n\r\na\r\n").unwrap();
    fs::write(cur.join("no info and no dots"), b"Subject: b\nX-TUID: abcdefghijkl\n\nb\n").unwrap();
    fs::write(w.root.join("INBOX/new/3.offlineimap"), b"Subject: c\nX-OfflineIMAP: 2\n\nc\n").unwrap();
    // Nothing of these is mail, and none may stop a run.
    fs::create_dir(cur.join("a directory")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", cur.join("4.link:2,")).unwrap();
    run(Command::new("mkfifo").arg(cur.join("5.fifo:2,")));
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked")), (0, 3));
    assert!(cur.join("1.getmail.host,S=18:2,S").is_file() && cur.join("no info and no dots").is_file());
}

#[test]
fn mail_that_lies_in_another_layout_is_not_downloaded_beside_it() {
    let Some(w) = world("layout") else { return };
    w.server.generate(&w.user, "INBOX", 3, "in");
    w.configure("layout = \"maildir++\"");
    w.fetch(0, &[]);
    w.configure("");
    w.run(&["fetch"]).exit(78).says("layout = \"maildir++\"");
    // As getmail leaves it.
    fs::remove_dir_all(w.root.join("mailx.state")).unwrap();
    for verb in [&["fetch"][..], &["sync"], &["sync", "--dry-run"]] {
        w.run(verb).exit(78).says("layout = \"maildir++\"");
    }
    assert!(!w.root.join(".mailx").exists() && !w.root.join("INBOX").exists());
    w.configure("layout = \"maildir++\"");
    assert_eq!(w.fetch(0, &[]).sum("linked"), 3);
    fs::remove_dir_all(&w.root).unwrap();
    w.configure("");
    w.fetch(0, &[]);
    w.configure("layout = \"maildir++\"");
    w.run(&["sync"]).exit(78).says("layout = \"fs\"");
}
