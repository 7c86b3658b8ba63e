//! Folders: the server's handle, our decoded path, and the special uses of RFC 6154.

use std::fmt;

/// The server's handle of a folder, as it goes over the wire (IMAP: the mailbox name in its wire encoding; ActiveSync: ServerId).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderId(pub Vec<u8>);

/// The decoded path of a folder: one string a level, no level empty. Levels may hold any character, `/` included; only
/// [`fmt::Display`] joins them with `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderPath(Vec<String>);

impl FolderPath {
    /// Makes a path of `levels`; empty levels are dropped, and a first level that spells INBOX in any case becomes `INBOX`
    /// (RFC 9051 §5.1). `None` when nothing is left.
    pub fn new(levels: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut levels: Vec<String> = levels.into_iter().filter(|l| !l.is_empty()).collect();
        let first = levels.first_mut()?;
        if first.eq_ignore_ascii_case("INBOX") {
            *first = "INBOX".into();
        }
        Some(Self(levels))
    }

    /// The INBOX.
    pub fn inbox() -> Self {
        Self(vec!["INBOX".into()])
    }

    /// The levels, outermost first; never empty.
    pub fn levels(&self) -> &[String] {
        &self.0
    }

    /// Whether this is the INBOX itself.
    pub fn is_inbox(&self) -> bool {
        self.0.len() == 1 && self.0[0] == "INBOX"
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// What means something in a pattern of folders; after a backslash it is only itself.
pub const SPECIAL: [char; 4] = ['*', '?', '\\', '!'];

/// The pattern that fits this path and no other one.
pub fn literal(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if SPECIAL.contains(&c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// The special use of a folder (RFC 6154; ActiveSync folder types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The INBOX.
    Inbox,
    /// `\All`: a view of every message.
    All,
    /// `\Archive`.
    Archive,
    /// `\Drafts`.
    Drafts,
    /// `\Flagged`: a view of the flagged messages.
    Flagged,
    /// `\Important` (RFC 8457).
    Important,
    /// `\Junk`.
    Junk,
    /// `\Sent`.
    Sent,
    /// `\Trash`.
    Trash,
}

impl Role {
    /// Every role with its attribute name, as configuration and LIST spell it.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Inbox, "\\Inbox"),
        (Self::All, "\\All"),
        (Self::Archive, "\\Archive"),
        (Self::Drafts, "\\Drafts"),
        (Self::Flagged, "\\Flagged"),
        (Self::Important, "\\Important"),
        (Self::Junk, "\\Junk"),
        (Self::Sent, "\\Sent"),
        (Self::Trash, "\\Trash"),
    ];

    /// The role that `attribute` (with its backslash, any case) names.
    pub fn from_attribute(attribute: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(attribute)).map(|(role, _)| *role)
    }

    /// The attribute name, backslash included.
    pub fn attribute(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }
}
