//! Again and again without doing anything twice.

use crate::support::snapshot;
use crate::world;

/// What only records that a run took place.
fn mail_only(root: &std::path::Path) -> std::collections::BTreeMap<std::path::PathBuf, (u32, u64, i64, i64, u64)> {
    let mut all = snapshot(root);
    all.retain(|path, _| !path.components().any(|c| c.as_os_str() == ".mailx"));
    all
}

#[test]
fn a_second_run_downloads_and_writes_nothing() {
    let Some(w) = world("again") else { return };
    w.server.generate(&w.user, "INBOX", 30, "a");
    w.server.create(&w.user, &["Lists/rust"]);
    w.server.generate(&w.user, "Lists/rust", 5, "b");
    let first = w.fetch(0, &[]);
    assert_eq!(first.sum("downloaded"), 35);
    w.assert_same_as_server();
    let before = mail_only(&w.root);
    let second = w.fetch(0, &[]);
    assert_eq!((second.sum("downloaded"), second.sum("linked")), (0, 0));
    assert_eq!(mail_only(&w.root), before);
    let folders = second.account()["folders"].as_array().unwrap().len() as u64;
    let octets = second.account()["bytes_in"].as_u64().unwrap();
    assert!(octets <= 1024 + 300 * folders, "{octets} octets from the server with nothing to do in {folders} folders");
    assert!(second.account()["round_trips"].as_u64().unwrap() <= 8);
}

#[test]
fn new_mail_comes_and_what_is_here_stays_untouched() {
    let Some(w) = world("new") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    w.fetch(0, &[]);
    // A mail reader moves, flags and deletes meanwhile.
    let mail = w.mail();
    let cur = w.root.join("INBOX/cur");
    std::fs::rename(&mail[0].path, cur.join(format!("{}:2,RS", mail[0].base))).unwrap();
    std::fs::remove_file(&mail[1].path).unwrap();
    w.server.store(&w.user, "INBOX", "3", "+\\Seen");
    w.server.expunge(&w.user, "INBOX", "1");
    w.server.generate(&w.user, "INBOX", 2, "b");
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 2);
    let now = w.mail();
    assert_eq!(now.len(), 4, "what was deleted here does not come back, what was deleted there does not go");
    let kept = now.iter().find(|m| m.base == mail[0].base).unwrap();
    assert_eq!((kept.place, kept.letters.as_str()), ("cur", "RS"));
    let flagged_there = now.iter().find(|m| m.base == mail[2].base).unwrap();
    assert_eq!((flagged_there.place, flagged_there.letters.as_str()), ("new", ""), "fetch never changes flags of known messages");
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0);
}

#[test]
fn an_account_without_mail_is_done_well() {
    let Some(w) = world("empty") else { return };
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0);
    assert!(w.root.join("INBOX/cur").is_dir() && w.root.join("INBOX/new").is_dir() && w.root.join("INBOX/tmp").is_dir());
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0);
}

#[test]
fn in_cron_success_is_silent() {
    let Some(w) = world("cron") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    for _ in 0..2 {
        let out = w.run(&["fetch"]).exit(0);
        assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("", ""));
    }
}

#[test]
fn the_result_is_the_same_without_any_extension() {
    let masks = [
        "LITERAL+",
        "UIDPLUS",
        "MOVE",
        "LIST-EXTENDED",
        "LIST-STATUS",
        "LIST-EXTENDED,LIST-STATUS",
        "SPECIAL-USE",
        "ESEARCH",
        "CONDSTORE,QRESYNC",
        "QRESYNC",
        "NAMESPACE",
        "ENABLE",
        "SASL-IR",
        "COMPRESS=DEFLATE",
        "QUOTA",
        "UNSELECT",
        "ID",
        "STATUS=SIZE",
        "LITERAL+,UIDPLUS,MOVE,LIST-EXTENDED,LIST-STATUS,SPECIAL-USE,ESEARCH,CONDSTORE,QRESYNC,NAMESPACE,ENABLE,SASL-IR,\
         COMPRESS=DEFLATE,QUOTA,UNSELECT,ID,STATUS=SIZE,OBJECTID,IDLE,NOTIFY,SORT,BINARY,SAVEDATE,PREVIEW,WITHIN,SEARCHRES",
    ];
    let Some(w) = world("poor") else { return };
    w.server.generate(&w.user, "INBOX", 12, "a");
    w.server.create(&w.user, &["Größe/ä & b"]);
    w.server.generate(&w.user, "Größe/ä & b", 3, "b");
    for (n, mask) in masks.iter().enumerate() {
        w.configure("");
        let root = w.tmp.path().join(format!("mail-{n}"));
        w.write_config(&w.account("test", &w.user, &root, ""));
        assert_eq!(w.fetch_without(mask, 0, &[]).sum("downloaded"), 15, "without {mask}");
        assert_eq!(w.fetch_without(mask, 0, &[]).sum("downloaded"), 0, "again, without {mask}");
        // What the poor one stored is understood by the rich one.
        assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0, "then, with {mask}");
        w.server.generate(&w.user, "INBOX", 1, &format!("more {n}"));
        assert_eq!(w.fetch_without(mask, 0, &[]).sum("downloaded"), 1, "new mail, without {mask}");
        let last = w.server.list(&w.user)["INBOX"].last().unwrap().uid.to_string();
        w.server.expunge(&w.user, "INBOX", &last);
    }
}
