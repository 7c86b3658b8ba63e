//! `fetch`: server → Maildir. Never changes or deletes what is here.

use std::time::Duration;

use crate::model::AfterFetch;

/// What a fetch may and must do.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Folder patterns: the account's, then those of `--folder`; `!` excludes. Decoded paths with `/`; `*` crosses `/`, `?` is one
    /// character, `[` is literal, `\Junk` names a special use.
    pub folders: Vec<String>,
    /// Plan only; change nothing at all.
    pub dry_run: bool,
    /// Leave out what is older (server's internal date, seconds since 1970).
    pub since: Option<i64>,
    /// Leave out what is larger (octets as announced).
    pub max_size: Option<u64>,
    /// Download so many messages at most in this run.
    pub limit: Option<u64>,
    /// What becomes of the server's copies.
    pub after_fetch: AfterFetch,
    /// Connections at most.
    pub connections: std::num::NonZeroU16,
    /// End in good order after so long.
    pub max_duration: Option<Duration>,
}
