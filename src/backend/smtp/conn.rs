//! One SMTP connection: commands out, replies in, in the order of the commands; as many under way as the caller dares.

use std::time::Duration;

use bytes::BytesMut;

use crate::backend::pipe::Pipe;
use crate::backend::{Ctx, Pieces};
use crate::model::{Class, Error, Result, Scope, SecretString};
use crate::net::Stream;
use crate::wire::smtp::{Command, Framer, Limits, Reply, Stuffer, WireError};

use super::limits;

/// The server is going away (RFC 5321 §3.8).
const CLOSING: u16 = 421;

/// A connection with its commands under way.
pub(super) struct Connection {
    pub(super) pipe: Pipe,
    framer: Framer,
    output: BytesMut,
    /// Replies that were asked for and have not come.
    due: usize,
}

/// What became of the octets of a message.
pub(super) enum Content {
    /// All of it is on its way, its end not yet.
    Ready(Stuffer),
    /// The server answered before its end: it will not take it, and nothing else on this connection.
    Early(Reply),
}

impl Connection {
    pub fn new(stream: Stream, tried: String, ctx: &Ctx) -> Self {
        Self { pipe: Pipe::new(stream, tried, ctx), framer: Framer::new(Limits::default()), output: BytesMut::new(), due: 0 }
    }

    /// The first reply.
    pub async fn greeting(&mut self) -> Result<Reply> {
        self.due = 1;
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

    /// Octets that wait for the socket.
    pub fn unsent(&self) -> usize {
        self.output.len()
    }

    /// Queues a command; it goes out with the next read.
    ///
    /// Nothing may have come that was not asked for: the next answers would be taken for those of other commands. Only a server that says
    /// goodbye may speak first.
    pub fn queue(&mut self, command: &Command<'_>) -> Result<()> {
        if self.due == 0 && !(self.pipe.input.is_empty() && self.framer.is_idle()) && !self.pipe.input.starts_with(b"421") {
            let input = self.pipe.input.clone();
            return Err(self.broke("said more than it was asked for", &input));
        }
        let line = command.encode().map_err(|e| {
            Error::new(Class::BadData, self.pipe.tried.clone(), e.to_string()).scope(Scope::Message).safe("nothing was sent")
        })?;
        self.raw(&line);
        Ok(())
    }

    /// Sends a line that is answered.
    pub fn raw(&mut self, octets: &[u8]) {
        self.output.extend_from_slice(octets);
        self.due += 1;
    }

    /// Sends a command and waits for its reply.
    pub async fn run(&mut self, command: &Command<'_>) -> Result<Reply> {
        self.queue(command)?;
        self.reply().await
    }

    /// The reply to the oldest command under way. One that says that the server is going away is an error.
    pub async fn reply(&mut self) -> Result<Reply> {
        let reply = self.any_reply().await?;
        if reply.code == CLOSING { Err(self.closing(&reply)) } else { Ok(reply) }
    }

    /// The same, whatever it says.
    pub async fn any_reply(&mut self) -> Result<Reply> {
        loop {
            if let Some(reply) = self.next()? {
                return Ok(reply);
            }
            let silence = self.pipe.silence;
            // `None` is for callers with more to write.
            if let Some(n) = self.pipe.exchange(&mut self.output, false, silence).await? {
                self.pipe.keep_pace(n, silence, self.due > 0)?;
            }
        }
    }

    fn next(&mut self) -> Result<Option<Reply>> {
        let Some(mut reply) = self.framer.next(&mut self.pipe.input).map_err(|e| self.wire(e))? else { return Ok(None) };
        for line in &mut reply.lines {
            *line = self.pipe.clean(std::mem::take(line));
        }
        let Some(due) = self.due.checked_sub(1) else {
            return Err(self.broke("answered a command that was never sent", reply.words().as_bytes()));
        };
        self.due = due;
        self.pipe.answered();
        Ok(Some(reply))
    }

    /// Sends the octets of a message, as fast as the socket takes them, all but its end. Nothing else is under way meanwhile.
    ///
    /// An error of scope `Message` is about the message: what was sent of it must not be ended.
    pub async fn content(&mut self, mut pieces: Box<dyn Pieces>) -> Result<Content> {
        debug_assert_eq!(self.due, 0, "nothing else is under way");
        let mut stuffer = Stuffer::default();
        let silence = self.pipe.silence;
        // Whatever the server says now is about this message.
        self.due = 1;
        while let Some(piece) = pieces.next().await.map_err(|e| e.scope(Scope::Message))? {
            let bad = |e: WireError| Error::new(Class::BadData, "send a message", e.to_string()).scope(Scope::Message);
            stuffer.push(&piece, &mut self.output).map_err(bad)?;
            while self.output.len() >= limits::AHEAD {
                if let Some(n) = self.pipe.exchange(&mut self.output, true, silence).await? {
                    self.pipe.keep_pace(n, silence, true)?;
                    if let Some(reply) = self.next()? {
                        return Ok(Content::Early(reply));
                    }
                }
            }
        }
        if let Some(reply) = self.next()? {
            return Ok(Content::Early(reply));
        }
        self.due = 0;
        Ok(Content::Ready(stuffer))
    }

    /// Sends the end of a message, which has so many replies.
    pub fn end(&mut self, stuffer: Stuffer, replies: usize) -> Result<()> {
        self.due += replies;
        let bad = |e: WireError| Error::new(Class::BadData, "send a message", e.to_string()).scope(Scope::Message);
        stuffer.end(&mut self.output).map_err(bad)
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

    /// Ends the session; nothing hangs on the answer.
    pub async fn quit(mut self) {
        if self.due == 0 && self.queue(&Command::Quit).is_ok() {
            self.pipe.say_goodbye(&self.output).await;
        }
    }

    /// The run ends before the next message.
    pub fn stopped(&self) -> Box<Error> {
        self.pipe.stopped("before the next message was sent")
    }

    /// A message was not sent whole: the connection was given up.
    pub fn given_up(&self) -> Box<Error> {
        self.pipe.gone()
    }

    fn closing(&self, reply: &Reply) -> Box<Error> {
        self.pipe.said("the server ends the session", &reply.words())
    }

    fn wire(&self, error: WireError) -> Box<Error> {
        let line = self.pipe.input[..].split(|b| *b == b'\n').next().unwrap_or_default().to_vec();
        self.broke(&format!("sent a {error}"), &line)
    }

    /// The peer broke the rules; `line` is quoted, escaped and cut.
    pub fn broke(&self, what: &str, line: &[u8]) -> Box<Error> {
        self.pipe.broke(what, line)
    }

    /// The server's own words.
    pub fn said(&self, what: &str, reply: &Reply) -> Box<Error> {
        self.pipe.said(what, &reply.words())
    }
}
