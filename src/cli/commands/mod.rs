//! One file a command. Each turns checked arguments into a call of the application, and its answer into words and an exit code.

mod account;
mod folders;
mod login;
mod outbox;
mod policy;
mod probe;
mod run;
mod send;
mod show;
mod status;
mod verify;
mod watch;

use std::time::Duration;

use super::args::send::Outbox;
use super::args::{Account, Cli, Command};
use super::exit::Exit;
use super::signals::Signals;
use super::ui::{Ui, write_out};
use super::{r#gen, wrong};
use crate::app::{Globals, Verb};
use crate::model::Result;

/// Runs a command that needs neither configuration nor network; `None` for the others.
pub fn local(command: &Command) -> Option<Result<Exit>> {
    let done = match command {
        Command::Completions { shell } => write_out(&r#gen::completion(*shell)),
        Command::Man { dir: None } => write_out(&r#gen::main_page()),
        Command::Man { dir: Some(dir) } => r#gen::write_pages(dir),
        _ => return None,
    };
    Some(done.map(|()| Exit::OK))
}

/// Runs any other command.
pub async fn run(cli: &Cli, globals: &Globals, ui: &std::sync::Arc<Ui>, signals: &Signals) -> Result<Exit> {
    if !matches!(cli.command, Command::Fetch(_) | Command::Sync(_) | Command::Verify(_)) {
        end_by(cli.shared.max_duration, globals);
    }
    match &cli.command {
        Command::Fetch(args) => run::run(Verb::Fetch, args, &cli.shared, globals, ui, signals).await,
        Command::Sync(args) => run::run(Verb::Sync, args, &cli.shared, globals, ui, signals).await,
        Command::Verify(args) => verify::run(args, &cli.shared, globals, ui, signals).await,
        Command::Watch(args) => watch::run(args, globals, ui, signals).await,
        Command::Send(args) => send::run(args, globals, ui).await,
        Command::Outbox(args) => outbox::run(args, globals, ui).await,
        Command::Folders(folders) => folders::run(folders, globals, ui).await,
        Command::Policy { names } => policy::run(names, globals, ui).await,
        Command::Status(status) => status::run(status, globals, ui).await,
        Command::Account(Account::List) => account::list(globals, ui),
        Command::Account(Account::Show { name }) => show::run(name, globals, ui),
        Command::Account(Account::Test { at, access }) => probe::run(at, access, globals, ui).await,
        Command::Account(Account::Login { name, no_verify, .. }) => login::run(name, !no_verify, globals, ui).await,
        Command::Completions { .. } | Command::Man { .. } => Err(wrong("not a command that needs the network")),
    }
}

/// Whether the result is JSON without `--json` (`--events`).
pub fn ends_in_json(command: &Command) -> bool {
    matches!(command, Command::Fetch(args) | Command::Sync(args) if args.events) || matches!(command, Command::Watch(args) if args.events)
}

/// Whether the command stays until it is told to end.
pub fn stays(command: &Command) -> bool {
    matches!(command, Command::Watch(_))
}

/// Whether `--allow-cleartext` was given.
pub fn allows_cleartext(command: &Command) -> bool {
    match command {
        Command::Fetch(args) | Command::Sync(args) => args.access.clear.allow_cleartext,
        Command::Verify(args) => args.access.clear.allow_cleartext,
        Command::Watch(args) => args.access.clear.allow_cleartext,
        Command::Send(args) => args.clear.allow_cleartext,
        Command::Folders(folders) => folders.access.clear.allow_cleartext,
        Command::Status(status) => status.clear.allow_cleartext,
        Command::Account(Account::Test { access, .. }) => access.clear.allow_cleartext,
        Command::Account(Account::Login { clear, .. }) | Command::Outbox(Outbox::Retry { clear, .. }) => clear.allow_cleartext,
        _ => false,
    }
}

/// `--max-duration` for commands that only look; the others end by themselves, in good order.
fn end_by(time: Option<Duration>, globals: &Globals) {
    if let Some(time) = time {
        let cancel = globals.cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            cancel.cancel();
        });
    }
}
