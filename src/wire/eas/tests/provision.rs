//! Both phases, and wipe orders.

use super::super::{
    Acknowledgement, CommonStatus, DeviceInformation, EasError, PolicyStatus, Provision, ProvisionStatus, Provisioned, Remedy, Status,
    Version, Wipe, provision_response,
};
use super::{element, leaf, nothing_skipped, tree, vector};
use crate::wire::wbxml::{Tag, page::FolderHierarchy, page::Provision as P};

const DEVICE: DeviceInformation<'_> =
    DeviceInformation { model: "mailx", friendly_name: "mailx cli", os: "Linux", os_language: "en-us", user_agent: "mailx/1.0" };

fn decode(name: &str) -> Provisioned {
    provision_response(&vector(name), &mut nothing_skipped).unwrap()
}

#[test]
fn requests_are_the_vectors() {
    let acknowledge = |status| Provision::Acknowledge { key: 1_307_199_584, status };
    let wiped = |wipe| Provision::AnswerWipe { wipe, obeyed: true };
    for (request, version, name) in [
        (Provision::Ask(DEVICE), Version::V16_1, "v01-provision-initial-request-16.1"),
        (Provision::Ask(DEVICE), Version::V14_1, "v01-provision-initial-request-16.1"),
        (Provision::Ask(DEVICE), Version::V14_0, "v02-provision-initial-request-12.1"),
        (Provision::Ask(DEVICE), Version::V12_1, "v02-provision-initial-request-12.1"),
        (acknowledge(Acknowledgement::Applied), Version::V16_1, "v04-provision-ack-request"),
        (Provision::AskForWipe, Version::V12_1, "v07-provision-wipe-poll-request"),
        (wiped(Wipe::Device), Version::V12_1, "v09-provision-remotewipe-ack-request"),
        (wiped(Wipe::Account), Version::V16_1, "v11-provision-accountwipe-ack-request-16.1"),
    ] {
        assert_eq!(request.encode(version).unwrap(), vector(name), "{name}");
    }
}

#[test]
fn honest_answers_have_their_numbers() {
    let policy = |number| {
        let policy = vec![leaf(P::PolicyType, "MS-EAS-Provisioning-WBXML"), leaf(P::PolicyKey, "7"), leaf(P::Status, number)];
        element(P::Provision, vec![element(P::Policies, vec![element(P::Policy, policy)])])
    };
    for (status, number) in
        [(Acknowledgement::PartlyApplied, "2"), (Acknowledgement::NotApplied, "3"), (Acknowledgement::ManagedByOthers, "4")]
    {
        assert_eq!(tree(&Provision::Acknowledge { key: 7, status }.encode(Version::V16_1).unwrap()), policy(number));
    }
    let refused = Provision::AnswerWipe { wipe: Wipe::Device, obeyed: false }.encode(Version::V14_1).unwrap();
    assert_eq!(tree(&refused), element(P::Provision, vec![element(P::RemoteWipe, vec![leaf(P::Status, "2")])]));
}

#[test]
fn the_first_phase_brings_a_key_and_the_rules() {
    let found = decode("v03-provision-initial-response");
    assert_eq!((found.status, found.device_information, found.wipe), (Status::Own(ProvisionStatus::Success), Some(1), None));
    let policy = found.policy.unwrap();
    assert_eq!((policy.status, policy.key, policy.rules.len()), (Status::Own(PolicyStatus::Success), Some(1_307_199_584), 16));
    let rule = |tag: Tag| policy.rules.iter().find(|rule| rule.0 == tag).map(|rule| rule.1.as_str());
    assert_eq!(rule(P::DevicePasswordEnabled), Some("1"));
    assert_eq!(rule(P::MaxEmailBodyTruncationSize), Some("-1"));
    assert_eq!(rule(P::MaxAttachmentSize), Some(""), "it sets nothing");
    assert_eq!(policy.rules[0].0.name(), Some("DevicePasswordEnabled"));
}

#[test]
fn the_second_phase_brings_the_key() {
    let policy = decode("v05-provision-ack-response").policy.unwrap();
    assert_eq!((policy.status.is_done(), policy.key, policy.rules.len()), (true, Some(3_942_919_513), 0));
}

#[test]
fn no_policy_is_no_key() {
    let found = decode("v06-provision-no-policy-response");
    assert!(found.status.is_done());
    let policy = found.policy.unwrap();
    assert_eq!((policy.status, policy.key), (Status::Own(PolicyStatus::NoPolicy), None));
    assert_eq!(policy.status.remedy(), Remedy::DoWithout);
}

#[test]
fn wipe_orders_are_told_apart() {
    assert_eq!(decode("v08-provision-remotewipe-response").wipe, Some(Wipe::Device));
    assert_eq!(decode("v10-provision-accountwipe-response-16.1").wipe, Some(Wipe::Account));
    for both in [[P::RemoteWipe, P::AccountOnlyRemoteWipe], [P::AccountOnlyRemoteWipe, P::RemoteWipe]] {
        let orders = both.map(|tag| element(tag, vec![]));
        let document = element(P::Provision, [leaf(P::Status, "1")].into_iter().chain(orders).collect());
        assert_eq!(provision_response(&document.write().unwrap(), &mut nothing_skipped).unwrap().wipe, Some(Wipe::Device));
    }
}

#[test]
fn rules_of_lists_stand_beside_the_others() {
    let list = element(P::UnapprovedInROMApplicationList, vec![leaf(P::ApplicationName, "a"), leaf(P::ApplicationName, "b")]);
    let document = element(P::EASProvisionDoc, vec![list, leaf(P::AllowCamera, "0")]);
    let policy = vec![leaf(P::Status, "1"), element(P::Data, vec![document])];
    let document = element(P::Provision, vec![leaf(P::Status, "1"), element(P::Policies, vec![element(P::Policy, policy)])]);
    let found = provision_response(&document.write().unwrap(), &mut nothing_skipped).unwrap();
    let wanted = [(P::ApplicationName, "a"), (P::ApplicationName, "b"), (P::AllowCamera, "0")];
    assert_eq!(found.policy.unwrap().rules, wanted.map(|(tag, value)| (tag, value.to_owned())));
}

#[test]
fn answers_that_are_none() {
    let decode = |octets: &[u8]| provision_response(octets, &mut nothing_skipped);
    let status = |text| element(P::Provision, vec![leaf(P::Status, text)]).write().unwrap();
    assert_eq!(decode(&status("140")).unwrap().status, Status::Common(CommonStatus::RemoteWipeRequested));
    assert_eq!(decode(&status("x")), Err(EasError::Malformed(P::Status)));
    assert_eq!(decode(&status("")), Err(EasError::Malformed(P::Status)));
    assert_eq!(decode(&element(P::Provision, vec![]).write().unwrap()), Err(EasError::Missing(P::Status)));
    assert_eq!(decode(&vector("v16-foldersync-status9-response")), Err(EasError::Root(FolderHierarchy::FolderSync)));
    // 4294967296 does not fit into the key of four octets.
    let policy = element(P::Policy, vec![leaf(P::Status, "1"), leaf(P::PolicyKey, "4294967296")]);
    let document = element(P::Provision, vec![leaf(P::Status, "1"), element(P::Policies, vec![policy])]);
    assert_eq!(decode(&document.write().unwrap()), Err(EasError::Malformed(P::PolicyKey)));
}
