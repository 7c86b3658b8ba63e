//! Folder names, layouts, patterns.

use std::collections::BTreeSet;

use crate::support::{Server, World};
use crate::world;

const ODD: [&str; 9] = ["Entwürfe", "会議/2024 年", ".hidden", "a: b?*", "cur", "100% & more", "trailing.", "x~", "\u{1f642}"];

fn fill(w: &World, names: &[&str]) {
    w.server.create(&w.user, names);
    for name in names {
        w.server.append(&w.user, name, format!("Subject: in {name}\r\n\r\n{name}\r\n").as_bytes(), "", 1_600_000_000);
    }
}

/// Each message says where it belongs: two in one directory would mean that names collided.
fn assert_apart(w: &World, count: usize) {
    let mail = w.mail();
    assert_eq!(mail.len(), count);
    let dirs: BTreeSet<String> = mail.iter().map(|m| m.dir.to_lowercase()).collect();
    assert_eq!(dirs.len(), count, "{dirs:?}");
    for mail in &mail {
        let inside = mail.path.canonicalize().unwrap();
        assert!(inside.starts_with(w.root.canonicalize().unwrap()), "{}", inside.display());
        for level in mail.dir.split('/') {
            assert!(!level.starts_with('.') || w.root.join("mailx.state").exists(), "hidden: {}", mail.dir);
            assert!(!["cur", "new", "tmp"].contains(&level), "{}", mail.dir);
            assert!(level.len() <= 255);
        }
    }
}

#[test]
fn odd_names_become_directories_of_their_own() {
    let Some(w) = world("odd") else { return };
    fill(&w, &ODD);
    w.fetch(0, &[]);
    assert_apart(&w, ODD.len());
    assert!(w.root.join("Entwürfe/cur").is_dir() && w.root.join("会議/2024 年/cur").is_dir(), "usual names stay readable");
    let out = w.fetch(0, &[]);
    assert_eq!(out.sum("downloaded"), 0);
    let names: Vec<String> = out.account()["folders"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect();
    for name in ODD {
        assert!(names.contains(&name.to_owned()), "{name} is not in {names:?}");
    }
}

#[test]
fn odd_names_in_maildir_plus_plus() {
    let Some(w) = world("oddpp") else { return };
    w.configure("layout = \"maildir++\"");
    fill(&w, &ODD);
    w.server.append(&w.user, "INBOX", b"Subject: inbox\r\n\r\nx\r\n", "", 1_600_000_000);
    w.fetch(0, &[]);
    assert_apart(&w, ODD.len() + 1);
    assert!(w.root.join("new").is_dir() && w.root.join(".会議.2024 年/cur").is_dir());
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 0);
}

#[test]
fn names_that_differ_in_case_only_and_long_names_do_not_collide() {
    let Some(w) = world("case") else { return };
    let long: Vec<String> = ["x", "y"].iter().map(|end| format!("{}{end}", "ü".repeat(90))).collect();
    let names = ["Lists", "lists", "LISTS", "lists/A", "Lists/a", &long[0], &long[1]];
    fill(&w, &names);
    w.fetch(0, &[]);
    assert_apart(&w, names.len());
    // The mapping survives the state.
    let before: Vec<_> = w.mail().into_iter().map(|m| m.path).collect();
    std::fs::remove_dir_all(w.root.join(".mailx")).unwrap();
    let out = w.fetch(0, &[]);
    let after: Vec<_> = w.mail().into_iter().map(|m| m.path).collect();
    assert_eq!((out.sum("downloaded"), after), (0, before));
}

#[test]
fn a_slash_in_a_name_is_no_level_where_the_separator_is_another() {
    // Dovecot keeps mail in Maildir++ on disk, where a name may hold a slash only when it is escaped.
    let options = [("EXTRA_CONF", "namespace inbox {\n  separator = ^\n}\n"), ("MAIL_LOCATION", "mdbox:~/mdbox:DIRNAME=dir")];
    let Some(server) = Server::start(&options) else { return };
    let server: &'static Server = Box::leak(Box::new(server));
    let w = World::new(server, "slash");
    let adm = |arguments: &[&str]| server.adm(arguments);
    adm(&["mailbox", "create", "-u", &w.user, "up^down"]);
    w.server.append(&w.user, "INBOX", b"Subject: x\r\n\r\nx\r\n", "", 1_600_000_000);
    w.fetch(0, &[]);
    assert!(w.root.join("up/down/cur").is_dir());
}

#[test]
fn patterns_choose_folders() {
    let Some(w) = world("patterns") else { return };
    fill(&w, &["Lists/rust/dev", "Lists/go", "Lists", "Work [x]", "Other"]);
    w.server.append(&w.user, "Junk", b"Subject: junk\r\n\r\nx\r\n", "", 1_600_000_000);
    let cases: [(&[&str], &[&str]); 7] = [
        (&["Lists/*"], &["Lists/go", "Lists/rust/dev"]),
        (&["Lists/??"], &["Lists/go"]),
        (&["*", "!\\Junk", "!Lists*"], &["Other", "Work [x]"]),
        (&["!*"], &[]),
        (&["\\Junk"], &["Junk"]),
        (&["Work [x]"], &["Work [x]"]),
        (&["other"], &[]),
    ];
    for (n, (patterns, wanted)) in cases.iter().enumerate() {
        let root = w.tmp.path().join(format!("mail-{n}"));
        w.write_config(&w.account("test", &w.user, &root, ""));
        let arguments: Vec<&str> = patterns.iter().flat_map(|p| ["--folder", p]).collect();
        w.fetch(if *patterns == ["other"] { 66 } else { 0 }, &arguments);
        let dirs: Vec<String> = crate::support::read(&root).into_iter().map(|m| m.dir).collect();
        assert_eq!(dirs, *wanted, "{patterns:?}");
    }
    // The account's own patterns and those of the command line must both agree.
    w.configure("folders = [\"*\", \"!\\\\Junk\", \"!Other\"]");
    w.fetch(0, &["--folder", "Other", "--folder", "Lists"]);
    assert_eq!(w.mail().into_iter().map(|m| m.dir).collect::<Vec<_>>(), ["Lists"]);
    w.run(&["fetch", "--folder", "\\Nonsense"]).exit(64);
}

#[test]
fn a_folder_in_the_url_is_the_only_one() {
    let Some(w) = world("path") else { return };
    fill(&w, &["Lists/rust", "Other"]);
    let url = format!("imaps://{}@localhost:{}/Lists/rust", w.user, w.server.get("IMAPS_PORT"));
    let root = w.root.to_str().unwrap();
    let out = w.run_with(
        &["fetch", "--json", "--ca", w.server.get("CA"), &url, root],
        &[("MAILX_PASSWORD", "pass"), ("MAILX_CONFIG", "/nonexistent")],
    );
    assert_eq!(out.exit(0).sum("downloaded"), 1);
    assert_eq!(w.mail()[0].dir, "Lists/rust");
}

#[test]
fn a_folder_in_the_url_is_no_pattern() {
    let Some(w) = world("pathlit") else { return };
    fill(&w, &["starfish"]);
    let root = w.root.to_str().unwrap();
    let fetch = |path: &str, code: i32| {
        let url = format!("imaps://{}@localhost:{}/{path}", w.user, w.server.get("IMAPS_PORT"));
        let arguments = ["fetch", "--json", "--ca", w.server.get("CA"), &url, root];
        w.run_with(&arguments, &[("MAILX_PASSWORD", "pass"), ("MAILX_CONFIG", "/nonexistent")]).exit(code)
    };
    fetch("star*", 66).says("star*");
    fetch("Nope", 66).says("Nope");
    assert_eq!(w.mail().len(), 0);
    fill(&w, &["star*", "!bang"]);
    assert_eq!(fetch("star*", 0).sum("downloaded"), 1);
    assert_eq!(fetch("!bang", 0).sum("downloaded"), 1);
}

#[test]
fn a_folder_that_is_nowhere_is_named_and_the_others_are_done() {
    let Some(w) = world("nowhere") else { return };
    fill(&w, &["Lists"]);
    assert_eq!(w.fetch(66, &["--folder", "Nowhere"]).folder("Nowhere")["error"]["class"], "not-found");
    let out = w.fetch(1, &["--folder", "Nowhere", "--folder", "Lists"]);
    assert_eq!(out.says("Nowhere").sum("downloaded"), 1);
    w.fetch(1, &["--allow-mass-delete=Nowhere"]).says("Nowhere");
    w.configure("folders = [\"Lists\", \"Typo\", \"!Neither\", \"\\\\Flagged\", \"No*\"]");
    fill(&w, &["Other"]);
    w.server.append(&w.user, "Lists", b"Subject: two\r\n\r\nx\r\n", "", 1_600_000_000);
    assert_eq!(w.fetch(1, &[]).says("Typo").sum("downloaded"), 1);
    // What is here only is no error.
    w.configure("");
    w.server.adm(&["mailbox", "delete", "-u", &w.user, "Lists"]);
    w.fetch(0, &["--folder", "Lists"]);
}

#[test]
fn what_stands_where_a_folder_should_be_made_stops_no_other_one() {
    let Some(w) = world("blocked") else { return };
    w.fetch(0, &[]);
    std::fs::write(w.root.join("A"), "a plain file").unwrap();
    fill(&w, &["A", "B"]);
    let out = w.fetch(1, &[]);
    assert_eq!((out.sum("downloaded"), out.folder("A")["error"]["class"].as_str()), (1, Some("local-corrupt")));
    std::fs::remove_file(w.root.join("A")).unwrap();
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 1);
}

#[test]
fn a_folder_that_appears_or_vanishes_there_harms_nothing_here() {
    let Some(w) = world("vanish") else { return };
    fill(&w, &["Old", "Stays"]);
    w.fetch(0, &[]);
    w.server.adm(&["mailbox", "delete", "-u", &w.user, "Old"]);
    fill(&w, &["Young"]);
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 1);
    assert_eq!(w.mail().len(), 3);
}
