//! Messages by their ids: ItemOperations, many in one request, each streamed from the socket into the sink.
//!
//! An answer of several parts gives the octets as the server has them; in one document they are text, and some servers drop what is no
//! text. One id that is gone makes some servers refuse a whole request: then its messages are asked for one by one.

use std::collections::{HashMap, VecDeque};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::backend::header::HeaderOnly;
use crate::backend::limits::MESSAGE;
use crate::backend::{BodySink, Missed, Part, Want};
use crate::model::Result;
use crate::net::http::Answer;
use crate::wire::eas::{BodyType, Command, EasError, FetchDecoder, FetchEvent, Fetched, Multipart, Part as Piece, Remedy, fetch_request};

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
        let mut tries = Tries::default();
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
            match (&left[..], failed) {
                ([], _) => {}
                ([one], Some(error)) if batch.len() == 1 => {
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

    /// An answer of several parts: the document first, which says what the others are.
    async fn parts(&mut self, answer: &mut Answer, batch: &mut Batch<'_>, sink: &mut dyn BodySink, tries: &mut Tries) -> Result<Ended> {
        let command = Command::ItemOperations;
        let broke = |link: &Self, error: EasError| link.broke(command, error);
        let (mut splitter, mut buf) = (Multipart::new(), BytesMut::new());
        let mut document = BytesMut::new();
        // By number of the part: the message that it is.
        let mut messages: HashMap<usize, usize> = HashMap::new();
        let mut open: Option<(usize, Option<usize>, Option<HeaderOnly>)> = None;
        while let Some(piece) = answer.chunk().await? {
            buf.extend_from_slice(&piece);
            while let Some(next) = splitter.next(&mut buf).map_err(|e| broke(self, e))? {
                match next {
                    Piece::Start { number: 0, length } => {
                        if u64::from(length) > limits::DOCUMENT {
                            return Err(self.broke(command, "its document is too long"));
                        }
                        open = Some((0, None, header_only(batch.part)));
                    }
                    Piece::Start { number, length } => {
                        let message = messages.get(&number).copied();
                        if let Some(message) = message {
                            if u64::from(length) > MESSAGE {
                                batch.settled.push(message);
                                sink.miss(message, Missed::TooLarge).await?;
                                return Ok(Ended::Broken);
                            }
                            sink.begin().await?;
                        }
                        open = Some((number, message, header_only(batch.part)));
                    }
                    Piece::Data(octets) => match &mut open {
                        Some((0, ..)) => document.extend_from_slice(&octets),
                        Some((_, Some(_), filter)) => {
                            if self.ctx.cancel.is_cancelled() {
                                sink.cut().await?;
                                return Ok(Ended::Stopped);
                            }
                            let octets = filter.as_mut().map_or_else(|| octets.clone(), |only| only.take(octets.clone()));
                            if !octets.is_empty() {
                                sink.chunk(octets).await?;
                            }
                        }
                        _ => {}
                    },
                    Piece::End => match open.take() {
                        Some((0, ..)) => {
                            let fetched = self.decode(std::mem::take(&mut document), tries).await?;
                            for (n, one) in fetched.into_iter().enumerate() {
                                if let Some((message, part)) = judge(&one, n, batch, sink, true).await? {
                                    messages.insert(part, message);
                                }
                            }
                        }
                        Some((_, Some(message), _)) => {
                            batch.settled.push(message);
                            sink.end(message).await?;
                        }
                        _ => {}
                    },
                }
            }
        }
        splitter.finish().map_err(|e| broke(self, e))?;
        Ok(Ended::Whole)
    }

    /// The document of an answer of several parts.
    async fn decode(&mut self, mut document: BytesMut, tries: &mut Tries) -> Result<Vec<Fetched>> {
        let command = Command::ItemOperations;
        let (mut decoder, mut all) = (FetchDecoder::new(), Vec::new());
        while let Some(event) = decoder.next(&mut document).map_err(|e| self.broke(command, e))? {
            match event {
                FetchEvent::Status(status) if !status.is_done() && !about_items(status.remedy()) => {
                    self.recover(command, status, tries).await?;
                }
                FetchEvent::Item(item) => all.push(*item),
                _ => {}
            }
        }
        decoder.finish().map_err(|e| self.broke(command, e))?;
        Ok(all)
    }

    /// An answer that is one document, with the messages in it.
    async fn document(&mut self, answer: &mut Answer, batch: &mut Batch<'_>, sink: &mut dyn BodySink, tries: &mut Tries) -> Result<Ended> {
        let command = Command::ItemOperations;
        let (mut decoder, mut buf) = (FetchDecoder::new(), BytesMut::new());
        let (mut began, mut count, mut octets, mut filter, mut any) = (false, 0, 0u64, header_only(batch.part), false);
        while let Some(piece) = answer.chunk().await? {
            any = true;
            buf.extend_from_slice(&piece);
            while let Some(event) = decoder.next(&mut buf).map_err(|e| self.broke(command, e))? {
                match event {
                    FetchEvent::Status(status) if !status.is_done() && !about_items(status.remedy()) => {
                        self.recover(command, status, tries).await?;
                    }
                    FetchEvent::Body(bytes) => {
                        if !began {
                            began = true;
                            (octets, filter) = (0, header_only(batch.part));
                            sink.begin().await?;
                        }
                        octets += bytes.len() as u64;
                        if octets > MESSAGE || self.ctx.cancel.is_cancelled() {
                            sink.cut().await?;
                            // Which message it is, is told behind it.
                            if self.ctx.cancel.is_cancelled() {
                                return Ok(Ended::Stopped);
                            }
                            if let [one] = batch.order[..] {
                                batch.settled.push(one);
                                sink.miss(one, Missed::TooLarge).await?;
                            }
                            return Ok(Ended::Broken);
                        }
                        let bytes = filter.as_mut().map_or_else(|| bytes.clone(), |only| only.take(bytes.clone()));
                        if !bytes.is_empty() {
                            sink.chunk(bytes).await?;
                        }
                    }
                    FetchEvent::Item(item) => {
                        let came = std::mem::take(&mut began);
                        let message = judge(&item, count, batch, sink, false).await?;
                        count += 1;
                        match message {
                            Some((message, _)) => {
                                // A message of no octets.
                                if !came {
                                    sink.begin().await?;
                                }
                                batch.settled.push(message);
                                sink.end(message).await?;
                            }
                            None if came => sink.cut().await?,
                            None => {}
                        }
                    }
                    FetchEvent::Status(_) | FetchEvent::ItemStart => {}
                    FetchEvent::Skipped(tag) => Self::note(command)(tag),
                }
            }
        }
        if !any {
            return Err(self.broke(command, "it is empty"));
        }
        decoder.finish().map_err(|e| self.broke(command, e))?;
        Ok(Ended::Whole)
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

/// Whether a status of the whole request only sums up those of its messages.
fn about_items(remedy: Remedy) -> bool {
    matches!(remedy, Remedy::Gone | Remedy::Refuse | Remedy::Retry)
}

/// Which message is told, and the part that it is, where it comes; one that does not is missed here.
async fn judge(one: &Fetched, n: usize, batch: &mut Batch<'_>, sink: &mut dyn BodySink, in_parts: bool) -> Result<Option<(usize, usize)>> {
    let by_id = one.id.as_deref().and_then(|id| batch.ids.get(id)).copied();
    let message = match (by_id, &one.id) {
        (Some(message), _) => message,
        // Nobody asked for it.
        (None, Some(_)) => return Ok(None),
        (None, None) => match batch.order.get(n) {
            Some(message) => *message,
            None => return Ok(None),
        },
    };
    if batch.settled.contains(&message) {
        return Ok(None);
    }
    let body = one.properties.body;
    let missed = match one.status.remedy() {
        Remedy::Done => match body {
            None => Some(Missed::Unanswered),
            Some(body) if body.truncated => Some(Missed::Refused("it comes cut short".into())),
            Some(body) if body.kind.is_some_and(|kind| kind != BodyType::Mime) => {
                Some(Missed::Refused("it does not come as it was sent, only as text".into()))
            }
            Some(body) => match (in_parts, body.part) {
                (false, _) => return Ok(Some((message, 0))),
                (true, Some(part)) if part > 0 => return Ok(Some((message, part as usize))),
                (true, _) => Some(Missed::Unanswered),
            },
        },
        Remedy::Gone => Some(Missed::Gone),
        // Alone it may fare better.
        Remedy::Retry | Remedy::BackOff if batch.order.len() > 1 => None,
        _ => Some(Missed::Refused(format!("it answers {}", one.status))),
    };
    if let Some(missed) = missed {
        batch.settled.push(message);
        sink.miss(message, missed).await?;
    }
    Ok(None)
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
