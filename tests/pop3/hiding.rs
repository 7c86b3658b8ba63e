//! A server that does not list again what it was asked for, like Gmail's: what is not durable here then is lost to this program, and told.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use crate::peer::{Answer, Drop, Home, Letter, body, say, stuffed};
use crate::support::maildir::identity;

/// What it lists to whom, and what it was asked for.
#[derive(Default)]
struct Memory {
    listed: BTreeMap<usize, Vec<Letter>>,
    popped: HashSet<Vec<u8>>,
}

/// A peer that shows `portion` messages a session, and hides those that were asked for; `other` is asked first, with the message's id where
/// the line is a RETR.
fn hiding(
    count: usize,
    portion: usize,
    size: impl Fn(usize) -> Option<u64>,
    other: impl Fn(&str, Option<&str>, usize) -> Option<Answer> + Send + Sync + 'static,
) -> (Home, Arc<Mutex<Memory>>) {
    let home = Home::new(Drop { greeting: "+OK Gpop ready for requests from 192.0.2.1".into(), ..Drop::of(count, "a") });
    let mut all = home.peer.maildrop().letters;
    all.iter_mut().enumerate().for_each(|(n, letter)| letter.size = size(n + 1));
    let memory = Arc::new(Mutex::new(Memory::default()));
    let shared = memory.clone();
    home.peer.hook(move |line, connection| {
        let mut memory = shared.lock().unwrap();
        let Memory { listed, popped } = &mut *memory;
        let shown =
            listed.entry(connection).or_insert_with(|| all.iter().filter(|l| !popped.contains(&l.id)).take(portion).cloned().collect());
        let list = |text: String| say(format!("+OK\r\n{text}.\r\n"));
        let size = |l: &Letter| l.size.unwrap_or(l.body.len() as u64);
        let each = |of: &dyn Fn(&Letter) -> String| shown.iter().enumerate().map(|(n, l)| format!("{} {}\r\n", n + 1, of(l))).collect();
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["STAT"] => say(format!("+OK {} 1\r\n", shown.len())),
            ["LIST"] => list(each(&|l| size(l).to_string())),
            ["UIDL"] => list(each(&|l| String::from_utf8_lossy(&l.id).into_owned())),
            ["RETR", n] => {
                let letter = shown[n.parse::<usize>().unwrap() - 1].clone();
                popped.insert(letter.id.clone());
                let id = String::from_utf8(letter.id).unwrap();
                other(line, Some(&id), connection).or_else(|| say([b"+OK\r\n", &stuffed(&letter.body)[..]].concat()))
            }
            _ => other(line, None, connection),
        }
    });
    (home, memory)
}

fn lost_line(body: &[u8]) -> Answer {
    Answer::Last([b"+OK\r\n", &body[..40]].concat())
}

#[test]
fn row_76_what_came_before_the_line_was_lost_is_here_and_what_was_lost_is_named_once() {
    // One wrong size; and the line is lost in the ninth message.
    let wrong = |n: usize| (n == 1).then_some(5000);
    let (home, memory) = hiding(20, 100, wrong, |_, id, _| (id == Some("a-9")).then(|| lost_line(&body("a 9"))));
    home.fetch(1).says("recent:");
    assert_eq!((home.mail().len(), memory.lock().unwrap().popped.len()), (19, 20), "all others are here");
    home.fetch(0);
    assert_eq!(home.mail().len(), 19);
}

#[test]
fn row_76_a_kill_loses_one_message_at_most_and_it_is_named() {
    for at in [9, 14, 23, 30, 42] {
        let (home, memory) = hiding(20, 100, |_| None, |_, _, _| None);
        let out = home.run_with(&["fetch", "--json", "--timeout", "3"], &[("MAILX_TEST_CRASH_AT", &at.to_string())]);
        assert_eq!(out.signal, Some(9), "{out:?}");
        let popped = memory.lock().unwrap().popped.clone();
        let out = home.run(&["fetch", "--json", "--timeout", "3"]);
        let here = home.here();
        let lost = popped.iter().filter(|id| {
            let subject = String::from_utf8_lossy(id).replace('-', " ");
            !here.contains(&identity(&body(&subject)))
        });
        let lost = lost.count();
        assert!(lost <= 1, "killed at step {at}: {lost} of {} were lost", popped.len());
        assert_eq!((out.code, here.len()), (Some(i32::from(lost > 0)), 20 - lost), "killed at step {at}: {out:?}");
        home.fetch(0);
    }
}

#[test]
fn a_failure_in_one_portion_is_not_forgotten_in_the_next() {
    // The second message has a wrong size, and varies; the third is refused.
    let (home, _) = hiding(
        25,
        10,
        |n| (n == 2).then_some(7),
        |_, id, _| match id {
            Some("a-3") => say("-ERR corrupt\r\n"),
            Some("a-2") => say([&b"+OK\r\nX-Seen: now\r\n"[..], &stuffed(&body("a 2"))].concat()),
            _ => None,
        },
    );
    home.fetch(1);
    assert_eq!(home.mail().len(), 24);
    home.fetch(0);
}
