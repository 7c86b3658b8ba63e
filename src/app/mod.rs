//! The composition root: configuration → secrets → backend and store → engine. The only place that knows everybody.
//!
//! The command line calls these functions and words what they return. Nothing here prints or exits.

pub mod account;
pub mod folders;
mod hook;
pub mod login;
mod memory;
pub mod policy;
pub mod probe;
pub mod run;
pub mod send;
pub mod status;
pub mod watch;

// What the command line shows of configuration and servers; it may not look behind the application.
pub use crate::backend::FolderInfo;
pub use crate::backend::eas::{Policy, Rule};
pub use crate::config;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::model::{Class, Error, Fate, FolderPath, Observer, Result, Role, SecretString};

/// Runs blocking work off the async threads; a panic there is an error of the class `internal`.
async fn off_thread<T: Send + 'static>(tried: &str, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::new(Class::Internal, tried, format!("a thread panicked: {error}"))),
    }
}

/// Talks to a server unless the run is stopped meanwhile. Only for what changes nothing: it is dropped where it stands.
async fn unless_stopped<T>(cancel: &CancellationToken, tried: &str, talk: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => {
            Err(Error::new(Class::Temporary, tried, "the run was stopped before it was done").fate(Fate::NeedsUser))
        }
        done = talk => done,
    }
}

/// What all commands share.
#[derive(Clone)]
pub struct Globals {
    /// `--config FILE` (or `$MAILX_CONFIG`).
    pub config: Option<PathBuf>,
    /// `--wait[=SECS]`: for a lock; `None` = do not wait, `Some(None)` = for ever.
    pub wait: Option<Option<Duration>>,
    /// `--timeout`: silence on the network.
    pub silence: Duration,
    /// `--allow-cleartext`.
    pub allow_cleartext: bool,
    /// Set by Ctrl-C and SIGTERM.
    pub cancel: CancellationToken,
    /// Asks the user on a terminal; `None` when there is none.
    pub prompt: Option<Arc<dyn Prompt>>,
}

/// Which accounts a command is about.
#[derive(Debug, Clone)]
pub enum Target {
    /// Configured names; empty = all.
    Named(Vec<String>),
    /// The URL form, without any configuration.
    Url {
        /// `imaps://user@host[:port][/folder]`.
        url: String,
        /// The Maildir root.
        root: Option<PathBuf>,
        /// `--password-command`.
        password_command: Option<String>,
        /// `--ca`.
        ca: Option<PathBuf>,
        /// `--pin`.
        pin: Option<String>,
    },
}

/// Asks a person.
pub trait Prompt: Send + Sync {
    /// Asks for a secret without echo; `None` when the user gave none.
    fn secret(&self, question: &str) -> Option<SecretString>;
    /// Asks yes or no.
    fn confirm(&self, question: &str) -> bool;
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verb {
    /// Server → Maildir.
    #[default]
    Fetch,
    /// Both ways.
    Sync,
    /// Neither: server and Maildir are compared.
    Verify,
}

impl Verb {
    /// The command's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Sync => "sync",
            Self::Verify => "verify",
        }
    }
}

impl RunOptions {
    /// Whether nothing may be changed.
    fn rehearses(&self) -> bool {
        self.dry_run || self.verb == Verb::Verify
    }
}

/// Options of `fetch` and `sync` beyond those of the account.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// What is done.
    pub verb: Verb,
    /// `--folder`, may start with `!`.
    pub folders: Vec<String>,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--sample`, `--all`: how many bodies `verify` compares, from 0 to 1.
    pub share: f64,
    /// `--since`, seconds since 1970.
    pub since: Option<i64>,
    /// `--max-size`, octets.
    pub max_size: Option<u64>,
    /// `--limit`.
    pub limit: Option<u64>,
    /// `--allow-mass-delete[=FOLDER]`: empty = everywhere.
    pub allow_mass_delete: Option<Vec<String>>,
    /// `--max-duration`.
    pub max_duration: Option<Duration>,
    /// `--jobs`: accounts at the same time; `None` = all of them, 8 at most.
    pub jobs: Option<usize>,
    /// `--exec`, beside the account's own.
    pub exec: Option<String>,
}

/// Makes the observer of one account (by its name).
pub type Observers<'a> = dyn Fn(&str) -> Arc<dyn Observer> + Send + Sync + 'a;

/// A folder as `mailx folders` shows it: there, here, or both.
#[derive(Debug, Clone)]
pub struct FolderRow {
    /// Decoded path.
    pub path: FolderPath,
    /// Special use there.
    pub role: Option<Role>,
    /// Whether the folder is there.
    pub listed: bool,
    /// Messages there; `None` when the folder is not there, or the server does not tell.
    pub there: Option<u64>,
    /// Octets there, where the server tells.
    pub there_octets: Option<u64>,
    /// Messages here; `None` when the folder is not here.
    pub here: Option<u64>,
    /// Whether the account's patterns take part of it.
    pub selected: bool,
}

/// An account's folders.
#[derive(Debug)]
pub struct AccountFolders {
    /// Account.
    pub name: String,
    /// Rows, by path; or why they could not be had.
    pub folders: Result<Vec<FolderRow>>,
}

/// What a server demands of an account, as `mailx policy` shows it.
#[derive(Debug)]
pub struct AccountPolicy {
    /// Account.
    pub name: String,
    /// `None` = no server has told; or why it could not be read.
    pub policy: Result<Option<Policy>>,
}

/// An account as `mailx status` shows it.
#[derive(Debug)]
pub struct AccountStatus {
    /// Account.
    pub name: String,
    /// Protocol word.
    pub protocol: String,
    /// Maildir root.
    pub maildir: PathBuf,
    /// Folders known here.
    pub folders: u64,
    /// Messages stored here.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Messages known there and not yet stored.
    pub pending: u64,
    /// When the last run without failure ended, seconds since 1970.
    pub last_success: Option<i64>,
    /// When the last run ended, seconds since 1970, and the class word of its failure.
    pub last_run: Option<(i64, Option<String>)>,
    /// Quota there as of the last look (`--remote` asks now).
    pub quota: Vec<crate::model::quota::Quota>,
    /// Messages in the outbox: those that wait, and those that a person must decide about.
    pub outbox: OutboxCount,
    /// Why the status could not be had in full.
    pub error: Option<Box<crate::model::Error>>,
}

/// How many messages of an outbox stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxCount {
    /// They wait to be sent.
    pub queued: u64,
    /// Nobody knows whether they arrived.
    pub uncertain: u64,
    /// Refused for good.
    pub failed: u64,
}
