//! What the user wants done after a run that changed something: one hook at a time for each account, beside the watch. What changes meanwhile
//! is one change for the next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Audience, WatchOptions};
use crate::app::hook::{self, Hook};
use crate::config::Account;
use crate::model::report::{AccountReport, FolderReport};

/// The hooks of one account.
#[derive(Clone)]
pub(super) struct Reactions(Arc<Mutex<Option<Running>>>);

/// Where reports go, and what runs the hooks.
type Running = (UnboundedSender<AccountReport>, JoinHandle<()>);

struct Hooks {
    account: String,
    commands: Vec<String>,
    most: Duration,
    audience: Arc<dyn Audience>,
    /// Their failures that were told.
    told: Vec<String>,
}

impl Reactions {
    /// Starts what runs them, where there are any.
    pub fn start(account: &Account, options: &WatchOptions, audience: Arc<dyn Audience>) -> Self {
        let commands: Vec<String> = account.exec.iter().chain(&options.run.exec).cloned().collect();
        if commands.is_empty() {
            return Self(Arc::default());
        }
        let (sender, reports) = unbounded_channel();
        let hooks = Hooks { account: account.name.clone(), commands, most: options.exec_timeout, audience, told: Vec::new() };
        let task = tokio::spawn(hooks.work(reports));
        Self(Arc::new(Mutex::new(Some((sender, task)))))
    }

    /// Something changed.
    pub fn to(&self, report: &AccountReport) {
        if let Some((sender, _)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = sender.send(changes(report));
        }
    }

    /// Waits for what is under way, so long at most, and ends it then.
    pub async fn end(&self, most: Duration) {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, mut task)) = taken {
            drop(sender);
            // Not asked again once it has ended.
            if timeout(most, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        }
    }
}

impl Hooks {
    async fn work(mut self, mut reports: UnboundedReceiver<AccountReport>) {
        while let Some(mut report) = reports.recv().await {
            while let Ok(more) = reports.try_recv() {
                absorb(&mut report, more);
            }
            for command in self.commands.clone() {
                self.run(&command, &report).await;
            }
        }
    }

    async fn run(&mut self, command: &str, report: &AccountReport) {
        let folders: Vec<String> = report.folders.iter().map(|f| f.folder.to_string().replace(char::is_control, " ")).collect();
        let new: u64 = report.folders.iter().map(|f| f.downloaded).sum();
        let env = vec![("MAILX_NEW", new.to_string()), ("MAILX_FOLDERS", folders.join("\n"))];
        let hook = Hook::of(command, &self.account).told(env, self.audience.payload(report)).within(self.most);
        match hook::run(&hook).await {
            Ok(()) => {
                if self.told.iter().any(|told| told == command) {
                    self.told.retain(|told| told != command);
                    self.audience.note(&self.account, &format!("the hook `{command}` works again"));
                }
            }
            Err(error) if !self.told.iter().any(|told| told == command) => {
                self.told.push(command.to_owned());
                self.audience.trouble(&AccountReport { error: Some(error), ..AccountReport::new(&self.account, report.protocol) });
            }
            Err(error) => tracing::debug!(account = self.account, %error, "the hook failed again"),
        }
    }
}

/// The folders of a report in which something changed.
fn changes(report: &AccountReport) -> AccountReport {
    let mut changes = AccountReport::new(&report.name, report.protocol);
    (changes.duration, changes.bytes_in, changes.bytes_out, changes.round_trips) =
        (report.duration, report.bytes_in, report.bytes_out, report.round_trips);
    for folder in report.folders.iter().filter(|folder| folder.changed()) {
        let mut copy = FolderReport::new(folder.folder.clone());
        (copy.downloaded, copy.linked, copy.uploaded, copy.moved) = (folder.downloaded, folder.linked, folder.uploaded, folder.moved);
        (copy.flags_pulled, copy.flags_pushed) = (folder.flags_pulled, folder.flags_pushed);
        (copy.deleted_here, copy.deleted_there, copy.local_only) = (folder.deleted_here, folder.deleted_there, folder.local_only);
        changes.folders.push(copy);
    }
    changes
}

fn absorb(report: &mut AccountReport, more: AccountReport) {
    report.duration += more.duration;
    report.bytes_in += more.bytes_in;
    report.bytes_out += more.bytes_out;
    report.round_trips += more.round_trips;
    for folder in more.folders {
        match report.folders.iter_mut().find(|known| known.folder == folder.folder) {
            Some(known) => known.absorb(folder),
            None => report.folders.push(folder),
        }
    }
}
