//! Messages that were taken for files here without their bodies: `after-fetch` removes them only once the bodies have proven it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::after_fetch::state;
use crate::support::World;
use crate::support::maildir;
use crate::world;

/// A Maildir folder as mbsync leaves it, with the messages of the server's INBOX.
pub fn mbsync_made(w: &World, user: &str, root: &Path) {
    let (bodies, cur) = (tempfile::tempdir().unwrap(), root.join("INBOX/cur"));
    w.server.bodies(user, "INBOX", bodies.path());
    for place in ["cur", "new", "tmp"] {
        fs::create_dir_all(root.join("INBOX").join(place)).unwrap();
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o700)).unwrap();
    for (n, body) in fs::read_dir(bodies.path()).unwrap().enumerate() {
        let text = String::from_utf8(fs::read(body.unwrap().path()).unwrap()).unwrap().replace("\r\n", "\n");
        let (header, rest) = text.split_once("\n\n").unwrap();
        fs::write(cur.join(format!("{n}.1_{n}.host,U={n}:2,S")), format!("{header}\nX-TUID: abcdefghijkl\n\n{rest}")).unwrap();
    }
}

fn there(w: &World) -> usize {
    w.server.list(&w.user)["INBOX"].len()
}

fn adopted(prefix: &str, count: usize) -> Option<World> {
    let w = world(prefix)?;
    w.server.fill(&w.user, "INBOX", count, "a");
    mbsync_made(&w, &w.user, &w.root);
    w.configure("after-fetch = \"delete\"");
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), out.sum("deleted_there")), (0, count as u64, 0), "such a pass deletes nothing");
    Some(w)
}

#[test]
fn an_adopted_maildir_is_read_once_and_released() {
    let Some(w) = adopted("weak", 30) else { return };
    let before = maildir::snapshot(&w.root.join("INBOX"));
    // A rehearsal says what would be read, and reads nothing.
    let dry = w.fetch(0, &["--dry-run"]);
    let plan = dry.account()["plan"].as_array().unwrap().clone();
    assert!(plan.len() == 30 && plan.iter().all(|p| p["action"] == "verify-there"), "{plan:?}");
    assert_eq!(there(&w), 30);
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), out.sum("deleted_there"), there(&w)), (0, 0, 30, 0));
    assert!(out.account()["bytes_in"].as_u64() > dry.account()["bytes_in"].as_u64());
    assert_eq!(maildir::snapshot(&w.root.join("INBOX")), before, "nothing here was touched");
    let again = w.fetch(0, &[]);
    assert_eq!((again.sum("downloaded"), again.sum("deleted_there"), w.mail().len()), (0, 0, 30));
}

#[test]
fn a_large_one_is_read_page_by_page_and_a_run_that_was_stopped_goes_on() {
    let Some(w) = adopted("weakpages", 2100) else { return };
    // As if it had been stopped after the first page.
    assert_eq!(w.fetch(0, &["--limit", "1000"]).sum("deleted_there"), 1000);
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), there(&w), w.mail().len()), (0, 1100, 0, 2100));
}

#[test]
fn what_limits_downloads_limits_the_reading_too() {
    let Some(w) = adopted("weaklimit", 5) else { return };
    assert_eq!(w.fetch(0, &["--max-size", "1"]).sum("deleted_there"), 0);
    assert_eq!(w.fetch(0, &["--limit", "2"]).sum("deleted_there"), 2);
    assert_eq!((w.fetch(0, &[]).sum("deleted_there"), there(&w)), (3, 0));
}

#[test]
fn a_forged_twin_is_fetched_and_nothing_is_lost() {
    let Some(w) = world("forged") else { return };
    w.server.fill(&w.user, "INBOX", 4, "a");
    mbsync_made(&w, &w.user, &w.root);
    // Same header, same size, another body.
    w.server.append(&w.user, "INBOX", b"Subject: twin\r\n\r\npay to A\r\n", "\\Seen", 1_600_000_000);
    fs::write(w.root.join("INBOX/cur/9.twin.host:2,S"), b"Subject: twin\nX-TUID: abcdefghijkl\n\npay to B\n").unwrap();
    w.configure("after-fetch = \"delete\"");
    assert_eq!(w.fetch(0, &[]).sum("linked"), 5);
    let out = w.fetch(1, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), out.sum("local_only"), there(&w)), (0, 4, 1, 1));
    out.says("9.twin.host").says("fetched in the next run");
    assert_eq!(out.stderr.lines().count(), 1, "{}", out.stderr);
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), there(&w)), (1, 1, 0));
    let texts: Vec<String> = w.mail().iter().map(|m| fs::read_to_string(&m.path).unwrap()).collect();
    assert_eq!(texts.len(), 6);
    assert!(texts.iter().any(|t| t == "Subject: twin\n\npay to A\n") && texts.iter().any(|t| t.ends_with("\npay to B\n")));
    let again = w.fetch(0, &[]);
    assert_eq!((again.sum("downloaded"), again.sum("deleted_there"), w.mail().len()), (0, 0, 6));
}

#[test]
fn lines_of_other_tools_make_no_other_message() {
    let Some(w) = world("toollines") else { return };
    // OfflineIMAP put its line into the server's message, too, and another one here.
    w.server.append(&w.user, "INBOX", b"Subject: c\r\nX-OfflineIMAP: 1\r\n\r\nc\r\n", "", 1_600_000_000);
    mbsync_made(&w, &w.user, &w.root);
    fs::remove_file(&w.mail()[0].path).unwrap();
    fs::write(w.root.join("INBOX/new/3.offlineimap"), b"Subject: c\nX-OfflineIMAP: 2\n\nc\n").unwrap();
    w.configure("after-fetch = \"delete\"");
    assert_eq!(w.fetch(0, &[]).sum("linked"), 1);
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), there(&w), w.mail().len()), (0, 1, 0, 1));
}

#[test]
fn a_file_that_was_damaged_since_keeps_the_copy_there() {
    let Some(w) = adopted("weakdamage", 3) else { return };
    let victim = w.mail()[1].clone();
    let mut bytes = fs::read(&victim.path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&victim.path, bytes).unwrap();
    for deleted in [2, 0] {
        let out = w.fetch(1, &[]);
        assert_eq!((out.sum("deleted_there"), there(&w)), (deleted, 1));
        out.says(&victim.base).says("damaged");
    }
}

#[test]
fn a_message_that_is_gone_there_is_here_only_and_not_asked_for_again() {
    let Some(w) = adopted("weakgone", 4) else { return };
    w.server.expunge(&w.user, "INBOX", "1:2");
    let out = w.fetch(0, &[]);
    assert_eq!((out.sum("deleted_there"), out.sum("local_only"), there(&w), w.mail().len()), (2, 2, 0, 4));
    let again = w.fetch(0, &[]);
    assert_eq!((again.sum("local_only"), w.mail().len()), (0, 4));
}

#[test]
fn by_age_they_become_due_like_any_other() {
    let Some(w) = adopted("weakage", 3) else { return };
    w.configure("after-fetch = { delete-after = \"30d\" }");
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 0);
    state(&w, "UPDATE link SET stored_at = stored_at - 31*86400");
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 0);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!((w.fetch(0, &[]).sum("deleted_there"), there(&w), w.mail().len()), (3, 0, 3));
}

#[test]
fn a_renumbered_folder_is_released_by_the_run_after_the_one_that_matched_it() {
    let Some(w) = world("weaknumber") else { return };
    w.server.fill(&w.user, "INBOX", 6, "a");
    w.fetch(0, &[]);
    w.server.renumber(&w.user, "INBOX", 99);
    w.configure("after-fetch = \"delete\"");
    assert_eq!(w.fetch(0, &[]).sum("deleted_there"), 0);
    assert_eq!((w.fetch(0, &[]).sum("deleted_there"), there(&w), w.mail().len()), (6, 0, 6));
}
