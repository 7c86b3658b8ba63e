//! Servers that cannot be reached or trusted, logins that are refused, roots that are not ours, servers that die.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::server::run;
use crate::world;

/// No run takes as long.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_wrong_password_is_77_names_the_cause_and_writes_nothing() {
    let Some(w) = world("secret") else { return };
    let before = crate::support::snapshot(w.tmp.path());
    let out = w.run_with(&["fetch", "--json"], &[("MAILX_TEST_PASSWORD", "not-the-password")]).exit(77);
    assert_eq!(out.account()["error"]["class"], "auth");
    out.says(&w.user);
    assert!(!w.root.exists());
    let mut after = crate::support::snapshot(w.tmp.path());
    after.retain(|path, what| before.get(path) != Some(what));
    assert!(after.is_empty(), "{after:?}");
    let all = format!("{}{}", out.stdout, out.stderr);
    assert!(!all.contains("not-the-password"));
    // Also where mail is already.
    w.fetch(0, &[]);
    w.run_with(&["fetch", "-vv"], &[("MAILX_TEST_PASSWORD", "not-the-password")]).exit(77);
}

#[test]
fn an_unknown_host_and_a_refused_port_are_69() {
    let Some(w) = world("gone") else { return };
    w.configure("receive = \"imaps://me@no-such-host.invalid\"");
    let out = w.fetch(69, &[]);
    assert_eq!(out.account()["error"]["class"], "unavailable");
    out.says("no-such-host.invalid");
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    w.configure(&format!("receive = \"imaps://me@127.0.0.1:{port}\""));
    let out = w.fetch(69, &[]);
    out.says(&port.to_string());
    assert!(!w.root.exists());
}

fn digest_in(text: &str) -> String {
    let from = text.find("sha256:").unwrap_or_else(|| panic!("no digest in {text}"));
    text[from..].chars().take_while(|c| c.is_ascii_alphanumeric() || ":+/=".contains(*c)).collect()
}

/// The digest of the certificate that the server shows at `host`, by openssl.
fn shown_there(host: &str, port: &str) -> String {
    let line =
        format!("openssl s_client -connect {host}:{port} </dev/null 2>/dev/null | openssl x509 -outform der | sha256sum | cut -d' ' -f1");
    run(Command::new("sh").args(["-c", &line])).trim().to_owned()
}

fn untrusted(name: &str) {
    let Some(w) = world("tls") else { return };
    let (host, port) = (w.server.get(name).to_owned(), w.server.get("IMAPS_PORT").to_owned());
    let receive = format!("receive = \"imaps://{}@{host}:{port}\"", w.user);
    w.configure(&receive);
    let out = w.fetch(77, &[]);
    assert_eq!(out.account()["error"]["class"], "tls-verify", "{out:?}");
    assert!(!w.root.exists());
    let digest = digest_in(&out.stderr);
    out.says("pin");
    assert!(!out.stderr.contains("Some("), "words, no debug print: {}", out.stderr);
    let hex: String = digest.trim_start_matches("sha256:").replace(':', "").to_lowercase();
    assert_eq!(hex, shown_there(&host, &port), "the digest of the certificate itself");
    // As told, it works; another one does not.
    w.server.generate(&w.user, "INBOX", 1, "a");
    w.configure(&format!("{receive}\ntls = {{ pin = \"{digest}\" }}"));
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 1);
    let other = format!("sha256:{}", "0".repeat(64));
    w.configure(&format!("{receive}\ntls = {{ pin = \"{other}\" }}"));
    w.fetch(77, &[]);
}

#[test]
fn an_expired_certificate_is_77_and_can_be_pinned() {
    untrusted("EXPIRED_HOST");
}

#[test]
fn an_unknown_issuer_is_77_and_can_be_pinned() {
    untrusted("SELFSIGNED_HOST");
}

#[test]
fn a_certificate_for_another_name_is_77_and_can_be_pinned() {
    untrusted("WRONGNAME_HOST");
}

#[test]
fn starttls_is_used_and_its_absence_is_77() {
    let Some(w) = world("starttls") else { return };
    w.server.generate(&w.user, "INBOX", 1, "a");
    let receive = format!("receive = \"imap://{}@localhost:{}\"", w.user, w.server.get("IMAP_PORT"));
    w.configure(&receive);
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 1);
    let Some(bare) = crate::support::Server::start(&[("DISABLE_TLS", "1")]) else { return };
    w.configure(&format!("receive = \"imap://{}@localhost:{}\"", w.user, bare.get("IMAP_PORT")));
    let out = w.fetch(77, &[]);
    assert_eq!(out.account()["error"]["class"], "tls-required");
}

#[test]
fn a_root_that_is_not_ours_alone_is_refused() {
    let Some(w) = world("root") else { return };
    let real = w.tmp.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&real, &w.root).unwrap();
    let refused = |why: &str| {
        let out = w.run(&["fetch"]);
        assert!(matches!(out.code, Some(73 | 74 | 78)), "{out:?}");
        out.says(why);
        assert_eq!(fs::read_dir(&real).unwrap().count(), 0, "nothing is written");
    };
    refused("link");
    fs::remove_file(&w.root).unwrap();
    fs::rename(&real, &w.root).unwrap();
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&w.root, fs::Permissions::from_mode(0o770)).unwrap();
    let refused = |why: &str| {
        let out = w.run(&["fetch"]);
        assert!(matches!(out.code, Some(73 | 74 | 78)), "{out:?}");
        out.says(why);
        assert_eq!(fs::read_dir(&w.root).unwrap().count(), 0, "nothing is written");
    };
    refused("write");
    fs::set_permissions(&w.root, fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        run(Command::new("chown").arg("1").arg(&w.root));
        refused("belongs");
        run(Command::new("chown").arg("0").arg(&w.root));
    } else {
        crate::support::skip("not root: no directory of somebody else's");
    }
    w.fetch(0, &[]);
}

#[test]
fn a_link_inside_the_maildir_is_not_followed() {
    let Some(w) = world("inner") else { return };
    w.server.generate(&w.user, "INBOX", 1, "a");
    let elsewhere = tempfile::tempdir().unwrap();
    for dir in ["", "INBOX"] {
        fs::create_dir(w.root.join(dir)).unwrap();
        fs::set_permissions(w.root.join(dir), fs::Permissions::from_mode(0o700)).unwrap();
    }
    for dir in ["cur", "new", "tmp"] {
        std::os::unix::fs::symlink(elsewhere.path(), w.root.join("INBOX").join(dir)).unwrap();
    }
    let out = w.run(&["fetch"]);
    assert!(out.code != Some(0), "{out:?}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn two_accounts_with_one_root_are_78() {
    let Some(w) = world("shared") else { return };
    w.write_config(&[w.account("a", &w.user, &w.root, ""), w.account("b", "other", &w.root, "")].concat());
    let out = w.run(&["fetch"]).exit(78);
    out.says("a").says("b");
    assert!(!w.root.exists());
    // By another spelling of the path, too.
    let twisted = w.tmp.path().join("x/../mail");
    w.write_config(&[w.account("a", &w.user, &w.root, ""), w.account("b", "other", &twisted, "")].concat());
    w.run(&["fetch"]).exit(78);
}

#[test]
fn a_server_that_dies_in_the_middle_is_75_and_the_next_run_completes() {
    let Some(w) = world("dies") else { return };
    w.server.fill(&w.user, "INBOX", 200, "a");
    let large = [b"Subject: large\r\n\r\n".as_slice(), &b"0123456789abcdef0123456789abcdef0123456789\r\n".repeat(1_500_000)].concat();
    w.server.append(&w.user, "INBOX", &large, "", 1_600_000_000);
    w.server.fill(&w.user, "INBOX", 100, "b");
    // Dovecot makes a folder's index when it is first opened; killed just then, it leaves a lock that it respects for minutes.
    w.server.adm(&["mailbox", "status", "-u", &w.user, "messages", "*"]);
    let mut run = w.spawn(&["fetch", "--json"]);
    let begun = Instant::now();
    while !under_way(&w.root.join("INBOX/tmp")) {
        assert!(run.child.try_wait().unwrap().is_none() && begun.elapsed() < DEADLINE, "it was never in the middle: {}", run.says());
        std::thread::sleep(Duration::from_millis(3));
    }
    // Every session, also those that it opens anew.
    while run.child.try_wait().unwrap().is_none() && begun.elapsed() < DEADLINE {
        for pid in w.server.imap_processes(&w.user) {
            run_quietly("kill", &["-9", &pid.to_string()]);
        }
        std::thread::sleep(Duration::from_millis(15));
    }
    let out = run.end(DEADLINE);
    // 1: the connection fell several times at one message, which is then left out and named.
    assert!(matches!(out.code, Some(1 | 75)), "{out:?}");
    w.fetch(0, &[]);
    w.assert_same_as_server();
}

/// Whether more than a megabyte of a message is there.
fn under_way(tmp: &Path) -> bool {
    fs::read_dir(tmp).is_ok_and(|files| files.flatten().any(|file| file.metadata().is_ok_and(|data| data.len() > 1 << 20)))
}

fn run_quietly(program: &str, arguments: &[&str]) {
    let _ = Command::new(program).args(arguments).stderr(std::process::Stdio::null()).status();
}

#[test]
fn a_server_that_stops_for_good_is_an_error_and_comes_back() {
    let Some(server) = crate::support::Server::start(&[]) else { return };
    let server: &'static crate::support::Server = Box::leak(Box::new(server));
    let w = crate::support::World::new(server, "stops");
    server.fill(&w.user, "INBOX", 3000, "a");
    let run = w.spawn(&["fetch", "--json"]);
    std::thread::sleep(Duration::from_millis(120));
    server.script("stop", &[]);
    let out = run.end(DEADLINE);
    assert!(matches!(out.code, Some(0 | 75 | 69)), "{out:?}");
    w.fetch(69, &[]);
    server.script("start", &[]);
    w.fetch(0, &[]);
    w.assert_same_as_server();
}
