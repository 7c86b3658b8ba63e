//! kill -9 at every durable step, and at a hundred random instants: nothing lost, nothing half, nothing twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::support::maildir::{self, leftovers};
use crate::support::{Mailboxes, World, kill};
use crate::world;

/// How often each folder and identity is there.
fn wanted(there: &Mailboxes) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for (mailbox, letters) in there {
        for letter in letters {
            *counts.entry((mailbox.clone(), letter.identity.clone())).or_default() += 1;
        }
    }
    counts
}

fn present(root: &Path) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for mail in maildir::read(root) {
        *counts.entry((mail.dir, mail.identity)).or_default() += 1;
    }
    counts
}

/// After a crash: only whole messages, and none more often than there.
fn assert_whole(root: &Path, wanted: &BTreeMap<(String, String), usize>, when: &str) {
    for (key, count) in present(root) {
        let most = wanted.get(&key).copied().unwrap_or(0);
        assert!(count <= most, "{when}: {key:?} is here {count} times and {most} times there");
    }
}

/// After an undisturbed run: exactly what is there.
fn assert_all(root: &Path, wanted: &BTreeMap<(String, String), usize>, when: &str) {
    let here = present(root);
    assert!(here == *wanted, "{when}: {} of {} kinds are here", here.len(), wanted.len());
    assert_eq!(leftovers(root), Vec::<std::path::PathBuf>::new(), "{when}: left in tmp/");
}

fn mailbox(w: &World) {
    w.server.create(&w.user, &["Lists/rust", "Empty"]);
    w.server.fill(&w.user, "INBOX", 12, "in");
    w.server.fill(&w.user, "INBOX", 2, "in");
    w.server.fill(&w.user, "Lists/rust", 5, "list");
    w.server.append(&w.user, "INBOX", b"Subject: flagged\r\n\r\nx\r\n", "\\Seen Work", 1_500_000_000);
}

#[test]
fn a_kill_at_each_durable_step_of_a_first_fetch_is_mended_by_the_next_run() {
    let Some(w) = world("step") else { return };
    mailbox(&w);
    let wanted = wanted(&w.server.list(&w.user));
    let steps = kill::at_each_step(|at| {
        let root = w.tmp.path().join(format!("mail-{at}"));
        w.write_config(&w.account("test", &w.user, &root, ""));
        let killed = kill::crash(&w, "fetch", at, "");
        assert_whole(&root, &wanted, &format!("killed at step {at}"));
        w.fetch(0, &[]);
        assert_all(&root, &wanted, &format!("killed at step {at}, then run"));
        assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0, "killed at step {at}, run, and again");
        let _ = std::fs::remove_dir_all(&root);
        killed
    });
    assert!(steps > 5, "only {steps} durable steps were met");
}

#[test]
fn kills_at_every_step_one_after_the_other_end_in_the_same_state() {
    let Some(w) = world("steps") else { return };
    mailbox(&w);
    let wanted = wanted(&w.server.list(&w.user));
    let (mut at, mut runs) = (1, 0);
    while runs < 200 {
        runs += 1;
        if !kill::crash(&w, "fetch", at, "") {
            break;
        }
        assert_whole(&w.root, &wanted, &format!("run {runs}, killed at step {at}"));
        at += 1;
    }
    assert_all(&w.root, &wanted, &format!("after {runs} runs"));
}

#[test]
fn a_kill_at_each_step_of_an_incremental_fetch_or_a_renumbering_is_mended() {
    let Some(w) = world("later") else { return };
    let steps = kill::at_each_step(|at| {
        let user = format!("{}-{at}", w.user);
        let root = w.tmp.path().join(format!("mail-{at}"));
        w.write_config(&w.account("test", &user, &root, ""));
        w.server.fill(&user, "INBOX", 6, "old");
        w.fetch(0, &[]);
        w.server.renumber(&user, "INBOX", 7777);
        w.server.fill(&user, "INBOX", 3, "new");
        let wanted = wanted(&w.server.list(&user));
        let killed = kill::crash(&w, "fetch", at, "");
        assert_whole(&root, &wanted, &format!("killed at step {at}"));
        w.fetch(0, &[]);
        assert_all(&root, &wanted, &format!("killed at step {at}, then run"));
        killed
    });
    assert!(steps > 3, "only {steps} durable steps were met");
}

fn killed_while_deleting(mask: &str) {
    let Some(w) = world("release") else { return };
    let steps = kill::at_each_step(|at| {
        let user = format!("{}-{at}", w.user);
        let root = w.tmp.path().join(format!("mail-{at}"));
        w.write_config(&w.account("test", &user, &root, "after-fetch = \"delete\""));
        w.server.fill(&user, "INBOX", 6, "a");
        w.server.create(&user, &["Other"]);
        w.server.fill(&user, "Other", 3, "b");
        let all: Vec<String> = w.server.list(&user).into_values().flatten().map(|l| l.identity).collect();
        let killed = kill::crash(&w, "fetch", at, mask);
        let nothing_lost = |when: &str| {
            let mut kept: Vec<String> = w.server.list(&user).into_values().flatten().map(|l| l.identity).collect();
            kept.extend(maildir::read(&root).into_iter().map(|m| m.identity));
            assert!(all.iter().all(|id| kept.contains(id)), "{when}: lost");
        };
        nothing_lost(&format!("killed at step {at}"));
        w.fetch_without(mask, 0, &[]);
        nothing_lost(&format!("killed at step {at}, then run"));
        let mut here: Vec<String> = maildir::read(&root).into_iter().map(|m| m.identity).collect();
        here.sort();
        let mut expected = all.clone();
        expected.sort();
        assert_eq!(here, expected, "killed at step {at}, then run: each exactly once here");
        let left: usize = w.server.list(&user).iter().filter(|(name, _)| *name != "Trash").map(|(_, l)| l.len()).sum();
        assert_eq!(left, 0, "killed at step {at}, then run: the server's copies are gone");
        let _ = std::fs::remove_dir_all(&root);
        killed
    });
    assert!(steps > 8, "only {steps} durable steps were met");
}

#[test]
fn a_kill_at_each_step_of_a_fetch_that_deletes_loses_nothing() {
    killed_while_deleting("");
}

#[test]
fn a_kill_at_each_step_of_a_fetch_that_moves_to_the_trash_loses_nothing() {
    killed_while_deleting("UIDPLUS");
}

#[test]
fn a_kill_at_each_step_of_a_fetch_that_can_only_expunge_loses_nothing() {
    killed_while_deleting("UIDPLUS,MOVE");
}

#[test]
fn a_kill_at_each_step_of_a_run_that_proves_weak_matches_loses_and_doubles_nothing() {
    let Some(w) = world("prove") else { return };
    let steps = kill::at_each_step(|at| {
        let user = format!("{}-{at}", w.user);
        let root = w.tmp.path().join(format!("mail-{at}"));
        w.write_config(&w.account("test", &user, &root, "after-fetch = \"delete\""));
        w.server.fill(&user, "INBOX", 4, "a");
        crate::weak::mbsync_made(&w, &user, &root);
        // One of them is a forgery here: it stays, and the server's comes beside it.
        w.server.append(&user, "INBOX", b"Subject: twin\r\n\r\npay to A\r\n", "", 1_600_000_000);
        std::fs::write(root.join("INBOX/cur/9.twin.host:2,"), b"Subject: twin\n\npay to B\n").unwrap();
        let wire = |mail: maildir::Mail| {
            let text = std::fs::read_to_string(mail.path).unwrap();
            maildir::identity(text.replace("X-TUID: abcdefghijkl\n", "").as_bytes())
        };
        let mut all: Vec<String> = w.server.list(&user).into_values().flatten().map(|l| l.identity).collect();
        w.fetch(0, &[]);
        let out = w.run_with(&["fetch", "--json"], &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        let killed = out.signal == Some(9);
        assert!(killed || out.code == Some(1), "step {at}: {out:?}");
        let held = || -> Vec<String> { maildir::read(&root).into_iter().map(wire).collect() };
        let kept: Vec<String> = w.server.list(&user).into_values().flatten().map(|l| l.identity).chain(held()).collect();
        assert!(all.iter().all(|id| kept.contains(id)), "killed at step {at}: lost");
        // The run that finds the forgery says so; the next one fetches.
        for _ in 0..3 {
            let out = w.run(&["fetch", "--json"]);
            assert!(matches!(out.code, Some(0 | 1)), "killed at step {at}: {out:?}");
        }
        w.fetch(0, &[]);
        let mut here = held();
        here.sort();
        all.push(maildir::identity(b"Subject: twin\n\npay to B\n"));
        all.sort();
        assert_eq!(here, all, "killed at step {at}, then run: each exactly once here");
        assert_eq!(w.server.list(&user)["INBOX"].len(), 0, "killed at step {at}, then run: the server's copies are gone");
        let _ = std::fs::remove_dir_all(&root);
        killed
    });
    assert!(steps > 4, "only {steps} durable steps were met");
}

#[test]
fn a_hundred_kills_at_random_instants_lose_and_double_nothing() {
    let Some(w) = world("random") else { return };
    let mut instants = kill::Instants::new(Duration::from_millis(50));
    let seed = instants.seed;
    w.server.create(&w.user, &["Lists/rust"]);
    w.server.fill(&w.user, "INBOX", 1500, "in");
    w.server.fill(&w.user, "Lists/rust", 500, "list");
    let wanted = wanted(&w.server.list(&w.user));
    let mut fetches = 0;
    while instants.kills < 100 {
        fetches += 1;
        let root = w.tmp.path().join(format!("mail-{fetches}"));
        w.write_config(&w.account("test", &w.user, &root, ""));
        // Up to eight kills for each Maildir, then an undisturbed run.
        for _ in 0..8 {
            if !instants.kill(&w, "fetch") {
                break;
            }
            assert_whole(&root, &wanted, &format!("seed {seed}, kill {}", instants.kills));
        }
        w.fetch(0, &[]);
        assert_all(&root, &wanted, &format!("seed {seed}, after kill {}", instants.kills));
        let _ = std::fs::remove_dir_all(&root);
    }
    println!("{} kills in {fetches} fetches", instants.kills);
}
