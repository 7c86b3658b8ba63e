//! GetItemEstimate (MS-ASCMD 2.2.1.9): about how many changes a Sync would bring. Optional, and need not be exact.

use super::document::{Step, id, number, required, walk};
use super::status::{Status, statuses};
use super::{EasError, Filter, Version, limits};
use crate::wire::wbxml::{Tag, page::AirSync, page::GetItemEstimate as E, write};

/// A folder whose changes are to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EstimateWanted<'a> {
    /// CollectionId.
    pub folder: &'a str,
    /// Its key, not `0`.
    pub key: &'a str,
    /// As in its Sync.
    pub filter: Filter,
}

statuses! {
    /// The status for one folder (MS-ASCMD 2.2.3.177.6).
    EstimateStatus {
        1 Success Done "OK"
        2 InvalidCollection SyncFolders "folder not valid"
        3 NotPrimed Restart "folder was never synced"
        4 InvalidKey Restart "key not valid"
    }
}

/// What the server says of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// Whether it could count.
    pub status: Status<EstimateStatus>,
    /// The folder; none where the status is about the whole request.
    pub folder: Option<String>,
    /// About how many changes there are.
    pub count: Option<u32>,
}

/// The octets of a request. Its shape before 14.0 is another one.
pub fn estimate_request(wanted: &[EstimateWanted<'_>], version: Version) -> Result<Vec<u8>, EasError> {
    let octets = write(E::GetItemEstimate, |estimate| {
        estimate.element(E::Collections, |collections| {
            for one in wanted {
                collections.element(E::Collection, |collection| {
                    if version >= Version::V14_0 {
                        collection.text(AirSync::SyncKey, one.key).text(E::CollectionId, one.folder);
                        collection.element(AirSync::Options, |options| {
                            options.number(AirSync::FilterType, one.filter as u32);
                        });
                    } else {
                        collection.text(E::Class, "Email").text(E::CollectionId, one.folder);
                        collection.number(AirSync::FilterType, one.filter as u32).text(AirSync::SyncKey, one.key);
                    }
                });
            }
        });
    });
    Ok(octets?)
}

/// Reads the answer: one entry for each folder that the server speaks of.
pub fn estimate_response(octets: &[u8], notes: &mut dyn FnMut(Tag)) -> Result<Vec<Estimate>, EasError> {
    let mut all = Vec::new();
    let (mut status, mut folder, mut count) = (None, None, None);
    walk(E::GetItemEstimate, octets, notes, |path, step| {
        match (path, step) {
            ([_, E::Status], Step::Leaf(value)) => {
                all.push(Estimate { status: Status::from_code(number(E::Status, &value)?), folder: None, count: None });
            }
            ([_, E::Response, E::Status], Step::Leaf(value)) => status = Some(Status::from_code(number(E::Status, &value)?)),
            ([_, E::Response, E::Collection, E::CollectionId], Step::Leaf(value)) => folder = Some(id(E::CollectionId, value)?),
            ([_, E::Response, E::Collection, E::Estimate], Step::Leaf(value)) => count = Some(number(E::Estimate, &value)?),
            ([_, E::Response], Step::Close) => {
                all.push(Estimate { status: required(status.take(), E::Status)?, folder: folder.take(), count: count.take() });
            }
            _ => {}
        }
        if all.len() > limits::ANSWERS { Err(EasError::TooMany("answers")) } else { Ok(()) }
    })?;
    Ok(all)
}
