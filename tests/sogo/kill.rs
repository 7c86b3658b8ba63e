//! kill -9 at every durable step, and at random instants: the next runs end where undisturbed ones do.

use std::time::Duration;

use crate::support::World;
use crate::support::kill;
use crate::support::maildir::leftovers;
use crate::{assert_settled, here, there};

/// Each step costs a login or two of SOGo: so many at most, spread over all of them.
const STEPS: usize = 6;

/// The steps of `verb` after `prepare`, some of them in a full run.
fn killed(prefix: &str, verb: &str, prepare: impl Fn(&World)) {
    if World::active_sync(prefix).is_none() {
        return;
    }
    let mut count = 0;
    // How many there are: a run that is killed at the last one and at none after it.
    for at in [1, 2, 4, 8, 16, 32, 64, 128] {
        let w = World::active_sync(prefix).unwrap();
        prepare(&w);
        if !kill::crash(&w, verb, at, "") {
            break;
        }
        count = at;
        mend(&w, verb, at);
    }
    assert!(count >= 8, "only {count} durable steps were met");
    let others: Vec<usize> = (3..count).filter(|at| !at.is_power_of_two()).collect();
    for at in others.iter().step_by(others.len().div_ceil(STEPS).max(1)) {
        let w = World::active_sync(prefix).unwrap();
        prepare(&w);
        assert!(kill::crash(&w, verb, *at, ""), "step {at}");
        mend(&w, verb, *at);
    }
}

fn mend(w: &World, verb: &str, at: usize) {
    let all = there(w);
    if verb == "fetch" {
        w.fetch(0, &[]);
        assert_eq!(here(w), all, "killed at step {at}");
        assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0, "killed at step {at}");
    } else {
        w.sync(0, &[]);
        w.sync(0, &[]);
        assert_settled(w);
    }
    assert!(leftovers(&w.root).is_empty(), "killed at step {at}");
}

#[test]
fn a_first_fetch_killed_at_its_steps_loses_and_doubles_nothing() {
    killed("kf", "fetch", |w| {
        w.server.fill(&w.user, "INBOX", 6, "a");
        w.server.create(&w.user, &["Other"]);
        w.server.fill(&w.user, "Other", 3, "b");
    });
}

#[test]
fn a_sync_killed_at_its_steps_ends_as_one_that_was_not() {
    killed("ks", "sync", |w| {
        w.configure_active_sync("expunge = \"now\"\n");
        w.server.create(&w.user, &["Other"]);
        w.server.fill(&w.user, "INBOX", 8, "a");
        w.sync(0, &[]);
        w.server.fill(&w.user, "Other", 3, "b");
        w.server.store(&w.user, "INBOX", "1:2", "+\\Flagged");
        w.server.expunge(&w.user, "INBOX", "3");
        let mut mail: Vec<_> = w.mail().into_iter().filter(|mail| mail.dir == "INBOX").collect();
        mail.sort_by(|a, b| a.identity.cmp(&b.identity));
        std::fs::remove_file(&mail[0].path).unwrap();
        mail[1].relabel("S");
        std::fs::rename(&mail[2].path, w.root.join("Other/cur").join(format!("{}:2,", mail[2].base))).unwrap();
    });
}

/// `MAILX_TEST_KILLS=100` is the full form. Shorter by default.
#[test]
fn kills_at_random_instants_lose_and_double_nothing() {
    let wanted = kill::told("MAILX_TEST_KILLS").unwrap_or(24);
    let Some(mut w) = World::active_sync("random") else { return };
    let mut instants = kill::Instants::new(Duration::from_millis(200));
    let (seed, mut round) = (instants.seed, 0);
    while instants.kills < wanted {
        round += 1;
        w.user = w.server.user("random");
        w.root = w.tmp.path().join(format!("mail-{round}"));
        w.configure_active_sync("");
        w.server.fill(&w.user, "INBOX", 300, "a");
        for _ in 0..6 {
            if !instants.kill(&w, "sync") {
                break;
            }
        }
        w.sync(0, &[]);
        w.sync(0, &[]);
        assert_eq!(here(&w), there(&w), "seed {seed}, round {round}");
        assert_eq!(w.sync(0, &[]).sum("downloaded"), 0, "seed {seed}, round {round}");
        let _ = std::fs::remove_dir_all(&w.root);
    }
}
