//! GetItemEstimate.

use crate::model::Event;
use crate::wire::eas::{Command, EstimateWanted, Filter, estimate_request, estimate_response};

use super::super::session::{Ask, Link};
use super::Look;

impl Link {
    /// Asks the server to count folders that look empty when they are listed from nothing. Some (SOGo on Dovecot) find the mail of a mailbox
    /// only after that.
    pub(super) async fn count(&mut self, looks: &mut [Look], which: Vec<usize>) {
        if which.is_empty() {
            return;
        }
        let counted = self.estimate(&wanted(looks, &which)).await;
        for n in which {
            looks[n].counted = true;
            // Where it cannot count, the listing that was empty holds.
            if counted.is_none() {
                let look = &looks[n];
                let harvest = self.harvest(look, false);
                looks[n].harvest = Some(Ok(harvest));
            }
        }
    }

    /// Where somebody watches, asks how much there is in folders that are listed from nothing; by their first keys, which say nothing of pages.
    pub(super) async fn announce(&mut self, looks: &mut [Look]) {
        if !self.ctx.observer.watches() || self.listing.0 > 0 {
            return;
        }
        let which: Vec<usize> =
            (0..looks.len()).filter(|n| looks[*n].fresh && !looks[*n].announced && looks[*n].harvest.is_none()).collect();
        for n in &which {
            looks[*n].announced = true;
        }
        if let Some(all) = self.estimate(&wanted(looks, &which)).await {
            for n in which {
                looks[n].counted = true;
            }
            self.listing.1 += all;
        }
    }

    /// Tells how far the listing is.
    pub(super) fn tell_listing(&mut self, more: usize) {
        if self.listing.1 > 0 {
            self.listing.0 += more as u64;
            self.ctx.observer.on(&Event::Listing { listed: self.listing.0, of: self.listing.1.max(self.listing.0) });
        }
    }

    /// About how many changes there are in folders; `None` where the server cannot tell.
    async fn estimate(&mut self, wanted: &[EstimateWanted<'_>]) -> Option<u64> {
        if wanted.is_empty() {
            return None;
        }
        let body = estimate_request(wanted, self.version).ok()?;
        let octets = self.ask(&Ask::new(Command::GetItemEstimate, body)).await.ok()?;
        let all = estimate_response(&octets, &mut Self::note(Command::GetItemEstimate)).ok()?;
        Some(all.iter().filter_map(|one| one.count).map(u64::from).sum())
    }
}

fn wanted<'a>(looks: &'a [Look], which: &[usize]) -> Vec<EstimateWanted<'a>> {
    which.iter().map(|n| EstimateWanted { folder: &looks[*n].id, key: &looks[*n].mark.key, filter: Filter::All }).collect()
}
