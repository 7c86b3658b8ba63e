//! WBXML as Exchange ActiveSync uses it (MS-ASWBXML on WBXML 1.3): octets in any chunks ↔ elements, texts and opaque data.
//!
//! Nothing here knows what an element means, opens a socket or collects a body. The session feeds a [`Reader`] from its read buffer
//! and builds requests with [`write()`]; the layer above gives both their meaning. The tokens of all code pages stand in
//! [`page`], generated from `codepages.tsv`.
//!
//! The subset: no attributes, no entities, no processing instructions, no extensions, no literal tags; these are errors. A string
//! table is read (servers send an empty one), never written. Tokens and pages that no table knows are skipped with all
//! that is in them, and noted by one [`Event::Skipped`]: servers add elements before clients hear of them.

mod reader;
mod tag;
mod tokens;
mod writer;

pub use reader::{Event, Reader};
pub use tag::Tag;
pub use tokens::page;
pub use writer::{Writer, write, write_around};

#[cfg(test)]
pub(in crate::wire) mod tests;

/// How much a peer may make us read and remember. Texts and opaque data are handed on in pieces and never collected here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a whole document.
    pub octets: u64,
    /// Octets of all texts and opaque data of one element.
    pub value: u64,
    /// Elements inside each other, the outermost one included.
    pub depth: usize,
    /// Elements of a document, skipped ones included.
    pub elements: u64,
    /// Changes of the code page in a document, redundant ones included.
    pub switches: u64,
    /// Octets of the string table.
    pub table: usize,
}

impl Default for Limits {
    /// A document holds a page of messages, each up to 1 GiB as MIME. Real ones nest 9 deep.
    fn default() -> Self {
        Self { octets: 16 << 30, value: (1 << 30) + (1 << 20), depth: 32, elements: 1 << 20, switches: 2 << 20, table: 4096 }
    }
}

/// What the peer did that WBXML or its ActiveSync subset does not allow, or what we asked for that it cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WbxmlError {
    /// The document is not of version 1.1 to 1.3. HTML starts with `<`, 0x3C.
    #[error("not WBXML: the first octet is {0:#04x}")]
    Version(u8),
    /// The character set (its MIBenum) is not UTF-8 (106).
    #[error("character set {0} instead of UTF-8")]
    Charset(u32),
    /// A multi-byte integer of more than 32 bits or 5 octets.
    #[error("malformed multi-byte integer")]
    Number,
    /// A token that ActiveSync does not use: an entity, a literal tag, a processing instruction, an extension.
    #[error("unexpected token {0:#04x}")]
    Token(u8),
    /// A tag with attributes.
    #[error("tag {0} with attributes")]
    Attributes(Tag),
    /// An index that is outside the string table, or a string there without an end.
    #[error("no such string in the string table")]
    StringTable,
    /// More than [`Limits::depth`] elements inside each other.
    #[error("elements nested too deeply")]
    TooDeep,
    /// More than [`Limits::elements`].
    #[error("too many elements")]
    TooManyElements,
    /// More than [`Limits::switches`].
    #[error("too many changes of the code page")]
    TooManySwitches,
    /// More than [`Limits::octets`], [`Limits::value`] or [`Limits::table`].
    #[error("{0} too long")]
    TooLong(&'static str),
    /// Octets after the end of the outermost element.
    #[error("octets after the end of the document")]
    Trailing,
    /// The input ended before the outermost element did.
    #[error("document cut short")]
    Truncated,
    /// A text with a NUL in it, which ends a string.
    #[error("text of {0} has a NUL")]
    Nul(Tag),
}
