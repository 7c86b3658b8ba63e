//! `mailx verify`: the server's messages compared with the files here.

use std::fs;

use serde_json::Value;

use crate::support::maildir::snapshot;
use crate::support::{Out, World};
use crate::world;

/// A server with mail in two folders, all of it here.
fn start(prefix: &str) -> Option<World> {
    let w = world(prefix)?;
    w.server.generate(&w.user, "INBOX", 30, "a");
    w.server.create(&w.user, &["Lists"]);
    w.server.generate(&w.user, "Lists", 10, "b");
    w.fetch(0, &[]);
    Some(w)
}

fn verify(w: &World, exit: i32, more: &[&str]) -> Out {
    let arguments: Vec<&str> = ["verify", "--json"].into_iter().chain(more.iter().copied()).collect();
    w.run(&arguments).exit(exit)
}

/// What differs, over all folders: why.
fn differences(out: &Out) -> Vec<String> {
    let account = out.account();
    let folders = account["folders"].as_array().unwrap().iter();
    let each = |f: &Value| f["differences"].as_array().unwrap().iter().map(|d| d["why"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    folders.flat_map(each).collect()
}

#[test]
fn what_is_here_and_intact_is_exit_0_by_ids_by_sample_and_by_all() {
    let Some(w) = start("vfgood") else { return };
    let (before, there) = (snapshot(&w.root), w.server.list(&w.user));
    for (more, compared) in [(&[][..], 0), (&["--all"], 40), (&["--sample", "10%"], 4)] {
        let out = verify(&w, 0, more);
        assert_eq!((out.sum("there"), out.sum("intact")), (40, 40), "{more:?}");
        let found = out.sum("compared");
        assert!(found.abs_diff(compared) <= u64::from(compared == 4) * 2, "{more:?}: {found}");
        assert_eq!(differences(&out), Vec::<String>::new());
    }
    assert_eq!((snapshot(&w.root), w.server.list(&w.user)), (before, there), "a comparison changed something");
    let text = w.run(&["verify", "-v"]).exit(0);
    assert!(text.stdout.contains("40 messages on the server, 40 here and intact"), "{text:?}");
    let silent = w.run(&["verify"]).exit(0);
    assert_eq!((silent.stdout.as_str(), silent.stderr.as_str()), ("", ""), "cron mails nothing");
}

#[test]
fn what_is_not_here_is_named() {
    let Some(w) = start("vfmiss") else { return };
    w.server.generate(&w.user, "Lists", 1, "new");
    let gone = w.mail().into_iter().find(|m| m.dir == "INBOX").unwrap();
    fs::remove_file(&gone.path).unwrap();
    let out = verify(&w, 1, &[]);
    let mut why = differences(&out);
    why.sort();
    assert_eq!(why, ["it is not here".to_owned(), format!("its file `{}` is gone", gone.base)]);
    assert_eq!((out.sum("there"), out.sum("intact")), (41, 39));
    out.says("INBOX").says("Lists");
    // Only the folder that is asked for.
    assert_eq!(verify(&w, 1, &["--folder", "Lists"]).sum("there"), 11);
}

#[test]
fn a_damaged_file_is_found_by_its_size_or_by_its_bytes() {
    let Some(w) = start("vfbad") else { return };
    let mail = w.mail();
    let (short, flipped) = (&mail[3], &mail[7]);
    let bytes = fs::read(&short.path).unwrap();
    fs::write(&short.path, &bytes[..bytes.len() / 4]).unwrap();
    let mut bytes = fs::read(&flipped.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&flipped.path, bytes).unwrap();
    let why = differences(&verify(&w, 1, &[]));
    assert!(matches!(&why[..], [one] if one.contains(&short.base) && one.contains("damaged")), "{why:?}");
    let why = differences(&verify(&w, 1, &["--all"]));
    assert!(why.len() == 2 && why.iter().any(|w| w.contains(&flipped.base) && w.contains("damaged")), "{why:?}");
}

#[test]
fn a_renumbered_folder_is_compared_by_what_its_messages_are() {
    let Some(w) = start("vfnum") else { return };
    w.server.renumber(&w.user, "INBOX", 4711);
    let out = verify(&w, 0, &["--all"]);
    assert_eq!((out.sum("there"), out.sum("intact"), out.sum("compared")), (40, 40, 40));
}

#[test]
fn a_maildir_that_is_not_there_has_nothing_and_is_not_made() {
    let Some(w) = world("vfnone") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    let out = verify(&w, 1, &[]);
    assert_eq!((out.sum("there"), out.sum("intact")), (3, 0));
    assert!(!w.root.exists());
}

#[test]
fn wrong_words_are_usage() {
    let Some(w) = world("vfuse") else { return };
    for words in [&["--sample", "0"][..], &["--sample", "101%"], &["--sample", "x"], &["--sample", "5%", "--all"]] {
        let arguments: Vec<&str> = ["verify"].into_iter().chain(words.iter().copied()).collect();
        w.run(&arguments).exit(64);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_compared() {
    let Some(w) = start("vfbad") else { return };
    // A directory in a file's place: opened, it cannot be read, whoever asks.
    let victim = w.mail().into_iter().find(|m| m.dir == "INBOX").unwrap();
    fs::remove_file(&victim.path).unwrap();
    std::os::unix::net::UnixListener::bind(&victim.path).map(drop).unwrap_or_else(|_| fs::create_dir(&victim.path).unwrap());
    let out = verify(&w, 1, &["--all"]);
    assert_eq!((out.sum("there"), out.sum("intact")), (40, 39), "{out:?}");
}
