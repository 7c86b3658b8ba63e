//! The memory server keeps the promises of the traits that the engine's tests rest on.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::backend::{BodySink, FolderOrder, FolderOutcome, LookAt, Missed, Order, Outgoing, Part, Pieces, Session, Want};
use crate::model::change::Harvest;
use crate::model::{Change, Class, Cursor, Flag, FlagState, FolderId, FolderPath, HarvestKind, Need, Outcome, RemoteId, Role, Scope};

fn seen() -> FlagState {
    FlagState { flags: Flags::NONE.with(Flag::Seen), keywords: Vec::new() }
}

fn backend(caps: Caps, manners: Manners) -> MemBackend {
    let server = MemServer::with(&[("Trash", Some(Role::Trash)), ("Lists/rust", None)]);
    MemBackend { server, caps, manners, protocol: Protocol::Imap }
}

fn fill(server: &MemServer, count: usize) {
    for _ in 0..count {
        server.deliver("INBOX", b"a", FlagState::default(), 1);
    }
}

fn inbox() -> FolderId {
    FolderId(b"INBOX".to_vec())
}

async fn look(session: &mut dyn Session, cursor: Option<&Cursor>, need: Need) -> (Vec<Change>, Harvest) {
    let mut told = Vec::new();
    let at = [LookAt { folder: inbox(), cursor: cursor.cloned(), need }];
    let mut harvests = session.changes(&at, &mut |_, change| told.push(change)).await.unwrap();
    (told, harvests.remove(0).unwrap())
}

/// The ids that were told, with `-` before those that are gone and `=` before those that are kept.
fn ids(told: &[Change]) -> Vec<String> {
    let word = |change: &Change| match change {
        Change::Present(listed) => listed.id.to_string(),
        Change::Changed { now, .. } => format!("~{}", now.id),
        Change::Kept(id) => format!("={id}"),
        Change::Gone(id) => format!("-{id}"),
    };
    told.iter().map(word).collect()
}

fn id(n: u64) -> RemoteId {
    changes::remote_id(n)
}

#[derive(Debug)]
struct Text(&'static [u8]);

#[async_trait]
impl Outgoing for Text {
    fn octets(&self) -> u64 {
        self.0.len() as u64
    }

    async fn open(&self) -> Result<Box<dyn Pieces>> {
        Ok(Box::new(Once(Some(Bytes::from_static(self.0)))))
    }
}

struct Once(Option<Bytes>);

#[async_trait]
impl Pieces for Once {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        Ok(self.0.take())
    }
}

fn append(text: &'static [u8]) -> Order {
    Order::Append { message: Arc::new(Text(text)), flags: seen(), date: Some(7) }
}

#[derive(Default)]
struct Keep {
    open: Vec<u8>,
    ended: Vec<(usize, Vec<u8>)>,
    missed: Vec<usize>,
}

#[async_trait]
impl BodySink for Keep {
    async fn begin(&mut self) -> Result<()> {
        self.open.clear();
        Ok(())
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        self.open.extend_from_slice(&bytes);
        Ok(())
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        self.ended.push((index, std::mem::take(&mut self.open)));
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        self.open.clear();
        Ok(())
    }

    async fn miss(&mut self, index: usize, _: Missed) -> Result<()> {
        self.missed.push(index);
        Ok(())
    }
}

#[tokio::test]
async fn changes_are_told_since_the_cursor_and_no_more() {
    let backend = backend(everything(), Manners::default());
    let server = &backend.server;
    fill(server, 4);
    let mut session = backend.connect();
    let (told, harvest) = look(&mut session, None, Need::Everything).await;
    assert_eq!((ids(&told), harvest.kind), (vec!["1".into(), "2".into(), "3".into(), "4".into()], HarvestKind::Whole));
    server.set_flags("INBOX", 2, seen());
    server.remove("INBOX", 3);
    server.deliver("INBOX", b"b", FlagState::default(), 1);
    let (told, after) = look(&mut session, Some(&harvest.cursor), Need::Everything).await;
    assert_eq!((ids(&told).join(" "), after.kind), ("2 -3 5".into(), HarvestKind::Delta));
    let (told, _) = look(&mut session, Some(&harvest.cursor), Need::Additions).await;
    assert_eq!(ids(&told), ["5"]);
    let (told, _) = look(&mut session, Some(&after.cursor), Need::Everything).await;
    assert_eq!(ids(&told), [""; 0]);
}

#[tokio::test]
async fn a_whole_listing_keeps_what_did_not_change_and_leaves_out_what_went() {
    let caps = Caps { changes: Changes::Whole, ..everything() };
    for kept in [false, true] {
        let backend = backend(caps, Manners { kept, ..Manners::default() });
        fill(&backend.server, 3);
        let mut session = backend.connect();
        let (_, harvest) = look(&mut session, None, Need::Everything).await;
        backend.server.set_flags("INBOX", 2, seen());
        backend.server.remove("INBOX", 3);
        let (told, after) = look(&mut session, Some(&harvest.cursor), Need::Everything).await;
        assert_eq!(ids(&told).join(" "), if kept { "=1 2" } else { "1 2" });
        assert_eq!(after.kind, HarvestKind::Whole);
    }
}

#[tokio::test]
async fn pages_end_and_lose_nothing() {
    for changes in [Changes::Delta, Changes::Whole] {
        let backend = backend(Caps { changes, ..everything() }, Manners { page: 2, ..Manners::default() });
        let server = &backend.server;
        fill(server, 5);
        let mut session = backend.connect();
        let mut cursor = None;
        for round in 0..2 {
            let mut all = std::collections::BTreeSet::new();
            for pages in 0.. {
                assert!(pages < 10, "the listing has no end");
                let (told, harvest) = look(&mut session, cursor.as_ref(), Need::Everything).await;
                all.extend(ids(&told));
                cursor = Some(harvest.cursor);
                if !harvest.more {
                    break;
                }
            }
            let wanted: &[&str] = match (round, changes) {
                (0, _) => &["1", "2", "3", "4", "5"],
                (_, Changes::Delta) => &["-1", "2", "3", "4", "6", "7", "8"],
                (_, Changes::Whole) => &["2", "3", "4", "5", "6", "7", "8"],
            };
            assert_eq!(all.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
            if round == 0 {
                for n in 2..5 {
                    server.set_flags("INBOX", n, seen());
                }
                fill(server, 3);
                server.remove("INBOX", 1);
            }
        }
    }
}

#[tokio::test]
async fn a_renumbered_folder_restarts_and_refuses_old_ids() {
    let backend = backend(everything(), Manners::default());
    backend.server.deliver("INBOX", b"first\r\n\r\nbody", FlagState::default(), 1);
    backend.server.deliver("INBOX", b"second", FlagState::default(), 1);
    let mut session = backend.connect();
    let (_, old) = look(&mut session, None, Need::Everything).await;
    backend.server.renumber("INBOX");
    assert_eq!(backend.server.letters("INBOX")[0].body, b"second".as_slice());
    let want = [Want { id: id(1), size: None }];
    let error = session.fetch(&inbox(), &old.cursor, &want, Part::Whole, &mut Keep::default()).await.unwrap_err();
    assert_eq!(error.scope, Scope::Folder);
    let error = session.apply(&inbox(), &old.cursor, &[Order::Delete { id: id(1) }]).await.unwrap_err();
    assert_eq!(error.scope, Scope::Folder);
    let (told, new) = look(&mut session, Some(&old.cursor), Need::Everything).await;
    assert!(new.restarted && new.kind == HarvestKind::Whole && told.len() == 2);
    let mut keep = Keep::default();
    let wants = [Want { id: id(2), size: None }, Want { id: id(9), size: None }];
    session.fetch(&inbox(), &new.cursor, &wants, Part::Header, &mut keep).await.unwrap();
    assert_eq!((keep.ended, keep.missed), (vec![(0, b"first\r\n\r\n".to_vec())], vec![1]));
}

#[tokio::test]
async fn what_the_caps_deny_is_a_bug_and_is_named() {
    let nothing = Caps {
        folders: Folders::InboxOnly,
        flags: FlagSupport { pull: Flags::NONE, push: Flags::NONE, keywords: Keywords::No },
        append: Append::No,
        delete: Deletes::default(),
        moves: Moves::No,
        ..everything()
    };
    let backend = backend(nothing, Manners::default());
    backend.server.deliver("INBOX", b"a", seen(), 1);
    let mut session = backend.connect();
    assert_eq!(session.folders().await.unwrap().len(), 1);
    let (told, harvest) = look(&mut session, None, Need::Everything).await;
    assert!(matches!(&told[..], [Change::Present(listed)] if listed.flags.is_empty()));
    let orders = [
        Order::Delete { id: id(1) },
        Order::SetFlags { id: id(1), add: seen(), remove: FlagState::default() },
        Order::Move { id: id(1), to: FolderId(b"Trash".to_vec()) },
        append(b"x"),
    ];
    for order in &orders {
        let error = session.apply(&inbox(), &harvest.cursor, std::slice::from_ref(order)).await.unwrap_err();
        assert_eq!(error.class, Class::Internal, "{order:?}");
    }
    assert!(session.reshape(&[FolderOrder::Remove { id: inbox() }]).await.is_err());
    assert_eq!((backend.server.violations().len(), backend.server.effects()), (5, 0));
    assert_eq!(backend.server.letters("INBOX").len(), 1);
}

#[tokio::test]
async fn orders_are_carried_out_and_answered() {
    let backend = backend(everything(), Manners::default());
    let server = &backend.server;
    fill(server, 3);
    let mut session = backend.connect();
    let (_, harvest) = look(&mut session, None, Need::Everything).await;
    let trash = FolderId(b"Trash".to_vec());
    let orders = [
        Order::SetFlags { id: id(1), add: seen(), remove: FlagState::default() },
        Order::Move { id: id(2), to: trash.clone() },
        Order::Delete { id: id(3) },
        Order::Delete { id: id(3) },
        append(b"new"),
    ];
    let step = session.apply(&inbox(), &harvest.cursor, &orders).await.unwrap();
    let done = |n: Option<u64>| Outcome::Done { id: n.map(id) };
    assert_eq!(step.outcomes, [done(None), Outcome::Moved { to: trash, id: Some(id(1)) }, done(None), Outcome::Gone, done(Some(4))]);
    let left: Vec<(u64, FlagState)> = server.letters("INBOX").into_iter().map(|l| (l.id, l.flags)).collect();
    assert_eq!(left, [(1, seen()), (4, seen())]);
    assert_eq!((server.letters("Trash").len(), server.effects(), server.violations().len()), (1, 5, 0));
}

#[tokio::test]
async fn a_lost_answer_is_lost_after_the_deed_and_the_session_is_dead() {
    let backend = backend(everything(), Manners::default());
    let server = &backend.server;
    for (fault, there) in [(Fault::Before, 1), (Fault::After, 2)] {
        let mut session = backend.connect();
        let (_, harvest) = look(&mut session, None, Need::Everything).await;
        server.plan(Point::Effect, 2, fault);
        let step = session.apply(&inbox(), &harvest.cursor, &[append(b"1"), append(b"2"), append(b"3")]).await.unwrap();
        assert_eq!(step.outcomes.len(), 1, "what was answered is told");
        let letters = server.letters("INBOX");
        assert_eq!(letters.len(), there);
        let error = session.folders().await.unwrap_err();
        assert_eq!((error.class, error.scope), (Class::Temporary, Scope::Session));
        assert!(!server.is_fault_planned() && backend.connect().folders().await.is_ok());
        for letter in letters {
            server.remove("INBOX", letter.id);
        }
    }
}

#[tokio::test]
async fn a_move_in_halves_can_break_in_the_middle() {
    let backend = backend(Caps { moves: Moves::CopyThenDelete, ..everything() }, Manners::default());
    backend.server.deliver("INBOX", b"a", FlagState::default(), 1);
    let mut session = backend.connect();
    let (_, harvest) = look(&mut session, None, Need::Everything).await;
    backend.server.plan(Point::Effect, 2, Fault::Before);
    let order = Order::Move { id: id(1), to: FolderId(b"Trash".to_vec()) };
    assert!(session.apply(&inbox(), &harvest.cursor, std::slice::from_ref(&order)).await.is_err());
    assert_eq!((backend.server.letters("INBOX").len(), backend.server.letters("Trash").len()), (1, 1));
}

#[tokio::test]
async fn folders_are_made_renamed_and_removed_but_not_with_mail_in_them() {
    let backend = backend(everything(), Manners::default());
    backend.server.deliver("Lists/rust", b"a", FlagState::default(), 1);
    let path = |text: &str| FolderPath::new(text.split('/').map(str::to_owned)).unwrap();
    let mut session = backend.connect();
    let id = |text: &str| FolderId(text.into());
    let orders = [
        FolderOrder::Create { path: path("A/b") },
        FolderOrder::Rename { id: id("Lists"), to: path("Groups") },
        FolderOrder::Rename { id: id("Lists"), to: path("Groups") },
        FolderOrder::Remove { id: id("Groups/rust") },
        FolderOrder::Remove { id: id("A") },
        FolderOrder::Remove { id: id("A") },
    ];
    let outcomes = session.reshape(&orders).await.unwrap();
    let refused = outcomes.iter().filter(|o| **o != FolderOutcome::Done).count();
    assert!(refused == 1 && outcomes[3] != FolderOutcome::Done, "{outcomes:?}");
    assert_eq!(backend.server.list().keys().collect::<Vec<_>>(), ["A/b", "Groups", "Groups/rust", "INBOX", "Trash"]);
}

#[tokio::test]
async fn orders_move_the_cursor_only_past_what_is_known() {
    let manners = Manners { orders_move_cursor: true, ..Manners::default() };
    let backend = backend(everything(), manners);
    backend.server.deliver("INBOX", b"a", FlagState::default(), 1);
    let mut session = backend.connect();
    let (_, harvest) = look(&mut session, None, Need::Everything).await;
    let step = session.apply(&inbox(), &harvest.cursor, &[append(b"x")]).await.unwrap();
    let (told, _) = look(&mut session, step.cursor.as_ref(), Need::Everything).await;
    assert_eq!(ids(&told), [""; 0]);
    backend.server.deliver("INBOX", b"b", FlagState::default(), 1);
    let step = session.apply(&inbox(), &step.cursor.unwrap(), &[append(b"y")]).await.unwrap();
    assert_eq!(step.cursor, None);
}

#[tokio::test]
async fn a_folder_that_seems_empty_is_told_as_gone_and_comes_back() {
    let backend = backend(everything(), Manners::default());
    let server = &backend.server;
    fill(server, 2);
    let mut session = backend.connect();
    let (_, harvest) = look(&mut session, None, Need::Everything).await;
    server.seem_empty("INBOX", true);
    let (told, empty) = look(&mut session, Some(&harvest.cursor), Need::Everything).await;
    assert_eq!(ids(&told), ["-1", "-2"]);
    server.seem_empty("INBOX", false);
    for cursor in [&harvest.cursor, &empty.cursor] {
        let (told, _) = look(&mut session, Some(cursor), Need::Everything).await;
        assert_eq!(ids(&told), ["1", "2"]);
    }
}

#[tokio::test]
async fn a_drop_box_tells_what_came_and_never_what_went() {
    let backend = backend(drop_box(), Manners { silent_removals: true, ..Manners::default() });
    fill(&backend.server, 3);
    let mut session = backend.connect();
    assert_eq!(session.folders().await.unwrap().len(), 1);
    let (told, harvest) = look(&mut session, None, Need::Everything).await;
    assert_eq!(ids(&told), ["1", "2", "3"]);
    backend.server.remove("INBOX", 2);
    backend.server.set_flags("INBOX", 1, seen());
    fill(&backend.server, 1);
    let (told, harvest) = look(&mut session, Some(&harvest.cursor), Need::Everything).await;
    assert_eq!((ids(&told), harvest.kind), (vec!["4".to_owned()], HarvestKind::Delta));
    let orders = [Order::Delete { id: id(1) }, Order::Delete { id: id(2) }];
    let outcomes = session.apply(&inbox(), &harvest.cursor, &orders).await.unwrap().outcomes;
    assert_eq!(outcomes, [Outcome::Done { id: None }, Outcome::Gone]);
    assert!(
        session
            .apply(&inbox(), &harvest.cursor, &[Order::SetFlags { id: id(3), add: seen(), remove: FlagState::default() }])
            .await
            .is_err()
    );
}
