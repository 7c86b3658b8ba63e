//! How long and how much.

use std::time::Duration;

/// Octets of the line that a secret may have. Tokens with many claims reach two thousand.
pub(super) const LINE_BYTES_MAX: usize = 4096;

/// Octets of a command's error output that an error quotes.
pub(super) const STDERR_BYTES_MAX: usize = 600;

/// Time limits of the sources.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a command: 30 s, in which a person can type a passphrase.
    pub command: Duration,
    /// For the keyring and for files: 5 s. A locked keyring never answers where nobody can unlock it, and a file may be on a
    /// file server that is gone.
    pub answer: Duration,
    /// How long an access token is remembered: long enough for the connections of a run, much shorter than the shortest life
    /// of a token.
    pub token: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { command: Duration::from_secs(30), answer: Duration::from_secs(5), token: Duration::from_mins(2) }
    }
}
