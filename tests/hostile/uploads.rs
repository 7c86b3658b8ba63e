//! Uploads on servers that refuse, lie or lose the line: nothing twice, nothing half.

use std::time::{Duration, Instant};

use mailx::backend::Order;
use mailx::model::{Class, Cursor, Need, Outcome, RemoteId, Scope};

use super::direct::{Direct, flags};
use super::home::each;
use super::model::{MODERN, World, text};
use super::outgoing::{draft, torn};
use super::peer::{Peer, Step, send};

/// Messages that are there before.
const THERE: u32 = 3;

fn upload(n: u32) -> Order {
    Order::Append { message: draft(text("new", n)), flags: flags("\\Seen"), date: Some(1_600_000_000) }
}

fn uploads(n: u32) -> Vec<Order> {
    (0..n).map(upload).collect()
}

fn begin(caps: &str) -> (Peer, Direct, Cursor) {
    let peer = Peer::start(World::inbox(THERE).caps(caps));
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    peer.forget();
    (peer, direct, harvest.cursor)
}

/// How often the peer has each of the first `n` new messages.
fn copies(peer: &Peer, n: u32) -> Vec<usize> {
    let world = peer.world();
    let bodies: Vec<Vec<u8>> = world.folders.iter().flat_map(|f| &f.messages).map(|m| m.body.clone()).collect();
    (0..n).map(|n| bodies.iter().filter(|b| **b == text("new", n).into_bytes()).count()).collect()
}

fn done(uid: u32) -> Outcome {
    Outcome::Done { id: Some(RemoteId(uid.to_string().into())) }
}

const UNNAMED: Outcome = Outcome::Done { id: None };

#[test]
fn row_55_ids_that_cannot_be_are_not_believed() {
    let lies = ["APPENDUID 4 7", "APPENDUID 8 4", "APPENDUID 7 4:5", "APPENDUID 7 1", "APPENDUID 7 0", "APPENDUID 7", "APPENDUID x 4", "X"];
    each(lies, |lie| {
        let (peer, mut direct, cursor) = begin(MODERN);
        peer.hook(move |call, honest| {
            if call.name != "APPEND" {
                return None;
            }
            honest();
            // A stray code of another answer, which is nobody's.
            Some(vec![send(format!("* OK [APPENDUID 7 4] stray\r\n{} OK [{lie}] done\r\n", call.tag))])
        });
        assert_eq!(direct.apply("INBOX", &cursor, &uploads(1)).unwrap(), [UNNAMED], "{lie}");
        assert_eq!((copies(&peer, 1), peer.count("APPEND")), (vec![1], 1));
    });
}

#[test]
fn row_55_one_id_for_two_messages_is_believed_once() {
    let (peer, mut direct, cursor) = begin(MODERN);
    peer.hook(|call, honest| {
        (call.name == "APPEND").then(|| {
            honest();
            vec![send(format!("{} OK [APPENDUID 7 4] done\r\n", call.tag))]
        })
    });
    assert_eq!(direct.apply("INBOX", &cursor, &uploads(2)).unwrap(), [done(4), UNNAMED]);
}

#[test]
fn row_56_a_lost_answer_is_never_sent_again() {
    each([MODERN.to_owned(), MODERN.replace(" LITERAL+", ""), format!("{MODERN} MULTIAPPEND")], |caps| {
        let (peer, mut direct, cursor) = begin(&caps);
        peer.hook(|call, honest| {
            (call.name == "APPEND" && call.args.contains("new 0")).then(|| {
                honest();
                vec![Step::Cut]
            })
        });
        let error = direct.apply("INBOX", &cursor, &uploads(1)).unwrap_err();
        assert_eq!((error.class, error.scope), (Class::Temporary, Scope::Session));
        assert_eq!((copies(&peer, 1), peer.connections()), (vec![1], 0));
        direct.apply("INBOX", &cursor, &uploads(1)).unwrap_err();
        assert_eq!(copies(&peer, 1), [1]);
    });
}

#[test]
fn row_56_what_was_answered_before_is_told() {
    let (peer, mut direct, cursor) = begin(MODERN);
    peer.hook(|call, honest| {
        (call.name == "APPEND" && call.args.contains("new 2")).then(|| {
            honest();
            vec![Step::Cut]
        })
    });
    assert_eq!(direct.apply("INBOX", &cursor, &uploads(5)).unwrap(), [done(4), done(5)]);
    assert_eq!(copies(&peer, 5), [1, 1, 1, 0, 0]);
    let error = direct.apply("INBOX", &cursor, &uploads(5)[2..]).unwrap_err();
    assert_eq!((error.class, error.scope), (Class::Temporary, Scope::Session));
}

#[test]
fn row_57_a_server_that_never_asks_for_the_message_is_given_up() {
    let caps = MODERN.replace(" LITERAL+", "");
    let peer = Peer::start(World::inbox(THERE).caps(&caps));
    let mut direct = Direct::patient(&peer, Duration::from_millis(200));
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    peer.change(|w| w.literals = Some(String::new()));
    let begun = Instant::now();
    let error = direct.apply("INBOX", &harvest.cursor, &uploads(3)).unwrap_err();
    assert_eq!((error.class, error.scope), (Class::Temporary, Scope::Session));
    // Five times the usual silence: a server may have work with it.
    assert!((800..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert_eq!(copies(&peer, 3), [0, 0, 0]);
}

#[test]
fn row_57_refused_before_the_message_was_sent() {
    each(
        [("NO [TOOBIG] no", false), ("NO [OVERQUOTA] full", true), ("NO quota exceeded", true), ("BAD what", false)],
        |(refusal, full)| {
            let (peer, mut direct, cursor) = begin(&MODERN.replace(" LITERAL+", ""));
            peer.change(|w| w.literals = Some(refusal.into()));
            let outcomes = direct.apply("INBOX", &cursor, &uploads(3)).unwrap();
            assert_eq!(outcomes.iter().filter(|o| matches!(o, Outcome::NoRoom(_))).count(), if full { 3 } else { 0 }, "{outcomes:?}");
            assert!(outcomes.iter().all(|o| matches!(o, Outcome::NoRoom(_) | Outcome::Refused(_))), "{outcomes:?}");
            peer.change(|w| w.literals = None);
            assert_eq!(direct.apply("INBOX", &cursor, &uploads(1)).unwrap(), [done(4)]);
            assert_eq!(copies(&peer, 3), [1, 0, 0]);
        },
    );
}

#[test]
fn no_room_ends_the_uploads_of_the_call() {
    each([MODERN.to_owned(), format!("{MODERN} MULTIAPPEND")], |caps| {
        let (peer, mut direct, cursor) = begin(&caps);
        peer.hook(|call, _| {
            let no = call.name == "APPEND" && (3..90).any(|n| call.args.contains(&format!("new {n}\r\n")));
            no.then(|| vec![send(format!("{} NO [OVERQUOTA] the box is full\r\n", call.tag))])
        });
        let mut orders = uploads(90);
        orders.insert(50, Order::SetFlags { id: RemoteId("1".into()), add: flags("\\Seen"), remove: flags("") });
        let outcomes = direct.apply("INBOX", &cursor, &orders).unwrap();
        assert_eq!(outcomes.len(), 91);
        assert_eq!(outcomes[..3], [done(4), done(5), done(6)]);
        assert_eq!(outcomes[50], UNNAMED);
        let full = Outcome::NoRoom("the box is full".into());
        assert!(outcomes[3..].iter().enumerate().all(|(n, o)| n == 47 || *o == full), "{outcomes:?}");
        assert!(peer.count("APPEND") < 40, "{}", peer.count("APPEND"));
        assert_eq!(copies(&peer, 6), [1, 1, 1, 0, 0, 0]);
    });
}

#[test]
fn one_refused_message_costs_its_batch_a_second_try_and_no_more() {
    each(["NO [TOOBIG]", "BAD"], |refusal| {
        let (peer, mut direct, cursor) = begin(&format!("{MODERN} MULTIAPPEND"));
        peer.hook(move |call, _| {
            let no = call.name == "APPEND" && (call.args.contains("new 5\r\n") || (refusal == "BAD" && call.literals.len() > 1));
            no.then(|| vec![send(format!("{} {refusal} not that one\r\n", call.tag))])
        });
        let outcomes = direct.apply("INBOX", &cursor, &uploads(100)).unwrap();
        assert_eq!(outcomes.len(), 100);
        assert_eq!(outcomes[5], Outcome::Refused("not that one".into()));
        assert!(outcomes.iter().enumerate().all(|(n, o)| n == 5 || matches!(o, Outcome::Done { .. })), "{outcomes:?}");
        let copies = copies(&peer, 100);
        assert!(copies.iter().enumerate().all(|(n, count)| *count == usize::from(n != 5)), "{copies:?}");
    });
}

#[test]
fn a_missing_folder_is_made_once() {
    let (peer, mut direct, cursor) = begin(MODERN);
    peer.hook(|call, _| (call.name == "APPEND").then(|| vec![send(format!("{} NO [TRYCREATE] no such thing\r\n", call.tag))]));
    let outcomes = direct.apply("INBOX", &cursor, &uploads(20)).unwrap();
    assert_eq!(outcomes, vec![Outcome::Refused("no such thing".into()); 20]);
    assert_eq!((peer.count("CREATE"), peer.count("APPEND")), (1, 36), "what was under way, and all of them once more");
}

#[test]
fn a_file_that_breaks_off_is_never_stored_in_part() {
    each([MODERN.to_owned(), MODERN.replace(" LITERAL+", ""), format!("{MODERN} MULTIAPPEND")], |caps| {
        let (peer, mut direct, cursor) = begin(&caps);
        let large = vec![b'x'; 1_500_000];
        let mut orders = uploads(4);
        orders.insert(2, Order::Append { message: torn(large, 1_000_000), flags: flags(""), date: None });
        let outcomes = direct.apply("INBOX", &cursor, &orders).unwrap();
        assert_eq!(outcomes[..2], [done(4), done(5)]);
        assert!(outcomes.len() == 3 && matches!(&outcomes[2], Outcome::Refused(why) if why.contains("broke off")), "{outcomes:?}");
        let error = direct.apply("INBOX", &cursor, &orders[3..]).unwrap_err();
        assert_eq!((error.class, error.scope), (Class::Temporary, Scope::Session));
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!((copies(&peer, 4), peer.world().folder("INBOX").messages.len()), (vec![1, 1, 0, 0], 5));
    });
}

#[test]
fn an_answer_in_the_middle_of_the_message_ends_it() {
    // The peer refuses when it has seen the announcement, and takes no notice of the octets that it was promised.
    let (peer, mut direct, cursor) = begin(&MODERN.replace(" LITERAL+", ""));
    peer.change(|w| w.literals = Some("NO [LIMIT] enough for today".into()));
    let large = Order::Append { message: draft(vec![b'x'; 3_000_000]), flags: flags(""), date: None };
    let outcomes = direct.apply("INBOX", &cursor, &[large]).unwrap();
    assert_eq!(outcomes, [Outcome::NoRoom("enough for today".into())]);
}
