//! What device we are, before 14.1.

use super::super::{DeviceInformation, EasError, Remedy, SettingsStatus, Status, device_request, device_response};
use super::{element, leaf, nothing_skipped, tree, vector, without};
use crate::wire::wbxml::page::Settings as S;
use crate::wire::wbxml::write;

const DEVICE: DeviceInformation<'_> =
    DeviceInformation { model: "mailx", friendly_name: "mailx cli", os: "Linux", os_language: "en-us", user_agent: "mailx/1.0" };

#[test]
fn the_request_is_the_vector_and_the_name_of_the_program() {
    let request = tree(&device_request(DEVICE).unwrap());
    assert_eq!(without(&request, &[S::UserAgent]), tree(&vector("v68-settings-deviceinformation-request")));
    let set = vec![
        leaf(S::Model, "mailx"),
        leaf(S::FriendlyName, "mailx cli"),
        leaf(S::OS, "Linux"),
        leaf(S::OSLanguage, "en-us"),
        leaf(S::UserAgent, "mailx/1.0"),
    ];
    assert_eq!(request, element(S::Settings, vec![element(S::DeviceInformation, vec![element(S::Set, set)])]));
}

#[test]
fn the_answer_is_that_of_the_device_where_the_whole_is_well() {
    let read = |octets: &[u8]| device_response(octets, &mut nothing_skipped);
    assert_eq!(read(&vector("v69-settings-deviceinformation-response")), Ok(Status::Own(SettingsStatus::Success)));
    let answer = |whole: Option<u32>, device: Option<u32>| {
        write(S::Settings, |settings| {
            if let Some(code) = whole {
                settings.number(S::Status, code);
            }
            if let Some(code) = device {
                settings.element(S::DeviceInformation, |inside| {
                    inside.number(S::Status, code);
                });
            }
        })
        .unwrap()
    };
    assert_eq!(read(&answer(Some(1), Some(5))), Ok(Status::Own(SettingsStatus::InvalidArguments)));
    assert_eq!(read(&answer(Some(4), Some(1))).map(Status::remedy), Ok(Remedy::BackOff));
    assert_eq!(read(&answer(Some(1), None)), Ok(Status::Own(SettingsStatus::Success)));
    assert_eq!(read(&answer(None, Some(1))), Err(EasError::Missing(S::Status)));
}
