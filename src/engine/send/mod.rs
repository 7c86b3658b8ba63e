//! `send`: messages of the outbox are handed over, each once.
//!
//! Preparing a message is pure but for its bytes: [`header`] reads and completes it, [`compose`] makes one from options, [`people`] says who
//! may send it and who gets it. [`deliver`] hands over what is queued; the outbox and the ledger see to it that nothing goes twice.

pub mod compose;
mod copy;
mod doubts;
pub mod header;
mod ledger;
mod message;
pub mod people;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::backend::{Ctx, Letter, Submission, Submit};
use crate::model::{Address, Class, Error, Result, Verdict};
use crate::store::clock::{Clock as _, OsClock};
use crate::store::outbox::{Claim, Outbox, Postponed, Spool, State};

use super::fetch::blocking;
use super::fetch::sessions::may_retry;
pub use copy::file_copies;
pub use copy::is_sent_name;
pub use doubts::{Doubt, look_there, settle_found};
use ledger::Book;
pub use ledger::in_doubt;
pub use message::{SpooledMessage, letter};

/// Connections of one run.
const CONNECTIONS: usize = 3;
/// Between the first try and the second; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_hours(4);
/// A message that could not be sent for so long is given up (RFC 5321 §4.5.4.1: four to five days).
const GIVE_UP: SignedDuration = SignedDuration::from_hours(5 * 24);

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its name in the outbox; empty where it was not queued.
    pub id: String,
    /// Its Message-ID.
    pub message_id: Option<String>,
    /// What people call it.
    pub subject: String,
    /// Who sent it.
    pub from: Option<Address>,
    /// Octets.
    pub octets: u64,
    /// What became of it for each recipient of this try; empty where it was not handed over.
    pub verdicts: Vec<(Address, Verdict)>,
    /// Where it stands in the outbox; `None` = it is done with.
    pub state: Option<State>,
}

/// What became of a delivery.
#[derive(Default)]
#[must_use]
pub struct Delivered {
    /// One for each message, in order.
    pub settled: Vec<Settled>,
    /// What stopped it; messages that were not settled are still queued.
    pub error: Option<Box<Error>>,
    /// The connection, where it stands in good order. It may hand over more, and wants to be closed.
    pub session: Option<Box<dyn Submit>>,
}

/// A connection to hand over messages.
pub enum Opened {
    /// One that was made for them, or why there is none.
    New(Result<Box<dyn Submit>>),
    /// One that has handed over others before: it may have come to its end.
    Used(Box<dyn Submit>),
}

/// Hands over queued messages.
pub async fn deliver(outbox: &Arc<Outbox>, way: &dyn Submission, ctx: &Ctx, opened: Opened, claims: Vec<Claim>) -> Delivered {
    let mut book = Book::new(outbox, claims);
    let (session, mut error) = match run(way, ctx, opened, &mut book).await {
        Ok(session) => (session, None),
        Err(error) => (None, Some(error)),
    };
    let closed = book.close(error.as_deref()).await;
    let postponed = postpone(outbox, error.as_deref()).await;
    for failure in [closed, postponed].into_iter().filter_map(Result::err) {
        error.get_or_insert(failure);
    }
    Delivered { settled: book.into_settled(), error, session }
}

/// The connection, where it still stands in the end.
async fn run(way: &dyn Submission, ctx: &Ctx, opened: Opened, book: &mut Book) -> Result<Option<Box<dyn Submit>>> {
    let (mut session, mut used) = match opened {
        Opened::New(session) => (session?, false),
        Opened::Used(session) => (session, true),
    };
    for connection in 1.. {
        let (letters, before) = (book.open_letters()?, book.settled());
        let done = session.submit(&letters, book).await;
        book.next_connection().await?;
        match done {
            Ok(()) => return Ok(Some(session)),
            // Where nothing was settled, the next connection would fare no better, unless this one was not new.
            Err(error)
                if may_retry(&error)
                    && connection < CONNECTIONS
                    && (book.settled() > before || std::mem::take(&mut used))
                    && !ctx.cancel.is_cancelled() =>
            {
                if book.is_done() {
                    return Ok(None);
                }
                tracing::debug!("another connection: {error}");
                session = way.open(ctx).await?;
            }
            // All was settled, the last of it as uncertain: that says it.
            Err(_) if book.is_done() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What stops a delivery stops the next ones, too: they wait. A delivery that ended well ends that.
async fn postpone(outbox: &Arc<Outbox>, error: Option<&Error>) -> Result<()> {
    let why = error.map(|error| format!("{}: {}", error.tried, error.failed));
    blocking(outbox, move |outbox| {
        let before = outbox.postponed();
        let Some(why) = why else { return if before.is_some() { outbox.postpone(None) } else { Ok(()) } };
        let attempts = before.map_or(0, |before| before.attempts).saturating_add(1);
        outbox.postpone(Some(&Postponed { attempts, next: next(attempts), why }))
    })
    .await
}

/// When something is tried again that has failed so often.
fn next(attempts: u32) -> Timestamp {
    let pause = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    now().saturating_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(Timestamp::MAX)
}

fn now() -> Timestamp {
    Timestamp::from_second(OsClock.wall().as_secs().cast_signed()).unwrap_or_default()
}

/// Hands over a message that is not queued: nothing of it is left here whatever happens.
pub async fn deliver_unqueued(session: Result<Box<dyn Submit>>, letter: Letter, mut settled: Settled) -> (Settled, Option<Box<Error>>) {
    let mut book = ledger::Loose::default();
    let done = match session {
        Ok(mut session) => {
            let done = session.submit(std::slice::from_ref(&letter), &mut book).await;
            if done.is_ok() {
                let _ = session.close().await;
            }
            done
        }
        Err(error) => Err(error),
    };
    settled.verdicts = letter.envelope.to.iter().cloned().zip(book.verdicts).collect();
    // A verdict says more than that the connection broke afterwards.
    let error = done.err().filter(|_| settled.verdicts.is_empty());
    (settled, error)
}

/// A message that is written and not enqueued, to be read again.
pub fn unqueued_message(spool: Spool) -> Result<SpooledMessage> {
    let octets = spool.octets;
    Ok(SpooledMessage::new(spool.into_file(), octets))
}

/// Claims what is due in `state`: queued messages, or those whose copy is to be filed. Those that others are at are passed over.
pub fn claim_due(outbox: &Outbox, state: State, most: usize) -> Result<(Vec<Claim>, Vec<Box<Error>>)> {
    let now = now();
    outbox.claim_all(state, most, &|entry| state != State::Queued || entry.next.is_none_or(|next| next <= now))
}

/// Takes a message back into the queue, to be tried at once: for all who surely did not get it; for those in doubt where `doubts` says so, or
/// where there is nobody else. Those who have it do not get it again.
pub fn requeue(outbox: &Outbox, claim: &mut Claim, doubts: bool) -> Result<()> {
    claim.entry.reopen(doubts);
    if claim.entry.to.is_empty() {
        return Err(Error::new(Class::NotFound, format!("send the message {} again", claim.id), "nobody is left who did not get it"));
    }
    claim.entry.next = None;
    claim.entry.queued = now();
    outbox.settle(claim, State::Queued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_growing() {
        let after = |attempts| (next(attempts).as_second() - now().as_second() + 2) / 60;
        assert_eq!([1, 2, 3, 8, 9, 20, u32::MAX].map(after), [1, 2, 4, 128, 240, 240, 240]);
    }
}
