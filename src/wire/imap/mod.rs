//! IMAP as bytes: lines and literals in, small owned values out; commands in, octets out.
//!
//! Nothing here opens a socket, keeps time or knows a folder's history. The session feeds a [`Framer`] from its read
//! buffer, hands every [`Piece::Line`] to [`decode`], and writes what [`Command::encode`] returns.
//!
//! Who decodes what, and why it is not one library for all (dependencies.md §1 has the measurements):
//!
//! - **Status lines, CAPABILITY, FLAGS, FETCH, LIST, STATUS, ESEARCH, VANISHED** are read here, on one tolerant cursor. A tagged line
//!   that a strict decoder refuses would leave a command without an end, and a refused FETCH or LIST loses a message or a
//!   folder: for these a second opinion must exist anyway, so two library conversions in front of it would be code without
//!   effect. FETCH is also the hot path: 100,000 lines in a listing.
//! - **Everything else** (SEARCH, EXISTS and its kin, NAMESPACE, QUOTA, ID) goes to imap-codec first and to
//!   imap-proto for what that refuses.
//! - imap-codec also judges our own decoders and our command encoder in the tests.

mod command;
mod cursor;
mod date;
mod decode;
mod encode;
mod fetch;
mod framer;
mod library;
mod list;
mod mutf7;
mod response;
mod status;
mod uidset;

pub use command::{Appended, Command, ListReturn, Secret, SelectWith, StoreKind, Uids};
pub use decode::{decode, decode_greeting};
pub use encode::{CANCEL, DONE, Encoded, Part, TagMaker, sasl_line};
pub use framer::{Framer, Piece};
pub use mutf7::{NameError, decode_name, encode_name};
pub use response::{
    BodyData, BodyItem, Code, Esearch, Fetch, Greeting, ListItem, ListKind, MailboxStatus, Namespace, Response, Status, StatusKind,
};
pub use uidset::UidSet;

#[cfg(test)]
mod tests;

/// How much of a peer's line is kept in memory. Message bodies are streamed and not limited here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one response outside its literals.
    pub line: usize,
    /// Octets of all literals of one response that are not message data.
    pub inline: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 1 << 20, inline: 1 << 20 }
    }
}

/// Parentheses deeper than this are an attack (`BODYSTRUCTURE ((((…`), counted, never recursed into.
pub(crate) const MAX_DEPTH: usize = 64;

/// What the peer did that the protocol does not allow, or what we asked for that it cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The size of a literal is no number, or none that 64 bits hold.
    #[error("malformed literal size")]
    Literal,
    /// The line outside its literals is longer than [`Limits::line`].
    #[error("response line too long")]
    LineTooLong,
    /// Literals that are not message data exceed [`Limits::inline`].
    #[error("literal too long")]
    LiteralTooLong,
    /// NUL or another control character outside a literal.
    #[error("control character in a protocol line")]
    Control,
    /// More than 64 levels of parentheses.
    #[error("response nested too deeply")]
    Nesting,
    /// A response whose keyword we know, but not what follows. Named by the keyword.
    #[error("malformed {0} response")]
    Malformed(&'static str),
    /// An argument of a command that no IMAP string can carry (CR, LF or NUL; a flag that is no atom).
    #[error("not expressible in a command: {0}")]
    Unencodable(&'static str),
}

impl WireError {
    /// Whether the framer has lost the boundary between responses. Otherwise the next line can still be read, and the
    /// session decides how much to give up.
    pub fn is_framing(self) -> bool {
        matches!(self, Self::Literal | Self::LineTooLong | Self::LiteralTooLong)
    }
}
