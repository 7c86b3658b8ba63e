//! `mailx watch`.

use std::slice::from_ref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app::Globals;
use crate::app::watch::{Audience, Outcome, watch};
use crate::cli::args::Watch;
use crate::cli::exit::{self, Exit};
use crate::cli::explain::About;
use crate::cli::signals::Signals;
use crate::cli::systemd;
use crate::cli::ui::events::Events;
use crate::cli::ui::lines::{self, Lines};
use crate::cli::ui::{Tee, Ui, json, sanitize, words};
use crate::model::report::AccountReport;
use crate::model::{Error, Observer, Result};

/// Watches until it is told to end, and tells what still is wrong by its exit code.
pub async fn run(args: &Watch, globals: &Globals, ui: &Arc<Ui>, signals: &Signals) -> Result<Exit> {
    let target = args.at.target(&args.access, true)?;
    let options = args.options();
    let teller = Arc::new(Teller { ui: ui.clone(), events: Mutex::new(args.events.then(Events::start)), failed: Mutex::default() });
    let audience: Arc<dyn Audience> = teller.clone();
    systemd::keep_alive();
    let outcome = watch(globals, &target, &options, &audience, &signals.reload).await;
    let events = teller.events().take();
    let told = match events {
        Some(events) => events.end(String::new()),
        None => Ok(()),
    };
    let Outcome { standing, once } = outcome?;
    let exit = exit::combine(standing.iter().map(exit::of_account));
    // Nothing came of it by `--max-duration`.
    let exit = if args.once && !once { exit.or(Exit::AGAIN) } else { exit };
    if let Err(failure) = told {
        ui.fail(About::default(), &failure);
        return Ok(exit.or(exit::of(failure.class)));
    }
    Ok(exit)
}

/// Tells people, programs and systemd.
struct Teller {
    ui: Arc<Ui>,
    events: Mutex<Option<Events>>,
    /// Accounts in which something is wrong.
    failed: Mutex<Vec<String>>,
}

impl Teller {
    fn events(&self) -> MutexGuard<'_, Option<Events>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A JSON object of its own, where programs listen.
    fn summary(&self, report: &AccountReport) {
        let Ok(line) = json::summary(from_ref(report)) else { return };
        match &*self.events() {
            Some(events) => events.say(line),
            None => {
                let _ = self.ui.out(&line);
            }
        }
    }

    fn mark(&self, account: &str, failed: bool) {
        let mut all = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name| name != account);
        if failed {
            all.push(account.to_owned());
        }
        systemd::status(&match all.as_slice() {
            [] => "all is well".to_owned(),
            names => format!("failing: {}", sanitize::display(&names.join(", "))),
        });
    }
}

impl Audience for Teller {
    fn observer(&self, account: &str) -> Arc<dyn Observer> {
        let mut all: Vec<Arc<dyn Observer>> = vec![Arc::new(Lines::new(self.ui.clone(), account, false))];
        all.extend(self.events().iter().map(|events| Arc::new(events.of(account)) as Arc<dyn Observer>));
        Arc::new(Tee(all))
    }

    fn ready(&self, accounts: usize) {
        let text = format!("watching {}", words::of(accounts as u64, "account"));
        systemd::ready(&text);
        if self.ui.chatty() {
            self.ui.err(&text);
        }
    }

    fn reloads(&self) {
        systemd::reloads();
        if self.ui.chatty() {
            self.ui.err("reading the configuration again");
        }
    }

    fn refused(&self, error: &Error) {
        self.ui.fail(About::default(), error);
        systemd::ready("the new configuration is refused; the old one holds");
    }

    fn stops(&self) {
        systemd::stops();
    }

    fn round(&self, report: &AccountReport) {
        if !report.changed() {
            return;
        }
        if self.ui.json {
            self.summary(report);
        } else if !self.ui.quiet && (self.ui.out_terminal || self.ui.verbose > 0) {
            let _ = self.ui.out(&lines::summary(&self.ui, report));
        }
    }

    fn trouble(&self, report: &AccountReport) {
        lines::failures(&self.ui, report, lines::MOST_FAILED);
        if self.ui.json {
            self.summary(report);
        }
        self.mark(&report.name, true);
    }

    fn over(&self, account: &str) {
        if !self.ui.quiet {
            self.ui.err(&format!("mailx: {}: works again", sanitize::display(account)));
        }
        self.mark(account, false);
    }

    fn note(&self, account: &str, text: &str) {
        if !self.ui.quiet {
            self.ui.err(&format!("mailx: {}: {}", sanitize::display(account), sanitize::display(text)));
        }
    }

    fn payload(&self, report: &AccountReport) -> String {
        json::summary(from_ref(report)).unwrap_or_default()
    }
}
