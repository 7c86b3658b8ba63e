//! `mailx verify`.

use std::sync::Arc;

use serde::Serialize;

use super::run::work;
use crate::app::Globals;
use crate::cli::args::{Shared, Verify};
use crate::cli::exit::{self, Exit};
use crate::cli::signals::Signals;
use crate::cli::ui::json::{self, AccountJson, FailedJson, Failure, Summary};
use crate::cli::ui::sanitize::display;
use crate::cli::ui::{Ui, lines, words};
use crate::model::Result;
use crate::model::report::{AccountReport, FolderReport, Verified};

#[derive(Serialize)]
struct FolderJson<'a> {
    name: String,
    there: u64,
    intact: u64,
    compared: u64,
    differences: Vec<FailedJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

/// Compares, and tells what differs.
pub async fn run(args: &Verify, shared: &Shared, globals: &Globals, ui: &Arc<Ui>, signals: &Signals) -> Result<Exit> {
    let target = args.at.target(&args.access, true)?;
    let reports = work(&target, &args.options(shared), None, shared.progress, globals, ui).await?;
    for report in &reports {
        lines::failures(ui, report, usize::MAX);
    }
    if ui.json {
        let account = |report| AccountJson::new(report, folder_json);
        ui.out(&json::line(&Summary { accounts: reports.iter().map(account).collect(), error: None })?)?;
    } else if !ui.quiet && (ui.out_terminal || ui.verbose > 0) {
        ui.out(&reports.iter().map(|report| summary(ui, report)).collect::<String>())?;
    }
    Ok(exit::of_run(&reports, signals.any()))
}

fn verified(folder: &FolderReport) -> Verified {
    folder.verified.unwrap_or(Verified { there: 0, intact: 0, compared: 0 })
}

fn folder_json(folder: &FolderReport) -> FolderJson<'_> {
    let Verified { there, intact, compared } = verified(folder);
    FolderJson {
        name: folder.folder.to_string(),
        there,
        intact,
        compared,
        differences: FailedJson::of(folder),
        error: folder.error.as_deref().map(Failure::from),
    }
}

/// One line for an account, its newline included.
fn summary(ui: &Ui, report: &AccountReport) -> String {
    let sum = |field: fn(&Verified) -> u64| report.folders.iter().map(|f| field(&verified(f))).sum::<u64>();
    let (there, intact, compared) = (sum(|v| v.there), sum(|v| v.intact), sum(|v| v.compared));
    let differ: u64 = report.folders.iter().map(|f| f.failed.len() as u64).sum();
    let mut parts = vec![format!("{} on the server, {} here and intact", words::of(there, "message"), words::count(intact))];
    parts.push(if compared > 0 { format!("{} compared byte for byte", words::count(compared)) } else { "ids and sizes compared".into() });
    if differ > 0 {
        parts.push(words::of(differ, "difference"));
    }
    let mark = if report.ok() { ui.paint.green("✓") } else { ui.paint.red("✗") };
    format!("{mark} {}: {}\n", ui.paint.bold(&display(&report.name)), parts.join(", "))
}
