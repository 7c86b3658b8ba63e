//! `watch`: an account is worked on whenever something changed, there or here.
//!
//! run → wait until the server tells of something, something changes here, or it is time to look → run. Runs are those of `sync` and `fetch`, and
//! hold the lock; waits hold nothing but the session that the run leaves and the next run begins with. What a run has changed there is told as
//! news, too: the run that follows finds nothing to do, and knows by then that there is nothing.

mod back_off;
mod bells;
mod listeners;
mod places;
mod slumber;
mod troubles;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout};

use crate::backend::Session;
use crate::model::report::AccountReport;
use crate::model::{Error, Result};

use super::fetch::Seat;
use back_off::{BackOff, Help, help};
pub use bells::Bells;
use bells::{rung, settled};
use listeners::Listeners;
pub use places::{Places, places};
pub use slumber::notice_sleep;
use troubles::Troubles;

/// How often a server is looked at that cannot push, or not all folders.
const POLL: Duration = Duration::from_mins(5);
/// A wait that holds so long shows that the line is sound, and that the server does not talk without end.
const HOLDS: Duration = Duration::from_mins(1);
/// Runs in a row, woken by something and with nothing to do, that are free. The first often follows changes of our own.
const FREE: u32 = 2;
/// So many such runs in a row are told of.
const TOLD: u32 = 8;
/// Time for a goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// One account, as its watch works on it.
#[async_trait]
pub trait Work: Send + Sync {
    /// One run, beginning with the session that waits on `seat`, if one does. The one that stands in the end waits there.
    async fn run(&self, seat: &Seat) -> Round;

    /// A further session, for a folder that is listened to beside the one of the runs. One attempt.
    async fn connect(&self) -> Result<Box<dyn Session>>;

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
    /// Folders that are waited for.
    pub at: Places,
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
    /// A folder is listened to from now on; what happened in it before, nobody has heard.
    Joined,
    /// Something changed here.
    Here,
    /// It is time to look.
    Look,
    /// The machine slept.
    Slept,
    /// The watch ends.
    Stop,
}

/// Watches one account until it is told to stop.
pub async fn watch(work: Arc<dyn Work>, settings: Settings, bells: Bells) -> Ended {
    let mut watch = Watch {
        listeners: Listeners::new(work.clone(), settings.chance, &bells.cancel),
        work,
        settings,
        bells,
        seat: Seat::default(),
        troubles: Troubles::default(),
        back_off: BackOff::default(),
        idle_runs: 0,
        short_waits: 0,
        told_of_rest: false,
        standing: None,
    };
    let once = watch.go().await;
    let session = watch.seat.take();
    tokio::join!(watch.listeners.end(), async {
        if let Some(session) = session {
            close(session).await;
        }
    });
    Ended { standing: watch.standing, once }
}

struct Watch {
    work: Arc<dyn Work>,
    settings: Settings,
    bells: Bells,
    seat: Seat,
    listeners: Listeners,
    troubles: Troubles,
    back_off: BackOff,
    /// Runs in a row that something had called for, and that had nothing to do.
    idle_runs: u32,
    /// Waits in a row that ended with the line, soon after they began.
    short_waits: u32,
    /// It was told that there are more chosen folders than can be listened to.
    told_of_rest: bool,
    standing: Option<AccountReport>,
}

impl Watch {
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
            self.listeners.hush();
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
        self.hang_up();
        self.work.renew(false);
        self.back_off.reset();
    }

    /// Lets go of every line.
    fn hang_up(&mut self) {
        drop(self.seat.take());
        self.listeners.drop_all();
        self.seat.set_aside(0);
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
        self.hang_up();
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
