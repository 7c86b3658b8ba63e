//! Configuration and secrets of the accounts of a run.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Globals, Prompt, Target};
use crate::config::{self, Account, Auth, Config, Environment, SecretSource, UrlForm};
use crate::model::{Class, Credentials, Error, Result, SecretKind, SecretString};
use crate::secret::{self, Ask, Secrets, Source};

/// The configuration of the machine.
const SYSTEM_FILE: &str = "/etc/mailx/config.toml";

/// What the account's protocol can do at best; `None` when it is not built in.
pub fn ceiling(_: &Account) -> Option<crate::model::Caps> {
    None // a stand-in until the registry of backends is there
}

/// Reads the configuration. Without any file the result has no accounts, which only selecting one makes an error.
pub fn load(globals: &Globals) -> Result<Config> {
    Config::load(globals.config.as_deref(), &environment(globals)?)
}

/// The accounts that the command is about. The URL form reads no configuration.
pub fn select(globals: &Globals, target: &Target) -> Result<Vec<Account>> {
    match target {
        Target::Named(names) => Ok(load(globals)?.select(names)?.into_iter().cloned().collect()),
        Target::Url { url, root, password_command, ca, pin } => {
            let form = UrlForm {
                url: url.clone(),
                root: root.clone(),
                password_command: password_command.clone(),
                ca: ca.clone(),
                pin: pin.clone(),
            };
            Ok(vec![Account::from_url(&form, &environment(globals)?)?])
        }
    }
}

/// The secret of an account, found when first asked for.
pub fn secrets(globals: &Globals, account: &Account) -> Arc<dyn Credentials> {
    let kind = match account.auth {
        Auth::Password => SecretKind::Password,
        Auth::OAuth2 => SecretKind::Token,
    };
    Arc::new(Secrets::new(&account.name, source(&account.password), kind, asker(globals)))
}

/// The terminal of the run, if there is one.
pub(super) fn asker(globals: &Globals) -> Option<Arc<dyn Ask>> {
    globals.prompt.clone().map(|prompt| Arc::new(Asker(prompt)) as Arc<dyn Ask>)
}

struct Asker(Arc<dyn Prompt>);

impl Ask for Asker {
    fn secret(&self, question: &str) -> Option<SecretString> {
        self.0.secret(question)
    }

    fn confirm(&self, question: &str) -> bool {
        self.0.confirm(question)
    }
}

fn source(source: &SecretSource) -> Source {
    match source {
        SecretSource::Keyring => Source::Keyring,
        SecretSource::Command(argv) => Source::Command(match argv.clone() {
            config::Argv::Shell(line) => secret::Argv::Shell(line),
            config::Argv::Exec(argv) => secret::Argv::Exec(argv),
        }),
        SecretSource::File(path) => Source::File(path.clone()),
        SecretSource::Env(name) => Source::Env(name.clone()),
        SecretSource::Credential(name) => Source::Credential(name.clone()),
        SecretSource::Ask => Source::Ask,
        SecretSource::Inline(inline) => Source::Known(inline.0.clone()),
    }
}

fn environment(globals: &Globals) -> Result<Environment> {
    let dirs = directories::BaseDirs::new();
    let path = |of: fn(&directories::BaseDirs) -> &std::path::Path| dirs.as_ref().map(|dirs| of(dirs).to_owned());
    let working_dir = std::env::current_dir().map_err(|cause| {
        Error::new(Class::NotFound, "find the working directory", cause.to_string()).hint("it may have been removed: cd to another")
    })?;
    Ok(Environment {
        home: path(directories::BaseDirs::home_dir),
        config_dir: path(directories::BaseDirs::config_dir),
        data_dir: path(directories::BaseDirs::data_dir),
        working_dir,
        system_file: PathBuf::from(SYSTEM_FILE),
        uid: rustix::process::geteuid().as_raw(),
        allow_cleartext: globals.allow_cleartext,
    })
}
