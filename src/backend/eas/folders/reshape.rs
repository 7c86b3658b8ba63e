//! Folders that are made, renamed and removed.

use crate::backend::{FolderOrder, FolderOutcome};
use crate::model::{Class, FolderPath, Result};
use crate::wire::eas::{Command, FolderEdit, FolderStatus, FolderType, Remedy, Status, folder_edited};

use super::super::device::Node;
use super::super::session::{Ask, Link, Tries, answered};
use super::ROOT;

impl Link {
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
