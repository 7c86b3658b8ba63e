//! Where the secret of an account comes from, and what is remembered of it. Passwords are never in errors or logs; every source
//! has a time limit, because each of them can hang.
//!
//! Not here: which source an account uses (`config`), and how a person is asked ([`Ask`], implemented by the caller).

mod command;
mod file;
mod keyring;
mod limits;
mod thread;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::Mutex;

pub use command::Argv;
pub use keyring::{delete as keyring_delete, store as keyring_store};
pub use limits::Limits;

use crate::model::{Class, Credentials, Error, ExposeSecret, Fate, Result, Scope, Secret, SecretKind, SecretString};

/// The variable that holds the password of an account without configuration.
pub const PASSWORD_VARIABLE: &str = "MAILX_PASSWORD";

/// Where a secret is.
#[derive(Debug, Clone)]
pub enum Source {
    /// The system's keyring: service `mailx`, user = the account's name.
    Keyring,
    /// First line of a command's output.
    Command(Argv),
    /// First line of a file that nobody else can read.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential: a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// `MAILX_PASSWORD`, else a person.
    Ask,
    /// Known already.
    Known(SecretString),
}

/// Asks a person on a terminal. Both methods block, are called on a thread of their own, and never two at a time in a process.
pub trait Ask: Send + Sync {
    /// Asks for a secret without echo; `None` when none was given.
    fn secret(&self, question: &str) -> Option<SecretString>;
    /// Asks yes or no.
    fn confirm(&self, question: &str) -> bool;
}

/// One terminal, one question: accounts run side by side.
static TERMINAL: Mutex<()> = Mutex::const_new(());

/// The secret of one account. The source is asked once, however many connections want the answer at the same time; a failure is
/// shared by those who waited for it, and the next one asks again.
pub struct Secrets {
    account: String,
    source: Source,
    kind: SecretKind,
    ask: Option<Arc<dyn Ask>>,
    limits: Limits,
    attempts: AtomicU64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    secret: Option<(Secret, Instant)>,
    failure: Option<Failure>,
}

/// What can be told again of an error.
#[derive(Clone)]
struct Failure {
    class: Class,
    scope: Scope,
    fate: Fate,
    tried: String,
    failed: String,
    hints: Vec<String>,
}

impl Secrets {
    /// The secret of `account`. Without `ask` nobody is asked anything.
    pub fn new(account: impl Into<String>, source: Source, kind: SecretKind, ask: Option<Arc<dyn Ask>>) -> Self {
        Self { account: account.into(), source, kind, ask, limits: Limits::default(), attempts: AtomicU64::new(0), known: Mutex::default() }
    }

    /// The same with other time limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Forgets what was remembered: the server refused it, so the source may have a newer one.
    pub async fn forget(&self) {
        *self.known.lock().await = Known::default();
    }

    async fn find(&self) -> Result<SecretString> {
        match &self.source {
            Source::Known(secret) => Ok(secret.clone()),
            Source::Command(argv) => command::run(&self.account, argv, &self.limits).await,
            Source::File(path) => file::read(&self.account, path.clone(), &self.limits).await,
            Source::Credential(name) => file::credential(&self.account, name, &self.limits).await,
            Source::Env(name) => variable(&self.account, name)?.ok_or_else(|| {
                missing(&self.account, format!("the environment variable {name} is not set"))
                    .hint("cron and systemd start with an environment of their own: set it there, or use another source")
            }),
            Source::Ask => match variable(&self.account, PASSWORD_VARIABLE)? {
                Some(secret) => Ok(secret),
                None => self.ask("none is configured").await,
            },
            Source::Keyring => match keyring::find(&self.account, &self.limits).await? {
                Some(secret) => Ok(secret),
                None if self.ask.is_some() => self.ask_and_offer().await,
                None => Err(missing(&self.account, "the keyring has none for this account")
                    .hint(format!("store it: mailx account login {}", self.account))
                    .hint(keyring::OTHERWISE)),
            },
        }
    }

    async fn ask(&self, why: &str) -> Result<SecretString> {
        let Some(ask) = self.ask.clone() else {
            return Err(missing(&self.account, format!("{why}, and there is no terminal to ask on"))
                .hint(format!("set {PASSWORD_VARIABLE}, or give --password-command")));
        };
        question(&self.account, self.kind, ask).await
    }

    async fn ask_and_offer(&self) -> Result<SecretString> {
        let secret = self.ask("the keyring has none for this account").await?;
        let Some(ask) = self.ask.clone() else { return Ok(secret) };
        let text = format!("Store it in the keyring for account {}?", self.account);
        let store = on_terminal(move || ask.confirm(&text)).await.unwrap_or(false);
        // The user has given what was asked for: a keyring that cannot keep it must not stop the run. `login` says why.
        if store && let Err(error) = keyring::store_within(&self.account, &secret, &self.limits).await {
            tracing::warn!(account = self.account, "the keyring did not keep the secret: {}", error.failed);
        }
        Ok(secret)
    }
}

/// Asks a person for the secret of `account`; class `auth` when none is given.
pub async fn question(account: &str, kind: SecretKind, ask: Arc<dyn Ask>) -> Result<SecretString> {
    let text = match kind {
        SecretKind::Password => format!("Password for {account}"),
        SecretKind::Token => format!("Access token for {account}"),
    };
    let answer = on_terminal(move || ask.secret(&text)).await.flatten();
    match answer {
        Some(secret) if !secret.expose_secret().is_empty() => Ok(secret),
        _ => Err(missing(account, "none was given when asked")),
    }
}

/// Runs `work` on a thread of its own, one in the process at a time. No time limit: a person may think.
async fn on_terminal<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let guard = TERMINAL.lock().await;
    // The guard goes with the thread: when the asker is cancelled, the question is still on the terminal.
    thread::detached("terminal", move || {
        let answer = work();
        drop(guard);
        answer
    })
    .ok()?
    .await
    .ok()
}

#[async_trait]
impl Credentials for Secrets {
    async fn secret(&self) -> Result<Secret> {
        let seen = self.attempts.load(Ordering::Acquire);
        let mut known = self.known.lock().await;
        if let Some((secret, since)) = &known.secret {
            // A token dies by itself, its command renews it; a password is good until the server says otherwise.
            if self.kind == SecretKind::Password || since.elapsed() < self.limits.token {
                return Ok(secret.clone());
            }
        }
        if self.attempts.load(Ordering::Acquire) != seen
            && let Some(failure) = &known.failure
        {
            return Err(failure.again());
        }
        let found = self.find().await;
        self.attempts.fetch_add(1, Ordering::AcqRel);
        match found {
            Ok(text) => {
                let secret = Secret { kind: self.kind, text };
                *known = Known { secret: Some((secret.clone(), Instant::now())), failure: None };
                Ok(secret)
            }
            Err(error) => {
                *known = Known { secret: None, failure: Some(Failure::of(&error)) };
                Err(error)
            }
        }
    }

    async fn renewed(&self, refused: &Secret) -> Result<Option<Secret>> {
        let same = |one: &Secret| one.text.expose_secret() == refused.text.expose_secret();
        if self.kind == SecretKind::Password {
            return Ok(None);
        }
        {
            let mut known = self.known.lock().await;
            // Another connection may have found a newer one already.
            if known.secret.as_ref().is_some_and(|(secret, _)| same(secret)) {
                *known = Known::default();
            }
        }
        let secret = self.secret().await?;
        Ok((!same(&secret)).then_some(secret))
    }
}

impl Failure {
    fn of(error: &Error) -> Self {
        Self {
            class: error.class,
            scope: error.scope,
            fate: error.fate,
            tried: error.tried.clone(),
            failed: error.failed.clone(),
            hints: error.hints.clone(),
        }
    }

    fn again(&self) -> Box<Error> {
        let error = Error::new(self.class, self.tried.clone(), self.failed.clone()).scope(self.scope).fate(self.fate);
        self.hints.iter().fold(error, |error, hint| error.hint(hint.clone()))
    }
}

/// No secret to log in with.
fn missing(account: &str, failed: impl Into<String>) -> Box<Error> {
    Error::new(Class::Auth, tried(account), failed)
}

fn tried(account: &str) -> String {
    format!("find the secret of account {account}")
}

/// A variable's value; set but empty counts as an error, because somebody meant to set it.
fn variable(account: &str, name: &str) -> Result<Option<SecretString>> {
    let Some(value) = std::env::var_os(name) else { return Ok(None) };
    let octets = zeroize::Zeroizing::new(std::os::unix::ffi::OsStringExt::into_vec(value));
    let line = octets.strip_suffix(b"\n").unwrap_or(&octets);
    if line.contains(&b'\n') {
        return Err(missing(account, format!("the environment variable {name} has more than one line")));
    }
    first_line(line).map(Some).map_err(|what| missing(account, format!("the environment variable {name} {what}")))
}

/// The first line of what a source gave: not empty, 4 KiB at most, UTF-8, no NUL. The error is the rest of a sentence.
fn first_line(octets: &[u8]) -> Result<SecretString, &'static str> {
    let line = octets.split(|octet| *octet == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err("gave nothing: the first line is empty");
    }
    if line.len() > limits::LINE_BYTES_MAX {
        return Err("gave a first line of more than 4 KiB: this is no password");
    }
    if line.contains(&0) {
        return Err("gave a first line with a NUL in it");
    }
    std::str::from_utf8(line).map(SecretString::from).map_err(|_| "gave a first line that is not UTF-8")
}
