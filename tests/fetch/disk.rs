//! A disk that is full or read-only.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::maildir::leftovers;
use crate::support::mount::Mount;
use crate::support::skip;
use crate::world;

#[test]
fn a_full_disk_is_74_leaves_no_half_file_and_the_next_run_goes_on() {
    let Some(w) = world("full") else { return };
    let Some(mount) = Mount::new(&w.tmp.path().join("disk"), "size=8m,mode=700") else { return };
    let root = mount.0.join("mail");
    w.write_config(&w.account("test", &w.user, &root, "after-fetch = \"delete\""));
    let all = 30;
    for n in 0..all {
        let body = format!("Subject: {n}\r\n\r\n{}", format!("{n} 0123456789 0123456789 0123456789\r\n").repeat(15_000));
        w.server.append(&w.user, "INBOX", body.as_bytes(), "", 1_600_000_000 + n);
    }
    let there = w.server.list(&w.user)["INBOX"].clone();
    let known: std::collections::BTreeSet<String> = there.iter().map(|l| l.identity.clone()).collect();
    for _ in 0..2 {
        let out = w.fetch(74, &[]);
        assert_eq!(out.account()["error"]["class"], "disk-full", "{out:?}");
        for mail in crate::support::read(&root) {
            assert!(known.contains(&mail.identity), "half a file: {}", mail.path.display());
        }
        assert_eq!(leftovers(&root), Vec::<PathBuf>::new());
        let here: Vec<String> = crate::support::read(&root).into_iter().map(|m| m.identity).collect();
        let left = w.server.list(&w.user)["INBOX"].clone();
        assert!(there.iter().all(|l| here.contains(&l.identity) || left.contains(l)), "lost");
    }
    mount.remount("size=64m");
    w.fetch(0, &[]);
    let mut here: Vec<String> = crate::support::read(&root).into_iter().map(|m| m.identity).collect();
    here.sort();
    assert_eq!(here, known.into_iter().collect::<Vec<_>>());
    assert_eq!(w.server.list(&w.user)["INBOX"].len(), 0);
}

#[test]
fn a_disk_that_is_full_from_the_start_is_74() {
    let Some(w) = world("brim") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    let Some(mount) = Mount::new(&w.tmp.path().join("disk"), "size=1m,mode=700") else { return };
    let root = mount.0.join("mail");
    w.write_config(&w.account("test", &w.user, &root, ""));
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
    let _ = fs::write(mount.0.join("ballast"), vec![0; 2 << 20]);
    w.run(&["fetch"]).exit(74);
    fs::remove_file(mount.0.join("ballast")).unwrap();
    w.fetch(0, &[]);
    assert_eq!(crate::support::read(&root).len(), 3);
}

#[test]
fn a_full_disk_is_called_so_whatever_the_database_calls_it() {
    let Some(w) = world("filled") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    let Some(mount) = Mount::new(&w.tmp.path().join("disk"), "size=4m,mode=700") else { return };
    let root = mount.0.join("mail");
    w.write_config(&w.account("test", &w.user, &root, ""));
    w.fetch(0, &[]);
    w.server.generate(&w.user, "INBOX", 2, "b");
    let _ = fs::write(mount.0.join("ballast"), vec![0; 8 << 20]);
    let out = w.run(&["fetch"]).exit(74);
    out.says("disk-full").says("free some space");
    fs::remove_file(mount.0.join("ballast")).unwrap();
    w.fetch(0, &[]);
    assert_eq!(crate::support::read(&root).len(), 5);
}

#[test]
fn a_read_only_disk_is_73_or_74_and_the_next_run_goes_on() {
    let Some(w) = world("readonly") else { return };
    let Some(mount) = Mount::new(&w.tmp.path().join("disk"), "size=16m,mode=700") else { return };
    let root = mount.0.join("mail");
    w.write_config(&w.account("test", &w.user, &root, ""));
    mount.remount("ro");
    let out = w.run(&["fetch"]);
    assert!(matches!(out.code, Some(73 | 74)), "{out:?}");
    mount.remount("rw");
    w.server.generate(&w.user, "INBOX", 2, "a");
    w.fetch(0, &[]);
    w.server.generate(&w.user, "INBOX", 2, "b");
    mount.remount("ro");
    let out = w.run(&["fetch"]);
    assert!(matches!(out.code, Some(73 | 74)), "{out:?}");
    // A dry run writes nothing, so it works.
    assert_eq!(w.fetch(0, &["--dry-run"]).account()["plan"].as_array().unwrap().len(), 2);
    mount.remount("rw");
    w.fetch(0, &[]);
    assert_eq!(crate::support::read(&root).len(), 4);
}

#[test]
fn a_directory_that_cannot_be_written_is_73() {
    let Some(w) = world("denied") else { return };
    let line = "test \"$(id -u)\" = 0 && command -v setpriv";
    let as_other = Command::new("sh").args(["-c", line]).stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if !as_other {
        skip("not root: cannot run as another user");
        return;
    }
    // As another user, in a directory of root's.
    fs::set_permissions(w.tmp.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = w.command(&["fetch"]);
    let mut other = Command::new("setpriv");
    let binary = w.tmp.path().join("mailx");
    fs::copy(env!("CARGO_BIN_EXE_mailx"), &binary).unwrap();
    other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary).arg("fetch");
    other.envs(command.get_envs().filter_map(|(k, v)| v.map(|v| (k.to_owned(), v.to_owned())))).stdin(Stdio::null());
    command.env_clear();
    other.current_dir("/");
    let out = crate::support::world::Running::start(&mut other).end(std::time::Duration::from_secs(30));
    out.exit(73);
    assert!(!w.root.exists());
}
