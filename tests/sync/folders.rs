//! Folders: made, renamed and removed on both sides, never one with mail in it.

use std::fs;

use crate::both::*;
use crate::support::World;
use crate::world;

#[test]
fn folders_are_made_on_both_sides() {
    let Some(w) = world("fmake") else { return };
    w.server.create(&w.user, &["There/deep"]);
    w.sync(0, &[]);
    assert!(w.root.join("There/deep/cur").is_dir());
    make(&w, "Here/deep");
    put(&w, "Here/déjà", "1.x.host:2,S", &message("accent"));
    assert_eq!(done(&w.sync(0, &[])), [("uploaded", 1)]);
    let names: Vec<String> = w.server.list(&w.user).into_keys().collect();
    assert!(names.contains(&"Here/deep".into()) && names.contains(&"Here/déjà".into()), "{names:?}");
    assert_nothing_done(&w.sync(0, &[]));
}

#[test]
fn a_renamed_directory_is_a_renamed_folder_there() {
    let Some(w) = world("frename") else { return };
    w.server.create(&w.user, &["Old", "Old/sub"]);
    send(&w, "Old", "a", "");
    send(&w, "Old/sub", "b", "");
    w.sync(0, &[]);
    fs::rename(w.root.join("Old"), w.root.join("Fresh")).unwrap();
    let out = w.sync(0, &[]);
    assert_eq!(done(&out), [], "{out:?}");
    assert_eq!((count_there(&w, "Fresh", "a"), count_there(&w, "Fresh/sub", "b")), (1, 1));
    assert!(!w.server.list(&w.user).contains_key("Old"));
    assert_settled(&w);
}

/// Makes a folder there with six messages, more than the guard lets go.
fn fill(w: &World, folder: &str) {
    w.server.create(&w.user, &[folder]);
    for subject in ["a", "b", "c", "d", "e", "f"] {
        send(w, folder, subject, "\\Seen");
    }
}

#[test]
fn a_folder_renamed_there_takes_its_files_along_without_a_download() {
    let Some(w) = world("frenthere") else { return };
    fill(&w, "Old");
    w.sync(0, &[]);
    w.server.adm(&["mailbox", "rename", "-u", &w.user, "Old", "Fresh"]);
    let out = w.sync(0, &[]);
    assert_eq!(done(&out), [("moved", 6)], "{out:?}");
    w.sync(0, &[]);
    assert!(!w.root.join("Old").exists());
    assert_settled(&w);
}

#[test]
fn a_name_that_is_another_folders_now_does_not_double_the_mail() {
    let Some(w) = world("fagain") else { return };
    fill(&w, "Archive");
    w.sync(0, &[]);
    flag(&w, "a", "FS");
    w.server.adm(&["mailbox", "rename", "-u", &w.user, "Archive", "Archive-2025"]);
    w.server.create(&w.user, &["Archive"]);
    send(&w, "Archive", "g", "");
    let out = w.sync(0, &[]);
    assert_eq!(done(&out), [("downloaded", 1), ("moved", 6)], "{out:?}");
    w.sync(0, &[]);
    assert_settled(&w);
    assert_eq!(find(&w, "a").dir, "Archive-2025");
    assert_eq!(find(&w, "a").letters, "FS");
}

#[test]
fn folders_that_swap_their_names_swap_their_mail() {
    let Some(w) = world("fswap") else { return };
    w.server.create(&w.user, &["One", "Two"]);
    for (folder, subject) in [("One", "a"), ("One", "b"), ("Two", "c"), ("Two", "d")] {
        send(&w, folder, subject, "");
    }
    w.sync(0, &[]);
    for (from, to) in [("One", "aside"), ("Two", "One"), ("aside", "Two")] {
        w.server.adm(&["mailbox", "rename", "-u", &w.user, from, to]);
    }
    let out = w.sync(0, &[]);
    assert_eq!(done(&out), [("moved", 4)], "{out:?}");
    w.sync(0, &[]);
    assert_settled(&w);
    assert_eq!((find(&w, "a").dir, find(&w, "c").dir), ("Two".into(), "One".into()));
}

#[test]
fn empty_folders_go_and_full_ones_do_not() {
    let Some(w) = world("fgone") else { return };
    w.server.create(&w.user, &["Empty1", "Empty2", "Full1", "Full2"]);
    send(&w, "Full1", "a", "");
    send(&w, "Full2", "b", "");
    w.sync(0, &[]);
    fs::remove_dir_all(w.root.join("Empty1")).unwrap();
    w.server.adm(&["mailbox", "delete", "-u", &w.user, "Empty2"]);
    w.sync(0, &[]);
    assert!(!w.root.join("Empty2").exists());
    assert!(!w.server.list(&w.user).contains_key("Empty1"));
    fs::remove_dir_all(w.root.join("Full1")).unwrap();
    w.server.adm(&["mailbox", "delete", "-u", &w.user, "Full2"]);
    let out = w.sync(3, &[]);
    assert_eq!(done(&out), []);
    assert_eq!(count_there(&w, "Full1", "a"), 1, "the mail stays there");
    assert!(w.mail().iter().any(|m| m.dir == "Full2"), "the mail stays here");
    out.says("--allow-mass-delete=Full1");
}

#[test]
fn a_name_that_the_server_refuses_is_named_and_the_mail_stays() {
    let Some(w) = world("fbad") else { return };
    w.sync(0, &[]);
    // The directory of a level with the server's delimiter in it.
    let path = put(&w, "a%2Fb", "1.x.host", &message("a"));
    put(&w, "INBOX", "2.x.host", &message("b"));
    let out = w.sync(1, &[]);
    assert_eq!(done(&out), [("uploaded", 1)], "the rest is done: {out:?}");
    assert!(path.exists());
    out.says("a/b").says("separates folders");
}
