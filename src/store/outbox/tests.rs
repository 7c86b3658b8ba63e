#![allow(clippy::unwrap_used)]

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::*;
use crate::model::{Address, Envelope, Verdict};

fn silent() -> StepHook {
    Arc::new(|_| {})
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn envelope() -> Envelope {
    Envelope { from: Some(address("me@x.org")), to: vec![address("a@x.org"), address("b@x.org")], ..Envelope::default() }
}

fn enqueue(outbox: &Outbox, text: &str) -> Claim {
    let mut spool = outbox.spool().unwrap();
    spool.push(text.as_bytes()).unwrap();
    spool.finish().unwrap();
    let entry = Entry { subject: "Ä \"quoted\" \u{1b}".into(), ..Entry::new(&envelope(), spool.octets) };
    outbox.enqueue(spool, entry).unwrap()
}

fn open(root: &Path) -> Outbox {
    Outbox::open_or_make(root, Layout::Fs, silent()).unwrap()
}

fn states(outbox: &Outbox) -> Vec<State> {
    outbox.list().unwrap().into_iter().map(|item| item.unwrap().state).collect()
}

#[test]
fn a_message_is_queued_claimed_and_settled() {
    let tmp = tempfile::tempdir().unwrap();
    let outbox = open(tmp.path());
    let claim = enqueue(&outbox, "a\nb\r\n");
    let id = claim.id.clone();
    let mut text = String::new();
    File::open(outbox.path().join(format!("{id}.eml"))).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "a\r\nb\r\n");
    assert_eq!(states(&outbox), [State::Sending], "somebody is at it");
    assert!(matches!(outbox.claim(&id).unwrap(), Claimed::Busy));
    drop(claim);
    assert_eq!(states(&outbox), [State::Queued]);
    let Claimed::Yes(mut claim) = outbox.claim(&id).unwrap() else { panic!("not claimed") };
    assert_eq!(claim.entry.envelope(), envelope());
    claim.entry.take_in(&[Verdict::Accepted("250 ok".into()), Verdict::Later("451 wait".into())]);
    assert_eq!(claim.entry.conclusion(), Some(State::Queued));
    outbox.settle(&mut claim, State::Queued).unwrap();
    drop(claim);
    let Claimed::Yes(mut claim) = outbox.claim(&id).unwrap() else { panic!("not claimed") };
    assert_eq!(claim.entry.to, [address("b@x.org")], "only who did not get it");
    claim.entry.take_in(&[Verdict::Refused("550 no".into())]);
    assert_eq!(claim.entry.conclusion(), Some(State::Failed));
    outbox.settle(&mut claim, State::Failed).unwrap();
    assert_eq!(outbox.named(&id[..4]).unwrap(), std::slice::from_ref(&id));
    outbox.remove(&id).unwrap();
    assert!(states(&outbox).is_empty() && matches!(outbox.claim(&id).unwrap(), Claimed::Gone));
    assert!(matches!(outbox.claim("../../etc/passwd").unwrap(), Claimed::Gone));
}

#[test]
fn what_was_armed_is_queued_in_this_boot_and_in_doubt_in_another() {
    let tmp = tempfile::tempdir().unwrap();
    let outbox = open(tmp.path());
    let take = |id: &str| match outbox.claim(id).unwrap() {
        Claimed::Yes(claim) => claim.state,
        other => panic!("{other:?}"),
    };
    let id = enqueue(&outbox, "x").id;
    outbox.arm(&id).unwrap();
    assert_eq!(take(&id), State::Queued);
    outbox.arm(&id).unwrap();
    outbox.withdraw(&id).unwrap();
    assert_eq!(states(&outbox), [State::Queued]);
    outbox.arm(&id).unwrap();
    let armed = outbox.path().join(format!("{id}.{}", boot::suffix()));
    std::fs::rename(armed, outbox.path().join(format!("{id}.armed-0123456789abcdef"))).unwrap();
    assert_eq!(take(&id), State::Uncertain);
    assert_eq!(states(&outbox), [State::Uncertain]);
    let id = enqueue(&outbox, "y").id;
    outbox.arm(&id).unwrap();
    outbox.launch(&id).unwrap();
    assert_eq!(take(&id), State::Uncertain);
}

#[test]
fn a_retry_is_for_those_who_surely_do_not_have_it() {
    let four = ["a@x.org", "b@x.org", "c@x.org", "d@x.org"].map(address);
    let whole = Envelope { to: four.to_vec(), ..envelope() };
    let told = [
        Verdict::Accepted("250 ok".into()),
        Verdict::Refused("550 no".into()),
        Verdict::Later("450 wait".into()),
        Verdict::Uncertain("closed".into()),
    ];
    let mut entry = Entry::new(&whole, 1);
    entry.take_in(&told);
    assert_eq!((entry.conclusion(), entry.last.as_deref()), (Some(State::Queued), Some("closed")));
    let mut without = entry.clone();
    without.reopen(false);
    assert_eq!((without.to.as_slice(), without.last.clone()), (&[four[2].clone(), four[1].clone()][..], None));
    without.take_in(&vec![Verdict::Accepted("250 ok".into()); 2]);
    assert_eq!((without.conclusion(), without.last.clone()), (Some(State::Uncertain), None), "the doubt stays");
    // Only those in doubt are left: whoever says `retry` now means them.
    without.reopen(false);
    assert_eq!(without.to, [four[3].clone()]);
    entry.reopen(true);
    assert_eq!(entry.to, [four[2].clone(), four[1].clone(), four[3].clone()]);
    entry.clear_doubts("found");
    entry.take_in(&vec![Verdict::Accepted("250 ok".into()); 3]);
    assert_eq!(entry.conclusion(), None);
}

#[test]
fn what_was_cut_off_is_told_once_and_says_why() {
    let tmp = tempfile::tempdir().unwrap();
    let outbox = open(tmp.path());
    let (id, other) = (enqueue(&outbox, "x").id, enqueue(&outbox, "y").id);
    for id in [&id, &other] {
        outbox.arm(id).unwrap();
    }
    outbox.launch(&id).unwrap();
    let listed = outbox.list().unwrap().into_iter().flatten().find(|item| item.id == id).unwrap();
    assert_eq!(listed.state, State::Uncertain);
    assert!(listed.entry.doubts().all(|past| past.words.contains("killed")) && listed.entry.doubts().count() == 2);
    let cut = outbox.cut_off().unwrap().0;
    assert_eq!(cut.iter().map(|claim| &claim.id).collect::<Vec<_>>(), [&id]);
    drop(cut);
    assert!(outbox.cut_off().unwrap().0.is_empty());
    let state = |of: &str| outbox.list().unwrap().into_iter().flatten().find(|item| item.id == of).map(|item| item.state);
    assert_eq!((state(&id), state(&other)), (Some(State::Uncertain), Some(State::Queued)));
    // One that was written before doubts had a place of their own.
    let name = outbox.path().join(format!("{id}.uncertain"));
    let mut old = outbox.list().unwrap().into_iter().flatten().find(|item| item.id == id).unwrap().entry;
    (old.to, old.last, old.past) = (envelope().to, Some("closed".into()), Vec::new());
    std::fs::write(&name, old.text().unwrap()).unwrap();
    let Claimed::Yes(claim) = outbox.claim(&id).unwrap() else { panic!("not claimed") };
    assert!(claim.entry.to.is_empty() && claim.entry.doubts().all(|past| past.words == "closed"));
}

#[test]
fn a_crash_at_each_step_leaves_nothing_or_the_whole() {
    for at in 0.. {
        let tmp = tempfile::tempdir().unwrap();
        let count = AtomicU64::new(0);
        // A panic stands for the kill: files stay as they are, locks go.
        let step: StepHook = Arc::new(move |_| assert!(count.fetch_add(1, SeqCst) != at, "killed"));
        let outbox = Outbox::open_or_make(tmp.path(), Layout::Fs, step).unwrap();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut claim = enqueue(&outbox, "text\r\n");
            claim.entry.take_in(&[Verdict::Accepted("ok".into()), Verdict::Later("later".into())]);
            outbox.arm(&claim.id).unwrap();
            outbox.launch(&claim.id).unwrap();
            outbox.settle(&mut claim, State::Queued).unwrap();
        }));
        std::panic::set_hook(hook);
        let after = open(tmp.path());
        for item in after.list().unwrap() {
            let item = item.unwrap();
            let text = std::fs::read_to_string(after.path().join(format!("{}.eml", item.id))).unwrap();
            assert_eq!(text, "text\r\n", "step {at}");
            // Whoever has it already is never in the queue.
            assert!(item.state != State::Queued || item.entry.past.is_empty() || item.entry.to == [address("b@x.org")], "step {at}");
            assert!(matches!(item.state, State::Queued | State::Uncertain), "step {at}: {item:?}");
        }
        if done.is_ok() {
            assert!(at > 8, "{at} steps");
            return;
        }
    }
}

#[test]
fn an_envelope_cannot_smuggle_and_says_what_is_wrong() {
    let tmp = tempfile::tempdir().unwrap();
    let outbox = open(tmp.path());
    let id = enqueue(&outbox, "x").id;
    let path = outbox.path().join(format!("{id}.queued"));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("a@x.org", "a@x.org>\\r\\nRCPT TO:<y@z")).unwrap();
    let error = outbox.claim(&id).unwrap_err();
    assert_eq!(error.class, crate::model::Class::LocalCorrupt);
    assert!(outbox.list().unwrap()[0].is_err());
}

#[test]
fn leftovers_go_when_they_are_old_and_nobodys() {
    let tmp = tempfile::tempdir().unwrap();
    let outbox = open(tmp.path());
    let old = SystemTime::now() - Duration::from_hours(48);
    let age = |name: &str| File::options().write(true).open(outbox.path().join(name)).unwrap().set_modified(old).unwrap();
    let spool = outbox.spool().unwrap();
    let names: Vec<String> = std::fs::read_dir(outbox.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    age(&names[0]);
    std::fs::write(outbox.path().join("tmp-dead"), "x").unwrap();
    age("tmp-dead");
    std::fs::write(outbox.path().join("1-0123456789abcdef.eml"), "x").unwrap();
    age("1-0123456789abcdef.eml");
    let queued = enqueue(&outbox, "x").id;
    age(&format!("{queued}.eml"));
    outbox.sweep().unwrap();
    let mut left: Vec<String> = std::fs::read_dir(outbox.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, [format!("{queued}.eml"), format!("{queued}.queued"), names[0].clone()]);
    outbox.discard(spool);
}

#[test]
fn line_ends_become_crlf_however_they_come() {
    for (given, wire) in
        [("a\nb", "a\r\nb"), ("a\r\nb\r\n", "a\r\nb\r\n"), ("a\rb\r\r\n\n", "a\r\nb\r\n\r\n\r\n"), ("\r", "\r\n"), ("", "")]
    {
        for size in 1..4 {
            let mut spool = Spool::unnamed(&std::env::temp_dir()).unwrap();
            given.as_bytes().chunks(size).for_each(|piece| spool.push(piece).unwrap());
            spool.finish().unwrap();
            assert_eq!(spool.octets, wire.len() as u64);
            let mut file = spool.into_file();
            let mut text = String::new();
            io::Seek::rewind(&mut file).unwrap();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, wire, "{given:?} by {size}");
        }
    }
}
