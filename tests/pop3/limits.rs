//! What limits downloads limits nothing else; and how many sessions deletions take.

use crate::peer::{Answer, Drop, Home, Letter, say};
use crate::support::maildir;

/// A message that came at this moment, as its header says; the author may say something else.
fn letter(id: &str, header: &str) -> Letter {
    let body = format!("{header}From: a@example.org\r\nSubject: {id}\r\n\r\ntext of {id}\r\n").into_bytes();
    Letter { id: id.into(), body, size: None }
}

/// Two messages of before 2026, two of after that, and one of which nobody knows.
fn of_all_times() -> Drop {
    let letters = vec![
        letter("old", "Date: Wed, 01 Jan 2020 00:00:00 +0000\r\n"),
        letter("old-relayed", "Received: from x by y; Thu, 02 Jan 2020 00:00:00 +0000\r\nDate: Thu, 01 Jan 2099 00:00:00 +0000\r\n"),
        letter("new", "Date: Sun, 01 Nov 2026 00:00:00 +0000\r\n"),
        letter("new-relayed", "Received: from x by y; Sun, 01 Nov 2026 00:00:00 +0000\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n"),
        letter("undated", ""),
    ];
    Drop { letters, ..Drop::of(0, "a") }
}

fn left(home: &Home) -> Vec<String> {
    home.peer.maildrop().letters.iter().map(|l| String::from_utf8_lossy(&l.id).into_owned()).collect()
}

#[test]
fn since_goes_by_the_headers_where_a_server_tells_no_dates() {
    for caps in [Drop::of(0, "a").caps, None] {
        let home = Home::new(Drop { caps, ..of_all_times() });
        home.configure("after-fetch = \"delete\"");
        let all = home.peer.maildrop().identities();
        let since = ["fetch", "--json", "--since", "2026-01-01"];
        let plan = home.run(&[&since[..], &["--dry-run"]].concat()).exit(0).account();
        let planned = |action: &str| {
            let actions = plan["plan"].as_array().unwrap().iter().filter(|a| a["action"] == action);
            actions.map(|a| a["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(planned("download"), ["new", "new-relayed", "undated"]);
        assert_eq!(planned("delete-there"), ["new", "new-relayed"]);
        let out = home.run(&since).exit(0);
        assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (3, 2), "{out:?}");
        assert_eq!(left(&home), ["old", "old-relayed", "undated"]);
        assert_eq!(out.folder("INBOX")["unsupported"][0], "since");
        // What is known is not asked for again, and no run by dates removes what has none.
        home.peer.honest();
        let again = home.run(&since).exit(0);
        assert_eq!((again.sum("downloaded"), again.sum("deleted_there"), home.peer.count("TOP")), (0, 0, 0), "{again:?}");
        let out = home.fetch(0);
        assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (2, 3), "{out:?}");
        assert_eq!((home.here(), left(&home)), (all, Vec::new()));
    }
}

#[test]
fn sync_goes_by_the_headers_as_well_and_says_once_what_it_could_not() {
    let home = Home::new(of_all_times());
    let since = ["sync", "--json", "--since", "2026-01-01"];
    let out = home.run(&since).exit(0);
    assert_eq!((out.sum("downloaded"), left(&home).len()), (3, 5), "{out:?}");
    out.says("nothing tells the dates of some messages");
    assert_eq!(home.run(&["sync", "--json"]).exit(0).sum("downloaded"), 2);
}

#[test]
fn a_line_that_is_lost_between_headers_is_taken_up_again() {
    let home = Home::new(of_all_times());
    home.peer.hook(|line, connection| if line.starts_with("TOP 3") && connection == 1 { Some(Answer::Last(Vec::new())) } else { None });
    assert_eq!(home.run(&["fetch", "--json", "--since", "2026-01-01"]).exit(0).sum("downloaded"), 3);
}

#[test]
fn all_deletions_of_a_run_are_one_session() {
    for uidl in [true, false] {
        let home = Home::new(Drop { uidl, ..Drop::of(1200, "a") });
        home.configure("after-fetch = \"delete\"");
        home.peer.hook(
            |line, connection| {
                if line.starts_with("PASS") && connection > 1 { say("-ERR [LOGIN-DELAY] too soon\r\n") } else { None }
            },
        );
        let out = home.fetch(0);
        assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), left(&home).len()), (1200, 1200, 0), "{uidl}");
        assert_eq!((home.peer.count("PASS"), home.peer.count("QUIT")), (1, 1), "{uidl}");
    }
}

#[test]
fn messages_that_share_an_id_go_in_one_session_as_well() {
    let mut all = Drop::of(1100, "a");
    all.letters.iter_mut().for_each(|l| l.id = b"same".to_vec());
    let home = Home::new(all);
    home.fetch(0);
    home.configure("after-fetch = \"delete\"");
    // They are read once more before they go.
    let out = home.fetch(0);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), left(&home).len()), (0, 1100, 0), "{out:?}");
    assert_eq!(home.peer.count("PASS"), 2);
}

#[test]
fn what_a_sync_deletes_is_one_session() {
    for uidl in [true, false] {
        let home = Home::new(Drop { uidl, ..Drop::of(1100, "a") });
        home.run(&["sync", "--json"]).exit(0);
        let kept = maildir::read(&home.root).into_iter().take(20);
        let kept: Vec<_> = kept.map(|mail| mail.path).collect();
        home.mail().into_iter().filter(|m| !kept.contains(&m.path)).for_each(|m| std::fs::remove_file(m.path).unwrap());
        home.peer.honest();
        let out = home.run(&["sync", "--json", "--allow-mass-delete"]).exit(0);
        assert_eq!((out.sum("deleted_there"), left(&home).len()), (1080, 20), "{uidl}: {out:?}");
        assert_eq!(home.peer.count("PASS"), 1, "{uidl}");
    }
}

#[test]
fn after_an_end_without_an_answer_the_sessions_are_small() {
    let home = Home::new(Drop::of(250, "a"));
    home.configure("after-fetch = \"delete\"");
    home.peer.hook(|line, _| if line == "QUIT" { Some(Answer::Last(Vec::new())) } else { None });
    let out = home.run(&["fetch", "--json", "--timeout", "2"]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), left(&home).len()), (250, 0, 250), "{out:?}");
    home.peer.honest();
    let out = home.fetch(0);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), left(&home).len()), (0, 250, 0), "{out:?}");
    assert_eq!(home.peer.count("QUIT"), 3);
}

#[test]
fn what_is_not_listed_was_not_removed_and_goes_when_it_is_listed_again() {
    let home = Home::new(Drop::of(8, "a"));
    home.fetch(0);
    home.configure("after-fetch = \"delete\"");
    let all = home.peer.maildrop().letters;
    home.peer.change(|d| d.letters.clear());
    let plan = home.run(&["fetch", "--json", "--dry-run"]).exit(0).account();
    assert_eq!(plan["plan"].as_array().unwrap().len(), 0);
    assert_eq!(home.fetch(0).sum("deleted_there"), 0);
    home.peer.change(|d| d.letters = all);
    // Ids that come back may be of other mail: a run that matches them again deletes nothing.
    assert_eq!(home.fetch(0).sum("linked"), 8);
    let out = home.fetch(0);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), left(&home).len()), (0, 8, 0), "{out:?}");
}

#[test]
fn a_server_that_hides_what_was_read_is_not_said_to_have_removed_it() {
    let home = Home::new(Drop { greeting: "+OK Gpop ready".into(), ..Drop::of(4, "a") });
    home.configure("after-fetch = { delete-after = \"1s\" }");
    home.fetch(0);
    home.peer.change(|d| d.letters.clear());
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(home.fetch(0).sum("deleted_there"), 0);
    }
    assert_eq!(home.peer.count("DELE"), 0);
}
