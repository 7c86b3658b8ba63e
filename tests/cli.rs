//! The real binary at the level of arguments, formats and exit codes; no server is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "cli/accounts.rs"]
mod accounts;
#[path = "cli/generated.rs"]
mod generated;
#[path = "cli/json.rs"]
mod json;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/usage.rs"]
mod usage;

use assert_cmd::Command;

/// mailx without any of the caller's settings.
fn mailx() -> Command {
    let mut command = Command::cargo_bin("mailx").unwrap();
    for name in ["MAILX_CONFIG", "MAILX_PASSWORD", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("HOME", "/nonexistent").env("TERM", "dumb");
    command
}
