//! Sending by the account itself: what SOGo takes arrives, to the octet, and its copy is in Sent once.

use std::time::Duration;

use crate::support::World;
use crate::support::world::{Out, Running};
use crate::{assert_settled, done};

fn send(w: &World, arguments: &[&str], message: impl AsRef<[u8]>) -> Out {
    let path = w.tmp.path().join("message");
    std::fs::write(&path, message).unwrap();
    let mut command = w.command(arguments);
    command.stdin(std::fs::File::open(&path).unwrap());
    Running::start(&mut command).end(Duration::from_secs(120))
}

fn address(w: &World) -> String {
    format!("{}@example.test", w.user)
}

/// Somebody who sends, and somebody who gets it.
fn two(prefix: &str) -> Option<(World, World)> {
    let (from, to) = (World::active_sync(prefix)?, World::active_sync("recipient")?);
    from.configure_active_sync(&format!("address = \"{}\"\n", address(&from)));
    Some((from, to))
}

fn message(from: &World, to: &str, subject: &str, text: &str) -> String {
    let from = address(from);
    format!(
        // As SOGo writes it itself, whatever was given.
        "From: Test User <{from}>\nTo: {to}\nSubject: {subject}\nDate: Thu, 26 Nov 2026 07:00:00 +0000\nMessage-ID: <{subject}@test.example>\n\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n"
    )
}

/// What is in a mailbox, with LF. SOGo writes one more line end behind what it sends.
fn texts(w: &World, dir: &str) -> Vec<String> {
    w.fetch(0, &[]);
    let mails = w.mail().into_iter().filter(|mail| mail.dir == dir);
    let read = |path| String::from_utf8(std::fs::read(path).unwrap()).unwrap();
    mails.map(|mail| read(mail.path)).map(|text| text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)).collect()
}

#[test]
fn it_arrives_byte_for_byte_and_its_copy_is_in_sent_once() {
    let Some((from, to)) = two("sender") else { return };
    let text = "Grüße\n.\n..\n\n From me\n".to_owned() + &"x".repeat(900);
    let mail = message(&from, &address(&to), "one", &text);
    send(&from, &["send", "-t"], &mail).exit(0);
    assert_eq!(texts(&to, "INBOX"), std::slice::from_ref(&mail));
    assert_eq!(from.server.list(&from.user)["Sent"].len(), 1);
    assert_eq!(from.sync(0, &[]).sum("downloaded"), 1);
    let copy = from.mail().into_iter().find(|mail| mail.dir == "Sent").unwrap();
    assert_eq!(std::fs::read_to_string(copy.path).unwrap().trim_end(), mail.trim_end());
    assert_settled(&from);
    send(&from, &["send", "--flush"], "").exit(0);
    assert_eq!(from.server.list(&from.user)["Sent"].len(), 1);
    assert_eq!(done(&to.sync(0, &[])), []);
}

#[test]
fn those_whom_no_header_names_get_it_and_nobody_sees_them() {
    let Some((from, to)) = two("blind") else { return };
    let other = World::active_sync("other").unwrap();
    let mail = message(&from, &address(&to), "blind", "text");
    send(&from, &["send", &address(&to), &address(&other)], &mail).exit(0);
    for w in [&to, &other] {
        w.fetch(0, &[]);
        let all = w.mail();
        assert_eq!(all.len(), 1);
        let text = String::from_utf8(std::fs::read(&all[0].path).unwrap()).unwrap();
        assert!(!text.contains("Bcc") && !text.contains(&other.user), "{text}");
    }
    send(&from, &["send", &address(&to)], message(&from, &address(&other), "no", "text")).exit(65);
    assert_eq!(done(&other.fetch(0, &[])), []);
}

#[test]
fn a_recipient_that_is_refused_is_told_and_the_message_kept() {
    let Some((from, _)) = two("refused") else { return };
    send(&from, &["send", "-t"], message(&from, "refused@example.net", "no", "text"))
        .exit(75)
        .says("status 120")
        .says("refused@example.net");
    let list = from.run(&["outbox", "list", "--json"]).exit(0).json();
    assert_eq!(list["accounts"][0]["messages"].as_array().unwrap().len(), 1, "{list}");
}

#[test]
fn an_answer_marks_what_it_answers() {
    let Some((from, to)) = two("answer") else { return };
    from.server.fill(&from.user, "INBOX", 1, "a");
    from.sync(0, &[]);
    let file = from.mail().into_iter().find(|mail| mail.dir == "INBOX").unwrap();
    let path = file.path.to_str().unwrap().to_owned();
    send(&from, &["send", "--to", &address(&to), "--subject", "re", "--reply-to-message", &path], "text\n").exit(0);
    assert_eq!(from.server.list(&from.user)["Sent"].len(), 1);
    let flags = from.server.list(&from.user)["INBOX"][0].flags.clone();
    assert!(flags.iter().any(|flag| flag == "\\Answered"), "{flags:?}");
    assert_eq!(texts(&to, "INBOX").len(), 1);
}

#[test]
fn twenty_megabytes_go_through() {
    let Some((from, to)) = two("large") else { return };
    let text = (0..300_000).map(|n| format!("{n:069}\n")).collect::<String>();
    let mail = message(&from, &address(&to), "large", &text);
    send(&from, &["send", "-t"], &mail).exit(0);
    assert!(texts(&to, "INBOX") == [mail], "twenty megabytes, byte for byte");
}
