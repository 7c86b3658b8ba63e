//! `mailx account login`.

use std::io::{IsTerminal, Read as _, stdin};

use zeroize::Zeroizing;

use crate::app::{self, Globals};
use crate::cli::exit::{self, Exit};
use crate::cli::explain::About;
use crate::cli::ui::Ui;
use crate::cli::ui::sanitize::display;
use crate::cli::wrong;
use crate::model::{Class, Error, Result, SecretString};

/// Octets that a secret may have; tokens are long, but not that long.
const MAX_SECRET: u64 = 64 * 1024;

/// Takes a secret, tries it, and stores it.
pub async fn run(name: &str, verify: bool, globals: &Globals, ui: &Ui) -> Result<Exit> {
    app::account::load(globals)?.account(name)?;
    let secret = if stdin().is_terminal() { ask(name, globals)? } else { read_unless_cancelled(globals).await? };
    if let Err(error) = app::login::login(globals, name, Some(secret), verify).await {
        ui.fail(About::account(name), &error);
        return Ok(exit::of(error.class));
    }
    if ui.chatty() {
        let tried = if verify { "the login works; " } else { "" };
        ui.err(&format!("{}: {tried}the secret is stored", display(name)));
    }
    Ok(Exit::OK)
}

fn ask(name: &str, globals: &Globals) -> Result<SecretString> {
    let prompt = globals
        .prompt
        .as_ref()
        .ok_or_else(|| wrong("nobody can be asked: standard error is no terminal; give the secret on standard input"))?;
    prompt.secret(&format!("Secret of {name}")).ok_or_else(|| Error::new(Class::BadData, "ask for the secret", "none was given"))
}

async fn read_unless_cancelled(globals: &Globals) -> Result<SecretString> {
    tokio::select! {
        secret = tokio::task::spawn_blocking(read) => secret.unwrap_or_else(|error| Err(lost(&error))),
        () = globals.cancel.cancelled() => Err(Error::new(Class::Temporary, "read the secret", "interrupted").safe("nothing was stored")),
    }
}

/// The first line of standard input.
fn read() -> Result<SecretString> {
    let tried = "read the secret from standard input";
    // All of its size at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_SECRET as usize + 1));
    stdin().lock().take(MAX_SECRET + 1).read_to_end(&mut text).map_err(|error| Error::local(tried, &error))?;
    let bad = |why: &str| Error::new(Class::BadData, tried, why);
    if text.len() as u64 > MAX_SECRET {
        return Err(bad("it is too long"));
    }
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok("") => Err(bad("it is empty")),
        Ok(secret) => Ok(SecretString::from(secret)),
        Err(_) => Err(bad("it is not UTF-8")),
    }
}

fn lost(error: &tokio::task::JoinError) -> Box<Error> {
    Error::new(Class::Internal, "read the secret", error.to_string())
}
