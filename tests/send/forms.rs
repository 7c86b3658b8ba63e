//! The command lines of other programs, as scripts use them.

use std::fs;
use std::process::Command;

use mail_parser::{MessageParser, MimeHeaders as _};

use crate::bed::{Sender, message};
use crate::support::skip;

#[test]
fn sendmail_for_cron_mutt_and_scripts() {
    let Some(sender) = Sender::new("sendmail") else { return };
    let cron = "From: root (Cron Daemon)\nTo: ops\nSubject: Cron <root@host> job\n\noutput\n";
    sender.run_as(sender.called("sendmail", &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "ops"]), cron, &[]).exit(0);
    let arrived = sender.arrived();
    assert_eq!(arrived[0].to, ["ops@example.net"]);
    let text = arrived[0].text();
    assert!(
        text.contains("From: root (Cron Daemon)\r\nTo: ops\r\n") && text.contains("\nDate: ") && text.contains("\nMessage-ID: <"),
        "{text}"
    );
    // PHP and mutt.
    let bcc = "To: a@example.net\nCc: team\nBcc: secret@example.net,\n other@example.net\nSubject: x\n\nx\n";
    sender.run_as(sender.called("sendmail", &["-t", "-i"]), bcc, &[]).exit(0);
    let arrived = sender.arrived();
    let to = ["a@example.net", "ops@example.net", "dev@example.net", "secret@example.net", "other@example.net"];
    assert_eq!(arrived[1].to, to);
    assert!(!arrived[1].text().contains("secret@") && !arrived[1].text().contains("other@"), "{}", arrived[1].text());
    let from = sender.address.clone();
    sender
        .run_as(sender.called("sendmail", &["-oem", "-oi", "-f", &from, "--", "b@example.net"]), message("mutt", "b@example.net"), &[])
        .exit(0);
    // Only text, from nobody in particular.
    sender.run_as(sender.called("sendmail", &["-F", "Back Up", "c@example.net"]), "done\n", &[]).exit(0);
    let text = sender.arrived()[3].text();
    assert!(text.ends_with("\r\n\r\ndone\r\n"), "{text}");
    let mail = MessageParser::default().parse(text.as_bytes()).unwrap();
    let sender_of = mail.from().unwrap().first().unwrap();
    assert_eq!((sender_of.name.as_deref(), sender_of.address.as_deref()), (Some("Back Up"), Some(from.as_str())));
    sender.run_as(sender.called("sendmail", &["-bs"]), "", &[]).exit(64);
    sender.run_as(sender.called("sendmail", &["-bp"]), "", &[]).exit(0);
}

#[test]
fn posix_mailx_with_s_nails_meanings() {
    let Some(sender) = Sender::new("mailx") else { return };
    let file = sender.w.tmp.path().join("Bericht ä.txt");
    fs::write(&file, "attached\n").unwrap();
    let file = file.to_str().unwrap();
    let from = format!("Me Äé <{}>", sender.address);
    let words = ["-s", "Grüße", "-c", "cc@example.net", "-b", "bcc@example.net", "-r", &from, "-a", file, "-a", "X-Job: 7", "team"];
    sender.run(&words, "Hällo\n.\n~! id\n").exit(0);
    let arrived = sender.arrived();
    assert_eq!(arrived[0].to, ["ops@example.net", "dev@example.net", "cc@example.net", "bcc@example.net"]);
    let mail = MessageParser::default().parse(&arrived[0].bytes).unwrap();
    assert_eq!(mail.subject(), Some("Grüße"));
    let names: Vec<_> = mail.to().unwrap().iter().map(|a| a.address.as_deref().unwrap().to_owned()).collect();
    assert_eq!(names, ["ops@example.net", "dev@example.net"]);
    assert_eq!(mail.from().unwrap().first().unwrap().name.as_deref(), Some("Me Äé"));
    assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), "Hällo\n.\n~! id");
    assert_eq!(mail.attachment(0).unwrap().attachment_name(), Some("Bericht ä.txt"));
    assert_eq!(mail.attachment(0).unwrap().contents(), b"attached\n");
    assert!(mail.header("X-Job").is_some() && mail.bcc().is_none() && !arrived[0].text().contains("bcc@"));
    // Nothing to say.
    sender.run(&["-E", "-s", "nothing", "a@example.net"], "").exit(0);
    assert_eq!(sender.arrived().len(), 1);
    sender.run(&["-s", "empty all the same", "a@example.net"], "").exit(0);
    sender.run(&["-n", "-q", file, "-s", "file", "--", "a@example.net"], "not this").exit(0);
    assert!(sender.arrived()[2].text().contains("attached"));
    sender.run(&["-A", "other", "-s", "x", "a@example.net"], "x").exit(64);
    sender.run(&["-s", "x", "-a", "/nonexistent", "a@example.net"], "x").exit(66);
    // Fields that scripts give.
    let html =
        ["-s", "html", "-a", "Content-Type: text/html; charset=UTF-8", "-a", &format!("From: Job <{}>", sender.address), "a@example.net"];
    sender.run(&html, "<p>Grüße</p>\n").exit(0);
    let text = sender.arrived()[3].text();
    assert!(text.contains("Content-Type: text/html; charset=\"utf-8\"") && !text.contains("multipart"), "{text}");
    assert!(text.contains("From: \"Job\" <"), "{text}");
    for (field, says) in [
        ("MIME-Version: 1.0", "leave it out"),
        ("Content-Transfer-Encoding: 8bit", "leave it out"),
        ("Content-Type: multipart/mixed; boundary=x", "it would not be what it says"),
        ("From: somebody@else.example", "identities"),
    ] {
        sender.run(&["-s", "x", "-a", field, "a@example.net"], "x").exit(65).says(says);
    }
    // The first word decides.
    sender.run(&["d@example.net"], "address first\n").exit(0);
    assert_eq!(sender.arrived()[4].to, ["d@example.net"]);
}

#[test]
fn composed_from_options() {
    let Some(sender) = Sender::new("compose") else { return };
    let original = sender.w.tmp.path().join("original.eml");
    fs::write(&original, "From: Ann <ann@example.net>\nSubject: Plan\nMessage-ID: <1@example.net>\nReferences: <0@example.net>\n\nhow?\n")
        .unwrap();
    let original = original.to_str().unwrap();
    let words = ["send", "--reply-to-message", original, "--cc", "Ünal <u@example.net>", "--attach", &format!("{original};message/rfc822")];
    sender.run(&words, "like this\n").exit(0);
    let arrived = sender.arrived();
    assert_eq!(arrived[0].to, ["u@example.net", "ann@example.net"]);
    let text = arrived[0].text();
    for line in ["Subject: Re: Plan\r\n", "In-Reply-To: <1@example.net>\r\n", "References: <0@example.net> <1@example.net>\r\n"] {
        assert!(text.contains(line), "{line} not in {text}");
    }
    let mail = MessageParser::default().parse(&arrived[0].bytes).unwrap();
    assert_eq!(mail.to().unwrap().first().unwrap().name.as_deref(), Some("Ann"));
    assert!(mail.attachment(0).unwrap().is_message());
    // HTML has its text beside it.
    sender
        .run(&["send", "--to", "a@example.net", "--subject", "page", "--html", "--reply-to", "r@example.net"], "<p>Hi <b>you</b></p>")
        .exit(0);
    let mail = sender.arrived().remove(1);
    let mail = MessageParser::default().parse(&mail.bytes).unwrap().into_owned();
    assert!(mail.body_text(0).unwrap().contains("Hi you") && mail.body_html(0).unwrap().contains("<b>you</b>"));
    assert!(mail.reply_to().is_some() && mail.date().is_some() && mail.message_id().is_some());
}

#[test]
fn git_send_email_sends_through_us() {
    let Some(sender) = Sender::new("git") else { return };
    let repository = sender.w.tmp.path().join("repository");
    let sendmail = sender.called("sendmail", &[]).get_program().to_owned();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .args(["-C", repository.to_str().unwrap(), "-c", "user.name=Me", "-c", &format!("user.email={}", sender.address)])
            .args(arguments);
        for (name, value) in sender.w.command(&[]).get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        command.output().unwrap()
    };
    fs::create_dir(&repository).unwrap();
    let probe = git(&["send-email", "--dump-aliases"]);
    if !probe.status.success() {
        skip("git send-email is not installed");
        return;
    }
    assert!(git(&["init", "-q"]).status.success());
    for n in 0..2 {
        fs::write(repository.join("file"), format!("{n}\n")).unwrap();
        git(&["add", "file"]);
        assert!(git(&["commit", "-q", "-m", &format!("Change number {n}")]).status.success());
    }
    let server = format!("--sendmail-cmd={}", sendmail.display());
    let out = git(&["send-email", "--quiet", "--confirm=never", "--to=list@example.net", "--cc=ops@example.net", &server, "-2"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let arrived = sender.arrived();
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|a| a.to.contains(&"list@example.net".to_owned()) && a.text().contains("diff --git")), "{arrived:?}");
}

#[test]
fn bcc_is_seen_only_where_that_was_asked_for() {
    let Some(sender) = Sender::new("keepbcc") else { return };
    let whole = "To: a@example.net\nBcc: b@example.net\nSubject: whole\n\ntext\n";
    for (keep, shown) in [(&[][..], 0), (&["--keep-bcc"], 1)] {
        let before = sender.arrived().len();
        sender.run(&[&["send", "-t"], keep].concat(), whole).exit(0);
        sender.run(&[&["send", "--to", "a@example.net", "--bcc", "b@example.net"], keep].concat(), "text\n").exit(0);
        for arrived in &sender.arrived()[before..] {
            assert_eq!(arrived.to, ["a@example.net", "b@example.net"]);
            let header = arrived.text().split("\r\n\r\n").next().unwrap().to_owned();
            assert_eq!(header.lines().filter(|line| line.starts_with("Bcc:") && line.contains("b@example.net")).count(), shown, "{header}");
        }
        assert_eq!(sender.arrived().len(), before + 2);
    }
}
