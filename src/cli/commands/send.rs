//! `mailx send`, also by the command lines of sendmail and POSIX mailx.

use std::sync::Arc;

use serde::Serialize;

use crate::app::send::outbox::Flushed;
use crate::app::send::{Report, Settled, State, syslog};
use crate::app::{self, Globals};
use crate::cli::args::send::{Form, Send};
use crate::cli::exit::{self, Exit};
use crate::cli::explain::{self, About};
use crate::cli::ui::json::{self, Failure, Summary};
use crate::cli::ui::lines::Lines;
use crate::cli::ui::sanitize::display;
use crate::cli::ui::{Ui, words};
use crate::model::{Address, Class, Error, Observer, Result, Verdict};

#[derive(Serialize)]
pub(super) struct AccountJson<'a> {
    name: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    messages: Vec<MessageJson<'a>>,
}

#[derive(Serialize)]
struct MessageJson<'a> {
    id: &'a str,
    message_id: Option<&'a str>,
    subject: &'a str,
    bytes: u64,
    state: &'static str,
    recipients: Vec<RecipientJson<'a>>,
}

#[derive(Serialize)]
struct RecipientJson<'a> {
    address: &'a str,
    verdict: &'static str,
    words: &'a str,
}

/// Sends a message, or what waits.
pub async fn run(args: &Send, globals: &Globals, ui: &Arc<Ui>) -> Result<Exit> {
    if args.flush {
        return flush(args, globals, ui).await;
    }
    let request = args.request()?;
    let observer = Arc::new(Lines::new(ui.clone(), "", false));
    match app::send::send(globals, request, Box::new(std::io::stdin()), observer).await? {
        Some(report) => Ok(tell(&report, args.form, args.syslog, ui)),
        None => Ok(Exit::OK),
    }
}

/// Tells what became of one message.
pub(super) fn tell(report: &Report, form: Form, to_syslog: bool, ui: &Ui) -> Exit {
    let Report { account, settled, error, copy, cut_off } = report;
    // Its exit code would speak of this message; the words speak of those.
    for settled in cut_off {
        failures(account, settled, ui);
    }
    if to_syslog {
        syslog::tell(account, settled, error.as_ref().map(ToString::to_string).as_deref());
    }
    let mut exit = exit::of_message(settled, error.as_deref());
    let waits = settled.state == Some(State::Queued);
    let untouched = settled.verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Later(_)));
    if form != Form::Own && waits && untouched {
        // As Postfix does: it is safe, and what comes after it (cron, a script) need not know.
        let why =
            error.as_ref().map(|error| explain::headline(error)).or_else(|| settled.verdicts.first().map(|(_, v)| display(words_of(v))));
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        if error.is_some() || !settled.verdicts.is_empty() {
            ui.err(&format!("mailx: {}: queued as {}, it will be sent later{why}", display(account), settled.id));
        }
        exit = Exit::OK;
    } else if let Some(error) = error {
        let (safe, hint) = match settled.state {
            Some(State::Queued) => {
                let safe = format!("the message is in the outbox as {}: do not send it again", settled.id);
                (safe, "mailx send --flush and mailx sync send it later".to_owned())
            }
            // Tried for days.
            Some(_) => (kept(settled), format!("mailx outbox retry {0} sends it, mailx outbox delete {0} removes it", settled.id)),
            None => ("the message was not kept".to_owned(), "send it again".to_owned()),
        };
        let mut shown = error.copy();
        shown.safe = Some(safe);
        if shown.hints.is_empty() {
            shown = shown.hint(hint);
        }
        ui.fail(About::account(account), &shown);
    } else {
        failures(account, settled, ui);
    }
    if let Some(copy) = copy {
        let why = explain::headline(copy);
        ui.err(&format!("mailx: {}: it was sent; its copy for the Sent folder waits in the outbox: {why}", display(account)));
    }
    if ui.json {
        let accounts = vec![account_json(account, std::slice::from_ref(settled), error.as_deref())];
        // What happened to the message has happened: a script that sends it again because of this would double it.
        if let Err(error) = json::line(&Summary { accounts, error: None }).and_then(|line| ui.out(&line)) {
            ui.err(&format!("mailx: {}: the result cannot be told ({}): {}", display(account), explain::headline(&error), kept(settled)));
        }
    } else if ui.chatty() && exit.ok() {
        ui.err(&format!("mailx: {}", summary(settled)));
    }
    exit
}

/// What became of a message, where nothing else can say it.
fn kept(settled: &Settled) -> String {
    match settled.state {
        _ if settled.verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Accepted(_))) && !settled.verdicts.is_empty() => {
            "the message was sent; do not send it again".into()
        }
        None => "the message is not in the outbox".into(),
        Some(state) => format!("the message is in the outbox as {} ({}): do not send it again", settled.id, state.word()),
    }
}

async fn flush(args: &Send, globals: &Globals, ui: &Arc<Ui>) -> Result<Exit> {
    let observers = |name: &str| Arc::new(Lines::new(ui.clone(), name, false)) as Arc<dyn Observer>;
    let flushed = app::send::outbox::flush(globals, &args.recipients, &observers).await?;
    let exit = exit::combine(flushed.iter().map(|flushed| told(flushed, args.syslog, ui)));
    if ui.json {
        let accounts = flushed.iter().map(|f| account_json(&f.name, &f.reports, f.error.as_deref())).collect();
        ui.out(&json::line(&Summary { accounts, error: None })?)?;
    }
    Ok(exit)
}

/// Tells what became of an outbox; its exit code.
fn told(flushed: &Flushed, to_syslog: bool, ui: &Ui) -> Exit {
    let mut exits = Vec::new();
    for settled in &flushed.reports {
        if to_syslog {
            syslog::tell(&flushed.name, settled, flushed.error.as_ref().map(ToString::to_string).as_deref());
        }
        failures(&flushed.name, settled, ui);
        if !settled.verdicts.is_empty() {
            exits.push(exit::of_message(settled, None));
        }
    }
    if let Some(error) = &flushed.error {
        ui.fail(About::account(&flushed.name), error);
        exits.push(exit::of(error.class));
    }
    if ui.chatty() {
        let sent = flushed.reports.iter().filter(|settled| exit::of_message(settled, None).ok() && !settled.verdicts.is_empty()).count();
        ui.err(&format!("mailx: {}: {} sent", display(&flushed.name), words::of(sent as u64, "message")));
    }
    exit::combine(exits)
}

/// Names each recipient who did not get it, with the server's words, and what to do.
pub fn failures(account: &str, settled: &Settled, ui: &Ui) {
    let subject = if settled.subject.is_empty() { String::new() } else { format!(" \"{}\"", display(&settled.subject)) };
    let of = |wanted: fn(&Verdict) -> bool| {
        let all: Vec<&(Address, Verdict)> = settled.verdicts.iter().filter(|(_, verdict)| wanted(verdict)).collect();
        all
    };
    let kept = settled.id.as_str();
    let gone = settled.state != Some(State::Queued);
    let (refused, later) = (of(|v| matches!(v, Verdict::Refused(_))), of(|v| matches!(v, Verdict::Later(_))));
    let uncertain = of(|v| matches!(v, Verdict::Uncertain(_)));
    let list = |of: &[&(Address, Verdict)]| {
        let alike = of.windows(2).all(|pair| pair[0].1 == pair[1].1);
        match of {
            [first, .., _] if alike => {
                let names = of.iter().map(|(to, _)| to.to_string()).collect::<Vec<_>>().join(", ");
                format!("{names}: {}", words_of(&first.1))
            }
            _ => of.iter().map(|(to, verdict)| format!("{to}: {}", words_of(verdict))).collect::<Vec<_>>().join("; "),
        }
    };
    let fail = |class: Class, tried: &str, failed: String, safe: String, hint: Option<String>| {
        let mut error = Error::new(class, format!("{tried} the message{subject}"), failed).safe(safe);
        error.hints.extend(hint);
        ui.fail(About::account(account), &error);
    };
    let accepted = of(|v| matches!(v, Verdict::Accepted(_))).len();
    let others = if accepted > 0 { format!("{} accepted it", words::of(accepted as u64, "other recipient")) } else { String::new() };
    if !refused.is_empty() {
        let class = if accepted > 0 { Class::Partial } else { Class::Rejected };
        let stays =
            if kept.is_empty() { "the message was not kept".to_owned() } else { format!("the message stays in the outbox as {kept}") };
        let safe = [others.clone(), stays].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        let hint = (!kept.is_empty()).then(|| {
            let removes =
                if later.is_empty() && uncertain.is_empty() { format!(", mailx outbox delete {kept} removes it") } else { String::new() };
            format!("mailx outbox retry {kept} sends it to them again{removes}")
        });
        fail(class, "send", list(&refused), safe, hint);
    }
    if !later.is_empty() {
        let (safe, hint) = if kept.is_empty() {
            ("the message was not kept".to_owned(), "send it again later".to_owned())
        } else if gone {
            let hint = format!("mailx outbox retry {kept} sends it to them again, mailx outbox delete {kept} removes it");
            (format!("it was tried for days and is not tried any more; it stays in the outbox as {kept}"), hint)
        } else {
            (
                format!("it waits in the outbox as {kept}: do not send it again"),
                "mailx send --flush and mailx sync send it later".to_owned(),
            )
        };
        fail(Class::Temporary, "send", list(&later), safe, Some(hint));
    }
    if !uncertain.is_empty() {
        let id = settled.message_id.as_deref().unwrap_or("none");
        let safe = format!("it is not sent again on its own; its Message-ID is {id}");
        let alone = later.is_empty() && refused.is_empty();
        let hint = (!kept.is_empty()).then(|| {
            let when = if alone { "then" } else { "then, and when nobody else is to get it," };
            format!("find out whether it arrived: {when} mailx outbox delete {kept}; if not, mailx outbox retry --uncertain {kept}")
        });
        fail(Class::Guard, "learn what became of", format!("the answer to it was lost ({})", list(&uncertain)), safe, hint);
    }
}

fn words_of(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Accepted(words) | Verdict::Refused(words) | Verdict::Later(words) | Verdict::Uncertain(words) => words,
    }
}

fn summary(settled: &Settled) -> String {
    match (settled.state, settled.verdicts.as_slice()) {
        (Some(State::Queued), _) => format!("queued as {}", settled.id),
        (_, [(to, verdict)]) => format!("sent to {}: {}", display(to.as_str()), display(words_of(verdict))),
        (_, all) => format!("sent to {}", words::of(all.len() as u64, "recipient")),
    }
}

pub(super) fn account_json<'a>(name: &'a str, settled: &'a [Settled], error: Option<&Error>) -> AccountJson<'a> {
    let ok = error.is_none() && settled.iter().all(|settled| exit::of_message(settled, None).ok());
    AccountJson { name, ok, error: error.map(Failure::from), messages: settled.iter().map(message_json).collect() }
}

fn message_json(settled: &Settled) -> MessageJson<'_> {
    MessageJson {
        id: &settled.id,
        message_id: settled.message_id.as_deref(),
        subject: &settled.subject,
        bytes: settled.octets,
        state: settled.state.map_or("done", State::word),
        recipients: settled
            .verdicts
            .iter()
            .map(|(to, verdict)| RecipientJson { address: to.as_str(), verdict: verdict_word(verdict), words: words_of(verdict) })
            .collect(),
    }
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted(_) => "accepted",
        Verdict::Refused(_) => "refused",
        Verdict::Later(_) => "later",
        Verdict::Uncertain(_) => "uncertain",
    }
}
