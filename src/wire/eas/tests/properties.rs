//! What must hold for any input; the target under fuzz/ states the same.

use proptest::prelude::*;

use super::super::{
    BodyWanted, Command, DeviceId, DeviceType, Filter, Flagging, Parameter, Query, SyncCollection, SyncCommand, Version, sync_request,
};
use super::{element, fetch_events, leaf, sync_events, tree};
use crate::wire::wbxml::tests::node::{Content, Node};
use crate::wire::wbxml::{Tag, page::AirSync as A, page::AirSyncBase as B, page::Email as E, page::ItemOperations as I};

/// Trees of the elements that the decoders know, in any place.
fn nearly_an_answer() -> impl Strategy<Value = Node> {
    const TAGS: &[Tag] = &[
        A::Collections,
        A::Collection,
        A::Commands,
        A::Responses,
        A::Add,
        A::Change,
        A::Delete,
        A::Fetch,
        A::SyncKey,
        A::CollectionId,
        A::Status,
        A::ServerId,
        A::ClientId,
        A::ApplicationData,
        A::MoreAvailable,
        A::Limit,
        B::Body,
        B::Data,
        B::Type,
        B::Truncated,
        E::Flag,
        E::Status,
        E::Read,
        E::Categories,
        E::Category,
        I::Response,
        I::Fetch,
        I::Status,
        I::Properties,
        I::Part,
    ];
    let tag = || prop::sample::select(TAGS);
    let content = prop_oneof![
        Just(Content::Empty),
        "[0-9a-z]{1,6}".prop_map(Content::Text),
        prop::collection::vec(any::<u8>(), 1..12).prop_map(Content::Opaque),
    ];
    let leaf = (tag(), content).prop_map(|(tag, content)| Node { tag, content });
    let inner = leaf.prop_recursive(6, 60, 6, move |inner| {
        (tag(), prop::collection::vec(inner, 1..6)).prop_map(|(tag, children)| Node { tag, content: Content::Children(children) })
    });
    (prop::sample::select(&[A::Sync, I::ItemOperations][..]), prop::collection::vec(inner, 0..5))
        .prop_map(|(tag, children)| element(tag, children))
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{1,20}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_chunks_of_an_answer_give_the_same_events(answer in nearly_an_answer(), size in 1usize..30) {
        let octets = answer.write().unwrap();
        prop_assert_eq!(sync_events(&octets, size), sync_events(&octets, octets.len()));
        prop_assert_eq!(fetch_events(&octets, size), fetch_events(&octets, octets.len()));
    }

    /// What we write, a server reads as the same changes, whatever ids and categories are.
    #[test]
    fn requests_hold_what_they_were_given(
        ids in prop::collection::vec(text(), 1..8), key in text(), folder in text(), category in text(), window in any::<u16>(),
    ) {
        let categories = [category.as_str()];
        let commands: Vec<SyncCommand<'_>> = ids.iter().enumerate().map(|(at, id)| match at % 3 {
            0 => SyncCommand::Delete { id },
            1 => SyncCommand::Change { id, read: Some(true), flag: Some(Flagging::Clear), categories: Some(&categories) },
            _ => SyncCommand::Fetch { id },
        }).collect();
        let (filter, body) = (Filter::All, BodyWanted::WholeMime);
        let one = SyncCollection { folder: &folder, key: &key, window: Some(window), filter, body, deletes_as_moves: true, commands: &commands };
        let octets = sync_request(&[one], Version::V16_1).unwrap();
        if key == "0" {
            return Ok(());
        }
        let Content::Children(collections) = tree(&octets).content else { panic!() };
        let Content::Children(collection) = &collections[0].content else { panic!() };
        let Content::Children(parts) = &collection[0].content else { panic!() };
        prop_assert!(parts[0] == leaf(A::SyncKey, &key) && parts[1] == leaf(A::CollectionId, &folder));
        let Content::Children(written) = &parts.last().unwrap().content else { panic!() };
        let names = |node: &Node| match &node.content { Content::Children(all) => all[0].clone(), _ => panic!() };
        prop_assert_eq!(written.iter().map(names).collect::<Vec<_>>(), ids.iter().map(|id| leaf(A::ServerId, id)).collect::<Vec<_>>());
    }

    /// No value leaves its place in the address.
    #[test]
    fn queries_are_made_of_safe_characters(user in ".{0,20}", value in ".{0,20}") {
        let (id, kind) = (DeviceId::new("A1").unwrap(), DeviceType::new("mailx").unwrap());
        let query = Query {
            command: Command::GetAttachment, version: Version::V12_1, device_id: &id, device_type: &kind, locale: Query::ENGLISH, policy_key: None,
            parameters: &[(Parameter::AttachmentName, &value)], save_in_sent: false, accept_multipart: false,
        };
        let plain = query.plain(&user);
        prop_assert_eq!(plain.matches('&').count(), 4);
        prop_assert!(plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%&=".contains(&b)));
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(plain.as_bytes()).into_owned().collect();
        prop_assert_eq!((&pairs[1].1, &pairs[4].1), (&user, &value));
        prop_assert!(query.base64().unwrap().bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)));
    }
}
