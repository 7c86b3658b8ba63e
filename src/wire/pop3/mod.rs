//! POP3 as bytes (RFC 1939, 2449, 2595, 3206, 5034, 6856): lines and multi-line bodies in, small owned values out; commands in, octets out.
//!
//! Nothing here opens a socket, keeps time or remembers a session. The session feeds a [`Framer`] from its read buffer, tells it which
//! answers have more than one line (only the command says so), and writes what [`Command::encode`] returns.

mod command;
mod framer;
mod listing;
mod reply;

pub use command::{CANCEL, Command, sasl_line};
pub use framer::{Framer, Piece};
pub use listing::{Capability, Uidl, parse_capability, parse_list, parse_stat, parse_uidl};
pub use reply::{Code, Reply, parse_continuation, parse_reply};

#[cfg(test)]
mod tests;

/// How much of a peer's line is kept in memory. Message bodies are streamed and not limited here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a status line. RFC 2449 §4 allows 512.
    pub line: usize,
    /// Octets of a line of a multi-line answer that is no message. RFC 1939 §7 allows 70 for a unique-id; servers send more.
    pub item: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 8 << 10, item: 128 << 10 }
    }
}

/// What the peer did that the protocol does not allow, or what we asked for that it cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A status line is longer than [`Limits::line`], or a line of a listing than [`Limits::item`].
    #[error("line too long")]
    LineTooLong,
    /// A status line that is neither `+OK` nor `-ERR`.
    #[error("malformed answer")]
    NoStatus,
    /// An answer or a line of a listing that is not what its command defines. Named by the command.
    #[error("malformed {0} answer")]
    Malformed(&'static str),
    /// An argument with CR, LF or NUL in it, or none where one must be.
    #[error("not expressible in a command: {0}")]
    Unencodable(&'static str),
}
