//! What an account speaks.

use std::fmt;

/// The protocol that a receiving account speaks; used for words and reports only, never for decisions of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// IMAP4rev1 or IMAP4rev2 (RFC 3501, RFC 9051).
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
    /// Exchange ActiveSync (MS-ASHTTP, MS-ASCMD).
    ActiveSync,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::ActiveSync => "eas",
        })
    }
}

/// What `fetch` does with the server's copy of a message that is durable here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterFetch {
    /// Keeps it.
    #[default]
    Keep,
    /// Removes it for good.
    Delete,
    /// Removes it for good once it has been here for so long.
    DeleteAfter(std::time::Duration),
}

/// How deletions by `sync` are carried out there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expunge {
    /// Move to the trash.
    #[default]
    Trash,
    /// For good.
    Now,
    /// Not at all.
    Never,
}

impl Expunge {
    /// The same where there is no trash to move to.
    #[must_use]
    pub fn without_trash(self) -> Self {
        if self == Self::Trash { Self::Now } else { self }
    }
}
