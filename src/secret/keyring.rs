//! The system's keyring: Secret Service over D-Bus. Entries have the attributes service `mailx` and username = the account's name,
//! so that `secret-tool lookup service mailx username NAME` finds them.
//!
//! Every call runs on a detached thread with a deadline: a locked keyring waits for a person who may not be there, and a
//! provider can own its name on the bus and never answer.

use keyring::Entry;
use keyring_core::Error as Cause;
use zeroize::Zeroizing;

use super::limits::Limits;
use super::thread::{self, NoAnswer};
use super::{first_line, tried};
use crate::model::{Class, Error, ExposeSecret, Result, SecretString};

/// The service attribute of our entries.
const SERVICE: &str = "mailx";

/// What else an account can use.
pub(super) const OTHERWISE: &str = "or keep it elsewhere: password = { command = \"…\" }, { file = \"…\" } or { credential = \"…\" }";

/// Stores the secret of `account`, in place of an older one.
pub async fn store(account: &str, secret: &SecretString) -> Result<()> {
    store_within(account, secret, &Limits::default()).await
}

/// Removes the secret of `account`; false when there was none.
pub async fn delete(account: &str) -> Result<bool> {
    let action = format!("delete the secret of account {account} from the keyring");
    match call(action.clone(), account, &Limits::default(), Entry::delete_credential).await? {
        Ok(()) => Ok(true),
        Err(Cause::NoEntry) => Ok(false),
        Err(cause) => Err(explain(action, account, &cause)),
    }
}

pub(super) async fn store_within(account: &str, secret: &SecretString, limits: &Limits) -> Result<()> {
    let action = format!("store the secret of account {account} in the keyring");
    // What would not be read back is not stored.
    first_line(secret.expose_secret().as_bytes())
        .ok()
        .filter(|line| line.expose_secret() == secret.expose_secret())
        .ok_or_else(|| Error::new(Class::BadData, action.clone(), "a secret is one line, not empty, of 4 KiB at most"))?;
    let copy = secret.clone();
    let stored = call(action.clone(), account, limits, move |entry| entry.set_secret(copy.expose_secret().as_bytes())).await?;
    stored.map_err(|cause| explain(action, account, &cause))
}

/// The secret of `account`, `None` when the keyring has none.
pub(super) async fn find(account: &str, limits: &Limits) -> Result<Option<SecretString>> {
    let action = format!("{} in the keyring", tried(account));
    let found = call(action.clone(), account, limits, |entry| entry.get_secret().map(Zeroizing::new)).await?;
    match found {
        Ok(octets) => match first_line(&octets) {
            Ok(secret) => Ok(Some(secret)),
            Err(what) => Err(Error::new(Class::Auth, action, format!("the entry {what}")).hint(login(account))),
        },
        Err(Cause::NoEntry) => Ok(None),
        Err(cause) => Err(explain(action, account, &cause)),
    }
}

type Answer<T> = std::result::Result<T, Cause>;

async fn call<T: Send + 'static>(
    action: String,
    account: &str,
    limits: &Limits,
    work: impl FnOnce(&Entry) -> Answer<T> + Send + 'static,
) -> Result<Answer<T>> {
    let user = account.to_owned();
    // The status of the store is the cause behind `NoDefaultStore`, and asking for it connects to the bus: also on the thread.
    let answer = thread::within("keyring", limits.answer, move || match Entry::store_status() {
        Err(cause) => Err(Cause::PlatformFailure(words(cause).into())),
        Ok(()) => Entry::new(SERVICE, &user).and_then(|entry| work(&entry)),
    })
    .await;
    answer.map_err(|none| {
        let failed = match none {
            NoAnswer::Late => format!("the keyring has not answered within {} s", limits.answer.as_secs()),
            NoAnswer::Failed(why) => format!("the keyring cannot be asked: {why}"),
        };
        Error::new(Class::Auth, action, failed)
            .hint("it may be locked, with nobody there to unlock it: unlock it (log in to the desktop) and try again")
            .hint(OTHERWISE)
    })
}

/// Words for a failure. The cause itself is not kept: some of its variants hold the octets of the secret.
fn explain(action: String, account: &str, cause: &Cause) -> Box<Error> {
    let error = Error::new(Class::Auth, action, words(cause));
    match cause {
        Cause::NoStorageAccess(_) => error.hint("unlock the keyring and try again").hint(OTHERWISE),
        Cause::Ambiguous(_) => error.hint(format!("delete all but one: secret-tool clear service {SERVICE} username {account}")),
        Cause::BadEncoding(_) | Cause::BadDataFormat(..) => error.hint(login(account)),
        _ => error.hint("a keyring needs D-Bus and a Secret Service, as GNOME Keyring, KWallet or KeePassXC").hint(OTHERWISE),
    }
}

fn words(cause: &Cause) -> String {
    match cause {
        Cause::PlatformFailure(inner) => format!("there is no keyring to ask: {inner}"),
        Cause::NoStorageAccess(inner) => format!("the keyring is locked or gives no access: {inner}"),
        Cause::Ambiguous(entries) => format!("the keyring has {} entries for this account", entries.len()),
        Cause::BadEncoding(_) | Cause::BadDataFormat(..) => "the keyring's entry cannot be read".to_owned(),
        other => format!("the keyring failed: {other}"),
    }
}

fn login(account: &str) -> String {
    format!("store it again: mailx account login {account}")
}
