//! `mailx status`.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::app::{self, AccountStatus, Globals, OutboxCount};
use crate::cli::args::Status;
use crate::cli::exit::{self, Exit};
use crate::cli::explain::About;
use crate::cli::ui::json::{self, Failure, Summary};
use crate::cli::ui::metrics::Metrics;
use crate::cli::ui::sanitize::display;
use crate::cli::ui::{Ui, table, words};
use crate::model::Result;
use crate::model::quota::Quota;

/// Columns of a quota bar.
const GAUGE: usize = 20;

/// A success dated so far ahead comes from a clock that was wrong: it proves nothing.
const AHEAD: i64 = 3600;

#[derive(Serialize)]
struct AccountJson<'a> {
    name: &'a str,
    protocol: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    maildir: String,
    folders: u64,
    messages: u64,
    bytes: u64,
    pending: u64,
    last_success: Option<i64>,
    last_run: Option<RunJson<'a>>,
    quota: Vec<QuotaJson<'a>>,
    outbox: OutboxJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh: Option<bool>,
}

#[derive(Serialize)]
struct OutboxJson {
    queued: u64,
    uncertain: u64,
    failed: u64,
}

#[derive(Serialize)]
struct RunJson<'a> {
    at: i64,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct QuotaJson<'a> {
    root: &'a str,
    resource: &'a str,
    used: u64,
    limit: u64,
}

/// Tells how the accounts stand.
pub async fn run(args: &Status, globals: &Globals, ui: &Ui) -> Result<Exit> {
    let accounts = app::status::status(globals, &args.names, args.remote).await?;
    let now = words::now();
    for account in &accounts {
        if let Some(error) = &account.error {
            ui.fail(About::account(&account.name), error);
        }
    }
    if ui.json {
        let accounts = accounts.iter().map(|account| account_json(account, args.max_age, now)).collect();
        ui.out(&json::line(&Summary { accounts, error: None })?)?;
    } else if !ui.quiet && (args.max_age.is_none() || ui.out_terminal || ui.verbose > 0) {
        // A check that monitoring runs says nothing while all is well.
        ui.out(&text(&accounts, now))?;
    }
    if let Some(path) = &args.metrics {
        metrics(&accounts).write(path)?;
    }
    let Some(age) = args.max_age else {
        return Ok(exit::combine(accounts.iter().map(|account| account.error.as_ref().map_or(Exit::OK, |e| exit::of(e.class)))));
    };
    let stale: Vec<_> = accounts.iter().filter_map(|account| Some((account, stale(account.last_success, age, now)?))).collect();
    for (account, why) in &stale {
        ui.err(&format!("mailx: {}: {why}", display(&account.name)));
    }
    let failed = accounts.iter().any(|account| account.error.is_some());
    Ok(if stale.is_empty() && !failed { Exit::OK } else { Exit::PARTIAL })
}

/// Why the last success is not good enough; `None` when it is.
fn stale(last: Option<i64>, age: Duration, now: i64) -> Option<String> {
    let limit = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
    match last {
        None => Some("no run has succeeded yet".into()),
        Some(at) if at > now.saturating_add(AHEAD) => Some("last success lies in the future; is the clock wrong?".into()),
        Some(at) if now.saturating_sub(at) > limit => {
            Some(format!("last success {}, more than {} ago", words::ago(at, now), words::time(age)))
        }
        Some(_) => None,
    }
}

fn account_json(account: &AccountStatus, age: Option<Duration>, now: i64) -> AccountJson<'_> {
    AccountJson {
        name: &account.name,
        protocol: &account.protocol,
        ok: account.error.is_none(),
        error: account.error.as_deref().map(Failure::from),
        maildir: account.maildir.display().to_string(),
        folders: account.folders,
        messages: account.messages,
        bytes: account.octets,
        pending: account.pending,
        last_success: account.last_success,
        last_run: account.last_run.as_ref().map(|(at, error)| RunJson { at: *at, error: error.as_deref() }),
        quota: account.quota.iter().map(quota_json).collect(),
        outbox: OutboxJson { queued: account.outbox.queued, uncertain: account.outbox.uncertain, failed: account.outbox.failed },
        fresh: age.map(|age| stale(account.last_success, age, now).is_none()),
    }
}

fn quota_json(quota: &Quota) -> QuotaJson<'_> {
    QuotaJson { root: &quota.root, resource: &quota.resource, used: quota.used, limit: quota.limit }
}

fn text(accounts: &[AccountStatus], now: i64) -> String {
    let columns: [table::Column; 7] = [
        ("ACCOUNT", false),
        ("FOLDERS", true),
        ("MESSAGES", true),
        ("SIZE", true),
        ("TO FETCH", true),
        ("LAST SUCCESS", false),
        ("LAST RUN", false),
    ];
    let rows: Vec<Vec<String>> = accounts.iter().map(|account| row(account, now)).collect();
    let mut text = if rows.is_empty() { String::new() } else { table::render(&columns, &rows) };
    for account in accounts {
        for quota in &account.quota {
            let _ = writeln!(text, "{}: {}", display(&account.name), quota_line(quota));
        }
        if let Some(outbox) = outbox_line(&account.outbox) {
            let _ = writeln!(text, "{}: outbox: {outbox} (mailx outbox list)", display(&account.name));
        }
    }
    text
}

/// What waits to be sent; `None` when nothing does.
fn outbox_line(outbox: &OutboxCount) -> Option<String> {
    let parts = [(outbox.queued, "queued"), (outbox.uncertain, "uncertain"), (outbox.failed, "failed")];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", words::count(*n))).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn row(account: &AccountStatus, now: i64) -> Vec<String> {
    let last = match &account.last_run {
        None => "never".into(),
        Some((_, None)) => "ok".into(),
        Some((at, Some(class))) => format!("{class}, {}", words::ago(*at, now)),
    };
    vec![
        account.name.clone(),
        words::count(account.folders),
        words::count(account.messages),
        words::bytes(account.octets),
        words::count(account.pending),
        account.last_success.map_or_else(|| "never".into(), |at| words::ago(at, now)),
        last,
    ]
}

fn quota_line(quota: &Quota) -> String {
    let storage = quota.resource.eq_ignore_ascii_case("STORAGE");
    let number = |n: u64| if storage { words::bytes(n.saturating_mul(1024)) } else { words::count(n) };
    let resource = display(&quota.resource).to_lowercase();
    let root = if quota.root.is_empty() { String::new() } else { format!(" ({})", display(&quota.root)) };
    format!("{resource}{root} {} {} of {}", words::gauge(quota.used, quota.limit, GAUGE), number(quota.used), number(quota.limit))
}

/// The sample that alerts are made from.
pub fn success(metrics: &mut Metrics, account: &str, at: i64) {
    let help = "When the last run without failure ended.";
    metrics.gauge("mailx_last_success_timestamp_seconds", help, &[("account", account)], at as f64);
}

fn metrics(accounts: &[AccountStatus]) -> Metrics {
    let mut metrics = Metrics::default();
    for account in accounts {
        let labels = [("account", account.name.as_str())];
        if let Some(at) = account.last_success {
            success(&mut metrics, &account.name, at);
        }
        if let Some((at, error)) = &account.last_run {
            metrics.gauge("mailx_last_run_timestamp_seconds", "When the last run ended.", &labels, *at as f64);
            metrics.gauge("mailx_last_run_ok", "Whether the last run did everything.", &labels, f64::from(u8::from(error.is_none())));
        }
        metrics.gauge("mailx_folders", "Folders known here.", &labels, account.folders as f64);
        metrics.gauge("mailx_messages", "Messages stored here.", &labels, account.messages as f64);
        metrics.gauge("mailx_stored_bytes", "Octets stored here.", &labels, account.octets as f64);
        let outbox = [("queued", account.outbox.queued), ("uncertain", account.outbox.uncertain), ("failed", account.outbox.failed)];
        for (state, count) in outbox {
            let labels = [("account", account.name.as_str()), ("state", state)];
            metrics.gauge("mailx_outbox_messages", "Messages in the outbox.", &labels, count as f64);
        }
        metrics.gauge("mailx_messages_pending", "Messages known there and not stored here yet.", &labels, account.pending as f64);
        for quota in &account.quota {
            let labels = [labels[0], ("root", &quota.root), ("resource", &quota.resource)];
            metrics.gauge("mailx_quota_used", "What is used, in the units of RFC 9208.", &labels, quota.used as f64);
            metrics.gauge("mailx_quota_limit", "What is allowed, in the units of RFC 9208.", &labels, quota.limit as f64);
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_fresh_only_by_a_success_in_time() {
        let age = Duration::from_hours(2);
        assert_eq!(stale(Some(1_000_000 - 7200), age, 1_000_000), None);
        assert_eq!(stale(Some(1_000_010), age, 1_000_000), None);
        assert_eq!(stale(Some(1_000_000 - 10_860), age, 1_000_000).unwrap(), "last success 3 h 1 min ago, more than 2 h ago");
        assert_eq!(stale(None, age, 1_000_000).unwrap(), "no run has succeeded yet");
        assert!(stale(Some(2_000_000), age, 1_000_000).unwrap().contains("future"));
        assert_eq!(stale(Some(0), Duration::MAX, 1_000_000), None);
    }

    #[test]
    fn quota_is_a_bar_in_the_units_of_the_resource() {
        let quota = |resource: &str, root: &str| Quota { root: root.into(), resource: resource.into(), used: 1000, limit: 2000 };
        assert_eq!(quota_line(&quota("STORAGE", "")), "storage [##########----------]  50 % 1.0 MB of 2.0 MB");
        assert_eq!(quota_line(&quota("MESSAGE", "User\x1b")), "message (User\\x1b) [##########----------]  50 % 1,000 of 2,000");
    }

    #[test]
    fn text_names_what_is_missing() {
        let account = AccountStatus {
            name: "work".into(),
            protocol: "x".into(),
            maildir: "/m".into(),
            folders: 3,
            messages: 20_165,
            octets: 5_200_000,
            pending: 2,
            last_success: None,
            last_run: Some((1_000_000 - 60, Some("auth".into()))),
            quota: Vec::new(),
            outbox: OutboxCount { queued: 2, uncertain: 0, failed: 1 },
            error: None,
        };
        assert_eq!(
            text(&[account], 1_000_000),
            "ACCOUNT  FOLDERS  MESSAGES    SIZE  TO FETCH  LAST SUCCESS  LAST RUN\n\
             work           3    20,165  5.2 MB         2  never         auth, 1 min ago\n\
             work: outbox: 2 queued, 1 failed (mailx outbox list)\n"
        );
    }
}
