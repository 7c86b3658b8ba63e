//! A connection as octets, whatever is spoken on it: in and out at the same time, so that two full buffers cannot block each other; the
//! patience with a peer that is slow; and the words for a peer that is lost or breaks the rules.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio_util::io::poll_read_buf;
use tokio_util::sync::CancellationToken;

use crate::model::{Class, Error, ExposeSecret as _, Result, SecretString};
use crate::net::{Stream, lost};

use super::{Ctx, limits};

/// Room for one read.
const READ: usize = 64 << 10;
/// Below so many octets that wait for the socket, more can be made ready.
const LOW: usize = 64 << 10;
/// Characters of a peer's line that an error quotes.
const QUOTED: usize = 160;

/// A connection.
pub(super) struct Pipe {
    stream: Option<Stream>,
    /// What came and was not taken yet.
    pub input: BytesMut,
    unflushed: bool,
    /// Nothing can be written any more; the server may have said why.
    unwritable: Option<io::Error>,
    /// Why it was hung up.
    given_up: Option<String>,
    /// Silence that is borne.
    pub silence: Duration,
    /// Set: the run ends, and the server's silence is not borne for long any more.
    cancel: CancellationToken,
    /// What is tried, for words.
    pub tried: String,
    /// Spellings of the secret: a server may give back what it got.
    secrets: Vec<SecretString>,
    /// `waited` and the octets since then; begins anew with every answer that ends a command.
    window: (Duration, u64),
    /// Time spent waiting for octets.
    pub waited: Duration,
}

impl Pipe {
    pub fn new(stream: Stream, tried: String, ctx: &Ctx) -> Self {
        Self {
            stream: Some(stream),
            input: BytesMut::with_capacity(READ),
            unflushed: false,
            unwritable: None,
            given_up: None,
            silence: ctx.silence,
            cancel: ctx.cancel.clone(),
            tried,
            secrets: Vec::new(),
            window: (Duration::ZERO, 0),
            waited: Duration::ZERO,
        }
    }

    pub fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// Takes the stream away, to change or to end it.
    pub fn take_stream(&mut self) -> Option<Stream> {
        self.stream.take()
    }

    /// Puts a changed stream back.
    pub fn set_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Replaces the stream by what `change` makes of it (TLS). `idle`: nothing of an answer was taken and is not whole yet.
    pub async fn upgrade<F>(&mut self, idle: bool, change: impl FnOnce(Stream) -> F) -> Result<()>
    where
        F: Future<Output = Result<Stream>>,
    {
        if !self.input.is_empty() || !idle {
            return Err(Error::new(
                Class::TlsRequired,
                self.tried.clone(),
                "the server sent more in clear than its agreement to TLS: somebody may have put it there",
            )
            .hint("use the URL scheme that ends in s, where the server offers TLS from the start"));
        }
        let Some(stream) = self.stream.take() else { return Err(self.gone()) };
        self.stream = Some(change(stream).await?);
        Ok(())
    }

    /// Writes of `output` and reads, whichever can go on. The octets that were read; `None` when there is room for more output, which the
    /// caller has (`more`).
    pub async fn exchange(&mut self, output: &mut BytesMut, more: bool, silence: Duration) -> Result<Option<usize>> {
        let begun = Instant::now();
        let Some(stream) = &mut self.stream else { return Err(self.gone()) };
        if self.input.capacity() - self.input.len() < READ / 4 {
            self.input.reserve(READ);
        }
        let (input, unflushed) = (&mut self.input, &mut self.unflushed);
        let (unwritable, written) = (&mut self.unwritable, &mut self.window.1);
        let step = poll_fn(|cx| {
            while !output.is_empty() && unwritable.is_none() {
                match Pin::new(&mut *stream).poll_write(cx, output) {
                    Poll::Ready(Ok(0)) => *unwritable = Some(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(n)) => {
                        output.advance(n);
                        // A peer that takes what we send does not stall us.
                        *written += n as u64;
                        *unflushed = true;
                    }
                    Poll::Ready(Err(error)) => *unwritable = Some(error),
                    Poll::Pending => break,
                }
            }
            if *unflushed && output.is_empty() && unwritable.is_none() {
                match Pin::new(&mut *stream).poll_flush(cx) {
                    Poll::Ready(Ok(())) => *unflushed = false,
                    Poll::Ready(Err(error)) => *unwritable = Some(error),
                    Poll::Pending => {}
                }
            }
            match (poll_read_buf(Pin::new(&mut *stream), cx, input), unwritable.take()) {
                // A server that hangs up in the middle of a message has often said why.
                (Poll::Ready(Ok(n @ 1..)), failed) => {
                    *unwritable = failed;
                    Poll::Ready(Ok(Some(n)))
                }
                (_, Some(error)) => Poll::Ready(Err(error)),
                (Poll::Ready(read), None) => Poll::Ready(read.map(Some)),
                (Poll::Pending, None) if more && output.len() < LOW => Poll::Ready(Ok(None)),
                (Poll::Pending, None) => Poll::Pending,
            }
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
            None => Err(self.stopped("and the server is silent")),
            Some(Ok(Ok(Some(0)))) => Err(Error::new(Class::Temporary, self.tried.clone(), "the server closed the connection")),
            Some(Ok(Ok(read))) => Ok(read),
            Some(Ok(Err(error))) => Err(lost(self.tried.clone(), error)),
            Some(Err(_)) => {
                Err(Error::new(Class::Temporary, self.tried.clone(), format!("the server was silent for {} s", silence.as_secs()))
                    .hint("--timeout SECS bears more silence"))
            }
        }
    }

    /// Only time spent waiting counts: what we spend elsewhere (a slow disk, a prompt) says nothing about the server. `due`: an answer is
    /// outstanding.
    pub fn keep_pace(&mut self, n: usize, silence: Duration, due: bool) -> Result<()> {
        self.window.1 += n as u64;
        let (waited, octets) = (self.waited.saturating_sub(self.window.0), self.window.1);
        let Some(stalled) = judge(waited, octets, silence) else { return Ok(()) };
        self.window = (self.waited, 0);
        if stalled && due {
            let seconds = waited.as_secs();
            return Err(Error::new(Class::Temporary, self.tried.clone(), format!("the server sent only {octets} octets in {seconds} s")));
        }
        Ok(())
    }

    /// A command was answered: its pace is measured anew.
    pub fn answered(&mut self) {
        self.window = (self.waited, 0);
    }

    /// Sends the last words and hangs up; never fails, never waits long. Whatever matters was answered before: the answer to these would
    /// cost a round trip.
    pub async fn say_goodbye(mut self, words: &[u8]) {
        let Some(mut stream) = self.take_stream() else { return };
        let goodbye = async {
            stream.write_all(words).await?;
            stream.shutdown().await
        };
        let _ = tokio::time::timeout(limits::LOGOUT, goodbye).await;
    }

    pub fn stopped(&self, how: &str) -> Box<Error> {
        Error::new(Class::Temporary, self.tried.clone(), format!("the run was stopped, {how}"))
            .safe("what was stored stays; the next run carries on")
    }

    /// Hangs up because of `why`: whatever is asked for from here on fails.
    pub fn give_up(&mut self, why: &str) {
        self.stream = None;
        self.input.clear();
        self.given_up.get_or_insert_with(|| why.to_owned());
    }

    pub fn gone(&self) -> Box<Error> {
        let why = self.given_up.as_deref().unwrap_or("a step before failed");
        Error::new(Class::Temporary, self.tried.clone(), format!("the connection was given up: {why}"))
    }

    /// From now on these words are left out of whatever the server says.
    pub fn never_show(&mut self, secrets: Vec<SecretString>) {
        self.secrets = secrets;
    }

    /// What the server said, without secrets.
    pub fn clean(&self, text: String) -> String {
        let shown = |s: &&SecretString| !s.expose_secret().is_empty() && text.contains(s.expose_secret());
        if !self.secrets.iter().any(|s| shown(&s)) {
            return text;
        }
        self.secrets.iter().fold(text, |text, s| text.replace(s.expose_secret(), "…"))
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
