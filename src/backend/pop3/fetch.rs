//! Bodies: RETR and TOP, many under way, each streamed from the socket into the sink.

use std::collections::VecDeque;

use crate::backend::header::HeaderOnly;
use crate::backend::{BodySink, Missed, Part, Want};
use crate::model::{Cursor, Result};
use crate::wire::pop3::Command;

use super::conn::{Expect, Incoming};
use super::cursor::{Known, key};
use super::quirks::HIDDEN;
use super::{Up, limits, renumbered};

/// A message that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Whose it is, for the sink.
    pub index: usize,
    pub number: u32,
    /// Octets as announced.
    pub size: u64,
    /// Nothing else is under way with it: what comes is its answer, whatever its size.
    pub alone: bool,
}

/// What became of one message that was asked for.
enum Came {
    /// All of it, in so many octets; the sink waits for its end.
    Whole(u64),
    Refused(String),
    /// More than the limit; the connection is of no use any more.
    TooLarge,
    /// The run was stopped in the middle.
    Stopped,
}

impl Up {
    pub async fn fetch(&mut self, cursor: &Cursor, wanted: &[Want], part: Part, sink: &mut dyn BodySink) -> Result<()> {
        let known = Known::decode(cursor).filter(|known| !known.is_void(&self.listing, self.quirks)).ok_or_else(renumbered)?;
        debug_assert_eq!(known.by_content, self.listing.by_content);
        let mut asked = Vec::with_capacity(wanted.len());
        let mut unlisted = None;
        for (index, want) in wanted.iter().enumerate() {
            match self.listing.find(&want.id) {
                Some(message) if part == Part::Whole && message.size > self.most_octets => sink.miss(index, Missed::TooLarge).await?,
                Some(message) => asked.push(Asked { index, number: message.number, size: message.size, alone: false }),
                None if self.quirks.hides_fetched => sink.miss(index, Missed::Hidden(HIDDEN.into())).await?,
                // The cursor saw it, so it may be listed again, and would then be taken for known: it stays wanted.
                None if unlisted.get_or_insert_with(|| known.unlisted(&self.listing)).contains(&key(&want.id)) => {
                    sink.miss(index, Missed::Refused("a second session in this run does not list it".into())).await?;
                }
                None => sink.miss(index, Missed::Gone).await?,
            }
        }
        self.stream(asked, part, sink).await
    }

    /// Streams messages of this session into `sink`, in any order.
    pub async fn stream(&mut self, asked: Vec<Asked>, part: Part, sink: &mut dyn BodySink) -> Result<()> {
        let mut waiting: VecDeque<Asked> = asked.into();
        let mut doubted: VecDeque<Asked> = VecDeque::new();
        let (mut flying, mut octets): (VecDeque<Asked>, u64) = (VecDeque::new(), 0);
        // A message that is not what was announced may have swallowed another one's beginning: so many answers behind it may be those of
        // other messages.
        let mut tainted = 0;
        loop {
            if flying.is_empty() && !doubted.is_empty() {
                // Alone, so that nothing but the message itself can be to blame.
                let mut alone = VecDeque::from_iter(doubted.pop_front());
                self.ask_more(&mut alone, &mut flying, &mut octets, part)?;
            } else if tainted == 0 {
                self.ask_more(&mut waiting, &mut flying, &mut octets, part)?;
            }
            let Some(one) = flying.pop_front() else { return Ok(()) };
            octets = octets.saturating_sub(one.size);
            let came = self.take(part, sink).await?;
            if tainted > 0 && matches!(came, Came::Whole(_) | Came::Refused(_)) {
                if matches!(came, Came::Whole(_)) {
                    sink.cut().await?;
                }
                tainted -= 1;
                doubted.push_back(Asked { alone: true, ..one });
                continue;
            }
            match came {
                Came::Stopped => return Ok(()),
                Came::Refused(_) if part == Part::Header && !self.caps.has("TOP") && self.top => {
                    // The header is the beginning of the message; slower, and the same.
                    self.top = false;
                    waiting.push_front(one);
                }
                Came::Refused(why) => sink.miss(one.index, Missed::Refused(why)).await?,
                Came::TooLarge => {
                    sink.miss(one.index, Missed::TooLarge).await?;
                    return Err(self.conn.said("we hung up", "a message goes on beyond the limit"));
                }
                Came::Whole(_) if part == Part::Header => sink.end(one.index).await?,
                Came::Whole(came) => {
                    if let Some(again) = self.end(one, came, sink).await? {
                        doubted.push_back(again);
                        tainted = flying.len();
                    }
                }
            }
            if self.conn.is_cancelled() {
                // What is under way would have to be read to its end.
                self.conn.give_up("the run was stopped");
                return Ok(());
            }
        }
    }

    fn ask_more(&mut self, waiting: &mut VecDeque<Asked>, flying: &mut VecDeque<Asked>, octets: &mut u64, part: Part) -> Result<()> {
        let most = self.in_flight();
        // Many at a time: each alone would be a packet of its own.
        if flying.len() > most / 2 || (!flying.is_empty() && *octets > limits::OCTETS_IN_FLIGHT / 2) {
            return Ok(());
        }
        while flying.len() < most && (flying.is_empty() || *octets < limits::OCTETS_IN_FLIGHT) && !self.conn.is_cancelled() {
            let Some(mut next) = waiting.pop_front() else { break };
            next.alone |= most == 1;
            let command = if part == Part::Header && self.top { Command::Top(next.number) } else { Command::Retr(next.number) };
            self.conn.queue(&command, Expect::Body)?;
            *octets = octets.saturating_add(next.size);
            flying.push_back(next);
        }
        Ok(())
    }

    /// Takes the next answer.
    async fn take(&mut self, part: Part, sink: &mut dyn BodySink) -> Result<Came> {
        let Incoming::Reply(reply) = self.conn.event().await? else {
            return Err(self.conn.broke("sent a message out of turn", &[]));
        };
        if !reply.ok {
            return Ok(Came::Refused(reply.text));
        }
        let mut header = (part == Part::Header).then(HeaderOnly::default);
        let mut octets = 0;
        sink.begin().await?;
        loop {
            let bytes = match self.conn.event().await? {
                Incoming::Body(bytes) => bytes,
                Incoming::End => return Ok(Came::Whole(octets)),
                _ => return Err(self.conn.broke("breaks off a message", &[])),
            };
            octets += bytes.len() as u64;
            let stopped = self.conn.is_cancelled();
            if octets > self.most_octets || stopped {
                sink.cut().await?;
                self.conn.give_up(if stopped { "the run was stopped" } else { "a message goes on beyond the limit" });
                return Ok(if stopped { Came::Stopped } else { Came::TooLarge });
            }
            let bytes = match &mut header {
                Some(header) => header.take(bytes),
                None => bytes,
            };
            if !bytes.is_empty() {
                sink.chunk(bytes).await?;
            }
        }
    }

    /// Ends a message that came to its end. Where its size is not the one that was announced and others are under way, it may have swallowed
    /// the beginning of the next answer: it is asked for again, alone. `Some`: what is to be asked for again.
    async fn end(&mut self, one: Asked, came: u64, sink: &mut dyn BodySink) -> Result<Option<Asked>> {
        // A message without a line end gets one on its way (RFC 1939 §3), which servers do not count.
        let announced = came == one.size || came == one.size.saturating_add(2);
        if announced {
            self.exact += 1;
        } else {
            self.odd += 1;
            if !one.alone && !self.estimates() {
                sink.cut().await?;
                return Ok(Some(Asked { alone: true, ..one }));
            }
        }
        if came == 0 && !announced {
            sink.cut().await?;
            sink.miss(one.index, Missed::Unanswered).await?;
            return Ok(None);
        }
        self.read.insert(one.number);
        // Sizes are estimates on some servers, so a longer message is what the server has. A shorter one may be a part of it, elsewhere.
        if announced || came > one.size || self.estimates() {
            sink.end(one.index).await?;
            return Ok(None);
        }
        // Where a server does not stuff dots, the rest of the message follows, and is no answer. What would not be listed again is not risked.
        if !self.quirks.hides_fetched {
            self.conn.run(&Command::Noop).await?;
        }
        sink.end_short(one.index, self.exact > 0).await?;
        Ok(None)
    }
}
