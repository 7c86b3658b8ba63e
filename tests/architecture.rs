//! The arrows between the modules, and other rules of the house that a compiler does not know.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have.
const MOST_LINES: usize = 800;

/// A module, and what it may import. `main` and the library's root know their modules only.
const ARROWS: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("wire", &[]),
    ("net", &["wire", "model::error", "model::event"]),
    ("store", &["model"]),
    ("config", &["model"]),
    ("policy", &["model"]),
    ("secret", &["model", "net", "wire"]),
    ("discover", &["model", "net", "wire"]),
    ("backend", &["model", "wire", "net"]),
    ("engine", &["model", "backend", "store", "policy"]),
    ("app", &["model", "wire", "net", "store", "config", "policy", "secret", "discover", "backend", "engine"]),
    ("cli", &["app", "engine", "model"]),
    ("testing", &["model", "backend", "store"]),
];

/// Protocols may be named here.
const KNOW_PROTOCOLS: [&str; 7] = ["wire/", "backend/", "discover/", "model/account.rs", "config/", "policy/", "app/"];
const PROTOCOLS: [&str; 4] = ["imap", "pop3", "eas", "activesync"];

struct Source {
    /// Relative to src/.
    path: String,
    text: String,
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let (src, mut found) = (root().join("src"), Vec::new());
    files(&src, &mut found);
    assert!(found.len() > 50);
    let read =
        |p: PathBuf| Source { path: p.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(), text: fs::read_to_string(&p).unwrap() };
    found.into_iter().map(read).collect()
}

/// The code without comments and without the insides of strings. Unit tests at the end of a file are left out, too: they may name
/// what they like.
fn code(text: &str) -> String {
    let ends = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\n#[allow("];
    let text = ends.iter().filter_map(|end| text.find(end)).min().map_or(text, |at| &text[..at]);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => {
                while rest.peek().is_some_and(|c| *c != '\n') {
                    rest.next();
                }
            }
            '"' => {
                out.push('"');
                while let Some(c) = rest.next() {
                    match c {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        '\n' => out.push('\n'),
                        _ => {}
                    }
                }
                out.push('"');
            }
            // A quote as a character literal opens no string.
            '\'' if rest.clone().take(2).eq(['"', '\'']) => {
                rest.next();
                rest.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// Every path after `crate::`, groups unfolded one level: `crate::model::{error, Flags}` gives `model::error` and `model::Flags`.
fn imports(code: &str) -> Vec<String> {
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + 7..];
        if let Some(group) = rest.strip_prefix('{') {
            let end = group.find('}').unwrap_or(group.len());
            found.extend(group[..end].split(',').map(|p| word(p.trim())).filter(|p| !p.is_empty()));
            continue;
        }
        let first = word(rest);
        match rest[first.len()..].strip_prefix("::") {
            Some(inner) if inner.starts_with('{') => {
                let end = inner.find('}').unwrap_or(inner.len());
                found.extend(inner[1..end].split(',').map(|p| format!("{first}::{}", word(p.trim()))));
            }
            Some(inner) => found.push(format!("{first}::{}", word(inner))),
            None => found.push(first),
        }
    }
    found
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn modules_import_only_what_the_arrows_allow() {
    let mut wrong = BTreeSet::new();
    for source in sources().iter().filter(|s| !is_test(&s.path)) {
        let module = source.path.split(['/', '.']).next().unwrap();
        if module == "main" || module == "lib" {
            continue;
        }
        let allowed = ARROWS.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("the module {module} has no arrows")).1;
        for import in imports(&code(&source.text)) {
            let top = import.split("::").next().unwrap();
            let fine = top == module
                || allowed.contains(&top)
                || allowed.contains(&import.as_str())
                // Error and its kin are spelled through the module's front door as well.
                || (module == "net" && ["model::Class", "model::Error", "model::Result", "model::Event", "model::Observer"].contains(&import.as_str()))
                // The error's class is what an exit code is made of; nothing else of the library's root is used.
                || (top.chars().next().is_some_and(char::is_uppercase));
            if !fine {
                wrong.insert(format!("{} imports {import}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn backends_do_not_know_each_other_and_the_engine_knows_their_traits_only() {
    let mut wrong = BTreeSet::new();
    for source in sources().iter().filter(|s| !is_test(&s.path)) {
        let of = source.path.strip_prefix("backend/").and_then(|p| p.split_once('/')).map(|(name, _)| name);
        for import in imports(&code(&source.text)) {
            let Some(inner) = import.strip_prefix("backend::") else { continue };
            let is_one = PROTOCOLS.contains(&inner) || inner == "smtp";
            if is_one && (of.is_some_and(|of| of != inner) || source.path.starts_with("engine/")) {
                wrong.insert(format!("{} imports {import}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_library_neither_prints_nor_exits_nor_reads_the_environment() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| !is_test(&s.path)) {
        if ["cli/", "app/", "secret/", "main.rs"].iter().any(|p| source.path.starts_with(p)) {
            continue;
        }
        let code = code(&source.text);
        for word in ["println!", "eprintln!", "print!", "eprint!", "process::exit", "std::env", "env::var"] {
            if code.contains(word) {
                wrong.push(format!("{} has {word}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn store_and_engine_have_their_disk_and_their_time_from_outside() {
    // The operating system's disk and clock themselves; SQLite, which has its own way to a disk, and the note beside it; and the outbox, which
    // no history plays yet.
    let own = ["store/disk/os.rs", "store/clock.rs", "store/state/sqlite.rs", "store/state/note.rs", "store/outbox/", "engine/send/"];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| !is_test(&s.path) && !own.iter().any(|o| s.path.starts_with(o))) {
        if !["store/", "engine/"].iter().any(|p| source.path.starts_with(p)) {
            continue;
        }
        let code = code(&source.text);
        for word in ["rustix::fs", "rustix::time", "std::fs", "fs::File", "SystemTime", "OwnedFd", "thread::sleep"] {
            if code.contains(word) {
                wrong.push(format!("{} has {word}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn protocols_are_named_only_where_they_are_spoken() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| !is_test(&s.path)) {
        // The command line's words are for people, who know protocols by their names.
        if KNOW_PROTOCOLS.iter().any(|p| source.path.starts_with(p)) || source.path.starts_with("cli/") {
            continue;
        }
        for (n, line) in code(&source.text).lines().enumerate() {
            let words: Vec<String> =
                line.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_ascii_lowercase).filter(|w| !w.is_empty()).collect();
            if words.iter().any(|w| PROTOCOLS.contains(&w.as_str())) {
                wrong.push(format!("{}:{}: {}", source.path, n + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_is_too_long() {
    let mut all = Vec::new();
    for dir in ["src", "tests", "benches"] {
        files(&root().join(dir), &mut all);
    }
    let long: Vec<_> = all.into_iter().filter(|p| fs::read_to_string(p).unwrap().lines().count() > MOST_LINES).collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines: {long:?}");
}

#[test]
fn every_test_file_belongs_to_a_test() {
    let tests = root().join("tests");
    let mut all = Vec::new();
    files(&tests, &mut all);
    let mut reached = BTreeSet::new();
    let mut open: Vec<PathBuf> = all.iter().filter(|p| p.parent() == Some(&tests)).cloned().collect();
    while let Some(path) = open.pop() {
        if !reached.insert(path.clone()) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let dir = path.parent().unwrap();
        let mut named = None;
        for line in text.lines().map(str::trim) {
            if let Some(file) = line.strip_prefix("#[path = \"").and_then(|l| l.strip_suffix("\"]")) {
                named = Some(dir.join(file));
            } else if let Some(name) = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ").and_then(|l| l.strip_suffix(';')) {
                let inner = if path.file_name().unwrap() == "mod.rs" || path.parent() == Some(&tests) {
                    dir.to_path_buf()
                } else {
                    path.with_extension("")
                };
                let file = named.take().unwrap_or_else(|| inner.join(format!("{name}.rs")));
                open.push(if file.exists() { file } else { inner.join(name).join("mod.rs") });
            }
        }
    }
    let lost: Vec<_> = all.iter().filter(|p| !reached.contains(*p)).collect();
    assert!(lost.is_empty(), "no test reaches {lost:?}");
}

#[test]
fn the_repository_depends_on_nothing_beside_it() {
    let mut all = Vec::new();
    for dir in ["src", "tests", "benches", "fuzz/fuzz_targets"] {
        if root().join(dir).is_dir() {
            files(&root().join(dir), &mut all);
        }
    }
    // Spelled apart, so that this file does not find itself.
    let outside = [["..", "/shared/"].concat(), ["/work", "/shared"].concat()];
    let wrong: Vec<_> = all.into_iter().filter(|p| outside.iter().any(|o| fs::read_to_string(p).unwrap().contains(o.as_str()))).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn imports_are_found_where_they_hide() {
    let text = "use crate::model::{Class, error::Fate};\n// crate::cli::x\nlet a = \"crate::app\"; crate::net::dial(crate::store::x);\nuse crate::{app, wire};";
    let found = imports(&code(text));
    assert_eq!(found, ["model::Class", "model::error", "net::dial", "store::x", "app", "wire"]);
}
