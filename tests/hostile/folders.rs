//! Sessions over several folders, epochs that end, lines that break between commands.

use std::collections::BTreeMap;

use super::home::{Home, each};
use super::model::{Folder, MODERN, World, mail, message, text};
use super::peer::{Peer, Step, send};

fn two(what: &str, from: u32, to: u32) -> Vec<super::model::Message> {
    (from..=to).map(|n| message(n, text(what, n))).collect()
}

#[test]
fn a_refused_select_in_the_pipe_does_not_cost_the_folder_before_it() {
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(4)), Folder::new("b", two("b", 1, 2))]));
    let home = Home::new(&peer);
    // The model does not know the name that it lists: NO, and nothing is selected (RFC 9051 §6.3.2).
    peer.change(|w| w.folder("b").name = b"gone".to_vec());
    let world = peer.world();
    peer.hook(move |call, honest| match call.name.as_str() {
        "LIST" => {
            let Step::Send(all) = honest().remove(0) else { unreachable!() };
            Some(vec![send(String::from_utf8(all).unwrap().replace("\"gone\"", "\"b\""))])
        }
        _ => None,
    });
    home.fetch().is(1, &["b: error: partial"]);
    let inbox: Vec<_> = world.folders[0].messages.iter().map(|m| super::home::stored(&m.body)).collect();
    assert_eq!(home.files().len(), inbox.len());
    peer.change(|w| w.folder("gone").name = b"b".to_vec());
    home.converges(&peer);
}

#[test]
fn a_listing_that_ends_before_its_folder_is_open_does_not_slide_to_another_folder() {
    let folders = vec![Folder::new("b", two("b", 1, 2)), Folder::new("c", two("c", 1, 3)), Folder::new("INBOX", mail(4))];
    let peer = Peer::start(World::new(folders));
    let home = Home::new(&peer);
    let late = std::sync::Mutex::new(None);
    peer.hook(move |call, honest| {
        if call.name == "EXAMINE" && call.mailbox() == b"b" {
            *late.lock().unwrap() = Some(honest());
            return Some(Vec::new());
        }
        let opened = late.lock().unwrap().take().filter(|_| call.wants_listing())?;
        Some([vec![send(format!("{} OK listed\r\n", call.tag))], opened].concat())
    });
    home.fetch().is(1, &["b: error: partial", "before it had opened it"]);
    let here = home.mail();
    for (folder, count) in [("c", 3), ("INBOX", 4)] {
        let subject = if folder == "c" { "Subject: c " } else { "Subject: mail " };
        assert_eq!(here[folder].len(), count);
        assert!(here[folder].iter().all(|f| String::from_utf8_lossy(f).contains(subject)), "{here:?}");
    }
    home.converges(&peer);
}

#[test]
fn bodies_of_a_folder_that_was_given_up_are_not_those_of_the_next() {
    // INBOX is renumbered between its listing and its fetch; its bodies, as quoted strings, come before the next folder is open.
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(3)), Folder::new("b", two("b", 1, 3))]));
    let home = Home::new(&peer);
    let selects = std::sync::Mutex::new(BTreeMap::new());
    peer.hook(move |call, honest| {
        if call.name == "EXAMINE" && call.mailbox() == b"INBOX" {
            let n = selects.lock().unwrap().entry(call.conn).and_modify(|n| *n += 1).or_insert(1).to_owned();
            let Step::Send(all) = honest().remove(0) else { unreachable!() };
            let text = String::from_utf8(all).unwrap();
            return Some(vec![send(if n > 1 { text.replace("UIDVALIDITY 7", "UIDVALIDITY 8") } else { text })]);
        }
        if call.wants_bodies() {
            let Step::Send(all) = honest().remove(0) else { unreachable!() };
            if String::from_utf8_lossy(&all).contains("mail 1") {
                let quoted: String = (1..=3).map(|n| format!("* {n} FETCH (UID {n} BODY[] \"INBOX's own {n}\")\r\n")).collect();
                return Some(vec![send(format!("{quoted}{} OK\r\n", call.tag))]);
            }
        }
        None
    });
    home.fetch().is(1, &["INBOX: error: partial", "renumbered"]);
    let here = home.mail();
    assert_eq!(here["INBOX"].len(), 0);
    assert!(here["b"].len() == 3 && here["b"].iter().all(|f| f.windows(9).any(|w| w == b"Subject: ")), "{here:?}");
    home.converges(&peer);
}

#[test]
fn a_connection_that_is_lost_once_at_any_command_costs_nothing() {
    each(["LIST", "NAMESPACE", "EXAMINE", "UID FETCH", "LOGOUT"], |name| {
        each([Step::Cut, Step::CloseNotify, Step::Silence], |end| {
            let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(4)), Folder::new("b", two("b", 1, 2))]));
            let home = Home::new(&peer);
            let again = std::sync::atomic::AtomicUsize::new(0);
            let silent = matches!(end, Step::Silence);
            peer.hook(move |call, _| {
                let first = call.name == name && again.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
                first.then(|| vec![send("* OK half a l"), end.clone()])
            });
            // Commands that make a server work may be silent for five times as long.
            let run = home.run(&["fetch", "--timeout", if silent { "1" } else { "2" }]);
            run.is(0, &[]);
            home.has_all_of(&peer.world());
            home.converges(&peer);
        });
    });
}

#[test]
fn row_32_twins_and_new_mail_through_a_renumbering() {
    let twin = || message(0, text("twin", 1));
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", [mail(5), vec![twin(), twin(), twin()]].concat())]));
    let number = |w: &mut World, from: u32, validity: u64| {
        let inbox = w.folder("INBOX");
        inbox.validity = Some(validity);
        inbox.messages.iter_mut().zip(from..).for_each(|(m, uid)| m.uid = uid);
    };
    peer.change(|w| number(w, 1, 7));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    for round in 8..11 {
        peer.change(|w| {
            let messages = &mut w.folder("INBOX").messages;
            messages.reverse();
            messages.push(message(0, text("new", round)));
            number(w, round * 100, u64::from(round));
        });
        peer.forget();
        home.fetch().is(0, &[]);
        home.has_all_of(&peer.world());
        // The three twins are alike in all that a listing tells: their bodies may be read, but they stay three.
        assert!(peer.bodies_asked(2000) <= 4, "{}", peer.bodies_asked(2000));
    }
    home.converges(&peer);
}

#[test]
fn row_32_a_renumbering_where_headers_are_refused_or_the_line_breaks() {
    each(["NO", "OK", "CUT", "NIL"], |how| {
        let peer = Peer::start(World::inbox(8));
        let home = Home::new(&peer);
        home.fetch().is(0, &[]);
        peer.change(|w| {
            let inbox = w.folder("INBOX");
            inbox.validity = Some(8);
            inbox.messages.iter_mut().for_each(|m| m.uid += 50);
        });
        peer.hook(move |call, _| {
            (call.name == "UID FETCH" && call.args.contains("HEADER")).then(|| match how {
                "CUT" => vec![Step::Cut],
                "NIL" => vec![send(format!("* 1 FETCH (UID 51 BODY[HEADER] NIL)\r\n{} OK\r\n", call.tag))],
                word => vec![send(format!("{} {word} headers\r\n", call.tag))],
            })
        });
        let run = home.fetch();
        assert!(matches!(run.code, 0 | 1 | 75), "{run:#?}");
        run.is(run.code, &[]);
        assert_eq!(home.files().len(), 8);
        home.converges(&peer);
    });
}

#[test]
fn utf8_accept_names_the_same_folders() {
    let peer = Peer::start(World::new(vec![
        Folder::new("INBOX", mail(2)),
        Folder::new("Entw&APw-rfe", two("d", 1, 3)),
        Folder::new("&-", two("e", 1, 1)),
    ]));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    peer.change(|w| {
        w.folders[1].name = "Entwürfe".into();
        w.folders[1].messages.push(message(9, text("d", 9)));
        w.folders[2].name = "&".into();
        w.caps = format!("{MODERN} UTF8=ACCEPT");
    });
    peer.hook(|call, _| (call.name == "ENABLE").then(|| vec![send(format!("* ENABLED UTF8=ACCEPT\r\n{} OK\r\n", call.tag))]));
    peer.forget();
    home.fetch().is(0, &[]);
    assert_eq!(peer.bodies_asked(9), 1);
    home.has_all_of(&peer.world());
    assert_eq!(home.mail().len(), 3);
}

#[test]
fn row_57_literals_that_are_refused_or_never_called_for() {
    for refusal in ["BAD no literals", "NO not now"] {
        let peer = Peer::start(World::new(vec![
            Folder::new("INBOX", mail(3)),
            Folder::new(b"\xffx", two("b", 1, 2)),
            Folder::new("c", two("c", 1, 2)),
        ]));
        peer.change(|w| {
            w.caps = "IMAP4rev1".into();
            w.literals = Some(refusal.into());
        });
        let home = Home::new(&peer);
        home.fetch().is(1, &["\\xff"]);
        assert_eq!(home.files().len(), 5);
        peer.change(|w| w.literals = None);
        home.converges(&peer);
    }
}
