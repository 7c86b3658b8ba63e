//! A folder's bookmark: its SyncKey, and what makes it worthless.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::model::{Class, Cursor, Error, FolderId, Renumbered, Result, Scope};
use crate::wire::eas::Version;

use super::session::Link;

/// What the state keeps. It is void for another folder, another version of the protocol, and after the server has forgotten everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bookmark {
    /// ServerId of the folder. Some servers take the key of one folder for that of another.
    pub folder: String,
    /// The version that the key was given in.
    pub version: String,
    /// [`super::device::Device::base`].
    pub base: u32,
    /// The listing from nothing that the ids are of.
    pub epoch: u64,
    /// SyncKey.
    pub key: String,
    /// That listing has not come to its end yet.
    #[serde(default)]
    pub unfinished: bool,
}

impl Bookmark {
    /// Of a folder that is not listed yet.
    pub fn nothing(folder: &str, version: Version, base: u32) -> Self {
        Self { folder: folder.into(), version: version.text().into(), base, epoch: 0, key: "0".into(), unfinished: false }
    }

    pub fn decode(cursor: &Cursor) -> Option<Self> {
        serde_json::from_slice(&cursor.0).ok()
    }

    pub fn encode(&self) -> Cursor {
        Cursor(serde_json::to_vec(self).unwrap_or_default().into())
    }
}

impl Link {
    /// Whether a bookmark means something still.
    pub fn holds(&self, mark: &Bookmark, folder: &str) -> bool {
        mark.folder == folder
            && mark.version == self.version.text()
            && mark.base == self.device.base
            && mark.key != "0"
            && !mark.key.is_empty()
    }

    /// Whether this session listed the folder from nothing, and the ids are of that listing.
    pub fn listed_here(&self, mark: &Bookmark) -> bool {
        self.epochs.get(&mark.folder) == Some(&mark.epoch)
    }

    /// A number that no listing from nothing had before.
    pub fn next_epoch(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
        self.epochs.values().copied().max().map_or(now, |last| now.max(last + 1))
    }

    /// The key and the id of a folder; fails where the ids are of another epoch.
    pub fn bookmark(&self, folder: &FolderId, cursor: &Cursor) -> Result<Bookmark> {
        let id = String::from_utf8_lossy(&folder.0).into_owned();
        let mark = Bookmark::decode(cursor).filter(|mark| self.holds(mark, &id));
        mark.filter(|mark| self.epochs.get(&id).is_none_or(|epoch| *epoch == mark.epoch)).ok_or_else(|| self.renumbered(&id))
    }

    /// The ids of a folder mean nothing any more.
    pub fn renumbered(&self, id: &str) -> Box<Error> {
        let failed = "the server has reset it: the ids of its messages are others now";
        Error::new(Class::Partial, format!("work on the folder `{}`", self.name(id)), failed)
            .scope(Scope::Folder)
            .because(Renumbered)
            .hint("the next run matches its messages again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_comes_back_and_nonsense_is_none() {
        let mark =
            Bookmark { folder: "mail%2Fa".into(), version: "14.1".into(), base: 1, epoch: u64::MAX, key: "-1".into(), unfinished: true };
        assert_eq!(Bookmark::decode(&mark.encode()), Some(mark));
        assert_eq!(Bookmark::decode(&Cursor((*b"\x01\x02").into())), None);
        assert_eq!(Bookmark::decode(&Cursor([].into())), None);
    }
}
