//! Things in the Maildir that are no mail, and servers without space.

use std::fs;
use std::os::unix::fs::symlink;

use crate::both::*;
use crate::world;

#[test]
fn what_is_no_mail_is_left_alone_and_named() {
    let Some(w) = world("nomail") else { return };
    w.sync(0, &[]);
    put(&w, "INBOX", "1.good.host", &message("good"));
    let bad = put(&w, "INBOX", "2.noise.host", b"\x7fELF no mail at all");
    put(&w, "INBOX", "3.empty.host", b"");
    symlink("/etc/passwd", w.root.join("INBOX/cur/4.link.host:2,S")).unwrap();
    fs::create_dir(w.root.join("INBOX/cur/5.dir.host")).unwrap();
    let out = w.sync(1, &[]);
    assert_eq!(done(&out), [("uploaded", 1)]);
    for name in ["2.noise.host", "3.empty.host", "4.link.host", "5.dir.host"] {
        assert!(out.stderr.contains(name), "{name}: {out:?}");
    }
    assert!(bad.exists());
    assert_eq!(there(&w)["INBOX"].len(), 1);
}

#[test]
fn a_full_mailbox_makes_the_uploads_wait_and_the_rest_is_done() {
    let Some(w) = world("tiny") else { return };
    send(&w, "INBOX", "a", "");
    w.sync(0, &[]);
    let large = [message("large"), vec![b'x'; 3 << 20]].concat();
    for n in 0..8 {
        put(&w, "INBOX", &format!("{n}.large.host"), &[large.clone(), vec![b'0' + n; 5], vec![b'\n']].concat());
    }
    flag(&w, "a", "S");
    let out = w.sync(1, &[]);
    assert_eq!(out.sum("flags_pushed"), 1, "{out:?}");
    assert_eq!(w.mail().len(), 9, "the mail stays here");
    let first = out.sum("uploaded");
    assert!(first < 8);
    let again = w.sync(1, &[]);
    assert_eq!(again.sum("uploaded"), 0, "{again:?}");
    assert_eq!(there(&w)["INBOX"].values().sum::<usize>() as u64, 1 + first);
}
