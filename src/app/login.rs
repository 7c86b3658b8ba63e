//! `mailx account login`: stores or replaces the secret of an account.

use std::sync::Arc;

use super::{Globals, account, probe};
use crate::config::{Account, Auth, Inline, SecretSource};
use crate::model::event::Silent;
use crate::model::{Class, Error, Result, SecretKind, SecretString};
use crate::secret;

/// Stores `secret` in the keyring for the account; asks for it when it is `None`. With `verify` it is tried on the server first, and
/// stored only when the server takes it.
///
/// An account whose secret is elsewhere has class `config`: what is stored would never be read.
pub async fn login(globals: &Globals, account_name: &str, secret: Option<SecretString>, verify: bool) -> Result<()> {
    let config = account::load(globals)?;
    let account = config.account(account_name)?;
    if account.password != SecretSource::Keyring {
        return Err(elsewhere(account));
    }
    let secret = match secret {
        Some(secret) => secret,
        None => ask(globals, account).await?,
    };
    if verify {
        let tried = Account { password: SecretSource::Inline(Inline(secret.clone())), ..account.clone() };
        probe::one(globals, &tried, Arc::new(Silent)).await.map_err(|e| {
            e.safe("nothing was stored; a secret that was stored before stays").hint("--no-verify stores it without trying it")
        })?;
    }
    secret::keyring_store(&account.name, &secret).await
}

async fn ask(globals: &Globals, account: &Account) -> Result<SecretString> {
    let kind = if account.auth == Auth::OAuth2 { SecretKind::Token } else { SecretKind::Password };
    match account::asker(globals) {
        Some(ask) => secret::question(&account.name, kind, ask).await,
        None => Err(Error::new(Class::Auth, format!("log in to {}", account.name), "there is no terminal to ask on for the secret")
            .hint("run it on a terminal, or give the secret on standard input where the command offers it")),
    }
}

fn elsewhere(account: &Account) -> Box<Error> {
    let source = match &account.password {
        SecretSource::Keyring => "the keyring",
        SecretSource::Command(_) => "a command",
        SecretSource::File(_) => "a file",
        SecretSource::Env(_) => "an environment variable",
        SecretSource::Credential(_) => "a systemd credential",
        SecretSource::Inline(_) => "the configuration itself",
        SecretSource::Ask => "the terminal",
    };
    let failed = format!("its secret comes from {source}, not from the keyring: what is stored there would never be read");
    Error::new(Class::Config, format!("log in to {}", account.name), failed)
        .hint("change the secret where it is, or write password = { keyring = true }")
}
