//! The command line: arguments → application → words, JSON and exit codes. The only module that prints or ends the process.

pub mod args;
pub mod commands;
pub mod exit;
pub mod explain;
mod forms;
pub mod r#gen;
mod heap;
mod log;
mod prompt;
mod signals;
mod systemd;
pub mod ui;
pub mod values;

use std::ffi::OsString;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use clap::Parser as _;
use clap::error::ErrorKind;
use tokio_util::sync::CancellationToken;

use args::{Cli, Shared};
use exit::Exit;
use explain::About;
use signals::Signals;
use ui::Ui;

use crate::app::Globals;
use crate::model::{Class, Error, Result};

/// Blocking threads (a name lookup, a file system that hangs) get so long at the end; whatever they do survives a kill.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A panic happened somewhere.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Everything that the process does, from its arguments to its exit code.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        PANICKED.store(true, Relaxed);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("panic");
        let text = ui::sanitize::display(&format!("{what} ({place})"));
        let _ = writeln!(std::io::stderr(), "mailx: error: internal: {text}; this is a bug, please report it; stored mail is safe");
    }));
    let exit = catch_unwind(AssertUnwindSafe(|| run(words))).unwrap_or(Exit::BUG);
    // A task that died unheard must not look like success.
    if exit.ok() && PANICKED.load(Relaxed) { Exit::BUG.into() } else { exit.into() }
}

fn run(words: impl IntoIterator<Item = OsString>) -> Exit {
    let words: Vec<OsString> = words.into_iter().collect();
    let words = match forms::translate(&words) {
        Ok(translated) => translated.unwrap_or(words),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", explain::lines(About::default(), &error).join("\n"));
            return exit::of(error.class);
        }
    };
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &words),
    };
    let ui = Arc::new(Ui::new(&cli.shared, commands::ends_in_json(&cli.command)));
    log::start(&ui);
    if commands::stays(&cli.command) {
        heap::share();
    }
    let result = match commands::local(&cli.command) {
        Some(result) => result,
        None => on_runtime(&cli, &ui),
    };
    result.unwrap_or_else(|error| refused(&ui, &error))
}

/// Says what was wrong with the words, or shows the help that was asked for. Programs that asked for an object get one.
fn usage(error: &clap::Error, words: &[OsString]) -> Exit {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // `print` chooses the stream and the colours; a reader that has gone is no failure.
    let printed = error.print();
    if asked {
        return match printed {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => exit::of(Error::local("", &error).class),
            _ => Exit::OK,
        };
    }
    let url = words.get(1).is_some_and(|word| word.to_string_lossy().contains("://"));
    if error.kind() == ErrorKind::InvalidSubcommand && url {
        let _ = writeln!(std::io::stderr(), "\n  tip: to fetch from a server: mailx fetch URL DIR");
    }
    let mut options = words.iter().take_while(|word| *word != "--");
    if options.any(|word| word == "--json" || word == "--events") {
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default();
        let _ = ui::json::refused(&wrong(what.strip_prefix("error: ").unwrap_or(what))).and_then(|json| ui::write_out(&json));
    }
    Exit::USAGE
}

/// Nothing was done at all; programs get their object nevertheless.
fn refused(ui: &Ui, error: &Error) -> Exit {
    ui.fail(About::default(), error);
    if ui.json {
        let _ = ui::json::refused(error).and_then(|json| ui.out(&json));
    }
    exit::of(error.class)
}

fn on_runtime(cli: &Cli, ui: &Arc<Ui>) -> Result<Exit> {
    // Threads of the store hash and write; what is left is TLS and framing, which one core does faster than a line brings it. Every
    // further thread would keep memory of its own, and waking it takes time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::local("start the threads", &error))?;
    let done = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let cancel = CancellationToken::new();
            let stays = commands::stays(&cli.command);
            let signals = Signals::listen(&cancel, ui, stays);
            let globals = globals(&cli.shared, commands::allows_cleartext(&cli.command), cancel, ui);
            let done = commands::run(cli, &globals, ui, &signals).await;
            done.map(|exit| if stays { signals.exit_of_service(exit) } else { signals.exit(exit) })
        })
    }));
    runtime.shutdown_timeout(SHUTDOWN);
    done.unwrap_or_else(|_| {
        let _ = ui.multi.clear();
        Ok(Exit::BUG)
    })
}

fn globals(shared: &Shared, allow_cleartext: bool, cancel: CancellationToken, ui: &Arc<Ui>) -> Globals {
    let named = || std::env::var_os("MAILX_CONFIG").filter(|path| !path.is_empty()).map(Into::into);
    Globals {
        config: shared.config.clone().or_else(named),
        wait: shared.wait,
        silence: shared.timeout,
        allow_cleartext,
        cancel,
        prompt: prompt::Terminal::find(ui),
    }
}

/// A usage error that only the command can find.
fn wrong(what: impl Into<String>) -> Box<Error> {
    Error::new(Class::Usage, "read the command line", what)
}
