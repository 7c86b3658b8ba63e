//! Ids that come again: for other mail, or for what a session did not list for once.

use std::path::Path;

use crate::peer::{Answer, Drop, GMAIL, Home, Letter, body, say};
use crate::support::maildir::identity;

/// A message of a fixed size under an id.
fn letter(id: &str, subject: &str) -> Letter {
    Letter { id: id.into(), body: body(subject), size: None }
}

fn remove_state(root: &Path) {
    std::fs::remove_dir_all(root.join(".mailx")).unwrap();
}

#[test]
fn what_a_second_session_does_not_list_is_named_and_comes_later() {
    let home = Home::new(Drop::of(8, "a"));
    home.peer.hook(|line, connection| match (line, connection) {
        ("RETR 4", 1) => Some(Answer::Last(b"+OK\r\nFrom: a@example".to_vec())),
        ("STAT", 2) => say("+OK 0 0\r\n"),
        ("LIST" | "UIDL", 2) => say("+OK\r\n.\r\n"),
        _ => None,
    });
    home.fetch(1).says("a second session in this run does not list it");
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn row_64_an_id_that_went_and_came_back_may_be_another_messages() {
    let home = Home::new(Drop::of(3, "a"));
    home.fetch(0);
    let mut all = home.here();
    home.peer.change(|d| drop(d.letters.remove(1)));
    home.fetch(0);
    home.peer.change(|d| d.letters.push(letter("a-2", "b 2")));
    all.push(identity(&body("b 2")));
    all.sort();
    assert_eq!(home.fetch(0).sum("downloaded"), 1, "of the same size, and another one");
    assert_eq!(home.here(), all);
    home.configure("after-fetch = \"delete\"");
    for _ in 0..3 {
        home.fetch(0);
    }
    assert_eq!((home.here(), home.peer.maildrop().letters.len()), (all, 0));
}

#[test]
fn row_64_an_id_of_what_was_removed_by_us_may_be_another_messages() {
    let home = Home::new(Drop::of(3, "a"));
    home.configure("after-fetch = \"delete\"");
    home.fetch(0);
    home.peer.change(|d| d.letters.push(letter("a-2", "b 2")));
    for _ in 0..3 {
        home.fetch(0);
    }
    assert_eq!(home.peer.maildrop().letters.len(), 0);
    assert!(home.here().contains(&identity(&body("b 2"))) && home.mail().len() == 4, "{:?}", home.mail());
}

#[test]
fn row_64_a_deletion_here_is_not_of_the_message_that_has_its_id_now() {
    let home = Home::new(Drop::of(3, "a"));
    home.fetch(0);
    home.peer.change(|d| drop(d.letters.remove(1)));
    home.fetch(0);
    home.peer.change(|d| d.letters.push(letter("a-2", "b 2")));
    let old = home.mail().into_iter().find(|m| m.identity == identity(&body("a 2"))).unwrap();
    std::fs::remove_file(&old.path).unwrap();
    for _ in 0..3 {
        home.run(&["sync", "--timeout", "3"]).exit(0);
    }
    assert!(home.here().contains(&identity(&body("b 2"))));
    assert_eq!(home.peer.maildrop().letters.len(), 3, "nobody has deleted it");
}

#[test]
fn what_comes_back_as_it_was_is_not_fetched_again() {
    let home = Home::new(Drop::of(12, "a"));
    home.fetch(0);
    let letters = home.peer.maildrop().letters;
    home.peer.change(|d| d.letters.clear());
    home.fetch(0);
    home.peer.change(|d| d.letters = letters);
    assert_eq!(home.fetch(0).sum("downloaded"), 0);
    home.assert_same();
    home.configure("after-fetch = \"delete\"");
    home.fetch(0);
    assert_eq!((home.mail().len(), home.peer.maildrop().letters.len()), (12, 0));
}

#[test]
fn sizes_that_are_estimates_match_themselves() {
    let home = Home::new(Drop::of(6, "a"));
    let estimate = |l: &mut Letter| l.size = Some(1024);
    home.peer.change(|d| d.letters.iter_mut().for_each(estimate));
    for _ in 0..3 {
        home.fetch(0);
    }
    home.peer.change(|d| {
        d.letters.remove(0);
        d.letters.push(letter("b-1", "b 1"));
        d.letters.iter_mut().for_each(estimate);
    });
    home.peer.honest();
    let out = home.fetch(0);
    assert_eq!((out.sum("downloaded"), out.sum("linked")), (1, 5));
    assert!(home.peer.count("RETR") <= 2, "the others are known by what was announced: {}", home.peer.count("RETR"));
    assert_eq!(home.mail().len(), 7);
}

#[test]
fn row_63_a_message_takes_the_place_of_one_with_the_same_unique_id() {
    let home = Home::new(Drop::of(2, "a"));
    home.peer.change(|d| d.letters.extend([letter("same", "b 1"), letter("same", "b 2")]));
    home.fetch(0);
    home.assert_same();
    home.peer.honest();
    assert_eq!(home.fetch(0).sum("downloaded"), 0);
    assert_eq!(home.peer.count("TOP"), 2, "only those are asked for");
    home.peer.change(|d| {
        d.letters.remove(2);
        d.letters.push(letter("same", "b 3"));
    });
    assert_eq!(home.fetch(0).sum("downloaded"), 1);
    let here = home.here();
    assert!((1..=3).all(|n| here.contains(&identity(&body(&format!("b {n}"))))) && here.len() == 5);
}

#[test]
fn row_76_what_gmail_shows_again_makes_room_for_what_is_new() {
    for verb in ["fetch", "sync"] {
        let home = Home::new(Drop { greeting: GMAIL.into(), ..Drop::of(25, "a") });
        home.peer.in_portions(10);
        assert_eq!(home.run(&[verb, "--json"]).exit(0).sum("downloaded"), 25, "{verb}");
        // The user asks Gmail for everything once more, and the state is lost.
        remove_state(&home.root);
        home.peer.in_portions(10);
        home.peer.change(|d| d.letters.extend((1..=5).map(|n| letter(&format!("b-{n}"), &format!("b {n}")))));
        let out = home.run(&[verb, "--json"]).exit(0);
        assert_eq!((out.sum("linked"), out.sum("downloaded")), (25, 5), "{verb}");
        home.assert_same();
    }
}
