//! Octets in and out at the same time, and the patience with a peer that is slow.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Buf as _;
use tokio::io::AsyncWrite as _;
use tokio_util::io::poll_read_buf;

use crate::model::{Class, Error, Result};
use crate::net::lost;

use super::output::LOW;
use super::{Connection, READ, limits};

impl Connection {
    /// Writes what is queued and reads what there is, until something came.
    pub(super) async fn fill(&mut self, silence: Duration) -> Result<()> {
        loop {
            self.output.pump();
            while self.output.is_hungry() {
                if self.cancel.is_cancelled() {
                    let error = self.stopped("in the middle of a message");
                    self.give_up(&error);
                    return Err(error);
                }
                if let Err(error) = self.output.read().await {
                    // A literal cannot be taken back: only the end of the connection keeps the server from taking half a message. What
                    // was sent before it is answered first.
                    self.torn = self.output.tear().map(|tag| (tag, error));
                    return Ok(());
                }
            }
            if let Some(n) = self.exchange(silence).await? {
                return self.keep_pace(n, silence);
            }
        }
    }

    /// Writes and reads, whichever can go on. The octets that were read; `None` when there is room for more output.
    async fn exchange(&mut self, silence: Duration) -> Result<Option<usize>> {
        let begun = Instant::now();
        let more = self.output.has_more();
        let Some(stream) = &mut self.stream else { return Err(self.gone()) };
        if self.input.capacity() - self.input.len() < READ / 4 {
            self.input.reserve(READ);
        }
        let (input, output, unflushed) = (&mut self.input, &mut self.output.ready, &mut self.unflushed);
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

    fn stopped(&self, how: &str) -> Box<Error> {
        Error::new(Class::Temporary, self.tried.clone(), format!("the run was stopped, {how}"))
            .safe("what was stored stays; the next run carries on")
    }

    /// What broke a message off, once everything before it is answered; then there is no connection any more.
    pub(super) fn torn_off(&mut self) -> Option<Box<Error>> {
        let (tag, _) = self.torn.as_ref()?;
        if self.outstanding.front().is_some_and(|first| first != tag) && self.outstanding.contains(tag) {
            return None;
        }
        let (_, error) = self.torn.take()?;
        self.give_up(&error);
        Some(error)
    }

    /// Hangs up because of `error`: whatever is asked for from here on fails.
    pub fn give_up(&mut self, error: &Error) {
        self.stream = None;
        self.input.clear();
        self.given_up.get_or_insert_with(|| error.failed.clone());
    }

    pub(super) fn gone(&self) -> Box<Error> {
        let why = self.given_up.as_deref().unwrap_or("a step before failed");
        Error::new(Class::Temporary, self.tried.clone(), format!("the connection was given up: {why}"))
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
