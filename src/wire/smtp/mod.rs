//! SMTP and LMTP as bytes, the client's side (RFC 5321, 2033, 1870, 2920, 3207, 3461, 4954, 6531): replies in, small owned values out;
//! commands in, octets out; messages with their dots doubled.
//!
//! Nothing here opens a socket, keeps time or remembers a session. The session feeds a [`Framer`] from its read buffer, writes what
//! [`Command::encode`] returns, and sends messages through a [`Stuffer`].

mod command;
mod extensions;
mod reply;
mod stuffer;

pub use command::{Body, CANCEL, Command, sasl_line};
pub use extensions::Extensions;
pub use reply::{Framer, Reply, Severity};
pub use stuffer::Stuffer;

#[cfg(test)]
mod tests;

/// How much of a reply is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a line. RFC 5321 §4.5.3.1.5 allows 512.
    pub line: usize,
    /// Lines of a reply.
    pub lines: usize,
    /// Octets of a whole reply.
    pub octets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 8 << 10, lines: 64, octets: 8 << 10 }
    }
}

/// What the peer did that the protocol does not allow, or what we asked for that it cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A line is longer than [`Limits::line`].
    #[error("line too long")]
    LineTooLong,
    /// A reply has more lines than [`Limits::lines`], or more octets than [`Limits::octets`].
    #[error("reply without end")]
    ReplyTooLong,
    /// A line that does not begin with a code of three digits, from 200 to 599.
    #[error("malformed reply")]
    NoCode,
    /// The lines of one reply have different codes.
    #[error("reply with two codes")]
    TwoCodes,
    /// An argument that would end the line early or be taken for something else, or none where one must be.
    #[error("not expressible in a command: {0}")]
    Unencodable(&'static str),
    /// A message with a CR or LF that is not part of a line end CRLF: servers disagree on what it means (CVE-2023-51764).
    #[error("a line end that is not CRLF in the message")]
    BareLineEnd,
}
