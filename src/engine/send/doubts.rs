//! Messages whose answer was lost, where the server files a copy of what it sends: one that is in the Sent folder was sent.
//!
//! What is not there proves nothing. Nothing is ever sent again because of it.

use std::sync::Arc;

use crate::backend::{LookAt, Part, Session, Want};
use crate::engine::origin::Origin;
use crate::model::{Change, Class, Cursor, Error, FolderId, Need, Result, Role, Verdict};
use crate::store::outbox::{Claim, Outbox};

use super::Settled;
use super::copy::{Headers, done, header_of, sent_by_name};
use super::ledger::settled;

/// Messages that are asked for, the newest: what is looked for was sent a short while ago.
const MOST: usize = 500;
/// Seconds that the server's clock may be behind ours.
const SKEW: i64 = 24 * 3600;
/// What is said of those who have it.
const FOUND: &str = "found in the Sent folder";
/// Pages of a listing.
const PAGES: usize = 10_000;

/// A message that may have been sent.
#[derive(Debug)]
pub struct Doubt {
    claim: Claim,
    origin: Origin,
    found: bool,
}

impl Doubt {
    /// Of an uncertain message; `None` where nothing tells it from others.
    pub fn of(claim: Claim) -> Result<Option<Self>> {
        if claim.entry.message_id.is_none() {
            return Ok(None);
        }
        let origin = Origin::of(&header_of(&claim)?);
        Ok(Some(Self { claim, origin, found: false }))
    }

    /// Looks at a header of the Sent folder.
    pub fn compare(&mut self, header: &[u8]) {
        self.found |= self.origin.is_same(&Origin::of(header));
    }

    /// Whether it was seen there.
    pub fn is_found(&self) -> bool {
        self.found
    }
}

/// Looks into the Sent folder there for those that were not found yet: at what came into it since `known` says where it stood.
pub async fn look_there(
    session: &mut dyn Session,
    doubts: &mut [Doubt],
    known: &(dyn Fn(&FolderId) -> Option<Cursor> + Sync),
) -> Result<()> {
    let folders = session.folders().await?;
    let by_role = folders.iter().find(|folder| folder.role == Some(Role::Sent));
    let Some(sent) = by_role.or_else(|| sent_by_name(&folders)) else { return Ok(()) };
    let since = doubts.iter().filter(|doubt| !doubt.found).map(|doubt| doubt.claim.entry.queued.as_second()).min().unwrap_or(i64::MAX);
    let mut at = LookAt { folder: sent.id.clone(), cursor: known(&sent.id), need: Need::Additions };
    let mut wanted = Vec::new();
    for page in 0.. {
        if page >= PAGES {
            return Err(failed("the listing of the Sent folder has no end"));
        }
        let mut out = |_: usize, change: Change| {
            if let Change::Present(listed) = change
                && listed.date.is_none_or(|date| date >= since.saturating_sub(SKEW))
            {
                wanted.push(Want { id: listed.id, size: listed.size });
            }
        };
        let harvest = session.changes(std::slice::from_ref(&at), &mut out).await?.pop();
        let harvest = harvest.ok_or_else(|| failed("the server does not list its Sent folder"))??;
        at.cursor = Some(harvest.cursor);
        if !harvest.more {
            break;
        }
    }
    let wanted = wanted.split_off(wanted.len().saturating_sub(MOST));
    let Some(cursor) = at.cursor.filter(|_| !wanted.is_empty()) else { return Ok(()) };
    let mut headers = Headers::default();
    session.fetch(&at.folder, &cursor, &wanted, Part::Header, &mut headers).await?;
    for header in headers.whole.values() {
        for doubt in doubts.iter_mut().filter(|doubt| !doubt.found) {
            doubt.compare(header);
        }
    }
    Ok(())
}

/// Settles those that were found as accepted; the others stay as they are.
pub async fn settle_found(outbox: &Arc<Outbox>, doubts: Vec<Doubt>) -> Result<Vec<Settled>> {
    let mut all = Vec::new();
    for mut doubt in doubts.into_iter().filter(|doubt| doubt.found) {
        let entry = &mut doubt.claim.entry;
        let told = entry.doubts().map(|past| (past.to.clone(), Verdict::Accepted(FOUND.into()))).collect();
        entry.clear_doubts(FOUND);
        // Its copy is the one that was found.
        done(outbox, &mut doubt.claim).await?;
        let state = doubt.claim.entry.conclusion();
        all.push(settled(&doubt.claim, told, state));
    }
    Ok(all)
}

fn failed(why: &str) -> Box<Error> {
    Error::new(Class::Partial, "look for a message whose answer was lost", why).safe("it is not sent again on its own")
}
