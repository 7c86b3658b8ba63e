//! One line of the configuration changes the protocol of an account; the mail stays what it is.

use std::collections::BTreeSet;

use crate::support::{Out, World};
use crate::{here, there};

#[derive(Clone, Copy, Debug)]
enum By {
    Imap,
    ActiveSync,
    Pop3,
}

fn configure(w: &World, by: By) {
    match by {
        By::Imap => w.configure(""),
        By::ActiveSync => w.configure_active_sync(""),
        By::Pop3 => {
            let url = format!("pop3s://{}@{}:{}", w.user, w.server.get("HOST"), w.server.get("POP3S_PORT"));
            w.configure(&format!("receive = \"{url}\"\n"));
        }
    }
}

fn sums(out: &Out) -> [u64; 4] {
    ["downloaded", "uploaded", "deleted_here", "deleted_there"].map(|name| out.sum(name))
}

#[test]
fn from_imap_over_activesync_to_pop3_and_back_nothing_is_downloaded_deleted_or_sent() {
    let Some(w) = World::active_sync("switch") else { return };
    configure(&w, By::Imap);
    w.server.generate(&w.user, "INBOX", 40, "a");
    w.server.create(&w.user, &["Archive", "Archive/2024"]);
    w.server.generate(&w.user, "Archive/2024", 15, "b");
    w.server.store(&w.user, "INBOX", "1:5", "+\\Seen");
    assert_eq!(w.sync(0, &[]).sum("downloaded"), 55);
    let names = |w: &World| w.mail().into_iter().map(|mail| (mail.dir, mail.base)).collect::<BTreeSet<_>>();
    let (before, there_before) = (names(&w), there(&w));
    for by in [By::ActiveSync, By::Pop3, By::ActiveSync, By::Imap, By::ActiveSync] {
        configure(&w, by);
        let out = w.sync(0, &[]);
        assert_eq!(sums(&out), [0; 4], "{by:?}: {}", out.stderr);
        out.says("INBOX renumbered: 40 matched, 0 new");
        assert_eq!((names(&w), there(&w)), (before.clone(), there_before.clone()), "{by:?}");
        let again = w.sync(0, &[]);
        assert_eq!(sums(&again), [0; 4], "{by:?}, again: {}", again.stderr);
    }
    assert_eq!(here(&w), there(&w));
}

#[test]
fn what_the_server_renders_differently_is_matched_weakly_or_counted() {
    let Some(w) = World::active_sync("rendered") else { return };
    configure(&w, By::Imap);
    // Text of one octet a character, whose label SOGo changes together with it; and a message without a header, which nothing names.
    let latin =
        b"From: a@example.org\r\nMessage-ID: <latin@test.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: 8bit\r\nSubject: latin\r\n\r\ncaf\xe9 \xfc\r\n";
    w.server.append(&w.user, "INBOX", latin, "", 1_600_000_000);
    w.server.append(&w.user, "INBOX", b"\r\nno header\r\n", "", 1_600_000_001);
    w.server.generate(&w.user, "INBOX", 10, "a");
    w.sync(0, &[]);
    let before: Vec<String> = w.mail().into_iter().map(|mail| mail.identity).collect();
    configure(&w, By::ActiveSync);
    let out = w.sync(0, &[]);
    let [downloaded, uploaded, deleted_here, deleted_there] = sums(&out);
    assert_eq!([uploaded, deleted_here, deleted_there], [0; 3], "{}", out.stderr);
    assert!(downloaded <= 1, "{downloaded} of 12 came once more: {}", out.stderr);
    let after: Vec<String> = w.mail().into_iter().map(|mail| mail.identity).collect();
    assert!(before.iter().all(|identity| after.contains(identity)), "nothing that was here is lost");
    assert_eq!(w.server.list(&w.user)["INBOX"].len(), 12);
    assert_eq!(sums(&w.sync(0, &[])), [0; 4]);
}
