//! The state: lost, of another tool, renumbered; and what `fetch` did before.

use std::fs;

use crate::both::*;
use crate::world;

#[test]
fn a_lost_state_is_rebuilt_and_authorises_nothing() {
    let Some(w) = world("lost") else { return };
    for subject in ["a", "b", "c"] {
        send(&w, "INBOX", subject, "\\Seen");
    }
    w.sync(0, &[]);
    fs::remove_dir_all(w.root.join(".mailx")).unwrap();
    delete(&w, "a");
    put(&w, "INBOX", "1.mine.host:2,S", &message("mine"));
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("deleted_there"), out.sum("uploaded"), out.sum("linked")), (0, 0, 2), "{out:?}");
    assert_eq!(out.sum("downloaded"), 1, "what was deleted here meanwhile comes back");
    assert_eq!(count_there(&w, "INBOX", "mine"), 0, "it stays here only");
    assert_nothing_done(&w.sync(0, &[]));
    // From now on everything works again.
    flag(&w, "b", "FS");
    put(&w, "INBOX", "2.new.host", &message("new"));
    assert_eq!(done(&w.sync(0, &[])), [("uploaded", 1), ("flags_pushed", 1)]);
}

#[test]
fn what_was_moved_before_the_state_was_lost_moves_there_and_is_not_doubled() {
    let Some(w) = world("astray") else { return };
    w.server.create(&w.user, &["Archive", "Lists"]);
    for subject in ["a", "b", "c"] {
        send(&w, "INBOX", subject, "");
    }
    send(&w, "Archive", "d", "\\Seen");
    w.sync(0, &[]);
    carry(&w, "a", "Archive");
    carry(&w, "c", "Lists");
    carry(&w, "d", "INBOX");
    flag(&w, "a", "S");
    w.server.store(&w.user, "INBOX", &uid(&w, "INBOX", "a"), "+\\Flagged");
    fs::remove_dir_all(w.root.join(".mailx")).unwrap();
    let out = w.sync(0, &[]);
    assert_eq!(
        (out.sum("downloaded"), out.sum("linked"), out.sum("local_only"), w.mail().len()),
        (0, 4, 0, 4),
        "each is known where it is: {out:?}"
    );
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("uploaded"), out.sum("moved")), (0, 0, 3), "{out:?}");
    w.sync(0, &[]);
    assert_settled(&w);
    let places = [("Archive", "a"), ("INBOX", "b"), ("Lists", "c"), ("INBOX", "d")];
    assert_eq!(places.map(|(folder, subject)| count_there(&w, folder, subject)), [1; 4]);
    assert_eq!((find(&w, "a").letters, find(&w, "d").letters), ("FS".into(), "S".into()));
}

#[test]
fn row_32_a_renumbered_folder_is_matched_again() {
    let Some(w) = world("renum") else { return };
    for subject in ["a", "b", "c", "d", "e", "f"] {
        send(&w, "INBOX", subject, "");
    }
    w.sync(0, &[]);
    w.server.renumber(&w.user, "INBOX", 4711);
    delete(&w, "a");
    flag(&w, "b", "S");
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there")), (0, 0), "{out:?}");
    w.sync(0, &[]);
    w.sync(0, &[]);
    assert_eq!(there(&w)["INBOX"].keys().filter(|(_, flags)| flags == "S").count(), 1, "the flag travels in a later run");
    assert_nothing_done(&w.sync(0, &[]));
}

#[test]
fn what_fetch_did_not_look_at_is_not_lost_for_sync() {
    let Some(w) = world("after") else { return };
    for subject in ["a", "b", "c", "d", "e", "f"] {
        send(&w, "INBOX", subject, "");
    }
    w.fetch(0, &[]);
    w.server.store(&w.user, "INBOX", &uid(&w, "INBOX", "a"), "+\\Flagged");
    w.server.expunge(&w.user, "INBOX", &uid(&w, "INBOX", "b"));
    send(&w, "INBOX", "g", "");
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 1);
    assert_eq!(done(&w.sync(0, &[])), [("flags_pulled", 1), ("deleted_here", 1)]);
    assert_settled(&w);
}

#[test]
fn released_messages_live_here_only() {
    let Some(w) = world("released") else { return };
    w.configure("after-fetch = \"delete\"");
    for subject in ["a", "b"] {
        send(&w, "INBOX", subject, "");
    }
    w.fetch(0, &[]);
    assert_eq!(count_there(&w, "INBOX", "a"), 0);
    w.configure("");
    assert_nothing_done(&w.sync(0, &[]));
    delete(&w, "a");
    assert_nothing_done(&w.sync(0, &[]));
    assert_eq!(w.mail().len(), 1);
}

#[test]
fn a_maildir_of_mbsync_is_adopted() {
    let Some(w) = world("mbsync") else { return };
    w.server.create(&w.user, &["Other"]);
    for subject in ["a", "b", "c"] {
        send(&w, "INBOX", subject, "");
        send(&w, "Other", &format!("{subject}{subject}"), "\\Seen");
    }
    let rc = w.tmp.path().join("mbsyncrc");
    let (host, port, ca) = (w.server.get("HOST"), w.server.get("IMAPS_PORT"), w.server.get("CA"));
    let (user, pass, root) = (&w.user, w.server.get("PASSWORD"), w.root.display());
    fs::create_dir_all(&w.root).unwrap();
    fs::write(
        &rc,
        format!(
            "IMAPAccount a\nHost {host}\nPort {port}\nUser {user}\nPass {pass}\nSSLType IMAPS\nCertificateFile {ca}\n\nIMAPStore far\nAccount a\n\n\
             MaildirStore near\nPath {root}/\nInbox {root}/INBOX\nSubFolders Verbatim\n\nChannel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nSyncState *\n"
        ),
    )
    .unwrap();
    let ran = std::process::Command::new("mbsync").arg("-c").arg(&rc).arg("-a").output();
    let Ok(ran) = ran else { return crate::support::skip::skip("mbsync is not installed") };
    assert!(ran.status.success(), "{ran:?}");
    let out = w.sync(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("linked"), out.sum("uploaded")), (0, 6, 0), "{out:?}");
    assert_nothing_done(&w.sync(0, &[]));
    flag(&w, "a", "S");
    w.server.store(&w.user, "INBOX", &uid(&w, "INBOX", "b"), "+\\Flagged");
    assert_eq!(done(&w.sync(0, &[])), [("flags_pulled", 1), ("flags_pushed", 1)]);
}

#[test]
fn what_a_killed_fetch_had_removed_there_is_not_deleted_here() {
    let Some(w) = world("relkill") else { return };
    let mut met = false;
    for at in 1..40 {
        let mut own = crate::support::World::new(w.server, "relkill");
        own.user = format!("{}-{at}", w.user);
        own.configure("after-fetch = \"delete\"");
        own.server.deeds(&own.user, &serde_json::json!([appended("INBOX", "a", ""), appended("INBOX", "b", "")]));
        let out = own.run_with(&["fetch", "--json"], &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        if out.signal.is_none() {
            break;
        }
        let removed = count_there(&own, "INBOX", "a") == 0;
        met |= removed;
        own.configure("");
        own.sync(0, &[]);
        own.sync(0, &[]);
        assert_eq!((own.mail().len(), kept(&own)), (2, 0), "killed at step {at}");
    }
    assert!(met, "no step was met at which the server's copies were gone");
}
