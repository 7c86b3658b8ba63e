//! ItemOperations.

use bytes::Bytes;

use super::super::{BodyType, EasError, FetchEvent, FetchStatus, Fetched, Remedy, Status, fetch_request};
use super::{element, fetch_events, leaf, vector};
use crate::wire::wbxml::tests::node::Node;
use crate::wire::wbxml::{page::AirSync as A, page::AirSyncBase as B, page::ItemOperations as I};

#[test]
fn a_request_is_the_vector() {
    assert_eq!(fetch_request(&[("5", "5:10")]).unwrap(), vector("v53-itemoperations-fetch-mime-request"));
    assert!(fetch_request(&[("5", "1"); 100]).is_ok());
    assert_eq!(fetch_request(&[("5", "1"); 101]), Err(EasError::TooMany("messages")));
}

#[test]
fn a_message_comes_as_mime() {
    let octets = vector("v54-itemoperations-fetch-mime-response");
    let whole = fetch_events(&octets, octets.len()).unwrap();
    for size in [1, 2, 11] {
        assert_eq!(fetch_events(&octets, size).unwrap(), whole);
    }
    assert_eq!(whole[..2], [FetchEvent::Status(Status::Own(FetchStatus::Success)), FetchEvent::ItemStart]);
    let (FetchEvent::Body(body), FetchEvent::Item(item)) = (&whole[2], &whole[3]) else { panic!("{whole:?}") };
    assert!(body.starts_with(b"From: a@example.org\r\n") && body.ends_with("Gr\u{fc}\u{df}e\r\n".as_bytes()));
    assert_eq!((item.folder.as_deref(), item.id.as_deref(), item.status.is_done()), (Some("5"), Some("5:10"), true));
    let body = item.properties.body.unwrap();
    assert_eq!((body.kind, body.estimated_size, body.truncated), (Some(BodyType::Mime), Some(127), false));
    assert_eq!(whole.len(), 4);
}

fn answer(fetches: Vec<Node>) -> Vec<u8> {
    element(I::ItemOperations, vec![leaf(I::Status, "1"), element(I::Response, fetches)]).write().unwrap()
}

fn items(octets: &[u8]) -> Vec<Fetched> {
    let events = fetch_events(octets, 6).unwrap();
    events.into_iter().filter_map(|event| if let FetchEvent::Item(item) = event { Some(*item) } else { None }).collect()
}

#[test]
fn bodies_may_be_other_parts() {
    let body = element(B::Body, vec![leaf(B::Type, "4"), leaf(I::Part, "2")]);
    let fetch = vec![leaf(I::Status, "1"), leaf(A::CollectionId, "5"), leaf(A::ServerId, "1"), element(I::Properties, vec![body])];
    assert_eq!(items(&answer(vec![element(I::Fetch, fetch)]))[0].properties.body.unwrap().part, Some(2));
}

#[test]
fn each_message_has_its_status() {
    let fetch = |parts| element(I::Fetch, parts);
    let found = items(&answer(vec![
        fetch(vec![leaf(I::Status, "1"), leaf(A::CollectionId, "5"), leaf(A::ServerId, "1")]),
        fetch(vec![leaf(I::Status, "6")]),
        fetch(vec![leaf(A::ServerId, "3"), leaf(I::Status, "8000")]),
    ]));
    let got: Vec<_> = found.iter().map(|one| (one.folder.as_deref(), one.id.as_deref(), one.status.remedy())).collect();
    let wanted = [(Some("5"), Some("1"), Remedy::Done), (None, None, Remedy::Gone), (None, Some("3"), Remedy::BackOff)];
    assert_eq!(got, wanted, "nothing of one message is left for the next");
    assert_eq!(fetch_events(&answer(vec![fetch(vec![])]), 9), Err(EasError::Missing(I::Status)));
}

#[test]
fn an_empty_body_is_no_piece() {
    let body = element(B::Body, vec![leaf(B::Type, "4"), leaf(B::Data, "")]);
    let fetch = vec![leaf(I::Status, "1"), element(I::Properties, vec![body])];
    let found = fetch_events(&answer(vec![element(I::Fetch, fetch)]), 4).unwrap();
    assert!(!found.contains(&FetchEvent::Body(Bytes::new())) && found.len() == 3);
}
