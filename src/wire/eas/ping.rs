//! Ping (MS-ASCMD 2.2.1.13): the server answers when something new is in one of the folders, or when the time is up.

use super::document::{Step, id, number, required, walk};
use super::status::{Status, statuses};
use super::{EasError, limits};
use crate::wire::wbxml::{Tag, page::Ping as P, write};

statuses! {
    /// The status of a Ping (MS-ASCMD 2.2.3.177.11). Both 1 and 2 are success.
    PingStatus {
        1 Quiet Done "nothing new"
        2 Changed Done "changes"
        3 Incomplete SendAll "parameters missing"
        4 Malformed Bug "syntax error"
        5 Interval ObeyLimit "heartbeat not in the server's bounds"
        6 TooManyFolders ObeyLimit "too many folders"
        7 Hierarchy SyncFolders "the folders have changed"
        8 ServerError BackOff "server error"
    }
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// How it ended.
    pub status: Status<PingStatus>,
    /// The heartbeat, in seconds, that is nearest to the one that was not allowed.
    pub interval: Option<u32>,
    /// Folders that one request may name.
    pub most: Option<u32>,
    /// Folders in which something changed.
    pub folders: Vec<String>,
}

/// The octets of a request: wait `interval` seconds at most for something new in these folders.
pub fn ping_request(interval: u32, folders: &[&str]) -> Result<Vec<u8>, EasError> {
    let octets = write(P::Ping, |ping| {
        ping.number(P::HeartbeatInterval, interval);
        ping.element(P::Folders, |all| {
            for folder in folders {
                all.element(P::Folder, |one| {
                    one.text(P::Id, folder).text(P::Class, "Email");
                });
            }
        });
    });
    Ok(octets?)
}

/// Reads the answer.
pub fn ping_response(octets: &[u8], notes: &mut dyn FnMut(Tag)) -> Result<Ping, EasError> {
    let (mut status, mut interval, mut most, mut folders) = (None, None, None, Vec::new());
    walk(P::Ping, octets, notes, |path, step| {
        match (path, step) {
            ([_, P::Status], Step::Leaf(value)) => status = Some(Status::from_code(number(P::Status, &value)?)),
            ([_, P::HeartbeatInterval], Step::Leaf(value)) => interval = Some(number(P::HeartbeatInterval, &value)?),
            ([_, P::MaxFolders], Step::Leaf(value)) => most = Some(number(P::MaxFolders, &value)?),
            ([_, P::Folders, P::Folder], Step::Leaf(value)) if !value.is_empty() => folders.push(id(P::Folder, value)?),
            _ => {}
        }
        if folders.len() > limits::FOLDERS { Err(EasError::TooMany("folders")) } else { Ok(()) }
    })?;
    Ok(Ping { status: required(status, P::Status)?, interval, most, folders })
}
