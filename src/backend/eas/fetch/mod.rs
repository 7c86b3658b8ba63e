//! Messages by their ids: ItemOperations, many in one request, each streamed from the socket into the sink.
//!
//! An answer of several parts gives the octets as the server has them; in one document they are text, and some servers drop what is no
//! text. One id that is gone makes some servers refuse a whole request: then its messages are asked for one by one.

mod document;
mod judge;
mod parts;

use std::collections::{HashMap, VecDeque};

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::header::HeaderOnly;
use crate::backend::{BodySink, Missed, Part, Want};
use crate::model::Result;
use crate::net::http::Answer;
use crate::wire::eas::{Command, fetch_request};

use super::cursor::Bookmark;
use super::limits;
use super::session::{Ask, Link, Tries, answered};

/// Wanted messages of one request: their places in what was wanted.
struct Batch<'a> {
    ids: HashMap<&'a str, usize>,
    order: Vec<usize>,
    /// Those that were answered.
    settled: Vec<usize>,
    part: Part,
}

/// How one answer ended.
enum Ended {
    Whole,
    /// The connection is left with octets in it that nobody reads.
    Broken,
    Stopped,
}

impl Link {
    /// Streams messages of one folder into `sink`.
    pub async fn fetch(&mut self, mark: &Bookmark, wanted: &[Want], part: Part, sink: &mut dyn BodySink) -> Result<()> {
        let mut batches = batches(wanted);
        let (mut tries, mut refused) = (Tries::default(), 0);
        while let Some(batch) = batches.pop_front() {
            if self.ctx.cancel.is_cancelled() {
                return Ok(());
            }
            let ids: Vec<(&str, &str)> = batch.iter().map(|n| (mark.folder.as_str(), &*wanted[*n].id.0)).collect();
            let body = fetch_request(&ids).map_err(|e| self.broke(Command::ItemOperations, e))?;
            let multipart = !self.masked("MULTIPART");
            let ask = Ask { multipart, most: limits::BODIES, ..Ask::new(Command::ItemOperations, body) };
            let mut state = Batch {
                ids: batch.iter().map(|n| (&*wanted[*n].id.0, *n)).collect(),
                order: batch.clone(),
                settled: Vec::with_capacity(batch.len()),
                part,
            };
            let failed = match self.send(&ask).await {
                Ok(answer) => match self.take(answer, &mut state, sink, &mut tries).await {
                    Ok(Ended::Stopped) => return Ok(()),
                    Ok(_) => None,
                    Err(error) => return Err(error),
                },
                // The web server's refusal may be about one of the messages.
                Err(error) if matches!(answered(&error), Some(400 | 404 | 500 | 501 | 502)) => Some(error),
                Err(error) => return Err(error),
            };
            let left: Vec<usize> = batch.iter().copied().filter(|n| !state.settled.contains(n)).collect();
            if !state.settled.is_empty() {
                refused = 0;
            }
            match (&left[..], failed) {
                ([], _) => {}
                // It is not the messages.
                ([_], Some(error)) if refused == limits::REFUSED => return Err(error),
                ([one], Some(error)) if batch.len() == 1 => {
                    refused += 1;
                    let why = format!("{}; it may be gone: the next listing tells", error.failed);
                    sink.miss(*one, Missed::Refused(why)).await?;
                }
                ([one], None) if batch.len() == 1 => sink.miss(*one, Missed::Unanswered).await?,
                (left, _) => left.iter().rev().for_each(|n| batches.push_front(vec![*n])),
            }
        }
        Ok(())
    }

    async fn take(&mut self, mut answer: Answer, batch: &mut Batch<'_>, sink: &mut dyn BodySink, tries: &mut Tries) -> Result<Ended> {
        let command = Command::ItemOperations;
        self.check_type(command, &answer)?;
        let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if kind.contains("vnd.ms-sync.multipart") {
            self.parts(&mut answer, batch, sink, tries).await
        } else {
            self.document(&mut answer, batch, sink, tries).await
        }
    }

    /// Whether the server gives a message: what an answer is worth that says that it is not there.
    pub async fn is_there(&mut self, mark: &Bookmark, id: &str) -> Result<bool> {
        let body = fetch_request(&[(&mark.folder, id)]).map_err(|e| self.broke(Command::ItemOperations, e))?;
        let ask = Ask { multipart: !self.masked("MULTIPART"), most: limits::BODIES, ..Ask::new(Command::ItemOperations, body) };
        let answer = match self.send(&ask).await {
            Ok(answer) => answer,
            Err(error) if matches!(answered(&error), Some(400 | 404 | 500 | 501)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut sink = Nowhere { gone: false };
        let mut batch = Batch { ids: HashMap::from([(id, 0)]), order: vec![0], settled: Vec::new(), part: Part::Header };
        self.take(answer, &mut batch, &mut sink, &mut Tries::default()).await?;
        // Large, cut short, or refused for another reason: it is there.
        Ok(!sink.gone)
    }
}

/// What lets only the header of a message through, where only that is wanted.
fn header_only(part: Part) -> Option<HeaderOnly> {
    (part == Part::Header).then(HeaderOnly::default)
}

/// Groups of messages that are asked for together.
fn batches(wanted: &[Want]) -> VecDeque<Vec<usize>> {
    let (mut all, mut batch, mut octets) = (VecDeque::new(), Vec::new(), 0u64);
    for (n, want) in wanted.iter().enumerate() {
        let size = want.size.unwrap_or(0);
        if batch.len() == limits::BATCH || (!batch.is_empty() && octets.saturating_add(size) > limits::BATCH_OCTETS) {
            all.push_back(std::mem::take(&mut batch));
            octets = 0;
        }
        batch.push(n);
        octets = octets.saturating_add(size);
    }
    all.extend((!batch.is_empty()).then_some(batch));
    all
}

/// Takes note of a message that is not there.
struct Nowhere {
    gone: bool,
}

#[async_trait]
impl BodySink for Nowhere {
    async fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    async fn chunk(&mut self, _: Bytes) -> Result<()> {
        Ok(())
    }

    async fn end(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        Ok(())
    }

    async fn miss(&mut self, _: usize, why: Missed) -> Result<()> {
        self.gone = why == Missed::Gone;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RemoteId;

    #[test]
    fn batches_are_bounded_by_number_and_by_octets() {
        let want = |size| Want { id: RemoteId("1".into()), size: Some(size) };
        let lengths = |wanted: &[Want]| batches(wanted).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&vec![want(10); 250]), [100, 100, 50]);
        assert_eq!(lengths(&[want(1), want(17 << 20), want(15 << 20), want(1 << 20), want(1)]), [1, 1, 2, 1]);
        assert_eq!(lengths(&[want(u64::MAX), want(u64::MAX)]), [1, 1]);
        assert_eq!(lengths(&[]), [0; 0]);
    }
}
