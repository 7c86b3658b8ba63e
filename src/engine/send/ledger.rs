//! What the outbox knows while messages are handed over.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::backend::{Ledger, Letter};
use crate::engine::fetch::{Begun, blocking};
use crate::model::{Class, Error, Result, Verdict};
use crate::store::outbox::{Claim, Outbox, State};

use super::message::{SpooledMessage, letter};
use super::{GIVE_UP, Settled, next, now};

/// Entries that keep the words of a failure that is not theirs alone; more of them would only be written again and again.
const FEW: usize = 16;

/// The messages of a delivery.
pub(super) struct Book {
    outbox: Arc<Outbox>,
    /// `None` = settled.
    claims: Vec<Option<Claim>>,
    settled: Vec<Option<Settled>>,
    /// Which messages the letters of this connection are.
    letters: Vec<usize>,
    /// Messages that are being armed.
    arming: HashMap<usize, Begun<()>>,
    /// The last one that was accepted, while it is removed. The next one goes out meanwhile.
    removing: Option<Begun<()>>,
    removed: bool,
}

impl Book {
    pub fn new(outbox: &Arc<Outbox>, claims: Vec<Claim>) -> Self {
        let settled = claims.iter().map(|_| None).collect();
        let claims = claims.into_iter().map(Some).collect();
        Self { outbox: outbox.clone(), claims, settled, letters: Vec::new(), arming: HashMap::new(), removing: None, removed: false }
    }

    /// How many are settled.
    pub fn settled(&self) -> usize {
        self.settled.iter().flatten().count()
    }

    pub fn is_done(&self) -> bool {
        self.settled.iter().all(Option::is_some)
    }

    /// Letters of those that are not.
    pub fn open_letters(&mut self) -> Result<Vec<Letter>> {
        let mut letters = Vec::new();
        self.letters.clear();
        for (n, claim) in self.claims.iter().enumerate() {
            let Some(claim) = claim else { continue };
            self.letters.push(n);
            letters.push(letter(claim.id.clone(), &claim.entry, SpooledMessage::new(claim.message()?, claim.entry.octets)));
        }
        Ok(letters)
    }

    /// The connection is over: what was armed and not sent is only queued.
    pub async fn next_connection(&mut self) -> Result<()> {
        self.letters.clear();
        for (_, arming) in self.arming.drain() {
            // Whatever it came to is undone.
            let _ = arming.done().await;
        }
        let open: Vec<String> = self.claims.iter().flatten().map(|claim| claim.id.clone()).collect();
        if open.is_empty() {
            return Ok(());
        }
        blocking(&self.outbox, move |outbox| open.iter().try_for_each(|id| outbox.withdraw(id))).await
    }

    /// Says why messages are still here, and makes removals durable.
    pub async fn close(&mut self, error: Option<&Error>) -> Result<()> {
        let open: Vec<usize> = (0..self.claims.len()).filter(|n| self.claims[*n].is_some()).collect();
        let why = error.map(|error| format!("{}: {}", error.tried, error.failed)).filter(|_| open.len() <= FEW);
        let mut failed = self.gone().await.err();
        for n in open {
            let Some(mut claim) = self.claims[n].take() else { continue };
            let why = why.clone();
            let kept = blocking(&self.outbox, move |outbox| {
                if let Some(why) = why {
                    claim.entry.attempts = claim.entry.attempts.saturating_add(1);
                    claim.entry.last = Some(why);
                    let state = conclude(&mut claim).unwrap_or(State::Queued);
                    outbox.settle(&mut claim, state)?;
                }
                Ok(claim)
            });
            match kept.await {
                Ok(claim) => self.settled[n] = Some(settled(&claim, Vec::new(), Some(claim.state))),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if self.removed {
            blocking(&self.outbox, Outbox::flush).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    /// Waits until the last one is removed.
    async fn gone(&mut self) -> Result<()> {
        match self.removing.take() {
            Some(removing) => removing.done().await,
            None => Ok(()),
        }
    }

    pub fn into_settled(self) -> Vec<Settled> {
        self.settled.into_iter().flatten().collect()
    }

    fn message(&self, letter: usize) -> Result<usize> {
        self.letters.get(letter).copied().ok_or_else(|| Error::new(Class::Internal, "send a message", "a letter that nobody wrote"))
    }
}

/// The state that a message belongs into, with the time of its next try; `None` = it is done with.
fn conclude(claim: &mut Claim) -> Option<State> {
    let entry = &mut claim.entry;
    match entry.conclusion() {
        Some(State::Queued) if now().duration_since(entry.queued) >= GIVE_UP => Some(State::Failed),
        Some(State::Queued) => {
            entry.next = Some(next(entry.attempts));
            Some(State::Queued)
        }
        other => other,
    }
}

/// Recipients in doubt, as verdicts.
fn doubts(claim: &Claim) -> impl Iterator<Item = (crate::model::Address, Verdict)> {
    claim.entry.doubts().map(|past| (past.to.clone(), Verdict::Uncertain(past.words.clone())))
}

/// A message of which nobody knows whether it went.
pub fn in_doubt(claim: &Claim) -> Settled {
    settled(claim, doubts(claim).collect(), Some(claim.state))
}

pub(super) fn settled(claim: &Claim, verdicts: Vec<(crate::model::Address, Verdict)>, state: Option<State>) -> Settled {
    let entry = &claim.entry;
    Settled {
        id: claim.id.clone(),
        message_id: entry.message_id.clone(),
        subject: entry.subject.clone(),
        from: entry.from.clone(),
        octets: entry.octets,
        verdicts,
        state,
    }
}

#[async_trait]
impl Ledger for Book {
    fn expect(&mut self, n: usize) {
        let Some(Some(claim)) = self.letters.get(n).and_then(|n| self.claims.get(*n)) else { return };
        let id = claim.id.clone();
        self.arming.insert(n, Begun::work(&self.outbox, move |outbox| outbox.arm(&id)));
    }

    async fn expected(&mut self, n: usize) -> Result<()> {
        let message = self.message(n)?;
        match self.arming.remove(&n) {
            Some(arming) => arming.done().await?,
            None => return Err(Error::new(Class::Internal, "send a message", "it was not announced")),
        }
        let Some(Some(claim)) = self.claims.get(message) else {
            return Err(Error::new(Class::Internal, "send a message", "it is settled"));
        };
        // One rename that is not synced: not worth another thread.
        self.outbox.launch(&claim.id)
    }

    async fn settled(&mut self, n: usize, verdicts: Vec<Verdict>) -> Result<()> {
        let message = self.message(n)?;
        if let Some(arming) = self.arming.remove(&n) {
            // Whatever it came to is overwritten.
            let _ = arming.done().await;
        }
        let Some(mut claim) = self.claims.get_mut(message).and_then(Option::take) else { return Ok(()) };
        let mut told: Vec<_> = claim.entry.to.iter().cloned().zip(verdicts.iter().cloned()).collect();
        // Those of an earlier try are not forgotten over the others.
        told.extend(doubts(&claim));
        claim.entry.attempts = claim.entry.attempts.saturating_add(1);
        claim.entry.take_in(&verdicts);
        let state = conclude(&mut claim);
        self.settled[message] = Some(settled(&claim, told, state));
        let Some(state) = state else {
            let before = self.gone().await;
            self.removed = true;
            self.removing = Some(Begun::work(&self.outbox, move |outbox| {
                // Ours until it is gone: whoever finds it unclaimed takes its sender for dead.
                let claim = claim;
                outbox.remove(&claim.id)
            }));
            return before;
        };
        blocking(&self.outbox, move |outbox| outbox.settle(&mut claim, state)).await
    }
}

/// Of a message that is not queued.
#[derive(Default)]
pub(super) struct Loose {
    pub verdicts: Vec<Verdict>,
}

#[async_trait]
impl Ledger for Loose {
    fn expect(&mut self, _: usize) {}

    async fn expected(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    async fn settled(&mut self, _: usize, verdicts: Vec<Verdict>) -> Result<()> {
        self.verdicts = verdicts;
        Ok(())
    }
}
