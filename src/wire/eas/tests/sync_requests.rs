//! What we ask of Sync: the vectors, with all options stated besides.

use super::super::{BodyWanted, EasError, Filter, Flagging, SyncCollection, SyncCommand, Version, sync_request};
use super::{element, leaf, tree, vector, without};
use crate::wire::wbxml::tests::node::{Content, Node};
use crate::wire::wbxml::{WbxmlError, page::AirSync as A, page::AirSyncBase as B};

fn collection<'a>(folder: &'a str, key: &'a str, commands: &'a [SyncCommand<'a>]) -> SyncCollection<'a> {
    let (filter, body) = (Filter::All, BodyWanted::WholeMime);
    SyncCollection { folder, key, window: None, filter, body, deletes_as_moves: false, commands }
}

fn change(id: &str) -> SyncCommand<'_> {
    SyncCommand::Change { id, read: None, flag: None, categories: None }
}

#[test]
fn a_first_request_asks_for_a_key_only() {
    let first = SyncCollection { window: Some(100), commands: &[change("1")], ..collection("5", "0", &[]) };
    let encode = |version| sync_request(std::slice::from_ref(&first), version).unwrap();
    assert_eq!(encode(Version::V12_1), vector("v24-sync-initial-request-12.1"));
    for version in [Version::V14_0, Version::V16_1] {
        assert_eq!(encode(version), vector("v25-sync-initial-request-16.1"));
    }
}

#[test]
fn changes_are_the_vectors() {
    let flags = [
        SyncCommand::Change { id: "5:10", read: Some(true), flag: None, categories: None },
        SyncCommand::Change { id: "5:11", read: None, flag: Some(Flagging::Set), categories: None },
        SyncCommand::Change { id: "5:12", read: None, flag: Some(Flagging::Clear), categories: None },
    ];
    let categories = [SyncCommand::Change { id: "5:10", read: None, flag: None, categories: Some(&["Red", "ToDo"]) }];
    let draft = SyncCommand::AddDraft { client_id: "draft-2", mime: DRAFT, read: true };
    for (request, name) in [
        (collection("5", "1273386110", &flags), "v30-sync-change-flags-request"),
        (collection("5", "1273386112", &categories), "v31-sync-change-categories-request"),
        (collection("5", "1273386113", &[SyncCommand::Delete { id: "5:10" }]), "v32-sync-delete-request"),
        (collection("5", "1273386114", &[SyncCommand::Fetch { id: "5:11" }]), "v34-sync-fetch-request"),
        (collection("3", "79", &[draft]), "v38-sync-draft-mime-add-request-16.1"),
    ] {
        let ours = tree(&sync_request(&[request], Version::V16_1).unwrap());
        let stated = [A::DeletesAsMoves, A::GetChanges, A::Options];
        assert_eq!(without(&ours, &stated), without(&tree(&vector(name)), &stated), "{name}");
    }
}

const DRAFT: &str = "From: a@example.org\r\nTo: b@example.org\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n\
                     Content-Type: text/plain; charset=utf-8\r\n\r\nGr\u{fc}\u{df}e\r\n";

/// The only folder of a request, as its elements.
fn elements(request: &SyncCollection<'_>, version: Version) -> Vec<Node> {
    let root = tree(&sync_request(std::slice::from_ref(request), version).unwrap());
    let Content::Children(mut collections) = root.content else { panic!() };
    let Content::Children(mut all) = collections.remove(0).content else { panic!() };
    let Content::Children(elements) = all.remove(0).content else { panic!() };
    elements
}

#[test]
fn all_options_are_stated_in_the_schemas_order() {
    let request = SyncCollection { window: Some(100), deletes_as_moves: true, ..collection("5", "k", &[SyncCommand::Delete { id: "1" }]) };
    let preference = element(B::BodyPreference, vec![leaf(B::Type, "4")]);
    let options =
        vec![leaf(A::FilterType, "0"), preference, leaf(A::Conflict, "1"), leaf(A::MIMESupport, "2"), leaf(A::MIMETruncation, "8")];
    let wanted = vec![
        leaf(A::SyncKey, "k"),
        leaf(A::CollectionId, "5"),
        leaf(A::DeletesAsMoves, "1"),
        leaf(A::GetChanges, "1"),
        leaf(A::WindowSize, "100"),
        element(A::Options, options),
        element(A::Commands, vec![element(A::Delete, vec![leaf(A::ServerId, "1")])]),
    ];
    assert_eq!(elements(&request, Version::V16_1), wanted);
    let old = [vec![leaf(A::Class, "Email")], wanted].concat();
    assert_eq!(elements(&request, Version::V12_1), old);
}

#[test]
fn a_listing_asks_for_no_bodies() {
    let request = SyncCollection { body: BodyWanted::Nothing, filter: Filter::OneMonth, ..collection("5", "k", &[]) };
    let elements = elements(&request, Version::V14_1);
    let preference = element(B::BodyPreference, vec![leaf(B::Type, "4"), leaf(B::TruncationSize, "0")]);
    let options =
        vec![leaf(A::FilterType, "5"), preference, leaf(A::Conflict, "1"), leaf(A::MIMESupport, "2"), leaf(A::MIMETruncation, "0")];
    assert_eq!(elements[2..], [leaf(A::DeletesAsMoves, "0"), leaf(A::GetChanges, "0"), element(A::Options, options)]);
}

#[test]
fn windows_are_what_servers_take() {
    for (window, written) in [(0, "1"), (1, "1"), (512, "512"), (513, "512"), (u16::MAX, "512")] {
        let request = SyncCollection { window: Some(window), ..collection("5", "k", &[]) };
        assert!(elements(&request, Version::V14_1).contains(&leaf(A::WindowSize, written)), "{window}");
    }
}

#[test]
fn what_a_version_does_not_know_is_not_sent() {
    let draft = [SyncCommand::AddDraft { client_id: "1", mime: "x", read: false }];
    let categories = [SyncCommand::Change { id: "1", read: None, flag: None, categories: Some(&[]) }];
    let encode = |commands, version| sync_request(&[collection("5", "k", commands)], version).map(drop);
    for version in Version::ALL {
        assert_eq!(encode(&draft, version).is_ok(), version >= Version::V16_0, "{version}");
        assert_eq!(encode(&categories, version).is_ok(), version >= Version::V14_0, "{version}");
    }
}

#[test]
fn commands_are_counted_over_all_folders() {
    let many = vec![SyncCommand::Delete { id: "1" }; 200];
    assert!(sync_request(&[collection("5", "k", &many)], Version::V14_1).is_ok());
    let two = [collection("5", "k", &many), collection("6", "k", &many[..1])];
    assert_eq!(sync_request(&two, Version::V14_1), Err(EasError::TooMany("commands")));
}

#[test]
fn a_nul_in_a_draft_is_refused() {
    let draft = [SyncCommand::AddDraft { client_id: "1", mime: "a\0b", read: false }];
    let found = sync_request(&[collection("3", "k", &draft)], Version::V16_1);
    assert_eq!(found, Err(EasError::Wbxml(WbxmlError::Nul(B::Data))));
}
