//! The binary against a scripted server: its environment, and what must hold whatever the server does.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::maildir;
use super::world::{Out, Running};

/// The password of every account on a scripted server, in the variable `SECRET`.
pub const SECRET: &str = "hunter2-geheim";

/// The binary with the configuration `dir/config.toml`, at home in `dir`, and nothing on its standard input.
pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailx"));
    command
        .args(arguments)
        .env("MAILX_CONFIG", dir.join("config.toml"))
        .env("HOME", dir)
        .env("XDG_DATA_HOME", dir.join("data"))
        .env("TERM", "dumb")
        .env("SECRET", SECRET)
        .stdin(Stdio::null());
    command
}

/// The same with something on its standard input.
pub fn fed(dir: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> Command {
    let path = dir.join("input");
    std::fs::write(&path, input).unwrap();
    let mut command = command(dir, arguments);
    command.stdin(std::fs::File::open(&path).unwrap());
    command
}

/// Runs it; its end and what it says must be in order whatever the server does.
pub fn run(mut command: Command) -> Out {
    let out = Running::start(&mut command).end(Duration::from_secs(60));
    let foreign = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!out.stderr.contains(foreign) && !out.stdout.contains(foreign), "an escape reached the terminal: {out:?}");
    assert!(!out.stderr.contains("panicked") && !out.stderr.contains(SECRET), "{out:?}");
    out
}

/// The identities of what is in a Maildir, sorted.
pub fn identities(root: &Path) -> Vec<String> {
    let mut all: Vec<String> = maildir::read(root).into_iter().map(|mail| mail.identity).collect();
    all.sort();
    all
}

/// A Maildir holds exactly these, and nothing unfinished.
#[track_caller]
pub fn assert_holds(root: &Path, wanted: &[String]) {
    assert_eq!(identities(root), wanted);
    assert!(maildir::leftovers(root).is_empty());
}
