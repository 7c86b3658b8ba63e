//! Sending by the account itself: SendMail and what it may be answered with.

use std::fs;

use mailx::wire::wbxml::page::{ComposeMail as C, Provision as P};
use mailx::wire::wbxml::write;

use crate::exchange::{Reply, status};
use crate::home::Home;
use crate::mailbox::{Sent, without_blind};
use crate::support::kill::at_each_step;
use crate::support::maildir::leftovers;
use crate::support::world::Out;

const ME: &str = "address = \"me@example.org\"";

fn home(messages: usize) -> Home {
    let home = Home::new(messages);
    home.configure(ME);
    home
}

fn mail(subject: &str) -> String {
    format!("From: me@example.org\nTo: a@example.net\nSubject: {subject}\nMessage-ID: <{subject}@test.example>\n\nHello, ü\n.\n")
}

fn send(home: &Home, subject: &str) -> Out {
    home.feed(&["send", "-t", "--timeout", "3"], &mail(subject), &[])
}

fn sent(home: &Home) -> Vec<Sent> {
    home.peer.there().sent.clone()
}

/// States of the messages in the outbox.
fn states(home: &Home) -> Vec<String> {
    let out = home.run(&["outbox", "list", "--json"]).exit(0);
    let messages = out.json()["accounts"][0]["messages"].as_array().unwrap().clone();
    messages.iter().map(|message| message["state"].as_str().unwrap().to_owned()).collect()
}

fn is_send(command: &str) -> bool {
    ["SendMail", "SmartReply", "SmartForward"].contains(&command)
}

/// Makes everything in the outbox due now.
fn make_due(home: &Home) {
    for entry in fs::read_dir(home.root.join(".mailx/outbox")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|e| e == "queued") {
            let text = fs::read_to_string(entry.path()).unwrap();
            let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("next = ")).collect();
            fs::write(entry.path(), kept.join("\n") + "\n").unwrap();
        }
    }
}

#[test]
fn each_version_gets_the_bytes_in_its_own_form() {
    for version in ["12.1", "14.0", "14.1", "16.1"] {
        let home = home(0);
        home.peer.there().versions = version.into();
        home.feed(&["send", "a@example.net", "b@example.net", "c@example.net"], &mail("one"), &[]).exit(0);
        let all = sent(&home);
        assert_eq!(all.len(), 1, "{version}");
        let message = &all[0].message;
        assert!(message.starts_with("Bcc: b@example.net,\r\n c@example.net\r\n"), "{message}");
        let rest = without_blind(message);
        let fields = rest.find("From: ").unwrap();
        assert_eq!(&rest[fields..], mail("one").replace('\n', "\r\n"), "{version}: not the bytes that were given");
        assert!(rest[..fields].starts_with("Date: ") && rest[..fields].matches("\r\n").count() == 1);
        assert_eq!((all[0].command.as_str(), all[0].saved), ("SendMail", true));
        assert_eq!(all[0].client_id.is_empty(), version == "12.1");
        let seen = home.peer.seen().into_iter().find(|seen| seen.command == "SendMail").unwrap();
        let kind = if version == "12.1" { "message/rfc822" } else { "application/vnd.ms-sync.wbxml" };
        assert_eq!(seen.header("content-type"), kind);
        assert!(seen.headers.contains_key("content-length"));
        assert_eq!(states(&home), [""; 0]);
    }
}

#[test]
fn a_copy_is_kept_unless_nobody_wants_it() {
    let home = home(0);
    send(&home, "kept").exit(0);
    home.configure(&format!("{ME}\nsave-sent = \"no\""));
    send(&home, "not").exit(0);
    assert_eq!(sent(&home).iter().map(|sent| sent.saved).collect::<Vec<_>>(), [true, false]);
    home.sync(0);
    assert_eq!(home.mail().iter().filter(|mail| mail.dir == "Sent Items").count(), 1);
}

#[test]
fn whom_only_the_header_names_would_get_it_so_nothing_is_sent() {
    let home = home(0);
    let both = mail("two").replace("a@example.net", "a@example.net, Other <o@example.net>");
    home.feed(&["send", "a@example.net"], &both, &[]).exit(65).says("o@example.net").says("nothing was queued");
    assert!(home.peer.seen().is_empty() && sent(&home).is_empty());
    home.feed(&["send", "-t"], &both, &[]).exit(0);
    assert!(sent(&home)[0].message.contains("To: a@example.net, Other <o@example.net>\r\n"));
    // Of a message that was queued for another way out.
    home.configure(&format!("{ME}\nsend = \"smtps://me@127.0.0.1:9\""));
    home.feed(&["send", "--queue", "a@example.net"], &both, &[]).exit(0);
    home.configure(ME);
    home.run(&["send", "--flush"]).exit(69).says("o@example.net");
    assert_eq!((states(&home), sent(&home).len()), (vec!["failed".to_owned()], 1));
}

#[test]
fn each_status_is_for_good_for_later_or_for_the_administrator() {
    for (code, exit, state) in [
        (107, 69, "failed"),
        (110, 69, "failed"),
        (111, 75, "queued"),
        (113, 75, "queued"),
        (114, 75, "queued"),
        (115, 75, "queued"),
        (116, 69, "failed"),
        (117, 69, "failed"),
        (118, 0, ""),
        (119, 69, "failed"),
        (120, 75, "queued"),
        (121, 69, "failed"),
        (122, 69, "failed"),
        (129, 75, "queued"),
        (167, 75, "queued"),
        (999, 75, "queued"),
    ] {
        let home = home(0);
        home.peer.hook(move |seen, _| (seen.command == "SendMail").then(|| status(C::SendMail, C::Status, code)));
        let out = send(&home, "one").exit(exit);
        assert!(exit == 0 || out.stderr.contains(&code.to_string()), "{out:?}");
        let wanted: Vec<&str> = if state.is_empty() { vec![] } else { vec![state] };
        assert_eq!(states(&home), wanted, "status {code}");
        assert_eq!(home.peer.commands().iter().filter(|command| is_send(command)).count(), 1, "status {code}");
    }
}

#[test]
fn what_the_web_server_answers_instead() {
    for (version, code, exit, state) in [
        ("16.1", 400, 69, "failed"),
        ("16.1", 413, 69, "failed"),
        ("16.1", 401, 75, "queued"),
        ("16.1", 403, 75, "queued"),
        ("16.1", 500, 75, "queued"),
        ("12.1", 500, 3, "uncertain"),
        ("16.1", 504, 3, "uncertain"),
        ("16.1", 507, 75, "queued"),
    ] {
        let home = home(0);
        home.peer.there().versions = version.into();
        home.peer.hook(move |seen, _| (seen.command == "SendMail").then(|| Reply::status(code)));
        send(&home, "one").exit(exit).says(&code.to_string());
        assert_eq!(states(&home), [state], "HTTP {code}");
    }
}

#[test]
fn nonsense_for_an_answer_is_no_answer() {
    for reply in [Reply::html(200), Reply::wbxml(vec![3, 1, 0x6a, 0, 0x45]), Reply { cut: Some(3), ..status(C::SendMail, C::Status, 120) }]
    {
        let home = home(0);
        home.peer.hook(move |seen, _| (seen.command == "SendMail").then(|| reply.clone()));
        send(&home, "one").exit(3);
        assert_eq!(states(&home), ["uncertain"]);
    }
}

#[test]
fn a_lost_answer_is_looked_for_in_sent_and_never_sent_again() {
    for synced in [false, true] {
        let home = home(2);
        if synced {
            send(&home, "before").exit(0);
            home.sync(0);
        }
        let before = sent(&home).len();
        home.peer.hook(|seen, there| {
            is_send(&seen.command).then(|| {
                there.answer(seen);
                Reply::lost()
            })
        });
        send(&home, "taken").exit(3).says("the answer to it was lost").says("Message-ID");
        home.peer.honest();
        assert_eq!(states(&home), ["uncertain"]);
        home.peer.seen();
        home.run(&["send", "--flush"]).exit(0);
        assert_eq!((states(&home), sent(&home).len()), (vec![], before + 1), "synced before: {synced}");
        assert!(!home.peer.commands().iter().any(|command| is_send(command)));
        // What the look saw was not taken for received.
        home.sync(0);
        home.assert_same();
    }
}

#[test]
fn what_a_sync_brought_meanwhile_settles_it_without_asking() {
    let home = home(1);
    home.sync(0);
    home.peer.hook(|seen, there| {
        is_send(&seen.command).then(|| {
            there.answer(seen);
            Reply::lost()
        })
    });
    send(&home, "taken").exit(3);
    home.peer.honest();
    home.fetch(0);
    home.peer.seen();
    home.run(&["send", "--flush"]).exit(0);
    assert_eq!((states(&home).len(), home.peer.commands().len()), (0, 0));
}

#[test]
fn what_is_not_in_sent_stays_a_persons_to_decide() {
    let home = home(1);
    home.sync(0);
    home.peer.hook(|seen, _| is_send(&seen.command).then(Reply::lost));
    send(&home, "gone").exit(3);
    home.peer.honest();
    home.run(&["send", "--flush"]);
    home.run(&["sync"]);
    assert_eq!((states(&home), sent(&home).len()), (vec!["uncertain".to_owned()], 0));
    let id = home.run(&["outbox", "list", "--json"]).json()["accounts"][0]["messages"][0]["id"].as_str().unwrap().to_owned();
    home.run(&["outbox", "retry", &id]).exit(0);
    let all = sent(&home);
    assert_eq!((all.len(), all[0].client_id.as_str(), states(&home).len()), (1, id.as_str(), 0));
}

#[test]
fn a_person_who_sends_it_again_is_saved_from_a_double_by_its_id() {
    let home = home(0);
    home.configure(&format!("{ME}\nsave-sent = \"no\""));
    home.peer.hook(|seen, there| {
        is_send(&seen.command).then(|| {
            there.answer(seen);
            Reply::lost()
        })
    });
    send(&home, "twice").exit(3);
    home.peer.hook(|seen, there| {
        let known = |there: &crate::mailbox::There| there.sent.iter().any(|sent| sent.client_id == seen.node().text(C::ClientId));
        (is_send(&seen.command) && known(there)).then(|| status(C::SendMail, C::Status, 118))
    });
    // There is no copy that could tell.
    home.run(&["send", "--flush"]);
    let id = home.run(&["outbox", "list", "--json"]).json()["accounts"][0]["messages"][0]["id"].as_str().unwrap().to_owned();
    home.run(&["outbox", "retry", &id]).exit(0);
    assert_eq!((sent(&home).len(), states(&home).len()), (1, 0));
}

#[test]
fn a_policy_that_is_wanted_in_the_middle_is_settled_first() {
    for version in ["12.1", "14.1"] {
        let home = home(0);
        home.peer.there().versions = version.into();
        home.peer.hook(move |seen, _| {
            (seen.command == "SendMail" && seen.before == 0)
                .then(|| if version == "12.1" { Reply::status(449) } else { status(C::SendMail, C::Status, 142) })
        });
        send(&home, "one").exit(0);
        assert_eq!(sent(&home).len(), 1);
        let seen = home.peer.seen();
        let posts: Vec<_> = seen.iter().filter(|seen| is_send(&seen.command)).collect();
        assert_eq!(posts.len(), 2);
        let id = |n: usize| posts[n].body.as_ref().map(|node| node.text(C::ClientId).to_owned());
        assert_eq!(id(0), id(1), "the same message has the same id");
        // For ever: it waits, and is not lost.
        home.peer.hook(|seen, _| is_send(&seen.command).then(|| Reply::status(449)));
        assert_ne!(send(&home, "two").code, Some(0));
        assert_eq!(states(&home), ["queued"]);
    }
}

#[test]
fn a_wipe_order_stops_it_and_the_message_waits() {
    let home = home(0);
    home.peer.hook(|seen, _| match seen.command.as_str() {
        "SendMail" => Some(Reply::status(449)),
        "Provision" if seen.before > 0 => {
            Some(Reply::wbxml(write(P::Provision, |all| drop(all.number(P::Status, 1u32).empty(P::RemoteWipe))).unwrap()))
        }
        _ => None,
    });
    send(&home, "one").exit(3).says("ordered to wipe");
    assert_eq!((states(&home), sent(&home).len()), (vec!["queued".to_owned()], 0));
}

#[test]
fn one_that_was_cut_off_is_told_once_by_the_next_sync() {
    let home = home(1);
    home.sync(0);
    home.feed(&["send", "-t", "--queue"], &mail("cut"), &[]).exit(0);
    let outbox = home.root.join(".mailx/outbox");
    let queued = fs::read_dir(&outbox).unwrap().flatten().map(|e| e.path()).find(|path| path.extension().is_some_and(|e| e == "queued"));
    let queued = queued.unwrap();
    fs::rename(&queued, queued.with_extension("sending")).unwrap();
    home.run(&["sync"]).exit(3).says("a@example.net").says("killed");
    home.sync(0);
    assert_eq!((states(&home), sent(&home).len()), (vec!["uncertain".to_owned()], 0));
}

#[test]
fn a_header_with_a_cr_alone_is_malformed() {
    let home = home(0);
    let bad = mail("two").replace("Subject: ", "Subject: x\rBcc: o@example.net\r");
    home.feed(&["send", "-t"], &bad, &[]).exit(65).says("nothing was queued");
    assert!(home.peer.seen().is_empty() && states(&home).is_empty());
}

#[test]
fn a_line_that_breaks_before_the_end_of_a_message_leaves_it_queued() {
    let home = home(0);
    // Refused before anything of it came.
    home.peer.hook(|seen, _| (seen.command == "OPTIONS").then(Reply::lost));
    send(&home, "one").exit(75);
    assert_eq!(states(&home), ["queued"]);
    home.peer.honest();
    make_due(&home);
    home.run(&["send", "--flush"]).exit(0);
    assert_eq!((states(&home).len(), sent(&home).len()), (0, 1));
}

#[test]
fn a_login_that_is_refused_keeps_the_message() {
    let home = home(0);
    home.peer.hook(|_, _| Some(Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\"")));
    send(&home, "one").exit(75).says("wrong user name or password");
    assert_eq!(states(&home), ["queued"]);
    home.feed(&["send", "-t", "--no-queue"], &mail("two"), &[]).exit(77);
    assert_eq!(states(&home), ["queued"]);
}

#[test]
fn many_are_sent_over_one_way_in_by_sync_too() {
    let home = home(0);
    for n in 0..5 {
        home.feed(&["send", "-t", "--queue"], &mail(&format!("n{n}")), &[]).exit(0);
    }
    home.sync(0);
    let commands = home.peer.commands();
    assert_eq!(commands.iter().filter(|command| is_send(command)).count(), 5);
    let all = sent(&home);
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|sent| sent.client_id.as_str()).collect();
    assert_eq!((all.len(), ids.len(), states(&home).len()), (5, 5, 0));
    // The run that sent them brought their copies.
    home.assert_same();
}

#[test]
fn an_answer_to_a_message_that_is_there_marks_it_there() {
    let home = home(3);
    home.sync(0);
    let reply = |id: &str| mail("re").replace("Subject:", &format!("In-Reply-To: <{id}@example.org>\nSubject:"));
    home.feed(&["send", "-t"], &reply("1"), &[]).exit(0);
    home.feed(&["send", "-t"], &mail("fwd").replace("Subject:", "X-Forwarded-Message-Id: <2@example.org>\nSubject:"), &[]).exit(0);
    home.feed(&["send", "-t"], &reply("99"), &[]).exit(0);
    let file = home.mail().into_iter().find(|mail| fs::read(&mail.path).unwrap().windows(9).any(|w| w == b"message 0")).unwrap();
    let path = file.path.to_str().unwrap();
    home.feed(&["send", "--to", "a@example.net", "--subject", "x", "--reply-to-message", path], "text\n", &[]).exit(0);
    let all = sent(&home);
    let told: Vec<_> =
        all.iter().map(|sent| (sent.command.as_str(), sent.source.as_ref().map(|(f, i)| (f.as_str(), i.as_str())))).collect();
    let of = |item| Some(("5", item));
    assert_eq!(told, [("SmartReply", of("5:2")), ("SmartForward", of("5:3")), ("SendMail", None), ("SmartReply", of("5:1"))]);
    let rest = &all[0].message[all[0].message.find("From: ").unwrap()..];
    assert_eq!(rest, reply("1").replace('\n', "\r\n"), "the bytes stay the user's");
    // One that has gone meanwhile.
    for code in [150, 117, 121] {
        home.peer.hook(move |seen, _| (seen.command == "SmartReply").then(|| status(C::SmartReply, C::Status, code)));
        home.feed(&["send", "-t"], &reply("1"), &[]).exit(0);
        let last = sent(&home).pop().unwrap();
        assert_eq!((last.command.as_str(), last.source), ("SendMail", None), "status {code}");
    }
    // Of old there is no ReplaceMime: the server would add to it.
    home.peer.honest();
    home.peer.there().versions = "12.1".into();
    home.feed(&["send", "-t"], &reply("1"), &[]).exit(0);
    assert_eq!(sent(&home).pop().unwrap().command, "SendMail");
}

#[test]
fn a_kill_at_each_durable_step_sends_it_once() {
    let home = home(0);
    home.sync(0);
    let steps = at_each_step(|at| {
        let subject = format!("step{at}");
        let out = home.feed(&["send", "-t"], &mail(&subject), &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        assert!(out.signal == Some(9) || out.code == Some(0), "step {at}: {out:?}");
        make_due(&home);
        home.run(&["send", "--flush"]);
        let count = sent(&home).iter().filter(|sent| sent.message.contains(&format!("Subject: {subject}\r\n"))).count();
        let open = states(&home);
        // Killed before its end went out and after that was recorded, nobody knows: the server does not have it, and a person decides.
        assert!(open.is_empty() || (open == ["uncertain"] && count == 0), "step {at}: {open:?}, sent {count} times");
        assert!(count == 1 || !open.is_empty() || at <= 5, "step {at}: it is lost");
        for entry in home.run(&["outbox", "list", "--json"]).json()["accounts"][0]["messages"].as_array().unwrap() {
            home.run(&["outbox", "delete", entry["id"].as_str().unwrap()]).exit(0);
        }
        out.signal == Some(9)
    });
    assert!(steps > 8, "only {steps} durable steps were met");
    home.sync(0);
    home.assert_same();
    assert!(leftovers(&home.root).is_empty());
}

#[test]
fn account_test_logs_in_and_sends_nothing() {
    let home = home(1);
    let out = home.run(&["account", "test", "--json"]).exit(0).json();
    let steps: Vec<&str> = out["accounts"][0]["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert!(steps.contains(&"folders") && steps.ends_with(&["submission"]), "{steps:?}");
    assert!(sent(&home).is_empty() && !home.root.exists());
}
