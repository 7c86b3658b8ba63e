//! UID SEARCH, by ESEARCH where there is one: the answer is a set instead of a list.

use crate::model::Result;
use crate::wire::imap::{Command, Response, Status, StatusKind, UidSet};

use super::{ImapSession, limits};

/// What searches have found so far. Some servers give a long answer in several lines; what stands in any of them is there.
#[derive(Default)]
pub(super) struct Found(Vec<(u32, u32)>);

impl Found {
    /// Takes what is an answer to a search.
    pub fn take(&mut self, response: Response) {
        match response {
            Response::Esearch(esearch) => self.0.extend_from_slice(esearch.all.unwrap_or_default().ranges()),
            Response::Search { mut ids, .. } => {
                ids.sort_unstable();
                self.0.extend_from_slice(UidSet::from_sorted(ids).ranges());
            }
            _ => {}
        }
    }

    pub fn set(self) -> UidSet {
        UidSet::from_ranges(self.0)
    }
}

impl ImapSession {
    /// Queues a search.
    pub(super) fn queue_search(&mut self, criteria: &str) -> Result<String> {
        let returns: &[&str] = if self.caps.has("ESEARCH") { &["ALL"] } else { &[] };
        self.conn.queue(&Command::UidSearch { returns, criteria })
    }

    /// What of a folder's messages fits.
    pub(super) async fn search(&mut self, criteria: &str) -> Result<UidSet> {
        loop {
            let tag = self.queue_search(criteria)?;
            let mut found = Found::default();
            let status = self.conn.complete(&tag, &mut |response| found.take(response)).await?;
            if status.kind == StatusKind::Ok {
                return Ok(found.set());
            }
            self.search_refused(&status)?;
        }
    }

    /// ESEARCH is offered and not understood: the plain form is next. Without a search nothing can be concluded.
    pub(super) fn search_refused(&mut self, status: &Status) -> Result<()> {
        if self.caps.has("ESEARCH") {
            self.caps.forget(&["ESEARCH"]);
            return Ok(());
        }
        Err(self.conn.broke(&format!("refused a search: {}", status.text), &[]))
    }

    /// Which of these are there.
    pub(super) async fn still_there(&mut self, set: &UidSet) -> Result<UidSet> {
        let mut ranges = Vec::new();
        for part in set.chunks(limits::SET_TEXT) {
            ranges.extend_from_slice(self.search(&format!("UID {part}")).await?.ranges());
        }
        Ok(UidSet::from_ranges(ranges))
    }
}
