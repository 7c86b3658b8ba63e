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

#[test]
fn the_hint_lifts_the_guard_of_that_folder_only() {
    let Some(w) = start("ghint", 1) else { return };
    let names = ["!bang", "star*", "starfish"];
    w.server.create(&w.user, &names);
    for name in names {
        w.server.fill(&w.user, name, 6, name.trim_matches(['!', '*']));
    }
    w.sync(0, &[]);
    for mail in w.mail().into_iter().filter(|m| m.dir.contains("bang") || m.dir.starts_with("star")) {
        fs::remove_file(mail.path).unwrap();
    }
    for name in ["!bang", "star*"] {
        let out = w.sync(3, &[]);
        let hint = out.folder(name)["error"]["hints"].to_string() + &out.stderr;
        let at = hint
            .find(&format!("--allow-mass-delete='{}", name.replace('!', r"\!").replace('*', r"\*")))
            .unwrap_or_else(|| panic!("{hint}"));
        let option: String = hint[at..].chars().take_while(|c| !c.is_whitespace() && *c != ';').filter(|c| *c != '\'').collect();
        assert_eq!(done(&w.sync(3, &[&option])), [("deleted_there", 6)], "{option}");
        assert_eq!(there(&w)[name].len(), 0);
    }
    assert_eq!(there(&w)["starfish"].len(), 6);
    w.run(&["sync", "--allow-mass-delete=!starfish"]).exit(64);
    assert_eq!(there(&w)["starfish"].len(), 6);
}

#[test]
fn a_directory_with_the_inode_of_the_one_that_was_known_is_another_one() {
    let Some(w) = start("ginode", 3) else { return };
    for _ in 0..3 {
        fs::remove_dir_all(w.root.join("Big")).unwrap();
        make(&w, "Big");
        assert_eq!(done(&w.sync(3, &[])), []);
    }
    assert_eq!(there(&w)["Big"].values().sum::<usize>(), 3);
    assert_eq!(w.sync(0, &["--allow-mass-delete=Big"]).sum("deleted_there"), 3);
    assert_settled(&w);
}

#[test]
fn a_removed_folder_goes_there_in_the_one_run_that_may() {
    let Some(w) = start("grm", 8) else { return };
    fs::remove_dir_all(w.root.join("Big")).unwrap();
    refused(&w);
    assert_eq!(w.sync(0, &["--allow-mass-delete=Big"]).sum("deleted_there"), 8);
    w.sync(0, &[]);
    assert!(!there(&w).contains_key("Big"));
    assert_settled(&w);
}
