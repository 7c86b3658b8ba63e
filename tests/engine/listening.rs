//! `watch` where a session tells of one folder only: those that were chosen are listened to all the same, each by a session of its own.

use std::num::NonZeroU16;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use mailx::model::Caps;
use mailx::model::caps::Push;
use mailx::testing::mem::{MemServer, everything};
use tokio::time::sleep;

use crate::watching::{HOUR, Watching, settings};

/// So many connections of it make sense.
fn one_folder_each(connections: u16) -> Caps {
    Caps { push: Push::OneFolder, sessions: NonZeroU16::new(connections).unwrap(), ..everything() }
}

fn start(connections: u16, idle: &[&str]) -> Watching {
    let server = MemServer::with(&["Archive", "Lists", "Lists/a", "Lists/b"].map(|path| (path, None)));
    Watching::of(server, one_folder_each(connections), idle, settings())
}

/// Mail comes, and is here a second later; or is not.
async fn comes_at_once(w: &Watching, folder: &str, label: &str) -> bool {
    w.deliver(folder, label);
    sleep(Duration::from_secs(1)).await;
    is_here(w, label)
}

fn is_here(w: &Watching, label: &str) -> bool {
    w.here.side().to_string().contains(label)
}

#[tokio::test(start_paused = true)]
async fn chosen_folders_are_heard_of_at_once_and_the_others_by_the_poll() {
    let w = start(4, &["INBOX", "Lists/*"]);
    sleep(Duration::from_secs(60)).await;
    assert!(w.runs() <= 2, "{} runs: the sessions that came up called for one", w.runs());
    for n in 0..20 {
        for folder in ["INBOX", "Lists/a", "Lists/b"] {
            let label = format!("m{n}{}", &folder[folder.len() - 1..]);
            assert!(comes_at_once(&w, folder, &label).await, "{label}");
        }
        sleep(Duration::from_secs(57)).await;
    }
    assert!(!comes_at_once(&w, "Archive", "late").await);
    sleep(Duration::from_secs(370)).await;
    assert!(is_here(&w, "late"));
    assert_eq!((w.account.server.sessions(), w.told()), (3, vec![]));
    // One for each message, and now and then one that looks.
    assert!(w.runs() <= 61 + 10, "{} runs", w.runs());
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn where_all_folders_are_told_of_there_is_one_session_whatever_was_chosen() {
    let all = Caps { push: Push::Folders { most: NonZeroU16::MAX }, ..one_folder_each(4) };
    let w = Watching::of(MemServer::with(&[("Archive", None)]), all, &["*"], settings());
    sleep(HOUR).await;
    assert!(comes_at_once(&w, "Archive", "one").await);
    assert_eq!((w.account.server.sessions(), w.account.connects.load(SeqCst)), (1, 0));
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_chosen_folder_has_the_session_of_the_runs() {
    let w = start(1, &["Lists/b"]);
    sleep(Duration::from_secs(60)).await;
    assert!(comes_at_once(&w, "Lists/b", "one").await);
    assert!(!comes_at_once(&w, "INBOX", "two").await);
    assert_eq!((w.account.server.sessions(), w.told()), (1, vec![]));
    w.end().await;
    // Where none is there, it is the INBOX, as if nothing had been chosen.
    let w = start(4, &["Nothing"]);
    sleep(Duration::from_secs(60)).await;
    assert!(comes_at_once(&w, "INBOX", "one").await);
    assert_eq!((w.account.server.sessions(), w.told()), (1, vec![]));
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn more_than_the_connections_allow_are_polled_and_that_is_said_once() {
    let w = start(2, &["INBOX", "Lists/b", "*"]);
    sleep(3 * HOUR).await;
    assert!(comes_at_once(&w, "Lists/b", "one").await, "the patterns are in the order of what matters");
    assert!(!comes_at_once(&w, "Lists/a", "two").await);
    sleep(HOUR / 2).await;
    assert!(is_here(&w, "two"));
    assert_eq!(w.told(), ["note: 3 of the chosen folders are polled: 2 connections listen to 2 folders"]);
    assert_eq!(w.account.server.sessions(), 2);
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn runs_have_the_connections_that_nobody_listens_on() {
    for (idle, connections) in [("INBOX", 3), ("*", 4)] {
        let w = start(4, &[idle]);
        sleep(Duration::from_secs(60)).await;
        // Worth three connections.
        for n in 0..700 {
            ["INBOX", "Archive", "Lists/a"].iter().for_each(|folder| w.deliver(folder, &format!("{n}{folder}")));
        }
        sleep(Duration::from_secs(60)).await;
        assert!(["699INBOX", "699Archive", "699Lists/a"].iter().all(|label| is_here(&w, label)));
        assert_eq!(w.account.server.sessions(), connections, "{idle}");
        w.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_lost_stands_again_within_seconds_and_has_missed_nothing() {
    let w = start(4, &["INBOX", "Archive"]);
    sleep(HOUR).await;
    for n in 0..5 {
        w.account.server.hang_up_at(Some("Archive"));
        sleep(Duration::from_millis(500)).await;
        w.account.server.hang_up_at(None);
        // While nobody listens.
        w.deliver("Archive", &format!("m{n}"));
        sleep(Duration::from_secs(4)).await;
        assert!(is_here(&w, &format!("m{n}")));
        sleep(HOUR).await;
    }
    assert_eq!((w.account.server.sessions(), w.told()), (2 + 5, vec![]));
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_never_holds_is_told_of_once_and_tried_rarely() {
    let w = start(4, &["INBOX", "Archive", "Lists/a"]);
    w.account.server.hang_up_at(Some("Archive"));
    sleep(6 * HOUR).await;
    let connects = w.account.connects.load(SeqCst);
    assert!((60..95).contains(&connects), "{connects} lines in six hours: one each five minutes");
    assert!(w.runs() < 6 * 12 * 2 + 30, "{} runs in six hours", w.runs());
    assert_eq!(w.told().len(), 1, "{:?}", w.told());
    assert!(w.told()[0].contains("polled meanwhile: the connection was lost"), "{:?}", w.told());
    // It is no failure of the account, and of no other listener.
    assert!(comes_at_once(&w, "INBOX", "one").await && comes_at_once(&w, "Lists/a", "two").await);
    w.deliver("Archive", "three");
    sleep(Duration::from_secs(370)).await;
    assert!(is_here(&w, "three"));
    assert!(w.end().await.standing.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lets_no_further_session_in_is_told_of_once_and_polled() {
    let w = start(4, &["INBOX", "Archive"]);
    w.account.lets_in.store(false, SeqCst);
    sleep(6 * HOUR).await;
    assert_eq!(w.told(), ["note: a chosen folder cannot be listened to, and is polled meanwhile: too many connections"]);
    assert!(w.runs() < 6 * 12 + 10, "{} runs", w.runs());
    assert!(w.account.connects.load(SeqCst) < 6 * 12 + 20, "{} tries", w.account.connects.load(SeqCst));
    assert!(comes_at_once(&w, "INBOX", "one").await);
    // It is let in at last.
    w.account.lets_in.store(true, SeqCst);
    sleep(HOUR / 4).await;
    assert!(comes_at_once(&w, "Archive", "two").await);
    assert!(w.end().await.standing.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_talks_without_end_on_every_line_keeps_nobody_busy() {
    let w = start(4, &["*"]);
    w.account.server.talk(true);
    sleep(24 * HOUR).await;
    assert!(w.runs() < 320, "{} runs in a day", w.runs());
    assert!(w.account.server.waits() < 320 * 5, "{} waits in a day", w.account.server.waits());
    assert_eq!(w.told().iter().filter(|told| told.contains("again and again")).count(), 1, "{:?}", w.told());
    w.account.server.talk(false);
    sleep(HOUR).await;
    assert!(comes_at_once(&w, "Lists/a", "one").await);
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_every_line_is_new_and_a_lost_account_has_none() {
    let w = start(4, &["INBOX", "Lists/*"]);
    sleep(HOUR).await;
    assert_eq!(w.account.server.sessions(), 3);
    w.account.clock.1.fetch_add(8 * 3600, SeqCst);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(w.account.server.sessions(), 6);
    assert!(comes_at_once(&w, "Lists/b", "one").await);
    // The server goes down: nobody knocks but the runs.
    w.account.server.refuse(Some(mailx::model::Class::Unavailable));
    w.account.server.hang_up(true);
    sleep(Duration::from_secs(60)).await;
    let connects = w.account.connects.load(SeqCst);
    sleep(HOUR).await;
    assert_eq!(w.account.connects.load(SeqCst), connects);
    assert_eq!(w.told().iter().filter(|told| told.contains("trouble")).count(), 1, "{:?}", w.told());
    w.account.server.hang_up(false);
    w.account.server.refuse(None);
    sleep(HOUR / 4).await;
    assert!(comes_at_once(&w, "Lists/a", "two").await);
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn folders_that_come_and_go_are_listened_to_as_long_as_they_are_there() {
    let w = start(4, &["INBOX", "New/*"]);
    sleep(HOUR).await;
    assert_eq!(w.account.server.sessions(), 1);
    w.account.server.create("New/x", None);
    sleep(HOUR / 4).await;
    assert!(comes_at_once(&w, "New/x", "one").await);
    assert_eq!(w.account.server.sessions(), 2);
    // With mail in it, it stays here: it cannot be opened there, and keeps nobody busy.
    w.account.server.hide("New/x", true);
    let (runs, connects) = (w.runs(), w.account.connects.load(SeqCst));
    sleep(3 * HOUR).await;
    assert!(w.runs() - runs < 3 * 12 + 10, "{} runs", w.runs() - runs);
    assert!(w.account.connects.load(SeqCst) - connects <= 2, "{} lines", w.account.connects.load(SeqCst) - connects);
    assert!(comes_at_once(&w, "INBOX", "two").await);
    w.account.server.hide("New/x", false);
    sleep(HOUR / 4).await;
    assert!(comes_at_once(&w, "New/x", "three").await);
    w.end().await;
}
