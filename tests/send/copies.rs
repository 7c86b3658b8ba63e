//! The copy in the Sent folder: once, where it belongs.

use crate::bed::{Sender, message};
use crate::support::kill;

fn imap(sender: &Sender, more: &str) {
    let (host, port) = (sender.w.server.get("HOST"), sender.w.server.get("IMAPS_PORT"));
    let receive = format!("receive = \"imaps://{}@{host}:{port}\"\n{more}", sender.w.user);
    sender.configure(&sender.url("smtps"), &receive);
}

/// Identities of what is in the Sent folder.
fn sent(sender: &Sender) -> Vec<String> {
    sender.w.server.list(&sender.w.user).remove("Sent").unwrap_or_default().into_iter().map(|letter| letter.identity).collect()
}

#[test]
fn it_is_filed_once_and_comes_back_with_the_next_sync() {
    let Some(sender) = Sender::new("copy") else { return };
    imap(&sender, "");
    sender.run(&["send", "-t"], "To: a@example.net\nBcc: b@example.net\nSubject: one\n\none\n").exit(0);
    assert_eq!(sent(&sender).len(), 1);
    assert!(sender.files().iter().all(|file| file == "sent-folder"), "{:?}", sender.files());
    for n in 0..3 {
        sender.run(&["send", "--queue", "a@example.net"], message(&n.to_string(), "x@y")).exit(0);
    }
    // sync sends what waits, files it, and fetches it.
    sender.run(&["sync", "--json"], "").exit(0);
    assert_eq!((sender.arrived().len(), sent(&sender).len()), (4, 4));
    let here: Vec<String> = sender.w.mail().into_iter().filter(|mail| mail.dir == "Sent").map(|mail| mail.identity).collect();
    assert_eq!(here.len(), 4);
    let copy = sender.w.mail().into_iter().find(|mail| mail.dir == "Sent").unwrap();
    assert_eq!(copy.letters, "S");
    sender.run(&["sync"], "").exit(0);
    assert_eq!(sent(&sender).len(), 4);
    // Not where it is not wanted, nor where nobody has it.
    imap(&sender, "save-sent = \"no\"");
    sender.run(&["send", "a@example.net"], message("no copy", "x@y")).exit(0);
    imap(&sender, "save-sent = \"yes\"");
    sender.run(&["send", "refused@example.net"], message("refused", "x@y")).exit(69);
    assert_eq!(sent(&sender).len(), 4);
    sender.run(&["send", "ok@example.net", "refused@example.net"], message("some", "x@y")).exit(1);
    assert_eq!((sent(&sender).len(), sender.states()), (5, vec!["failed".to_owned(), "failed".to_owned()]));
}

#[test]
fn a_server_that_is_down_keeps_the_copy_waiting_and_the_message_counts_as_sent() {
    let Some(sender) = Sender::new("copylater") else { return };
    let more = "receive = \"imaps://me@127.0.0.1:9\"";
    sender.configure(&sender.url("smtps"), more);
    sender.run(&["send", "a@example.net"], message("one", "x@y")).exit(0).says("its copy for the Sent folder waits");
    assert_eq!((sender.arrived().len(), sender.states()), (1, vec!["sent".to_owned()]));
    imap(&sender, "");
    sender.run(&["send", "--flush"], "").exit(0);
    assert_eq!((sender.arrived().len(), sent(&sender).len(), sender.states().len()), (1, 1, 0));
}

#[test]
fn a_kill_at_each_durable_step_files_it_once() {
    let Some(sender) = Sender::new("copykill") else { return };
    imap(&sender, "");
    let mut accepted = 0;
    kill::at_each_step(|at| {
        let out = sender.run_with(&["send", "a@example.net"], message(&at.to_string(), "x@y"), &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        assert!(out.signal == Some(9) || out.code == Some(0), "step {at}: {out:?}");
        sender.make_due();
        let flushed = sender.run(&["send", "--flush"], "");
        assert!(matches!(flushed.code, Some(0 | 3)), "step {at}: {flushed:?}");
        // A doubt about the message is none about the copy: it is filed when somebody says that it was sent.
        let list = sender.run(&["outbox", "list", "--json"], "").exit(0).json();
        for message in list["accounts"][0]["messages"].as_array().unwrap() {
            assert_eq!(message["state"], "uncertain", "step {at}: {message}");
            accepted += sender.arrived().iter().filter(|a| a.text().contains(&format!("\nSubject: {at}\r"))).count();
            sender.run(&["outbox", "delete", message["id"].as_str().unwrap()], "").exit(0);
        }
        let (arrived, filed) = (sender.arrived().len(), sent(&sender).len());
        assert_eq!(filed, arrived - accepted, "step {at}: {arrived} arrived, {accepted} of them in doubt, {filed} copies");
        out.signal == Some(9)
    });
    let mut all = sent(&sender);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "no copy is there twice");
}
