//! The one error that crosses module borders: what class of failure, how much to give up, who tries again, and the words.

use std::fmt;
use std::time::Duration;

/// The class of a failure: one stable word, also the `class` of the JSON. It alone decides the exit code (`cli/exit.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A bug in mailx.
    Internal,
    /// Wrong command line.
    Usage,
    /// Wrong configuration.
    Config,
    /// A message or other input is malformed.
    BadData,
    /// An input does not exist.
    NotFound,
    /// A safety stop: a person must decide.
    Guard,
    /// The server's certificate is not trusted.
    TlsVerify,
    /// TLS is required and not to be had.
    TlsRequired,
    /// Login refused, or no secret to log in with.
    Auth,
    /// The state or the Maildir failed a check.
    LocalCorrupt,
    /// Something cannot be created or written here (permission, read-only file system).
    LocalWrite,
    /// No space left.
    DiskFull,
    /// Another input-output error here.
    LocalIo,
    /// The server broke the protocol, or a limit.
    Protocol,
    /// Another run holds the lock.
    Locked,
    /// Name lookup, refused connection, connect time-out: before a connection stood.
    Unavailable,
    /// Connection lost, time-out, throttled: try again later.
    Temporary,
    /// Refused for good.
    Rejected,
    /// Done, but not all.
    Partial,
}

impl Class {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::BadData => "bad-data",
            Self::NotFound => "not-found",
            Self::Guard => "guard",
            Self::TlsVerify => "tls-verify",
            Self::TlsRequired => "tls-required",
            Self::Auth => "auth",
            Self::LocalCorrupt => "local-corrupt",
            Self::LocalWrite => "local-write",
            Self::DiskFull => "disk-full",
            Self::LocalIo => "local-io",
            Self::Protocol => "protocol",
            Self::Locked => "locked",
            Self::Unavailable => "unavailable",
            Self::Temporary => "temporary",
            Self::Rejected => "rejected",
            Self::Partial => "partial",
        }
    }

    /// Every class, for tables and tests.
    pub const ALL: [Self; 19] = [
        Self::Internal,
        Self::Usage,
        Self::Config,
        Self::BadData,
        Self::NotFound,
        Self::Guard,
        Self::TlsVerify,
        Self::TlsRequired,
        Self::Auth,
        Self::LocalCorrupt,
        Self::LocalWrite,
        Self::DiskFull,
        Self::LocalIo,
        Self::Protocol,
        Self::Locked,
        Self::Unavailable,
        Self::Temporary,
        Self::Rejected,
        Self::Partial,
    ];
}

/// How much the engine gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// This message.
    Message,
    /// This folder.
    Folder,
    /// This connection.
    Session,
    /// This account.
    Account,
}

/// Who tries again, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// At once, with a new connection.
    Now,
    /// After so long.
    After(Duration),
    /// The user must change something first.
    NeedsUser,
    /// Nobody: it will not get better.
    Never,
}

/// A failure with everything that a person needs: what was tried, what failed and why, what is safe, what to do next.
#[derive(Debug)]
pub struct Error {
    /// Class.
    pub class: Class,
    /// How much to give up.
    pub scope: Scope,
    /// Who tries again.
    pub fate: Fate,
    /// What was tried: `connect to imap.example.org:993`.
    pub tried: String,
    /// What failed, in one sentence; may quote the peer (not yet sanitised).
    pub failed: String,
    /// What is safe now; empty = nothing was changed.
    pub safe: Option<String>,
    /// What to do next, one hint a line.
    pub hints: Vec<String>,
    /// The cause.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The cause of an error of scope `Folder`: the server made the ids void while they were in use. The next run matches again.
#[derive(Debug, Clone, Copy)]
pub struct Renumbered;

impl fmt::Display for Renumbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("renumbered")
    }
}

impl std::error::Error for Renumbered {}

/// Result with the house error. Boxed: errors are rare and large, results are many.
pub type Result<T, E = Box<Error>> = std::result::Result<T, E>;

impl Error {
    /// An error of `class`; scope and fate are what the class usually means.
    pub fn new(class: Class, tried: impl Into<String>, failed: impl Into<String>) -> Box<Self> {
        let (scope, fate) = match class {
            Class::Temporary => (Scope::Session, Fate::Now),
            Class::Protocol => (Scope::Session, Fate::Never),
            Class::Partial | Class::Rejected | Class::BadData => (Scope::Message, Fate::Never),
            Class::Unavailable | Class::Locked => (Scope::Account, Fate::After(Duration::from_mins(1))),
            Class::Internal | Class::LocalCorrupt | Class::LocalIo => (Scope::Account, Fate::Never),
            _ => (Scope::Account, Fate::NeedsUser),
        };
        Box::new(Self { class, scope, fate, tried: tried.into(), failed: failed.into(), safe: None, hints: Vec::new(), source: None })
    }

    /// The same with another scope.
    #[must_use]
    pub fn scope(mut self: Box<Self>, scope: Scope) -> Box<Self> {
        self.scope = scope;
        self
    }

    /// The same with another fate.
    #[must_use]
    pub fn fate(mut self: Box<Self>, fate: Fate) -> Box<Self> {
        self.fate = fate;
        self
    }

    /// The same with what is safe.
    #[must_use]
    pub fn safe(mut self: Box<Self>, safe: impl Into<String>) -> Box<Self> {
        self.safe = Some(safe.into());
        self
    }

    /// The same with one more hint.
    #[must_use]
    pub fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hints.push(hint.into());
        self
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self: Box<Self>, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Box<Self> {
        self.source = Some(cause.into());
        self
    }

    /// Whether [`Renumbered`] is its cause.
    pub fn is_renumbered(&self) -> bool {
        self.source.as_ref().is_some_and(|cause| cause.is::<Renumbered>())
    }

    /// The same failure for another place that it costs; without its cause.
    #[must_use]
    pub fn copy(&self) -> Box<Self> {
        let mut copy = Self::new(self.class, self.tried.clone(), self.failed.clone()).scope(self.scope).fate(self.fate);
        copy.safe.clone_from(&self.safe);
        copy.hints.clone_from(&self.hints);
        copy
    }

    /// A failed system call on something local; the class follows from the error's kind.
    pub fn local(tried: impl Into<String>, cause: &std::io::Error) -> Box<Self> {
        use std::io::ErrorKind as K;
        let class = match cause.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Class::DiskFull,
            K::PermissionDenied | K::ReadOnlyFilesystem => Class::LocalWrite,
            _ if matches!(cause.raw_os_error(), Some(23 | 24)) => Class::LocalWrite, // ENFILE, EMFILE
            _ => Class::LocalIo,
        };
        let error = Self::new(class, tried, cause.to_string());
        match class {
            Class::DiskFull => error
                .safe("messages stored before stay; nothing half-written is left")
                .hint("free some space and run the same command again: it carries on where it stopped"),
            Class::LocalWrite => error.hint("check the owner and the permissions of the path"),
            _ => error,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.class.word(), self.tried, self.failed)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}
