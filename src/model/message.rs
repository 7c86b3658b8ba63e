//! Names of a message: there, here, and what makes two copies the same mail.

use std::fmt;

/// The server's id of a message, unique within a folder and its epoch (IMAP: UID in decimal; POP3: UIDL; ActiveSync: ServerId).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemoteId(pub Box<str>);

impl fmt::Display for RemoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A Maildir base name (maildir(5)): what stands before `:2,`. It carries no state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalName(pub Box<str>);

impl fmt::Display for LocalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An id that the server promises never to reuse in the whole account, the same for every copy (EMAILID of RFC 8474, X-GM-MSGID).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PermanentId(pub Box<str>);

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
