//! As a service: systemd's notifications, SIGHUP, JSON for programs.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;

use crate::{Watch, count, until, world};

/// Messages to systemd until one has `text`.
fn hear(socket: &UnixDatagram, text: &str) -> String {
    let mut all = String::new();
    let mut octets = [0; 4096];
    while !all.contains(text) {
        let n = socket.recv(&mut octets).unwrap_or_else(|error| panic!("no {text}: {error} after {all}"));
        all += &String::from_utf8_lossy(&octets[..n]);
        all.push('\n');
    }
    all
}

#[test]
fn systemd_hears_that_it_is_ready_lives_reloads_and_stops() {
    let Some(w) = world("systemd") else { return };
    let path = w.tmp.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "400000")];
    let seen = w.tmp.path().join("seen");
    let watch = Watch::start_with(&w, &["--exec", &format!("echo \"[$NOTIFY_SOCKET]\" > {}", seen.display())], &env);
    hear(&socket, "READY=1");
    hear(&socket, "WATCHDOG=1");
    // Another account.
    let (other, root) = (format!("{}-other", w.user), w.tmp.path().join("other"));
    w.server.generate(&other, "INBOX", 1, "a");
    w.write_config(&[w.account("test", &w.user, &w.root, ""), w.account("other", &other, &root, "")].concat());
    watch.running.signal("HUP");
    let heard = hear(&socket, "watching 2 accounts");
    assert!(heard.contains("RELOADING=1") && heard.contains("MONOTONIC_USEC="), "{heard}");
    until("mail of the new account", || crate::support::maildir::read(&root).len() == 1);
    // A configuration that cannot be read leaves the old one.
    w.write_config("[accounts.x]\nnonsense = 1\n");
    watch.running.signal("HUP");
    until("the refusal", || watch.told("error: config") == 1);
    w.server.generate(&w.user, "INBOX", 1, "b");
    until("mail all the same", || count(&w) == 1);
    until("the hook", || seen.exists());
    assert_eq!(std::fs::read_to_string(&seen).unwrap().trim(), "[]", "a hook does not speak for the service");
    watch.running.signal("TERM");
    hear(&socket, "STOPPING=1");
    // A second signal would end it at once.
    watch.running.end(Duration::from_secs(20)).exit(0);
}

#[test]
fn json_is_a_line_for_each_run_that_changed_something() {
    let Some(w) = world("lines") else { return };
    w.server.generate(&w.user, "INBOX", 1, "a");
    let watch = Watch::start(&w, &["--json"]);
    w.server.generate(&w.user, "INBOX", 1, "b");
    until("both messages", || count(&w) == 2);
    watch.settle();
    let out = watch.end(0);
    let lines: Vec<Value> = out.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let came: u64 = lines.iter().map(|line| line["accounts"][0]["folders"][0]["downloaded"].as_u64().unwrap()).sum();
    assert_eq!((lines.len(), came), (2, 2), "{}", out.stdout);
}

#[test]
fn events_come_as_they_happen() {
    let Some(w) = world("happens") else { return };
    let watch = Watch::start(&w, &["--events"]);
    w.server.generate(&w.user, "INBOX", 1, "a");
    until("the event", || watch.running.gives().contains("\"event\":\"delivered\""));
    watch.settle();
    let out = watch.end(0);
    assert!(out.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", out.stdout);
    assert!(out.stdout.contains("\"accounts\""));
}

#[test]
fn a_second_signal_or_ctrl_c_ends_it_as_shells_expect() {
    let Some(w) = world("signal") else { return };
    let watch = Watch::start(&w, &[]);
    watch.running.signal("INT");
    watch.running.end(Duration::from_secs(10)).exit(130);
}

#[test]
fn all_its_threads_have_one_heap() {
    let Some(w) = world("heap") else { return };
    let watch = Watch::start(&w, &[]);
    let pid = watch.running.child.id();
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(environment.split(|octet| *octet == 0).any(|pair| pair == b"MALLOC_ARENA_MAX=1"));
    watch.end(0);
}
