//! `mailx policy`: what a server demands, and what was answered; from the state alone.

use super::{AccountPolicy, Globals, Target, account};
use crate::backend::eas;
use crate::config::Account;
use crate::model::{Protocol, Result};

/// The policies of the accounts. Those whose protocol has none are left out, unless they were named.
pub async fn policy(globals: &Globals, target: &Target) -> Result<Vec<AccountPolicy>> {
    let all = matches!(target, Target::Named(names) if names.is_empty());
    let has_policy = |account: &Account| account.receive.as_ref().is_some_and(|receive| receive.protocol == Protocol::ActiveSync);
    let mut found = Vec::new();
    for account in account::select(globals, target)?.into_iter().filter(|account| !all || has_policy(account)) {
        let policy = account::remembered(&account).await.map(|text| text.and_then(|text| eas::policy(&text)));
        found.push(AccountPolicy { name: account.name, policy });
    }
    Ok(found)
}
