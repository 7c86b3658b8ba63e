//! What is remembered of an account: who we are to the server, what it knows of us, its folders and their key.
//!
//! The key of the folders goes with the folders that it stands for, in one write: a crash loses neither alone. Key 0 would make some
//! servers forget every folder's key, so it is only asked for where none is known.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::backend::Memory;
use crate::model::{Class, Error, Hash, Result};
use crate::wire::eas::{Folder, FolderChange, FolderType, Version};

use super::limits;

/// What the state has of it, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Device {
    /// DeviceId.
    pub id: String,
    /// Where the server is, when it has sent us elsewhere.
    pub url: Option<String>,
    /// The version that is spoken.
    pub version: Option<String>,
    /// It takes the base64 spelling of the query, and has refused the plain one.
    pub base64: bool,
    /// The commands that the server lists.
    pub commands: String,
    /// The server was asked for a policy once.
    pub asked: bool,
    /// What it said.
    pub policy: Option<KnownPolicy>,
    /// The server was told what device this is, where Provision does not tell.
    pub introduced: bool,
    /// It wants to wipe this device (`device`) or the account's data (`account`).
    pub wipe: Option<String>,
    /// Goes up when the server makes all keys void at once.
    pub base: u32,
    /// The folders, where they are known.
    pub tree: Option<Tree>,
}

/// A policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownPolicy {
    /// The key that says that we know it.
    pub key: u32,
    /// Its rules: element and value.
    pub rules: Vec<(String, String)>,
}

/// The folders as of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tree {
    /// The key.
    pub key: String,
    /// In the server's order.
    pub folders: Vec<Node>,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Node {
    /// ServerId.
    pub id: String,
    /// That of the folder above; `0` is the root.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its type's number.
    pub kind: u32,
}

impl Node {
    pub fn kind(&self) -> FolderType {
        FolderType::from_code(self.kind)
    }
}

impl From<Folder> for Node {
    fn from(folder: Folder) -> Self {
        Self { id: folder.id, parent: folder.parent, name: folder.name, kind: folder.kind.code() }
    }
}

impl Tree {
    /// Takes in what changed. `false`: there would be too many.
    pub fn take(&mut self, changes: Vec<FolderChange>) -> bool {
        for change in changes {
            match change {
                FolderChange::Add(folder) | FolderChange::Update(folder) => {
                    match self.folders.iter_mut().find(|known| known.id == folder.id) {
                        Some(known) => *known = folder.into(),
                        None => self.folders.push(folder.into()),
                    }
                }
                FolderChange::Delete(id) => self.folders.retain(|known| known.id != id),
            }
        }
        self.folders.len() <= limits::FOLDERS
    }

    pub fn find(&self, id: &str) -> Option<&Node> {
        self.folders.iter().find(|node| node.id == id)
    }
}

impl Device {
    /// What is remembered; where there is nothing, or nothing that can be read, a new start with the id that `seed` always gives.
    pub async fn recall(memory: &dyn Memory, seed: &str) -> Result<Self> {
        let known: Option<Self> = memory.recall().await?.and_then(|text| serde_json::from_str(&text).ok());
        let known = known.filter(|device| !device.id.is_empty());
        Ok(known.unwrap_or_else(|| Self { id: id_of(seed), ..Self::default() }))
    }

    pub async fn remember(&self, memory: &dyn Memory) -> Result<()> {
        let text = serde_json::to_string(self).map_err(|e| Error::new(Class::Internal, "remember the account", e.to_string()))?;
        memory.remember(&text).await
    }

    /// No command of it has been carried out yet, as far as is known.
    pub fn is_new(&self) -> bool {
        !self.asked && self.tree.is_none()
    }

    /// The version that was spoken last.
    pub fn version(&self) -> Option<Version> {
        self.version.as_deref().and_then(Version::from_text)
    }
}

/// 32 letters and digits, the most that servers are known to take.
fn id_of(seed: &str) -> String {
    let hex = Hash(Sha256::digest(seed.as_bytes()).into()).to_string();
    format!("mailx{}", &hex[..27])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory::Ram;
    use crate::wire::eas::DeviceId;

    fn folder(id: &str, parent: &str, name: &str) -> Folder {
        Folder { id: id.into(), parent: parent.into(), name: name.into(), kind: FolderType::Mail }
    }

    #[tokio::test]
    async fn an_id_is_the_same_until_it_is_remembered_and_then_for_ever() {
        let memory = Ram::default();
        let first = Device::recall(&memory, "a").await.unwrap();
        assert!(DeviceId::new(&first.id).is_ok());
        assert_eq!(first, Device::recall(&memory, "a").await.unwrap());
        assert_ne!(first, Device::recall(&memory, "b").await.unwrap());
        first.remember(&memory).await.unwrap();
        assert_eq!(first, Device::recall(&memory, "b").await.unwrap());
        memory.remember("{ \"id\": 7 }").await.unwrap();
        assert_ne!(Device::recall(&memory, "b").await.unwrap(), first, "what cannot be read is a new start");
    }

    #[test]
    fn folders_are_added_renamed_and_removed() {
        let mut tree = Tree::default();
        assert!(tree.take(vec![FolderChange::Add(folder("1", "0", "a")), FolderChange::Add(folder("2", "1", "b/c"))]));
        assert!(tree.take(vec![FolderChange::Update(folder("2", "0", "d")), FolderChange::Delete("1".into())]));
        // An Update of one that nobody knows, an Add of one that is known.
        assert!(tree.take(vec![FolderChange::Update(folder("3", "2", "e")), FolderChange::Add(folder("2", "0", "f"))]));
        let names: Vec<&str> = tree.folders.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["f", "e"]);
        assert_eq!(tree.find("3").map(|node| node.parent.as_str()), Some("2"));
    }
}
