//! What goes wrong is told once, and stops nothing else.

use std::time::Duration;

use crate::{Watch, count, until, world};

#[test]
fn accounts_that_fail_stop_no_other_and_are_told_once() {
    let Some(w) = world("many") else { return };
    let mut config = String::new();
    let mut users = Vec::new();
    for n in 0..7 {
        let user = format!("{}-{n}", w.user);
        w.server.generate(&user, "INBOX", 1, "a");
        config += &w.account(&format!("good{n}"), &user, &w.tmp.path().join(format!("good{n}")), "");
        users.push(user);
    }
    let bad = |name: &str| w.tmp.path().join(name);
    config += &w.account("denied", "wrong-user", &bad("denied"), "");
    config += &w.account("down", &w.user, &bad("down"), "receive = \"imaps://x@127.0.0.1:1\"");
    config += &w.account("stranger", &w.user, &bad("stranger"), "tls = { roots = \"webpki\" }");
    w.write_config(&config);
    let watch = Watch::start(&w, &[]);
    let here = |n: usize| crate::support::maildir::read(&w.tmp.path().join(format!("good{n}"))).len();
    until("the mail of all others", || (0..7).all(|n| here(n) == 1));
    watch.settle();
    for (n, user) in users.iter().enumerate() {
        w.server.generate(user, "INBOX", 1, &format!("b{n}"));
    }
    until("new mail of all others", || (0..7).all(|n| here(n) == 2));
    std::thread::sleep(Duration::from_secs(5));
    for name in ["denied", "down", "stranger"] {
        assert_eq!(watch.told(&format!("{name}: error")), 1, "{name}: {}", watch.says());
    }
    // Three kinds of failure: neither of their codes.
    watch.end(1);
    w.run(&["status", "--max-age", "1h"]).exit(1);
}

#[test]
fn one_account_that_cannot_log_in_ends_with_its_code() {
    let Some(w) = world("alone") else { return };
    w.write_config(&w.account("test", "wrong-user", &w.root, ""));
    let watch = Watch::start_early(&w, &[], &[]);
    until("the trouble", || watch.told("test: error: auth") == 1);
    watch.end(77);
}

#[test]
fn a_maildir_that_vanishes_is_not_made_anew() {
    let Some(w) = world("vanish") else { return };
    w.server.generate(&w.user, "INBOX", 6, "a");
    let watch = Watch::start(&w, &["--poll", "2s"]);
    assert_eq!(count(&w), 6);
    let away = w.tmp.path().join("away");
    std::fs::rename(&w.root, &away).unwrap();
    w.server.generate(&w.user, "INBOX", 1, "b");
    until("the trouble", || watch.told("error: guard") == 1);
    // A disk that is mounted later begins as an empty directory.
    std::fs::create_dir(&w.root).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(std::fs::read_dir(&w.root).unwrap().count(), 0, "nothing is fetched into the place of a disk");
    std::fs::remove_dir(&w.root).unwrap();
    std::fs::rename(&away, &w.root).unwrap();
    until("the new message", || count(&w) == 7);
    until("good news", || watch.told("works again") == 1);
    assert_eq!((watch.told("error: guard"), w.server.list(&w.user)["INBOX"].len()), (1, 7), "{}", watch.says());
    watch.end(0);
}

#[test]
fn wrong_words_and_a_wrong_configuration_end_at_once() {
    let Some(w) = world("wrong") else { return };
    w.run(&["watch", "nobody"]).exit(64);
    w.run(&["watch", "--poll", "0"]).exit(64);
    w.write_config("[accounts.x]\nreceiv = \"x\"\n");
    w.run(&["watch"]).exit(78);
}

#[test]
fn another_run_that_has_the_lock_is_waited_for() {
    let Some(w) = world("lock") else { return };
    w.server.generate(&w.user, "INBOX", 1, "a");
    let watch = Watch::start(&w, &[]);
    let lock = std::fs::File::open(w.root.join(".mailx/lock")).unwrap();
    lock.lock().unwrap();
    w.server.generate(&w.user, "INBOX", 1, "b");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((count(&w), watch.told("error")), (1, 0));
    lock.unlock().unwrap();
    let took = until("the message", || count(&w) == 2);
    assert!(took < Duration::from_secs(2), "{took:?}");
    watch.end(0);
}
