//! Byte-exact to what the server sends.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::support::maildir::{leftovers, sha256};
use crate::support::server::run;
use crate::world;

/// Makes the odd mail of nasty.py; paths of what APPEND keeps, and of what only the back door brings in.
fn nasty(out: &Path, big: u64) -> (Vec<String>, Vec<String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/nasty.py");
    run(Command::new("python3").arg("-B").arg(script).arg(out).args(["--big", &big.to_string()]));
    let mut all: Vec<String> = std::fs::read_dir(out).unwrap().map(|e| e.unwrap().path().to_str().unwrap().to_owned()).collect();
    all.sort();
    all.into_iter().partition(|name| !name.ends_with(".raw.eml"))
}

#[test]
fn odd_mail_and_a_large_attachment_come_byte_for_byte() {
    let Some(w) = world("odd") else { return };
    let (keep, _) = nasty(&w.tmp.path().join("nasty"), 50_000_000);
    let mut arguments = vec!["INBOX"];
    arguments.extend(keep.iter().map(String::as_str));
    w.server.seed(&w.user, &arguments);
    let out = w.fetch(0, &[]);
    assert_eq!(out.sum("downloaded"), keep.len() as u64);
    let mut there: BTreeMap<String, usize> = BTreeMap::new();
    for letter in &w.server.list(&w.user)["INBOX"] {
        *there.entry(letter.sha256.clone()).or_default() += 1;
    }
    let mut here: BTreeMap<String, usize> = BTreeMap::new();
    for mail in w.mail() {
        *here.entry(mail.wire).or_default() += 1;
    }
    assert_eq!(here, there);
    // What the server gave is what was put in.
    let put: std::collections::BTreeSet<String> = keep.iter().map(|f| sha256(&std::fs::read(f).unwrap())).collect();
    assert_eq!(there.into_keys().collect::<std::collections::BTreeSet<_>>(), put);
    assert_eq!(leftovers(&w.root), Vec::<std::path::PathBuf>::new());
}

#[test]
fn bare_line_ends_nul_and_nothing_come_as_the_server_sends_them() {
    let Some(w) = world("md") else { return };
    let (keep, raw) = nasty(&w.tmp.path().join("nasty"), 0);
    assert!(!raw.is_empty());
    let all: Vec<&str> = keep.iter().chain(&raw).map(String::as_str).collect();
    w.server.seed(&w.user, &[&["INBOX", "--raw"], all.as_slice()].concat());
    let out = w.fetch(0, &[]);
    assert_eq!(out.sum("downloaded"), all.len() as u64);
    let (mut there, mut here) = (Vec::new(), Vec::new());
    let bodies = tempfile::tempdir().unwrap();
    w.server.bodies(&w.user, "INBOX", bodies.path());
    for entry in std::fs::read_dir(bodies.path()).unwrap().flatten() {
        let body = std::fs::read(entry.path()).unwrap();
        // Stored with LF where every line ends in CRLF, else as it came.
        let bare = body.iter().enumerate().any(|(i, b)| match b {
            b'\n' => i == 0 || body[i - 1] != b'\r',
            b'\r' => body.get(i + 1) != Some(&b'\n'),
            _ => false,
        });
        there.push(if bare { sha256(&body) } else { crate::support::identity(&body) });
    }
    for mail in w.mail() {
        here.push(sha256(&std::fs::read(mail.path).unwrap()));
    }
    there.sort();
    here.sort();
    assert_eq!(here, there);
}

#[test]
fn twins_in_one_folder_stay_two() {
    let Some(w) = world("twins") else { return };
    for _ in 0..2 {
        w.server.append(&w.user, "INBOX", b"Message-ID: <a@b>\r\n\r\nthe same\r\n", "", 1_700_000_000);
    }
    w.server.append(&w.user, "INBOX", b"Message-ID: <a@b>\r\n\r\nanother\r\n", "", 1_700_000_000);
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 3);
    w.assert_same_as_server();
}

#[test]
fn mail_is_lf_private_and_dated_as_on_the_server() {
    use std::os::unix::fs::MetadataExt as _;
    let Some(w) = world("modes") else { return };
    w.server.append(&w.user, "INBOX", b"Subject: x\r\n\r\nbody\r\n", "", 1_234_567_890);
    w.server.create(&w.user, &["Archive/2024"]);
    w.server.append(&w.user, "Archive/2024", b"Subject: y\r\n\r\nbody\r\n", "\\Seen", 1_000_000_000);
    // umask 000: nothing but our own care keeps others out.
    let line = format!("umask 000; exec '{}' fetch", env!("CARGO_BIN_EXE_mailx"));
    let mut plain = w.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).env_clear().envs(plain.get_envs().filter_map(|(k, v)| v.map(|v| (k.to_owned(), v.to_owned()))));
    plain.env_clear();
    run(&mut shell);
    let mail = w.mail();
    assert_eq!(mail.len(), 2);
    assert_eq!(std::fs::read(&mail[1].path).unwrap(), b"Subject: x\n\nbody\n");
    let brief: Vec<_> = mail.iter().map(|m| (m.dir.as_str(), m.place, m.letters.as_str(), m.mtime, m.mode)).collect();
    assert_eq!(brief, [("Archive/2024", "cur", "S", 1_000_000_000, 0o600), ("INBOX", "new", "", 1_234_567_890, 0o600)]);
    let mut seen = 0;
    for (path, (mode, ..)) in crate::support::snapshot(&w.root) {
        let kind = std::fs::symlink_metadata(&path).unwrap();
        let wanted = if kind.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode & 0o7777, wanted, "{}", path.display());
        assert_eq!(kind.uid(), rustix::process::geteuid().as_raw());
        seen += 1;
    }
    assert!(seen > 10);
}
