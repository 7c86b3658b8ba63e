//! What a real server does not do. Tests are named after the rows of the catalogue of threats where they have one.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::bed::Sender;
use crate::peer::{Answer, Home, last, say};

const TO: &[&str] = &["a@example.net"];

#[test]
fn an_honest_peer_gets_it_with_and_without_extensions() {
    for extensions in
        [&["PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN", "AUTH PLAIN"][..], &["AUTH PLAIN"], &["AUTH=LOGIN PLAIN"], &[]]
    {
        let home = Home::new(extensions);
        home.send(&["--dsn", "never", "ü@bücher.example", "a@bücher.example"]).exit(if extensions.len() > 2 { 0 } else { 69 });
        home.send(TO).exit(0);
        assert!(home.taken().last().unwrap().ends_with(b"\r\n\r\ntext\r\n"));
        let record = home.record();
        if extensions.len() > 2 {
            let mail = "MAIL FROM:<me@example.org> SIZE=";
            assert!(record.iter().any(|l| l.starts_with(mail) && l.ends_with(" SMTPUTF8")), "{record:?}");
            assert!(record.contains(&"RCPT TO:<ü@bücher.example> NOTIFY=NEVER".to_owned()), "{record:?}");
        } else {
            home.send(&["a@bücher.example"]).exit(0);
            assert!(home.record().contains(&"RCPT TO:<a@xn--bcher-kva.example>".to_owned()), "{record:?}");
        }
    }
}

#[test]
fn row_79_no_line_of_a_message_ends_it_or_smuggles_another() {
    let home = Home::able();
    let evil = "Subject: x\n\na\n.\nMAIL FROM:<x@y>\n\r.\r\nb\r.\rc\n.\r\n..\n.";
    home.run(&["send", "a@example.net"], evil).exit(0);
    assert_eq!(home.taken().len(), 1);
    let taken = home.taken().remove(0);
    let bare = (1..taken.len()).any(|n| (taken[n] == b'\n') != (taken[n - 1] == b'\r'));
    assert!(!bare && taken.ends_with(b"a\r\n.\r\nMAIL FROM:<x@y>\r\n\r\n.\r\nb\r\n.\r\nc\r\n.\r\n..\r\n.\r\n"), "{}", taken.escape_ascii());
    assert_eq!(home.record().iter().filter(|l| l.starts_with("MAIL")).count(), 1);
}

#[test]
fn row_80_no_answer_to_the_final_dot_is_uncertain_and_never_sent_again_on_its_own() {
    for answer in [|| last(""), || Some(Answer::Silence), || last("25"), || say("354 more?\r\n"), || say("\u{1b}[2Jgarbage\r\n")] {
        let home = Home::able();
        home.hook(move |line, _| if line == "." { answer() } else { None });
        let out = home.send(TO).exit(3);
        out.says("guard").says("Message-ID is <");
        assert_eq!((home.taken().len(), home.states()), (1, vec!["uncertain".to_owned()]));
        home.honest();
        home.run(&["send", "--flush"], "").exit(0);
        assert_eq!(home.taken().len(), 1, "not sent again on its own");
        // The user decides.
        home.retry_all();
        assert_eq!((home.taken().len(), home.states().len()), (2, 0));
        assert_eq!(home.taken()[0], home.taken()[1], "the same octets");
    }
}

#[test]
fn before_the_final_dot_nothing_is_uncertain() {
    for stage in ["", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"] {
        for answer in [|| last(""), || last("2"), || Some(Answer::Silence)] {
            let home = Home::able();
            home.hook(move |line, _| if line.split([' ', ':']).next() == Some(stage) { answer() } else { None });
            let out = home.send(TO);
            assert_eq!(out.code, Some(75), "{stage}: {out:?}");
            assert_eq!((home.taken().len(), home.states()), (0, vec!["queued".to_owned()]), "{stage}");
        }
    }
}

#[test]
fn a_line_that_breaks_within_a_message_leaves_it_queued() {
    let message = "Subject: large\n\n".to_owned() + &"a line of a large message\n".repeat(200_000);
    for octets in [0, 1, 100_000, 4_000_000] {
        let home = Home::new(&["PIPELINING", "8BITMIME", "AUTH PLAIN LOGIN"]);
        home.hook(move |line, _| (line == "DATA").then(|| Answer::Cut(b"354 go on\r\n".to_vec(), octets)));
        let out = home.run(&["send", "--timeout", "1", "a@example.net"], &message);
        assert_eq!((out.code, home.states()), (Some(75), vec!["queued".to_owned()]), "{octets}: {out:?}");
        home.honest();
        home.retry_all();
        assert_eq!((home.taken().len(), home.states().len()), (1, 0), "{octets}");
    }
}

#[test]
fn row_81_odd_replies_break_the_protocol_and_lose_nothing() {
    let endless = "250-more\r\n".repeat(100) + "250 end\r\n";
    let long = format!("250 {}\r\n", "x".repeat(1 << 20));
    for (stage, text) in [
        ("EHLO", endless.clone()),
        ("MAIL", endless),
        ("RCPT", long),
        ("MAIL", "250-yes\r\n550 no\r\n".to_owned()),
        ("RCPT", "999 what\r\n".to_owned()),
        ("RCPT", "2x0 what\r\n".to_owned()),
        ("MAIL", "250ok\r\n".to_owned()),
        ("", "\u{1b}]0;x\u{7}\r\n".to_owned()),
        ("RCPT", "354 go on\r\n".to_owned()),
        ("DATA", "250 fine\r\n".to_owned()),
    ] {
        let home = Home::able();
        home.hook(move |line, _| if line.split([' ', ':']).next() == Some(stage) { say(&text) } else { None });
        let out = home.send(TO);
        assert_eq!(out.code, Some(75), "{stage}: {out:?}");
        out.says("error: protocol: ");
        assert_eq!((home.taken().len(), home.states()), (0, vec!["queued".to_owned()]), "{stage}");
    }
}

#[test]
fn row_82_421_anywhere_and_an_early_no_leave_the_queue_as_it_is() {
    for stage in ["", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."] {
        let home = Home::able();
        home.hook(move |line, _| if line.split([' ', ':']).next() == Some(stage) { last("421 4.3.2 going down\r\n") } else { None });
        home.send(TO).exit(75).says("421");
        assert_eq!(home.states(), ["queued"], "{stage}");
    }
    for (stage, class) in [("", "rejected"), ("EHLO", "rejected"), ("AUTH", "auth")] {
        let home = Home::able();
        home.hook(move |line, _| if line.split([' ', ':']).next() == Some(stage) { say("554 5.7.1 go away\r\n") } else { None });
        home.send(TO).exit(75).says("go away").says(class);
        assert_eq!(home.states(), ["queued"], "{stage}");
    }
    // It wants a login: nothing about the message.
    let home = Home::new(&["PIPELINING"]);
    home.hook(|line, _| if line.starts_with("MAIL") { say("530 5.7.0 authentication required\r\n") } else { None });
    home.send(TO).exit(75).says("530");
    assert_eq!(home.states(), ["queued"]);
}

#[test]
fn row_83_what_is_said_before_starttls_is_forgotten_or_an_attack() {
    // Octets behind the agreement to TLS.
    let home = Home::new(&["STARTTLS", "AUTH PLAIN"]);
    home.configure("smtp", "");
    home.hook(|line, _| if line == "STARTTLS" { say("220 go\r\n250 injected\r\n") } else { None });
    home.send(TO).exit(75).says("tls-required");
    // No STARTTLS, or a refused one: nothing is sent in clear.
    for refuse in [false, true] {
        let home = Home::new(if refuse { &["STARTTLS", "AUTH PLAIN"] } else { &["AUTH PLAIN"] });
        home.configure("smtp", "");
        home.hook(|line, _| if line == "STARTTLS" { say("454 not now\r\n") } else { None });
        home.send(TO).exit(75).says("tls-required");
        assert!(!home.record().iter().any(|l| l.starts_with("AUTH") || l.starts_with("MAIL")), "{:?}", home.record());
        assert_eq!(home.states(), ["queued"]);
    }
}

#[test]
fn row_84_a_blind_copy_is_in_no_message_and_its_recipients_are_in_the_envelope() {
    let Some(sender) = Sender::new("row84") else { return };
    let mail = "From: whoever\nBCC: secret@example.net,\n hidden@example.net\nTo: a@example.net\nResent-Bcc: third@example.net\nSubject: x\n\nBcc: body@x\n";
    sender.run(&["send", "-t", "--queue"], mail).exit(0);
    let envelope = sender.files().into_iter().find(|file| file.ends_with(".queued")).unwrap();
    let envelope = std::fs::read_to_string(sender.outbox().join(envelope)).unwrap();
    // A message that was sent on goes to those that it was sent on to.
    assert!(envelope.contains("to = [\"third@example.net\"]"), "{envelope}");
    sender.run(&["send", "-t"], mail.replace("Resent-Bcc: third@example.net\n", "")).exit(0);
    sender.run(&["send", "--flush"], "").exit(0);
    let arrived = sender.arrived();
    let all: Vec<&str> = arrived.iter().flat_map(|a| &a.to).map(String::as_str).collect();
    assert!(
        ["a@example.net", "secret@example.net", "hidden@example.net", "third@example.net"].iter().all(|to| all.contains(to)),
        "{all:?}"
    );
    for arrived in arrived {
        let text = String::from_utf8(arrived.sent()).unwrap().to_lowercase();
        let (header, body) = text.split_once("\r\n\r\n").unwrap();
        // Random, and in hexadecimal.
        let told: String = header.lines().filter(|line| !line.starts_with("message-id:")).collect();
        assert!(["bcc", "secret", "hidden", "third"].iter().all(|word| !told.contains(word)), "{header}");
        assert_eq!(body, "bcc: body@x\r\n");
    }
}

#[test]
fn row_85_no_field_of_a_message_attaches_a_file() {
    let Some(sender) = Sender::new("row85") else { return };
    let file = sender.w.tmp.path().join("id");
    std::fs::write(&file, "a secret of mine").unwrap();
    let mail = format!("To: a@example.net\nAttach: {0}\nX-Attach: {0}\nSubject: x\n\nAttach: {0}\n", file.display());
    sender.run(&["send", "-t"], &mail).exit(0);
    let header = format!("Attach: {}", file.display());
    sender.run(&["send", "--to", "a@example.net", "--header", &header], "text\n").exit(0);
    let arrived = sender.arrived();
    assert_eq!(arrived.len(), 2);
    for arrived in arrived {
        assert!(arrived.text().contains("Attach: ") && !arrived.text().contains("a secret of mine"), "{}", arrived.text());
    }
}

#[test]
fn row_77_and_78_nothing_that_is_given_becomes_a_line_of_its_own() {
    let Some(sender) = Sender::new("row77") else { return };
    for bad in ["a@b>\r\nRCPT TO:<x@y", "a@b\rX: y", "a@b\nX: y", "\"a\r\n\"@b", "A\nBcc: x@y <a@b>"] {
        sender.run(&["send", bad], "Subject: x\n\nx\n").exit(65);
        sender.run(&["send", "-f", bad, "a@example.net"], "Subject: x\n\nx\n").exit(65);
        for option in ["--to", "--cc", "--bcc", "--from", "--reply-to", "--subject"] {
            let out = sender.run(&["send", "--to", "a@example.net", "--subject", "x", option, bad], "x\n");
            assert!(matches!(out.code, Some(64 | 65)), "{option} {bad:?}: {out:?}");
        }
    }
    // A name of a file is no line, either.
    let file = sender.w.tmp.path().join("a\r\nX-Evil: y");
    std::fs::write(&file, "x").unwrap();
    let out = sender.run(&["send", "--to", "a@example.net", "--subject", "x", "--attach", file.to_str().unwrap()], "x\n");
    assert!(matches!(out.code, Some(0 | 65)), "{out:?}");
    assert!(sender.arrived().iter().all(|a| !a.text().contains("\nX-Evil")), "{:?}", sender.arrived());
    assert!(sender.files().is_empty(), "{:?}", sender.files());
}

#[test]
fn a_message_over_the_limit_is_refused_before_it_is_sent_with_both_numbers() {
    let home = Home::new(&["PIPELINING", "SIZE 1000"]);
    let out = home.run(&["send", "a@example.net"], format!("Subject: x\n\n{}\n", "y".repeat(2000))).exit(69);
    out.says("the server takes 1000 at most").says("octets");
    assert!(!home.record().iter().any(|l| l.starts_with("MAIL")));
    assert_eq!(home.states(), ["failed"]);
}

#[test]
fn a_no_in_the_middle_of_a_message_is_heard_and_the_next_message_goes() {
    let home = Home::able();
    home.hook(|line, _| if line == "DATA" { last("354 go on\r\n552 5.3.4 too much\r\n") } else { None });
    let large = format!("Subject: x\n\n{}", "0123456789abcdef\n".repeat(50_000));
    let out = home.run(&["send", "--timeout", "2", "a@example.net"], large);
    assert!(matches!(out.code, Some(69 | 75)), "{out:?}");
    assert!(home.taken().is_empty());
    home.honest();
    home.send(TO).exit(0);
}

#[test]
fn recipients_that_are_refused_do_not_hold_up_what_comes_behind_them() {
    let home = Home::able();
    for (n, to) in ["a@example.net", "refused@example.net", "b@example.net"].iter().enumerate() {
        home.run(&["send", "--queue", to], format!("Subject: {n}\n\n{n}\n")).exit(0);
    }
    let connections = AtomicUsize::new(0);
    home.hook(move |line, number| {
        if line.is_empty() {
            connections.fetch_max(number, SeqCst);
        }
        // Behind refused recipients some servers say 354 all the same.
        None
    });
    home.run(&["send", "--flush"], "").exit(1).says("refused@example.net: 550");
    assert_eq!(home.taken().len(), 2);
    assert_eq!(home.states(), ["failed"]);
    let record = home.record();
    assert_eq!(record.iter().filter(|l| l.starts_with("EHLO")).count(), 1, "one connection: {record:?}");
}

#[test]
fn a_server_that_says_354_for_nobody_gets_an_empty_message_and_no_more() {
    let home = Home::able();
    home.hook(|line, _| if line == "DATA" { say("354 go on\r\n") } else { None });
    home.send(&["refused@example.net"]).exit(69);
    assert_eq!(home.taken(), [Vec::<u8>::new()]);
    assert_eq!(home.states(), ["failed"]);
}

#[test]
fn a_line_lost_between_two_messages_costs_a_connection_and_nothing_else() {
    let home = Home::able();
    for n in 0..5 {
        home.run(&["send", "--queue", "a@example.net"], format!("Subject: {n}\n\n{n}\n")).exit(0);
    }
    let ends = AtomicUsize::new(0);
    home.hook(move |line, _| match line {
        "." if ends.fetch_add(1, SeqCst) == 1 => last("250 taken\r\n"),
        _ => None,
    });
    home.run(&["send", "--flush", "--timeout", "2"], "").exit(0);
    let mut taken = home.taken();
    assert_eq!(taken.len(), 5);
    taken.dedup();
    assert_eq!((taken.len(), home.states().len()), (5, 0));
}

#[test]
fn lmtp_tells_each_recipient() {
    let home = Home::new(&["PIPELINING"]);
    home.configure("lmtp", "tls = { mode = \"none\" }");
    home.hook(|line, _| if line == "." { say("250 a has it\r\n452 b is full\r\n550 c will not\r\n") } else { None });
    let out = home.send(&["a@example.net", "b@example.net", "c@example.net"]).exit(1);
    out.says("b@example.net: 452").says("c@example.net: 550").says("1 other recipient accepted it");
    assert_eq!(home.states(), ["queued"]);
    // One answer is lost: that one alone is in doubt.
    home.clear();
    home.hook(|line, _| if line == "." { last("250 a has it\r\n") } else { None });
    home.send(&["a@example.net", "b@example.net"]).exit(3).says("b@example.net");
    assert_eq!(home.states(), ["uncertain"]);
}
