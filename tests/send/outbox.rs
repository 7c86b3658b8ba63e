//! The outbox: what people see of it, and many senders at once.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::bed::{Sender, message};
use crate::support::world::Running;

#[test]
fn files_that_people_can_read_and_nobody_else() {
    let Some(sender) = Sender::new("files") else { return };
    let from = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nTo: a@example.net\nBcc: b@example.net\n\ntext\n".to_owned();
    sender.run(&["send", "-t", "--queue", "--dsn", "failure,delay"], &from).exit(0);
    let files = sender.files();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files[0].ends_with(".eml") && files[1].ends_with(".queued"));
    for file in &files {
        assert_eq!(fs::metadata(sender.outbox().join(file)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let envelope = fs::read_to_string(sender.outbox().join(&files[1])).unwrap();
    for line in ["subject = \"Grüße\"", "to = [\"a@example.net\", \"b@example.net\"]", "report = \"failure,delay\""] {
        assert!(envelope.contains(line), "{line} is not in {envelope}");
    }
    let text = fs::read_to_string(sender.outbox().join(&files[0])).unwrap();
    assert!(text.ends_with("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nTo: a@example.net\r\n\r\ntext\r\n"), "{text}");
    let id = files[0].trim_end_matches(".eml");
    let shown = sender.run(&["outbox", "show", id], "").exit(0).stdout;
    assert!(shown.contains("Grüße") || shown.contains("text"), "{shown}");
    sender.run(&["outbox", "list"], "").exit(0);
    let status = sender.run(&["status"], "").exit(0).stdout;
    assert!(status.contains("test: outbox: 1 queued"), "{status}");
    let metrics = sender.w.tmp.path().join("mailx.prom");
    sender.run(&["status", "--metrics", metrics.to_str().unwrap()], "").exit(0);
    let metrics = fs::read_to_string(metrics).unwrap();
    for line in ["{account=\"test\",state=\"queued\"} 1\n", "{account=\"test\",state=\"uncertain\"} 0\n"] {
        assert!(metrics.contains(&format!("mailx_outbox_messages{line}")), "{metrics}");
    }
    sender.run(&["outbox", "show", "nothing"], "").exit(66);
    sender.run(&["outbox", "delete", &id[..6]], "").exit(0);
    assert!(sender.files().is_empty());
    sender.run(&["outbox", "delete", id], "").exit(66);
}

#[test]
fn a_damaged_envelope_is_named_and_stops_nothing_else() {
    let Some(sender) = Sender::new("damage") else { return };
    for n in 0..3 {
        sender.run(&["send", "--queue", "a@example.net"], message(&n.to_string(), "x@y")).exit(0);
    }
    let queued: Vec<String> = sender.files().into_iter().filter(|f| f.ends_with(".queued")).collect();
    fs::write(sender.outbox().join(&queued[0]), "to = [\"a@b\\r\\nRCPT TO:<x@y>\"]\n").unwrap();
    fs::write(sender.outbox().join("nonsense"), "x").unwrap();
    let message = sender.outbox().join(queued[1].replace(".queued", ".eml"));
    fs::write(&message, "shorter").unwrap();
    let out = sender.run(&["send", "--flush"], "").exit(1);
    out.says("local-corrupt").says("the message cannot be read");
    assert_eq!(sender.arrived().len(), 1);
    sender.run(&["outbox", "list"], "").exit(74);
}

#[test]
fn many_senders_at_once_send_each_message_once() {
    let Some(sender) = Sender::new("many") else { return };
    let mut running = Vec::new();
    for n in 0..16 {
        let path = sender.w.tmp.path().join(format!("in-{n}"));
        fs::write(&path, message(&format!("number {n}"), "x@y")).unwrap();
        let queue = if n % 2 == 0 { "--queue" } else { "-v" };
        let mut command = sender.w.command(&["send", queue, "a@example.net"]);
        command.stdin(fs::File::open(&path).unwrap());
        running.push(Running::start(&mut command));
        if n % 4 == 3 {
            running.push(Running::start(&mut sender.w.command(&["send", "--flush"])));
        }
    }
    for run in running {
        run.end(std::time::Duration::from_secs(120)).exit(0);
    }
    sender.run(&["send", "--flush"], "").exit(0);
    let mut subjects: BTreeMap<String, usize> = BTreeMap::new();
    for arrived in sender.arrived() {
        let text = arrived.text();
        let subject = text.lines().find_map(|l| l.strip_prefix("Subject: ")).unwrap().to_owned();
        *subjects.entry(subject).or_default() += 1;
    }
    assert_eq!(subjects.len(), 16, "{subjects:?}");
    assert!(subjects.values().all(|count| *count == 1), "{subjects:?}");
    assert!(sender.files().is_empty(), "{:?}", sender.files());
}

#[test]
fn a_line_for_each_message_to_the_systems_log() {
    let Some(sender) = Sender::new("syslog") else { return };
    let path = sender.w.tmp.path().join("log");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let env = [("MAILX_TEST_SYSLOG", path.to_str().unwrap())];
    sender.run_with(&["send", "--syslog", "a@example.net", "refused@example.net"], message("log", "x@y"), &env).exit(1);
    let mut lines = Vec::new();
    socket.set_nonblocking(true).unwrap();
    let mut octets = [0; 4096];
    while let Ok(n) = socket.recv(&mut octets) {
        lines.push(String::from_utf8_lossy(&octets[..n]).into_owned());
    }
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("<22>mailx[") && lines[0].contains("to=<a@example.net> status=sent"), "{lines:?}");
    assert!(lines[1].starts_with("<20>mailx[") && lines[1].contains("to=<refused@example.net> status=refused (550"), "{lines:?}");
}
