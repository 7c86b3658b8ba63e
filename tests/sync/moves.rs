//! Moves travel as moves: no download, no upload.

use crate::both::*;
use crate::support::World;
use crate::world;

fn start(prefix: &str) -> Option<World> {
    let w = world(prefix)?;
    for subject in ["a", "b", "c"] {
        send(&w, "INBOX", subject, "\\Seen");
    }
    w.server.create(&w.user, &["Other"]);
    w.sync(0, &[]);
    Some(w)
}

#[test]
fn a_move_here_is_a_move_there() {
    let Some(w) = start("mvhere") else { return };
    carry(&w, "a", "Other");
    assert_eq!(done(&w.sync(0, &[])), [("moved", 1)]);
    assert_eq!((count_there(&w, "INBOX", "a"), count_there(&w, "Other", "a")), (0, 1));
    assert_settled(&w);
}

#[test]
fn a_move_here_under_a_new_name_is_known_by_its_bytes() {
    let Some(w) = start("mvname") else { return };
    let mail = find(&w, "a");
    std::fs::rename(&mail.path, w.root.join("Other/cur/777.mutt.host:2,S")).unwrap();
    assert_eq!(done(&w.sync(0, &[])), [("moved", 1)]);
    assert_settled(&w);
}

#[test]
fn a_move_into_a_new_folder_makes_it_there_first() {
    let Some(w) = start("mvnew") else { return };
    carry(&w, "a", "Archive/2024");
    assert_eq!(done(&w.sync(0, &[])), [("moved", 1)]);
    assert_eq!(count_there(&w, "Archive/2024", "a"), 1);
    w.sync(0, &[]);
}

#[test]
fn a_move_there_is_a_rename_here() {
    let Some(w) = start("mvthere") else { return };
    let base = find(&w, "a").base;
    w.server.adm(&["move", "-u", &w.user, "Other", "mailbox", "INBOX", "uid", &uid(&w, "INBOX", "a")]);
    assert_eq!(done(&w.sync(0, &[])), [("moved", 1)]);
    let moved = find(&w, "a");
    assert_eq!((moved.dir.as_str(), moved.base), ("Other", base));
    assert_settled(&w);
}

#[test]
fn a_renamed_file_in_its_folder_is_still_that_message() {
    let Some(w) = start("mvbase") else { return };
    let mail = find(&w, "a");
    std::fs::rename(&mail.path, w.root.join("INBOX/cur/888.other.host:2,S")).unwrap();
    assert_eq!(done(&w.sync(0, &[])), []);
    assert_settled(&w);
    flag(&w, "a", "FS");
    assert_eq!(done(&w.sync(0, &[])), [("flags_pushed", 1)]);
}

#[test]
fn a_run_of_one_folder_takes_what_left_it_for_moved_and_not_for_deleted() {
    let Some(w) = start("mvpart") else { return };
    carry(&w, "a", "Other");
    assert_eq!(done(&w.sync(0, &["--folder", "INBOX"])), []);
    assert_eq!((count_there(&w, "INBOX", "a"), count_there(&w, "Other", "a")), (1, 0));
    assert_eq!(done(&w.sync(0, &[])), [("moved", 1)]);
    assert_eq!((count_there(&w, "INBOX", "a"), count_there(&w, "Other", "a")), (0, 1));
    assert_settled(&w);
}

#[test]
fn a_run_of_the_folder_that_a_message_went_to_does_not_send_it() {
    let Some(w) = start("mvinto") else { return };
    carry(&w, "a", "Other");
    std::fs::rename(find(&w, "b").path, w.root.join("Other/cur/777.mutt.host:2,S")).unwrap();
    for folder in ["Other", "INBOX"] {
        assert_eq!(done(&w.sync(0, &["--folder", folder])), []);
        assert_eq!((count_there(&w, "INBOX", "a"), count_there(&w, "INBOX", "b")), (1, 1));
    }
    assert_eq!(done(&w.sync(0, &[])), [("moved", 2)]);
    assert_settled(&w);
}

#[test]
fn a_run_of_one_folder_still_deletes_what_is_nowhere() {
    let Some(w) = start("mvgone") else { return };
    std::fs::remove_file(find(&w, "a").path).unwrap();
    assert_eq!(done(&w.sync(0, &["--folder", "INBOX"])), [("deleted_there", 1)]);
    assert_eq!(count_there(&w, "INBOX", "a"), 0);
    w.sync(0, &[]);
}
