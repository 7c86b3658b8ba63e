//! kill -9 in download-and-delete: at every durable step, and at random instants. Whatever happens, the Maildir and the server together
//! hold every message, and one undisturbed run leaves each here exactly once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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
    let mut at = 1;
    loop {
        w.user = format!("{user}-{at}");
        w.root = w.tmp.path().join(format!("mail-{at}"));
        configure_as(&w, &w.user.clone(), "after-fetch = \"delete\"");
        w.server.fill(&w.user, "INBOX", 6, "a");
        w.server.fill(&w.user, "INBOX", 2, "a");
        let all = there(&w);
        let env = [("MAILX_TEST_CRASH_AT", at.to_string()), ("MAILX_TEST_DISABLE", mask.to_owned())];
        let out = w.run_with(&["fetch", "--json"], &env.each_ref().map(|(k, v)| (*k, v.as_str())));
        let killed = out.signal == Some(9);
        assert!(killed || out.code == Some(0), "step {at}: {out:?}");
        assert_kept(&w, &all, &format!("killed at step {at}"));
        w.fetch_without(mask, 0, &[]);
        assert_done(&w, &all, &format!("killed at step {at}, then run"));
        let _ = std::fs::remove_dir_all(&w.root);
        if !killed {
            break;
        }
        at += 1;
    }
    assert!(at > 8, "only {at} durable steps were met");
}

#[test]
fn a_kill_at_each_durable_step_loses_and_doubles_nothing() {
    killed_at_each_step("");
}

#[test]
fn a_kill_at_each_durable_step_without_unique_ids_loses_and_doubles_nothing() {
    killed_at_each_step("UIDL");
}

/// xorshift64*: random enough for instants, and a seed repeats them.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % most.max(1)
    }
}

/// `MAILX_TEST_KILLS=100` is the full form: 2,000 messages and so many kills. Shorter by default.
#[test]
fn kills_at_random_instants_lose_and_double_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let kills_wanted = number("MAILX_TEST_KILLS").unwrap_or(12);
    let messages = if kills_wanted >= 100 { 2000 } else { 600 };
    let Some(mut w) = world("random") else { return };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = number("MAILX_TEST_SEED").unwrap_or(now | 1);
    println!("MAILX_TEST_SEED={seed} MAILX_TEST_KILLS={kills_wanted} repeats these instants");
    let (mut random, user) = (Random(seed), w.user.clone());
    let (mut kills, mut rounds, mut longest) = (0, 0, Duration::from_millis(400));
    while kills < kills_wanted {
        rounds += 1;
        w.user = format!("{user}-{rounds}");
        w.root = w.tmp.path().join(format!("mail-{rounds}"));
        configure(&w, "after-fetch = \"delete\"");
        w.server.fill(&w.user, "INBOX", messages, "in");
        let all = there(&w);
        // Up to six kills for each maildrop, then an undisturbed run.
        for _ in 0..6 {
            let begun = Instant::now();
            let mut run = w.spawn(&["fetch"]);
            std::thread::sleep(Duration::from_micros(random.below(longest.as_micros() as u64)));
            if run.child.try_wait().unwrap().is_some() {
                longest = begun.elapsed().min(longest).max(Duration::from_millis(50));
                break;
            }
            run.kill();
            kills += 1;
            assert_kept(&w, &all, &format!("seed {seed}, kill {kills}"));
        }
        w.fetch(0, &[]);
        assert_done(&w, &all, &format!("seed {seed}, after kill {kills}"));
        let again = w.fetch(0, &[]);
        assert_eq!((again.sum("downloaded"), again.sum("deleted_there")), (0, 0), "seed {seed}, after kill {kills}, again");
        let _ = maildir::read(&w.root);
        let _ = std::fs::remove_dir_all(&w.root);
    }
    println!("{kills} kills in {rounds} maildrops");
}
