//! An answer of several parts.

use std::collections::HashMap;

use bytes::BytesMut;

use crate::backend::header::HeaderOnly;
use crate::backend::limits::MESSAGE;
use crate::backend::{BodySink, Missed};
use crate::model::Result;
use crate::net::http::Answer;
use crate::wire::eas::{Command, EasError, FetchDecoder, FetchEvent, Fetched, Multipart, Part as Piece};

use super::super::limits;
use super::super::session::{Link, Tries};
use super::judge::{about_items, judge, owes_octets};
use super::{Batch, Ended, header_only};

impl Link {
    /// An answer of several parts: the document first, which says what the others are.
    pub(super) async fn parts(
        &mut self,
        answer: &mut Answer,
        batch: &mut Batch<'_>,
        sink: &mut dyn BodySink,
        tries: &mut Tries,
    ) -> Result<Ended> {
        let command = Command::ItemOperations;
        let broke = |link: &Self, error: EasError| link.broke(command, error);
        let (mut splitter, mut buf) = (Multipart::new(), BytesMut::new());
        let mut document = BytesMut::new();
        // By number of the part: the message that it is, and whether it must have octets.
        let mut messages: HashMap<usize, (usize, bool)> = HashMap::new();
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
                        let mut message = messages.get(&number).copied();
                        if let Some((empty, true)) = message.filter(|_| length == 0) {
                            batch.settled.push(empty);
                            sink.miss(empty, Missed::Unanswered).await?;
                            message = None;
                        }
                        let message = message.map(|(message, _)| message);
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
                                    messages.insert(part, (message, owes_octets(&one)));
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
}
