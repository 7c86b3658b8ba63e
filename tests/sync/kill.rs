//! kill -9 at every durable step, and at two hundred random instants: the end is the same each time.

use std::time::Duration;

use serde_json::json;

use crate::both::*;
use crate::support::{World, kill};
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

fn killed_at_each_step(prefix: &str, mask: &str) {
    let Some(w) = world(prefix) else { return };
    let mut expected = None;
    let steps = kill::at_each_step(|at| {
        let user = format!("{}-{at}", w.user);
        let mut own = World::new(w.server, prefix);
        own.user = user;
        own.configure("expunge = \"now\"");
        change(&own);
        let killed = kill::crash(&own, "sync", at, mask);
        own.sync_without(mask, 0, &[]);
        own.sync_without(mask, 0, &[]);
        let (here, there) = (here(&own), there(&own));
        assert_eq!(here, there, "killed at step {at}: here (left) and there (right) differ");
        assert_nothing_done(&own.sync_without(mask, 0, &[]));
        assert_eq!(*expected.get_or_insert(here.clone()), here, "killed at step {at}: another end than at step 1");
        killed
    });
    assert!(steps > 15, "only {steps} durable steps were met");
}

#[test]
fn a_kill_at_each_durable_step_is_mended_by_the_next_run() {
    killed_at_each_step("sk", "");
}

#[test]
fn a_kill_at_each_durable_step_is_mended_where_the_server_tells_no_ids() {
    killed_at_each_step("skp", "UIDPLUS,MULTIAPPEND");
}

#[test]
fn two_hundred_kills_at_random_instants_lose_and_double_nothing() {
    let Some(w) = world("skrandom") else { return };
    w.configure("expunge = \"now\"");
    let mut instants = kill::Instants::new(Duration::from_millis(60));
    let seed = instants.seed;
    w.server.create(&w.user, &["Other"]);
    w.server.fill(&w.user, "INBOX", 300, "in");
    w.sync(0, &[]);
    let (mut round, mut expected) = (0, 300);
    while instants.kills < 200 {
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
            if !instants.kill(&w, "sync") {
                break;
            }
        }
        w.sync(0, &[]);
        w.sync(0, &[]);
        let (here, there, kills) = (here(&w), there(&w), instants.kills);
        assert!(here == there, "seed {seed}, after kill {kills}: the sides differ");
        let all: usize = here.values().flat_map(|folder| folder.values()).sum();
        assert_eq!(all, expected, "seed {seed}, after kill {kills}");
        assert!(here.values().all(|folder| folder.values().all(|n| *n == 1)), "seed {seed}, after kill {kills}: something is there twice");
    }
    println!("{} kills in {round} rounds", instants.kills);
}
