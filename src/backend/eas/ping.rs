//! Waiting for news by Ping, with a heartbeat as long as the server and what lies between bear.
//!
//! A Ping that is answered when its time is up shows that a longer one may do; one that is lost shows that it was too long, because some
//! firewall had forgotten it. Both are remembered as long as the account is in use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::backend::Wake;
use crate::model::{Class, Error, FolderId, Result};
use crate::wire::eas::{Command, Ping, PingStatus, Remedy, Status, ping_request, ping_response};

use super::session::{Ask, Link, Tries};

/// Seconds of the first heartbeat.
const FIRST: u32 = 300;
/// Bounds of what is tried, whatever a server allows: Exchange takes 60 to 3,540 s.
const BOUNDS: (u32, u32) = (60, 1680);
/// Servers that allow only less (SOGo takes 10 s unless told otherwise) have their way down to this.
const LEAST: u32 = 5;
/// How long after its end the answer may come.
const GRACE: Duration = Duration::from_mins(1);
/// Answers in a row that come too early and tell nothing, before the server is left alone for a while.
const EARLY: u32 = 3;

/// How long this server and the way to it bear a Ping.
#[derive(Debug, Clone)]
pub struct Pace(Arc<Mutex<Beat>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beat {
    /// Seconds of the next heartbeat.
    seconds: u32,
    /// Seconds that the server allows at most; that the line has borne at most.
    most: u32,
    /// Folders that one Ping may name.
    folders: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Beat { seconds: FIRST, most: BOUNDS.1, folders: usize::MAX })))
    }
}

impl Beat {
    /// The time was up, and the answer came.
    fn held(&mut self) {
        self.seconds = (self.seconds + self.seconds / 2).min(self.most);
    }

    /// The line was lost meanwhile.
    fn lost(&mut self) {
        self.seconds = (self.seconds / 2).max(BOUNDS.0.min(self.seconds));
        self.most = self.most.min(self.seconds.max(BOUNDS.0));
    }

    /// The server allows another interval. False where that tells nothing.
    fn told(&mut self, nearest: u32) -> bool {
        let asked = self.seconds;
        if nearest < asked {
            (self.seconds, self.most) = (nearest.max(LEAST), nearest.max(LEAST));
        } else {
            self.seconds = nearest.min(BOUNDS.1);
        }
        self.seconds != asked
    }
}

impl Pace {
    fn get(&self) -> Beat {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set<T>(&self, change: impl FnOnce(&mut Beat) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Link {
    pub async fn wait_for_news(&mut self, at: &[FolderId], until: Instant, stop: &CancellationToken) -> Result<Wake> {
        let (mut tries, mut early) = (Tries::default(), 0);
        let ids: Vec<String> = at.iter().map(|id| String::from_utf8_lossy(&id.0).into_owned()).collect();
        loop {
            let left = until.saturating_duration_since(Instant::now()).as_secs() as u32;
            if left < LEAST || stop.is_cancelled() || self.ctx.cancel.is_cancelled() {
                // What is left is too short for a request.
                return self.rest_until(until, stop).await;
            }
            let beat = self.backend.pace.get();
            let seconds = beat.seconds.min(left);
            let (begun, folders) = (Instant::now(), &ids[..ids.len().min(beat.folders)]);
            let stopped = stop.clone();
            let cancel = self.ctx.cancel.clone();
            let answer = tokio::select! {
                biased;
                () = stopped.cancelled() => return Ok(Wake::Quiet),
                () = cancel.cancelled() => return Ok(Wake::Quiet),
                answer = self.ping(seconds, folders) => answer,
            };
            let ping = match answer {
                Ok(ping) => ping,
                Err(error) => {
                    // It stood for a while, and was lost before its time: what lies between forgets lines that are silent for so long.
                    if error.class == Class::Temporary && begun.elapsed() > Duration::from_secs(LEAST.into()) {
                        self.backend.pace.set(Beat::lost);
                    }
                    return Err(error);
                }
            };
            tracing::debug!(seconds, status = ping.status.code(), folders = ping.folders.len(), "ping");
            match ping.status {
                Status::Own(PingStatus::Changed | PingStatus::Hierarchy) => return Ok(Wake::Changed),
                Status::Own(PingStatus::Quiet) if begun.elapsed().as_secs() * 2 >= u64::from(seconds) => {
                    early = 0;
                    if seconds == beat.seconds {
                        self.backend.pace.set(Beat::held);
                    }
                }
                Status::Own(PingStatus::Quiet) => {
                    // A server that says at once that nothing is new must not be asked without end.
                    early += 1;
                    if early >= EARLY {
                        self.rest_until(until.min(Instant::now() + Duration::from_secs(seconds.into())), stop).await?;
                        early = 0;
                    }
                }
                Status::Own(PingStatus::Interval) => {
                    let fits = ping.interval.is_some_and(|nearest| self.backend.pace.set(|beat| beat.told(nearest)));
                    if !fits {
                        return Err(self.broke(Command::Ping, "it allows no interval"));
                    }
                    tries.waits += 1;
                    self.bounded(&tries)?;
                }
                Status::Own(PingStatus::TooManyFolders) => {
                    let most = ping.most.filter(|most| *most > 0 && (*most as usize) < folders.len());
                    let Some(most) = most else { return Err(self.broke(Command::Ping, "it allows no folder")) };
                    self.backend.pace.set(|beat| beat.folders = most as usize);
                }
                status if status.remedy() == Remedy::Bug => {
                    let failed = format!("the server answers {status}");
                    return Err(Error::new(Class::Protocol, self.tried(Command::Ping), failed));
                }
                status => self.recover(Command::Ping, status, &mut tries).await?,
            }
        }
    }

    /// A server that names another interval each time is not followed for ever.
    fn bounded(&self, tries: &Tries) -> Result<()> {
        if tries.waits > 8 { Err(self.broke(Command::Ping, "it names another interval each time")) } else { Ok(()) }
    }

    async fn rest_until(&self, until: Instant, stop: &CancellationToken) -> Result<Wake> {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.ctx.cancel.cancelled() => {}
            () = sleep_until(until) => {}
        }
        Ok(Wake::Quiet)
    }

    async fn ping(&mut self, seconds: u32, folders: &[String]) -> Result<Ping> {
        let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
        let body = ping_request(seconds, &folders).map_err(|e| self.broke(Command::Ping, e))?;
        let wait = Duration::from_secs(seconds.into()) + GRACE.min(self.ctx.silence);
        let octets = self.owed(&Ask { wait: Some(wait), ..Ask::new(Command::Ping, body) }).await?;
        ping_response(&octets, &mut Self::note(Command::Ping)).map_err(|e| self.broke(Command::Ping, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_grows_while_it_holds_and_shrinks_when_the_line_is_lost() {
        let mut beat = Pace::default().get();
        for _ in 0..10 {
            beat.held();
        }
        assert_eq!(beat.seconds, BOUNDS.1);
        beat.lost();
        assert_eq!((beat.seconds, beat.most), (840, 840));
        beat.held();
        assert_eq!(beat.seconds, 840, "what the line did not bear is not tried again");
        for _ in 0..10 {
            beat.lost();
        }
        assert_eq!(beat.seconds, BOUNDS.0);
    }

    #[test]
    fn the_servers_bounds_are_kept() {
        let mut beat = Pace::default().get();
        assert!(beat.told(10));
        beat.held();
        beat.lost();
        assert_eq!(beat.seconds, 10, "as short as the server wants it, and no longer");
        assert!(!beat.told(10), "the same again leads nowhere");
        let mut beat = Pace::default().get();
        assert!(beat.told(900));
        assert_eq!(beat.seconds, 900);
        assert!(!Pace::default().get().told(FIRST));
        let mut beat = Pace::default().get();
        assert!(beat.told(0));
        assert_eq!(beat.seconds, LEAST);
    }
}
