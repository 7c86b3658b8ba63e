//! What is said of a message: its exit code and its hints must not double it, lose it, or pass over it.

use std::fs;

use crate::peer::{Home, last, say};
use crate::support::mount::Mount;

/// Who was asked for by the last connections.
fn asked(home: &Home) -> Vec<String> {
    home.record().iter().filter_map(|line| line.strip_prefix("RCPT TO:<")?.split('>').next().map(str::to_owned)).collect()
}

/// The commands that a run says are to be given next, by their beginning.
fn hinted(stderr: &str, beginning: &str) -> Vec<String> {
    let at = stderr.split(beginning).nth(1).unwrap_or_else(|| panic!("no {beginning} in {stderr}"));
    let rest: Vec<&str> = at.split([',', ';', '\n', ' ']).filter(|word| !word.is_empty()).collect();
    let id = rest.iter().find(|word| word.contains('-') && word.as_bytes()[0].is_ascii_digit()).unwrap();
    let words = beginning.split(' ').filter(|word| !word.is_empty() && *word != "mailx").chain([*id]);
    words.map(str::to_owned).collect()
}

fn follow(home: &Home, words: &[String]) -> crate::support::Out {
    home.run(&words.iter().map(String::as_str).collect::<Vec<_>>(), "")
}

#[test]
fn the_hint_about_those_who_were_refused_sends_to_them_and_never_to_those_in_doubt() {
    let home = Home::able();
    home.hook(|line, _| if line == "." { last("") } else { None });
    let out = home.send(&["ok@example.net", "refused@example.net"]).exit(3);
    let (again, doubts) = (hinted(&out.stderr, "mailx outbox retry "), hinted(&out.stderr, "mailx outbox retry --uncertain "));
    home.honest();
    // It is refused again, and the doubt is not forgotten.
    follow(&home, &again).exit(3).says("ok@example.net").says("refused@example.net: 550");
    assert_eq!(asked(&home), ["refused@example.net"]);
    assert_eq!(home.states(), ["uncertain"]);
    // The server has learned the address.
    home.honest();
    home.hook(|line, _| match line {
        "DATA" => say("354 go on\r\n"),
        line if line.starts_with("RCPT TO:<refused") => say("250 ok\r\n"),
        _ => None,
    });
    follow(&home, &again).exit(3).says("ok@example.net");
    assert_eq!(home.states(), ["uncertain"]);
    home.honest();
    follow(&home, &doubts).exit(0);
    assert_eq!((asked(&home), home.states().len()), (vec!["ok@example.net".to_owned()], 0));
}

#[test]
fn the_hint_about_those_who_were_refused_passes_over_nobody_who_waits() {
    let home = Home::able();
    home.hook(|line, _| if line.starts_with("RCPT TO:<later") { say("450 4.2.0 wait\r\n") } else { None });
    let out = home.send(&["later@example.net", "refused@example.net"]).exit(1);
    assert!(!out.stderr.contains("outbox delete"), "somebody waits: {out:?}");
    let again = hinted(&out.stderr, "mailx outbox retry ");
    home.honest();
    follow(&home, &again).exit(1).says("refused@example.net: 550");
    assert_eq!(asked(&home), ["later@example.net", "refused@example.net"]);
    let shown = home.run(&["outbox", "show", &again[2]], "").exit(0).stdout;
    assert!(!shown.contains("450"), "the old reason is none any more: {shown}");
    assert_eq!(home.states(), ["failed"]);
}

#[test]
fn those_who_wait_are_tried_although_others_are_in_doubt() {
    let home = Home::able();
    home.hook(|line, _| match line {
        "." => last(""),
        line if line.starts_with("RCPT TO:<later") => say("450 4.2.0 wait\r\n"),
        _ => None,
    });
    let out = home.send(&["ok@example.net", "later@example.net"]).exit(3);
    out.says("mailx send --flush");
    let status = home.run(&["status"], "").stdout;
    assert!(status.contains("1 uncertain"), "{status}");
    home.honest();
    follow(&home, &hinted(&out.stderr, "mailx outbox retry ")[..2].iter().cloned().chain([home.ids().remove(0)]).collect::<Vec<_>>())
        .exit(3);
    assert_eq!((asked(&home), home.states()), (vec!["later@example.net".to_owned()], vec!["uncertain".to_owned()]));
}

#[test]
fn output_that_cannot_be_written_is_no_reason_to_send_again() {
    let home = Home::able();
    let message = "Subject: x\n\nx\n";
    let out = home.run_to("/dev/full", &["send", "--json", "a@example.net"], message).exit(0);
    out.says("the message was sent; do not send it again");
    home.hook(|line, _| if line == "." { last("") } else { None });
    home.run_to("/dev/full", &["send", "--json", "a@example.net"], message).exit(3).says("do not send it again");
    assert_eq!(home.taken().len(), 2);
}

#[test]
fn a_message_that_was_cut_off_is_told_once_by_the_run_that_finds_it() {
    for finder in [&["send", "--flush"][..], &["send", "--queue", "b@example.net"]] {
        let home = Home::able();
        home.run(&["send", "--queue", "a@example.net"], "Subject: cut\n\nx\n").exit(0);
        let id = home.ids().remove(0);
        let name = |state: &str| home.root.join(format!(".mailx/outbox/{id}.{state}"));
        fs::rename(name("queued"), name("sending")).unwrap();
        let queues = finder.contains(&"--queue");
        let out = home.run(finder, "Subject: other\n\nx\n").exit(if queues { 0 } else { 3 });
        out.says("a@example.net").says("killed").says("outbox retry --uncertain");
        let again = home.run(&["send", "--flush"], "").exit(0);
        assert!(!again.stderr.contains("killed"), "{again:?}");
        assert!(home.run(&["outbox", "list"], "").exit(0).stdout.contains("killed"));
        assert_eq!(home.taken().len(), usize::from(queues), "only what was queued");
    }
}

#[test]
fn a_flush_says_what_waits_until_when() {
    let home = Home::able();
    for n in 0..12 {
        home.run(&["send", "--queue", "a@example.net"], format!("Subject: {n}\n\n{n}\n")).exit(0);
    }
    home.hook(|line, _| if line == "." { last("250 taken\r\n") } else { None });
    let out = home.run(&["send", "--flush"], "");
    assert!(out.code != Some(0) && !out.stderr.contains("the same command again"), "{out:?}");
    let left = home.states().len();
    assert!(left > 0 && home.taken().len() + left == 12);
    out.says(&format!("{left} messages wait")).says("do not send them again");
    home.honest();
    let out = home.run(&["send", "--flush"], "").exit(75);
    out.says(&format!("{left} messages wait")).says("outbox retry");
    for id in home.ids() {
        home.run(&["outbox", "retry", &id], "").exit(0);
    }
    home.run(&["send", "--flush"], "").exit(0);
    assert_eq!(home.taken().len(), 12);
}

#[test]
fn whatever_stops_a_message_that_is_queued_is_75_and_named() {
    for (stage, answer, class) in [
        ("", "554 5.7.1 go away\r\n", "rejected"),
        ("EHLO", "554 5.7.1 go away\r\n", "rejected"),
        ("AUTH", "535 5.7.8 no\r\n", "auth"),
        ("MAIL", "530 5.7.0 authentication required\r\n", "auth"),
        ("MAIL", "250ok\r\n", "protocol"),
    ] {
        let home = Home::able();
        home.hook(move |line, _| if line.split([' ', ':']).next() == Some(stage) { say(answer) } else { None });
        home.send(&["a@example.net"]).exit(75).says(&format!("error: {class}: ")).says("do not send it again");
        assert_eq!(home.states(), ["queued"], "{stage}");
        home.run(&["send", "--no-queue", "a@example.net"], "Subject: x\n\nx\n").says("not kept");
        assert_eq!(home.states(), ["queued"], "{stage}");
    }
}

#[test]
fn a_full_disk_queues_nothing_and_says_so() {
    let home = Home::able();
    let Some(mount) = Mount::new(&home.root, "size=1m,mode=700") else { return };
    let _ = fs::write(mount.0.join("ballast"), vec![0; 2 << 20]);
    let large = format!("Subject: x\n\n{}", "0123456789abcdef\n".repeat(20_000));
    let out = home.run(&["send", "a@example.net"], large).exit(74);
    out.says("disk-full").says("nothing was queued and nothing was sent").says("free some space and send it again");
    assert!(!out.stderr.contains("carries on"), "{out:?}");
    assert!(home.taken().is_empty());
}

#[test]
fn a_refused_login_names_what_the_code_tells() {
    for (answer, class, says) in [
        ("500 5.5.1 what", "auth", "does not know the command"),
        ("502 5.5.1 what", "auth", "does not know the command"),
        ("501 5.5.2 cannot decode", "auth", "could not read"),
        ("503 5.5.1 bad sequence", "auth", "takes no login at this point"),
        ("504 5.7.4 unrecognized authentication type", "auth", "does not take the mechanism PLAIN"),
        ("530 5.7.0 Must issue a STARTTLS command first", "tls-required", "wants TLS"),
        ("538 5.7.11 encryption required", "tls-required", "wants TLS"),
        ("535 5.7.8 bad credentials", "auth", "wrong user name or password"),
        ("534 5.7.9 application-specific password required", "auth", "app password"),
    ] {
        let home = Home::able();
        home.hook(move |line, _| if line.starts_with("AUTH") { say(format!("{answer}\r\n")) } else { None });
        let out = home.send(&["a@example.net"]).exit(75);
        out.says(&format!("error: {class}: ")).says(says).says(&answer[..3]);
        assert!(answer.starts_with("535") || !out.stderr.contains("wrong user name"), "{out:?}");
    }
}

#[test]
fn a_header_with_a_cr_alone_is_refused_and_one_in_the_body_is_a_line_end() {
    let home = Home::able();
    for bad in ["Subject: a\rBcc: x@x.org\n\nb\n", "Subject: a\r\rb\nTo: c@d\n\nb\n", "Subject: a\r\r\n\r\nb\r\n"] {
        home.run(&["send", "a@example.net"], bad).exit(65).says("carriage return").says("nothing was queued and nothing was sent");
    }
    assert!(home.record().is_empty() && home.states().is_empty());
    home.run(&["send", "a@example.net"], "Subject: a\r\n\nb\rBcc: x@x.org\r\r\n").exit(0);
    assert!(home.taken()[0].ends_with(b"Subject: a\r\n\r\nb\r\nBcc: x@x.org\r\n\r\n"));
}
