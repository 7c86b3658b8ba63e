//! One line of the configuration changes the protocol of an account; the mail stays what it is.

use crate::support::maildir::identity;
use crate::{configure, here, there, world};

const MINE: &[u8] = b"Subject: mine\n\nx\n";

#[test]
fn from_pop3_to_imap_and_back_nothing_is_downloaded_deleted_or_sent() {
    let Some(w) = world("switch") else { return };
    w.server.generate(&w.user, "INBOX", 20, "a");
    w.fetch(0, &[]);
    let names = |w: &crate::World| w.mail().into_iter().map(|m| m.base).collect::<std::collections::BTreeSet<_>>();
    let before = names(&w);
    for imap in [true, false, true] {
        if imap {
            w.configure("")
        } else {
            configure(&w, "")
        }
        let out = w.sync(0, &[]);
        let sums = ["downloaded", "uploaded", "deleted_here", "deleted_there"].map(|n| out.sum(n));
        assert_eq!(sums, [0; 4], "imap: {imap}; {}", out.stderr);
        out.says("INBOX renumbered: 20 matched, 0 new");
        assert_eq!((names(&w), here(&w)), (before.clone(), there(&w)), "imap: {imap}");
        let out = w.sync(0, &[]);
        assert_eq!(["downloaded", "uploaded", "deleted_here", "deleted_there"].map(|n| out.sum(n)), [0; 4], "imap: {imap}");
    }
}

#[test]
fn from_then_on_flags_and_folders_follow_and_what_is_here_only_stays_so() {
    let Some(w) = world("follow") else { return };
    w.server.generate(&w.user, "INBOX", 3, "released");
    configure(&w, "after-fetch = \"delete\"");
    w.fetch(0, &[]);
    configure(&w, "");
    w.server.generate(&w.user, "INBOX", 4, "kept");
    w.sync(0, &[]);
    // Put here by hand, and filed by hand: POP3 can tell the server neither.
    std::fs::write(w.root.join("INBOX/cur/1.mine.host:2,S"), MINE).unwrap();
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(w.root.join("Archive").join(part)).unwrap();
    }
    let listed = w.server.list(&w.user)["INBOX"].clone();
    let filed = w.mail().into_iter().find(|m| m.identity == listed[3].identity).unwrap();
    std::fs::rename(&filed.path, w.root.join("Archive/cur").join(format!("{}:2,S", filed.base))).unwrap();
    w.sync(0, &[]);
    assert_eq!((here(&w).len(), there(&w).len()), (8, 4));

    w.configure("");
    let zero = |out: &crate::support::Out| ["downloaded", "uploaded", "deleted_here", "deleted_there"].map(|n| out.sum(n)) == [0; 4];
    let out = w.sync(0, &[]);
    assert!(zero(&out), "{out:?}");
    out.says("INBOX renumbered: 4 matched, 0 new");
    // A folder there, a flag on either side.
    w.server.create(&w.user, &["Old"]);
    w.server.generate(&w.user, "Old", 2, "old");
    w.server.store(&w.user, "INBOX", &listed[0].uid.to_string(), "+\\Flagged");
    let read = w.mail().into_iter().find(|m| m.identity == listed[1].identity).unwrap();
    read.relabel("S");
    let out = w.sync(0, &[]);
    let sums = ["downloaded", "flags_pulled", "flags_pushed", "moved", "uploaded", "deleted_there"].map(|n| out.sum(n));
    // What waited for a server that can do it has its turn now; what `fetch` released has none.
    assert_eq!(sums, [2, 1, 1, 1, 1, 0], "{out:?}");
    let inbox = there(&w);
    assert!(inbox.len() == 4 && inbox.contains(&identity(MINE)));
    assert_eq!(w.server.list(&w.user)["Archive"].iter().map(|l| &l.identity).collect::<Vec<_>>(), [&listed[3].identity]);
    assert!(w.server.list(&w.user)["INBOX"][1].flags.contains(&"\\Seen".to_owned()));
    w.sync(0, &[]);
    assert!(zero(&w.sync(0, &[])));
    assert_eq!((here(&w).len(), there(&w).len()), (10, 4));
    // A deletion, too; what it goes by was matched without its body, which is read before.
    let gone = w.mail().into_iter().find(|m| m.identity == listed[2].identity).unwrap();
    std::fs::remove_file(&gone.path).unwrap();
    assert_eq!(w.sync(0, &["--folder", "INBOX"]).sum("deleted_there"), 1);
}
