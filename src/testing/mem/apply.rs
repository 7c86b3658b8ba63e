//! Orders: what the server does with them, and what it denies.

use bytes::Bytes;

use crate::backend::{FolderOrder, FolderOutcome, Order, Step};
use crate::model::caps::{Append, Keywords, Moves};
use crate::model::{Cursor, Error, FlagState, FolderId, Outcome, RemoteId, Result, Role};

use super::account::{Account, Folder, Taking, handle};
use super::changes::remote_id;
use super::fault::Point;
use super::place::Place;
use super::session::{Lost, MemSession, number};

/// Why one order was not answered.
enum Broken {
    /// The connection is gone.
    Lost,
    /// The engine must not ask this.
    Denied(Box<Error>),
}

impl From<Lost> for Broken {
    fn from(Lost: Lost) -> Self {
        Self::Lost
    }
}

impl MemSession {
    pub(super) async fn carry_out(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Step> {
        let before = {
            let server = self.server.clone();
            let mut account = server.lock();
            let folder = self.open_in_epoch(&mut account, folder, cursor)?;
            (folder.next, folder.mod_seq)
        };
        let mut outcomes = Vec::new();
        for order in orders.iter().take(self.manners.orders_at_once.max(1)) {
            match self.one(folder, order).await {
                Ok(outcome) => outcomes.push(outcome),
                Err(Broken::Denied(error)) => return Err(error),
                Err(Broken::Lost) if self.manners.says_uncertain => {
                    outcomes.push(Outcome::Uncertain);
                    break;
                }
                Err(Broken::Lost) if outcomes.is_empty() => return Err(Self::lost()),
                // What was answered is told; the next call fails.
                Err(Broken::Lost) => break,
            }
        }
        let cursor = self.moved_cursor(folder, cursor, before, orders, &outcomes);
        Ok(Step { outcomes, cursor })
    }

    /// The cursor behind these orders, where nothing that it would pass over is unknown to the engine.
    fn moved_cursor(
        &self,
        folder: &FolderId,
        cursor: &Cursor,
        (next, mod_seq): (u64, u64),
        orders: &[Order],
        outcomes: &[Outcome],
    ) -> Option<Cursor> {
        let told = orders.iter().zip(outcomes).all(|(order, outcome)| match (order, outcome) {
            (_, Outcome::Uncertain) => false,
            (Order::Append { .. }, outcome) => !matches!(outcome, Outcome::Done { id: None }),
            _ => true,
        });
        let complete = outcomes.len() == orders.len().min(self.manners.orders_at_once.max(1));
        if !self.manners.orders_move_cursor || !told || !complete {
            return None;
        }
        let place = Place::decode(cursor).filter(|p| p.next == next && p.mod_seq == mod_seq)?;
        let server = self.server.clone();
        let mut account = server.lock();
        let folder = self.open(&mut account, folder).ok()?;
        Some(Place { next: folder.next, mod_seq: folder.mod_seq, count: folder.count(), ..place }.encode())
    }

    async fn one(&mut self, folder: &FolderId, order: &Order) -> Result<Outcome, Broken> {
        self.check(folder, order).map_err(Broken::Denied)?;
        match order {
            Order::Delete { id } => self.delete(folder, id).await,
            Order::SetFlags { id, add, remove } => self.set_flags(folder, id, add, remove).await,
            Order::Move { id, to } => self.relocate(folder, id, to).await,
            Order::Append { message, flags, date } => {
                let Some(body) = read(&**message).await else {
                    return Ok(Outcome::Refused("the message broke off".into()));
                };
                self.append(folder, body, flags, date.unwrap_or(0)).await
            }
        }
    }

    /// What the caps deny must not be asked for.
    fn check(&self, folder: &FolderId, order: &Order) -> Result<()> {
        let (role, to_trash) = {
            let server = self.server.clone();
            let mut account = server.lock();
            let is_path = self.manners.handle_is_path;
            let to_trash = match order {
                Order::Move { to, .. } => account.by_handle(to, is_path).is_some_and(|f| f.role == Some(Role::Trash)),
                _ => false,
            };
            (account.by_handle(folder, is_path).and_then(|f| f.role), to_trash)
        };
        let caps = self.caps;
        let unkept = |flags: &FlagState| {
            !flags.flags.without(caps.flags.push).is_empty() || (caps.flags.keywords == Keywords::No && !flags.keywords.is_empty())
        };
        let denied = match order {
            Order::Append { flags, .. } => match caps.append {
                Append::No => true,
                Append::DraftsOnly => role != Some(Role::Drafts) || unkept(flags),
                Append::Yes { .. } => unkept(flags),
            },
            _ if !self.ids_stay() => true,
            Order::Delete { .. } => !caps.delete.now && !caps.delete.trash,
            Order::SetFlags { add, remove, .. } => unkept(add) || unkept(remove),
            Order::Move { .. } => caps.moves == Moves::No && !(caps.delete.trash && to_trash),
        };
        if denied { Err(self.deny(format!("{order:?}"))) } else { Ok(()) }
    }

    async fn delete(&mut self, folder: &FolderId, id: &RemoteId) -> Result<Outcome, Broken> {
        let (trash, here) = {
            let server = self.server.clone();
            let account = server.lock();
            let is_path = self.manners.handle_is_path;
            let trash = account.folders.iter().find(|f| f.role == Some(Role::Trash)).map(|f| handle(f, is_path));
            (trash.clone(), trash.as_ref() == Some(folder))
        };
        match trash {
            Some(trash) if self.caps.delete.may_keep && !here => Ok(match self.relocate(folder, id, &trash).await? {
                Outcome::Moved { .. } => Outcome::Done { id: None },
                outcome => outcome,
            }),
            _ if self.caps.delete.now => self.removed(folder, id).await,
            Some(trash) if !here => self.relocate(folder, id, &trash).await,
            _ => Ok(Outcome::Refused("messages cannot be removed here one by one".into())),
        }
    }

    /// Removes a message for good.
    async fn removed(&mut self, folder: &FolderId, id: &RemoteId) -> Result<Outcome, Broken> {
        let is_path = self.manners.handle_is_path;
        let work = |account: &mut Account| match writable(account, folder, is_path) {
            Ok(found) => number(id).and_then(|id| found.remove(id)).map_or(Outcome::Gone, |_| Outcome::Done { id: None }),
            Err(refused) => refused,
        };
        Ok(self.step(Point::Effect, work).await?)
    }

    async fn set_flags(&mut self, folder: &FolderId, id: &RemoteId, add: &FlagState, remove: &FlagState) -> Result<Outcome, Broken> {
        let is_path = self.manners.handle_is_path;
        let keeps = self.shown_flags(add);
        let unkept = FlagState { keywords: add.without(&keeps).keywords, ..FlagState::default() };
        let add = FlagState { flags: add.flags, keywords: keeps.keywords };
        let work = |account: &mut Account| {
            let found = match writable(account, folder, is_path) {
                Ok(found) => found,
                Err(refused) => return refused,
            };
            let Some((id, message)) = number(id).and_then(|id| found.messages.get(&id).map(|m| (id, m))) else {
                return Outcome::Gone;
            };
            let flags = message.flags.without(remove).either(&add);
            found.set_flags(id, flags);
            if unkept.is_empty() { Outcome::Done { id: None } } else { Outcome::Short(unkept) }
        };
        Ok(self.step(Point::Effect, work).await?)
    }

    async fn relocate(&mut self, folder: &FolderId, id: &RemoteId, to: &FolderId) -> Result<Outcome, Broken> {
        let is_path = self.manners.handle_is_path;
        let (tells, halves) = match self.caps.moves {
            Moves::Native { tells_id } => (tells_id, false),
            Moves::CopyThenDelete => (false, true),
            Moves::No => (false, false),
        };
        let copy = |account: &mut Account| {
            let message = match writable(account, folder, is_path) {
                Ok(found) => number(id).and_then(|id| found.messages.get(&id).cloned()),
                Err(refused) => return Err(refused),
            };
            let message = message.ok_or(Outcome::Gone)?;
            let target = writable(account, to, is_path)?;
            let copied = target.add(message.body, message.flags, message.date, message.permanent);
            if !halves && let (Ok(found), Some(id)) = (writable(account, folder, is_path), number(id)) {
                found.remove(id);
            }
            Ok(copied)
        };
        let copied = match self.step(Point::Effect, copy).await? {
            Ok(copied) => copied,
            Err(outcome) => return Ok(outcome),
        };
        if halves {
            self.removed(folder, id).await?;
        }
        Ok(Outcome::Moved { to: to.clone(), id: tells.then(|| remote_id(copied)) })
    }

    async fn append(&mut self, folder: &FolderId, body: Bytes, flags: &FlagState, date: i64) -> Result<Outcome, Broken> {
        let is_path = self.manners.handle_is_path;
        let tells = self.caps.append == Append::Yes { tells_id: true };
        let flags = FlagState { flags: flags.flags, keywords: self.shown_flags(flags).keywords };
        let work = |account: &mut Account| {
            if !account.has_room() {
                return Outcome::NoRoom("the mailbox is full".into());
            }
            let (permanent, taking) = (account.number(), account.taking);
            match writable(account, folder, is_path) {
                Ok(found) => {
                    let body = if taking == Taking::Rewritten { [Taking::LINE.as_bytes(), &body].concat().into() } else { body };
                    let id = found.add(body, flags, date, permanent);
                    if taking == Taking::Lost {
                        found.remove(id);
                    }
                    Outcome::Done { id: tells.then(|| remote_id(id)) }
                }
                Err(refused) => refused,
            }
        };
        Ok(self.step(Point::Effect, work).await?)
    }
}

/// The folder, or why nothing can be done in it.
fn writable<'a>(account: &'a mut Account, id: &FolderId, is_path: bool) -> Result<&'a mut Folder, Outcome> {
    match account.by_handle(id, is_path) {
        Some(folder) if folder.read_only => Err(Outcome::Refused("the folder is read-only".into())),
        Some(folder) => Ok(folder),
        None => Err(Outcome::Refused("there is no such folder".into())),
    }
}

/// The bytes of a message on its way; `None` when they are not those that were announced.
async fn read(message: &dyn crate::backend::Outgoing) -> Option<Bytes> {
    let mut pieces = message.open().await.ok()?;
    let mut body = Vec::new();
    while let Some(piece) = pieces.next().await.ok()? {
        body.extend_from_slice(&piece);
    }
    (body.len() as u64 == message.octets()).then(|| body.into())
}

/// Carries out one folder order.
pub(super) fn reshape(account: &mut Account, order: &FolderOrder, is_path: bool) -> FolderOutcome {
    let refused = |why: &str| FolderOutcome::Refused(why.into());
    match order {
        FolderOrder::Create { path } => {
            account.create(path, None);
            FolderOutcome::Done
        }
        FolderOrder::Rename { id, to } => {
            let from = account.by_handle(id, is_path).map(|f| f.path.clone());
            match from {
                Some(from) if from == *to || account.rename(&from, to) => FolderOutcome::Done,
                None if account.by_path(to).is_some() => FolderOutcome::Done,
                Some(_) => refused("the name is taken"),
                None => refused("there is no such folder"),
            }
        }
        FolderOrder::Remove { id } => match account.by_handle(id, is_path) {
            None => FolderOutcome::Done,
            Some(folder) if folder.path.is_inbox() => refused("the INBOX stays"),
            Some(folder) if !folder.messages.is_empty() => refused("there is mail in it"),
            Some(folder) => {
                let gone = folder.number;
                account.folders.retain(|f| f.number != gone);
                FolderOutcome::Done
            }
        },
    }
}
