//! Orders: flags and deletions in a Sync of the folder, moves by MoveItems, drafts from 16.0 on.
//!
//! What goes there in a Sync moves the folder's key; the server's own changes are not asked for in it, and come with the next listing. An
//! answer that brings some all the same moves nothing: its key would stand for changes that nobody has recorded.

use std::collections::HashMap;
use std::sync::Arc;

use crate::backend::{Order, Outgoing, Step};
use crate::model::{Cursor, Flag, FlagState, FolderId, Outcome, RemoteId, Result, Scope};
use crate::wire::eas::{
    Command, ItemKind, Move, Remedy, Status, SyncCollection, SyncCommand, SyncStatus, Version, move_request, move_response,
};

use super::changes::{Page, wanted};
use super::cursor::Bookmark;
use super::flags::{Setting, are_keywords};
use super::limits;
use super::session::{Ask, Link, Tries};

/// What one order comes to.
enum Plan {
    /// Nothing of it can go there.
    Nothing(FlagState),
    /// Flags of a message, and what of them cannot go there.
    Set(RemoteId, Setting, FlagState),
    Delete(RemoteId),
}

impl Plan {
    /// The message, where keywords of it change.
    fn labelled(&self) -> Option<&RemoteId> {
        match self {
            Self::Set(id, setting, _) if setting.has_keywords() => Some(id),
            _ => None,
        }
    }

    /// All categories that the message has then, where they are known and change.
    fn categories(&self, had: &HashMap<String, Vec<String>>) -> Option<Vec<String>> {
        match self {
            Self::Set(id, setting, _) if setting.has_keywords() => had.get(&*id.0).map(|had| setting.categories(had)),
            _ => None,
        }
    }
}

impl Link {
    /// Carries out the first orders that go together.
    pub async fn apply(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Step> {
        let mark = self.bookmark(folder, cursor)?;
        match orders.first() {
            None => Ok(Step { outcomes: Vec::new(), cursor: None }),
            Some(Order::Move { to, .. }) => {
                let ids = orders.iter().map_while(|order| match order {
                    Order::Move { id, to: same } if same == to => Some(id.clone()),
                    _ => None,
                });
                let ids: Vec<RemoteId> = ids.take(limits::MOVES).collect();
                self.moves(&mark, to, &ids).await
            }
            Some(Order::Append { message, flags, .. }) => self.draft(&mark, message, flags).await,
            Some(_) => {
                let plans = orders.iter().map_while(|order| match order {
                    Order::Delete { id } => Some(Plan::Delete(id.clone())),
                    Order::SetFlags { id, add, remove } => {
                        let (setting, left) = Setting::of(add, remove, are_keywords(self.version));
                        Some(if setting.is_nothing() { Plan::Nothing(left) } else { Plan::Set(id.clone(), setting, left) })
                    }
                    Order::Move { .. } | Order::Append { .. } => None,
                });
                let plans: Vec<Plan> = plans.take(limits::COMMANDS).collect();
                self.commands(&mark, &plans).await
            }
        }
    }

    async fn commands(&mut self, mark: &Bookmark, plans: &[Plan]) -> Result<Step> {
        let labelled: Vec<&RemoteId> = plans.iter().filter_map(Plan::labelled).collect();
        // A change names all categories that a message has then, so those that it has must be known. Where they are not, they stay.
        let had = self.categories(mark, &labelled).await?;
        let wished: Vec<Option<Vec<String>>> = plans.iter().map(|plan| plan.categories(&had)).collect();
        let wished: Vec<Option<Vec<&str>>> =
            wished.iter().map(|all| all.as_ref().map(|all| all.iter().map(String::as_str).collect())).collect();
        let commands = plans.iter().zip(&wished).filter_map(|(plan, categories)| match plan {
            Plan::Nothing(_) => None,
            Plan::Set(id, setting, _) => {
                let nothing = setting.read.is_none() && setting.flag.is_none() && categories.is_none();
                let (read, flag, categories) = (setting.read, setting.flag, categories.as_deref());
                (!nothing).then_some(SyncCommand::Change { id: &id.0, read, flag, categories })
            }
            Plan::Delete(id) => Some(SyncCommand::Delete { id: &id.0 }),
        });
        let commands: Vec<SyncCommand<'_>> = commands.collect();
        let (page, cursor) = if commands.is_empty() { (Page::default(), None) } else { self.submit(mark, &commands).await? };
        // Some servers take categories and keep only those that they know.
        let has = self.categories(mark, &labelled).await?;
        let answers: HashMap<&str, Status<SyncStatus>> =
            page.responses.iter().filter_map(|item| Some((item.id.as_deref()?, item.status?))).collect();
        let mut outcomes = Vec::with_capacity(plans.len());
        for plan in plans {
            // Silence is success.
            let status = |id: &RemoteId| answers.get(&*id.0).copied().filter(|status| !status.is_done());
            outcomes.push(match plan {
                Plan::Nothing(left) => Outcome::Short(left.clone()),
                Plan::Set(id, setting, left) => match status(id) {
                    None => {
                        let unkept = if setting.has_keywords() { setting.unkept(has.get(&*id.0)) } else { Vec::new() };
                        let left = left.either(&FlagState { keywords: unkept, ..FlagState::default() });
                        if left.is_empty() { Outcome::Done { id: None } } else { Outcome::Short(left) }
                    }
                    Some(status) if status.remedy() == Remedy::Gone => Outcome::Gone,
                    Some(status) => Outcome::Refused(format!("it answers {status}")),
                },
                Plan::Delete(id) => match status(id) {
                    None => Outcome::Done { id: None },
                    // Some servers say so of messages that they do not want to remove for good.
                    Some(status) if status.remedy() == Remedy::Gone => {
                        if self.is_there(mark, &id.0).await? {
                            Outcome::Refused("it says that there is no such message, and has it; `expunge = \"trash\"` may work".into())
                        } else {
                            Outcome::Gone
                        }
                    }
                    Some(status) => Outcome::Refused(format!("it answers {status}")),
                },
            });
        }
        Ok(Step { outcomes, cursor })
    }

    /// Sends changes of ours in a Sync of one folder. What was answered, and where the folder stands then.
    async fn submit(&mut self, mark: &Bookmark, commands: &[SyncCommand<'_>]) -> Result<(Page, Option<Cursor>)> {
        let mut tries = Tries::default();
        loop {
            let collection = SyncCollection { commands, ..wanted(mark, None) };
            let mut answer = self.sync(&[collection]).await?;
            let page = answer.folders.remove(&mark.folder);
            let end = page.as_ref().and_then(|page| page.end.as_ref());
            let status = answer.status.or(end.map(|end| end.status).filter(|status| !status.is_done()));
            let Some(status) = status else {
                let Some((page, key)) = page.and_then(|page| page.end.clone().and_then(|end| Some((page, end.key?)))) else {
                    // The changes may have been taken: the next listing tells.
                    let error = self.broke(Command::Sync, "it says nothing of our changes");
                    return Err(error.scope(Scope::Folder));
                };
                let cursor = page.changes.is_empty().then(|| Bookmark { key, ..mark.clone() }.encode());
                return Ok((page, cursor));
            };
            match status.remedy() {
                Remedy::Restart | Remedy::RestartAll => return Err(self.renumbered(&mark.folder)),
                Remedy::SyncFolders if tries.folder_syncs == 0 => {
                    tries.folder_syncs += 1;
                    self.folder_sync().await?;
                }
                _ => self.recover(Command::Sync, status, &mut tries).await?,
            }
        }
    }

    async fn moves(&mut self, mark: &Bookmark, to: &FolderId, ids: &[RemoteId]) -> Result<Step> {
        let target = String::from_utf8_lossy(&to.0).into_owned();
        let refused = |why: &str| Outcome::Refused(why.to_owned());
        if self.node(&target).is_none() {
            let outcomes = ids.iter().map(|_| refused("there is no such folder")).collect();
            return Ok(Step { outcomes, cursor: None });
        }
        let mut outcomes: Vec<Option<Outcome>> = ids.iter().map(|_| None).collect();
        let mut tries = Tries::default();
        loop {
            let open: Vec<usize> = (0..ids.len()).filter(|n| outcomes[*n].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let moves: Vec<Move<'_>> = open.iter().map(|n| Move { message: &ids[*n].0, from: &mark.folder, to: &target }).collect();
            let body = move_request(&moves).map_err(|e| self.broke(Command::MoveItems, e))?;
            let octets = self.owed(&Ask::new(Command::MoveItems, body)).await?;
            let answers = move_response(&octets, &mut Self::note(Command::MoveItems)).map_err(|e| self.broke(Command::MoveItems, e))?;
            let (mut again, mut synced) = (None, false);
            for one in &answers {
                let Some(message) = one.message.as_deref() else {
                    again = Some(one.status);
                    continue;
                };
                let Some(n) = open.iter().copied().find(|n| &*ids[*n].0 == message) else { continue };
                outcomes[n] = match one.status.remedy() {
                    Remedy::Done => Some(Outcome::Moved { to: to.clone(), id: one.new_id.clone().map(|id| RemoteId(id.into())) }),
                    Remedy::Gone => Some(if self.is_there(mark, message).await? {
                        Outcome::Refused(format!("it answers {}", one.status))
                    } else {
                        Outcome::Gone
                    }),
                    Remedy::Retry | Remedy::BackOff if tries.waits < limits::PAUSES.len() => {
                        again = Some(one.status);
                        None
                    }
                    Remedy::SyncFolders if tries.folder_syncs == 0 => {
                        (tries.folder_syncs, synced) = (1, true);
                        self.folder_sync().await?;
                        if self.node(&target).is_none() { Some(refused("there is no such folder any more")) } else { None }
                    }
                    _ => Some(Outcome::Refused(format!("it answers {}", one.status))),
                };
            }
            match again {
                Some(status) => self.recover(Command::MoveItems, status, &mut tries).await?,
                // Whatever it does not speak of, the next listing tells.
                None if synced => {}
                None => break,
            }
        }
        Ok(Step { outcomes: outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Uncertain)).collect(), cursor: None })
    }

    /// Puts a new message among the drafts: the only place that takes one (MS-ASCMD 2.2.3.7.2).
    async fn draft(&mut self, mark: &Bookmark, message: &Arc<dyn Outgoing>, flags: &FlagState) -> Result<Step> {
        let refused = |why: &str| Ok(Step { outcomes: vec![Outcome::Refused(why.to_owned())], cursor: None });
        if self.version < Version::V16_0 || !self.is_drafts(&mark.folder) {
            return refused("it takes no new messages into this folder");
        }
        if message.octets() > limits::DRAFT {
            return refused("it is too large for a draft");
        }
        let mime = match read(message).await {
            Ok(octets) => octets,
            Err(error) if error.scope == Scope::Message => return refused(&error.failed),
            Err(error) => return Err(error),
        };
        let Ok(mime) = String::from_utf8(mime) else { return refused("a draft must be text, in UTF-8") };
        if mime.contains('\0') {
            return refused("a draft has no NUL");
        }
        let client_id = format!("mailx{:x}", self.next_epoch());
        let command = SyncCommand::AddDraft { client_id: &client_id, mime: &mime, read: flags.flags.has(Flag::Seen) };
        let (page, cursor) = self.submit(mark, &[command]).await?;
        let added = page.responses.into_iter().find(|item| item.kind == ItemKind::Added);
        let outcome = match added {
            Some(item) => match (item.status, item.id) {
                (Some(status), _) if !status.is_done() => match status.remedy() {
                    Remedy::TellUser => Outcome::NoRoom(format!("it answers {status}")),
                    _ => Outcome::Refused(format!("it answers {status}")),
                },
                (_, id) => Outcome::Done { id: id.map(|id| RemoteId(id.into())) },
            },
            None => Outcome::Uncertain,
        };
        Ok(Step { outcomes: vec![outcome], cursor })
    }
}

async fn read(message: &Arc<dyn Outgoing>) -> Result<Vec<u8>> {
    let mut pieces = message.open().await?;
    let mut octets = Vec::new();
    while let Some(piece) = pieces.next().await? {
        octets.extend_from_slice(&piece);
    }
    Ok(octets)
}
