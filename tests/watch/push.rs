//! Mail arrives when it is sent, whatever the protocol.

use std::time::Duration;

use crate::support::{World, dovecot};
use crate::{SOON, Watch, count, soon, until, world};

fn mail_comes_and_goes(masked: &str) {
    let Some(w) = world("watch") else { return };
    w.server.generate(&w.user, "INBOX", 3, "first");
    let watch = Watch::start_with(&w, &[], &[("MAILX_TEST_DISABLE", masked)]);
    assert_eq!(count(&w), 3);
    for n in 0..3 {
        w.server.generate(&w.user, "INBOX", 1, &format!("later{n}"));
        soon("a new message", || count(&w) == 4 + n);
    }
    // Flags and deletions are news, too.
    let uid = w.server.list(&w.user)["INBOX"][0].uid.to_string();
    w.server.store(&w.user, "INBOX", &uid, "+\\Seen");
    soon("a flag", || w.mail().iter().any(|m| m.letters.contains('S')));
    w.server.expunge(&w.user, "INBOX", &uid);
    soon("a deletion", || count(&w) == 5);
    // What was done here is not done again and again.
    let runs = watch.settle();
    assert!(runs <= 14, "{runs} runs: {}", watch.says());
    watch.end(0);
    w.run(&["status", "--max-age", "1m"]).exit(0);
}

#[test]
fn new_mail_comes_at_once_by_notify() {
    mail_comes_and_goes("");
}

#[test]
fn new_mail_comes_at_once_by_idle() {
    mail_comes_and_goes("NOTIFY");
}

#[test]
fn notify_tells_of_all_folders_and_of_new_ones() {
    let Some(w) = world("notify") else { return };
    w.server.create(&w.user, &["Lists/a", "Lists/b"]);
    let watch = Watch::start(&w, &[]);
    w.server.generate(&w.user, "Lists/b", 2, "a");
    soon("mail in another folder", || count(&w) == 2);
    w.server.create(&w.user, &["New"]);
    w.server.generate(&w.user, "New", 1, "b");
    // First the folder, then what is in it.
    let took = until("mail in a new folder", || count(&w) == 3);
    assert!(took < SOON * 2, "{took:?}");
    watch.end(0);
}

#[test]
fn names_that_dovecot_tells_in_plain_utf8_are_those_of_the_listing() {
    let Some(w) = world("names") else { return };
    let folders = ["Entwürfe", "R&D", "Grün/Süb"];
    w.server.create(&w.user, &folders);
    w.sync(0, &[]);
    let watch = Watch::start(&w, &[]);
    std::thread::sleep(Duration::from_secs(5));
    assert!(watch.runs() <= 3, "{} runs at rest: {}", watch.runs(), watch.says());
    for (n, folder) in folders.iter().enumerate() {
        w.server.generate(&w.user, folder, 1, &format!("m{n}"));
        soon("mail in such a folder", || count(&w) == n + 1);
    }
    // One that is made meanwhile has one directory, and no other name.
    w.server.create(&w.user, &["Server/Süb Ü"]);
    w.server.generate(&w.user, "Server/Süb Ü", 1, "later");
    until("mail in a new folder", || count(&w) == 4);
    w.server.generate(&w.user, "INBOX", 1, "last");
    soon("mail after that", || count(&w) == 5);
    let before = watch.settle();
    std::thread::sleep(Duration::from_secs(4));
    assert!(watch.runs() <= before + 1, "{}", watch.says());
    watch.end(0);
    let dirs: Vec<String> =
        std::fs::read_dir(w.root.join("Server")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(dirs.iter().filter(|dir| dir.contains('b')).collect::<Vec<_>>(), ["Süb Ü"], "{dirs:?}");
    w.sync(0, &[]);
}

#[test]
fn idle_watches_the_inbox_and_polls_the_rest() {
    let Some(w) = world("idle") else { return };
    w.server.create(&w.user, &["Archive"]);
    let watch = Watch::start_with(&w, &["--poll", "3s"], &[("MAILX_TEST_DISABLE", "NOTIFY")]);
    w.server.generate(&w.user, "Archive", 1, "a");
    until("mail in a folder that is polled", || count(&w) == 1);
    watch.end(0);
}

#[test]
fn a_server_without_either_is_polled() {
    let Some(w) = world("poll") else { return };
    let watch = Watch::start_with(&w, &["--fetch"], &[("MAILX_TEST_DISABLE", "NOTIFY,IDLE")]);
    // Not more often than once a minute: the first wait is all that is seen of it here.
    assert_eq!(watch.settle(), 1);
    watch.end(0);
}

#[test]
fn changes_here_go_there_at_once_and_the_lock_is_free_meanwhile() {
    let Some(w) = world("here") else { return };
    w.server.generate(&w.user, "INBOX", 2, "a");
    let watch = Watch::start(&w, &[]);
    watch.settle();
    w.mail().remove(0).relabel("S");
    soon("a flag there", || w.server.list(&w.user)["INBOX"].iter().any(|l| l.flags.contains(&"\\Seen".to_owned())));
    std::fs::write(w.root.join("INBOX/new/1.x.y"), "From: me@example.org\nSubject: hello\n\nHello.\n").unwrap();
    soon("a new message there", || w.server.list(&w.user)["INBOX"].len() == 3);
    let runs = watch.settle();
    assert!(runs <= 10, "{runs} runs: {}", watch.says());
    // Another run has the Maildir at once.
    w.sync(0, &[]);
    // A folder that is made here, and what is put into it.
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(w.root.join("Made").join(part)).unwrap();
    }
    until("the folder there", || w.server.list(&w.user).contains_key("Made"));
    watch.settle();
    std::fs::write(w.root.join("Made/new/2.x.y"), "From: me@example.org\nSubject: again\n\nHello.\n").unwrap();
    until("a message in it", || w.server.list(&w.user)["Made"].len() == 1);
    watch.end(0);
}

#[test]
fn fetch_changes_nothing_there() {
    let Some(w) = world("fetching") else { return };
    w.server.generate(&w.user, "INBOX", 1, "a");
    let watch = Watch::start(&w, &["--fetch"]);
    std::fs::write(w.root.join("INBOX/new/1.x.y"), "From: me@example.org\nSubject: hello\n\nHello.\n").unwrap();
    w.server.generate(&w.user, "INBOX", 1, "b");
    until("a new message", || count(&w) == 3);
    watch.settle();
    assert_eq!(w.server.list(&w.user)["INBOX"].len(), 2);
    watch.end(0);
}

#[test]
fn once_ends_when_something_came() {
    let Some(w) = world("once") else { return };
    w.run(&["watch", "--once", "--max-duration", "1s"]).exit(75);
    let watch = Watch::start(&w, &["--once"]);
    w.server.generate(&w.user, "INBOX", 1, "a");
    watch.running.end(Duration::from_secs(20)).exit(0);
    assert_eq!(count(&w), 1);
    // What came while nobody watched ends the next one.
    w.server.generate(&w.user, "INBOX", 1, "b");
    w.run(&["watch", "--once"]).exit(0);
    assert_eq!(count(&w), 2);
}

/// Slow: servers are not asked more often than once a minute where they do not say otherwise.
#[test]
fn pop3_is_polled_as_often_as_it_bears() {
    let Some(server) = dovecot() else { return };
    let w = World::new(server, "popwatch");
    let url = format!("pop3s://{}@{}:{}", w.user, w.server.get("HOST"), w.server.get("POP3S_PORT"));
    w.configure(&format!("receive = \"{url}\"\n"));
    let watch = Watch::start(&w, &["--poll", "1s"]);
    w.server.generate(&w.user, "INBOX", 1, "a");
    let begun = std::time::Instant::now();
    while count(&w) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(80), "never");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(begun.elapsed() > Duration::from_secs(45), "{:?}: too soon after the last login", begun.elapsed());
    watch.end(0);
}

#[test]
fn active_sync_pings() {
    let Some(w) = World::active_sync("eww") else { return };
    w.server.generate(&w.user, "INBOX", 2, "a");
    w.server.prime(&w.user, &["INBOX"]);
    let watch = Watch::start(&w, &[]);
    assert_eq!(count(&w), 2);
    watch.settle();
    for n in 0..2 {
        w.server.generate(&w.user, "INBOX", 1, &format!("later{n}"));
        let took = until("a new message", || count(&w) == 3 + n);
        println!("a message came in {took:?}");
        // SOGo looks every five seconds.
        assert!(took < Duration::from_secs(12), "{took:?}");
    }
    // A change of ours is no news for long.
    w.mail().remove(0).relabel("S");
    until("a flag there", || w.server.list(&w.user)["INBOX"].iter().any(|l| l.flags.contains(&"\\Seen".to_owned())));
    std::thread::sleep(Duration::from_secs(12));
    let runs = watch.runs();
    assert!(runs <= 12, "{runs} runs: {}", watch.says());
    watch.end(0);
}
