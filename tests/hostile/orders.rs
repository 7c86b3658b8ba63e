//! Flags, moves and folders on servers that refuse, lie or lose the line.

use mailx::backend::{FolderOrder, FolderOutcome, Order};
use mailx::model::{FolderPath, Need, Outcome, RemoteId};

use super::direct::{Direct, flags, id};
use super::home::each;
use super::model::{Folder, MODERN, World, mail};
use super::peer::{Peer, Step, send};

fn remote(uid: u32) -> RemoteId {
    RemoteId(uid.to_string().into())
}

fn set(uid: u32, add: &str, remove: &str) -> Order {
    Order::SetFlags { id: remote(uid), add: flags(add), remove: flags(remove) }
}

fn moved(uid: u32) -> Order {
    Order::Move { id: remote(uid), to: id("Box") }
}

/// An INBOX of 4 messages, an empty Box.
fn peer(caps: &str) -> Peer {
    Peer::start(World::new(vec![Folder::new("INBOX", mail(4)), Folder::new("Box", Vec::new())]).caps(caps))
}

fn uids(peer: &Peer, folder: &str) -> Vec<u32> {
    peer.world().folder(folder).messages.iter().map(|m| m.uid).collect()
}

#[test]
fn flags_that_the_folder_cannot_keep_are_not_sent_and_named() {
    let peer = peer(MODERN);
    peer.hook(|call, honest| {
        let told = send("* OK [PERMANENTFLAGS (\\Seen \\Answered work)] limited\r\n");
        (call.name == "SELECT").then(|| [vec![told], honest()].concat())
    });
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    let orders = [set(1, "\\Seen \\Flagged $Forwarded", ""), set(2, "other", "\\Draft"), set(3, "WORK", "\\Answered"), set(9, "other", "")];
    let outcomes = direct.apply("INBOX", &harvest.cursor, &orders).unwrap();
    let short = |text: &str| Outcome::Short(flags(text));
    assert_eq!(outcomes, [short("\\Flagged $Forwarded"), short("other \\Draft"), Outcome::Done { id: None }, Outcome::Gone]);
    assert_eq!(peer.count("UID STORE"), 3, "{:#?}", peer.calls());
    assert_eq!(peer.world().folder("INBOX").messages[0].flags, ["\\Seen"]);
}

#[test]
fn a_refused_store_is_refused_for_those_that_are_there() {
    let peer = peer(MODERN);
    peer.hook(|call, _| {
        let no = call.name == "UID STORE" && call.args.contains("work");
        no.then(|| vec![send(format!("{} NO [CANNOT] not these\r\n", call.tag))])
    });
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    let outcomes = direct.apply("INBOX", &harvest.cursor, &[set(1, "work", ""), set(2, "\\Seen", ""), set(9, "work", "")]).unwrap();
    assert_eq!(outcomes, [Outcome::Refused("not these".into()), Outcome::Done { id: None }, Outcome::Gone]);
}

#[test]
fn a_search_that_is_not_understood_is_asked_again_plainly() {
    let peer = peer(MODERN);
    peer.hook(|call, _| {
        let esearch = call.name == "UID SEARCH" && call.args.starts_with("RETURN");
        esearch.then(|| vec![send(format!("{} BAD no RETURN\r\n", call.tag))])
    });
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    let orders = [set(1, "\\Seen", ""), set(9, "\\Seen", ""), moved(2), moved(8)];
    let outcomes = direct.apply("INBOX", &harvest.cursor, &orders).unwrap();
    assert_eq!(outcomes[..2], [Outcome::Done { id: None }, Outcome::Gone]);
    assert!(matches!(outcomes[2], Outcome::Moved { .. }) && !matches!(outcomes[3], Outcome::Refused(_)), "{outcomes:?}");
    assert_eq!((uids(&peer, "INBOX"), uids(&peer, "Box")), (vec![1, 3, 4], vec![1]));
}

#[test]
fn move_that_is_not_understood_is_a_copy_and_a_removal() {
    let peer = peer(MODERN);
    peer.hook(|call, _| (call.name == "UID MOVE").then(|| vec![send(format!("{} BAD what?\r\n", call.tag))]));
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    let outcomes = direct.apply("INBOX", &harvest.cursor, &[moved(2), moved(4), moved(7)]).unwrap();
    let arrived = |uid| Outcome::Moved { to: id("Box"), id: Some(remote(uid)) };
    assert_eq!(outcomes, [arrived(1), arrived(2), Outcome::Gone]);
    assert_eq!((uids(&peer, "INBOX"), uids(&peer, "Box")), (vec![1, 3], vec![1, 2]));
}

#[test]
fn a_copy_whose_original_cannot_be_removed_is_not_made_twice() {
    each([("UID EXPUNGE", MODERN.replace(" MOVE", "")), ("EXPUNGE", MODERN.replace(" MOVE", "").replace(" UIDPLUS", ""))], |(no, caps)| {
        let peer = peer(&caps);
        peer.hook(move |call, _| (call.name == no).then(|| vec![send(format!("{} NO not today\r\n", call.tag))]));
        let mut direct = Direct::open(&peer);
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        let outcomes = direct.apply("INBOX", &harvest.cursor, &[moved(2)]).unwrap();
        assert!(matches!(&outcomes[..], [Outcome::Moved { to, .. }] if *to == id("Box")), "{outcomes:?}");
        assert_eq!((uids(&peer, "INBOX").len(), uids(&peer, "Box"), peer.count("UID COPY")), (4, vec![1], 1));
    });
}

#[test]
fn what_could_not_be_removed_is_not_copied() {
    let peer = peer(&MODERN.replace(" MOVE", ""));
    peer.hook(|call, honest| {
        let told = send("* OK [PERMANENTFLAGS (\\Seen)] limited\r\n");
        (call.name == "SELECT").then(|| [vec![told], honest()].concat())
    });
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    let outcomes = direct.apply("INBOX", &harvest.cursor, &[moved(2), moved(9)]).unwrap();
    assert!(matches!(&outcomes[..], [Outcome::Refused(_), Outcome::Gone]), "{outcomes:?}");
    assert_eq!((uids(&peer, "Box").len(), peer.count("UID COPY")), (0, 0));
}

#[test]
fn pairs_of_ids_that_cannot_be_are_not_believed() {
    each(["7 2 9:10", "9 2 1", "7 2,3 5", "7 2", "7 3 1", ""], |lie| {
        let peer = peer(MODERN);
        peer.hook(move |call, honest| {
            if call.name != "UID MOVE" {
                return None;
            }
            honest();
            Some(vec![send(format!("* OK [COPYUID {lie}] moved\r\n{} OK done\r\n", call.tag))])
        });
        let mut direct = Direct::open(&peer);
        direct.folders();
        let (_, harvest) = direct.look("INBOX", None, Need::Everything);
        let outcomes = direct.apply("INBOX", &harvest.cursor, &[moved(2)]).unwrap();
        assert_eq!(outcomes, [Outcome::Moved { to: id("Box"), id: None }], "{lie}");
    });
}

#[test]
fn what_was_answered_before_the_line_broke_is_told() {
    let peer = peer(MODERN);
    peer.hook(|call, honest| {
        (call.name == "UID MOVE").then(|| {
            honest();
            vec![Step::Cut]
        })
    });
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    let orders = [set(1, "\\Seen", ""), set(2, "\\Seen", ""), moved(2), set(3, "\\Seen", "")];
    let outcomes = direct.apply("INBOX", &harvest.cursor, &orders).unwrap();
    assert_eq!(outcomes, vec![Outcome::Done { id: None }; 2]);
    let error = direct.apply("INBOX", &harvest.cursor, &orders[2..]).unwrap_err();
    assert_eq!((error.class, error.scope), (mailx::model::Class::Temporary, mailx::model::Scope::Session));
    assert_eq!((peer.count("UID MOVE"), uids(&peer, "Box")), (1, vec![1]));
}

#[test]
fn a_target_that_is_missing_is_made_once() {
    let peer = peer(MODERN);
    peer.hook(|call, _| (call.name == "UID MOVE").then(|| vec![send(format!("{} NO [TRYCREATE] no\r\n", call.tag))]));
    let mut direct = Direct::open(&peer);
    let (_, harvest) = direct.look("INBOX", None, Need::Everything);
    let outcomes = direct.apply("INBOX", &harvest.cursor, &[moved(1), moved(2)]).unwrap();
    assert_eq!(outcomes, vec![Outcome::Refused("no".into()); 2]);
    assert_eq!((peer.count("CREATE"), peer.count("UID MOVE")), (1, 2));
}

fn path(text: &str) -> FolderPath {
    FolderPath::new(text.split('/').map(str::to_owned)).unwrap()
}

#[test]
fn folders_are_spelled_as_the_server_does() {
    // A personal prefix, a delimiter, what is asked for, what is created.
    let cases = [
        ("INBOX.", ".", "Work/2024", "INBOX.Work.2024"),
        ("INBOX.", ".", "INBOX/Work", "INBOX.Work"),
        ("", "/", "Größe & ß/x", "Gr&APYA3w-e &- &AN8-/x"),
        ("", "\\\\", "a/b", "a\\b"),
    ];
    each(cases, |(prefix, delimiter, asked, made)| {
        let peer = peer(MODERN);
        peer.change(|w| w.folders.iter_mut().for_each(|f| f.delimiter = format!("\"{delimiter}\"")));
        peer.hook(move |call, _| {
            let line = format!("* NAMESPACE ((\"{prefix}\" \"{delimiter}\")) NIL NIL\r\n{} OK done\r\n", call.tag);
            (call.name == "NAMESPACE").then(|| vec![send(line)])
        });
        let mut direct = Direct::open(&peer);
        let outcomes = direct.reshape(&[FolderOrder::Create { path: path(asked) }]).unwrap();
        assert_eq!(outcomes, [FolderOutcome::Done]);
        let made = made.as_bytes().to_vec();
        assert!(peer.world().folders.iter().any(|f| f.name == made), "{:?}", peer.calls());
    });
}

#[test]
fn a_server_that_makes_no_levels_above_is_helped() {
    let peer = peer(MODERN);
    peer.hook(|call, honest| {
        let name = String::from_utf8(call.mailbox()).unwrap();
        if call.name != "CREATE" || !name.contains('/') {
            return None;
        }
        // Only below what is there.
        let above = name.rsplit_once('/').unwrap().0.to_owned();
        let steps = honest();
        let Step::Send(bytes) = &steps[0] else { unreachable!() };
        let known = ["a", "a/b"].contains(&above.as_str()) && String::from_utf8_lossy(bytes).contains("OK");
        Some(if known && above == "a" { steps } else { vec![send(format!("{} NO no parent\r\n", call.tag))] })
    });
    let mut direct = Direct::open(&peer);
    let outcomes = direct.reshape(&[FolderOrder::Create { path: path("a/b") }]).unwrap();
    assert_eq!(outcomes, [FolderOutcome::Done]);
    assert!(peer.world().folders.iter().any(|f| f.name == b"a/b"));
}

#[test]
fn a_folder_that_is_not_known_to_be_empty_stays() {
    let peer = peer(MODERN);
    let mut direct = Direct::open(&peer);
    direct.folders();
    for lie in ["(UIDNEXT 4)", "(MESSAGES 3)", "(MESSAGES x)"] {
        peer.hook(move |call, _| {
            (call.name == "STATUS").then(|| vec![send(format!("* STATUS \"Box\" {lie}\r\n{} OK done\r\n", call.tag))])
        });
        let outcomes = direct.reshape(&[FolderOrder::Remove { id: id("Box") }]).unwrap();
        assert!(matches!(&outcomes[..], [FolderOutcome::Refused(_)]), "{lie}: {outcomes:?}");
    }
    assert_eq!(peer.count("DELETE"), 0);
}
