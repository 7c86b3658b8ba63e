//! Rows 21 to 31: lengths, lines, tags, and answers to FETCH that are not what was asked for.

use std::time::Duration;

use super::home::{Home, each, stored};
use super::model::{Folder, World, fetch_response, mail, message, text};
use super::peer::{Peer, Step, send};

#[test]
fn an_honest_server_brings_everything_once() {
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(30)), Folder::new("a/b", mail(3))]));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn a_server_without_any_extension_gives_the_same() {
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(30)), Folder::new("a/b", mail(3))]).caps("IMAP4rev1"));
    let home = Home::new(&peer);
    home.fetch().is(0, &[]);
    home.has_all_of(&peer.world());
    home.converges(&peer);
}

#[test]
fn row_22_literal_sizes_that_are_none_are_a_protocol_error() {
    each(["18446744073709551617", "-1", "0x10", "", "4294967306", "99999999999999999999999"], |size| {
        let peer = Peer::start(World::inbox(3));
        let home = Home::new(&peer);
        peer.hook(move |call, _| {
            let answer = format!("* 1 FETCH (UID 1 BODY[] {{{size}}}\r\nabc)\r\n{} OK\r\n", call.tag);
            call.wants_bodies().then(|| vec![send(answer)])
        });
        home.fetch().is(76, &["error: protocol"]);
        assert!(home.files().is_empty());
        home.converges(&peer);
    });
}

#[test]
fn row_23_literal_too_short_or_long_is_a_protocol_error() {
    each([(80, 100), (600, 100)], |(announced, sent)| {
        let peer = Peer::start(World::inbox(9));
        let home = Home::new(&peer);
        peer.hook(move |call, honest| {
            if !call.wants_bodies() {
                return None;
            }
            let mut steps =
                vec![send(format!("* 1 FETCH (UID 1 BODY[] {{{announced}}}\r\n")), send("x y\r\n".repeat(sent / 5)), send(")\r\n")];
            steps.extend(honest());
            Some(steps)
        });
        home.fetch().is(76, &["error: protocol"]);
        assert!(home.files().iter().all(|f| !f.starts_with(b"x y")));
        home.converges(&peer);
    });
}

#[test]
fn row_30_nil_absent_and_quoted_bodies() {
    let peer = Peer::start(World::inbox(5));
    let home = Home::new(&peer);
    peer.hook(|call, _| {
        call.wants_bodies().then(|| {
            let short = message(3, "Subject: s\r\n\r\n");
            let mut out = b"* 1 FETCH (UID 1 BODY[] NIL)\r\n* 2 FETCH (FLAGS (\\Seen))\r\n".to_vec();
            out.extend(b"* 4 FETCH (BODY[] \"Subject: quoted \\\" text\" UID 4)\r\n");
            out.extend(fetch_response(3, &short, "(BODY[])"));
            let five = text("mail", 5);
            out.extend(format!("* 5 FETCH (FLAGS () BODY[] {{{}}}\r\n{five} UID 5)\r\n", five.len()).into_bytes());
            out.extend(format!("{} OK done\r\n", call.tag).into_bytes());
            vec![Step::Send(out)]
        })
    });
    home.fetch().is(1, &["does not give it"]);
    let mut expected = vec![stored(b"Subject: s\r\n\r\n"), b"Subject: quoted \" text".to_vec(), stored(text("mail", 5).as_bytes())];
    expected.sort();
    assert_eq!(home.files(), expected);
    // The others come once they are given; what is here is not asked for again.
    peer.honest();
    home.fetch().is(0, &[]);
    assert_eq!((home.files().len(), peer.bodies_asked(5)), (5, 2));
}

#[test]
fn row_24_an_endless_line_is_cut_at_a_mebibyte() {
    let peer = Peer::start(World::inbox(1));
    peer.hook(|call, _| (call.name == "LIST").then(|| vec![send("* OK "), Step::Repeat(vec![b'A'; 64 << 10], 1024)]));
    let home = Home::new(&peer);
    let run = home.fetch();
    run.is(76, &["error: protocol", "too long"]);
    assert!(run.peak < 40 << 10 && run.took < Duration::from_secs(5), "{run:?}");
    home.converges(&peer);
}
