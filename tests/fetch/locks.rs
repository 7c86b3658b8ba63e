//! One writer per root.

use std::time::{Duration, Instant};

use crate::support::World;
use crate::world;

/// Mail is waiting, and somebody holds the lock until the guard is dropped.
fn held(w: &World) -> crate::support::world::Running {
    w.server.generate(&w.user, "INBOX", 1, "held");
    // flock(1) on the file that the contract names.
    let lock = w.root.join(".mailx/lock");
    let mut command = std::process::Command::new("flock");
    command.arg("-F").arg(lock).args(["sleep", "30"]);
    let running = crate::support::world::Running::start(&mut command);
    std::thread::sleep(Duration::from_millis(200));
    running
}

#[test]
fn a_held_lock_is_75_and_nothing_is_touched() {
    let Some(w) = world("lock") else { return };
    w.fetch(0, &[]);
    let holder = held(&w);
    let before = crate::support::snapshot(&w.root);
    let out = w.fetch(75, &[]);
    assert_eq!(out.account()["error"]["class"], "locked");
    assert_eq!((out.account()["bytes_in"].as_u64(), crate::support::snapshot(&w.root)), (Some(0), before));
    let begun = Instant::now();
    w.fetch(75, &["--wait=1"]);
    assert!(begun.elapsed() >= Duration::from_millis(900) && begun.elapsed() < Duration::from_secs(10));
    holder.kill();
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 1);
}

#[test]
fn wait_waits_for_the_lock() {
    let Some(w) = world("wait") else { return };
    w.fetch(0, &[]);
    let holder = held(&w);
    let run = w.spawn(&["fetch", "--wait"]);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(w.mail().len(), 0);
    holder.kill();
    run.end(Duration::from_secs(20)).exit(0);
    assert_eq!(w.mail().len(), 1);
}

#[test]
fn two_runs_at_once_fetch_everything_once() {
    let Some(w) = world("two") else { return };
    w.server.fill(&w.user, "INBOX", 300, "a");
    let runs: Vec<_> = (0..3).map(|_| w.spawn(&["fetch", "--wait"])).collect();
    for run in runs {
        run.end(Duration::from_secs(30)).exit(0);
    }
    w.assert_same_as_server();
}
