//! Bodies: RETR and TOP, many under way, each streamed from the socket into the sink.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::backend::{BodySink, Missed, Part, Want};
use crate::model::{Cursor, Result};
use crate::wire::pop3::Command;

use super::conn::{Expect, Incoming};
use super::cursor::Known;
use super::{Up, limits, renumbered};

/// A message that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Whose it is, for the sink.
    pub index: usize,
    pub number: u32,
    /// Octets as announced.
    pub size: u64,
    /// It came before, with so many octets.
    pub again: Option<u64>,
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
        for (index, want) in wanted.iter().enumerate() {
            match self.listing.find(&want.id) {
                Some(message) if part == Part::Whole && message.size > self.most_octets => sink.miss(index, Missed::TooLarge).await?,
                Some(message) => asked.push(Asked { index, number: message.number, size: message.size, again: None }),
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
        loop {
            if flying.is_empty() && waiting.is_empty() {
                // Alone, so that nothing but the message itself can be to blame.
                waiting.extend(doubted.pop_front());
            }
            self.ask_more(&mut waiting, &mut flying, &mut octets, part)?;
            let Some(one) = flying.pop_front() else { return Ok(()) };
            octets = octets.saturating_sub(one.size);
            match self.take(part, sink).await? {
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
                Came::Whole(came) => self.end(one, came, &mut doubted, sink).await?,
            }
            if self.conn.is_cancelled() {
                // What is under way would have to be read to its end.
                self.conn.give_up("the run was stopped");
                return Ok(());
            }
        }
    }

    fn ask_more(&mut self, waiting: &mut VecDeque<Asked>, flying: &mut VecDeque<Asked>, octets: &mut u64, part: Part) -> Result<()> {
        let most = if self.pipelining() { limits::IN_FLIGHT } else { 1 };
        // Many at a time: each alone would be a packet of its own.
        if flying.len() > most / 2 || (!flying.is_empty() && *octets > limits::OCTETS_IN_FLIGHT / 2) {
            return Ok(());
        }
        while flying.len() < most && (flying.is_empty() || *octets < limits::OCTETS_IN_FLIGHT) && !self.conn.is_cancelled() {
            let Some(next) = waiting.pop_front() else { break };
            let command = if part == Part::Header && self.top { Command::Top(next.number) } else { Command::Retr(next.number) };
            self.conn.queue(&command, Expect::Body)?;
            *octets = octets.saturating_add(next.size);
            flying.push_back(next);
        }
        Ok(())
    }

    /// Takes the next answer.
    async fn take(&mut self, part: Part, sink: &mut dyn BodySink) -> Result<Came> {
        let reply = self.conn.reply().await?;
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

    /// Ends a message that came whole, unless it is not what was announced: then it is asked for once more. What comes twice alike is what
    /// the server has, and its sizes are estimates; what does not is no message to rely on.
    async fn end(&mut self, one: Asked, came: u64, doubted: &mut VecDeque<Asked>, sink: &mut dyn BodySink) -> Result<()> {
        // A message without a line end gets one on its way (RFC 1939 §3), which servers do not count.
        let announced = came == one.size || came == one.size.saturating_add(2);
        match one.again {
            _ if announced || self.sizes_differ => {}
            None => {
                sink.cut().await?;
                doubted.push_back(Asked { again: Some(came), ..one });
                return Ok(());
            }
            Some(before) if before == came => self.sizes_differ = true,
            Some(before) => {
                sink.cut().await?;
                let why = format!("it came with {before} octets, then with {came}, and {} were announced", one.size);
                return sink.miss(one.index, Missed::Refused(why)).await;
            }
        }
        self.read.insert(one.number);
        sink.end(one.index).await
    }
}

/// Lets a header block through, with the empty line behind it, and nothing else: TOP gives lines of the body where a server wants it so.
struct HeaderOnly {
    /// The last octets, at most three: an end may lie across pieces.
    tail: Vec<u8>,
    done: bool,
}

impl Default for HeaderOnly {
    fn default() -> Self {
        // A message may begin with the empty line.
        Self { tail: b"\r\n".to_vec(), done: false }
    }
}

impl HeaderOnly {
    fn take(&mut self, bytes: Bytes) -> Bytes {
        if self.done {
            return Bytes::new();
        }
        let window = [&self.tail[..], &bytes[..]].concat();
        if let Some(at) = memchr::memmem::find(&window, b"\r\n\r\n") {
            self.done = true;
            return bytes.slice(..at + 4 - self.tail.len());
        }
        self.tail = window[window.len().saturating_sub(3)..].to_vec();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_with_its_empty_line_wherever_a_piece_ends() {
        for (message, header) in [
            (&b"A: b\r\n c\r\n\r\nbody\r\n\r\nmore\r\n"[..], &b"A: b\r\n c\r\n\r\n"[..]),
            (b"\r\nbody\r\n", b"\r\n"),
            (b"A: no end\r\n", b"A: no end\r\n"),
            (b"", b""),
        ] {
            for size in 1..=message.len().max(1) {
                let mut only = HeaderOnly::default();
                let out: Vec<u8> = message.chunks(size).flat_map(|piece| only.take(Bytes::copy_from_slice(piece))).collect();
                assert_eq!(out, header, "in pieces of {size}");
            }
        }
    }
}
