//! Lines that die, with and without a word; and a machine that sleeps.

use std::time::Duration;

use crate::proxy::Proxy;
use crate::support::World;
use crate::{Watch, count, until, world};

/// An account behind a proxy, with more lines of its configuration.
pub fn behind_a_proxy(prefix: &str, more: &str) -> Option<(World, Proxy)> {
    let w = world(prefix)?;
    let proxy = Proxy::to(w.server.port("IMAPS_PORT"));
    w.configure(&format!("receive = \"imaps://{}@127.0.0.1:{}\"\n{more}", w.user, proxy.port));
    Some((w, proxy))
}

fn a_dead_line_is_found(masked: &str) {
    let Some((w, proxy)) = behind_a_proxy("dead", "") else { return };
    // Who bears a second of silence has a heartbeat every four.
    let watch = Watch::start_with(&w, &["--timeout", "1"], &[("MAILX_TEST_DISABLE", masked)]);
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(proxy.count(), 1, "a line that lives is kept: {}", watch.says());
    proxy.silence();
    w.server.generate(&w.user, "INBOX", 1, "a");
    let took = until("a message", || count(&w) == 1);
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert_eq!((proxy.count(), watch.told("error")), (2, 0), "{}", watch.says());
    watch.end(0);
}

#[test]
fn a_line_that_died_without_a_word_is_found_by_its_silence_under_notify() {
    a_dead_line_is_found("");
}

#[test]
fn a_line_that_died_without_a_word_is_found_by_its_silence_under_idle() {
    a_dead_line_is_found("NOTIFY");
}

#[test]
fn a_line_that_is_reset_stands_again_at_once() {
    let Some((w, proxy)) = behind_a_proxy("reset", "") else { return };
    let watch = Watch::start(&w, &[]);
    for n in 0..3 {
        proxy.reset();
        w.server.generate(&w.user, "INBOX", 1, &format!("m{n}"));
        let took = until("a message", || count(&w) == n + 1);
        assert!(took < Duration::from_secs(9), "{took:?}");
    }
    assert_eq!(watch.told("error"), 0, "{}", watch.says());
    watch.settle();
    assert_eq!(proxy.open(), 1, "nothing is left open");
    watch.end(0);
}

/// Slow: a sleep of less than ten seconds is none.
#[test]
fn after_a_sleep_there_is_a_new_line_within_seconds() {
    let Some((w, proxy)) = behind_a_proxy("sleep", "") else { return };
    let watch = Watch::start(&w, &[]);
    watch.running.signal("STOP");
    std::thread::sleep(Duration::from_secs(17));
    // What lies between has forgotten the line meanwhile.
    proxy.silence();
    w.server.generate(&w.user, "INBOX", 1, "a");
    watch.running.signal("CONT");
    let took = until("a message", || count(&w) == 1);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!((proxy.count(), watch.told("error")), (2, 0), "{}", watch.says());
    watch.end(0);
}

#[test]
fn files_and_sockets_do_not_add_up() {
    let Some((w, proxy)) = behind_a_proxy("leak", "") else { return };
    let watch = Watch::start(&w, &["--poll", "1s"]);
    watch.settle();
    let open = || std::fs::read_dir(format!("/proc/{}/fd", watch.running.child.id())).unwrap().count();
    let threads = || std::fs::read_dir(format!("/proc/{}/task", watch.running.child.id())).unwrap().count();
    let before = (open(), threads());
    for n in 0..8 {
        w.server.generate(&w.user, "INBOX", 5, &format!("m{n}"));
        if n % 3 == 2 {
            proxy.reset();
        }
        until("the messages", || count(&w) == 5 * (n + 1));
    }
    std::thread::sleep(Duration::from_secs(2));
    let after = (open(), threads());
    assert!(after.0 <= before.0 + 2 && after.1 <= before.1 + 3, "before {before:?}, after {after:?}");
    watch.end(0);
}
