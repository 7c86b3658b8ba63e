//! Download and delete: only what is durable here, and only once QUIT was answered.

use std::time::Duration;

use crate::{configure, here, there, world};

#[test]
fn keep_keeps() {
    let Some(w) = world("keep") else { return };
    w.server.generate(&w.user, "INBOX", 4, "a");
    let before = w.server.list(&w.user);
    w.fetch(0, &[]);
    w.fetch(0, &[]);
    assert_eq!(w.server.list(&w.user), before);
}

#[test]
fn delete_removes_what_is_here_and_a_second_run_has_nothing_to_do() {
    for mask in ["", "PIPELINING", "UIDL", "UIDL,PIPELINING"] {
        let Some(w) = world("delete") else { return };
        configure(&w, "after-fetch = \"delete\"");
        w.server.generate(&w.user, "INBOX", 9, "a");
        let all = there(&w);
        let out = w.fetch_without(mask, 0, &[]);
        assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (9, 9), "{mask}");
        assert_eq!((there(&w).len(), here(&w)), (0, all), "{mask}");
        let again = w.fetch_without(mask, 0, &[]);
        assert_eq!((again.sum("downloaded"), again.sum("deleted_there")), (0, 0), "{mask}");
        // What comes after is new, and no word of renumbering.
        w.server.generate(&w.user, "INBOX", 5, "b");
        let out = w.fetch_without(mask, 0, &[]);
        assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), out.stderr.as_str()), (5, 5, ""), "{mask}");
        assert_eq!((there(&w).len(), here(&w).len()), (0, 14), "{mask}");
    }
}

#[test]
fn switching_to_delete_later_removes_what_is_intact_here() {
    for mask in ["", "UIDL"] {
        let Some(w) = world("later") else { return };
        w.server.generate(&w.user, "INBOX", 3, "a");
        w.fetch_without(mask, 0, &[]);
        configure(&w, "after-fetch = \"delete\"");
        let victim = w.mail()[1].clone();
        let mut bytes = std::fs::read(&victim.path).unwrap();
        bytes[10] ^= 1;
        std::fs::write(&victim.path, bytes).unwrap();
        let out = w.fetch_without(mask, 1, &[]);
        assert_eq!((out.sum("deleted_there"), there(&w).len()), (2, 1), "{mask}");
        assert!(out.stderr.contains(&victim.base), "{}", out.stderr);
    }
}

#[test]
fn delete_after_waits_for_the_time_and_for_another_run() {
    let Some(w) = world("age") else { return };
    configure(&w, "after-fetch = { delete-after = \"1s\" }");
    w.server.generate(&w.user, "INBOX", 3, "a");
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (3, 0));
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 0, "it becomes due in this run");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 3);
    assert_eq!((there(&w).len(), here(&w).len()), (0, 3));
}

#[test]
fn more_deletions_than_one_batch() {
    let Some(w) = world("batch") else { return };
    configure(&w, "after-fetch = \"delete\"");
    w.server.fill(&w.user, "INBOX", 2300, "a");
    let all = there(&w);
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (2300, 2300));
    assert_eq!((there(&w).len(), here(&w)), (0, all));
}
