//! The URL form: an account without any configuration.

use std::path::PathBuf;

use super::resolve::{CONNECTIONS, KEEP_DELETED, default_root, idle};
use super::{Account, Argv, Auth, Environment, Expunge, Layout, Route, SaveSent, SecretSource, Tls, url, values};
use crate::model::{AfterFetch, Class, Error, Result};

/// What the command line gives instead of a configuration.
#[derive(Debug, Clone, Default)]
pub struct UrlForm {
    /// `imaps://user@host[:port][/folder]`.
    pub url: String,
    /// The Maildir root; without it one in the data directory.
    pub root: Option<PathBuf>,
    /// `--password-command`, for `sh -c`.
    pub password_command: Option<String>,
    /// `--ca`.
    pub ca: Option<PathBuf>,
    /// `--pin`.
    pub pin: Option<String>,
}

impl Account {
    /// An account out of a URL, named `user@host`. Errors have class `usage`: this is the command line.
    pub fn from_url(form: &UrlForm, environment: &Environment) -> Result<Self> {
        // The URL itself is not repeated: somebody may have put a password into it.
        let usage = |what: &str, said: String| Error::new(Class::Usage, format!("read the {what}"), said);
        let remote = url::receive(&form.url, None).map_err(|said| usage("URL", said))?;
        // A user that is an address already names the server's domain well enough; the host keeps two of them apart.
        let name = format!("{}@{}", remote.user, remote.host);
        let pin = form.pin.as_deref().map(values::pin).transpose().map_err(|said| usage("option --pin", said))?;
        let absolute = |what: &str, path: &PathBuf| match path.to_str() {
            // `~` in quotes reaches us unexpanded; a directory of that name is never meant.
            Some(text) => environment.expand(text).map(|path| environment.working_dir.join(path)).map_err(|said| usage(what, said)),
            None => Ok(environment.working_dir.join(path)),
        };
        let maildir = match &form.root {
            Some(root) => absolute("directory", root)?,
            None => default_root(environment, &directory(&name)).map_err(|said| usage("directory", said))?,
        };
        let ca = form.ca.as_ref().map(|path| absolute("option --ca", path)).transpose()?;
        if form.password_command.as_ref().is_some_and(|command| command.trim().is_empty()) {
            return Err(usage("option --password-command", "the command is empty".to_owned()));
        }
        Ok(Self {
            address: Some(remote.user.clone()).filter(|user| values::address(user).is_ok()),
            folders: vec![url::named_folder(&remote).unwrap_or_else(|| "*".to_owned())],
            idle: idle(),
            password: form.password_command.clone().map_or(SecretSource::Ask, |command| SecretSource::Command(Argv::Shell(command))),
            tls: Tls { ca, pin, ..Tls::default() },
            receive: Some(remote),
            name,
            maildir,
            send: None,
            layout: Layout::Fs,
            after_fetch: AfterFetch::Keep,
            expunge: Expunge::Trash,
            keep_deleted: KEEP_DELETED,
            mirror_deletions: false,
            remote_wipe: None,
            auth: Auth::Password,
            sasl: None,
            route: Route::Direct,
            connections: CONNECTIONS,
            save_sent: SaveSent::Auto,
            identities: Vec::new(),
            exec: None,
        })
    }
}

/// The name as one directory: whatever is not plain is percent-encoded, so that two names never share one and none leaves the
/// data directory.
fn directory(name: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(name.len());
    for (index, octet) in name.bytes().enumerate() {
        let plain = octet.is_ascii_alphanumeric() || matches!(octet, b'@' | b'_' | b'-' | b'+') || (octet == b'.' && index > 0);
        if plain {
            out.push(octet.into());
        } else {
            let _ = write!(out, "%{octet:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
