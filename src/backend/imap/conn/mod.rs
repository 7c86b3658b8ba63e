//! One IMAP connection: commands out, responses in, pipelined.

mod output;
mod transfer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::backend::Ctx;
use crate::backend::pipe::Pipe;
use crate::model::{Class, Error, Event as Happened, Observer, Result, Scope, SecretString};
use crate::net::Stream;
use crate::wire::imap::{self, Code, Command, Framer, Greeting, Piece, Response, Status, StatusKind, TagMaker, WireError};

use super::limits;
pub(super) use output::Body;
use output::Output;

/// What came in.
#[derive(Debug)]
pub(super) enum Event {
    /// A message body of so many octets starts.
    BodyStart(u64),
    /// Its next octets.
    Body(Bytes),
    /// It is complete; the FETCH response that it belongs to follows.
    BodyEnd,
    /// A response.
    Response(Response),
}

/// A connection with its commands under way.
pub(super) struct Connection {
    pub(super) pipe: Pipe,
    framer: Framer,
    output: Output,
    /// The command whose message broke off, and why.
    torn: Option<(String, Box<Error>)>,
    tags: TagMaker,
    /// Tags that were sent and not answered, oldest first.
    outstanding: VecDeque<String>,
    /// Literals up to this size need no permission.
    pub literal_max: usize,
    /// The same for messages.
    pub message_max: u64,
    observer: Arc<dyn Observer>,
    alerts: Vec<String>,
    /// Octets of untagged answers since the last tagged one.
    untagged: u64,
}

impl Connection {
    pub fn new(stream: Stream, tried: String, ctx: &Ctx) -> Result<Self> {
        let mut seed = [0; 8];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
            .map_err(|e| Error::local("read random bytes", &e.into()))?;
        Ok(Self {
            pipe: Pipe::new(stream, tried, ctx),
            framer: Framer::new(imap::Limits::default()),
            output: Output::default(),
            torn: None,
            tags: TagMaker::new(u64::from_le_bytes(seed)),
            outstanding: VecDeque::new(),
            literal_max: 0,
            message_max: 0,
            observer: ctx.observer.clone(),
            alerts: Vec::new(),
            untagged: 0,
        })
    }

    /// The first line.
    pub async fn greeting(&mut self) -> Result<Greeting> {
        let line = loop {
            match self.framer.next(&mut self.pipe.input) {
                Ok(Some(Piece::Line(line))) => break line,
                Ok(Some(_)) => return Err(self.broke("sent a message before its greeting", &[])),
                Ok(None) => self.fill(limits::GREETING.min(self.pipe.silence)).await?,
                Err(error) => return Err(self.wire(error, &[])),
            }
        };
        let greeting = imap::decode_greeting(&line).map_err(|e| self.wire(e, &line))?;
        if greeting.kind == StatusKind::Bye {
            return Err(self.said("the server turned us away", &greeting.text).hint("try again later; the server may limit connections"));
        }
        Ok(greeting)
    }

    /// From now on these words are left out of whatever the server says.
    pub fn never_show(&mut self, secrets: Vec<SecretString>) {
        self.pipe.never_show(secrets);
    }

    /// Sets the silence that is borne; what it was before.
    pub fn bear(&mut self, silence: Duration) -> Duration {
        std::mem::replace(&mut self.pipe.silence, silence)
    }

    /// Time spent waiting for octets.
    pub fn waited(&self) -> Duration {
        self.pipe.waited
    }

    /// Queues a command; it goes out with the next read.
    pub fn queue(&mut self, command: &Command<'_>) -> Result<String> {
        self.queue_with(command, Vec::new())
    }

    /// The same with the messages of an APPEND.
    pub fn queue_with(&mut self, command: &Command<'_>, bodies: Vec<Body>) -> Result<String> {
        let tag = self.tags.next_tag();
        let encoded = command.encode(&tag).map_err(|e| {
            // Names come from the server: no string of the protocol carries one with a line end or NUL in it.
            Error::new(Class::Partial, self.pipe.tried.clone(), format!("the server lists a name that no command can carry: {e}"))
                .scope(Scope::Folder)
        })?;
        self.outstanding.push_back(tag.clone());
        self.output.queue(tag.clone(), encoded.without_waiting(self.literal_max, self.message_max), bodies);
        Ok(tag)
    }

    /// Sends octets outside of any command (SASL, DONE).
    pub fn raw(&mut self, octets: &[u8]) {
        self.output.ready.extend_from_slice(octets);
    }

    /// How many commands are under way.
    pub fn under_way(&self) -> usize {
        self.outstanding.len()
    }

    /// Sends a command and waits for its end; `on` gets its untagged responses. Bodies that nobody asked for are dropped.
    pub async fn run(&mut self, command: &Command<'_>, mut on: impl FnMut(Response)) -> Result<Status> {
        let tag = self.queue(command)?;
        self.complete(&tag, &mut on).await
    }

    /// Waits for the end of the command `tag`.
    pub async fn complete(&mut self, tag: &str, on: &mut impl FnMut(Response)) -> Result<Status> {
        loop {
            match self.event().await? {
                Event::Response(Response::Status(status)) if status.tag.as_deref() == Some(tag) => return Ok(status),
                Event::Response(response) => on(response),
                Event::Body(bytes) => self.unasked(bytes.len() as u64),
                Event::BodyStart(_) | Event::BodyEnd => {}
            }
        }
    }

    /// Waits for the ends of pipelined commands, in whatever order they come: Dovecot puts the end of a STORE off while more commands
    /// wait. Their statuses are in the order of `tags`; `on` gets everything else.
    pub async fn complete_all(&mut self, tags: &[String], on: &mut impl FnMut(Response)) -> Result<Vec<Status>> {
        let mut ends: Vec<Option<Status>> = tags.iter().map(|_| None).collect();
        let mut left = tags.len();
        while left > 0 {
            match self.event().await? {
                Event::Response(Response::Status(status)) if status.tag.is_some() => {
                    if let Some(at) = tags.iter().position(|tag| status.tag.as_deref() == Some(tag)) {
                        left -= usize::from(ends[at].replace(status).is_none());
                    }
                }
                Event::Response(response) => on(response),
                Event::Body(bytes) => self.unasked(bytes.len() as u64),
                Event::BodyStart(_) | Event::BodyEnd => {}
            }
        }
        Ok(ends.into_iter().flatten().collect())
    }

    /// Counts octets of bodies that were not asked for among the untagged answers, which are bounded.
    pub fn unasked(&mut self, octets: u64) {
        self.untagged += octets;
    }

    /// The next thing that comes in.
    ///
    /// An error of scope `Message` says that the message which was being sent broke off here: everything before it was answered, the
    /// server never got the whole of it, and the connection is closed.
    pub async fn event(&mut self) -> Result<Event> {
        loop {
            if let Some(error) = self.torn_off() {
                return Err(error);
            }
            match self.framer.next(&mut self.pipe.input) {
                Ok(Some(Piece::Line(line))) => {
                    self.untagged += line.len() as u64;
                    let response = imap::decode(&line).map_err(|e| self.wire(e, &line))?;
                    if let Some(event) = self.settle(response, &line)? {
                        return Ok(event);
                    }
                }
                Ok(Some(Piece::BodyStart { size })) => return Ok(Event::BodyStart(size)),
                Ok(Some(Piece::Body(bytes))) => return Ok(Event::Body(bytes)),
                Ok(Some(Piece::BodyEnd)) => return Ok(Event::BodyEnd),
                Ok(None) => {
                    if self.untagged > limits::UNTAGGED {
                        return Err(self.broke("sent more than we can take without ending a command", &[]));
                    }
                    self.fill(self.pipe.silence).await?;
                }
                Err(error) => return Err(self.wire(error, &[])),
            }
        }
    }

    /// Bookkeeping for one response; `None` when it was for us alone.
    fn settle(&mut self, mut response: Response, line: &[u8]) -> Result<Option<Event>> {
        if let Response::Status(status) = &mut response {
            status.text = self.pipe.clean(std::mem::take(&mut status.text));
        }
        match &response {
            Response::Status(status) => {
                if let Some(Code::Alert) = status.code
                    && self.alerts.len() < 16
                    && !self.alerts.contains(&status.text)
                {
                    self.observer.on(&Happened::Alert(&status.text));
                    self.alerts.push(status.text.clone());
                }
                if status.kind == StatusKind::Bye {
                    return Err(self.said("the server ended the session", &status.text));
                }
                if let Some(tag) = &status.tag {
                    let Some(at) = self.outstanding.iter().position(|t| **t == **tag) else {
                        if **tag == *"DONE" {
                            // It crossed the server's own end of IDLE, and was taken for a command.
                            return Ok(None);
                        }
                        return Err(self.broke("answered a command that was never sent", line));
                    };
                    self.outstanding.remove(at);
                    self.output.answered(tag);
                    self.untagged = 0;
                    self.pipe.answered();
                }
            }
            Response::Continue { .. } if self.output.go_ahead() => return Ok(None),
            _ => {}
        }
        Ok(Some(Event::Response(response)))
    }

    /// Replaces the stream by what `change` makes of it (TLS). Nothing may be under way, and nothing unread.
    pub async fn upgrade<F>(&mut self, change: impl FnOnce(Stream) -> F) -> Result<()>
    where
        F: Future<Output = Result<Stream>>,
    {
        let idle = self.framer.is_idle();
        self.pipe.upgrade(idle, change).await
    }

    /// Compresses from here on. Nothing may be under way.
    pub fn compress(&mut self) -> Result<()> {
        if !self.pipe.input.is_empty() {
            return Err(self.broke("sent octets behind its agreement to compress", &[]));
        }
        if let Some(stream) = self.pipe.take_stream() {
            self.pipe.set_stream(stream.compress());
        }
        Ok(())
    }

    pub fn stream(&self) -> Option<&Stream> {
        self.pipe.stream()
    }

    /// Ends the session, in which every command was answered.
    pub async fn logout(mut self) {
        if self.queue(&Command::Logout).is_ok() {
            self.pipe.say_goodbye(&self.output.ready).await;
        }
    }

    fn wire(&self, error: WireError, line: &[u8]) -> Box<Error> {
        self.broke(&format!("sent a {error}"), line)
    }

    /// The peer broke the rules; `line` is quoted, escaped and cut.
    pub fn broke(&self, what: &str, line: &[u8]) -> Box<Error> {
        self.pipe.broke(what, line)
    }

    /// The server's own words.
    pub fn said(&self, what: &str, text: &str) -> Box<Error> {
        self.pipe.said(what, text)
    }
}
