//! `mailx outbox`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::send::State;
use crate::app::send::outbox::{AccountOutbox, Past, Waiting};
use crate::app::{self, Globals};
use crate::cli::args::send::{Form, Outbox};
use crate::cli::exit::{self, Exit};
use crate::cli::explain::About;
use crate::cli::ui::json::{self, Failure, Summary};
use crate::cli::ui::lines::Lines;
use crate::cli::ui::sanitize::display;
use crate::cli::ui::{Ui, table, words};
use crate::model::{Address, Error, Result};

/// Octets of a message that are shown.
const SHOWN: u64 = 64 << 10;

#[derive(Serialize)]
struct AccountJson<'a> {
    name: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    messages: Vec<WaitingJson<'a>>,
}

#[derive(Serialize)]
struct WaitingJson<'a> {
    id: &'a str,
    state: &'static str,
    from: Option<&'a str>,
    to: Vec<&'a str>,
    subject: &'a str,
    message_id: Option<&'a str>,
    bytes: u64,
    queued: i64,
    attempts: u32,
    next: Option<i64>,
    why: Option<&'a str>,
    settled: Vec<SettledJson<'a>>,
}

#[derive(Serialize)]
struct SettledJson<'a> {
    address: &'a str,
    verdict: &'a str,
    words: &'a str,
}

/// Looks at the outbox, or decides about a message of it.
pub async fn run(args: &Outbox, globals: &Globals, ui: &Arc<Ui>) -> Result<Exit> {
    match args {
        Outbox::List { names } => list(names, globals, ui).await,
        Outbox::Show { id } => show(id, globals, ui).await,
        Outbox::Retry { id, uncertain, syslog, .. } => {
            let observer = Arc::new(Lines::new(ui.clone(), "", false));
            let report = app::send::outbox::retry(globals, id, *uncertain, observer).await?;
            Ok(super::send::tell(&report, Form::Own, *syslog, ui))
        }
        Outbox::Delete { id } => {
            let removed = app::send::outbox::delete(globals, id).await?;
            if ui.json {
                let messages = vec![waiting_json(&removed)];
                let accounts = vec![AccountJson { name: &removed.account, ok: true, error: None, messages }];
                ui.out(&json::line(&Summary { accounts, error: None })?)?;
            } else if ui.chatty() {
                ui.err(&format!("mailx: removed {} ({})", removed.id, removed.state.word()));
            }
            Ok(Exit::OK)
        }
    }
}

async fn list(names: &[String], globals: &Globals, ui: &Ui) -> Result<Exit> {
    let outboxes = app::send::outbox::list(globals, names).await?;
    let errors = || outboxes.iter().flat_map(|outbox| outbox.errors.iter().map(move |error| (outbox, error)));
    for (outbox, error) in errors() {
        ui.fail(About::account(&outbox.name), error);
    }
    if ui.json {
        let accounts = outboxes.iter().map(account_json).collect();
        ui.out(&json::line(&Summary { accounts, error: None })?)?;
    } else {
        ui.out(&text(&outboxes, words::now()))?;
    }
    Ok(exit::combine(outboxes.iter().map(|outbox| outbox.errors.first().map_or(Exit::OK, |error| exit::of(error.class)))))
}

fn account_json(outbox: &AccountOutbox) -> AccountJson<'_> {
    let error = outbox.errors.first().map(|error| Failure::from(error.as_ref()));
    AccountJson { name: &outbox.name, ok: error.is_none(), error, messages: outbox.messages.iter().map(waiting_json).collect() }
}

fn waiting_json(waiting: &Waiting) -> WaitingJson<'_> {
    let entry = &waiting.entry;
    WaitingJson {
        id: &waiting.id,
        state: waiting.state.word(),
        from: entry.from.as_ref().map(Address::as_str),
        to: entry.to.iter().map(Address::as_str).collect(),
        subject: &entry.subject,
        message_id: entry.message_id.as_deref(),
        bytes: entry.octets,
        queued: entry.queued.as_second(),
        attempts: entry.attempts,
        next: entry.next.map(jiff::Timestamp::as_second),
        why: entry.last.as_deref(),
        settled: entry
            .past
            .iter()
            .map(|past| SettledJson { address: past.to.as_str(), verdict: &past.verdict, words: &past.words })
            .collect(),
    }
}

fn text(outboxes: &[AccountOutbox], now: i64) -> String {
    let columns: [table::Column; 7] =
        [("ID", false), ("STATE", false), ("QUEUED", false), ("SIZE", true), ("TO", false), ("SUBJECT", false), ("WHY", false)];
    let mut rows = Vec::new();
    let mut notes = String::new();
    for outbox in outboxes {
        for waiting in &outbox.messages {
            rows.push(row(waiting, outbox.postponed.as_ref().map(|postponed| postponed.why.as_str()), now));
        }
        if let Some(postponed) = outbox.postponed.as_ref().filter(|_| !outbox.messages.is_empty()) {
            let _ = writeln!(notes, "{}: not tried before {}: {}", display(&outbox.name), postponed.next, display(&postponed.why));
        }
    }
    if rows.is_empty() { String::new() } else { table::render(&columns, &rows) + &notes }
}

fn row(waiting: &Waiting, postponed: Option<&str>, now: i64) -> Vec<String> {
    let entry = &waiting.entry;
    let past = |which: fn(&Past) -> bool| entry.past.iter().filter(|past| which(past)).collect::<Vec<_>>();
    let (doubts, refused) = (past(Past::is_uncertain), past(Past::is_refused));
    // Those whom the state is about.
    let about: Vec<&Address> = match waiting.state {
        State::Uncertain => doubts.iter().map(|past| &past.to).collect(),
        _ if !entry.to.is_empty() => entry.to.iter().collect(),
        _ if !refused.is_empty() => refused.iter().map(|past| &past.to).collect(),
        _ => entry.past.iter().map(|past| &past.to).collect(),
    };
    let to = match about.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [first, more @ ..] => format!("{first} +{}", more.len()),
    };
    let words = |past: &[&Past]| past.first().map(|past| past.words.clone());
    let last = || entry.last.clone();
    let why = match waiting.state {
        State::Failed => words(&refused).or_else(last),
        State::Uncertain => words(&doubts).or_else(last),
        _ => last().or_else(|| postponed.map(str::to_owned)),
    };
    vec![
        waiting.id.clone(),
        waiting.state.word().into(),
        words::ago(entry.queued.as_second(), now),
        words::bytes(entry.octets),
        to,
        entry.subject.chars().take(40).collect(),
        why.unwrap_or_default().chars().take(100).collect(),
    ]
}

async fn show(id: &str, globals: &Globals, ui: &Ui) -> Result<Exit> {
    let (waiting, message) = app::send::outbox::show(globals, id).await?;
    if ui.json {
        let accounts = vec![AccountJson { name: &waiting.account, ok: true, error: None, messages: vec![waiting_json(&waiting)] }];
        ui.out(&json::line(&Summary { accounts, error: None })?)?;
        return Ok(Exit::OK);
    }
    let entry = &waiting.entry;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<10} {}", display(value));
    };
    line("id", &waiting.id);
    line("account", &waiting.account);
    line("state", waiting.state.word());
    line("queued", &entry.queued.to_string());
    line("from", entry.from.as_ref().map_or("<>", |from| from.as_str()));
    for to in &entry.to {
        line("to", to.as_str());
    }
    for past in &entry.past {
        line(&past.verdict, &format!("{}: {}", past.to, past.words));
    }
    line("tries", &entry.attempts.to_string());
    if let Some(next) = entry.next {
        line("next try", &next.to_string());
    }
    if let Some(last) = &entry.last {
        line("why", last);
    }
    text.push('\n');
    let mut shown = Vec::new();
    message.take(SHOWN).read_to_end(&mut shown).map_err(|e| Error::local("read a message of the outbox", &e))?;
    for line in String::from_utf8_lossy(&shown).lines() {
        let _ = writeln!(text, "{}", display(line));
    }
    if entry.octets > SHOWN {
        let _ = writeln!(text, "… ({} in all)", words::bytes(entry.octets));
    }
    ui.out(&text)?;
    Ok(Exit::OK)
}
