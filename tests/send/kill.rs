//! kill -9 at every durable step, and at random instants: each message is sent once or still queued; never lost, never doubled. Where the
//! process died between the end of a message and its answer, it is uncertain, and a person decides.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bed::{Sender, message};
use crate::support::kill;
use crate::support::world::Running;

/// How often each subject arrived.
fn subjects(sender: &Sender) -> BTreeMap<String, usize> {
    let mut subjects = BTreeMap::new();
    for arrived in sender.arrived() {
        let subject = arrived.text().lines().find_map(|l| l.strip_prefix("Subject: ").map(str::to_owned)).unwrap();
        *subjects.entry(subject).or_default() += 1;
    }
    subjects
}

/// After a kill: what is in doubt is not sent again; everything else goes. Answers the subjects that are in doubt.
fn recover(sender: &Sender) -> Vec<String> {
    sender.make_due();
    sender.run(&["send", "--flush"], "");
    let list = sender.run(&["outbox", "list", "--json"], "").exit(0).json();
    let messages = list["accounts"][0]["messages"].as_array().unwrap().clone();
    let mut doubts = Vec::new();
    for message in messages {
        assert_eq!(message["state"], "uncertain", "{message}");
        doubts.push(message["subject"].as_str().unwrap().to_owned());
        sender.run(&["outbox", "delete", message["id"].as_str().unwrap()], "").exit(0);
    }
    doubts
}

#[test]
fn a_kill_at_each_durable_step_of_a_send() {
    let Some(sender) = Sender::new("step") else { return };
    let mut doubtful = 0;
    let steps = kill::at_each_step(|at| {
        let subject = format!("step {at}");
        let out = sender.run_with(&["send", "a@example.net"], message(&subject, "x@y"), &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        assert!(out.signal == Some(9) || out.code == Some(0), "step {at}: {out:?}");
        let doubts = recover(&sender);
        let count = subjects(&sender).get(&subject).copied().unwrap_or(0);
        // Killed before its name was durable, nobody was promised anything.
        let promised = at > 5;
        assert!(count <= 1, "step {at}: it arrived {count} times");
        assert!(count == 1 || !promised || doubts == [subject.clone()], "step {at}: it is lost");
        assert!(doubts.len() <= 1);
        doubtful += doubts.len();
        out.signal == Some(9)
    });
    assert!(steps > 8, "only {steps} durable steps were met");
    assert!(doubtful <= 2, "{doubtful} steps leave a doubt");
}

#[test]
fn a_kill_at_each_durable_step_of_a_flush() {
    let Some(sender) = Sender::new("flush") else { return };
    let mut sent = 0;
    let steps = kill::at_each_step(|at| {
        for n in 0..3 {
            sender.run(&["send", "--queue", "a@example.net"], message(&format!("{at}-{n}"), "x@y")).exit(0);
        }
        sent += 3;
        let out = sender.run_with(&["send", "--flush"], "", &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        assert!(out.signal == Some(9) || out.code == Some(0), "step {at}: {out:?}");
        let doubts = recover(&sender);
        assert!(doubts.len() <= 1, "step {at}: {doubts:?}");
        let arrived = subjects(&sender);
        assert!(arrived.values().all(|count| *count == 1), "step {at}: {arrived:?}");
        for n in 0..3 {
            let subject = format!("{at}-{n}");
            assert!(arrived.contains_key(&subject) || doubts.contains(&subject), "step {at}: {subject} is lost");
        }
        out.signal == Some(9)
    });
    assert!(steps > 8, "only {steps} durable steps were met");
}

#[test]
fn kills_at_random_instants() {
    let Some(sender) = Sender::new("random") else { return };
    let rounds = kill::told("MAILX_TEST_ROUNDS").unwrap_or(25);
    let mut instants = kill::Instants::new(Duration::from_millis(60));
    let mut doubts = Vec::new();
    let mut promised = Vec::new();
    for round in 0..rounds {
        let subject = format!("round {round}");
        let path = sender.w.tmp.path().join("in");
        std::fs::write(&path, message(&subject, "x@y")).unwrap();
        sender.run(&["send", "--queue", "a@example.net"], message(&subject, "x@y")).exit(0);
        promised.push(subject);
        let mut command = sender.w.command(&["send", "--flush"]);
        command.stdin(std::fs::File::open(&path).unwrap());
        instants.kill_run(Running::start(&mut command));
        doubts.extend(recover(&sender));
    }
    let arrived = subjects(&sender);
    assert!(arrived.values().all(|count| *count == 1), "seed {}: {arrived:?}", instants.seed);
    for subject in promised {
        assert!(arrived.contains_key(&subject) || doubts.contains(&subject), "seed {}: {subject} is lost", instants.seed);
    }
}
