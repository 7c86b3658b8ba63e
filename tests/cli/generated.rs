//! completions/ and man/ are what the program would write. `MAILX_BLESS=1 cargo test --test cli generated` rewrites them.

use std::collections::BTreeMap;
use std::path::Path;

use mailx::cli::r#gen;

fn compare(dir: &str, wanted: Vec<(String, String)>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let wanted: BTreeMap<String, String> = wanted.into_iter().collect();
    let found: BTreeMap<String, String> = std::fs::read_dir(&dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap()))
        .collect();
    if std::env::var_os("MAILX_BLESS").is_some() {
        std::fs::create_dir_all(&dir).unwrap();
        for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
            std::fs::remove_file(dir.join(name)).unwrap();
        }
        for (name, text) in &wanted {
            std::fs::write(dir.join(name), text).unwrap();
        }
        return;
    }
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&wanted), "files in {}", dir.display());
    for (name, text) in &wanted {
        assert!(found[name] == *text, "{} is out of date: run MAILX_BLESS=1 cargo test --test cli generated", dir.join(name).display());
    }
}

#[test]
fn completions_are_fresh() {
    compare("completions", r#gen::COMPLETIONS.iter().map(|(shell, name)| ((*name).to_owned(), r#gen::completion(*shell))).collect());
}

#[test]
fn man_pages_are_fresh() {
    compare("man", r#gen::pages());
}

#[test]
fn man_pages_have_no_lines_that_roff_would_take_for_requests() {
    let known = [".TH", ".SH", ".SS", ".TP", ".PP", ".RS", ".RE", ".nf", ".fi", ".BR", ".br", ".ie", ".el", ".ds", ".IP"];
    for (name, text) in r#gen::pages() {
        for line in text.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(known.iter().any(|request| line.starts_with(request)), "{name}: {line}");
        }
    }
}
