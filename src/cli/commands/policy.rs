//! `mailx policy`.

use std::fmt::Write as _;

use serde::Serialize;

use crate::app::{self, AccountPolicy, Globals, Rule, Target};
use crate::cli::exit::{self, Exit};
use crate::cli::explain::About;
use crate::cli::ui::json::{self, Failure, Summary};
use crate::cli::ui::sanitize::display;
use crate::cli::ui::{Ui, table};
use crate::model::Result;

#[derive(Serialize)]
struct AccountJson<'a> {
    name: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    wipe: Option<&'a str>,
    rules: Vec<RuleJson<'a>>,
}

#[derive(Serialize)]
struct RuleJson<'a> {
    rule: &'a str,
    value: &'a str,
    demands: bool,
    enforced: bool,
}

/// Shows what servers demand of this device. An order to wipe that stands is exit 3.
pub async fn run(names: &[String], globals: &Globals, ui: &Ui) -> Result<Exit> {
    let accounts = app::policy::policy(globals, &Target::Named(names.to_vec())).await?;
    for account in &accounts {
        if let Err(error) = &account.policy {
            ui.fail(About::account(&account.name), error);
        }
    }
    if ui.json {
        ui.out(&json::line(&Summary { accounts: accounts.iter().map(account_json).collect(), error: None })?)?;
    } else {
        ui.out(&accounts.iter().map(|account| words(account, ui)).collect::<String>())?;
    }
    Ok(exit::combine(accounts.iter().map(|account| match &account.policy {
        Ok(Some(policy)) if policy.wipe.is_some() => Exit::GUARD,
        other => exit::of_result(other),
    })))
}

fn account_json(account: &AccountPolicy) -> AccountJson<'_> {
    let policy = account.policy.as_ref().ok().and_then(Option::as_ref);
    let rules = policy.iter().flat_map(|policy| &policy.rules);
    let rules = rules.map(|rule| RuleJson { rule: &rule.name, value: &rule.value, demands: rule.demands, enforced: false });
    let error = json::failure(&account.policy);
    AccountJson {
        name: &account.name,
        ok: error.is_none(),
        error,
        wipe: policy.and_then(|policy| policy.wipe.as_deref()),
        rules: rules.collect(),
    }
}

fn words(account: &AccountPolicy, ui: &Ui) -> String {
    let Ok(policy) = &account.policy else { return String::new() };
    let mut text = format!("{}\n", ui.paint.bold(&display(&account.name)));
    let Some(policy) = policy else { return text + "  no server has told of a policy\n" };
    if let Some(wipe) = &policy.wipe {
        let what = if wipe == "account" { "what came from the account" } else { "this device" };
        let _ =
            writeln!(text, "  {} the server has ordered to wipe {what}; the account is locked, nothing was deleted", ui.paint.yellow("!"));
    }
    if !policy.rules.is_empty() {
        let said = |rule: &Rule| if rule.demands { "demanded, not enforced" } else { "asks nothing of a mail client" }.to_owned();
        let rows: Vec<Vec<String>> = policy.rules.iter().map(|rule| vec![rule.name.clone(), rule.value.clone(), said(rule)]).collect();
        text += &table::render(&[("RULE", false), ("VALUE", false), ("", false)], &rows);
        if policy.rules.iter().any(|rule| rule.demands) {
            text += "The server was told that nothing of this is enforced.\n";
        }
    }
    text
}
