//! Things in the Maildir that are no mail, and servers without space.

use std::fs;
use std::os::unix::fs::symlink;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

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

#[test]
fn a_message_whose_name_is_not_utf_8_is_named_in_every_run() {
    let Some(w) = world("latin") else { return };
    w.sync(0, &[]);
    let cur = w.root.join("INBOX/cur");
    fs::write(cur.join(OsStr::from_bytes(b"a\xffc:2,S")), message("latin")).unwrap();
    for _ in 0..2 {
        assert_eq!(w.sync(1, &[]).says("not UTF-8").sum("uploaded"), 0);
    }
    fs::rename(cur.join(OsStr::from_bytes(b"a\xffc:2,S")), cur.join("abc:2,S")).unwrap();
    assert_eq!(w.sync(0, &[]).sum("uploaded"), 1);
    assert_settled(&w);
}

#[test]
fn directories_with_a_percent_sign_are_folders() {
    let Some(w) = world("percent") else { return };
    w.configure("expunge = \"now\"");
    for subject in ["a", "b", "c"] {
        send(&w, "INBOX", subject, "\\Seen");
    }
    w.sync(0, &[]);
    for (subject, dir) in [("a", "100%"), ("b", "50% off"), ("c", "m%n")] {
        carry(&w, subject, dir);
    }
    let out = w.sync(0, &[]);
    assert_eq!(done(&out), [("moved", 3)], "{out:?}");
    assert_settled(&w);
}

#[test]
fn mail_in_a_directory_that_can_be_no_folder_is_not_taken_for_deleted() {
    let Some(w) = world("oddirs") else { return };
    w.configure("expunge = \"now\"");
    let odd = [OsStr::from_bytes(b"caf\xe9"), OsStr::new("50%de"), OsStr::new("inbox")];
    for subject in ["a", "b", "c", "d", "e"] {
        send(&w, "INBOX", subject, "\\Seen");
    }
    w.sync(0, &[]);
    for (subject, dir) in ["a", "b", "c"].into_iter().zip(odd) {
        let mail = find(&w, subject);
        for place in ["cur", "new", "tmp"] {
            fs::create_dir_all(w.root.join(dir).join(place)).unwrap();
        }
        fs::rename(&mail.path, w.root.join(dir).join("cur").join(mail.path.file_name().unwrap())).unwrap();
    }
    delete(&w, "d");
    let out = w.sync(1, &[]);
    assert_eq!(done(&out), [("deleted_there", 1)], "what is nowhere is deleted: {out:?}");
    out.says("50%de").says("inbox").says("caf");
    for subject in ["a", "b", "c", "e"] {
        assert_eq!(count_there(&w, "INBOX", subject), 1, "{subject}");
    }
    let folders = w.run(&["folders", "--json"]).exit(0);
    let inbox = folders.json()["accounts"][0]["folders"].as_array().unwrap().iter().find(|f| f["name"] == "INBOX").unwrap().clone();
    assert_eq!(inbox["here"].as_u64().or_else(|| inbox["here"]["messages"].as_u64()), Some(1), "{inbox}");
    for (dir, name) in odd.into_iter().zip(["Café", "Half", "Third"]) {
        fs::rename(w.root.join(dir), w.root.join(name)).unwrap();
    }
    assert_eq!(done(&w.sync(0, &[])), [("moved", 3)]);
    assert_settled(&w);
}

#[test]
fn a_bad_directory_is_named_and_the_other_folders_go_on() {
    let Some(w) = world("baddir") else { return };
    w.configure("expunge = \"now\"");
    w.server.create(&w.user, &["A", "B", "Empty"]);
    send(&w, "A", "a", "\\Seen");
    w.sync(0, &[]);
    let away = w.tmp.path().join("away");
    fs::rename(w.root.join("A"), &away).unwrap();
    fs::remove_dir_all(w.root.join("Empty")).unwrap();
    for (n, link) in [true, false].into_iter().enumerate() {
        for name in ["A", "Empty"] {
            let path = w.root.join(name);
            let _ = fs::remove_file(&path);
            if link { symlink(&away, &path).unwrap() } else { fs::write(&path, "a plain file").unwrap() }
        }
        send(&w, "INBOX", &format!("in{n}"), "");
        send(&w, "B", &format!("b{n}"), "");
        let out = w.sync(1, &[]);
        assert_eq!(done(&out), [("downloaded", 2)], "{out:?}");
        assert!(out.folder("A")["error"].is_object() && out.folder("Empty")["error"].is_object(), "{out:?}");
        assert!(w.server.list(&w.user).contains_key("Empty") && count_there(&w, "A", "a") == 1);
    }
    for name in ["A", "Empty"] {
        fs::remove_file(w.root.join(name)).unwrap();
    }
    fs::rename(&away, w.root.join("A")).unwrap();
    make(&w, "Empty");
    w.sync(0, &[]);
    assert_settled(&w);
}
