//! Ping.

use super::super::{CommonStatus, EasError, Ping, PingStatus, Remedy, Status, ping_request, ping_response};
use super::{element, leaf, nothing_skipped, vector};
use crate::wire::wbxml::page::Ping as P;

fn read(name: &str) -> Ping {
    ping_response(&vector(name), &mut nothing_skipped).unwrap()
}

#[test]
fn requests_and_answers_are_the_vectors() {
    assert_eq!(ping_request(480, &["5", "14"]).unwrap(), vector("v43-ping-request"));
    let quiet = Ping { status: Status::Own(PingStatus::Quiet), interval: None, most: None, folders: Vec::new() };
    assert_eq!(read("v44-ping-status1-response"), quiet);
    let changed = read("v45-ping-status2-response");
    assert_eq!((changed.status, changed.folders), (Status::Own(PingStatus::Changed), vec!["5".to_owned()]));
    let interval = read("v46-ping-status5-response");
    assert_eq!((interval.status, interval.interval), (Status::Own(PingStatus::Interval), Some(3540)));
    let folders = read("v47-ping-status6-response");
    assert_eq!((folders.status.remedy(), folders.most), (Remedy::ObeyLimit, Some(200)));
}

#[test]
fn an_answer_has_a_status_and_bounds() {
    let decode = |parts| ping_response(&element(P::Ping, parts).write().unwrap(), &mut nothing_skipped);
    assert_eq!(decode(vec![]), Err(EasError::Missing(P::Status)));
    assert_eq!(decode(vec![leaf(P::Status, "x")]), Err(EasError::Malformed(P::Status)));
    assert_eq!(decode(vec![leaf(P::Status, "142")]).unwrap().status, Status::Common(CommonStatus::DeviceNotProvisioned));
    let many = element(P::Folders, vec![leaf(P::Folder, "a"); 50_001]);
    assert_eq!(decode(vec![leaf(P::Status, "2"), many]), Err(EasError::TooMany("folders")));
}
