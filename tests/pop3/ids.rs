//! Unique-ids that change.

use crate::{here, there, world};

#[test]
fn new_unique_ids_for_all_mail_bring_nothing_twice() {
    let Some(w) = world("renumber") else { return };
    w.server.generate(&w.user, "INBOX", 25, "a");
    w.fetch(0, &[]);
    w.server.renumber(&w.user, "INBOX", 4_242_424);
    w.server.generate(&w.user, "INBOX", 2, "b");
    let out = w.fetch(0, &[]);
    assert_eq!(out.sum("downloaded"), 2, "{}", out.stderr);
    out.says("INBOX renumbered: 25 matched, 2 new");
    assert_eq!(here(&w), there(&w));
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.stderr.as_str()), (0, ""));
}

#[test]
fn a_lost_state_is_rebuilt_without_downloads() {
    for mask in ["", "UIDL"] {
        let Some(w) = world("lost") else { return };
        w.server.generate(&w.user, "INBOX", 12, "a");
        w.fetch_without(mask, 0, &[]);
        std::fs::remove_dir_all(w.root.join(".mailx")).unwrap();
        let out = w.fetch_without(mask, 0, &[]);
        assert_eq!((out.sum("downloaded"), out.sum("linked")), (0, 12), "{mask}");
        assert_eq!(here(&w), there(&w));
    }
}

#[test]
fn absence_there_is_no_deletion_here() {
    let Some(w) = world("absent") else { return };
    w.server.generate(&w.user, "INBOX", 10, "a");
    w.fetch(0, &[]);
    let uids: Vec<String> = w.server.list(&w.user)["INBOX"].iter().skip(2).map(|l| l.uid.to_string()).collect();
    w.server.expunge(&w.user, "INBOX", &uids.join(","));
    for verb in ["fetch", "sync"] {
        let out = w.run(&[verb, "--json"]).exit(0);
        assert_eq!((out.sum("deleted_here"), here(&w).len(), there(&w).len()), (0, 10, 2), "{verb}");
    }
}
