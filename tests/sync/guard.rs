//! What looks like an accident is refused: exit 3, nothing deleted anywhere, the other folders done.

use std::fs;

use crate::both::*;
use crate::support::World;
use crate::world;

fn start(prefix: &str, count: usize) -> Option<World> {
    let w = world(prefix)?;
    w.configure("expunge = \"now\"");
    w.server.create(&w.user, &["Big"]);
    w.server.fill(&w.user, "Big", count, "big");
    send(&w, "INBOX", "a", "");
    w.sync(0, &[]);
    Some(w)
}

fn refused(w: &World) {
    let before = there(w);
    flag(w, "a", "S");
    let out = w.sync(3, &[]);
    assert_eq!((out.sum("deleted_there"), out.sum("deleted_here"), out.sum("flags_pushed")), (0, 0, 1), "{out:?}");
    assert_eq!(there(w)["Big"], before["Big"]);
    assert_eq!(out.folder("Big")["error"]["class"], "guard");
}

#[test]
fn row_37_a_server_folder_that_is_suddenly_empty() {
    let Some(w) = start("gempty", 6) else { return };
    w.server.expunge(&w.user, "Big", "1:*");
    refused(&w);
    assert_eq!(w.mail().iter().filter(|m| m.dir == "Big").count(), 6);
    assert_eq!(w.sync(0, &["--allow-mass-delete=Big"]).sum("deleted_here"), 6);
    assert_eq!(kept(&w), 6);
    assert_settled(&w);
}

#[test]
fn more_than_a_quarter_and_more_than_twenty() {
    let Some(w) = start("gmany", 60) else { return };
    w.server.expunge(&w.user, "Big", "1:21");
    refused(&w);
    w.sync(0, &["--allow-mass-delete"]);
    assert_settled(&w);
}

#[test]
fn an_emptied_maildir_folder() {
    let Some(w) = start("ghere", 6) else { return };
    for mail in w.mail().into_iter().filter(|m| m.dir == "Big") {
        fs::remove_file(mail.path).unwrap();
    }
    refused(&w);
    assert_eq!(w.sync(0, &["--allow-mass-delete=Big"]).sum("deleted_there"), 6);
    assert_settled(&w);
}

#[test]
fn a_maildir_folder_that_is_missing_or_replaced() {
    let Some(w) = start("gdir", 2) else { return };
    fs::rename(w.root.join("Big"), w.tmp.path().join("away")).unwrap();
    refused(&w);
    make(&w, "Big");
    let out = w.sync(3, &[]);
    assert_eq!(done(&out), []);
    fs::remove_dir_all(w.root.join("Big")).unwrap();
    fs::rename(w.tmp.path().join("away"), w.root.join("Big")).unwrap();
    w.sync(0, &[]);
    assert_settled(&w);
}

#[test]
fn a_few_deletions_are_no_accident() {
    let Some(w) = start("gfew", 90) else { return };
    w.server.expunge(&w.user, "Big", "1:20");
    assert_eq!(done(&w.sync(0, &[])), [("deleted_here", 20)]);
    assert_settled(&w);
}

#[test]
fn the_trash_may_be_emptied_there() {
    let Some(w) = start("gtrash", 1) else { return };
    w.server.fill(&w.user, "Trash", 30, "junk");
    w.sync(0, &[]);
    w.server.expunge(&w.user, "Trash", "1:*");
    assert_eq!(done(&w.sync(0, &[])), [("deleted_here", 30)]);
}
