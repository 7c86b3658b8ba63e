//! A folder's bookmark: its SyncKey, and what makes it worthless.

use serde::{Deserialize, Serialize};

use crate::model::Cursor;

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
}

impl Bookmark {
    pub fn decode(cursor: &Cursor) -> Option<Self> {
        serde_json::from_slice(&cursor.0).ok()
    }

    pub fn encode(&self) -> Cursor {
        Cursor(serde_json::to_vec(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_comes_back_and_nonsense_is_none() {
        let mark = Bookmark { folder: "mail%2Fa".into(), version: "14.1".into(), base: 1, epoch: u64::MAX, key: "-1".into() };
        assert_eq!(Bookmark::decode(&mark.encode()), Some(mark));
        assert_eq!(Bookmark::decode(&Cursor(b"\x01\x02".to_vec())), None);
        assert_eq!(Bookmark::decode(&Cursor(Vec::new())), None);
    }
}
