//! Exchange ActiveSync as meaning on top of WBXML, sans-I/O: requests in, octets out; octets in, responses out (MS-ASHTTP, MS-ASCMD, MS-ASPROV,
//! MS-ASEMAIL, MS-ASAIRS).
//!
//! Nothing here opens a connection, keeps a key or decides what a folder becomes. The session writes a request's octets and its [`Query`], and
//! hands what comes back to the decoder of that request. Small answers are decoded at once; [`SyncDecoder`], [`FetchDecoder`] and
//! [`Multipart`] take octets in any chunks and let message bodies through uncollected.
//!
//! Every status has a type that knows its number, its meaning and its [`Remedy`]; how often a remedy is tried is the session's
//! to bound. Element order in requests is the standard's schema, in answers it is free.

mod command;
mod compose;
mod device;
mod document;
mod email;
mod estimate;
mod fetch;
mod folders;
mod http;
mod moves;
mod multipart;
mod ping;
mod provision;
mod query;
mod settings;
mod status;
mod sync;
mod version;

pub use command::{Command, CommandSet};
pub use compose::{Compose, SendStatus, Source, compose_request, compose_response};
pub use device::{DeviceId, DeviceInformation, DeviceType};
pub use email::{Body, BodyType, FlagStatus, Properties, Verb};
pub use estimate::{Estimate, EstimateStatus, EstimateWanted, estimate_request, estimate_response};
pub use fetch::{FetchDecoder, FetchEvent, FetchStatus, Fetched, fetch_request, properties_request};
pub use folders::{
    Folder, FolderChange, FolderEdit, FolderEdited, FolderStatus, FolderSync, FolderType, folder_edited, folder_sync_request,
    folder_sync_response,
};
pub use http::{HttpStatus, retry_after};
pub use moves::{Move, MoveStatus, Moved, move_request, move_response};
pub use multipart::{Multipart, Part};
pub use ping::{Ping, PingStatus, ping_request, ping_response};
pub use provision::{Acknowledgement, Policy, PolicyStatus, Provision, ProvisionStatus, Provisioned, Wipe, provision_response};
pub use query::{Parameter, Query};
pub use settings::{SettingsStatus, device_request, device_response};
pub use status::{CommonStatus, Known, Remedy, Status};
pub use sync::{
    BodyWanted, CollectionEnd, Filter, Flagging, Item, ItemKind, SyncCollection, SyncCommand, SyncDecoder, SyncEvent, SyncStatus,
    sync_request,
};
pub use version::Version;

use super::wbxml::{Tag, WbxmlError};

#[cfg(test)]
mod tests;

/// What the peer did that ActiveSync does not allow, or what we asked for that it cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EasError {
    /// The octets are no WBXML of ours.
    #[error(transparent)]
    Wbxml(#[from] WbxmlError),
    /// Another document than the one that answers the command.
    #[error("answered with {0}")]
    Root(Tag),
    /// An element that must be there is not.
    #[error("answer without {0}")]
    Missing(Tag),
    /// What an element holds is not what it must hold: no number, no id.
    #[error("malformed {0}")]
    Malformed(Tag),
    /// More of something than there can be.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// The parts of a multipart answer overlap, lie outside of it, or end too early.
    #[error("malformed multipart answer: {0}")]
    Multipart(&'static str),
    /// A request that no server could read.
    #[error("not expressible in a request: {0}")]
    Unencodable(&'static str),
}

/// Bounds on what an answer makes us remember.
pub(crate) mod limits {
    /// Octets of a text that is kept; the rest of it is dropped. To, the longest of the headers, has at most 32,768 characters (MS-ASEMAIL).
    pub const TEXT: usize = 64 << 10;
    /// Octets of an id or a key: 64 characters by MS-ASDTYPE, 256 in a LongId; some servers make longer ones.
    pub const ID: usize = 1024;
    /// Folders in one answer.
    pub const FOLDERS: usize = 50_000;
    /// Rules of a policy; the standard has some 55, two of which may be repeated.
    pub const RULES: usize = 1000;
    /// Categories of a message (MS-ASEMAIL 2.2.2.16: 300).
    pub const CATEGORIES: usize = 300;
    /// Answers in a list that we asked for item by item.
    pub const ANSWERS: usize = 5000;
    /// Parts of a multipart answer: at most 100 items a request, and some patience.
    pub const PARTS: usize = 1024;
}
