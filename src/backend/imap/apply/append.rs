//! Uploads: many under way, small ones together in one APPEND where the server has MULTIAPPEND, large ones read while they are sent.
//!
//! An APPEND whose answer is lost may have been stored, so nothing is ever sent again here unless the server has refused it.

use std::collections::VecDeque;

use crate::backend::{Order, Outgoing};
use crate::model::{Class, Error, FlagState, FolderId, Outcome, RemoteId, Result, Scope};
use crate::wire::imap::{Appended, Code, Command, Response, Status, StatusKind, UidSet};

use super::super::conn::{Body, Event};
use super::super::cursor::Position;
use super::super::{ImapSession, limits, remote_id};
use super::flags::names;
use super::refused;

/// A message to be sent.
struct Item<'a> {
    message: &'a dyn Outgoing,
    flags: &'a FlagState,
    date: Option<i64>,
    outcome: Option<Outcome>,
    /// It goes in an APPEND of its own: the one that it shared was refused.
    alone: bool,
}

/// An APPEND under way.
struct Flight {
    tag: String,
    /// Indices of its messages.
    items: Vec<usize>,
    octets: u64,
}

/// One call's uploads.
struct Uploads<'a> {
    mailbox: Vec<u8>,
    position: Position,
    /// Octets of one message at most.
    limit: u64,
    items: Vec<Item<'a>>,
    /// Not sent yet.
    queue: VecDeque<usize>,
    flights: VecDeque<Flight>,
    /// The folder is missing and is to be made; it was.
    make: bool,
    made: bool,
    /// The highest UID that an answer named.
    highest: u32,
}

impl ImapSession {
    /// `full`: the server's words, once there was no space in this call.
    pub(super) async fn append(
        &mut self,
        folder: &FolderId,
        position: Position,
        batch: &[Order],
        full: &mut Option<String>,
    ) -> Result<Vec<Outcome>> {
        let limit = self.check_target(folder, position).await?;
        let items: Vec<Item<'_>> = batch.iter().filter_map(Item::of).collect();
        let queue = (0..items.len()).collect();
        let (mailbox, flights) = (self.wire_name(folder), VecDeque::new());
        let mut uploads = Uploads { mailbox, position, limit, items, queue, flights, make: false, made: false, highest: 0 };
        let error = self.upload(&mut uploads, full).await.err();
        let outcomes = uploads.outcomes();
        match error {
            Some(error) if outcomes.is_empty() => return Err(error),
            Some(error) => {
                tracing::debug!(%error, answered = outcomes.len(), "the line was lost while messages were sent");
                self.conn.give_up(&error);
            }
            None if outcomes.is_empty() => return Err(Error::new(Class::Temporary, super::super::work_on(folder), "the run was stopped")),
            None => {}
        }
        Ok(outcomes)
    }

    /// Asks which epoch the folder is in, because APPEND opens none and its answer may not tell; and how large a message may be. A folder
    /// that is missing is found by APPEND itself.
    async fn check_target(&mut self, folder: &FolderId, position: Position) -> Result<u64> {
        let of_all = self.caps.append_limit();
        let each = of_all.is_none() && self.caps.has("APPENDLIMIT");
        let known = match &self.selected {
            Some(selected) if selected.folder == *folder => {
                self.check_epoch(folder, selected.uid_validity, position.uid_validity)?;
                true
            }
            _ => position.uid_validity == 0,
        };
        let mut limit = of_all.unwrap_or(limits::MESSAGE);
        if known && !each {
            return Ok(limit);
        }
        let (mailbox, mut validity) = (self.wire_name(folder), None);
        let items: &[&str] = if each { &["UIDVALIDITY", "APPENDLIMIT"] } else { &["UIDVALIDITY"] };
        let status = self
            .conn
            .run(&Command::Status { mailbox: &mailbox, items }, |response| {
                if let Response::MailboxStatus(status) = response {
                    validity = status.uid_validity;
                    limit = status.append_limit.unwrap_or(limit);
                }
            })
            .await?;
        // A server that does not say is believed where APPENDUID says it.
        if let Some(is) = validity.filter(|_| status.kind == StatusKind::Ok && !known) {
            self.check_epoch(folder, u32::try_from(is).unwrap_or(0), position.uid_validity)?;
        }
        Ok(limit)
    }

    async fn upload(&mut self, uploads: &mut Uploads<'_>, full: &mut Option<String>) -> Result<()> {
        loop {
            while uploads.has_room() && full.is_none() && !self.ctx.cancel.is_cancelled() {
                self.send_next(uploads).await?;
            }
            if let Some(words) = full {
                uploads.none_of_the_rest(words);
            }
            if uploads.flights.is_empty() {
                if uploads.make {
                    (uploads.make, uploads.made) = (false, true);
                    self.make_target(&uploads.mailbox).await?;
                    continue;
                }
                return Ok(());
            }
            match self.conn.event().await {
                Ok(Event::Response(Response::Status(status))) if status.tag.is_some() => {
                    if uploads.settle(&status, full) == Settled::Unknown {
                        self.caps.forget(&["MULTIAPPEND"]);
                    }
                }
                Ok(Event::Body(bytes)) => self.conn.unasked(bytes.len() as u64),
                Ok(_) => {}
                // Half a message was sent, and the connection is closed, so that the server does not take it for a whole one.
                Err(error) if error.scope == Scope::Message => {
                    uploads.broke_off(&error);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends the next message, or the next few in one command. Each is read before the server hears of it, a large one in part.
    async fn send_next(&mut self, uploads: &mut Uploads<'_>) -> Result<()> {
        let together = if self.caps.has("MULTIAPPEND") { self.conn.message_max.min(limits::READ_AHEAD) } else { 0 };
        let mut flight = Flight { tag: String::new(), items: Vec::new(), octets: 0 };
        let mut bodies = Vec::new();
        while let Some(index) = uploads.queue.front().copied() {
            let item = &mut uploads.items[index];
            let octets = item.message.octets();
            let joins = !item.alone && (1..=together).contains(&octets);
            let fits = flight.items.len() < limits::APPEND_MESSAGES && flight.octets + octets <= limits::APPEND_OCTETS;
            let first = flight.items.is_empty();
            if !first && (!joins || !fits) {
                break;
            }
            uploads.queue.pop_front();
            if octets > uploads.limit {
                item.outcome = Some(Outcome::Refused(format!("the server takes messages of at most {} octets", uploads.limit)));
                continue;
            }
            match Body::open(item.message, limits::READ_AHEAD).await {
                Ok(body) => bodies.push(body),
                Err(error) => {
                    item.outcome = Some(Outcome::Refused(error.failed));
                    continue;
                }
            }
            flight.items.push(index);
            flight.octets += octets;
            if !joins {
                break;
            }
        }
        if flight.items.is_empty() {
            return Ok(());
        }
        let flags: Vec<Vec<&str>> = flight.items.iter().map(|index| names(uploads.items[*index].flags)).collect();
        let appended = flight.items.iter().zip(&flags).map(|(index, flags)| {
            let item = &uploads.items[*index];
            Appended { flags, date: item.date, octets: item.message.octets() }
        });
        let messages: Vec<Appended<'_>> = appended.collect();
        flight.tag = self.conn.queue_with(&Command::Append { mailbox: &uploads.mailbox, messages: &messages }, bodies)?;
        uploads.flights.push_back(flight);
        Ok(())
    }
}

/// What an answer meant.
#[derive(Debug, PartialEq, Eq)]
enum Settled {
    Fine,
    /// Several messages in one command were not understood.
    Unknown,
}

impl<'a> Item<'a> {
    fn of(order: &'a Order) -> Option<Self> {
        let Order::Append { message, flags, date } = order else { return None };
        Some(Self { message: &**message, flags, date: *date, outcome: None, alone: false })
    }
}

impl Uploads<'_> {
    fn has_room(&self) -> bool {
        let octets: u64 = self.flights.iter().map(|flight| flight.octets).sum();
        !self.queue.is_empty() && !self.make && octets < limits::APPEND_OCTETS && self.flights.len() < limits::APPENDS_IN_FLIGHT
    }

    fn none_of_the_rest(&mut self, words: &str) {
        for index in std::mem::take(&mut self.queue) {
            self.items[index].outcome = Some(Outcome::NoRoom(words.to_owned()));
        }
        self.make = false;
    }

    /// A command was answered.
    fn settle(&mut self, status: &Status, full: &mut Option<String>) -> Settled {
        let Some(at) = self.flights.iter().position(|flight| status.tag.as_deref() == Some(&flight.tag)) else { return Settled::Fine };
        let Some(flight) = self.flights.remove(at) else { return Settled::Fine };
        let Some(refusal) = refused(status) else {
            let ids = self.ids(status, flight.items.len());
            for (n, index) in flight.items.iter().enumerate() {
                self.items[*index].outcome = Some(Outcome::Done { id: ids.get(n).cloned() });
            }
            return Settled::Fine;
        };
        if status.kind == StatusKind::No && status.code == Some(Code::TryCreate) && !self.made {
            self.make = true;
            self.again(&flight);
        } else if flight.items.len() > 1 {
            // It is none or all of them (RFC 3502 §6.3.11): one message may have cost the others their place.
            for index in &flight.items {
                self.items[*index].alone = true;
            }
            self.again(&flight);
            return if status.kind == StatusKind::Bad { Settled::Unknown } else { Settled::Fine };
        } else {
            if let Outcome::NoRoom(words) = &refusal {
                full.get_or_insert_with(|| words.clone());
            }
            self.items[flight.items[0]].outcome = Some(refusal);
        }
        Settled::Fine
    }

    /// In front of the queue, in their order.
    fn again(&mut self, flight: &Flight) {
        for index in flight.items.iter().rev() {
            self.queue.push_front(*index);
        }
    }

    /// The ids that APPENDUID names: only in the answer to this very command, in the folder's epoch, one for each message, above all that
    /// was known. Servers are known to swap its numbers; whatever does not fit is not believed, and the caller finds the message itself.
    fn ids(&mut self, status: &Status, count: usize) -> Vec<RemoteId> {
        let Some(Code::AppendUid { uid_validity, uids }) = &status.code else { return Vec::new() };
        let above = self.position.next.max(self.highest.saturating_add(1));
        let fits = |uids: &UidSet| uids.len() == count as u64 && uids.first().is_some_and(|first| first >= above);
        if self.position.uid_validity == 0 || *uid_validity != self.position.uid_validity || !fits(uids) {
            tracing::debug!(uid_validity, ?uids, "the ids of appended messages are not believed");
            return Vec::new();
        }
        self.highest = uids.last().unwrap_or(self.highest);
        uids.iter().map(remote_id).collect()
    }

    /// The message that was being sent broke off; everything sent before it was answered.
    fn broke_off(&mut self, error: &Error) {
        if let Some(flight) = self.flights.pop_front() {
            for index in flight.items {
                self.items[index].outcome = Some(Outcome::Refused(error.failed.clone()));
            }
        }
    }

    /// What is known of the first orders. An answer that is missing between others is lost.
    fn outcomes(self) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(self.items.len());
        let mut known = 0;
        for (index, item) in self.items.into_iter().enumerate() {
            match item.outcome {
                Some(outcome) => {
                    outcomes.push(outcome);
                    known = outcomes.len();
                }
                None if self.flights.iter().any(|flight| flight.items.contains(&index)) => outcomes.push(Outcome::Uncertain),
                None => break,
            }
        }
        outcomes.truncate(known);
        outcomes
    }
}
