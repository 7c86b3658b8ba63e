//! `mailx fetch` and `mailx sync`.

use std::path::Path;
use std::sync::Arc;

use crate::app::{self, Globals, RunOptions, Target, Verb};
use crate::cli::args::{Run, Shared, When};
use crate::cli::exit::{self, Exit};
use crate::cli::explain::About;
use crate::cli::signals::Signals;
use crate::cli::ui::bars::Bars;
use crate::cli::ui::events::Events;
use crate::cli::ui::lines::{self, Lines};
use crate::cli::ui::metrics::Metrics;
use crate::cli::ui::{Tee, Ui, json, sanitize, words};
use crate::model::report::AccountReport;
use crate::model::{Observer, Result};

/// Runs, and tells what became of it.
pub async fn run(verb: Verb, args: &Run, shared: &Shared, globals: &Globals, ui: &Arc<Ui>, signals: &Signals) -> Result<Exit> {
    let target = args.at.target(&args.access, true)?;
    let events = args.events.then(Events::start);
    let reports = match work(&target, &args.options(verb, shared), events.as_ref(), shared.progress, globals, ui).await {
        Ok(reports) => reports,
        Err(error) => {
            // The summary of a refused run is the caller's, and comes after what happened until then.
            let _ = events.map(|events| events.end(String::new()));
            return Err(error);
        }
    };
    let mut exit = exit::of_run(&reports, signals.any());
    for report in &reports {
        lines::failures(ui, report, lines::MOST_FAILED);
    }
    // What follows must not hide what the run itself came to.
    let told = match events {
        Some(events) => json::summary(&reports).and_then(|summary| events.end(summary)),
        None if ui.json => json::summary(&reports).and_then(|summary| ui.out(&summary)),
        None => ui.out(&text(ui, &reports)),
    };
    let counted = match &args.metrics {
        Some(path) => write_metrics(path, verb, globals, &target, &reports, exit).await,
        None => Ok(()),
    };
    for failure in [told, counted].into_iter().filter_map(Result::err) {
        ui.fail(About::default(), &failure);
        exit = exit.or(exit::of(failure.class));
    }
    Ok(exit)
}

/// Works on the accounts, with bars or lines of what happens.
pub(super) async fn work(
    target: &Target,
    options: &RunOptions,
    events: Option<&Events>,
    progress: When,
    globals: &Globals,
    ui: &Arc<Ui>,
) -> Result<Vec<AccountReport>> {
    let bars = ui.bars.then(|| Bars::start(ui.clone()));
    let lines = progress == When::Always && !ui.bars && !ui.quiet;
    let observers = |name: &str| {
        let mut all: Vec<Arc<dyn Observer>> = vec![Arc::new(Lines::new(ui.clone(), name, lines))];
        all.extend(events.map(|events| Arc::new(events.of(name)) as Arc<dyn Observer>));
        all.extend(bars.as_ref().map(|bars| Arc::new(bars.of(name)) as Arc<dyn Observer>));
        Arc::new(Tee(all)) as Arc<dyn Observer>
    };
    let done = app::run::run(globals, target, options, &observers).await;
    if let Some(bars) = &bars {
        bars.end();
    }
    done
}

/// The result as text: plans always; summaries on a terminal, or when asked for.
fn text(ui: &Ui, reports: &[AccountReport]) -> String {
    let mut text = String::new();
    for report in reports {
        let prefix = if reports.len() > 1 { sanitize::display(&report.name) + ": " } else { String::new() };
        match &report.plan {
            Some(plan) if report.error.is_none() || !plan.is_empty() => text += &lines::plan(&prefix, plan, ui.verbose > 0),
            None if !ui.quiet && (ui.out_terminal || ui.verbose > 0) => text += &lines::summary(ui, report),
            _ => {}
        }
    }
    text
}

async fn write_metrics(path: &Path, verb: Verb, globals: &Globals, target: &Target, reports: &[AccountReport], exit: Exit) -> Result<()> {
    let mut metrics = Metrics::default();
    let mut stamps: Vec<(String, i64)> = Vec::new();
    let dry = reports.iter().all(|report| report.plan.is_some());
    // An account that failed keeps its last success: a series that vanishes raises no alarm.
    if let Target::Named(names) = target {
        let known = app::status::status(globals, names, false).await.unwrap_or_default();
        stamps.extend(known.into_iter().filter_map(|status| Some((status.name, status.last_success?))));
    }
    for report in reports.iter().filter(|report| report.ok() && !dry) {
        stamps.retain(|(name, _)| *name != report.name);
        stamps.push((report.name.clone(), words::now()));
    }
    for (name, at) in &stamps {
        super::status::success(&mut metrics, name, *at);
    }
    for report in reports {
        let labels = [("account", report.name.as_str())];
        let sum = |field: fn(&crate::model::report::FolderReport) -> u64| report.folders.iter().map(field).sum::<u64>() as f64;
        let mut gauge = |name, help, value| metrics.gauge(name, help, &labels, value);
        gauge("mailx_run_ok", "Whether the last run did everything asked for.", f64::from(u8::from(report.ok())));
        gauge("mailx_run_duration_seconds", "How long the last run took.", report.duration.as_secs_f64());
        gauge("mailx_messages_downloaded", "Messages downloaded by the last run.", sum(|f| f.downloaded));
        gauge("mailx_messages_uploaded", "Messages uploaded by the last run.", sum(|f| f.uploaded));
        gauge("mailx_messages_failed", "Messages that the last run could not get.", sum(|f| f.failed.len() as u64));
        gauge("mailx_bytes_received", "Protocol octets received by the last run.", report.bytes_in as f64);
        gauge("mailx_bytes_sent", "Protocol octets sent by the last run.", report.bytes_out as f64);
        gauge("mailx_round_trips", "Round trips of the last run.", report.round_trips as f64);
    }
    metrics.gauge("mailx_exit_code", "Exit code of the last run.", &[("command", verb.word())], f64::from(exit.0));
    metrics.write(path)
}
