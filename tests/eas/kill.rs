//! kill -9 at each durable step: whatever a run leaves, the next one ends in the same place.

use crate::home::Home;
use crate::mailbox::{INBOX, letter};
use crate::support::kill::at_each_step;
use crate::support::maildir;

/// Runs `verb` until it kills itself at a durable step; true where it did.
#[track_caller]
fn crash(home: &Home, verb: &str, at: usize) -> bool {
    let out = home.run_with(&[verb, "--json"], &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
    assert!(out.signal == Some(9) || out.code == Some(0), "step {at}: {out:?}");
    out.signal == Some(9)
}

#[test]
fn a_first_fetch_ends_the_same_whenever_it_is_killed() {
    let steps = at_each_step(|at| {
        let home = Home::new(12);
        home.peer.there().deliver("6", &letter(40));
        let killed = crash(&home, "fetch", at);
        home.fetch(0);
        home.assert_same();
        killed
    });
    assert!(steps > 8, "{steps}");
}

#[test]
fn a_sync_of_all_kinds_ends_the_same_whenever_it_is_killed() {
    let steps = at_each_step(|at| {
        let home = Home::new(8);
        home.sync(0);
        {
            let mut there = home.peer.there();
            there.mark_read(INBOX, "5:1", true);
            there.delete(INBOX, "5:2");
            there.deliver(INBOX, &letter(50));
        }
        let file = |n: usize| home.mail().into_iter().find(|m| m.identity == maildir::identity(&letter(n))).unwrap();
        let (flagged, deleted, moved) = (file(2), file(3), file(4));
        flagged.relabel("F");
        std::fs::remove_file(deleted.path).unwrap();
        std::fs::rename(&moved.path, home.root.join("Sent Items/cur").join(format!("{}:2,", moved.base))).unwrap();
        let killed = crash(&home, "sync", at);
        home.sync(0);
        home.sync(0);
        home.assert_same();
        let there = home.peer.there();
        assert!(there.folders[INBOX].letters.iter().any(|l| l.id == "5:3" && l.flagged), "step {at}");
        assert_eq!(there.folders["6"].letters.len(), 1, "step {at}");
        drop(there);
        assert!(home.mail().iter().any(|m| m.identity == maildir::identity(&letter(0)) && m.letters == "S"), "step {at}");
        killed
    });
    assert!(steps > 10, "{steps}");
}
