//! One line of the configuration changes the protocol of an account; the mail stays what it is.

use crate::{configure, here, there, world};

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
