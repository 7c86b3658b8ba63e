//! kill -9 at every durable step, and at two hundred random instants: the end is the same each time.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::both::*;
use crate::support::World;
use crate::world;

/// Both sides agreed; then each changes in every way.
fn change(w: &World) {
    let mut deeds = vec![json!(["create", "Other"]), json!(["create", "Third"])];
    deeds.extend(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(|subject| appended("INBOX", subject, "")));
    w.server.deeds(&w.user, &json!(deeds));
    w.sync(0, &[]);
    w.server.deeds(
        &w.user,
        &json!([
            ["store", "INBOX", id("b"), "+\\Flagged Work"],
            ["expunge", "INBOX", id("c")],
            ["move", "INBOX", id("f"), "Third"],
            appended("INBOX", "down", "\\Seen"),
        ]),
    );
    flag(w, "a", "FS");
    delete(w, "d");
    carry(w, "e", "Other");
    put(w, "INBOX", "1.up.host:2,S", &message("up1"));
    put(w, "Fresh", "2.up.host", &message("up2"));
    put(w, "Other", "3.up.host:2,R", &message("up3"));
}

fn crash(w: &World, at: usize, mask: &str) -> bool {
    let out = w.run_with(&["sync", "--json"], &[("MAILX_TEST_CRASH_AT", &at.to_string()), ("MAILX_TEST_DISABLE", mask)]);
    assert!(out.signal == Some(9) || out.code == Some(0), "step {at}: {out:?}");
    out.signal == Some(9)
}

fn killed_at_each_step(prefix: &str, mask: &str) {
    let Some(w) = world(prefix) else { return };
    let mut expected = None;
    let mut at = 1;
    loop {
        let user = format!("{}-{at}", w.user);
        let mut own = World::new(w.server, prefix);
        own.user = user;
        own.configure("expunge = \"now\"");
        change(&own);
        let killed = crash(&own, at, mask);
        own.sync_without(mask, 0, &[]);
        own.sync_without(mask, 0, &[]);
        let (here, there) = (here(&own), there(&own));
        assert_eq!(here, there, "killed at step {at}: here (left) and there (right) differ");
        assert_nothing_done(&own.sync_without(mask, 0, &[]));
        assert_eq!(*expected.get_or_insert(here.clone()), here, "killed at step {at}: another end than at step 1");
        if !killed {
            break;
        }
        at += 1;
    }
    assert!(at > 15, "only {at} durable steps were met");
}

#[test]
fn a_kill_at_each_durable_step_is_mended_by_the_next_run() {
    killed_at_each_step("sk", "");
}

#[test]
fn a_kill_at_each_durable_step_is_mended_where_the_server_tells_no_ids() {
    killed_at_each_step("skp", "UIDPLUS,MULTIAPPEND");
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

#[test]
fn two_hundred_kills_at_random_instants_lose_and_double_nothing() {
    let Some(w) = world("skrandom") else { return };
    w.configure("expunge = \"now\"");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("MAILX_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(now | 1);
    println!("MAILX_TEST_SEED={seed} repeats these instants");
    let mut random = Random(seed);
    w.server.create(&w.user, &["Other"]);
    w.server.fill(&w.user, "INBOX", 300, "in");
    w.sync(0, &[]);
    let (mut kills, mut round, mut expected, mut longest) = (0, 0, 300, Duration::from_millis(400));
    while kills < 200 {
        round += 1;
        // What is new on each side, and what moves.
        for n in 0..60 {
            put(&w, "INBOX", &format!("{round}.{n}.up.host:2,S"), &message(&format!("up-{round}-{n}")));
        }
        w.server.fill(&w.user, "Other", 60, &format!("down-{round}"));
        let moving: Vec<_> = w.mail().into_iter().filter(|m| m.dir == "INBOX").take(10).collect();
        for mail in moving {
            let place = w.root.join("Other").join(mail.place);
            std::fs::rename(&mail.path, place.join(mail.path.file_name().unwrap())).unwrap();
        }
        expected += 120;
        for _ in 0..10 {
            let begun = Instant::now();
            let mut run = w.spawn(&["sync"]);
            std::thread::sleep(Duration::from_micros(random.below(longest.as_micros() as u64)));
            if run.child.try_wait().unwrap().is_some() {
                longest = begun.elapsed().min(longest).max(Duration::from_millis(60));
                break;
            }
            run.kill();
            kills += 1;
        }
        w.sync(0, &[]);
        w.sync(0, &[]);
        let (here, there) = (here(&w), there(&w));
        assert!(here == there, "seed {seed}, after kill {kills}: the sides differ");
        let all: usize = here.values().flat_map(|folder| folder.values()).sum();
        assert_eq!(all, expected, "seed {seed}, after kill {kills}");
        assert!(here.values().all(|folder| folder.values().all(|n| *n == 1)), "seed {seed}, after kill {kills}: something is there twice");
    }
    println!("{kills} kills in {round} rounds");
}
