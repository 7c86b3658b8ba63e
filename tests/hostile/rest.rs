//! Rows 49 to 58, 100, 117: capabilities that lie, texts, flags, dates, deletions, closed streams.

use super::home::{Home, each};
use super::model::{Folder, MODERN, Message, World, mail, message, text};
use super::peer::{Peer, Step, send};

#[test]
fn row_49_extensions_that_are_offered_and_refused_are_done_without() {
    each(["BAD", "NO"], |word| {
        for name in ["ENABLE", "NAMESPACE", "COMPRESS", "LIST"] {
            let folders = vec![Folder::new("INBOX", mail(9)), Folder::new("b", vec![message(1, text("b", 1))])];
            let peer = Peer::start(World::new(folders).caps(&format!("{MODERN} COMPRESS=DEFLATE UTF8=ACCEPT")));
            let home = Home::new(&peer);
            peer.hook(move |call, _| {
                let extension = call.name == name && (name != "LIST" || call.args.contains("RETURN"));
                extension.then(|| vec![send(format!("{} {word} unknown\r\n", call.tag))])
            });
            home.fetch().is(0, &[]);
            home.has_all_of(&peer.world());
            home.converges(&peer);
        }
    });
}

#[test]
fn row_49_list_status_that_answers_no_status_or_too_little() {
    let folders = vec![Folder::new("INBOX", mail(9)), Folder::new("b", vec![message(1, text("b", 1))])];
    let peer = Peer::start(World::new(folders));
    let home = Home::new(&peer);
    peer.hook(|call, honest| {
        let Step::Send(all) = honest().remove(0) else { unreachable!() };
        let shown = String::from_utf8(all).unwrap();
        let shown: String = shown.split_inclusive("\r\n").filter(|l| !l.starts_with("* STATUS")).collect();
        (call.name == "LIST").then(|| vec![send(shown)])
    });
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    peer.change(|w| w.folder("b").messages.push(message(2, text("b", 2))));
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn row_49_deletion_without_the_extensions_that_are_offered() {
    for refused in [&["UID EXPUNGE"][..], &["ESEARCH"], &["UID EXPUNGE", "UID MOVE", "ESEARCH"]] {
        let folders = vec![Folder::new("INBOX", mail(5)), Folder { attributes: "\\Trash".into(), ..Folder::new("Trash", Vec::new()) }];
        let caps = if refused.len() == 1 { MODERN.replace(" MOVE", "") } else { MODERN.into() };
        let peer = Peer::start(World::new(folders).caps(&caps));
        let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
        peer.hook(move |call, _| {
            let bad = refused.contains(&call.name.as_str()) || (refused.contains(&"ESEARCH") && call.args.starts_with("RETURN (ALL"));
            bad.then(|| vec![send(format!("{} BAD unknown\r\n", call.tag))])
        });
        home.fetch().is(0, &[]);
        assert_eq!(home.files().len(), 5);
        assert!(peer.world().folders[0].messages.is_empty(), "{:#?}", peer.calls());
    }
}

#[test]
fn row_58_other_messages_that_are_marked_deleted_are_left_alone() {
    let marked = Message { flags: vec!["\\Deleted".into()], ..message(4, text("theirs", 4)) };
    let caps = MODERN.replace(" UIDPLUS", "").replace(" MOVE", "");
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(3))]).caps(&caps));
    let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
    peer.hook(move |call, honest| {
        // It turns up between our STORE and our SEARCH, so it was never fetched.
        let mut steps = honest();
        if call.name == "UID SEARCH" && call.args.contains("DELETED") {
            let Step::Send(all) = steps.remove(0) else { unreachable!() };
            return Some(vec![send(String::from_utf8(all).unwrap().replace("ALL 1,2,3", "ALL 1,2,3,4"))]);
        }
        None
    });
    home.fetch().is(1, &["other messages are marked deleted"]);
    assert_eq!((peer.count("EXPUNGE"), peer.world().folders[0].messages.len()), (0, 3));
    // Our marks are taken back.
    assert!(peer.world().folders[0].messages.iter().all(|m| m.flags.is_empty()), "{:#?}", peer.calls());
    peer.change(|w| w.folder("INBOX").messages.push(marked));
    peer.honest();
    home.fetch().is(0, &[]);
    // Theirs was fetched now, so it is ours to delete.
    assert_eq!((home.files().len(), peer.world().folders[0].messages.len()), (4, 0));
}

#[test]
fn row_58_an_answer_in_two_lines_is_one_answer() {
    let caps = MODERN.replace(" UIDPLUS", "").replace(" MOVE", "");
    each([caps.clone(), caps.replace(" ESEARCH", "")], |caps| {
        let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(3))]).caps(&caps));
        let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
        // Message 4 is another's; it stands in the first line, before those that are ours.
        peer.hook(move |call, honest| {
            if call.name != "UID SEARCH" || !call.args.contains("DELETED") {
                return None;
            }
            let Step::Send(all) = honest().remove(0) else { unreachable!() };
            let all = String::from_utf8(all).unwrap();
            let first = if call.args.starts_with("RETURN") {
                format!("* ESEARCH (TAG \"{}\") UID ALL 4\r\n", call.tag)
            } else {
                "* SEARCH 4\r\n".to_owned()
            };
            let ours = all.contains("ALL 1,2,3") || all.contains("SEARCH 1 2 3");
            ours.then(|| vec![send(first + &all)])
        });
        home.fetch().is(1, &["other messages are marked deleted"]);
        assert_eq!((peer.count("EXPUNGE"), peer.world().folders[0].messages.len()), (0, 3));
    });
}

#[test]
fn row_58_nothing_is_deleted_that_did_not_arrive() {
    let peer = Peer::start(World::inbox(6));
    let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
    peer.hook(|call, honest| {
        let Step::Send(all) = honest().remove(0) else { unreachable!() };
        let cut = String::from_utf8(all).unwrap().replace("(UID 3 ", "(UID 3003 ");
        call.wants_bodies().then(|| vec![send(cut)])
    });
    home.fetch().is(1, &["message 3"]);
    assert_eq!(peer.world().folders[0].messages.iter().map(|m| m.uid).collect::<Vec<_>>(), [3]);
    peer.honest();
    home.fetch().is(0, &[]);
    assert_eq!((home.files().len(), peer.world().folders[0].messages.len()), (6, 0));
}

#[test]
fn row_58_a_lost_answer_to_the_deletion_is_settled_by_the_next_run() {
    let peer = Peer::start(World::inbox(4));
    let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
    peer.hook(|call, honest| {
        (call.name == "UID EXPUNGE").then(|| {
            honest();
            vec![Step::Cut]
        })
    });
    let run = home.fetch();
    assert!(matches!(run.code, 1 | 75), "{run:#?}");
    let before = home.files();
    peer.honest();
    home.fetch().is(0, &[]);
    assert_eq!((home.files(), peer.bodies_asked(9), peer.world().folders[0].messages.len()), (before, 0, 0));
}

#[test]
fn row_52_a_flood_of_keywords_and_hostile_ones() {
    let mut messages = mail(3);
    messages[0].flags = (0..20_000).map(|n| format!("keyword{n}")).collect();
    messages[1].flags = vec!["\\Seen".into(), "x".repeat(5000), "ok".into(), "\\Flagged".into(), "../../x".into(), "a:2,S".into()];
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", messages)]));
    let home = Home::new(&peer);
    let run = home.fetch();
    run.is(0, &[]);
    home.has_all_of(&peer.world());
    assert!(run.peak < 40 << 10, "{run:?}");
    let keywords = std::fs::read_to_string(home.root.join("INBOX/dovecot-keywords")).unwrap();
    assert!(keywords.lines().count() <= 26, "{keywords}");
    home.converges(&peer);

    // A keyword that closes the list and brings a UID of its own.
    let peer = Peer::start(World::inbox(2));
    let home = Home::new(&peer);
    peer.hook(|call, _| {
        let lines = "* 1 FETCH (UID 1 FLAGS (a) UID 9) RFC822.SIZE 5)\r\n";
        call.wants_listing().then(|| vec![send(format!("{lines}{} OK\r\n", call.tag))])
    });
    home.fetch().is(76, &["error: protocol"]);
    home.converges(&peer);
}

#[test]
fn row_53_and_100_no_text_of_the_server_escapes() {
    let evil = "\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}\u{85}";
    let long = "A".repeat(900_000);
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(2)), Folder::new("&ABs-[2J&IC4-", vec![message(1, text("x", 1))])]));
    peer.change(|w| w.greeting = format!("* OK [ALERT] {evil}{long}"));
    let home = Home::new(&peer);
    let noise = long.clone();
    peer.hook(move |call, honest| {
        let mut steps = vec![send(format!("* OK [ALERT] alert {evil}{noise}\r\n* NO warn {evil}\r\n"))];
        steps.extend(honest());
        (call.name != "GREETING").then_some(steps)
    });
    for words in [
        &["fetch", "-vvv"][..],
        &["folders"],
        &["account", "test"],
        &["status"],
        &["fetch", "--json"],
        &["fetch", "--events"],
        &["status", "--remote"],
    ] {
        let run = home.run(&[words, &["--timeout", "2"]].concat());
        run.is(0, &[]);
        assert!(run.err.len() < 64 << 10 && run.out.len() < 64 << 10, "{} {}", run.err.len(), run.out.len());
    }
    // In refusals and in lines that break the protocol, quoted and cut.
    for answer in [format!("NO {evil}{long}"), format!("BYE {evil}"), format!("* {evil} {long}")] {
        let peer = Peer::start(World::inbox(1));
        let home = Home::new(&peer);
        peer.hook(move |call, _| {
            let text = if answer.starts_with('N') { format!("{} {answer}\r\n", call.tag) } else { format!("* {answer}\r\n") };
            (call.name == "EXAMINE").then(|| vec![send(text)])
        });
        let run = home.fetch();
        assert!(matches!(run.code, 1 | 75 | 76), "{run:#?}");
        run.is(run.code, &["error: "]);
        assert!(run.err.len() < 4000, "{}", run.err.len());
        home.converges(&peer);
    }
}

#[test]
fn row_54_dates_that_are_none_cost_no_message() {
    let dates = [
        "99-Foo-0000 25:61:61 +9999",
        "",
        "01-Jan-99999 00:00:00 +0000",
        "31-Feb-2024 10:00:00 +0000",
        "01-Jan-0001 00:00:00 -1200",
        "\u{1}x",
    ];
    let messages: Vec<_> =
        dates.iter().zip(1..).map(|(date, uid)| Message { date: (*date).into(), ..message(uid, text("mail", uid)) }).collect();
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", messages[..5].to_vec())]));
    let home = Home::new(&peer);
    peer.hook(|call, honest| {
        let Step::Send(all) = honest().remove(0) else { unreachable!() };
        let text = String::from_utf8(all).unwrap().replace("INTERNALDATE \"\"", "INTERNALDATE NIL");
        call.wants_listing().then(|| vec![send(text)])
    });
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn row_117_closed_streams_change_nothing() {
    each([">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "| head -c 1 >/dev/null"], |redirect| {
        for options in ["", "--events", "--json", "-vvv"] {
            let peer = Peer::start(World::inbox(5));
            let home = Home::new(&peer);
            let done = home.shell(&format!("fetch --timeout 1 {options}"), redirect);
            let text = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success() && !text.contains("panicked"), "{options} {redirect}: {done:?}");
            home.has_all_of(&peer.world());
            home.converges(&peer);
        }
    });
}

#[test]
fn a_server_of_imap4rev2_alone_gives_the_same() {
    let folders = vec![Folder::new("INBOX", mail(5)), Folder::new("Entwürfe/日本", vec![message(1, text("d", 1))])];
    let peer = Peer::start(World::new(folders).caps("IMAP4rev2 AUTH=PLAIN LIST-EXTENDED LIST-STATUS ESEARCH"));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
    assert!(home.mail().contains_key("Entwürfe/日本"), "{:?}", home.mail().keys());
}

#[test]
fn where_only_a_move_to_the_trash_is_possible_nothing_is_lost_there() {
    let folders = vec![Folder::new("INBOX", mail(5)), Folder { attributes: "\\Trash".into(), ..Folder::new("Trash", Vec::new()) }];
    let peer = Peer::start(World::new(folders).caps(&MODERN.replace(" UIDPLUS", "")));
    let home = Home::with(&peer, "after-fetch = \"delete\"\nfolders = [\"INBOX\"]", "127.0.0.1");
    home.fetch().is(0, &[]);
    let world = peer.world();
    assert_eq!((world.folders[0].messages.len(), world.folders[1].messages.len()), (0, 5));
    assert_eq!((peer.count("EXPUNGE"), home.files().len()), (0, 5));
    peer.forget();
    home.fetch().is(0, &[]);
    assert_eq!((peer.bodies_asked(9), peer.world().folders[1].messages.len()), (0, 5));
}

#[test]
fn ctrl_c_ends_what_only_looks_at_once() {
    each(
        [
            (&["folders"][..], "LIST"),
            (&["account", "test", "a"], "LIST"),
            (&["folders"], "GREETING"),
            (&["status", "--remote"], "GREETING"),
        ],
        |(words, name)| {
            let peer = Peer::start(World::inbox(1));
            let home = Home::new(&peer);
            home.fetch().is(0, &[]);
            peer.forget();
            peer.hook(move |call, _| (call.name == name).then(|| vec![Step::Silence]));
            let ready = || if name == "GREETING" { peer.connections() > 0 } else { peer.count(name) > 0 };
            let (code, took) = home.interrupted(words, ready);
            assert_eq!(code, Some(130), "{words:?}");
            assert!(took < std::time::Duration::from_secs(2), "{words:?}: {took:?}");
        },
    );
}

#[test]
fn a_folder_whose_count_nobody_tells_is_not_shown_as_empty() {
    let peer = Peer::start(World::inbox(3).caps(&MODERN.replace(" LIST-STATUS", "")));
    let home = Home::new(&peer);
    peer.hook(|call, _| (call.name == "STATUS").then(|| vec![send(format!("{} NO not now\r\n", call.tag))]));
    let run = home.run(&["folders", "--json"]);
    run.is(0, &[]);
    assert!(run.out.contains(r#""listed":true,"there":null"#), "{run:?}");
    let run = home.run(&["folders"]);
    assert!(run.out.contains('?'), "{run:?}");
}

/// Every key of every object in `value`; the keys of `settings` and `can` are the user's words.
fn keys(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                if key != "settings" && key != "can" {
                    keys(value, found);
                }
            }
        }
        serde_json::Value::Array(all) => all.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_every_command_is_documented_in_its_section() {
    let peer = Peer::start(World::inbox(3).caps(&format!("{MODERN} QUOTA")));
    let home = Home::with(&peer, "after-fetch = \"delete\"", "127.0.0.1");
    peer.hook(|call, _| match call.name.as_str() {
        "GETQUOTAROOT" => {
            let lines = "* QUOTAROOT INBOX \"\"\r\n* QUOTA \"\" (STORAGE 10 512)\r\n";
            Some(vec![send(format!("{lines}{} OK\r\n", call.tag))])
        }
        _ if call.wants_bodies() && call.uids(9).contains(&3) => Some(vec![send(format!("{} NO later\r\n", call.tag))]),
        _ => None,
    });
    let text = include_str!("../../docs/json.md");
    let section = |title: &str| {
        let from = text.find(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no section {title}")) + 4;
        let end = text[from..].find("\n## ").map_or(text.len(), |end| from + end);
        &text[from..end]
    };
    for (words, title, code) in [
        (&["fetch", "--dry-run", "--json"][..], "mailx fetch and mailx sync", 0),
        (&["fetch", "--events"], "--events", 1),
        (&["fetch", "--json"], "mailx fetch and mailx sync", 1),
        (&["folders", "--json"], "mailx folders", 0),
        (&["status", "--json", "--remote", "--max-age", "1h"], "mailx status", 1),
        (&["account", "list", "--json"], "mailx account list", 0),
        (&["account", "show", "a", "--json"], "mailx account show", 0),
        (&["account", "test", "--json"], "mailx account test", 0),
        (&["account", "show", "nobody", "--json"], "mailx account show", 64),
    ] {
        let run = home.run(words);
        run.is(run.code, &[]);
        assert_eq!(run.code, code, "{run:#?}");
        let mut found = std::collections::BTreeSet::new();
        for line in run.out.lines() {
            keys(&serde_json::from_str(line).unwrap_or_else(|e| panic!("{words:?}: {e}: {line}")), &mut found);
        }
        assert!(!found.is_empty(), "{words:?}");
        let summary = if title == "--events" { section("mailx fetch and mailx sync") } else { "" };
        let places = [section(title), section("Common to all"), summary].concat();
        for key in found {
            assert!(places.contains(&format!("`{key}`")) || places.contains(&format!("\"{key}\"")), "{words:?}: `{key}` is not documented");
        }
    }
}

#[test]
fn a_keyword_file_that_makes_no_sense_costs_no_mail() {
    each([Some(b"0 caf\xe9\n".to_vec()), Some(b"0 x\n".repeat(30_000)), None], |content| {
        let messages = vec![Message { flags: vec!["work".into()], ..message(1, text("mail", 1)) }];
        let peer = Peer::start(World::new(vec![Folder::new("INBOX", messages)]));
        let home = Home::new(&peer);
        peer.hook(|call, _| call.wants_bodies().then(|| vec![send(format!("{} NO later\r\n", call.tag))]));
        home.fetch().is(1, &[]);
        let file = home.root.join("INBOX/dovecot-keywords");
        match &content {
            Some(bytes) => std::fs::write(&file, bytes).unwrap(),
            None => std::os::unix::fs::symlink(home.dir.path().join("victim"), &file).unwrap(),
        }
        home.converges(&peer);
        match &content {
            Some(bytes) => assert!(std::fs::read(&file).unwrap().starts_with(bytes)),
            None => assert!(file.is_symlink() && !home.dir.path().join("victim").exists()),
        }
    });
}
