//! An answer that is one document.

use bytes::BytesMut;

use crate::backend::limits::MESSAGE;
use crate::backend::{BodySink, Missed};
use crate::model::Result;
use crate::net::http::Answer;
use crate::wire::eas::{Command, FetchDecoder, FetchEvent};

use super::super::session::{Link, Tries};
use super::judge::{about_items, judge, owes_octets};
use super::{Batch, Ended, header_only};

impl Link {
    /// An answer that is one document, with the messages in it.
    pub(super) async fn document(
        &mut self,
        answer: &mut Answer,
        batch: &mut Batch<'_>,
        sink: &mut dyn BodySink,
        tries: &mut Tries,
    ) -> Result<Ended> {
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
                            Some((message, _)) if !came && owes_octets(&item) => {
                                batch.settled.push(message);
                                sink.miss(message, Missed::Unanswered).await?;
                            }
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
}
