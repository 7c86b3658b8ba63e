//! One wait of a watch: by a session where the server pushes, else by the clock; and by everything that rings beside it.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::back_off::{Help, help};
use super::bells::{rung, settled};
use super::{HOLDS, Next, POLL, Places, Round, Told, Watch, close};
use crate::backend::{Session, Wake};
use crate::model::caps::Push;
use crate::model::report::AccountReport;
use crate::model::{Caps, Error};

/// How often a server is looked at where every folder is told of: for what a push may have left out.
const RARE_POLL: Duration = Duration::from_mins(15);
/// Lines in a row that did not hold are told of.
const LOST: u32 = 4;

impl Watch {
    /// Waits until there is something to do.
    pub(super) async fn wait(&mut self, round: &Round, run_begun: Instant) -> Next {
        let mut pushes = self.seat.take();
        let begun = Instant::now();
        tracing::debug!(account = round.report.name, "a wait begins");
        self.listeners.encourage();
        let mut until: Option<Instant> = None;
        loop {
            let push = pushes.as_ref().map_or(Push::Poll { at_least: 0 }, |session| session.caps().push);
            self.follow(pushes.as_ref().map(|session| session.caps()), &round.at);
            let until = *until.get_or_insert_with(|| begun + self.interval(push, round.due));
            let session = match (pushes.take(), push) {
                (Some(session), Push::OneFolder | Push::Folders { .. }) if !round.at.all.is_empty() => session,
                (session, push) => {
                    if let Some(session) = session {
                        close(session).await;
                    }
                    self.back_off.reset();
                    let at_least = if let Push::Poll { at_least } = push { at_least } else { 0 };
                    return self.sit(until, run_begun + Duration::from_secs(at_least.into())).await;
                }
            };
            match self.listen(session, round, until).await {
                // It pushes no more, or never did; or it is time to look.
                Ok((next, session)) => {
                    if next == Next::Look && Instant::now() < until {
                        if session.caps().push == push {
                            sleep(Duration::from_secs(1)).await;
                        }
                        pushes = Some(session);
                        continue;
                    }
                    self.held(begun.elapsed());
                    self.seat.put(session);
                    return next;
                }
                Err(Some(error)) => return self.line_lost(&error, round, begun.elapsed()).await,
                Err(None) => return Next::Slept,
            }
        }
    }

    /// Has the further folders listened to that were chosen, where a session tells of one only, and as many as the connections allow.
    fn follow(&mut self, caps: Option<&Caps>, places: &Places) {
        let of_one = caps.filter(|caps| caps.push == Push::OneFolder);
        let (further, sessions) = of_one.map_or((&[][..], 1), |caps| (places.further(), usize::from(caps.sessions.get())));
        // One of the connections is that of the runs.
        let taken = further.len().min(sessions.saturating_sub(1));
        if taken < further.len() && !std::mem::replace(&mut self.told_of_rest, true) {
            let (rest, heard) = (further.len() - taken, taken + 1);
            let text = format!("{rest} of the chosen folders are polled: {sessions} connections listen to {heard} folders");
            self.work.tell(Told::Note(&text));
        }
        self.listeners.follow(&further[..taken]);
        self.seat.set_aside(taken as u16);
    }

    /// The line has held.
    fn held(&mut self, time: Duration) {
        self.back_off.reset();
        if time >= HOLDS {
            (self.idle_runs, self.short_waits) = (0, 0);
            if self.troubles.line_holds() {
                self.work.tell(Told::Over);
            }
        }
    }

    async fn line_lost(&mut self, error: &Error, round: &Round, after: Duration) -> Next {
        self.work.renew(help(error) == Help::Person);
        if after >= HOLDS {
            self.held(after);
        } else {
            self.short_waits = self.short_waits.saturating_add(1);
            if self.short_waits >= LOST && self.troubles.line_breaks() {
                let new = AccountReport::new(&round.report.name, round.report.protocol);
                self.work.tell(Told::Trouble(&AccountReport { error: Some(error.copy()), ..new }));
            }
        }
        let pause = self.back_off.next(error, (self.settings.chance)());
        tracing::debug!(%error, ?pause, "the line was lost");
        self.rest(pause, false).await
    }

    /// How long until the next look, come what may.
    fn interval(&self, push: Push, due: Option<Duration>) -> Duration {
        let usual = match push {
            Push::Folders { .. } => RARE_POLL,
            Push::OneFolder | Push::Poll { .. } => POLL,
        };
        let poll = self.settings.poll.unwrap_or(usual).mul_f64(0.9 + 0.2 * (self.settings.chance)().clamp(0.0, 1.0));
        let least = if let Push::Poll { at_least } = push { Duration::from_secs(at_least.into()) } else { Duration::ZERO };
        poll.min(due.unwrap_or(poll)).max(least).max(Duration::from_secs(1))
    }

    /// Waits without a session. `earliest`: the server wants to see nobody before.
    async fn sit(&mut self, until: Instant, earliest: Instant) -> Next {
        let begun = Instant::now();
        let next = tokio::select! {
            biased;
            () = self.bells.cancel.cancelled() => Next::Stop,
            () = rung(&mut self.bells.slept) => Next::Slept,
            () = settled(&mut self.bells.here) => Next::Here,
            () = sleep_until(until) => Next::Look,
        };
        self.held(begun.elapsed());
        let left = earliest.saturating_duration_since(Instant::now());
        if next == Next::Stop || left.is_zero() {
            return next;
        }
        match self.rest(left, false).await {
            Next::Stop => Next::Stop,
            _ => next,
        }
    }

    /// Waits by a session. The error is the line's; `None` = the machine slept, and the line with it.
    async fn listen(
        &mut self,
        mut session: Box<dyn Session>,
        round: &Round,
        until: Instant,
    ) -> Result<(Next, Box<dyn Session>), Option<Box<Error>>> {
        let (stop, mut ended_by) = (CancellationToken::new(), None);
        let woken = {
            let waiting = session.wait(&round.at.all, until, &stop);
            tokio::pin!(waiting);
            loop {
                tokio::select! {
                    biased;
                    woken = &mut waiting => break woken,
                    () = self.bells.cancel.cancelled(), if ended_by.is_none() => {
                        ended_by = Some(Next::Stop);
                        stop.cancel();
                    }
                    () = rung(&mut self.bells.slept) => return Err(None),
                    next = self.listeners.rung(), if ended_by.is_none() => {
                        ended_by = Some(next);
                        stop.cancel();
                    }
                    () = settled(&mut self.bells.here), if ended_by.is_none() => {
                        ended_by = Some(Next::Here);
                        stop.cancel();
                    }
                }
            }
        };
        match (woken, ended_by) {
            // A session may hear of it first.
            _ if self.bells.cancel.is_cancelled() => Ok((Next::Stop, session)),
            (Ok(Wake::Changed), _) => Ok((Next::There, session)),
            (Ok(Wake::Quiet), ended_by) => Ok((ended_by.unwrap_or(Next::Look), session)),
            (Err(error), _) => Err(Some(error)),
        }
    }
}
