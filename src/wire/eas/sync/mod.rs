//! Sync (MS-ASCMD 2.2.1.21): changes of folders, both ways, in pages.

mod request;
mod response;

pub use request::{BodyWanted, Filter, Flagging, SyncCollection, SyncCommand, sync_request};
pub use response::{CollectionEnd, Item, ItemKind, SyncDecoder, SyncEvent};

use super::status::statuses;

statuses! {
    /// The status of a Sync, of a folder or of a message in it (MS-ASCMD 2.2.3.177.17).
    SyncStatus {
        1 Success Done "OK"
        3 InvalidKey Restart "key not valid"
        4 ProtocolError Bug "request malformed"
        5 ServerError BackOff "server error"
        6 ConversionError Refuse "message malformed or not convertible"
        7 Conflict TakeTheirs "changed on both sides"
        8 NotFound Gone "not found"
        9 OutOfSpace TellUser "mailbox full"
        12 HierarchyChanged SyncFolders "folders have changed"
        13 Incomplete SendAll "server has forgotten what was left out"
        14 InvalidInterval ObeyLimit "waiting time out of range"
        15 TooManyFolders ObeyLimit "too many folders at once"
        16 Retry Retry "to be tried again"
    }
}
