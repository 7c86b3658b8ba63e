//! kill -9 in download-and-delete: at every durable step, and at random instants. Whatever happens, the Maildir and the server together
//! hold every message, and one undisturbed run leaves each here exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::peer::{Drop, Home};
use crate::support::kill;
use crate::support::maildir::{self, leftovers};
use crate::{World, configure, configure_as, here, there, world};

fn counts(all: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one.as_str()).or_default() += 1;
    }
    counts
}

/// Nothing lost, nothing here more often than it was there.
fn assert_kept(w: &World, all: &[String], when: &str) {
    let (here, there) = (here(w), there(w));
    let (all, here, there) = (counts(all), counts(&here), counts(&there));
    for (id, count) in &all {
        let held = here.get(id).unwrap_or(&0) + there.get(id).unwrap_or(&0);
        assert!(held >= *count, "{when}: lost {id}: {held} of {count}");
    }
    for (id, count) in &here {
        assert!(count <= all.get(id).unwrap_or(&0), "{when}: doubled {id}");
    }
}

fn assert_done(w: &World, all: &[String], when: &str) {
    assert_eq!(counts(&here(w)), counts(all), "{when}: each exactly once here");
    assert_eq!(there(w).len(), 0, "{when}: the server's copies are gone");
    assert_eq!(leftovers(&w.root), Vec::<std::path::PathBuf>::new(), "{when}: left in tmp/");
}

fn killed_at_each_step(mask: &str) {
    let Some(mut w) = world("step") else { return };
    let user = w.user.clone();
    let steps = kill::at_each_step(|at| {
        w.user = format!("{user}-{at}");
        w.root = w.tmp.path().join(format!("mail-{at}"));
        configure_as(&w, &w.user.clone(), "after-fetch = \"delete\"");
        w.server.fill(&w.user, "INBOX", 6, "a");
        w.server.fill(&w.user, "INBOX", 2, "a");
        let all = there(&w);
        let killed = kill::crash(&w, "fetch", at, mask);
        assert_kept(&w, &all, &format!("killed at step {at}"));
        w.fetch_without(mask, 0, &[]);
        assert_done(&w, &all, &format!("killed at step {at}, then run"));
        let _ = std::fs::remove_dir_all(&w.root);
        killed
    });
    assert!(steps > 8, "only {steps} durable steps were met");
}

#[test]
fn a_kill_at_each_durable_step_loses_and_doubles_nothing() {
    killed_at_each_step("");
}

#[test]
fn a_kill_at_each_durable_step_without_unique_ids_loses_and_doubles_nothing() {
    killed_at_each_step("UIDL");
}

/// What lies here and is not recorded was read by the run that was killed, however long the next one takes to get there.
#[test]
fn what_a_crash_left_without_unique_ids_is_read_again_before_it_goes() {
    let home = Home::new(Drop { uidl: false, ..Drop::of(3, "a") });
    home.configure("after-fetch = \"delete\"");
    let wanted = home.peer.maildrop().identities();
    // A run whose last step was the rename.
    let mut at = 0;
    while home.mail().is_empty() {
        at += 1;
        let out = home.run_with(&["fetch", "--timeout", "3"], &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        assert_eq!(out.signal, Some(9), "step {at}: {out:?}");
    }
    home.peer.hook(|line, _| {
        if line.starts_with("LIST") {
            std::thread::sleep(Duration::from_millis(1100));
        }
        None
    });
    home.fetch(0);
    assert_eq!((home.here(), home.peer.maildrop().letters.len()), (wanted, 0));
    assert_eq!(home.peer.count("RETR"), 3 + 3, "once for each run");
}

/// `MAILX_TEST_KILLS=100` is the full form: 2,000 messages and so many kills. Shorter by default.
#[test]
fn kills_at_random_instants_lose_and_double_nothing() {
    let kills_wanted = kill::told("MAILX_TEST_KILLS").unwrap_or(12);
    let messages = if kills_wanted >= 100 { 2000 } else { 600 };
    let Some(mut w) = world("random") else { return };
    let (mut instants, user) = (kill::Instants::new(Duration::from_millis(50)), w.user.clone());
    let (seed, mut rounds) = (instants.seed, 0);
    while instants.kills < kills_wanted {
        rounds += 1;
        w.user = format!("{user}-{rounds}");
        w.root = w.tmp.path().join(format!("mail-{rounds}"));
        configure(&w, "after-fetch = \"delete\"");
        w.server.fill(&w.user, "INBOX", messages, "in");
        let all = there(&w);
        // Up to six kills for each maildrop, then an undisturbed run.
        for _ in 0..6 {
            if !instants.kill(&w, "fetch") {
                break;
            }
            assert_kept(&w, &all, &format!("seed {seed}, kill {}", instants.kills));
        }
        let kills = instants.kills;
        w.fetch(0, &[]);
        assert_done(&w, &all, &format!("seed {seed}, after kill {kills}"));
        let again = w.fetch(0, &[]);
        assert_eq!((again.sum("downloaded"), again.sum("deleted_there")), (0, 0), "seed {seed}, after kill {kills}, again");
        let _ = maildir::read(&w.root);
        let _ = std::fs::remove_dir_all(&w.root);
    }
    println!("{} kills in {rounds} maildrops", instants.kills);
}
