//! Where words go: standard output is the result, standard error is for people. Nothing here panics when nobody reads.

pub mod bars;
pub mod events;
pub mod json;
pub mod lines;
pub mod metrics;
pub mod sanitize;
pub mod table;
pub mod words;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use indicatif::MultiProgress;

use super::args::{Shared, When};
use super::explain::{self, About};
use crate::model::{Error, Event, Observer, Result};

/// How to speak, decided once from the options and from where standard output and standard error lead.
#[derive(Debug)]
pub struct Ui {
    /// `--json` (or `--events`).
    pub json: bool,
    /// `-q`.
    pub quiet: bool,
    /// How often `-v`.
    pub verbose: u8,
    /// Standard output is a terminal.
    pub out_terminal: bool,
    /// Standard error is a terminal.
    pub err_terminal: bool,
    /// Colours on standard output.
    pub paint: Paint,
    /// Colours on standard error.
    pub paint_err: Paint,
    /// Bars are drawn.
    pub bars: bool,
    /// The bars, so that lines and questions can step around them.
    pub multi: MultiProgress,
}

impl Ui {
    /// Decides how to speak; `json`: the command ends in JSON even without `--json`.
    pub fn new(shared: &Shared, json: bool) -> Self {
        let (out_terminal, err_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let env = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = env("TERM").is_none_or(|term| term == "dumb");
        let plain = env("NO_COLOR").is_some() || dumb;
        let paint = |terminal| Paint(shared.color == When::Always || (shared.color == When::Auto && terminal && !plain));
        Self {
            json: shared.json || json,
            quiet: shared.quiet,
            verbose: shared.verbose,
            out_terminal,
            err_terminal,
            paint: paint(out_terminal),
            paint_err: paint(err_terminal),
            // Bars move the cursor: a dumb terminal, a file or a pipe cannot show them, whatever the options say.
            bars: err_terminal && !shared.quiet && shared.progress != When::Never && (!dumb || shared.progress == When::Always),
            multi: MultiProgress::new(),
        }
    }

    /// Whether what is neither result nor failure is said: on a terminal, or when asked for.
    pub fn chatty(&self) -> bool {
        !self.quiet && (self.err_terminal || self.verbose > 0)
    }

    /// Prints the result: `text` as it is. A reader that has gone is no failure.
    pub fn out(&self, text: &str) -> Result<()> {
        write_out(text)
    }

    /// Prints a line for people. That standard error is gone or full cannot be told to anybody.
    pub fn err(&self, line: &str) {
        self.multi.suspend(|| drop(writeln!(io::stderr().lock(), "{line}")));
    }

    /// Explains a failure. Failures always speak.
    pub fn fail(&self, about: About<'_>, error: &Error) {
        let mut lines = explain::lines(about, error);
        if let Some(first) = lines.first_mut() {
            *first = first.replacen("error:", &self.paint_err.red("error:"), 1);
        }
        self.err(&lines.join("\n"));
    }
}

/// Writes to standard output; a closed pipe is success (`mailx … | head -1`).
pub fn write_out(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::local("write to standard output", &error)),
        _ => Ok(()),
    }
}

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    fn wrap(self, code: u8, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Something failed.
    pub fn red(self, text: &str) -> String {
        self.wrap(31, text)
    }

    /// Something went well.
    pub fn green(self, text: &str) -> String {
        self.wrap(32, text)
    }

    /// Look here.
    pub fn yellow(self, text: &str) -> String {
        self.wrap(33, text)
    }

    /// A name.
    pub fn bold(self, text: &str) -> String {
        self.wrap(1, text)
    }
}

/// Gives every event to several observers.
pub struct Tee(pub Vec<Arc<dyn Observer>>);

impl Observer for Tee {
    fn on(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.on(event));
    }

    fn watches(&self) -> bool {
        self.0.iter().any(|observer| observer.watches())
    }
}
