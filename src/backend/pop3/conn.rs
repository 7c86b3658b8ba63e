//! One POP3 connection: commands out, answers in, in the order of the commands; as many under way as the caller dares.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::backend::Ctx;
use crate::backend::pipe::Pipe;
use crate::model::{Class, Error, Result, Scope, SecretString};
use crate::net::Stream;
use crate::wire::pop3::{self, Code, Command, Framer, Limits, Piece, Reply, WireError};

use super::limits;

/// What follows `+OK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// Nothing.
    Line,
    /// Nothing; before it, the server may want to hear more.
    Login,
    /// Lines.
    Items,
    /// A message.
    Body,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The status line of the oldest command under way.
    Reply(Reply),
    /// The server wants to hear more of a login.
    Continue(Vec<u8>),
    /// A line of its listing.
    Item(Bytes),
    /// Octets of its message.
    Body(Bytes),
    /// Its listing or message is complete.
    End,
}

/// A connection with its commands under way.
pub(super) struct Connection {
    pub(super) pipe: Pipe,
    framer: Framer,
    output: BytesMut,
    /// Commands that were sent and not answered whole, oldest first.
    outstanding: VecDeque<Expect>,
}

impl Connection {
    pub fn new(stream: Stream, tried: String, ctx: &Ctx) -> Self {
        let framer = Framer::new(Limits::default());
        Self { pipe: Pipe::new(stream, tried, ctx), framer, output: BytesMut::new(), outstanding: VecDeque::new() }
    }

    /// The first line.
    pub async fn greeting(&mut self) -> Result<Reply> {
        self.outstanding.push_back(Expect::Line);
        let silence = self.bear(limits::GREETING.min(self.pipe.silence));
        let greeting = self.reply().await;
        self.bear(silence);
        greeting
    }

    pub fn never_show(&mut self, secrets: Vec<SecretString>) {
        self.pipe.never_show(secrets);
    }

    /// Sets the silence that is borne; what it was before.
    pub fn bear(&mut self, silence: Duration) -> Duration {
        std::mem::replace(&mut self.pipe.silence, silence)
    }

    pub fn stream(&self) -> Option<&Stream> {
        self.pipe.stream()
    }

    pub fn is_cancelled(&self) -> bool {
        self.pipe.is_cancelled()
    }

    /// Queues a command; it goes out with the next read.
    ///
    /// Nothing may have come that was not asked for: the next answers would be taken for those of other commands.
    pub fn queue(&mut self, command: &Command<'_>, expect: Expect) -> Result<()> {
        if self.outstanding.is_empty() && !(self.pipe.input.is_empty() && self.framer.is_idle()) {
            return Err(self.unasked());
        }
        let line =
            command.encode().map_err(|e| Error::new(Class::Auth, self.pipe.tried.clone(), e.to_string()).safe("nothing was sent"))?;
        self.output.extend_from_slice(&line);
        self.outstanding.push_back(expect);
        Ok(())
    }

    /// What came without being asked for. A server that cannot go on says so with a code: Dovecot does, right behind a login.
    fn unasked(&self) -> Box<Error> {
        let input = &self.pipe.input[..];
        let line = input.split(|octet| *octet == b'\n').next().unwrap_or_default();
        match self.parse(line.trim_ascii_end()) {
            Ok(reply) if !reply.ok && reply.code.is_some() => self.refused("the server gives up", &reply),
            _ => self.broke("said more than it was asked for", input),
        }
    }

    /// Sends a line of a login.
    pub fn raw(&mut self, octets: &[u8]) {
        self.output.extend_from_slice(octets);
    }

    /// Sends a command that has an answer of one line, and waits for that.
    pub async fn run(&mut self, command: &Command<'_>) -> Result<Reply> {
        self.queue(command, Expect::Line)?;
        self.reply().await
    }

    /// The status line of the oldest command under way.
    pub async fn reply(&mut self) -> Result<Reply> {
        match self.event().await? {
            Incoming::Reply(reply) => Ok(reply),
            _ => Err(self.broke("answered with a message or a listing that nobody asked for", &[])),
        }
    }

    /// The answer of the oldest command under way, a listing; each line goes to `on`.
    pub async fn items(&mut self, mut on: impl FnMut(&[u8]) -> Result<(), WireError>) -> Result<Reply> {
        let reply = self.reply().await?;
        if !reply.ok {
            return Ok(reply);
        }
        loop {
            match self.event().await? {
                Incoming::Item(line) => on(&line).map_err(|e| self.wire(e, &line))?,
                Incoming::End => return Ok(reply),
                _ => return Err(self.broke("breaks off a listing", &[])),
            }
        }
    }

    /// The next thing that comes in.
    pub async fn event(&mut self) -> Result<Incoming> {
        loop {
            let piece = self.framer.next(&mut self.pipe.input).map_err(|e| self.wire(e, &[]))?;
            match piece {
                Some(Piece::Line(line)) => return self.status(&line),
                Some(Piece::Item(line)) => return Ok(Incoming::Item(line)),
                Some(Piece::Body(octets)) => return Ok(Incoming::Body(octets)),
                Some(Piece::End) => {
                    self.answered();
                    return Ok(Incoming::End);
                }
                None => self.fill().await?,
            }
        }
    }

    fn status(&mut self, line: &[u8]) -> Result<Incoming> {
        let Some(expect) = self.outstanding.front().copied() else {
            return Err(self.broke("answered a command that was never sent", line));
        };
        if expect == Expect::Login
            && let Some(challenge) = pop3::parse_continuation(line)
        {
            return Ok(Incoming::Continue(challenge));
        }
        let reply = self.parse(line).map_err(|e| self.wire(e, line))?;
        match (reply.ok, expect) {
            (true, Expect::Items) => self.framer.begin_items(),
            (true, Expect::Body) => self.framer.begin_body(),
            _ => self.answered(),
        }
        Ok(Incoming::Reply(reply))
    }

    /// A status line, without secrets.
    fn parse(&self, line: &[u8]) -> Result<Reply, WireError> {
        let reply = pop3::parse_reply(line)?;
        Ok(Reply { text: self.pipe.clean(reply.text), ..reply })
    }

    fn answered(&mut self) {
        self.outstanding.pop_front();
        self.pipe.answered();
    }

    /// Writes what is queued and reads what there is, until something came.
    async fn fill(&mut self) -> Result<()> {
        let silence = self.pipe.silence;
        // `None` is for callers with more to write.
        if let Some(n) = self.pipe.exchange(&mut self.output, false, silence).await? {
            self.pipe.keep_pace(n, silence, !self.outstanding.is_empty())?;
        }
        Ok(())
    }

    /// Replaces the stream by what `change` makes of it (TLS). Nothing may be under way, and nothing unread.
    pub async fn upgrade<F>(&mut self, change: impl FnOnce(Stream) -> F) -> Result<()>
    where
        F: Future<Output = Result<Stream>>,
    {
        let idle = self.framer.is_idle();
        self.pipe.upgrade(idle, change).await
    }

    /// Hangs up because of `why`: whatever is asked for from here on fails.
    pub fn give_up(&mut self, why: &str) {
        self.pipe.give_up(why);
    }

    /// Ends the session where nothing is marked for removal, so that nothing hangs on the server's answer.
    pub async fn quit(mut self) {
        if self.outstanding.is_empty() && self.queue(&Command::Quit, Expect::Line).is_ok() {
            self.pipe.say_goodbye(&self.output).await;
        }
    }

    fn wire(&self, error: WireError, line: &[u8]) -> Box<Error> {
        self.broke(&format!("sent a {error}"), line)
    }

    /// The peer broke the rules; `line` is quoted, escaped and cut.
    pub fn broke(&self, what: &str, line: &[u8]) -> Box<Error> {
        self.pipe.broke(what, line)
    }

    /// The server refuses something that no session can do without, in its own words: what a person must mend there is not asked for again
    /// (RFC 3206 §4).
    pub fn refused(&self, what: &str, reply: &Reply) -> Box<Error> {
        if reply.code == Some(Code::SysPerm) {
            return Error::new(Class::Rejected, self.pipe.tried.clone(), format!("{what}: {}", reply.text)).scope(Scope::Account);
        }
        self.said(what, &reply.text)
    }

    /// The server's own words.
    pub fn said(&self, what: &str, text: &str) -> Box<Error> {
        self.pipe.said(what, text)
    }
}
