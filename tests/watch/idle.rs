//! Several folders where the server tells of one on each connection.

use std::time::Duration;

use crate::line::behind_a_proxy;
use crate::support::World;
use crate::{SOON, Watch, count, soon, until, world};

/// Looks for itself far too rarely for these tests.
fn start(w: &World, more: &[&str]) -> Watch {
    let watch = Watch::start_with(w, &[&["--poll", "15m"], more].concat(), &[("MAILX_TEST_DISABLE", "NOTIFY")]);
    // Sessions that come up call for one more run, a second later.
    std::thread::sleep(Duration::from_millis(1500));
    watch.settle();
    watch
}

#[test]
fn chosen_folders_are_idled_on_and_the_rest_is_polled() {
    let Some(w) = world("chosen") else { return };
    w.server.create(&w.user, &["Archive", "Lists/a", "Lists/b"]);
    w.configure("idle = [\"INBOX\", \"Lists/*\"]");
    let watch = start(&w, &[]);
    assert_eq!(w.server.imap_processes(&w.user).len(), 3, "{}", watch.says());
    let mut here = 0;
    for folder in ["Lists/a", "INBOX", "Lists/b", "Lists/a"] {
        w.server.generate(&w.user, folder, 1, &format!("m{here}"));
        here += 1;
        soon(&format!("a message in {folder}"), || count(&w) == here);
    }
    // Flags are news, too.
    let uid = w.server.list(&w.user)["Lists/b"][0].uid.to_string();
    w.server.store(&w.user, "Lists/b", &uid, "+\\Seen");
    soon("a flag", || w.mail().iter().any(|m| m.letters.contains('S')));
    let runs = watch.settle();
    assert!(runs <= 16, "{runs} runs: {}", watch.says());
    w.server.generate(&w.user, "Archive", 1, "late");
    std::thread::sleep(SOON);
    assert_eq!((count(&w), watch.runs(), watch.told("note")), (here, runs, 0), "{}", watch.says());
    // A change here lets every session go on.
    let mail = w.mail().into_iter().find(|m| m.dir == "Lists/a").unwrap();
    mail.relabel("F");
    let flagged = || w.server.list(&w.user)["Lists/a"].iter().any(|l| l.flags.contains(&"\\Flagged".to_owned()));
    soon("a flag there", flagged);
    until("the message that waited for a look", || count(&w) == here + 1);
    watch.settle();
    assert_eq!(w.server.imap_processes(&w.user).len(), 3, "{}", watch.says());
    watch.end(0);
    until("the end of all sessions", || w.server.imap_processes(&w.user).is_empty());
}

#[test]
fn more_folders_than_connections_are_told_of_once() {
    let Some(w) = world("crowd") else { return };
    w.server.create(&w.user, &["a", "b", "c"]);
    w.configure("idle = [\"INBOX\", \"b\", \"*\"]\nconnections = 2");
    let watch = start(&w, &[]);
    w.server.generate(&w.user, "b", 1, "one");
    soon("a message in the second folder", || count(&w) == 1);
    watch.settle();
    assert_eq!(watch.told("6 of the chosen folders are polled: 2 connections listen to 2 folders"), 1, "{}", watch.says());
    assert_eq!(w.server.imap_processes(&w.user).len(), 2, "{}", watch.says());
    watch.end(0);
}

#[test]
fn lines_that_are_reset_stand_again_and_nothing_is_missed() {
    let Some((w, proxy)) = behind_a_proxy("listeners", "idle = [\"INBOX\", \"Lists/*\"]") else { return };
    w.server.create(&w.user, &["Lists/a", "Lists/b"]);
    let watch = start(&w, &[]);
    assert_eq!(proxy.open(), 3, "{}", watch.says());
    for n in 0..3 {
        proxy.reset();
        w.server.generate(&w.user, ["Lists/a", "INBOX", "Lists/b"][n], 1, &format!("m{n}"));
        let took = until("a message", || count(&w) == n + 1);
        assert!(took < Duration::from_secs(9), "{took:?}");
    }
    until("all of them", || proxy.open() == 3);
    watch.settle();
    assert_eq!((proxy.open(), watch.told("error"), watch.told("note")), (3, 0, 0), "{}", watch.says());
    watch.end(0);
    until("the end of all lines", || proxy.open() == 0);
}
