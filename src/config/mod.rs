//! What the user wrote, checked and resolved: every path expanded, every default filled in. No network, no secrets.
//!
//! Low to high: `file` finds and reads the bytes and judges who may touch them, `draft` turns keys into typed values (each
//! with its place in the file), `resolve` merges `[defaults]`, checks what belongs together and fills in the rest.
//! `form` is the other way in: an account made from a URL on the command line. The environment comes from outside.

mod draft;
mod file;
mod form;
mod nearest;
mod pick;
mod problem;
mod resolve;
mod table;
mod url;
mod values;

#[cfg(test)]
mod tests;

pub use file::Environment;
pub use form::UrlForm;
pub use nearest::nearest;

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::model::Expunge;
use crate::model::account::AfterFetch;
use crate::model::{ExposeSecret, Protocol, SecretString};

/// The whole configuration.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The file it came from; `None` without one (URL form).
    pub file: Option<PathBuf>,
    /// Accounts in the order of the file.
    pub accounts: Vec<Account>,
    /// Short names for addresses.
    pub aliases: BTreeMap<String, String>,
    /// Where a file was looked for, when there is none: for the words of the error.
    pub looked: Vec<PathBuf>,
}

/// One account, ready to use.
#[derive(Debug, Clone)]
pub struct Account {
    /// Configured name.
    pub name: String,
    /// The user's address.
    pub address: Option<String>,
    /// Where mail comes from.
    pub receive: Option<Remote>,
    /// Where mail goes.
    pub send: Option<Outgoing>,
    /// The Maildir root, absolute.
    pub maildir: PathBuf,
    /// How folders lie in it.
    pub layout: Layout,
    /// Folder patterns; `!` excludes.
    pub folders: Vec<String>,
    /// Patterns of the folders that `watch` listens to where the server tells of one a connection; the first pattern's come first.
    pub idle: Vec<String>,
    /// What `fetch` does with the server's copy.
    pub after_fetch: AfterFetch,
    /// How `sync` deletes there.
    pub expunge: Expunge,
    /// How long what the server deleted is kept.
    pub keep_deleted: Duration,
    /// POP3: absence is a deletion.
    pub mirror_deletions: bool,
    /// What a wipe order may do.
    pub remote_wipe: Option<RemoteWipe>,
    /// Kind of secret.
    pub auth: Auth,
    /// Forced SASL mechanism; `None` = the strongest.
    pub sasl: Option<String>,
    /// Where the secret is.
    pub password: SecretSource,
    /// TLS.
    pub tls: Tls,
    /// Way to the server.
    pub route: Route,
    /// Connections at most.
    pub connections: NonZeroU16,
    /// Whether sent mail is copied to Sent.
    pub save_sent: SaveSent,
    /// Other addresses of the user.
    pub identities: Vec<String>,
    /// Command after a run that changed something.
    pub exec: Option<String>,
}

impl Account {
    /// Whether mail can be sent by it: as `send` says, or by the account itself.
    pub fn sends(&self) -> bool {
        self.send.is_some() || self.sends_itself()
    }

    /// Whether mail goes out by the account that it comes in by.
    pub fn sends_itself(&self) -> bool {
        self.send.is_none() && self.receive.as_ref().is_some_and(|receive| receive.protocol == Protocol::ActiveSync)
    }
}

/// A receiving server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Protocol.
    pub protocol: Protocol,
    /// True for `imap://` and `pop3://`: TLS by STARTTLS/STLS. False: implicit TLS.
    pub starttls: bool,
    /// User name to log in with.
    pub user: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// IMAP: the one folder that the URL names; ActiveSync: path of the endpoint.
    pub path: Option<String>,
}

/// A sending server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// SMTP submission.
    Smtp {
        /// True for `smtp://`.
        starttls: bool,
        /// User name.
        user: Option<String>,
        /// Host.
        host: String,
        /// Port.
        port: u16,
    },
    /// LMTP delivery, TLS by STARTTLS, no login.
    Lmtp {
        /// Host.
        host: String,
        /// Port.
        port: u16,
    },
    /// A socket of this machine: neither TLS nor login.
    Socket {
        /// Its path.
        path: PathBuf,
        /// LMTP is spoken there, not SMTP.
        lmtp: bool,
    },
    /// A sendmail-like command.
    Command(Argv),
}

/// A command: one string for `sh -c`, or a list to be executed without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argv {
    /// For `sh -c`.
    Shell(String),
    /// Program and arguments; never empty.
    Exec(Vec<String>),
}

/// How folders lie below the root (design: "Local store").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `Archive/2024/{cur,new,tmp}`.
    Fs,
    /// `.Archive.2024/{cur,new,tmp}`, INBOX at the root.
    MaildirPlusPlus,
}

/// Answer to a remote wipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteWipe {
    /// Delete what came from that account.
    Obey,
    /// Delete nothing, give up access.
    Refuse,
}

/// Kind of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// A password.
    Password,
    /// An OAuth 2 access token.
    OAuth2,
}

/// Whether sent mail is copied to Sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveSent {
    /// Unless the server does it itself.
    Auto,
    /// Always.
    Yes,
    /// Never.
    No,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The system's keyring (Secret Service).
    Keyring,
    /// First line of a command's output.
    Command(Argv),
    /// First line of a file that only its owner can read.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential (`$CREDENTIALS_DIRECTORY`).
    Credential(String),
    /// `MAILX_PASSWORD` if set, else asked on a terminal: the URL form without a configuration.
    Ask,
    /// The password itself, written into a file that only its owner can read.
    Inline(Inline),
}

/// A secret written into the configuration. Its debug output hides it.
#[derive(Debug, Clone)]
pub struct Inline(pub SecretString);

impl PartialEq for Inline {
    fn eq(&self, other: &Self) -> bool {
        // Both sides come from the user's own file: time tells nobody anything.
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Inline {}

/// TLS settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// `mode = "none"`: clear text.
    pub clear: bool,
    /// More trusted roots, PEM.
    pub ca: Option<PathBuf>,
    /// SHA-256 of the certificate or its public key.
    pub pin: Option<[u8; 32]>,
    /// Client certificate, PEM.
    pub cert: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// Whose roots.
    pub roots: Roots,
}

/// Whose roots are trusted beside `ca`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Roots {
    /// Those compiled in.
    Webpki,
    /// The system's.
    System,
    /// Those compiled in, then the system's.
    #[default]
    Both,
}

/// Way to the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Route {
    /// TCP.
    #[default]
    Direct,
    /// Through a proxy, `socks5://…` or `http://…`, checked.
    Proxy(String),
    /// Through a command's standard input and output; never empty.
    Tunnel(Vec<String>),
}
