//! The folders: brought up to date by FolderSync, and told with their paths.

mod paths;
mod reshape;

use crate::backend::FolderInfo;
use crate::model::change::Marks;
use crate::model::{FolderId, FolderPath, Result};
use crate::wire::eas::{Command, FolderType, Remedy, folder_sync_request, folder_sync_response};

use super::device::Node;
use super::limits;
use super::session::{Ask, Link, Tries};

use paths::{paths, role};

/// The root's id.
const ROOT: &str = "0";

impl Link {
    /// Brings the folders up to date. Some servers tell them in several rounds, so it is asked until nothing comes.
    ///
    /// A rehearsal keeps to those that a run has recorded. Some servers (SOGo) tell a device of a change once, whatever key it asks with: what
    /// a rehearsal heard, and may not record, no run would be told any more. Key 0 would be told everything, and void the keys of all folders.
    pub async fn folder_sync(&mut self) -> Result<()> {
        if self.rehearses_folders() {
            return Ok(());
        }
        let mut tries = Tries::default();
        for _ in 0..limits::ROUNDS {
            let mut tree = self.device.tree.clone().unwrap_or_default();
            let is_first = tree.key.is_empty();
            let key = if is_first { "0" } else { &tree.key };
            let body = folder_sync_request(key).map_err(|e| self.broke(Command::FolderSync, e))?;
            let octets = self.owed(&Ask::new(Command::FolderSync, body)).await?;
            if std::mem::take(&mut self.reset) && !is_first {
                self.start_over().await?;
                continue;
            }
            let mut note = Self::note(Command::FolderSync);
            let answer = folder_sync_response(&octets, &mut note).map_err(|e| self.broke(Command::FolderSync, e))?;
            match (answer.status.remedy(), answer.key) {
                (Remedy::Done, Some(key)) => {
                    tree.key = key;
                    if !tree.take(answer.changes) {
                        return Err(self.broke(Command::FolderSync, "too many folders"));
                    }
                    let known = self.device.tree.replace(tree);
                    if known != self.device.tree {
                        self.remember().await?;
                    }
                    // Nothing that was not known: this is all.
                    if known.map(|tree| tree.folders) == self.device.tree.as_ref().map(|tree| tree.folders.clone()) {
                        return Ok(());
                    }
                }
                (Remedy::RestartFolders, _) if tries.restarts == 0 && !is_first => {
                    tries.restarts += 1;
                    self.device.tree = None;
                }
                (Remedy::RestartAll, _) if tries.restarts == 0 => {
                    tries.restarts += 1;
                    self.forget_all().await?;
                }
                _ => self.recover(Command::FolderSync, answer.status, &mut tries).await?,
            }
        }
        Err(self.broke(Command::FolderSync, "the list of folders has no end"))
    }

    /// Whether the folders stay those that a run has recorded.
    pub fn rehearses_folders(&self) -> bool {
        self.ctx.rehearsal && self.device.tree.is_some()
    }

    /// The server wants everything of before forgotten (X-MS-RP): the mailbox may be on another server now, which may speak another version.
    pub async fn start_over(&mut self) -> Result<()> {
        self.options().await?;
        self.forget_all().await
    }

    /// The server has forgotten everything: so do we. Messages are matched again then, none is lost.
    pub async fn forget_all(&mut self) -> Result<()> {
        self.reset = false;
        self.device.base = self.device.base.wrapping_add(1);
        self.device.tree = None;
        self.remember().await
    }

    /// The folders that may hold mail, in the server's order.
    pub fn infos(&self) -> Vec<FolderInfo> {
        let Some(tree) = &self.device.tree else { return Vec::new() };
        let paths = paths(tree);
        let nodes = tree.folders.iter().filter(|node| node.kind().is_mail());
        nodes
            .filter_map(|node| {
                Some(FolderInfo {
                    id: FolderId(node.id.clone().into_bytes()),
                    path: paths.get(node.id.as_str())?.clone(),
                    role: role(node),
                    messages: None,
                    octets: None,
                    marks: Marks::default(),
                })
            })
            .collect()
    }

    /// The id of the folder at a path.
    fn at(&self, path: &FolderPath) -> Option<String> {
        let is_it = |(id, known): &(&str, FolderPath)| known == path && self.node(id).is_some_and(|node| node.kind().is_mail());
        paths(self.device.tree.as_ref()?).into_iter().find(is_it).map(|(id, _)| id.to_owned())
    }

    /// The name of a folder, for words.
    pub fn name(&self, id: &str) -> String {
        self.node(id).map_or_else(|| id.to_owned(), |node| node.name.clone())
    }

    pub fn node(&self, id: &str) -> Option<&Node> {
        self.device.tree.as_ref().and_then(|tree| tree.find(id))
    }

    /// Whether drafts can be put into a folder.
    pub fn is_drafts(&self, id: &str) -> bool {
        self.node(id).is_some_and(|node| node.kind() == FolderType::Drafts)
    }
}
