//! Submission itself: logins, bytes, recipients, and what is said when it does not work.

use std::fs;

use crate::bed::{Sender, message};

/// What mail is made of where it is not simple.
const ODD: &[u8] = b"To: a@example.net\nSubject: odd\nDate: Thu, 26 Nov 2026 07:00:00 +0000\nMessage-ID: <odd@example.org>\nFrom: ME\n\n\
    .\n..two\n.dot\r\nmixed\rcr\n\n\xc3\xa4 \xff\n \nlong line follows\n";

fn odd(address: &str) -> (Vec<u8>, Vec<u8>) {
    let mut given = ODD.to_vec();
    let at = memchr::memmem::find(&given, b"ME\n").unwrap();
    given.splice(at..at + 2, address.bytes());
    given.extend(b"x".repeat(900));
    given.extend(b"\n.\nend without a newline");
    let mut wire = Vec::new();
    for line in String::from_utf8(given.iter().map(|b| if b.is_ascii() { *b } else { b'?' }).collect())
        .unwrap()
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .lines()
    {
        wire.extend(line.as_bytes());
        wire.extend(b"\r\n");
    }
    (given, wire)
}

#[test]
fn the_bytes_given_are_the_bytes_sent_by_every_way_to_log_in() {
    let Some(sender) = Sender::new("bytes") else { return };
    let (given, wire) = odd(&sender.address);
    let token = sender.w.server.script("token", &[&sender.w.user]);
    let token = token.trim();
    let (mut count, user) = (0, sender.w.user.clone());
    for scheme in ["smtps", "smtp"] {
        for sasl in ["auto", "SCRAM-SHA-256", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"] {
            let more = if sasl.contains("OAUTH") || sasl.contains("XOAUTH") {
                format!("sasl = \"{sasl}\"\nauth = \"oauth2\"\npassword = {{ command = \"printf %s {token}\" }}")
            } else {
                format!("sasl = \"{sasl}\"")
            };
            sender.configure(&sender.url(scheme), &more);
            let out = sender.run(&["send", "-t", "-v"], &given).exit(0);
            assert!(!out.stderr.contains(token) && !out.stdout.contains(token));
            count += 1;
            let arrived = sender.arrived();
            assert_eq!(arrived.len(), count, "{scheme} {sasl} as {user}");
            let sent: Vec<u8> = arrived[count - 1].sent().iter().map(|b| if b.is_ascii() { *b } else { b'?' }).collect();
            assert_eq!(String::from_utf8_lossy(&sent), String::from_utf8_lossy(&wire), "{scheme} {sasl}");
            assert!(sender.files().is_empty(), "{:?}", sender.files());
        }
    }
}

#[test]
fn who_gets_it_who_does_not_and_who_gets_it_later() {
    let Some(sender) = Sender::new("parts") else { return };
    // Some are refused: the others get it, the refused are named.
    let out = sender.run(&["send", "ok@example.net", "refused@example.net", "--json"], message("one", "x@y")).exit(1);
    out.says("refused@example.net: 550").says("no such user");
    assert_eq!(out.json()["accounts"][0]["messages"][0]["recipients"][0]["verdict"], "accepted");
    assert_eq!(sender.arrived()[0].to, ["ok@example.net"]);
    assert_eq!(sender.states(), ["failed"]);
    // All are refused.
    sender.run(&["send", "refused1@example.net", "refused2@example.net"], message("two", "x@y")).exit(69).says("550");
    assert_eq!(sender.states(), ["failed", "failed"]);
    // One later: it waits for that one alone.
    sender
        .run(&["send", "ok@example.net", "later@example.net"], message("three", "x@y"))
        .exit(75)
        .says("later@example.net: 451")
        .says("do not send it again");
    assert_eq!((sender.states(), sender.arrived().len()), (vec!["failed".into(), "failed".into(), "queued".into()], 2));
    sender.run(&["send", "--flush"], "").exit(75).says("1 message waits");
    assert_eq!(sender.arrived().len(), 2, "not due yet");
    sender.make_due();
    sender.run(&["send", "--flush"], "").exit(75);
    assert_eq!(sender.arrived().len(), 2, "only the one who did not get it is tried");
    // All or none.
    for (other, code) in [("refused@example.net", 69), ("later@example.net", 75)] {
        let out = sender.run(&["send", "--all-or-none", "ok@example.net", other], message("four", "x@y")).exit(code);
        out.says("not sent, because not all would have got it");
    }
    assert_eq!(sender.arrived().len(), 2);
    sender.run(&["send", "--all-or-none", "ok@example.net", "ok2@example.net"], message("five", "x@y")).exit(0);
    assert_eq!(sender.arrived()[2].to, ["ok@example.net", "ok2@example.net"]);
}

#[test]
fn account_test_reaches_the_server_that_takes_mail_and_hands_over_nothing() {
    let Some(sender) = Sender::new("probe") else { return };
    let out = sender.run(&["account", "test", "--json"], "").exit(0).json();
    let steps: Vec<&str> = out["accounts"][0]["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert!(steps.ends_with(&["login", "submission"]), "{steps:?}");
    let receive = format!("receive = \"imaps://{}@{}:{}\"", sender.w.user, sender.w.server.get("HOST"), sender.w.server.get("IMAPS_PORT"));
    sender.configure(&sender.url("smtp"), &receive);
    let out = sender.run(&["account", "test", "--json"], "").exit(0).json();
    let steps: Vec<&str> = out["accounts"][0]["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert!(steps.contains(&"folders") && steps.ends_with(&["submission"]), "{steps:?}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    sender.configure(&format!("smtps://me@localhost:{closed}"), &receive);
    sender.run(&["account", "test"], "").exit(69).says(&closed.to_string());
    assert!(sender.arrived().is_empty());
}

#[test]
fn a_server_that_is_down_a_login_that_is_refused_and_words_that_are_wrong() {
    let Some(sender) = Sender::new("down") else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let down = format!("smtps://{}@localhost:{closed}", sender.w.user);
    sender.configure(&down, "");
    sender.run(&["send", "a@example.net"], message("down", "x@y")).exit(75).says("unavailable").says("in the outbox as");
    assert_eq!(sender.states(), ["queued"]);
    sender.run(&["send", "--no-queue", "a@example.net"], message("down", "x@y")).exit(75).says("not kept");
    for (name, arguments) in [("sendmail", &["-i", "a@example.net"][..]), ("mailx", &["-s", "down", "a@example.net"])] {
        let out = sender.run_as(sender.called(name, arguments), "text\n", &[]).exit(0);
        assert_eq!(out.stderr.lines().count(), 1, "{out:?}");
        out.says("queued as");
    }
    assert_eq!(sender.states(), ["queued", "queued", "queued"]);
    sender.run(&["send", "--queue", "a@example.net"], message("only queued", "x@y")).exit(0);
    // A login that is refused: queued, with the cause.
    let wrong = sender.url("smtps");
    sender.configure(&wrong, "password = { command = \"echo wrong\" }");
    let out = sender.run(&["send", "a@example.net"], message("login", "x@y")).exit(75);
    out.says("wrong user name or password").says("do not send it again");
    assert_eq!(sender.states().len(), 5);
    // What is wrong with the message is told before anything is queued.
    for (arguments, input, code) in [
        (&["send"][..], message("x", "a@b"), 64),
        (&["send", "-t"], "Subject: nobody\n\nx\n".into(), 64),
        (&["send", "-t"], "To: a@b@c\n\nx\n".into(), 65),
        (&["send", "-t"], "To: a b@c d\n\nx\n".into(), 65),
        (&["send", "a@b\r\nRCPT TO:<x@y>"], message("x", "a@b"), 65),
        (&["send", "a@b"], String::new(), 65),
        (&["send", "a@b"], "From: somebody@else.example\n\nx\n".into(), 65),
        (&["send", "-f", "somebody@else.example", "a@b"], message("x", "a@b"), 65),
        (&["send", "--to", "a@b", "--subject", "x\nBcc: y@z"], "x".into(), 65),
        (&["send", "--to", "a@b", "--header", "X-Y: z\nBcc: y@z"], "x".into(), 65),
        (&["send", "--to", "a@b", "--header", "Bcc: y@z"], "x".into(), 65),
        (&["send", "--to", "a@b", "--header", "none"], "x".into(), 65),
        (&["send", "--to", "a@b", "--attach", "/nonexistent/file"], "x".into(), 66),
        (&["send", "--to", "a@b", "--attach", "/"], "x".into(), 66),
        (&["send", "--to", "a@b", "--body-file", "/nonexistent"], "x".into(), 66),
        (&["send", "--account", "tset", "a@b"], message("x", "a@b"), 64),
        (&["send", "--queue", "--no-queue", "a@b"], message("x", "a@b"), 64),
        (&["send", "--dsn", "sometimes", "a@b"], message("x", "a@b"), 64),
    ] {
        let out = sender.run(arguments, input);
        assert_eq!(out.code, Some(code), "{arguments:?}: {out:#?}");
    }
    assert_eq!(sender.states().len(), 5);
    // In the end everything goes, once.
    sender.configure(&sender.url("smtps"), "");
    sender.make_due();
    sender.run(&["send", "--flush", "test"], "").exit(0);
    let mut to: Vec<String> = sender.arrived().into_iter().flat_map(|a| a.to).collect();
    to.dedup();
    assert_eq!((sender.arrived().len(), to), (5, vec!["a@example.net".to_owned()]));
    assert!(sender.files().is_empty(), "{:?}", sender.files());
}

#[test]
fn lmtp_by_port_and_by_socket_and_a_program() {
    let Some(sender) = Sender::new("lmtp") else { return };
    let (host, port) = (sender.w.server.get("HOST"), sender.w.server.get("LMTP_PORT"));
    let here = sender.w.server.dir.join("run/lmtp");
    for (n, send) in [format!("lmtp://{host}:{port}"), format!("lmtp://{}", here.display())].iter().enumerate() {
        sender.configure(send, "tls = { mode = \"none\" }");
        let to = format!("{}@example.net", sender.w.user);
        sender.run(&["send", &to, "--account", "test"], message("by lmtp", "x@y")).exit(0);
        let inbox = sender.w.server.list(&to).remove("INBOX").unwrap_or_default();
        assert!(inbox.len() > n, "{send}");
    }
    let script = sender.w.tmp.path().join("take");
    let taken = sender.w.tmp.path().join("taken");
    fs::write(&script, format!("#!/bin/sh\necho \"$@\" >{0}\ncat >>{0}\n", taken.display())).unwrap();
    let run = format!("{{ command = \"sh {} first\" }}", script.display());
    sender.configure(&run, "");
    sender.run(&["send", "a@example.net", "b@example.net"], message("by a program", "x@y")).exit(0);
    let text = fs::read_to_string(&taken).unwrap();
    assert!(text.starts_with(&format!("first -i -f {} -- a@example.net b@example.net\n", sender.address)), "{text}");
    assert!(text.ends_with("\n\nby a program\n") && !text.contains('\r'), "{text}");
    for (line, code) in [("exit 75", 75), ("exit 67", 69), ("kill -9 $$", 3)] {
        fs::write(&script, format!("#!/bin/sh\ncat >/dev/null\necho words >&2\n{line}\n")).unwrap();
        sender.run(&["send", "a@example.net"], message("by a program", "x@y")).exit(code);
    }
    let out = sender.run(&["send", "a|id@example.net"], message("x", "x@y")).exit(69);
    out.says("characters that a shell would act on");
}

#[test]
fn a_large_message_and_a_large_attachment_stay_out_of_memory() {
    let Some(sender) = Sender::new("large") else { return };
    let file = sender.w.tmp.path().join("large.bin");
    let octets: Vec<u8> = (0..25_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&file, &octets).unwrap();
    // Less memory than either would need.
    let limited = |arguments: &[&str]| {
        let mut command = sender.w.command(&[]);
        let program = command.get_program().to_owned();
        let mut limited = std::process::Command::new("sh");
        limited.args(["-c", "ulimit -d 80000; exec \"$0\" \"$@\""]).arg(program).args(arguments);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        command.args(arguments);
        limited
    };
    let attach = format!("{};application/x-test", file.display());
    sender.run_as(limited(&["send", "--to", "a@example.net", "--subject", "large", "--attach", &attach]), "see attached\n", &[]).exit(0);
    let arrived = sender.arrived();
    let parsed = mail_parser::MessageParser::default().parse(&arrived[0].bytes).unwrap();
    assert_eq!(parsed.attachment(0).unwrap().contents(), octets);
    assert!(parsed.body_text(0).unwrap().starts_with("see attached"));
    let text = "y".repeat(900).as_bytes().to_vec();
    let body = [&b"Subject: x\n\n"[..], &[&text[..], b"\n"].concat().repeat(40_000)].concat();
    sender.run_as(limited(&["send", "a@example.net"]), &body, &[]).exit(0);
    assert!(sender.arrived()[1].bytes.len() > body.len());
}
