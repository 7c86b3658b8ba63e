//! Settings (MS-ASCMD 2.2.1.18), as far as it tells what device we are: before 14.1, where Provision does not.

use super::document::{Step, number, required, walk};
use super::status::{Status, statuses};
use super::{DeviceInformation, EasError};
use crate::wire::wbxml::{Tag, page::Settings as S, write};

statuses! {
    /// The status of Settings and of what it sets (MS-ASCMD 2.2.3.177.15).
    SettingsStatus {
        1 Success Done "OK"
        2 ProtocolError Bug "request malformed"
        3 AccessDenied Refuse "access denied"
        4 ServerUnavailable BackOff "server unavailable"
        5 InvalidArguments Bug "values not valid"
        6 ConflictingArguments Bug "values that do not go together"
        7 DeniedByPolicy Refuse "denied by policy"
    }
}

/// The octets of the request that tells what device we are.
pub fn device_request(information: DeviceInformation<'_>) -> Result<Vec<u8>, EasError> {
    Ok(write(S::Settings, |settings| information.put(settings))?)
}

/// Reads the answer: that of the device information, where the whole is well.
pub fn device_response(octets: &[u8], notes: &mut dyn FnMut(Tag)) -> Result<Status<SettingsStatus>, EasError> {
    let (mut whole, mut device) = (None, None);
    walk(S::Settings, octets, notes, |path, step| {
        match (path, step) {
            ([_, S::Status], Step::Leaf(value)) => whole = Some(Status::from_code(number(S::Status, &value)?)),
            // Libraries disagree whether it stands under Set.
            ([_, S::DeviceInformation, .., S::Status], Step::Leaf(value)) => device = Some(Status::from_code(number(S::Status, &value)?)),
            _ => {}
        }
        Ok(())
    })?;
    let whole: Status<SettingsStatus> = required(whole, S::Status)?;
    Ok(device.filter(|_| whole.is_done()).unwrap_or(whole))
}
