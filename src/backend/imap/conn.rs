//! One IMAP connection: commands out, responses in, pipelined. Reads while it writes, so that two full buffers cannot block each other.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio_util::io::poll_read_buf;
use tokio_util::sync::CancellationToken;

use crate::backend::Ctx;
use crate::model::{Class, Error, Event as Happened, ExposeSecret as _, Observer, Result, SecretString};
use crate::net::{Stream, lost};
use crate::wire::imap::{self, Code, Command, Encoded, Framer, Greeting, Part, Piece, Response, Status, StatusKind, TagMaker, WireError};

use super::limits;

/// Room for one read.
const READ: usize = 64 << 10;
/// Characters of a peer's line that an error quotes.
const QUOTED: usize = 160;

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
    stream: Option<Stream>,
    input: BytesMut,
    framer: Framer,
    output: BytesMut,
    unflushed: bool,
    tags: TagMaker,
    /// Tags that were sent and not answered, oldest first.
    outstanding: VecDeque<String>,
    /// What of queued commands is not yet in `output`.
    waiting: VecDeque<(String, VecDeque<Part>)>,
    /// Literals up to this size need no permission.
    pub literal_max: usize,
    pub silence: Duration,
    observer: Arc<dyn Observer>,
    /// Set: the run ends, and the server's silence is not borne for long any more.
    cancel: CancellationToken,
    tried: String,
    alerts: Vec<String>,
    /// Spellings of the secret: a server may give back what it got.
    secrets: Vec<SecretString>,
    /// Octets of untagged answers since the last tagged one.
    untagged: u64,
    /// `waited` and the octets since then; begins anew with every answer that ends a command.
    window: (Duration, u64),
    /// Time spent waiting for octets.
    pub waited: Duration,
}

impl Connection {
    pub fn new(stream: Stream, tried: String, ctx: &Ctx) -> Result<Self> {
        let mut seed = [0; 8];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
            .map_err(|e| Error::local("read random bytes", &e.into()))?;
        Ok(Self {
            stream: Some(stream),
            input: BytesMut::with_capacity(READ),
            framer: Framer::new(imap::Limits::default()),
            output: BytesMut::new(),
            unflushed: false,
            tags: TagMaker::new(u64::from_le_bytes(seed)),
            outstanding: VecDeque::new(),
            waiting: VecDeque::new(),
            literal_max: 0,
            silence: ctx.silence,
            observer: ctx.observer.clone(),
            cancel: ctx.cancel.clone(),
            tried,
            alerts: Vec::new(),
            secrets: Vec::new(),
            untagged: 0,
            window: (Duration::ZERO, 0),
            waited: Duration::ZERO,
        })
    }

    /// The first line.
    pub async fn greeting(&mut self) -> Result<Greeting> {
        let line = loop {
            match self.framer.next(&mut self.input) {
                Ok(Some(Piece::Line(line))) => break line,
                Ok(Some(_)) => return Err(self.broke("sent a message before its greeting", &[])),
                Ok(None) => self.fill(limits::GREETING.min(self.silence)).await?,
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
        self.secrets = secrets;
    }

    fn clean(&self, text: String) -> String {
        let shown = |s: &&SecretString| !s.expose_secret().is_empty() && text.contains(s.expose_secret());
        if !self.secrets.iter().any(|s| shown(&s)) {
            return text;
        }
        self.secrets.iter().fold(text, |text, s| text.replace(s.expose_secret(), "…"))
    }

    /// Queues a command; it goes out with the next read.
    pub fn queue(&mut self, command: &Command<'_>) -> Result<String> {
        let tag = self.tags.next_tag();
        let encoded = command.encode(&tag).map_err(|e| {
            // Names come from the server: no string of the protocol carries one with a line end or NUL in it.
            Error::new(Class::Partial, self.tried.clone(), format!("the server lists a name that no command can carry: {e}"))
                .scope(crate::model::Scope::Folder)
        })?;
        self.queue_encoded(tag.clone(), encoded);
        Ok(tag)
    }

    fn queue_encoded(&mut self, tag: String, encoded: Encoded) {
        self.outstanding.push_back(tag.clone());
        self.waiting.push_back((tag, encoded.without_waiting(self.literal_max).parts.into()));
        self.pump();
    }

    /// Moves what may be sent into the output.
    fn pump(&mut self) {
        while let Some((_, parts)) = self.waiting.front_mut() {
            match parts.front() {
                Some(Part::Line(line)) => {
                    self.output.extend_from_slice(line);
                    parts.pop_front();
                }
                Some(Part::AwaitContinuation) => return,
                None => {
                    self.waiting.pop_front();
                }
            }
        }
    }

    /// Sends octets outside of any command (SASL, DONE).
    pub fn raw(&mut self, octets: &[u8]) {
        self.output.extend_from_slice(octets);
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

    /// Counts octets of bodies that were not asked for among the untagged answers, which are bounded.
    pub fn unasked(&mut self, octets: u64) {
        self.untagged += octets;
    }

    /// The next thing that comes in.
    pub async fn event(&mut self) -> Result<Event> {
        loop {
            match self.framer.next(&mut self.input) {
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
                    self.fill(self.silence).await?;
                }
                Err(error) => return Err(self.wire(error, &[])),
            }
        }
    }

    /// Bookkeeping for one response; `None` when it was for us alone.
    fn settle(&mut self, mut response: Response, line: &[u8]) -> Result<Option<Event>> {
        if let Response::Status(status) = &mut response {
            status.text = self.clean(std::mem::take(&mut status.text));
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
                        return Err(self.broke("answered a command that was never sent", line));
                    };
                    self.outstanding.remove(at);
                    self.waiting.retain(|(waiting, _)| **waiting != **tag);
                    self.pump();
                    self.untagged = 0;
                    self.window = (self.waited, 0);
                }
            }
            Response::Continue { .. } => {
                if let Some((_, parts)) = self.waiting.front_mut()
                    && parts.front() == Some(&Part::AwaitContinuation)
                {
                    parts.pop_front();
                    self.pump();
                    return Ok(None);
                }
            }
            _ => {}
        }
        Ok(Some(Event::Response(response)))
    }

    /// Writes what is queued and reads what there is, whichever can go on.
    async fn fill(&mut self, silence: Duration) -> Result<()> {
        let begun = Instant::now();
        let Some(stream) = &mut self.stream else { return Err(Error::new(Class::Internal, self.tried.clone(), "the connection is gone")) };
        if self.input.capacity() - self.input.len() < READ / 4 {
            self.input.reserve(READ);
        }
        let (input, output, unflushed) = (&mut self.input, &mut self.output, &mut self.unflushed);
        let step = poll_fn(|cx| {
            while !output.is_empty() {
                match Pin::new(&mut *stream).poll_write(cx, output) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(n)) => {
                        output.advance(n);
                        *unflushed = true;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            if *unflushed && output.is_empty() {
                match Pin::new(&mut *stream).poll_flush(cx) {
                    Poll::Ready(Ok(())) => *unflushed = false,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            poll_read_buf(Pin::new(&mut *stream), cx, input)
        });
        let stopped = async {
            self.cancel.cancelled().await;
            tokio::time::sleep(limits::STOPPED).await;
        };
        // Dropping the step loses nothing: what was read is in the buffer, what was not written still waits.
        let read = tokio::select! {
            biased;
            read = tokio::time::timeout(silence, step) => Some(read),
            () = stopped => None,
        };
        self.waited += begun.elapsed();
        match read {
            None => Err(Error::new(Class::Temporary, self.tried.clone(), "the run was stopped, and the server is silent")
                .safe("what was stored stays; the next run carries on")),
            Some(Ok(Ok(0))) => Err(Error::new(Class::Temporary, self.tried.clone(), "the server closed the connection")),
            Some(Ok(Ok(n))) => self.keep_pace(n, silence),
            Some(Ok(Err(error))) => Err(lost(self.tried.clone(), error)),
            Some(Err(_)) => {
                Err(Error::new(Class::Temporary, self.tried.clone(), format!("the server was silent for {} s", silence.as_secs()))
                    .hint("--timeout SECS bears more silence"))
            }
        }
    }

    /// Only time spent waiting counts: what we spend elsewhere (a slow disk, a prompt) says nothing about the server.
    fn keep_pace(&mut self, n: usize, silence: Duration) -> Result<()> {
        self.window.1 += n as u64;
        let (waited, octets) = (self.waited.saturating_sub(self.window.0), self.window.1);
        let Some(stalled) = judge(waited, octets, silence) else { return Ok(()) };
        self.window = (self.waited, 0);
        if stalled && !self.outstanding.is_empty() {
            let seconds = waited.as_secs();
            return Err(Error::new(Class::Temporary, self.tried.clone(), format!("the server sent only {octets} octets in {seconds} s")));
        }
        Ok(())
    }

    /// Replaces the stream by what `change` makes of it (TLS). Nothing may be under way, and nothing unread.
    pub async fn upgrade<F>(&mut self, change: impl FnOnce(Stream) -> F) -> Result<()>
    where
        F: Future<Output = Result<Stream>>,
    {
        if !self.input.is_empty() || !self.framer.is_idle() {
            return Err(Error::new(
                Class::TlsRequired,
                self.tried.clone(),
                "the server sent more in clear than its agreement to TLS: somebody may have put it there",
            )
            .hint("use imaps:// where the server offers it"));
        }
        let Some(stream) = self.stream.take() else {
            return Err(Error::new(Class::Internal, self.tried.clone(), "the connection is gone"));
        };
        self.stream = Some(change(stream).await?);
        Ok(())
    }

    /// Compresses from here on. Nothing may be under way.
    pub fn compress(&mut self) -> Result<()> {
        if !self.input.is_empty() {
            return Err(self.broke("sent octets behind its agreement to compress", &[]));
        }
        self.stream = self.stream.take().map(Stream::compress);
        Ok(())
    }

    pub fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// Says goodbye and hangs up; never fails, never waits long. Nothing hangs on the server's answer (every command before was
    /// answered), and it would cost a round trip, so it is not waited for.
    pub async fn logout(mut self) {
        let queued = self.queue(&Command::Logout).is_ok();
        let Some(mut stream) = self.stream.take().filter(|_| queued) else { return };
        let goodbye = async {
            stream.write_all(&self.output).await?;
            stream.shutdown().await
        };
        let _ = tokio::time::timeout(limits::LOGOUT, goodbye).await;
    }

    fn wire(&self, error: WireError, line: &[u8]) -> Box<Error> {
        self.broke(&format!("sent a {error}"), line)
    }

    /// The peer broke the rules; `line` is quoted, escaped and cut.
    pub fn broke(&self, what: &str, line: &[u8]) -> Box<Error> {
        let quoted = self.clean(line.escape_ascii().to_string());
        let cut: String = quoted.chars().take(QUOTED).collect();
        let dots = if quoted.len() > cut.len() { "…" } else { "" };
        let text = if line.is_empty() { format!("the server {what}") } else { format!("the server {what}: `{cut}{dots}`") };
        Error::new(Class::Protocol, self.tried.clone(), text).safe("what was stored stays; nothing was deleted")
    }

    /// The server's own words.
    pub fn said(&self, what: &str, text: &str) -> Box<Error> {
        Error::new(Class::Temporary, self.tried.clone(), format!("{what}: {text}"))
    }
}

/// Whether a peer that sent so many octets while it was waited for stalls us; `None` while it is too early to say. One silence that is
/// borne must not decide it, or the patience with commands that make the server work would be none.
fn judge(waited: Duration, octets: u64, silence: Duration) -> Option<bool> {
    (waited >= limits::FLOOR_WINDOW.max(silence.saturating_mul(2))).then_some(octets < limits::FLOOR_OCTETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_drips_is_found_also_where_long_silence_is_borne() {
        let (usual, work) = (Duration::from_mins(1), Duration::from_mins(1) * limits::WORK);
        let after = |seconds, octets, silence| judge(Duration::from_secs(seconds), octets, silence);
        assert_eq!(after(119, 0, usual), None);
        assert_eq!(after(120, limits::FLOOR_OCTETS - 1, usual), Some(true));
        assert_eq!(after(120, limits::FLOOR_OCTETS, usual), Some(false));
        // One octet in each silence that is borne, and one long silence alone.
        assert_eq!(after(4 * 299, 4, work), Some(true));
        assert_eq!(after(299, 40, work), None);
    }
}
