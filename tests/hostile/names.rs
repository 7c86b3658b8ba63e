//! Rows 43 to 48: names of folders.

use std::collections::HashSet;
use std::path::Path;

use super::home::Home;
use super::model::{Folder, MODERN, World, message, text};
use super::peer::Peer;

/// A folder for each name, with one message of its own each.
fn world(names: &[&[u8]], delimiters: &[&str]) -> World {
    let folder = |(n, name): (usize, &&[u8])| {
        let mut folder = Folder::new(name, vec![message(1, text(&format!("in folder {n}"), 1))]);
        folder.delimiter = delimiters[n % delimiters.len()].into();
        folder
    };
    let inbox = Folder::new("INBOX", vec![message(1, text("in inbox", 1))]);
    World::new(std::iter::once(inbox).chain(names.iter().enumerate().map(folder)).collect())
}

/// Fetches from every folder; nothing lies outside the root, no two folders in one directory, and again nothing is to do.
#[track_caller]
fn each_arrives(names: &[&[u8]], delimiters: &[&str]) {
    for layout in ["fs", "maildir++"] {
        for caps in [MODERN, "IMAP4rev1"] {
            let peer = Peer::start(world(names, delimiters).caps(caps));
            let home = Home::with(&peer, &format!("layout = {layout:?}"), "127.0.0.1");
            home.fetch().is(0, &[]);
            home.has_all_of(&peer.world());
            let full: Vec<_> = home.mail().into_iter().filter(|(_, files)| !files.is_empty()).collect();
            assert!(full.iter().all(|(_, files)| files.len() == 1), "two folders in one directory: {full:#?}");
            assert_eq!(full.len(), names.len() + 1, "{full:#?}");
            let lower: HashSet<String> = full.iter().map(|(dir, _)| dir.to_lowercase()).collect();
            assert_eq!(lower.len(), full.len(), "directories that differ in case only");
            for (dir, _) in &full {
                let levels = Path::new(dir).components().collect::<Vec<_>>();
                assert!(levels.iter().all(|l| matches!(l, std::path::Component::Normal(n) if n.len() < 256)), "{dir}");
            }
            let outside: Vec<_> = std::fs::read_dir(home.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(outside.len(), 3, "something beside mail, ca.pem and config.toml: {outside:?}");
            home.converges(&peer);
            assert!(home.run(&["folders", "--timeout", "1"]).is(0, &[]).out.lines().count() > names.len());
        }
    }
}

#[test]
fn row_43_names_that_want_out_stay_inside() {
    each_arrives(
        &[
            b"../../x",
            b"/etc/x",
            b"a/../x",
            b".",
            b"..",
            b"a//b",
            b"a/b",
            b"cur",
            b"new",
            b"tmp",
            b"a/cur",
            b"~root",
            b"~",
            b".hidden",
            b"..\\..\\x",
        ],
        &["\"/\""],
    );
}

#[test]
fn row_43_the_same_without_a_delimiter() {
    each_arrives(&[b"../../x", b"/etc/x", b"a/../x", b"..", b"a//b", b"a/b", b"cur", b"..\\x", b"a\\..\\x"], &["NIL"]);
}

#[test]
fn row_44_traversal_in_modified_utf_7() {
    each_arrives(&[b"&AC4ALgAv-x", b"../x", b"&AC8-x", b"&AAA-x", b"x&AAoADQ-", b"&AC4-&AC4-", b"&ABs-[2J", b"&IC4-rtl"], &["\"/\""]);
}

#[test]
fn row_45_names_that_are_no_utf_7() {
    each_arrives(
        &[b"&", b"&AOk", b"&2AA-", b"\xc3\xa9", b"\\xc3\\xa9", b"\xff", b"&AOk-", b"&-", b"&AGE-", b"a", b"\x80x", b"\x9b2J"],
        &["\"/\""],
    );
}

#[test]
fn row_46_names_for_other_systems() {
    let (long, longer) = ([b'x'; 300], [&[b'x'; 300][..], b"y"].concat());
    each_arrives(
        &[
            b"CON", b"con", b"nul.txt", b"a.", b"a ", b"a", b"a:b", b"Case", b"case", b"cASE", &long, &longer, b"a*b?", b"a|b", b"lpt1",
            b"INBOX/x", b"inbox/x",
        ],
        &["\"/\""],
    );
}

#[test]
fn row_46_a_second_inbox_is_the_same() {
    for layout in ["fs", "maildir++"] {
        let peer = Peer::start(world(&[b"inbox", b"InBox", b"/INBOX", b"INBOX/"], &["\"/\""]));
        peer.change(|w| {
            for at in [1, 2] {
                w.folders[at].messages.clear();
            }
        });
        let home = Home::with(&peer, &format!("layout = {layout:?}"), "127.0.0.1");
        home.fetch().is(0, &[]);
        home.has_all_of(&peer.world());
        home.converges(&peer);
    }
}

#[test]
fn row_47_a_line_end_in_a_name_costs_that_folder_only() {
    for name in [&b"x\r\nA9 DELETE INBOX"[..], b"x\0y", b"\n"] {
        let peer = Peer::start(world(&[name, b"good"], &["\"/\""]));
        let home = Home::new(&peer);
        home.fetch().is(1, &["no command can carry"]);
        assert_eq!(home.files().len(), 2);
        assert_eq!(peer.count("DELETE"), 0);
        peer.change(|w| drop(w.folders.remove(1)));
        home.converges(&peer);
    }
}

#[test]
fn row_48_delimiters_that_are_odd_or_change() {
    for delimiters in
        [&["NIL"][..], &["\"\\\"\""], &["\"\\\\\""], &["\"/\"", "\".\"", "NIL"], &["\"\u{e9}\""], &["\"//\""], &["\" \""], &["\"a\""]]
    {
        each_arrives(&[b"a/b.c", b"a.b/c", b"a b", b"\"q\"", b"back\\slash", b"aaa", b"bab"], delimiters);
    }
}
