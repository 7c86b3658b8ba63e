//! MoveItems and GetItemEstimate.

use super::super::{
    CommonStatus, EasError, Estimate, EstimateStatus, EstimateWanted, Filter, Move, MoveStatus, Moved, Remedy, Status, Version,
    estimate_request, estimate_response, move_request, move_response,
};
use super::{element, leaf, nothing_skipped, vector};
use crate::wire::wbxml::tests::node::Node;
use crate::wire::wbxml::{Tag, page::GetItemEstimate as E, page::Move as M};

#[test]
fn moves_are_the_vectors() {
    let one = Move { message: "5:10", from: "5", to: "14" };
    assert_eq!(move_request(&[one]).unwrap(), vector("v51-moveitems-request"));
    assert!(move_request(&vec![one; 1000]).is_ok());
    assert_eq!(move_request(&vec![one; 1001]), Err(EasError::TooMany("moves")));
    let moved = move_response(&vector("v52-moveitems-response"), &mut nothing_skipped).unwrap();
    let wanted = Moved { message: Some("5:10".into()), status: Status::Own(MoveStatus::Success), new_id: Some("14:1".into()) };
    assert_eq!(moved, [wanted]);
    assert!(moved[0].status.is_done(), "3 is success");
}

#[test]
fn each_move_has_its_answer() {
    let response = |fields: &[(Tag, &str)]| element(M::Response, fields.iter().map(|(tag, text)| leaf(*tag, text)).collect());
    let decode = |parts: Vec<Node>| move_response(&element(M::MoveItems, parts).write().unwrap(), &mut nothing_skipped);
    let found = decode(vec![
        response(&[(M::Status, "1"), (M::SrcMsgId, "a")]),
        response(&[(M::SrcMsgId, "b"), (M::Status, "3"), (M::DstMsgId, "")]),
        response(&[(M::SrcMsgId, "c"), (M::Status, "3"), (M::DstMsgId, "d")]),
        response(&[(M::SrcMsgId, "e"), (M::Status, "99")]),
    ])
    .unwrap();
    let got: Vec<_> = found.iter().map(|one| (one.message.as_deref().unwrap(), one.status.remedy(), one.new_id.as_deref())).collect();
    let wanted = [("a", Remedy::Gone, None), ("b", Remedy::Done, None), ("c", Remedy::Done, Some("d")), ("e", Remedy::BackOff, None)];
    assert_eq!(got, wanted, "nothing of one answer is left for the next");
    let whole = decode(vec![leaf(M::Status, "142")]).unwrap();
    assert_eq!((whole[0].message.as_ref(), whole[0].status), (None, Status::Common(CommonStatus::DeviceNotProvisioned)));
    assert_eq!(decode(vec![response(&[(M::Status, "3")])]), Err(EasError::Missing(M::SrcMsgId)));
    assert_eq!(decode(vec![response(&[(M::SrcMsgId, "a")])]), Err(EasError::Missing(M::Status)));
    assert_eq!(decode(vec![leaf(M::Status, "3"); 5001]), Err(EasError::TooMany("answers")));
}

#[test]
fn estimates_are_the_vectors() {
    let wanted = |filter| [EstimateWanted { folder: "5", key: "1150168561", filter }];
    let old = estimate_request(&wanted(Filter::OneWeek), Version::V12_1).unwrap();
    assert_eq!(old, vector("v48-getitemestimate-request-12.1"));
    for version in [Version::V14_0, Version::V16_1] {
        assert_eq!(estimate_request(&wanted(Filter::OneWeek), version).unwrap(), vector("v49-getitemestimate-request-14"));
    }
    let found = estimate_response(&vector("v50-getitemestimate-response"), &mut nothing_skipped).unwrap();
    assert_eq!(found, [Estimate { status: Status::Own(EstimateStatus::Success), folder: Some("5".into()), count: Some(25) }]);
}

#[test]
fn each_folder_has_its_estimate() {
    let response = |status, inside: Vec<Node>| element(E::Response, vec![leaf(E::Status, status), element(E::Collection, inside)]);
    let decode = |parts: Vec<Node>| estimate_response(&element(E::GetItemEstimate, parts).write().unwrap(), &mut nothing_skipped);
    let found = decode(vec![
        response("1", vec![leaf(E::CollectionId, "a"), leaf(E::Estimate, "7")]),
        response("3", vec![leaf(E::CollectionId, "b")]),
        response("4", vec![]),
        leaf(E::Status, "111"),
    ])
    .unwrap();
    let got: Vec<_> = found.iter().map(|one| (one.folder.as_deref(), one.status.remedy(), one.count)).collect();
    let wanted = [
        (Some("a"), Remedy::Done, Some(7)),
        (Some("b"), Remedy::Restart, None),
        (None, Remedy::Restart, None),
        (None, Remedy::BackOff, None),
    ];
    assert_eq!(got, wanted);
    let broken = vec![leaf(E::CollectionId, "a"), leaf(E::Estimate, "-7")];
    assert_eq!(decode(vec![response("1", broken)]), Err(EasError::Malformed(E::Estimate)));
}
