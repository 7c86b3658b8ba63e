//! Files that hold a secret, and the credentials that systemd hands over.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::limits::{LINE_BYTES_MAX, Limits};
use super::thread::{self, NoAnswer};
use super::{first_line, missing, tried};
use crate::model::{Class, Error, Result, SecretString};

/// The first line of `path`, which must be a regular file of ours or root's, and nobody else's to read.
pub(super) async fn read(account: &str, path: PathBuf, limits: &Limits) -> Result<SecretString> {
    let owned = account.to_owned();
    let shown = path.display().to_string();
    let answer = thread::within("file", limits.answer, move || read_now(&owned, &path)).await;
    answer.unwrap_or_else(|none| {
        Err(match none {
            NoAnswer::Late => missing(account, format!("{shown} could not be read within {} s", limits.answer.as_secs())),
            NoAnswer::Failed(why) => missing(account, format!("{shown} could not be read: {why}")),
        })
    })
}

/// The credential `name`.
pub(super) async fn credential(account: &str, name: &str, limits: &Limits) -> Result<SecretString> {
    if matches!(name, "" | "." | "..") || name.contains('/') {
        return Err(Error::new(Class::Config, tried(account), "the name of a credential has no `/`"));
    }
    let Some(directory) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
        return Err(missing(account, format!("credential {name}: CREDENTIALS_DIRECTORY is not set"))
            .hint(format!("systemd sets it for a unit with LoadCredential={name}:/path or LoadCredentialEncrypted=")));
    };
    read(account, Path::new(&directory).join(name), limits).await
}

fn read_now(account: &str, path: &Path) -> Result<SecretString> {
    let shown = path.display();
    let unreadable = |cause: std::io::Error| missing(account, format!("{shown} cannot be read: {cause}"));
    let config = |failed: String| Error::new(Class::Config, tried(account), failed);
    // Not blocking: a FIFO without a writer would wait for ever.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(unreadable)?;
    // What was opened is judged, not what the path names a moment later.
    let status = file.metadata().map_err(unreadable)?;
    if !status.is_file() {
        return Err(config(format!("{shown} is not a regular file")));
    }
    if status.uid() != 0 && status.uid() != rustix::process::geteuid().as_raw() {
        return Err(config(format!("{shown} belongs to another user")));
    }
    if status.mode() & 0o077 != 0 {
        return Err(config(format!("{shown} can be read or changed by others (mode {:04o})", status.mode() & 0o7777))
            .hint(format!("chmod 600 {shown}"))
            .hint("change the password if others may have read it"));
    }
    // Room for all at once: a buffer that grows leaves copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX + 64));
    file.take(LINE_BYTES_MAX as u64 + 3).read_to_end(&mut octets).map_err(unreadable)?;
    first_line(&octets).map_err(|what| missing(account, format!("{shown} {what}")))
}
