//! `mailx account test`: each step with its mark, and what to do where one failed.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::app::{self, FolderInfo, Globals, Target};
use crate::cli::args::{Access, Where};
use crate::cli::exit::{self, Exit};
use crate::cli::explain::{self, About};
use crate::cli::ui::events::step_word;
use crate::cli::ui::json::{self, Failure, Summary};
use crate::cli::ui::lines::Lines;
use crate::cli::ui::sanitize::display;
use crate::cli::ui::{Tee, Ui, words};
use crate::model::{Event, Observer, Result};

#[derive(Serialize)]
struct AccountJson {
    name: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    steps: Vec<StepJson>,
    folders: Option<usize>,
}

#[derive(Serialize, Clone)]
struct StepJson {
    step: &'static str,
    detail: String,
}

/// Collects the steps of one account, and shows them at once where that cannot mix accounts up.
struct Steps {
    ui: Arc<Ui>,
    live: bool,
    reached: Mutex<Vec<StepJson>>,
}

impl Observer for Steps {
    fn on(&self, event: &Event<'_>) {
        if let Event::Reached { step, detail } = event {
            let step = StepJson { step: step_word(*step), detail: (*detail).to_owned() };
            if self.live {
                // A failed write shows again, and is told, with the result below.
                let _ = self.ui.out(&tick(&self.ui, &step));
            }
            self.reached.lock().unwrap_or_else(PoisonError::into_inner).push(step);
        }
    }
}

fn tick(ui: &Ui, step: &StepJson) -> String {
    let detail = display(&step.detail);
    let colon = if detail.is_empty() { "" } else { ": " };
    format!("{} {}{colon}{detail}\n", ui.paint.green("✓"), step.step)
}

/// Tests accounts.
pub async fn run(at: &Where, access: &Access, globals: &Globals, ui: &Arc<Ui>) -> Result<Exit> {
    let target = at.target(access, false)?;
    let alone = matches!(&target, Target::Url { .. }) || matches!(&target, Target::Named(names) if names.len() == 1);
    let all: Mutex<Vec<(String, Arc<Steps>)>> = Mutex::default();
    let observers = |name: &str| {
        let live = alone && !ui.json && !ui.quiet;
        let steps = Arc::new(Steps { ui: ui.clone(), live, reached: Mutex::default() });
        all.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), steps.clone()));
        Arc::new(Tee(vec![steps, Arc::new(Lines::new(ui.clone(), name, false))])) as Arc<dyn Observer>
    };
    let results = app::probe::probe(globals, &target, &observers).await?;
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let steps_of = |name: &str| {
        let steps = all.iter().find(|(of, _)| of == name).map(|(_, steps)| steps);
        steps.map(|steps| steps.reached.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    };
    for (name, result) in &results {
        if !ui.json && !ui.quiet {
            let steps = if alone { Vec::new() } else { steps_of(name) };
            ui.out(&told(ui, (!alone).then_some(name), &steps, result))?;
        }
        // On one terminal the cross below the steps has said it all.
        let said = ui.out_terminal && ui.err_terminal && !ui.json && !ui.quiet;
        if let Some(error) = result.as_ref().err().filter(|_| !said) {
            ui.fail(About::account(name), error);
        }
    }
    if ui.json {
        let accounts = results.iter().map(|(name, result)| AccountJson {
            name: name.clone(),
            ok: result.is_ok(),
            error: json::failure(result),
            steps: steps_of(name),
            folders: result.as_ref().ok().map(Vec::len),
        });
        ui.out(&json::line(&Summary { accounts: accounts.collect(), error: None })?)?;
    }
    Ok(exit::combine(results.iter().map(|(_, result)| exit::of_result(result))))
}

/// What became of one account's test; `steps` are those that were not shown yet.
fn told(ui: &Ui, name: Option<&String>, steps: &[StepJson], result: &Result<Vec<FolderInfo>>) -> String {
    let mut text = name.map(|name| ui.paint.bold(&display(name)) + "\n").unwrap_or_default();
    text.extend(steps.iter().map(|step| tick(ui, step)));
    match result {
        Ok(folders) => text + &format!("{} works: {}\n", ui.paint.green("✓"), words::of(folders.len() as u64, "folder")),
        Err(error) => {
            let about = name.map_or_else(About::default, |name| About::account(name));
            let cross = format!("{} {}", ui.paint.red("✗"), explain::headline(error));
            let lines = std::iter::once(cross).chain(explain::details(about, error));
            text.extend(lines.map(|line| line + "\n"));
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::model::{Class, Error};

    #[test]
    fn steps_are_ticked_and_the_failure_is_explained() {
        let ui = Ui::new(&crate::cli::args::Cli::try_parse_from(["mailx", "status", "--color=never"]).unwrap().shared, false);
        let steps = [StepJson { step: "lookup", detail: "h\x1b[2J".into() }, StepJson { step: "connect", detail: String::new() }];
        let failed = Err(Error::new(Class::Auth, "log in as me", "wrong password").hint("try another"));
        assert_eq!(
            told(&ui, Some(&"work".into()), &steps, &failed),
            "work\n✓ lookup: h\\x1b[2J\n✓ connect\n✗ auth: log in as me: wrong password\n  next: try another\n"
        );
        assert_eq!(told(&ui, None, &[], &Ok(Vec::new())), "✓ works: 0 folders\n");
    }
}
