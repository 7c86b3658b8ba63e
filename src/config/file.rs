//! Finds the configuration, reads it, and judges who else may touch or read it.

use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Config, draft, problem, resolve};
use crate::model::{Class, Error, Result};

/// Octets of a configuration. A larger file is not one.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the configuration needs to know about the process. It asks nobody itself, so that tests own the answers.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The home directory, for `~`.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, without `mailx`.
    pub config_dir: Option<PathBuf>,
    /// `$XDG_DATA_HOME`, without `mailx`.
    pub data_dir: Option<PathBuf>,
    /// The working directory: what relative paths on the command line start from.
    pub working_dir: PathBuf,
    /// The configuration of the machine, `/etc/mailx/config.toml`.
    pub system_file: PathBuf,
    /// Effective user, who must own what is read.
    pub uid: u32,
    /// `--allow-cleartext`: `tls = { mode = "none" }` may name other machines.
    pub allow_cleartext: bool,
}

impl Environment {
    /// `~` and `~/…` with the home directory; everything else unchanged.
    pub(super) fn expand(&self, text: &str) -> Result<PathBuf, String> {
        let Some(rest) = text.strip_prefix('~') else { return Ok(PathBuf::from(text)) };
        let rest = match rest.strip_prefix('/') {
            Some(rest) => rest,
            None if rest.is_empty() => "",
            None => return Err(format!("\"{text}\": only `~/` is expanded, not other people's homes")),
        };
        let home = self.home.as_ref().ok_or("`~` cannot be expanded: no home directory is known")?;
        Ok(if rest.is_empty() { home.clone() } else { home.join(rest) })
    }
}

impl Config {
    /// Reads `explicit` (`--config`, `$MAILX_CONFIG`), else the user's file, else the machine's. Without any the result is empty
    /// and knows where it looked.
    ///
    /// Every problem of the file is in the one error, of class `config`.
    pub fn load(explicit: Option<&Path>, environment: &Environment) -> Result<Self> {
        let candidates: Vec<PathBuf> = if let Some(path) = explicit {
            vec![environment.working_dir.join(path)]
        } else {
            let user = environment.config_dir.as_ref().map(|dir| dir.join("mailx").join("config.toml"));
            user.into_iter().chain([environment.system_file.clone()]).collect()
        };
        for path in &candidates {
            match read(path, environment.uid) {
                Ok((text, mode, owner)) => return Self::check(&text, path, (mode, owner), environment),
                Err(Unread::Missing) if explicit.is_none() => {}
                Err(Unread::Missing) => {
                    return Err(Error::new(Class::Config, tried(path), "the file does not exist")
                        .hint("--config and MAILX_CONFIG name the file itself, not its directory"));
                }
                Err(Unread::Wrong(error)) => return Err(error),
            }
        }
        Ok(Self { looked: candidates, ..Self::default() })
    }

    /// Checks `text`, as if it came from `path`, a file that only its owner can read.
    pub fn parse(text: &str, path: &Path, environment: &Environment) -> Result<Self> {
        Self::check(text, path, (0o600, environment.uid), environment)
    }

    fn check(text: &str, path: &Path, (mode, owner): (u32, u32), environment: &Environment) -> Result<Self> {
        let draft = draft::read(text, environment);
        // Before anything else is said about the file: excerpts of a file that others can read are no news to them, but the
        // advice to close it must not wait until the last typing error is gone.
        if draft.has_secret && (mode & 0o077 != 0 || owner != environment.uid) {
            let failed = if owner == environment.uid {
                format!("there is a secret in it, and others can read or change it (mode {:04o})", mode & 0o7777)
            } else {
                "there is a secret in it, and it belongs to another user".to_owned()
            };
            return Err(refused(path, failed)
                .hint("or keep the secret elsewhere: password = { keyring = true } or { command = \"…\" }")
                .hint("change the password if others may have read it"));
        }
        let mut problems = draft.problems.clone();
        let accounts = if draft.broken { Vec::new() } else { resolve::accounts(&draft, environment, &mut problems) };
        if !problems.is_empty() {
            return Err(problem::report(path, text, problems));
        }
        Ok(Self { file: Some(path.to_owned()), accounts, aliases: draft.aliases, looked: Vec::new() })
    }
}

enum Unread {
    Missing,
    Wrong(Box<Error>),
}

fn tried(path: &Path) -> String {
    format!("read the configuration {}", path.display())
}

fn refused(path: &Path, failed: impl Into<String>) -> Box<Error> {
    Error::new(Class::Config, tried(path), failed).hint(format!("chmod 600 {}", path.display()))
}

fn unread(path: &Path, cause: std::io::Error) -> Unread {
    match cause.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Unread::Missing,
        _ => Unread::Wrong(Error::new(Class::Config, tried(path), cause.to_string()).because(cause)),
    }
}

/// Text, mode and owner of the file. Judged is what was opened, not what the path names a moment later.
fn read(path: &Path, uid: u32) -> Result<(String, u32, u32), Unread> {
    let link = std::fs::symlink_metadata(path).map_err(|cause| unread(path, cause))?;
    let ours = |owner| owner == uid || owner == 0;
    if link.is_symlink() && !ours(link.uid()) {
        return Err(Unread::Wrong(Error::new(Class::Config, tried(path), "it is a link that belongs to another user")));
    }
    // Not blocking: a FIFO without a writer would wait for ever.
    let file =
        std::fs::OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32).open(path).map_err(|cause| {
            let dangling = link.is_symlink() && cause.kind() == ErrorKind::NotFound;
            if dangling { Unread::Wrong(Error::new(Class::Config, tried(path), "it is a link to nothing")) } else { unread(path, cause) }
        })?;
    let status = file.metadata().map_err(|cause| unread(path, cause))?;
    let wrong = |failed: &str| Unread::Wrong(Error::new(Class::Config, tried(path), failed));
    if !status.is_file() {
        return Err(wrong("it is not a regular file"));
    }
    if !ours(status.uid()) {
        return Err(wrong("it belongs to another user, who could change where your mail and passwords go"));
    }
    if status.mode() & 0o022 != 0 {
        let failed = format!("others can change it (mode {:04o}), and with it where your mail and passwords go", status.mode() & 0o7777);
        return Err(Unread::Wrong(refused(path, failed)));
    }
    let mut octets = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets).map_err(|cause| unread(path, cause))?;
    if octets.len() as u64 > FILE_BYTES_MAX {
        return Err(wrong("it is larger than 1 MiB: this is not a configuration"));
    }
    let text = String::from_utf8(octets).map_err(|cause| {
        let line = cause.as_bytes().iter().take(cause.utf8_error().valid_up_to()).filter(|octet| **octet == b'\n').count() + 1;
        wrong(&format!("{}:{line}: it is not UTF-8", path.display()))
    })?;
    Ok((text, status.mode(), status.uid()))
}

#[cfg(test)]
mod tests;
