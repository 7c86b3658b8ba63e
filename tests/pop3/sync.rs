//! Two-way sync with a server that knows one folder and no flags.

use crate::{configure, here, there, world};

fn remove(w: &crate::World, count: usize) {
    for mail in w.mail().into_iter().take(count) {
        std::fs::remove_file(mail.path).unwrap();
    }
}

#[test]
fn what_is_deleted_here_is_deleted_there() {
    for mask in ["", "PIPELINING", "UIDL"] {
        let Some(w) = world("gone") else { return };
        w.server.generate(&w.user, "INBOX", 8, "a");
        assert_eq!(w.sync_without(mask, 0, &[]).sum("downloaded"), 8);
        assert_eq!(w.sync_without(mask, 0, &[]).sum("downloaded"), 0);
        remove(&w, 2);
        let out = w.sync_without(mask, 0, &["--dry-run"]);
        assert!(out.stdout.contains("delete-there") || mask == "UIDL", "{}", out.stdout);
        let out = w.sync_without(mask, 0, &[]);
        assert_eq!((out.sum("deleted_there"), out.sum("downloaded")), (2, 0), "{mask}");
        assert_eq!(here(&w), there(&w), "{mask}");
        let out = w.sync_without(mask, 0, &[]);
        assert_eq!((out.sum("deleted_there"), out.sum("downloaded"), there(&w).len()), (0, 0, 6), "{mask}");
    }
}

#[test]
fn gaps_are_told_once_and_nothing_of_them_is_lost() {
    let Some(w) = world("gaps") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    w.sync(0, &[]);
    let mail = &w.mail()[0];
    let flagged = w.root.join("INBOX/cur").join(format!("{}:2,FS", mail.base));
    std::fs::rename(&mail.path, &flagged).unwrap();
    std::fs::write(w.root.join("INBOX/cur/1.mine.host:2,S"), b"Subject: mine\n\nx\n").unwrap();
    let out = w.sync(0, &[]);
    out.says("flags set here stay here").says("new files stay here");
    let told: Vec<String> = serde_json::from_value(out.folder("INBOX")["unsupported"].clone()).unwrap();
    assert!(told.contains(&"flags-push".to_owned()) && told.contains(&"append".to_owned()), "{told:?}");
    let out = w.sync(0, &[]);
    assert_eq!(out.stderr, "", "said once");
    assert!(flagged.exists() && w.root.join("INBOX/cur/1.mine.host:2,S").exists());
    assert_eq!((here(&w).len(), there(&w).len()), (4, 3));
}

#[test]
fn a_move_to_another_folder_stays_here() {
    let Some(w) = world("moved") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    w.sync(0, &[]);
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(w.root.join("Archive").join(sub)).unwrap();
    }
    let mail = &w.mail()[0];
    std::fs::rename(&mail.path, w.root.join("Archive/cur").join(format!("{}:2,S", mail.base))).unwrap();
    for _ in 0..3 {
        let out = w.run(&["sync", "--json"]);
        assert!(matches!(out.code, Some(0)), "{out:?}");
        assert_eq!((out.sum("deleted_there"), out.sum("downloaded"), there(&w).len(), here(&w).len()), (0, 0, 3, 3));
    }
}

#[test]
fn a_move_to_another_folder_under_another_name_stays_here_too() {
    let Some(w) = world("renamed") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    w.sync(0, &[]);
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(w.root.join("Keep").join(sub)).unwrap();
    }
    std::fs::write(w.root.join("Keep/cur/1.mine.host:2,S"), b"Subject: mine\n\nx\n").unwrap();
    std::fs::rename(&w.mail().iter().find(|mail| mail.dir == "INBOX").unwrap().path, w.root.join("Keep/cur/777.mutt.host:2,S")).unwrap();
    w.sync(0, &[]).says("moves stay here");
    for _ in 0..2 {
        let out = w.sync(0, &[]);
        assert_eq!((out.sum("deleted_there"), out.sum("downloaded"), there(&w).len(), here(&w).len()), (0, 0, 3, 4));
    }
    let one = w.mail().into_iter().find(|mail| mail.dir == "INBOX").unwrap();
    std::fs::remove_file(one.path).unwrap();
    assert_eq!((w.sync(0, &[]).sum("deleted_there"), there(&w).len()), (1, 2));
}

#[test]
fn mirrored_deletions_are_the_users_wish() {
    let Some(w) = world("mirror") else { return };
    configure(&w, "mirror-deletions = true");
    w.server.generate(&w.user, "INBOX", 10, "a");
    w.sync(0, &[]);
    let uids: Vec<String> = w.server.list(&w.user)["INBOX"].iter().take(2).map(|l| l.uid.to_string()).collect();
    w.server.expunge(&w.user, "INBOX", &uids.join(","));
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("deleted_here"), here(&w).len()), (2, 8));
    // The guard stands before an emptied mailbox.
    let uids: Vec<String> = w.server.list(&w.user)["INBOX"].iter().map(|l| l.uid.to_string()).collect();
    w.server.expunge(&w.user, "INBOX", &uids.join(","));
    w.sync(3, &[]);
    assert_eq!(here(&w).len(), 8);
}

#[test]
fn what_after_fetch_released_is_neither_sent_nor_deleted() {
    let Some(w) = world("released") else { return };
    configure(&w, "after-fetch = \"delete\"");
    w.server.generate(&w.user, "INBOX", 6, "a");
    w.fetch(0, &[]);
    for _ in 0..2 {
        let out = w.sync(0, &[]);
        assert_eq!((out.sum("deleted_here"), out.sum("downloaded"), here(&w).len()), (0, 0, 6));
    }
}
