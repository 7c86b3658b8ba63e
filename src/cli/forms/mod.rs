//! Command lines of other programs, translated into `mailx send`: sendmail's (by the name that we were called by) and POSIX mailx's (by the
//! first word).

mod posix;
mod sendmail;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::CommandFactory as _;

use super::args::Cli;
use crate::model::{Class, Error, Result};

/// The words of our own command line that mean the same; `None` where they are ours already.
pub fn translate(words: &[OsString]) -> Result<Option<Vec<OsString>>> {
    let called = words.first().and_then(|word| Path::new(word).file_name()).unwrap_or_default();
    let rest = words.get(1..).unwrap_or_default();
    match called.to_str() {
        Some("sendmail") => sendmail::translate(rest).map(Some),
        Some("mail") => posix::translate(rest).map(Some),
        _ if is_posix(rest) => posix::translate(rest).map(Some),
        _ => Ok(None),
    }
}

/// The first word decides: an option of POSIX mailx, or an address. `-q` and `-v` are ours, too: there the others decide.
fn is_posix(words: &[OsString]) -> bool {
    let Some(first) = words.first().map(|word| word.to_string_lossy()) else { return false };
    let address = |word: &str| word.contains('@') && !word.contains("://") && !word.starts_with('-');
    let option = |word: &str| {
        let mut chars = word.chars();
        chars.next() == Some('-') && chars.next().is_some_and(|c| "scbraAEnti".contains(c))
    };
    if first == "--" || option(&first) || address(&first) {
        return true;
    }
    if !(first.starts_with("-q") || first.starts_with("-v")) {
        return false;
    }
    let ours = Cli::command();
    let known = |word: &str| ours.get_subcommands().any(|command| command.get_name() == word);
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    !words.iter().any(|word| known(word)) && words.iter().any(|word| option(word) || address(word))
}

/// Reads options as getopt(3) does: letters, of which those in `with_value` take the rest of the word or the next one. `on` gets each
/// letter with its value; what is left are the operands.
fn options(words: &[OsString], with_value: &str, mut on: impl FnMut(char, Option<OsString>) -> Result<()>) -> Result<Vec<OsString>> {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let mut words = words.iter();
    let mut operands = Vec::new();
    while let Some(word) = words.next() {
        let octets = word.as_bytes();
        if word == "--" {
            operands.extend(words.cloned());
            break;
        }
        if octets.len() < 2 || octets[0] != b'-' {
            operands.push(word.clone());
            continue;
        }
        let mut at = 1;
        while let Some(&letter) = octets.get(at) {
            let letter = char::from(letter);
            at += 1;
            if !with_value.contains(letter) {
                on(letter, None)?;
                continue;
            }
            let value = if at < octets.len() { Some(OsString::from_vec(octets[at..].to_vec())) } else { words.next().cloned() };
            let value = value.ok_or_else(|| wrong(format!("-{letter} needs a value")))?;
            on(letter, Some(value))?;
            break;
        }
    }
    Ok(operands)
}

/// The beginning of a translated command line.
fn send(form: &str) -> Vec<OsString> {
    ["mailx", "send", "--form", form].map(OsString::from).to_vec()
}

/// `--name=value`, whatever the value begins with.
fn assigned(name: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(name);
    word.push("=");
    word.push(value);
    word
}

fn wrong(what: impl Into<String>) -> Box<Error> {
    Error::new(Class::Usage, "read the command line", what)
}

#[cfg(test)]
mod tests;
