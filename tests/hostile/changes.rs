//! Rows of the catalogue about accelerators: what lies is dropped, and nothing is concluded from it.

use mailx::model::{HarvestKind, Need};

use super::direct::{Direct, spelled};
use super::home::each;
use super::model::{Folder, MODERN, World, mail};
use super::peer::{Call, Peer, Step, send};

const CONDSTORE: &str = " CONDSTORE";
const QRESYNC: &str = " CONDSTORE QRESYNC";

/// A peer with an INBOX of `n` messages, whose EXAMINE also says what `more` makes of the call.
fn peer(n: u32, caps: &str, more: impl Fn(&Call) -> String + Send + Sync + 'static) -> Peer {
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", mail(n))]).caps(&format!("{MODERN}{caps}")));
    say(&peer, more);
    peer
}

fn say(peer: &Peer, more: impl Fn(&Call) -> String + Send + Sync + 'static) {
    peer.hook(move |call, honest| match call.name.as_str() {
        "EXAMINE" => {
            let Step::Send(all) = honest().remove(0) else { unreachable!() };
            let all = String::from_utf8(all).unwrap();
            // In front of the tagged line.
            let at = all.rfind(&call.tag).unwrap();
            Some(vec![send(format!("{}{}{}", &all[..at], more(call), &all[at..]))])
        }
        "ENABLE" => Some(vec![send(format!("* ENABLED QRESYNC\r\n{} OK done\r\n", call.tag))]),
        _ => None,
    });
}

fn modseq(n: u64) -> impl Fn(&Call) -> String {
    move |_| format!("* OK [HIGHESTMODSEQ {n}] highest\r\n")
}

fn asked(peer: &Peer, words: &str) -> usize {
    peer.calls().iter().filter(|c| format!("{} {}", c.name, c.args).contains(words)).count()
}

#[test]
fn row_36_mod_sequences_that_go_back_are_not_believed_again() {
    each([CONDSTORE, QRESYNC], |caps| {
        let peer = peer(6, caps, modseq(100));
        let mut direct = Direct::open(&peer);
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        say(&peer, modseq(50));
        peer.change(|w| drop(w.folder("INBOX").messages.remove(2)));
        let (changes, harvest) = direct.look("INBOX", Some(&harvest.cursor), Need::Everything);
        assert_eq!((spelled(&changes), harvest.kind), (["1()", "2()", "4()", "5()", "6()"].map(String::from).to_vec(), HarvestKind::Whole));
        // Off for the rest of the session, whatever it says now.
        peer.forget();
        say(&peer, modseq(200));
        let (changes, harvest) = direct.look("INBOX", Some(&harvest.cursor), Need::Everything);
        assert_eq!((changes.len(), harvest.kind), (5, HarvestKind::Whole));
        assert_eq!((asked(&peer, "CHANGEDSINCE"), asked(&peer, "QRESYNC")), (0, 0));
    });
}

#[test]
fn row_36_uidnext_below_what_is_there_is_doubtful() {
    each(["", CONDSTORE, QRESYNC], |caps| {
        let peer = peer(4, caps, modseq(9));
        let mut direct = Direct::open(&peer);
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        assert!(!harvest.doubtful);
        peer.change(|w| {
            w.folder("INBOX").messages = mail(40);
            w.folder("INBOX").next = Some(2);
        });
        direct.folders();
        let (changes, harvest) = direct.look("INBOX", Some(&harvest.cursor), Need::Everything);
        assert_eq!((changes.len(), harvest.kind, harvest.doubtful), (40, HarvestKind::Whole, true));
    });
}

#[test]
fn row_36_fewer_messages_than_the_counters_say_are_doubtful() {
    each(["", CONDSTORE, QRESYNC], |caps| {
        let peer = peer(5, caps, modseq(9));
        let mut direct = Direct::open(&peer);
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        peer.change(|w| {
            w.folder("INBOX").messages.truncate(2);
            w.folder("INBOX").exists = Some(5);
        });
        let (changes, harvest) = direct.look("INBOX", Some(&harvest.cursor), Need::Everything);
        assert!(changes.iter().all(|c| !matches!(c, mailx::model::Change::Gone(_))));
        // CONDSTORE alone sees as many as there were, and has no reason to ask who they are; nothing is concluded either.
        assert!(harvest.doubtful || harvest.kind == HarvestKind::Delta, "{harvest:?}");
    });
}

#[test]
fn row_38_an_expunge_storm_in_a_listing_loses_nothing() {
    let peer = peer(5, "", |_| String::new());
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    peer.hook(|call, honest| {
        if !call.wants_listing() {
            return None;
        }
        let storm = "* 1 EXPUNGE\r\n".repeat(5) + "* 5 EXISTS\r\n";
        Some([vec![send(storm)], honest()].concat())
    });
    let (changes, harvest) = direct.look("INBOX", Some(&harvest.cursor), Need::Everything);
    assert_eq!((changes.len(), harvest.kind), (5, HarvestKind::Whole));
}

#[test]
fn row_39_vanished_that_nobody_asked_for_removes_nothing() {
    each(["", CONDSTORE, QRESYNC], |caps| {
        // QRESYNC is offered, and was never turned on.
        let told = |peer: &Peer, more: &'static str| {
            let told = format!("* OK [HIGHESTMODSEQ 9] x\r\n{more}");
            peer.hook(move |call, honest| (call.name == "EXAMINE").then(|| [vec![send(&told)], honest()].concat()));
        };
        let peer = peer(5, caps, modseq(9));
        told(&peer, "");
        let mut direct = Direct::open(&peer);
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        for vanished in ["* VANISHED (EARLIER) 1:4294967295\r\n", "* VANISHED 1:4294967295\r\n"] {
            told(&peer, vanished);
            let mut other = Direct::open(&peer);
            let (changes, after) = other.look("INBOX", Some(&harvest.cursor), Need::Everything);
            assert_eq!((changes.len(), after.kind), (5, HarvestKind::Whole), "{vanished}{changes:?}");
            assert!(changes.iter().all(|c| matches!(c, mailx::model::Change::Present(_))));
            let (changes, after) = other.look("INBOX", Some(&harvest.cursor), Need::Additions);
            assert!(changes.is_empty() && after.kind == HarvestKind::Delta && !after.restarted);
        }
    });
}

#[test]
fn row_39_vanished_beyond_what_went_is_looked_into() {
    let vanished = |set: &'static str| {
        move |call: &Call| {
            let told = if call.args.contains("QRESYNC (") { format!("* VANISHED (EARLIER) {set}\r\n") } else { String::new() };
            format!("* OK [HIGHESTMODSEQ 9] x\r\n{told}")
        }
    };
    // What is named, what is left, what is told.
    let cases: [(&str, &[u32], &[&str], HarvestKind); 6] = [
        ("1:4294967295", &[1, 2, 3, 4, 5], &[], HarvestKind::Delta),
        ("9:4294967295", &[1, 2, 3, 4, 5], &[], HarvestKind::Delta),
        ("2,4", &[1, 3, 5], &["-2", "-4"], HarvestKind::Delta),
        ("2,4,6:4294967295", &[1, 3, 5], &["-2", "-4"], HarvestKind::Delta),
        ("1:4294967295", &[1, 3, 5], &["1()", "3()", "5()"], HarvestKind::Whole),
        ("2", &[1, 3, 5], &["1()", "3()", "5()"], HarvestKind::Whole),
    ];
    each(cases, |(named, left, told, kind)| {
        let peer = peer(5, QRESYNC, modseq(9));
        let mut direct = Direct::open(&peer);
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        peer.change(|w| w.folder("INBOX").messages.retain(|m| left.contains(&m.uid)));
        say(&peer, vanished(named));
        let (changes, after) = direct.look("INBOX", Some(&harvest.cursor), Need::Everything);
        assert_eq!((spelled(&changes), after.kind), (told.iter().map(ToString::to_string).collect(), kind), "{named}");
        // And from there on as ever.
        peer.honest();
        say(&peer, modseq(10));
        let (changes, _) = direct.look("INBOX", Some(&after.cursor), Need::Everything);
        assert!(changes.len() <= left.len() && !changes.iter().any(|c| matches!(c, mailx::model::Change::Gone(_))));
    });
}

#[test]
fn row_49_extensions_that_are_offered_and_not_understood_give_way() {
    // What is answered BAD, of what is offered; and by what way it goes in the end.
    let cases = [
        (QRESYNC, "QRESYNC (", "CHANGEDSINCE"),
        (QRESYNC, "(CONDSTORE)", ""),
        (CONDSTORE, "(CONDSTORE)", "UID FETCH 1:4 (UID FLAGS)"),
        (CONDSTORE, "CHANGEDSINCE", "UID FETCH 1:4 (UID FLAGS)"),
    ];
    each(cases, |(caps, bad, end)| {
        let peer = peer(4, caps, modseq(9));
        let mut direct = Direct::open(&peer);
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        assert_eq!(harvest.kind, HarvestKind::Whole);
        peer.forget();
        peer.hook(move |call, honest| {
            let text = format!("{} {}", call.name, call.args);
            if text.contains(bad) || call.name == "ENABLE" {
                return Some(vec![send(format!("{} BAD what?\r\n", call.tag))]);
            }
            let mut steps = honest();
            if call.name == "EXAMINE" {
                steps.insert(0, send("* OK [HIGHESTMODSEQ 9] x\r\n"));
            }
            Some(steps)
        });
        peer.change(|w| {
            w.folder("INBOX").messages[1].flags.push("\\Seen".into());
            w.folder("INBOX").messages.remove(3);
        });
        for _ in 0..2 {
            let (changes, after) = direct.look("INBOX", Some(&harvest.cursor), Need::Everything);
            assert!(spelled(&changes).contains(&"2(\\Seen)".into()), "{bad}");
            assert_eq!((changes.len(), after.kind, after.doubtful), (3, HarvestKind::Whole, false), "{bad}");
        }
        assert!(asked(&peer, end) >= 1, "{bad}: {:#?}", peer.calls());
    });
}

#[test]
fn folders_without_mod_sequences_are_told_by_all_their_flags() {
    each([CONDSTORE, QRESYNC], |caps| {
        let peer = peer(4, caps, modseq(9));
        let mut direct = Direct::open(&peer);
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        say(&peer, |_| "* OK [NOMODSEQ] none\r\n".into());
        let (changes, after) = direct.look("INBOX", Some(&harvest.cursor), Need::Everything);
        assert_eq!((changes.len(), after.kind), (4, HarvestKind::Whole));
        let (changes, after) = direct.look("INBOX", Some(&after.cursor), Need::Everything);
        assert_eq!((changes.len(), after.kind), (4, HarvestKind::Whole));
    });
}
