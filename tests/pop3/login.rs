//! Refused logins, locked mailboxes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Server, World};
use crate::{configure, configure_as, here, url, world};

#[test]
fn a_wrong_password_is_77_and_nothing_is_written() {
    for mask in ["", "SASL"] {
        let Some(w) = world("denied") else { return };
        let user = format!("{}-wrong", w.user);
        configure_as(&w, &user, "");
        let out = w.fetch_without(mask, 77, &[]);
        assert_eq!(out.account()["error"]["class"], "auth");
        out.says("wrong user name or password");
        assert!(!w.root.exists());
    }
}

#[test]
fn every_way_to_log_in_works() {
    let Some(w) = world("ways") else { return };
    w.server.fill(&w.user, "INBOX", 1, "a");
    for sasl in ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"] {
        configure(&w, &format!("sasl = \"{sasl}\""));
        let out = w.run(&["account", "test"]).exit(0);
        assert!(out.stdout.contains(&format!("by {sasl}")), "{}", out.stdout);
    }
    configure(&w, "");
    let out = w.run_with(&["account", "test"], &[("MAILX_TEST_DISABLE", "SASL")]).exit(0);
    assert!(out.stdout.contains("by USER and PASS"), "{}", out.stdout);
    // Dovecot offers no APOP here.
    configure(&w, "sasl = \"APOP\"");
    w.fetch(77, &[]).says("time stamp");
}

#[test]
fn access_tokens_are_taken_however_long_they_are() {
    let Some(w) = world("oauth") else { return };
    w.server.fill(&w.user, "INBOX", 1, "a");
    let token = w.server.script("token", &[&w.user]);
    for sasl in ["OAUTHBEARER", "XOAUTH2"] {
        configure(&w, &format!("auth = \"oauth2\"\nsasl = \"{sasl}\""));
        let out = w.run_with(&["account", "test"], &[("MAILX_TEST_PASSWORD", token.trim())]).exit(0);
        assert!(out.stdout.contains(&format!("by {sasl}")), "{}", out.stdout);
    }
    let expired = w.server.script("token", &[&w.user, "-5"]);
    configure(&w, "auth = \"oauth2\"");
    let out = w.run_with(&["fetch", "--json"], &[("MAILX_TEST_PASSWORD", expired.trim())]).exit(77);
    out.says("the access token was refused");
}

/// A session that has the mailbox until it is dropped.
fn holder(w: &World) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", w.server.port("POP3_PORT"))).unwrap();
    let mut buffer = [0; 512];
    let mut say = |line: &str| {
        socket.write_all(line.as_bytes()).unwrap();
        let n = socket.read(&mut buffer).unwrap();
        assert!(buffer[..n].starts_with(b"+OK"), "{line}: {}", String::from_utf8_lossy(&buffer[..n]));
    };
    say("");
    say(&format!("USER {}\r\n", w.user));
    say("PASS pass\r\n");
    socket
}

#[test]
fn a_mailbox_that_another_session_has_is_75_after_the_wait() {
    let locking = "protocol pop3 {\n  pop3_lock_session = yes\n}\n";
    let Some(server) = Server::start(&[("EXTRA_CONF", locking)]) else { return };
    let server: &'static Server = Box::leak(Box::new(server));
    // Maildir locks for the session; mdbox does not.
    let w = World::new(server, "md-locked");
    configure(&w, "");
    w.server.fill(&w.user, "INBOX", 2, "a");
    let session = holder(&w);
    let out = w.fetch(75, &[]);
    assert_eq!(out.account()["error"]["class"], "locked");
    out.says("another session has the mailbox");
    assert!(!w.root.exists());
    let begun = Instant::now();
    let run = w.spawn(&["fetch", "--wait"]);
    std::thread::sleep(Duration::from_secs(1));
    drop(session);
    run.end(Duration::from_secs(60)).exit(0);
    assert!(begun.elapsed() > Duration::from_secs(1));
    assert_eq!(here(&w).len(), 2);
    server.script("stop", &[]);
}

#[test]
fn clear_text_is_for_the_loopback_and_only_when_asked_for() {
    let Some(w) = world("clear") else { return };
    w.server.fill(&w.user, "INBOX", 1, "a");
    let receive = format!("receive = \"{}\"", url(&w, "pop3", &w.user));
    configure(&w, &format!("{receive}\ntls = {{ mode = \"none\" }}"));
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 1);
}
