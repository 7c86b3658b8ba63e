//! What Sync answers, event by event.

use bytes::Bytes;

use super::super::{
    Body, BodyType, CollectionEnd, CommonStatus, EasError, FlagStatus, Item, ItemKind, Properties, Status, SyncEvent, SyncStatus, Verb,
};
use super::{element, leaf, sync_events, vector};
use crate::wire::wbxml::tests::node::{Content, Node};
use crate::wire::wbxml::{Tag, page::AirSync as A, page::AirSyncBase as B, page::Email as E, page::Email2};

fn events(name: &str) -> Vec<SyncEvent> {
    let octets = vector(name);
    let whole = sync_events(&octets, octets.len()).unwrap();
    for size in [1, 2, 5] {
        assert_eq!(sync_events(&octets, size).unwrap(), whole, "{name} in chunks of {size}");
    }
    whole
}

fn end(folder: &str, key: &str, code: u32, more: bool) -> SyncEvent {
    SyncEvent::CollectionEnd(CollectionEnd { folder: Some(folder.into()), key: Some(key.into()), status: Status::from_code(code), more })
}

fn item(kind: ItemKind, id: &str) -> Item {
    Item { kind, id: Some(id.into()), client_id: None, status: None, properties: Properties::default() }
}

fn collection(id: &str) -> SyncEvent {
    SyncEvent::Collection(id.into())
}

#[test]
fn a_first_key() {
    assert_eq!(events("v26-sync-initial-response"), [collection("5"), end("5", "1150168561", 1, false)]);
}

#[test]
fn a_new_message_with_its_properties() {
    let found = events("v28-sync-add-response");
    assert_eq!(found[..2], [collection("5"), SyncEvent::ItemStart(ItemKind::Add)]);
    assert_eq!(found[2], SyncEvent::Body(Bytes::from_static(b"Hello Bob\r\n")));
    let properties = Properties {
        read: Some(false),
        flag: Some(FlagStatus::Clear),
        categories: Some(vec!["Red".into()]),
        last_verb: Some(Verb::Replied),
        received: Some(1_772_360_100),
        from: Some("\"Anna\" <anna@example.org>".into()),
        subject: Some("Hello".into()),
        class: Some("IPM.Note".into()),
        is_draft: None,
        body: Some(Body { kind: Some(BodyType::Plain), estimated_size: Some(12), truncated: false, part: None }),
    };
    assert_eq!(found[3], SyncEvent::Item(Box::new(Item { properties, ..item(ItemKind::Add, "5:10") })));
    assert_eq!(found[4..], [end("5", "1273386110", 1, true)]);
}

#[test]
fn a_message_as_mime_is_let_through_octet_for_octet() {
    let found = events("v29-sync-mime-add-response");
    let body: Vec<&Bytes> = found.iter().filter_map(|event| if let SyncEvent::Body(body) = event { Some(body) } else { None }).collect();
    assert_eq!(body.len(), 1);
    assert!(body[0].starts_with(b"From: a@example.org\r\n") && body[0].ends_with("\r\n\r\nGr\u{fc}\u{df}e\r\n".as_bytes()));
}

#[test]
fn changes_deletions_and_failures() {
    let changed = Properties { read: Some(true), ..Properties::default() };
    let failed = Item { status: Some(Status::Own(SyncStatus::NotFound)), ..item(ItemKind::Changed, "5:99") };
    let wanted = [
        collection("5"),
        SyncEvent::ItemStart(ItemKind::Changed),
        SyncEvent::Item(Box::new(failed)),
        SyncEvent::ItemStart(ItemKind::Change),
        SyncEvent::Item(Box::new(Item { properties: changed, ..item(ItemKind::Change, "5:11") })),
        SyncEvent::ItemStart(ItemKind::Delete),
        SyncEvent::Item(Box::new(item(ItemKind::Delete, "5:12"))),
        SyncEvent::ItemStart(ItemKind::SoftDelete),
        SyncEvent::Item(Box::new(item(ItemKind::SoftDelete, "5:1"))),
        end("5", "1273386114", 1, false),
    ];
    assert_eq!(events("v33-sync-server-changes-response"), wanted);
}

#[test]
fn a_draft_that_was_taken() {
    let found = events("v36-sync-draft-add-response-16.1");
    let taken = Item { client_id: Some("draft-1".into()), status: Some(Status::Own(SyncStatus::Success)), ..item(ItemKind::Added, "3:8") };
    assert_eq!(found[2], SyncEvent::Item(Box::new(taken)), "the attachment's ClientId is another one");
}

#[test]
fn statuses_of_folders_and_of_the_whole() {
    assert_eq!(events("v39-sync-status3-response"), [collection("5"), end("5", "0", 3, false)]);
    assert_eq!(events("v40-sync-global-status12-response"), [SyncEvent::Status(Status::Own(SyncStatus::HierarchyChanged))]);
    let limited = [SyncEvent::Status(Status::Own(SyncStatus::InvalidInterval)), SyncEvent::Limit(59)];
    assert_eq!(events("v41-sync-limit-status14-response"), limited);
}

/// A collection around these, in an answer.
fn answer(parts: Vec<Node>) -> Vec<u8> {
    element(A::Sync, vec![element(A::Collections, vec![element(A::Collection, parts)])]).write().unwrap()
}

fn head() -> Vec<Node> {
    vec![leaf(A::SyncKey, "k"), leaf(A::CollectionId, "5"), leaf(A::Status, "1")]
}

fn with(place: Tag, kind: Tag, inside: Vec<Node>) -> Vec<u8> {
    answer([head(), vec![element(place, vec![element(kind, inside)])]].concat())
}

fn only_item(octets: &[u8]) -> Item {
    let items: Vec<Item> = sync_events(octets, 3)
        .unwrap()
        .into_iter()
        .filter_map(|event| if let SyncEvent::Item(item) = event { Some(*item) } else { None })
        .collect();
    assert_eq!(items.len(), 1);
    items.into_iter().next().unwrap()
}

fn properties(data: Vec<Node>) -> Properties {
    only_item(&with(A::Commands, A::Change, vec![leaf(A::ServerId, "1"), element(A::ApplicationData, data)])).properties
}

#[test]
fn flags_are_told_apart() {
    let flag = |inside| properties(vec![element(E::Flag, inside)]).flag;
    assert_eq!(flag(vec![]), Some(FlagStatus::Clear));
    assert_eq!(flag(vec![leaf(E::Status, "0")]), Some(FlagStatus::Clear));
    assert_eq!(flag(vec![leaf(E::Status, "1")]), Some(FlagStatus::Complete));
    assert_eq!(flag(vec![leaf(E::FlagType, "x"), leaf(E::Status, "2")]), Some(FlagStatus::Active));
    assert_eq!(properties(vec![leaf(E::Subject, "x")]).flag, None, "absent is unchanged");
    let verb = |code| properties(vec![leaf(Email2::LastVerbExecuted, code)]).last_verb;
    assert_eq!(["0", "2", "3"].map(verb), [Some(Verb::Other(0)), Some(Verb::RepliedToAll), Some(Verb::Forwarded)]);
    assert_eq!(properties(vec![element(E::Categories, vec![])]).categories, Some(vec![]));
    assert_eq!(properties(vec![leaf(Email2::IsDraft, "1")]).is_draft, Some(true));
}

/// A message of which nothing makes sense stops no page.
#[test]
fn nonsense_in_a_message_is_left_out() {
    let body = element(B::Body, vec![leaf(B::Type, "x"), leaf(B::EstimatedDataSize, "-1"), leaf(B::Truncated, "maybe")]);
    let found = properties(vec![
        leaf(E::Read, "2"),
        element(E::Flag, vec![leaf(E::Status, "x")]),
        leaf(E::DateReceived, "yesterday"),
        leaf(Email2::LastVerbExecuted, "-1"),
        body,
    ]);
    let body = Body { kind: None, estimated_size: None, truncated: true, part: None };
    assert_eq!(found, Properties { body: Some(body), ..Properties::default() });
    let date = |text| properties(vec![leaf(E::DateReceived, text)]).received;
    assert_eq!(date("2026-03-01T10:15:00.000Z"), date("20260301T101500Z"));
    assert!(date("2026-03-01T10:15:00Z").is_some());
    let many = properties(vec![element(E::Categories, vec![leaf(E::Category, "x"); 301])]);
    assert_eq!(many.categories.unwrap().len(), 300);
    let long = properties(vec![leaf(E::Subject, &"x".repeat(70_000))]);
    assert_eq!(long.subject.unwrap().len(), 64 << 10);
}

#[test]
fn bodies_are_opaque_or_text_and_may_come_before_the_id() {
    let data = Node { tag: B::Data, content: Content::Opaque(b"a\0b".to_vec()) };
    let octets = with(
        A::Commands,
        A::Add,
        vec![
            element(A::ApplicationData, vec![element(B::Body, vec![data, leaf(B::Truncated, "1"), leaf(B::Type, "4")])]),
            leaf(A::ServerId, "1"),
        ],
    );
    let found = sync_events(&octets, octets.len()).unwrap();
    assert_eq!(found[2], SyncEvent::Body(Bytes::from_static(b"a\0b")));
    let body = only_item(&octets).properties.body.unwrap();
    assert_eq!((body.kind, body.truncated), (Some(BodyType::Mime), true));
}

/// What is around an element inside of a body would be taken for the whole.
#[test]
fn a_body_with_elements_in_it_is_refused() {
    for inside in [leaf(B::Type, "1"), element(B::Data, vec![])] {
        let data = element(B::Data, vec![inside]);
        let octets = with(A::Commands, A::Add, vec![element(A::ApplicationData, vec![element(B::Body, vec![data])])]);
        assert_eq!(sync_events(&octets, 7), Err(EasError::Malformed(B::Data)));
    }
}

#[test]
fn other_data_elements_are_no_bodies() {
    let part = element(B::BodyPart, vec![leaf(B::Data, "x")]);
    let octets = with(A::Commands, A::Add, vec![leaf(A::ServerId, "1"), element(A::ApplicationData, vec![part])]);
    assert!(!sync_events(&octets, 9).unwrap().iter().any(|event| matches!(event, SyncEvent::Body(_))));
}

#[test]
fn several_folders_keep_apart() {
    let one = |id: &str, key: &str, rest: Vec<Node>| {
        element(A::Collection, [vec![leaf(A::SyncKey, key), leaf(A::CollectionId, id), leaf(A::Status, "1")], rest].concat())
    };
    let folders = vec![one("a", "1", vec![element(A::MoreAvailable, vec![])]), one("b", "2", vec![])];
    let octets = element(A::Sync, vec![element(A::Collections, folders)]).write().unwrap();
    let wanted = [collection("a"), end("a", "1", 1, true), collection("b"), end("b", "2", 1, false)];
    assert_eq!(sync_events(&octets, 4).unwrap(), wanted);
}

#[test]
fn what_must_be_there_is_there() {
    let decode = |octets: &[u8]| sync_events(octets, 5).map(drop);
    for (left_out, tag) in [A::SyncKey, A::CollectionId, A::Status].into_iter().enumerate() {
        let mut parts = head();
        parts.remove(left_out);
        assert_eq!(decode(&answer(parts)), Err(EasError::Missing(tag)));
    }
    // A failure may say less.
    assert!(decode(&answer(vec![leaf(A::Status, "4")])).is_ok());
    let early = vec![element(A::Commands, vec![element(A::Delete, vec![leaf(A::ServerId, "1")])])];
    assert_eq!(decode(&answer([early, head()].concat())), Err(EasError::Missing(A::CollectionId)));
    assert_eq!(decode(&with(A::Commands, A::Delete, vec![])), Err(EasError::Missing(A::ServerId)));
    assert_eq!(decode(&with(A::Commands, A::Delete, vec![leaf(A::ServerId, "")])), Err(EasError::Malformed(A::ServerId)));
    assert_eq!(decode(&answer([head(), vec![leaf(A::CollectionId, "6")]].concat())), Err(EasError::Malformed(A::Collection)));
    let refused = only_item(&with(A::Responses, A::Add, vec![leaf(A::ClientId, "c"), leaf(A::Status, "6")]));
    assert_eq!((refused.kind, refused.id, refused.client_id.as_deref()), (ItemKind::Added, None, Some("c")));
    let status = element(A::Sync, vec![leaf(A::Status, "142")]).write().unwrap();
    assert_eq!(sync_events(&status, 2).unwrap(), [SyncEvent::Status(Status::Common(CommonStatus::DeviceNotProvisioned))]);
}
