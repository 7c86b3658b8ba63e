//! GetItemEstimate.

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
        let wanted: Vec<EstimateWanted<'_>> =
            which.iter().map(|n| EstimateWanted { folder: &looks[*n].id, key: &looks[*n].mark.key, filter: Filter::All }).collect();
        let counted = self.estimate(&wanted).await;
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

    /// About how many changes there are in folders; `None` where the server cannot tell.
    async fn estimate(&mut self, wanted: &[EstimateWanted<'_>]) -> Option<u64> {
        let body = estimate_request(wanted, self.version).ok()?;
        let octets = self.ask(&Ask::new(Command::GetItemEstimate, body)).await.ok()?;
        let all = estimate_response(&octets, &mut Self::note(Command::GetItemEstimate)).ok()?;
        Some(all.iter().filter_map(|one| one.count).map(u64::from).sum())
    }
}
