//! `mailx watch`: every account by itself, until it is told to stop. What is told of them goes to an [`Audience`].

mod keeper;
mod reactions;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{Id, JoinError, JoinSet};

use super::{Globals, RunOptions, Target, account, run};
use crate::config::Account;
use crate::engine::watch::{Bells, Ended, Settings, notice_sleep};
use crate::model::report::AccountReport;
use crate::model::{Error, Observer, Result};
use crate::store::clock::OsClock;

use keeper::Keeper;
use reactions::Reactions;

/// Accounts that run at the same time unless `--jobs` says otherwise: fewer than by hand, because what a run needs for a moment stays with the
/// process, and nobody waits for all of them.
const JOBS: usize = 3;
/// A lock is waited for so long unless `--wait` says otherwise: whoever has it is another run, and will be done.
const WAIT: Duration = Duration::from_mins(1);
/// Hooks that are under way when the watch ends may take so long.
const LAST_HOOKS: Duration = Duration::from_secs(10);

/// Options of `watch` beyond those of the account.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// What a run does: `sync` or `fetch`.
    pub run: RunOptions,
    /// `--once`.
    pub once: bool,
    /// `--poll`.
    pub poll: Option<Duration>,
    /// `--exec-timeout`.
    pub exec_timeout: Duration,
}

/// Hears what a watch has to tell, from any task; must not block.
pub trait Audience: Send + Sync {
    /// Who hears of an account's events.
    fn observer(&self, account: &str) -> Arc<dyn Observer>;
    /// The accounts are watched from now on: so many.
    fn ready(&self, accounts: usize);
    /// The configuration is read again.
    fn reloads(&self);
    /// The new configuration is refused; the old one holds.
    fn refused(&self, error: &Error);
    /// The watch is about to end.
    fn stops(&self);
    /// A run has ended.
    fn round(&self, report: &AccountReport);
    /// Failures that were not told yet, and nothing else.
    fn trouble(&self, report: &AccountReport);
    /// All that was told of the account is over.
    fn over(&self, account: &str);
    /// Something that a person should know.
    fn note(&self, account: &str, text: &str);
    /// The report as hooks get it.
    fn payload(&self, report: &AccountReport) -> String;
}

/// How a watch ended.
#[derive(Debug)]
pub struct Outcome {
    /// Reports of accounts in which something still is wrong.
    pub standing: Vec<AccountReport>,
    /// Something changed, which was all that was wanted.
    pub once: bool,
}

/// Watches the accounts until `globals.cancel` is set, or, with `--once`, until something changed. `reload` reads the configuration again.
/// `Err` only for usage and configuration.
pub async fn watch(
    globals: &Globals,
    target: &Target,
    options: &WatchOptions,
    audience: &Arc<dyn Audience>,
    reload: &Notify,
) -> Result<Outcome> {
    let mut accounts = account::select(globals, target)?;
    run::patterns(&options.run)?;
    let (slept, _) = watch::channel(0);
    let _clocks = Aborted(tokio::spawn(notice_sleep(Arc::new(OsClock), slept.clone())));
    loop {
        let generation = Generation::start(globals, &accounts, options, audience, &slept);
        audience.ready(accounts.len());
        match generation.last(globals, target, audience, reload).await {
            Over::Reload(new) => accounts = new,
            Over::End(outcome) => return Ok(outcome),
        }
    }
}

/// The watches of one reading of the configuration.
struct Generation {
    running: JoinSet<Ended>,
    names: Vec<(Id, AccountReport)>,
    globals: Globals,
}

/// How a generation ended.
enum Over {
    /// With other accounts.
    Reload(Vec<Account>),
    End(Outcome),
}

impl Generation {
    fn start(
        globals: &Globals,
        accounts: &[Account],
        options: &WatchOptions,
        audience: &Arc<dyn Audience>,
        slept: &watch::Sender<u64>,
    ) -> Self {
        let globals = Globals { cancel: globals.cancel.child_token(), wait: globals.wait.or(Some(Some(WAIT))), ..globals.clone() };
        let slots = Arc::new(Semaphore::new(options.run.jobs.unwrap_or(JOBS).max(1)));
        let settings = Settings { poll: options.poll, once: options.once, chance: || run::chance().unwrap_or(0.5) };
        let mut generation = Self { running: JoinSet::new(), names: Vec::new(), globals };
        for account in accounts {
            let blank = AccountReport::new(&account.name, run::protocol(account));
            let (here, changes) = watch::channel(0);
            let bells = Bells { cancel: generation.globals.cancel.clone(), here: changes, slept: slept.subscribe() };
            let reactions = Reactions::start(account, options, audience.clone());
            let keeper = Keeper::new(&generation.globals, account, options, audience.clone(), slots.clone(), here, reactions.clone());
            let exec_timeout = options.exec_timeout;
            let task = generation.running.spawn(async move {
                let ended = crate::engine::watch::watch(Arc::new(keeper), settings, bells).await;
                let most = if ended.once { exec_timeout } else { LAST_HOOKS.min(exec_timeout) };
                reactions.end(most).await;
                ended
            });
            generation.names.push((task.id(), blank));
        }
        generation
    }

    /// Lasts until something ends it.
    async fn last(mut self, globals: &Globals, target: &Target, audience: &Arc<dyn Audience>, reload: &Notify) -> Over {
        let (mut standing, mut once) = (Vec::new(), false);
        let accounts = loop {
            tokio::select! {
                ended = self.running.join_next_with_id() => match ended {
                    None => break None,
                    Some(ended) => {
                        once |= self.take(ended, &mut standing, audience);
                        if once {
                            break None;
                        }
                    }
                },
                () = globals.cancel.cancelled() => break None,
                () = reload.notified() => {
                    audience.reloads();
                    match account::select(globals, target) {
                        Ok(accounts) => break Some(accounts),
                        Err(error) => audience.refused(&error),
                    }
                }
            }
        };
        if accounts.is_none() {
            audience.stops();
        }
        self.globals.cancel.cancel();
        while let Some(ended) = self.running.join_next_with_id().await {
            once |= self.take(ended, &mut standing, audience);
        }
        match accounts {
            Some(accounts) if !globals.cancel.is_cancelled() => Over::Reload(accounts),
            _ => Over::End(Outcome { standing, once }),
        }
    }

    /// Takes in how an account's watch ended. True: something changed, which was all that was wanted.
    fn take(&self, ended: Result<(Id, Ended), JoinError>, standing: &mut Vec<AccountReport>, audience: &Arc<dyn Audience>) -> bool {
        match ended {
            Ok((_, ended)) => {
                standing.extend(ended.standing);
                ended.once
            }
            Err(error) => {
                // A bug that stops one account leaves the others.
                let blank = self.names.iter().find(|(id, _)| *id == error.id()).map(|(_, blank)| (blank.name.clone(), blank.protocol));
                if let Some((name, protocol)) = blank {
                    let report = run::crashed(AccountReport::new(name, protocol), &error);
                    audience.trouble(&report);
                    standing.push(report);
                }
                false
            }
        }
    }
}

/// A task that ends with its handle.
struct Aborted(tokio::task::JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}
