//! The folders: brought up to date by FolderSync, told with their paths, made, renamed and removed.

use std::collections::HashMap;

use crate::backend::{FolderInfo, FolderOrder, FolderOutcome};
use crate::model::change::Marks;
use crate::model::{Class, FolderId, FolderPath, Result, Role};
use crate::wire::eas::{
    Command, FolderEdit, FolderStatus, FolderType, Remedy, Status, folder_edited, folder_sync_request, folder_sync_response,
};

use super::device::{Node, Tree};
use super::limits;
use super::session::{Ask, Link, Tries, answered};

/// Folders inside each other.
const DEPTH: usize = 32;
/// The root's id.
const ROOT: &str = "0";

impl Link {
    /// Brings the folders up to date. Some servers tell them in several rounds, so it is asked until nothing comes.
    pub async fn folder_sync(&mut self) -> Result<()> {
        let mut tries = Tries::default();
        for _ in 0..limits::ROUNDS {
            let mut tree = self.device.tree.clone().unwrap_or_default();
            let is_first = tree.key.is_empty();
            let key = if is_first { "0" } else { &tree.key };
            let body = folder_sync_request(key).map_err(|e| self.broke(Command::FolderSync, e))?;
            let octets = self.owed(&Ask::new(Command::FolderSync, body)).await?;
            if std::mem::take(&mut self.reset) && !is_first {
                self.forget_all().await?;
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

    pub fn node(&self, id: &str) -> Option<&Node> {
        self.device.tree.as_ref().and_then(|tree| tree.find(id))
    }

    /// Whether drafts can be put into a folder.
    pub fn is_drafts(&self, id: &str) -> bool {
        self.node(id).is_some_and(|node| node.kind() == FolderType::Drafts)
    }

    pub async fn reshape(&mut self, order: &FolderOrder) -> Result<FolderOutcome> {
        match order {
            FolderOrder::Create { path } => Ok(match self.make(path).await? {
                Ok(_) => FolderOutcome::Done,
                Err(why) => FolderOutcome::Refused(why),
            }),
            FolderOrder::Rename { id, to } => self.rename(&String::from_utf8_lossy(&id.0), to).await,
            FolderOrder::Remove { id } => self.remove(&String::from_utf8_lossy(&id.0)).await,
        }
    }

    /// Makes a folder with those above it, where they are missing. The inner error is a refusal.
    async fn make(&mut self, path: &FolderPath) -> Result<std::result::Result<String, String>> {
        let mut parent = ROOT.to_owned();
        for depth in 1..=path.levels().len() {
            let levels = &path.levels()[..depth];
            let Some(here) = FolderPath::new(levels.iter().cloned()) else { continue };
            if let Some(known) = self.at(&here) {
                parent = known;
                continue;
            }
            let name = levels[depth - 1].clone();
            if let Some(why) = unfit(&name) {
                return Ok(Err(why.into()));
            }
            match self.edit(FolderEdit::Create { parent: &parent, name: &name }).await? {
                Ok(Some(id)) => {
                    let (kind, parent_id) = (FolderType::Mail.code(), parent.clone());
                    self.know(Node { id: id.clone(), parent: parent_id, name, kind }).await?;
                    parent = id;
                }
                Ok(None) => return Ok(Err("it was made, and not named".into())),
                Err(why) => {
                    // It may be there already, made by somebody else meanwhile.
                    self.folder_sync().await?;
                    match self.at(&here) {
                        Some(known) => parent = known,
                        None => return Ok(Err(why)),
                    }
                }
            }
        }
        Ok(Ok(parent))
    }

    /// Records a folder that we have made or renamed, with the key that its edit gave.
    async fn know(&mut self, node: Node) -> Result<()> {
        if let Some(tree) = &mut self.device.tree {
            match tree.folders.iter_mut().find(|known| known.id == node.id) {
                Some(known) => *known = node,
                None => tree.folders.push(node),
            }
        }
        self.remember().await
    }

    async fn rename(&mut self, id: &str, to: &FolderPath) -> Result<FolderOutcome> {
        let there = |link: &Self| link.at(to).is_some_and(|known| known == id);
        if there(self) {
            return Ok(FolderOutcome::Done);
        }
        let Some(node) = self.node(id).cloned() else {
            return Ok(FolderOutcome::Refused("there is no such folder".into()));
        };
        if !matches!(node.kind(), FolderType::Mail | FolderType::Generic) {
            return Ok(FolderOutcome::Refused("it is one of the server's own folders".into()));
        }
        let (name, above) = match to.levels() {
            [above @ .., name] => (name.clone(), FolderPath::new(above.iter().cloned())),
            [] => return Ok(FolderOutcome::Refused("it has no name".into())),
        };
        if let Some(why) = unfit(&name) {
            return Ok(FolderOutcome::Refused(why.into()));
        }
        // Some servers say that they did it, and do not.
        if to.is_inbox() || self.at(to).is_some() {
            return Ok(FolderOutcome::Refused("there is a folder of that name already".into()));
        }
        let parent = match above {
            None => ROOT.to_owned(),
            Some(above) => match self.make(&above).await? {
                Ok(parent) => parent,
                Err(why) => return Ok(FolderOutcome::Refused(why)),
            },
        };
        match self.edit(FolderEdit::Update { id, parent: &parent, name: &name }).await? {
            Ok(_) => {
                self.know(Node { parent, name, ..node }).await?;
                // What lies below may be told anew.
                self.folder_sync().await?;
                Ok(FolderOutcome::Done)
            }
            Err(why) => {
                self.folder_sync().await?;
                Ok(if there(self) { FolderOutcome::Done } else { FolderOutcome::Refused(why) })
            }
        }
    }

    /// FolderDelete takes everything along that is in a folder or below it, so both are looked at first.
    async fn remove(&mut self, id: &str) -> Result<FolderOutcome> {
        let Some(node) = self.node(id).cloned() else { return Ok(FolderOutcome::Done) };
        if !matches!(node.kind(), FolderType::Mail | FolderType::Generic) {
            return Ok(FolderOutcome::Refused("it is one of the server's own folders".into()));
        }
        self.folder_sync().await?;
        if self.node(id).is_none() {
            return Ok(FolderOutcome::Done);
        }
        if self.device.tree.iter().flat_map(|tree| &tree.folders).any(|other| other.parent == id) {
            return Ok(FolderOutcome::Refused("the server would remove the folders below it, too".into()));
        }
        if !self.is_empty(id).await? {
            return Ok(FolderOutcome::Refused("it holds mail".into()));
        }
        match self.edit(FolderEdit::Delete { id }).await? {
            Ok(_) => {
                if let Some(tree) = &mut self.device.tree {
                    tree.folders.retain(|known| known.id != id);
                }
                self.remember().await?;
                // Some servers say so and keep it.
                self.folder_sync().await?;
                let kept = self.node(id).is_some();
                Ok(if kept { FolderOutcome::Refused("the server keeps it".into()) } else { FolderOutcome::Done })
            }
            Err(why) => {
                self.folder_sync().await?;
                Ok(if self.node(id).is_none() { FolderOutcome::Done } else { FolderOutcome::Refused(why) })
            }
        }
    }

    /// Sends one edit. The inner result: the id where there is a new one, or why it was refused.
    async fn edit(&mut self, edit: FolderEdit<'_>) -> Result<std::result::Result<Option<String>, String>> {
        let command = match edit {
            FolderEdit::Create { .. } => Command::FolderCreate,
            FolderEdit::Update { .. } => Command::FolderUpdate,
            FolderEdit::Delete { .. } => Command::FolderDelete,
        };
        let mut tries = Tries::default();
        loop {
            let key = self.device.tree.as_ref().map_or(ROOT, |tree| &tree.key);
            let Ok(body) = edit.encode(key) else { return Ok(Err("no request can hold its name".into())) };
            let octets = match self.owed(&Ask::new(command, body)).await {
                Ok(octets) => octets,
                // Some servers have no other way to say that they will not.
                Err(error) if matches!(answered(&error), Some(500 | 501 | 400)) => return Ok(Err(error.failed)),
                Err(error) => return Err(error),
            };
            let answer = folder_edited(edit, &octets, &mut Self::note(command)).map_err(|e| self.broke(command, e))?;
            match (answer.status.remedy(), answer.key) {
                (Remedy::Done, Some(key)) => {
                    if let Some(tree) = &mut self.device.tree {
                        tree.key = key;
                    }
                    return Ok(Ok(answer.id));
                }
                (Remedy::SyncFolders | Remedy::RestartFolders, _) if tries.folder_syncs == 0 => {
                    tries.folder_syncs += 1;
                    self.folder_sync().await?;
                }
                (Remedy::Refuse | Remedy::Gone | Remedy::SyncFolders | Remedy::RestartFolders | Remedy::Bug, _) => {
                    return Ok(Err(refusal(answer.status)));
                }
                _ => match self.recover(command, answer.status, &mut tries).await {
                    Ok(()) => {}
                    Err(error) if error.class == Class::Rejected => return Ok(Err(error.failed)),
                    Err(error) => return Err(error),
                },
            }
        }
    }
}

/// The path of every folder by its id.
fn paths(tree: &Tree) -> HashMap<&str, FolderPath> {
    let nodes: HashMap<&str, &Node> = tree.folders.iter().map(|node| (node.id.as_str(), node)).collect();
    let path = |node: &Node| {
        let mut levels = vec![level(node)];
        let mut above = node.parent.as_str();
        // A folder above that nobody knows is the root; one that is inside itself ends somewhere.
        while let Some(next) = nodes.get(above).filter(|_| levels.len() < DEPTH) {
            levels.push(level(next));
            above = &next.parent;
        }
        levels.reverse();
        FolderPath::new(levels)
    };
    nodes.values().filter_map(|node| Some((node.id.as_str(), path(node)?))).collect()
}

/// Why no folder is given this name.
fn unfit(name: &str) -> Option<&'static str> {
    if name.chars().any(char::is_control) {
        return Some("no folder has control characters in its name");
    }
    // Folders that have one are taken as they are; of a new one some servers make two levels.
    name.contains('/').then_some("servers differ in what a `/` in a name means")
}

fn refusal(status: Status<FolderStatus>) -> String {
    format!("it answers {status}")
}

/// The name of one level. The Inbox has the name that it has everywhere.
fn level(node: &Node) -> String {
    match node.kind() {
        FolderType::Inbox => "INBOX".into(),
        // No level is empty.
        _ if node.name.trim().is_empty() => format!("({})", node.id),
        _ => node.name.clone(),
    }
}

/// There is no type for junk and archive: their names tell, where they are the usual ones.
fn role(node: &Node) -> Option<Role> {
    match node.kind() {
        FolderType::Inbox => Some(Role::Inbox),
        FolderType::Drafts => Some(Role::Drafts),
        FolderType::DeletedItems => Some(Role::Trash),
        FolderType::SentItems => Some(Role::Sent),
        FolderType::Mail if node.parent == ROOT => match node.name.to_ascii_lowercase().as_str() {
            "junk" | "junk email" | "junk e-mail" | "spam" => Some(Role::Junk),
            "archive" | "archives" => Some(Role::Archive),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_hold_whatever_names_hold() {
        let nodes = [
            ("1", "0", "Posteingang", 2),
            ("2", "1", "a/b", 12),
            ("3", "2", "", 12),
            ("4", "404", "lost", 12),
            ("5", "6", "round", 12),
            ("6", "5", "and round", 12),
            ("7", "0", "Junk E-mail", 12),
            ("8", "7", "Junk", 12),
        ];
        let node =
            |(id, parent, name, kind): (&str, &str, &str, u32)| Node { id: id.into(), parent: parent.into(), name: name.into(), kind };
        let tree = Tree { key: "1".into(), folders: nodes.into_iter().map(node).collect() };
        let paths = paths(&tree);
        let levels = |id: &str| paths[id].levels().to_vec();
        assert!(paths["1"].is_inbox());
        assert_eq!(levels("2"), ["INBOX", "a/b"]);
        assert_eq!(levels("3"), ["INBOX", "a/b", "(3)"]);
        assert_eq!(levels("4"), ["lost"]);
        assert_eq!(levels("5").len(), DEPTH);
        let roles: Vec<Option<Role>> = tree.folders.iter().map(role).collect();
        assert_eq!((roles[0], roles[6], roles[7]), (Some(Role::Inbox), Some(Role::Junk), None));
    }
}
