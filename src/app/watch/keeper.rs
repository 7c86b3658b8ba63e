//! One account under watch: its line, its Maildir, what is told of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::reactions::Reactions;
use super::{Audience, WatchOptions};
use crate::app::run::{self, Line, layout, on_line};
use crate::app::{Globals, Verb, account, off_thread, send};
use crate::backend::memory::Ram;
use crate::backend::{Ctx, Session};
use crate::config::Account;
use crate::engine::fetch::Seat;
use crate::engine::watch::{Places, Round, Told, Work};
use crate::model::report::AccountReport;
use crate::model::{Class, Error, Event, Observer, Result};
use crate::store::disk::{Disk as _, OsDisk};
use crate::store::notice::{Notice, Noticed};
use crate::store::root::control_path;

/// A run that takes longer waits for its server, or brings much.
const SLOW: Duration = Duration::from_secs(10);
/// Different notes of an account that are told.
const NOTES: usize = 100;

/// An account.
pub(super) struct Keeper {
    globals: Globals,
    account: Account,
    options: WatchOptions,
    audience: Arc<dyn Audience>,
    slots: Arc<Semaphore>,
    /// Rings when something changes here.
    here: watch::Sender<u64>,
    reactions: Reactions,
    line: Mutex<Option<Arc<Line>>>,
    place: Mutex<Place>,
}

/// Where the Maildir is.
#[derive(Default)]
struct Place {
    /// Device and inode of its root, once a run has been there.
    root: Option<(u64, u64)>,
    notice: Option<Notice>,
}

impl Keeper {
    pub fn new(
        globals: &Globals,
        account: &Account,
        options: &WatchOptions,
        audience: Arc<dyn Audience>,
        slots: Arc<Semaphore>,
        here: watch::Sender<u64>,
        reactions: Reactions,
    ) -> Self {
        Self {
            globals: globals.clone(),
            account: account.clone(),
            options: options.clone(),
            audience,
            slots,
            here,
            reactions,
            line: Mutex::default(),
            place: Mutex::default(),
        }
    }

    fn observer(&self) -> Arc<dyn Observer> {
        Arc::new(Once { inner: self.audience.observer(&self.account.name), told: Mutex::default() })
    }

    fn line(&self) -> Result<Arc<Line>> {
        let mut line = lock(&self.line);
        if let Some(line) = &*line {
            return Ok(line.clone());
        }
        let new = Arc::new(Line::new(&self.globals, &self.account, self.observer(), false)?);
        Ok(line.insert(new).clone())
    }

    async fn work(&self, seat: &Seat) -> Result<(AccountReport, Places)> {
        self.check_place().await?;
        let line = self.line()?;
        let patterns = run::patterns(&self.options.run)?;
        let done = on_line(&self.globals, &self.account, &self.options.run, patterns, &line, Some(seat)).await?;
        self.settle_in().await;
        Ok(done)
    }

    /// A run, whoever else runs.
    async fn round(&self, seat: &Seat) -> Round {
        tracing::debug!(account = self.account.name, "a run begins");
        let sends = self.account.send.is_some();
        // First, so that copies of what is sent now are part of this run.
        let unsent = if sends && self.options.run.verb == Verb::Sync {
            run::flush(&self.globals, &self.account, self.audience.observer(&self.account.name)).await.err()
        } else {
            None
        };
        let blank = AccountReport::new(&self.account.name, run::protocol(&self.account));
        let (report, at) = if self.account.receive.is_none() && sends {
            (blank, Places::default())
        } else {
            match self.work(seat).await {
                Ok(done) => done,
                Err(error) => (AccountReport { error: Some(error), ..blank }, Places::default()),
            }
        };
        let due = if sends { send::outbox::next_due(&self.account).await } else { None };
        Round { report, unsent, at, due }
    }

    /// A Maildir that has gone meanwhile is not made anew: it may be a disk that is not there, and everything would be fetched again into the
    /// place where it belongs.
    async fn check_place(&self) -> Result<()> {
        let Some(known) = lock(&self.place).root else { return Ok(()) };
        let (root, layout) = (self.account.maildir.clone(), layout(self.account.layout));
        let tried = format!("use the Maildir {}", root.display());
        let found = off_thread("look at the Maildir", move || {
            let now = OsDisk.stat(&root).ok().map(|stat| (stat.dev, stat.ino));
            Ok((now, OsDisk.stat(&control_path(&root, layout)).is_ok()))
        });
        let refuse = |failed: &str| {
            Err(Error::new(Class::Guard, tried, failed)
                .safe("nothing was touched, here or there")
                .hint("bring it back (a disk that is not mounted?), and the watch goes on")
                .hint("if it is meant to be empty, start the watch anew"))
        };
        match found.await? {
            (Some(now), _) if now == known => Ok(()),
            (Some(now), true) => {
                // Moved, or restored, with its state.
                *lock(&self.place) = Place { root: Some(now), notice: None };
                Ok(())
            }
            (Some(_), false) => refuse("it is another directory by now, and nothing of ours is in it"),
            (None, _) => refuse("it is gone"),
        }
    }

    /// After a run: from now on changes here are noticed.
    async fn settle_in(&self) {
        let missing = { lock(&self.place).notice.is_none() };
        if !missing {
            return;
        }
        let root = self.account.maildir.clone();
        let stat = off_thread("look at the Maildir", move || OsDisk.stat(&root).map_err(|e| Error::local("look at the Maildir", &e))).await;
        let Ok(stat) = stat else { return };
        let notice = (self.options.run.verb == Verb::Sync).then(|| {
            let (here, audience, name) = (self.here.clone(), self.audience.clone(), self.account.name.clone());
            Notice::start(&self.account.maildir, layout(self.account.layout), move |noticed| match noticed {
                Noticed::Changed => here.send_modify(|count| *count += 1),
                Noticed::Blind(why) => {
                    let text =
                        format!("changes of the Maildir are looked for twice a minute, because the system does not tell them: {why}");
                    audience.note(&name, &text);
                }
            })
        });
        *lock(&self.place) = Place { root: Some((stat.dev, stat.ino)), notice };
    }
}

#[async_trait]
impl Work for Keeper {
    async fn run(&self, seat: &Seat) -> Round {
        let slot = self.slots.acquire().await;
        let round = self.round(seat);
        tokio::pin!(round);
        // A server that hangs holds up no other account, unless somebody wants so many at most.
        if self.options.run.jobs.is_none()
            && let Ok(round) = timeout(SLOW, &mut round).await
        {
            return round;
        }
        let _slot = self.options.run.jobs.is_some().then_some(slot);
        round.await
    }

    async fn connect(&self) -> Result<Box<dyn Session>> {
        let line = self.line()?;
        // Nothing that it costs is a run's, and nothing that it is told is a message's.
        let ctx = Ctx { meter: Arc::default(), memory: Arc::new(Ram::default()), ..line.ctx.clone() };
        line.backend.open(&ctx).await
    }

    fn renew(&self, denied: bool) {
        let mut line = lock(&self.line);
        if let Some(old) = line.take() {
            let mut new = old.again();
            if denied {
                // By now nobody may sit at the terminal.
                let alone = Globals { prompt: None, ..self.globals.clone() };
                new.ctx.credentials = account::secrets(&alone, &self.account);
            }
            *line = Some(Arc::new(new));
        }
    }

    fn tell(&self, told: Told<'_>) {
        match told {
            Told::Round(report) => {
                self.audience.round(report);
                if report.changed() {
                    self.reactions.to(report);
                }
            }
            Told::Trouble(report) => self.audience.trouble(report),
            Told::Over => self.audience.over(&self.account.name),
            Told::Note(text) => self.audience.note(&self.account.name, text),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells each note once, however often it comes.
struct Once {
    inner: Arc<dyn Observer>,
    told: Mutex<HashSet<String>>,
}

impl Observer for Once {
    fn on(&self, event: &Event<'_>) {
        if let Event::Note(text) | Event::Alert(text) = event {
            let mut told = lock(&self.told);
            if told.len() >= NOTES || !told.insert((*text).to_owned()) {
                return;
            }
        }
        self.inner.on(event);
    }
}
