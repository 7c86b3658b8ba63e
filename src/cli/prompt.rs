//! Questions on a terminal.

use std::io::{IsTerminal, stdin};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::ProgressDrawTarget;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::ui::Ui;
use super::ui::sanitize::display;
use crate::app::Prompt;
use crate::model::SecretString;

/// How the terminal was before a question switched the echo off: who ends the process meanwhile puts it back.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Asks on the terminal, beside the bars.
pub struct Terminal {
    ui: Arc<Ui>,
    /// One question at a time, though accounts run side by side.
    turn: Mutex<()>,
}

impl Terminal {
    /// Somebody to ask, when standard input and standard error are a terminal.
    pub fn find(ui: &Arc<Ui>) -> Option<Arc<dyn Prompt>> {
        let person = ui.err_terminal && stdin().is_terminal();
        person.then(|| Arc::new(Self { ui: ui.clone(), turn: Mutex::new(()) }) as Arc<dyn Prompt>)
    }
}

impl Terminal {
    /// Asks with the bars off. They are not suspended by `MultiProgress::suspend`: it keeps its lock as long as a person thinks, and
    /// every observer of another account would wait with it.
    fn ask<T>(&self, question: impl FnOnce() -> T) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.ui.multi.clear();
        self.ui.multi.set_draw_target(ProgressDrawTarget::hidden());
        *before() = tcgetattr(stdin()).ok();
        let answer = question();
        *before() = None;
        self.ui.multi.set_draw_target(ProgressDrawTarget::stderr());
        answer
    }
}

impl Prompt for Terminal {
    fn secret(&self, question: &str) -> Option<SecretString> {
        let question = dialoguer::Password::new().with_prompt(display(question)).allow_empty_password(true);
        self.ask(|| question.interact()).ok().filter(|text| !text.is_empty()).map(SecretString::from)
    }

    fn confirm(&self, question: &str) -> bool {
        let question = dialoguer::Confirm::new().with_prompt(display(question)).default(false);
        self.ask(|| question.interact()).unwrap_or(false)
    }
}

fn before() -> std::sync::MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts the terminal back as it was, if a question stands open; tells whether one did.
pub fn restore() -> bool {
    before().take().is_some_and(|termios| tcsetattr(stdin(), OptionalActions::Now, &termios).is_ok())
}
