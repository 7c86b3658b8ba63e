//! Protocol versions, and which one to speak.

use std::fmt;

/// A version of the protocol that mailx speaks, from the oldest to the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Exchange 2007 SP1. Errors are HTTP statuses, mail is sent as it is.
    V12_1,
    /// Exchange 2010. Errors are statuses in the body.
    V14_0,
    /// Exchange 2010 SP1. Device information is part of Provision.
    V14_1,
    /// Exchange 2016. Drafts are synced.
    V16_0,
    /// Exchange 2016, the only one that Exchange Online accepts.
    V16_1,
}

impl Version {
    /// All of them, the best one first.
    pub const ALL: [Self; 5] = [Self::V16_1, Self::V16_0, Self::V14_1, Self::V14_0, Self::V12_1];

    /// The text in headers: `14.1`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::V12_1 => "12.1",
            Self::V14_0 => "14.0",
            Self::V14_1 => "14.1",
            Self::V16_0 => "16.0",
            Self::V16_1 => "16.1",
        }
    }

    /// The octet in a base64 query (MS-ASHTTP 2.2.1.1.1.1).
    pub const fn code(self) -> u8 {
        match self {
            Self::V12_1 => 121,
            Self::V14_0 => 140,
            Self::V14_1 => 141,
            Self::V16_0 => 160,
            Self::V16_1 => 161,
        }
    }

    /// The version with this text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.text() == text)
    }

    /// The best of those that a server lists in `MS-ASProtocolVersions` (MS-ASHTTP 2.2.1.1.2.4), in any order; `None` when we speak
    /// none of them. Where the header is missing, what is known from before holds.
    pub fn best(header: &str) -> Option<Self> {
        header.split(',').filter_map(|text| Self::from_text(text.trim())).max()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
