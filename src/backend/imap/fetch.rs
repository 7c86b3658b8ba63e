//! Bodies: asked for in ranges of many messages, streamed from the socket into the sink, several commands under way.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::backend::{BodySink, Missed, Part, Want};
use crate::model::{Cursor, Event as Happened, FolderId, Result};
use crate::wire::imap::{BodyData, Command, Fetch, Response, SelectWith, Status, StatusKind, UidSet, Uids};

use super::conn::Event;
use super::cursor::Position;
use super::{ImapSession, Opened, limits, uid};

/// A FETCH under way.
struct Asked {
    tag: String,
    /// Range of `order` that it asks for.
    from: usize,
    to: usize,
}

/// The job of one `fetch` call.
struct Job<'a> {
    wanted: &'a [Want],
    /// (UID, index into `wanted`), ascending.
    order: Vec<(u32, u32)>,
    /// By position in `order`: ended or given up.
    settled: Vec<bool>,
    /// The section that is asked for.
    section: &'static str,
    item: String,
    sink: &'a mut dyn BodySink,
    /// Bodies that began since the last FETCH response.
    open: usize,
    octets: u64,
    /// Octets of the bodies since the last FETCH response.
    current: u64,
    /// Octets of bodies that nobody asked for.
    wasted: u64,
    line: Line,
}

/// Measures the line from the first body octet on.
#[derive(Default)]
struct Line {
    /// Time waited and octets received when the first body began.
    start: Option<(Duration, u64)>,
}

impl ImapSession {
    pub(super) async fn fetch_bodies(
        &mut self,
        folder: &FolderId,
        cursor: &Cursor,
        wanted: &[Want],
        part: Part,
        sink: &mut dyn BodySink,
    ) -> Result<()> {
        let Some(position) = Position::decode(cursor) else {
            return Err(self.folder_error(folder, "it cannot be read", "its bookmark is of another kind"));
        };
        let (section, item) = match part {
            Part::Whole => ("", format!("(UID {})", self.quirks.body)),
            Part::Header => ("HEADER", "(UID BODY.PEEK[HEADER])".to_owned()),
        };
        let mut order: Vec<(u32, u32)> = Vec::with_capacity(wanted.len());
        for (index, want) in wanted.iter().enumerate() {
            match uid(&want.id) {
                Some(_) if part == Part::Whole && want.size.is_some_and(|s| s > limits::MESSAGE) => {
                    sink.miss(index, Missed::TooLarge).await?;
                }
                Some(uid) => order.push((uid, index as u32)),
                None => sink.miss(index, Missed::Gone).await?,
            }
        }
        order.sort_unstable();
        let settled = vec![false; order.len()];
        let mut job = Job { wanted, order, settled, section, item, sink, open: 0, octets: 0, current: 0, wasted: 0, line: Line::default() };
        let refused = self.fetch_ranges(folder, position.uid_validity, &mut job).await?;
        self.settle_rest(&mut job, refused).await
    }

    /// Asks for everything in ranges. Returns the server's words when it refused a range.
    async fn fetch_ranges(&mut self, folder: &FolderId, validity: u32, job: &mut Job<'_>) -> Result<Option<String>> {
        let selecting = match &self.selected {
            Some(selected) if selected.folder == *folder => {
                self.check_epoch(folder, selected.uid_validity, validity)?;
                None
            }
            // Behind it, without waiting for it: its epoch is checked before the first body is taken.
            _ => Some(self.queue_select(folder, true, SelectWith::Nothing)?),
        };
        let mut opened = Opened::default();
        let mut ready = selecting.is_none();
        let mut asked: VecDeque<Asked> = VecDeque::new();
        let (mut next, mut refused) = (0, None);
        if !ready {
            self.conn.bear(self.ctx.silence * limits::WORK);
        }
        loop {
            let compress = self.should_compress(job, next);
            while next < job.order.len() && asked.len() < limits::FETCHES_IN_FLIGHT && !compress && !self.ctx.cancel.is_cancelled() {
                let to = job.range(next, self.line_known(job));
                let set = UidSet::from_sorted(job.order[next..to].iter().map(|(uid, _)| *uid));
                let tag = self.conn.queue(&Command::UidFetch { uids: Uids::Set(&set), items: &job.item })?;
                asked.push_back(Asked { tag, from: next, to });
                next = to;
            }
            if asked.is_empty() && ready {
                if compress {
                    let waited = job.line.start.map_or(Duration::ZERO, |(start, _)| self.conn.waited().saturating_sub(start));
                    let rate = job.rate(waited);
                    self.start_compression(rate).await?;
                    continue;
                }
                break;
            }
            match self.conn.event().await? {
                Event::Response(Response::Status(status)) if selecting.as_deref().is_some_and(|t| status.tag.as_deref() == Some(t)) => {
                    self.conn.bear(self.ctx.silence);
                    self.selected_by(folder, true, &status, &opened)?;
                    self.check_epoch(folder, opened.validity(), validity)?;
                    ready = true;
                }
                Event::Response(Response::Status(status)) if status.tag.is_some() => {
                    if let Some(done) = take_asked(&mut asked, &status)
                        && status.kind != StatusKind::Ok
                    {
                        tracing::debug!(from = done.from, to = done.to, text = %status.text, "a range was refused");
                        refused.get_or_insert(status.text);
                    }
                }
                // The rest of what an earlier folder was asked for, which was given up: its UIDs mean other messages here. And no
                // message before the folder is known to be the right one: such octets are nobody's.
                Event::Response(Response::Fetch(_)) | Event::BodyStart(_) | Event::BodyEnd if !ready => job.open = 0,
                Event::Response(Response::Fetch(fetch)) => job.response(&fetch).await.map_err(|e| self.or_lie(e))?,
                Event::Response(response) => opened.take(&response),
                Event::Body(bytes) if !ready => self.conn.unasked(bytes.len() as u64),
                Event::BodyStart(size) => {
                    job.line.start.get_or_insert((self.conn.waited(), 0));
                    self.begin_body(job, size).await?;
                }
                Event::Body(bytes) => job.body(bytes).await?,
                Event::BodyEnd => {}
            }
            self.conn.unasked(std::mem::take(&mut job.wasted));
        }
        Ok(refused)
    }

    fn or_lie(&self, error: JobError) -> Box<crate::model::Error> {
        match error {
            JobError::Sink(error) => error,
            JobError::Lie => self.conn.broke("sent a message that its own response does not describe", &[]),
        }
    }

    /// What did not come: gone there, refused for itself, or never answered.
    async fn settle_rest(&mut self, job: &mut Job<'_>, refused: Option<String>) -> Result<()> {
        if self.ctx.cancel.is_cancelled() {
            return Ok(());
        }
        let rest: Vec<usize> = (0..job.order.len()).filter(|i| !job.settled[*i]).collect();
        if rest.is_empty() {
            return Ok(());
        }
        let (mut there, mut unknown) = (Vec::new(), Vec::new());
        for set in UidSet::from_sorted(rest.iter().map(|i| job.order[*i].0)).chunks(limits::SET_TEXT) {
            let status = self
                .conn
                .run(&Command::UidFetch { uids: Uids::Set(&set), items: "(UID)" }, |response| {
                    if let Response::Fetch(fetch) = response {
                        there.extend(fetch.uid);
                    }
                })
                .await?;
            if status.kind != StatusKind::Ok {
                unknown.push((set, status.text));
            }
        }
        there.sort_unstable();
        for position in rest {
            let (uid, index) = job.order[position];
            // A refused question says nothing about what is there: whoever is taken for gone is never asked for again.
            if let Some((_, words)) = unknown.iter().find(|(set, _)| set.contains(uid)) {
                job.settled[position] = true;
                job.sink.miss(index as usize, Missed::Refused(words.clone())).await?;
                continue;
            }
            if there.binary_search(&uid).is_err() {
                job.settled[position] = true;
                job.sink.miss(index as usize, Missed::Gone).await?;
                continue;
            }
            // One bad message can cost its whole range: each of the others gets a FETCH of its own.
            let words = match &refused {
                Some(_) => self.fetch_one(job, uid).await?,
                None => None,
            };
            if !job.settled[position] {
                job.settled[position] = true;
                job.sink.miss(index as usize, words.map_or(Missed::Unanswered, Missed::Refused)).await?;
            }
        }
        Ok(())
    }

    /// One message by a command of its own; the server's words when it refuses.
    async fn fetch_one(&mut self, job: &mut Job<'_>, uid: u32) -> Result<Option<String>> {
        let set = UidSet::from_sorted([uid]);
        let tag = self.conn.queue(&Command::UidFetch { uids: Uids::Set(&set), items: &job.item })?;
        loop {
            match self.conn.event().await? {
                Event::Response(Response::Status(status)) if status.tag.as_deref() == Some(&tag) => {
                    return Ok((status.kind != StatusKind::Ok).then_some(status.text));
                }
                Event::Response(Response::Fetch(fetch)) => job.response(&fetch).await.map_err(|e| self.or_lie(e))?,
                Event::Response(_) | Event::BodyEnd => {}
                Event::BodyStart(size) => self.begin_body(job, size).await?,
                Event::Body(bytes) => job.body(bytes).await?,
            }
            self.conn.unasked(std::mem::take(&mut job.wasted));
        }
    }

    async fn begin_body(&mut self, job: &mut Job<'_>, size: u64) -> Result<()> {
        if size > limits::MESSAGE {
            return Err(self.conn.broke(&format!("announced a message of {size} octets, above the limit"), &[]));
        }
        if job.open == 0 {
            job.current = 0;
            job.sink.begin().await?;
        }
        job.open += 1;
        Ok(())
    }

    fn line_known(&self, job: &Job<'_>) -> bool {
        self.compressed || !self.caps.has("COMPRESS=DEFLATE") || job.octets >= limits::JUDGE_AFTER
    }

    /// Whether the line has proved slow and enough is to come. (The octets of the bodies stand for the line: everything else is little.)
    fn should_compress(&self, job: &Job<'_>, next: usize) -> bool {
        let Some((start, _)) = job.line.start else { return false };
        if self.compressed || !self.caps.has("COMPRESS=DEFLATE") || job.octets < limits::JUDGE_AFTER {
            return false;
        }
        let to_come: u64 = job.order[next..].iter().map(|(_, i)| job.size(*i)).sum();
        job.rate(self.conn.waited().saturating_sub(start)) < limits::SLOW_LINE && to_come > limits::COMPRESS_FOR
    }

    async fn start_compression(&mut self, rate: u64) -> Result<()> {
        let status = self.conn.run(&Command::Compress, drop).await?;
        // Refused or not understood: plain is fine, and asking again is not.
        self.compressed = true;
        if status.kind == StatusKind::Ok {
            self.conn.compress()?;
            self.ctx.observer.on(&Happened::Compressed(rate));
        }
        Ok(())
    }
}

fn take_asked(asked: &mut VecDeque<Asked>, status: &Status) -> Option<Asked> {
    let at = asked.iter().position(|a| status.tag.as_deref() == Some(&a.tag))?;
    asked.remove(at)
}

enum JobError {
    Sink(Box<crate::model::Error>),
    Lie,
}

impl Job<'_> {
    fn size(&self, index: u32) -> u64 {
        self.wanted[index as usize].size.unwrap_or(limits::ASSUMED_OCTETS).min(limits::MESSAGE)
    }

    /// Whether no octets can be all of it. (A header can always be empty.)
    fn may_be_empty(&self, position: usize) -> bool {
        self.section == "HEADER" || self.wanted[self.order[position].1 as usize].size.is_none_or(|size| size == 0)
    }

    /// Octets a second.
    fn rate(&self, waited: Duration) -> u64 {
        (self.octets as f64 / waited.as_secs_f64().max(0.001)) as u64
    }

    /// The end of the range that starts at `from`: bounded in messages, octets and text.
    fn range(&self, from: usize, line_known: bool) -> usize {
        let most = if line_known { limits::FETCH_OCTETS } else { limits::FIRST_FETCH_OCTETS };
        let (mut octets, mut text, mut last) = (0, 0, 0);
        for (n, (uid, index)) in self.order[from..].iter().enumerate() {
            octets += self.size(*index);
            text += if n > 0 && *uid == last + 1 { 0 } else { 22 };
            last = *uid;
            if n > 0 && (n >= limits::FETCH_MESSAGES || octets > most || text > limits::SET_TEXT) {
                return from + n;
            }
        }
        self.order.len()
    }

    async fn body(&mut self, bytes: Bytes) -> Result<()> {
        self.octets += bytes.len() as u64;
        self.current += bytes.len() as u64;
        // A second body of one response was not asked for.
        if self.open == 1 { self.sink.chunk(bytes).await } else { Ok(()) }
    }

    /// A FETCH response: ends the body that came before it, when it is one that was asked for.
    async fn response(&mut self, fetch: &Fetch) -> std::result::Result<(), JobError> {
        let streamed = fetch.bodies.iter().filter(|b| b.data == BodyData::Streamed).count();
        let open = std::mem::take(&mut self.open);
        if streamed != open {
            return Err(JobError::Lie);
        }
        let position = fetch.uid.and_then(|uid| self.order.binary_search_by_key(&uid, |(uid, _)| *uid).ok()).filter(|p| !self.settled[*p]);
        let body = match fetch.bodies.as_slice() {
            [body] if body.section == self.section && !body.binary && body.origin.is_none() => Some(&body.data),
            _ => None,
        };
        // An empty answer for a message that was announced with octets is none: stored as the whole, it could be deleted there.
        let octets = if let Some(BodyData::Inline(bytes)) = body { bytes.len() as u64 } else { self.current };
        let position = position.filter(|p| octets > 0 || self.may_be_empty(*p));
        let done = match (position, body) {
            (Some(position), Some(BodyData::Streamed)) => {
                self.settled[position] = true;
                self.sink.end(self.order[position].1 as usize).await
            }
            (Some(position), Some(BodyData::Inline(bytes))) => {
                self.settled[position] = true;
                let index = self.order[position].1 as usize;
                self.sink.begin().await.map_err(JobError::Sink)?;
                self.sink.chunk(bytes.clone().into()).await.map_err(JobError::Sink)?;
                self.sink.end(index).await
            }
            // Unasked, answered before, NIL, or not what was asked for: nothing of it is kept.
            _ if open > 0 => {
                self.wasted += self.current;
                self.sink.cut().await
            }
            _ => Ok(()),
        };
        done.map_err(JobError::Sink)
    }
}
