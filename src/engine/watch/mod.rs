//! `watch`: an account is worked on whenever something changed, there or here.
//!
//! run → wait until the server tells of something, something changes here, or it is time to look → run. Runs are those of `sync` and `fetch`, and
//! hold the lock; waits hold nothing but the session that the run leaves and the next run begins with. What a run has changed there is told as
//! news, too: the run that follows finds nothing to do, and knows by then that there is nothing.

mod back_off;
mod slumber;
mod troubles;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::backend::{Session, Wake};
use crate::model::caps::Push;
use crate::model::report::AccountReport;
use crate::model::{Error, FolderId, Result, Role};
use crate::store::Store;

use super::fetch::{Seat, blocking};
use super::select::Patterns;
use back_off::{BackOff, Help, help};
pub use slumber::notice_sleep;
use troubles::Troubles;

/// How often a server is looked at that cannot push, or not all folders.
const POLL: Duration = Duration::from_mins(5);
/// The same where every folder is told of: for what a push may have left out.
const RARE_POLL: Duration = Duration::from_mins(15);
/// Changes here within this time are one change; a stream of them is taken care of after the second.
const QUIET_HERE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(3));
/// A wait that holds so long shows that the line is sound, and that the server does not talk without end.
const HOLDS: Duration = Duration::from_mins(1);
/// Runs in a row, woken by something and with nothing to do, that are free. The first often follows changes of our own.
const FREE: u32 = 2;
/// So many such runs in a row are told of.
const TOLD: u32 = 8;
/// Lines in a row that did not hold are told of.
const LOST: u32 = 4;
/// Time for a goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// One account, as its watch works on it.
#[async_trait]
pub trait Work: Send + Sync {
    /// One run, beginning with the session that waits on `seat`, if one does. The one that stands in the end waits there.
    async fn run(&self, seat: &Seat) -> Round;

    /// The line was lost or came to nothing: the next run begins with a new one. `denied`: the server does not let us in any more, and the
    /// secret may be another one by now.
    fn renew(&self, denied: bool);

    /// Hears what happened; must not block.
    fn tell(&self, told: Told<'_>);
}

/// What a run came to.
#[derive(Debug)]
pub struct Round {
    /// Its report.
    pub report: AccountReport,
    /// What stopped the outbox.
    pub unsent: Option<Box<Error>>,
    /// Folders that are waited for, the one that matters most first.
    pub at: Vec<FolderId>,
    /// Something here is due after this time, whatever happens there.
    pub due: Option<Duration>,
}

/// What a watch tells.
#[derive(Debug)]
pub enum Told<'a> {
    /// A run has ended.
    Round(&'a AccountReport),
    /// Failures that were not told yet, and nothing else.
    Trouble(&'a AccountReport),
    /// All that was told of is over.
    Over,
    /// Something else that a person should know.
    Note(&'a str),
}

/// How to watch.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How often to look whatever is pushed; `None` = as the server's abilities suggest.
    pub poll: Option<Duration>,
    /// Ends after the first run that changed something.
    pub once: bool,
    /// A number from 0 to 1, another one each time.
    pub chance: fn() -> f64,
}

/// What a watch listens to beside the server.
#[derive(Debug, Clone)]
pub struct Bells {
    /// Ends it.
    pub cancel: CancellationToken,
    /// Goes up with every change here.
    pub here: Receiver<u64>,
    /// Goes up with every sleep of the machine.
    pub slept: Receiver<u64>,
}

/// How a watch ended.
#[derive(Debug)]
pub struct Ended {
    /// The last run's report, where something still was wrong.
    pub standing: Option<AccountReport>,
    /// Something changed, and nothing more was asked for.
    pub once: bool,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Something changed there.
    There,
    /// Something changed here.
    Here,
    /// It is time to look.
    Look,
    /// The machine slept.
    Slept,
    /// The watch ends.
    Stop,
}

/// The folders of the state that take part, INBOX first.
pub async fn folders(store: &Arc<Store>, patterns: &[Patterns]) -> Result<Vec<FolderId>> {
    let mut rows = blocking(store, |store| store.state().folders()).await?;
    rows.retain(|row| row.cursor.is_some() && patterns.iter().all(|patterns| patterns.take(&row.path, row.role)));
    rows.sort_by_key(|row| (row.role != Some(Role::Inbox) && !row.path.is_inbox(), row.id));
    Ok(rows.into_iter().map(|row| row.remote).collect())
}

/// Watches one account until it is told to stop.
pub async fn watch(work: &dyn Work, settings: Settings, bells: Bells) -> Ended {
    let mut watch = Watch {
        work,
        settings,
        bells,
        seat: Seat::default(),
        troubles: Troubles::default(),
        back_off: BackOff::default(),
        idle_runs: 0,
        short_waits: 0,
        standing: None,
    };
    let once = watch.go().await;
    if let Some(session) = watch.seat.take() {
        close(session).await;
    }
    Ended { standing: watch.standing, once }
}

struct Watch<'a> {
    work: &'a dyn Work,
    settings: Settings,
    bells: Bells,
    seat: Seat,
    troubles: Troubles,
    back_off: BackOff,
    /// Runs in a row that something had called for, and that had nothing to do.
    idle_runs: u32,
    /// Waits in a row that ended with the line, soon after they began.
    short_waits: u32,
    standing: Option<AccountReport>,
}

impl Watch<'_> {
    /// True: something changed, and that was all that was wanted.
    async fn go(&mut self) -> bool {
        let mut next = Next::Look;
        loop {
            self.bells.here.borrow_and_update();
            // It may ring at the moment when something else wakes the watch.
            if next == Next::Slept || self.bells.slept.has_changed().unwrap_or(false) {
                self.bells.slept.borrow_and_update();
                self.begin_anew();
            }
            let begun = Instant::now();
            let round = self.work.run(&self.seat).await;
            if self.bells.cancel.is_cancelled() {
                // What was cut short proves nothing.
                if round.report.ok() {
                    self.standing = None;
                }
                return false;
            }
            let changed = round.report.changed();
            let pause = round.report.error.as_ref().map(|error| self.back_off.next(error, (self.settings.chance)()));
            self.tell(&round);
            if changed && self.settings.once {
                self.standing = keep(round);
                return true;
            }
            next = match (pause, &round.report.error) {
                (Some(pause), Some(error)) => self.after_failure(error, pause).await,
                _ => match self.calm_down(next, changed).await {
                    Some(next) => next,
                    None => self.wait(&round, begun).await,
                },
            };
            self.standing = keep(round);
            if next == Next::Stop {
                return false;
            }
        }
    }

    /// After a sleep: whatever stood is dead by now, and may not know it; and whatever was down may be up.
    fn begin_anew(&mut self) {
        drop(self.seat.take());
        self.work.renew(false);
        self.back_off.reset();
    }

    fn tell(&mut self, round: &Round) {
        self.work.tell(Told::Round(&round.report));
        let verdict = self.troubles.judge(round, self.back_off.failures());
        if let Some(new) = &verdict.new {
            self.work.tell(Told::Trouble(new));
        }
        if verdict.over {
            self.work.tell(Told::Over);
        }
    }

    /// The account failed as a whole.
    async fn after_failure(&mut self, error: &Error, pause: Duration) -> Next {
        // Whatever stands is of no use to a new line.
        drop(self.seat.take());
        self.work.renew(help(error) == Help::Person);
        tracing::debug!(?pause, class = error.class.word(), "tried again later");
        self.rest(pause, help(error) == Help::Here).await
    }

    /// Takes a rest where runs are called for again and again, and have nothing to do.
    async fn calm_down(&mut self, woken: Next, changed: bool) -> Option<Next> {
        match woken {
            _ if changed => self.idle_runs = 0,
            Next::There | Next::Here => self.idle_runs = self.idle_runs.saturating_add(1),
            _ => {}
        }
        let over = self.idle_runs.checked_sub(FREE).filter(|over| *over > 0)?;
        if self.idle_runs == TOLD {
            let who = if woken == Next::Here { "the Maildir changes" } else { "the server tells of changes" };
            self.work.tell(Told::Note(&format!("{who} again and again, and there is nothing to do: the pauses become longer")));
        }
        let most = self.settings.poll.unwrap_or(POLL);
        let rest = Duration::from_secs(1).saturating_mul(1 << (over - 1).min(16)).min(most);
        match self.rest(rest, false).await {
            Next::Look => None,
            next => Some(next),
        }
    }

    /// Does nothing for a while. `here`: a change here ends it, too.
    async fn rest(&mut self, time: Duration, here: bool) -> Next {
        tokio::select! {
            biased;
            () = self.bells.cancel.cancelled() => Next::Stop,
            () = rung(&mut self.bells.slept) => Next::Slept,
            () = settled(&mut self.bells.here), if here => Next::Here,
            () = sleep(time) => Next::Look,
        }
    }

    /// Waits until there is something to do.
    async fn wait(&mut self, round: &Round, run_begun: Instant) -> Next {
        let mut pushes = self.seat.take();
        let begun = Instant::now();
        tracing::debug!(account = round.report.name, "a wait begins");
        let mut until: Option<Instant> = None;
        loop {
            let push = pushes.as_ref().map_or(Push::Poll { at_least: 0 }, |session| session.caps().push);
            let until = *until.get_or_insert_with(|| begun + self.interval(push, round.due));
            let session = match (pushes.take(), push) {
                (Some(session), Push::OneFolder | Push::Folders { .. }) if !round.at.is_empty() => session,
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
            let waiting = session.wait(&round.at, until, &stop);
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

/// The report of a round in which something is wrong.
fn keep(round: Round) -> Option<AccountReport> {
    let Round { mut report, unsent, .. } = round;
    if let Some(error) = unsent {
        report.error.get_or_insert(error);
    }
    (!report.ok()).then_some(report)
}

async fn close(session: Box<dyn Session>) {
    let _ = timeout(GOODBYE, session.close()).await;
}

/// Until a bell rings that had been silent.
async fn rung(bell: &mut Receiver<u64>) {
    if bell.changed().await.is_err() {
        // Nobody is left to ring it.
        std::future::pending::<()>().await;
    }
}

/// The same, once it is silent again, or has rung for long.
async fn settled(bell: &mut Receiver<u64>) {
    rung(bell).await;
    let most = Instant::now() + QUIET_HERE.1;
    while Instant::now() < most && timeout(QUIET_HERE.0, rung(bell)).await.is_ok() {}
}
