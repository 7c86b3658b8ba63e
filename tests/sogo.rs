//! `mailx` over ActiveSync against a real SOGo, whose mail Dovecot has: so IMAP is the back door, and the same account has other doors, too.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "sogo/fetch.rs"]
mod fetch;
#[path = "sogo/kill.rs"]
mod kill;
#[path = "sogo/send.rs"]
mod send;
#[path = "support/mod.rs"]
mod support;
#[path = "sogo/switch.rs"]
mod switch;
#[path = "sogo/sync.rs"]
mod sync;

use std::collections::BTreeMap;

use support::{Out, World};

/// Folder and identity → flags that ActiveSync carries, one for each copy.
type Side = BTreeMap<(String, String), Vec<String>>;

/// What is there and not marked as deleted, which is how SOGo deletes.
fn there(w: &World) -> Side {
    let mut side = Side::new();
    for (mailbox, letters) in w.server.list(&w.user) {
        for letter in letters.iter().filter(|letter| !has(&letter.flags, "\\Deleted")) {
            let flags = [("\\Flagged", 'F'), ("\\Seen", 'S')].into_iter().filter(|(flag, _)| has(&letter.flags, flag)).map(|(_, c)| c);
            side.entry((mailbox.clone(), letter.identity.clone())).or_default().push(flags.collect());
        }
    }
    sorted(side)
}

/// The same of what is here.
fn here(w: &World) -> Side {
    let mut side = Side::new();
    for mail in w.mail() {
        let flags = mail.letters.chars().filter(|c| "FS".contains(*c)).collect();
        side.entry((mail.dir, mail.identity)).or_default().push(flags);
    }
    sorted(side)
}

fn has(flags: &[String], flag: &str) -> bool {
    flags.iter().any(|known| known == flag)
}

fn sorted(mut side: Side) -> Side {
    side.values_mut().for_each(|all| all.sort());
    side
}

/// Both sides have the same, and a further run does nothing.
#[track_caller]
fn assert_settled(w: &World) {
    assert_eq!(here(w), there(w), "here (left) and there (right) differ");
    assert_eq!(done(&w.sync(0, &[])), []);
}

/// The counters of a run that are not zero.
fn done(out: &Out) -> Vec<(&'static str, u64)> {
    let all = ["downloaded", "uploaded", "flags_pulled", "flags_pushed", "deleted_here", "deleted_there", "moved"];
    all.into_iter().map(|name| (name, out.sum(name))).filter(|(_, count)| *count > 0).collect()
}

/// A message with LF, as programs write them.
fn message(subject: &str) -> String {
    format!("From: a@example.org\nTo: b@example.org\nSubject: {subject}\nMessage-ID: <{subject}@test.example>\n\nText of {subject}.\n")
}

/// Its identity.
fn id(subject: &str) -> String {
    support::identity(message(subject).as_bytes())
}
