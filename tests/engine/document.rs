//! docs/what-happens-when.md is the table of scenarios in the user's words. `MAILX_BLESS=1 cargo test --features testing --test engine
//! what_happens_when` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use crate::scenarios;

const HEAD: &str = "# What happens when

What `mailx sync` makes of changes on both sides since the last run. This page is written by the tests: each row is one of them, and is
played whole, a second time (when nothing may be left to do), killed at every step and resumed, and with every answer of the server lost, on
servers of different abilities.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut last = "";
    for (topic, scenario) in scenarios::all() {
        if topic != last {
            write!(page, "\n## {topic}\n\n| here | on the server | result |\n| --- | --- | --- |\n").unwrap();
            last = topic;
        }
        let cell = |text: &str| if text.is_empty() { "–".to_owned() } else { text.replace('|', "\\|") };
        writeln!(page, "| {} | {} | {} |", cell(scenario.user_here), cell(scenario.user_there), cell(scenario.result)).unwrap();
    }
    page
}

#[test]
fn what_happens_when_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/what-happens-when.md");
    let wanted = page();
    if std::env::var_os("MAILX_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "out of date: run MAILX_BLESS=1 cargo test --features testing --test engine what_happens_when");
}

#[test]
fn every_scenario_says_what_happens_and_has_a_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for (_, scenario) in scenarios::all() {
        assert!(names.insert(scenario.name), "two scenarios are called {}", scenario.name);
        assert!(!scenario.result.is_empty(), "{} has no result", scenario.name);
        assert!(scenario.here.is_empty() || !scenario.user_here.is_empty(), "{} does not say what happens here", scenario.name);
        let silent = ["read-only", "room", "rewrite", "swallow"].iter().any(|word| scenario.there.starts_with(word));
        assert!(
            scenario.there.is_empty() || silent || !scenario.user_there.is_empty(),
            "{} does not say what happens there",
            scenario.name
        );
    }
}
