//! Orders: what is asked of the server about messages of one folder.

mod append;
mod delete;
mod flags;
mod moves;

use crate::backend::Order;
use crate::model::{Cursor, FolderId, Outcome, Result, Scope};
use crate::wire::imap::{Code, Command, Status, StatusKind};

use super::cursor::Position;
use super::{ImapSession, limits};

impl ImapSession {
    pub(super) async fn carry_out(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Vec<Outcome>> {
        let Some(position) = Position::decode(cursor) else {
            return Err(self.folder_error(folder, "nothing can be changed in it", "its bookmark is of another kind"));
        };
        let silence = self.conn.bear(self.ctx.silence * limits::WORK);
        let outcomes = self.carry_out_all(folder, position, orders).await;
        self.conn.bear(silence);
        outcomes
    }

    async fn carry_out_all(&mut self, folder: &FolderId, position: Position, orders: &[Order]) -> Result<Vec<Outcome>> {
        let (mut outcomes, mut full) = (Vec::with_capacity(orders.len()), None);
        while let Some(rest) = orders.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
            let batch = &rest[..alike(rest)];
            let done = match &batch[0] {
                Order::Append { .. } => self.append(folder, position, batch, &mut full).await,
                _ => self.change(folder, position, batch).await,
            };
            let answered = match done {
                Ok(done) => {
                    let all = done.len() == batch.len();
                    outcomes.extend(done);
                    all
                }
                Err(error) => {
                    if error.scope >= Scope::Session {
                        self.conn.give_up(&error);
                    }
                    if outcomes.is_empty() {
                        return Err(error);
                    }
                    tracing::debug!(%error, answered = outcomes.len(), "the rest of the orders was not answered");
                    false
                }
            };
            // What was not answered is the caller's to settle: it is not even asked for again here.
            if !answered {
                break;
            }
        }
        Ok(outcomes)
    }

    /// Orders of one kind about messages that the folder has.
    async fn change(&mut self, folder: &FolderId, position: Position, batch: &[Order]) -> Result<Vec<Outcome>> {
        if position.uid_validity == 0 {
            let what =
                if matches!(batch[0], Order::Delete { .. }) { "nothing can be deleted in it" } else { "nothing can be changed in it" };
            return Err(self.folder_error(folder, what, "the server does not promise that its UIDs stay"));
        }
        self.select(folder, false, position.uid_validity).await?;
        if self.selected.as_ref().is_some_and(|s| s.read_only) {
            return Ok(batch.iter().map(|_| Outcome::Refused("the folder is read-only".into())).collect());
        }
        match &batch[0] {
            Order::SetFlags { .. } => self.set_flags(batch).await,
            Order::Move { to, .. } => self.move_to(to, batch).await,
            _ => self.delete(folder, batch).await,
        }
    }

    /// Makes a folder that an answer said could be made.
    async fn make_target(&mut self, mailbox: &[u8]) -> Result<()> {
        let status = self.conn.run(&Command::Create(mailbox), drop).await?;
        tracing::debug!(kind = ?status.kind, text = %status.text, "made a folder that was missing");
        self.conn.run(&Command::Subscribe(mailbox), drop).await?;
        Ok(())
    }
}

/// How many of the first orders can be carried out together.
fn alike(orders: &[Order]) -> usize {
    let first = &orders[0];
    let same = |order: &&Order| match (first, *order) {
        (Order::Move { to, .. }, Order::Move { to: other, .. }) => to == other,
        (first, order) => std::mem::discriminant(first) == std::mem::discriminant(order),
    };
    let most = if matches!(first, Order::Append { .. }) { usize::MAX } else { limits::STORE_MESSAGES };
    orders.iter().take(most).take_while(same).count().max(1)
}

/// What became of a command of an extension.
enum Tried {
    /// It was understood; how the server refused.
    Done(Option<Outcome>),
    /// BAD: it is not known after all.
    Unknown,
}

/// The outcome of what was refused: there is no space, or the server will not.
fn refused(status: &Status) -> Option<Outcome> {
    if status.kind == StatusKind::Ok {
        return None;
    }
    // RFC 5530; servers without codes say it in words.
    let no_room = match &status.code {
        Some(Code::Other { name, .. }) => name == "OVERQUOTA" || name == "LIMIT",
        _ => status.kind == StatusKind::No && ["quota", "mailbox is full"].iter().any(|words| status.text.to_lowercase().contains(words)),
    };
    let words = status.text.clone();
    Some(if no_room { Outcome::NoRoom(words) } else { Outcome::Refused(words) })
}
