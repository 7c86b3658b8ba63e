//! What a server can do, as enums: "how" and "how well" have a place, and nonsense cannot be said.
//!
//! The engine decides by these alone; it never knows a protocol. `meet` gives the weaker of two, `gaps` the user's words.

use std::num::NonZeroU16;

use super::Flags;

/// Folders of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Folders {
    /// The INBOX and nothing else.
    InboxOnly,
    /// A tree that can be read but not changed.
    ReadOnly,
    /// A tree; folders can be created, renamed and removed.
    Tree,
}

/// How far a message id holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// No id that is sure: content decides. Nothing is removed there whose body was not read in the same session.
    ByContent,
    /// Until the epoch changes (UIDVALIDITY, collection reset).
    PerEpoch,
    /// For ever, in the whole account.
    Permanent,
}

/// What the server can tell about changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changes {
    /// Only the whole listing.
    Whole,
    /// What changed since a cursor.
    Delta,
}

/// Which keywords the server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keywords {
    /// None.
    No,
    /// Those it lists.
    Listed,
    /// Any (`\*` in PERMANENTFLAGS).
    Any,
}

/// Flags that travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagSupport {
    /// From the server to here.
    pub pull: Flags,
    /// From here to the server.
    pub push: Flags,
    /// Keywords, both ways.
    pub keywords: Keywords,
}

/// Uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Append {
    /// None.
    No,
    /// Into the drafts folder only.
    DraftsOnly,
    /// Anywhere.
    Yes {
        /// The answer names the new id.
        tells_id: bool,
    },
}

/// Ways to delete a message there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deletes {
    /// It can be moved to the trash.
    pub trash: bool,
    /// It can be removed for good, that message and no other.
    pub now: bool,
    /// What should be removed for good may be moved to the trash all the same, and nothing is said of it.
    pub may_keep: bool,
}

/// Moves between folders there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moves {
    /// None.
    No,
    /// By a copy and a deletion.
    CopyThenDelete,
    /// In one step.
    Native {
        /// The answer names the new id.
        tells_id: bool,
    },
}

/// News without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// None: ask again, not more often than this many seconds.
    Poll {
        /// Seconds between two looks, at least.
        at_least: u32,
    },
    /// One folder a connection.
    OneFolder,
    /// Up to so many folders on one connection.
    Folders {
        /// How many at most.
        most: NonZeroU16,
    },
}

impl Push {
    fn rank(self) -> (u8, u16) {
        match self {
            Self::Poll { .. } => (0, 0),
            Self::OneFolder => (1, 1),
            Self::Folders { most } => (2, most.get()),
        }
    }
}

/// Everything that a server declares that it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Connections that make sense at the same time.
    pub sessions: NonZeroU16,
    /// Folders.
    pub folders: Folders,
    /// Ids.
    pub identity: Identity,
    /// Changes.
    pub changes: Changes,
    /// Flags.
    pub flags: FlagSupport,
    /// Uploads.
    pub append: Append,
    /// Deletions.
    pub delete: Deletes,
    /// Moves.
    pub moves: Moves,
    /// Push.
    pub push: Push,
    /// Messages can be sent through a session.
    pub submit: bool,
    /// The server administers the device (policy, wipe).
    pub admin: bool,
}

/// Something that this server cannot do: a stable word for programs and a sentence for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gap {
    /// Stable word, as in the JSON's `unsupported`.
    pub word: &'static str,
    /// The sentence.
    pub text: &'static str,
}

impl Caps {
    /// The weaker of two in every respect.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            sessions: self.sessions.min(other.sessions),
            folders: self.folders.min(other.folders),
            identity: self.identity.min(other.identity),
            changes: self.changes.min(other.changes),
            flags: FlagSupport {
                pull: self.flags.pull.both(other.flags.pull),
                push: self.flags.push.both(other.flags.push),
                keywords: self.flags.keywords.min(other.flags.keywords),
            },
            append: self.append.min(other.append),
            delete: Deletes {
                trash: self.delete.trash && other.delete.trash,
                now: self.delete.now && other.delete.now,
                may_keep: self.delete.may_keep || other.delete.may_keep,
            },
            moves: self.moves.min(other.moves),
            push: if self.push.rank() <= other.push.rank() { self.push } else { other.push },
            submit: self.submit && other.submit,
            admin: self.admin && other.admin,
        }
    }

    /// What is missing, in the user's words; the same words in the README's matrix, `account show` and the JSON.
    pub fn gaps(&self) -> Vec<Gap> {
        let all = Flags::from_bits(63);
        let missing = [
            self.folders == Folders::InboxOnly,
            self.folders == Folders::ReadOnly,
            self.flags.pull.is_empty(),
            self.flags.push != all,
            self.flags.keywords == Keywords::No,
            self.append == Append::No,
            self.append == Append::DraftsOnly,
            !self.delete.now,
            !self.delete.trash,
            self.moves == Moves::No,
            matches!(self.push, Push::Poll { .. }),
        ];
        GAPS.into_iter().zip(missing).filter_map(|(gap, missing)| missing.then_some(gap)).collect()
    }
}

/// Every gap that there can be, in the order in which [`Caps::gaps`] looks for them.
const GAPS: [Gap; 11] = [
    Gap { word: "folders", text: "the server has only an INBOX; other folders stay here" },
    Gap { word: "folder-changes", text: "folders cannot be created, renamed or removed there" },
    Gap { word: "flags-pull", text: "the server knows no flags" },
    Gap { word: "flags-push", text: "flags set here stay here, wholly or in part" },
    Gap { word: "keywords", text: "keywords stay here" },
    Gap { word: "append", text: "new files stay here" },
    Gap { word: "append", text: "new files stay here, drafts excepted" },
    Gap { word: "delete-now", text: "messages cannot be removed for good there one by one" },
    Gap { word: "delete-trash", text: "the server has no trash" },
    Gap { word: "moves", text: "moves stay here" },
    Gap { word: "push", text: "the server cannot push; it is polled" },
];

/// Limits of a run that a server gives no ground for, whatever else it can do.
const LIMITS: [Gap; 2] = [
    Gap {
        word: "since",
        text: "nothing tells the dates of some messages: they come whatever --since says, and none of them is removed there",
    },
    Gap { word: "max-size", text: "the server does not tell the sizes of some messages: they come whatever --max-size says" },
];

/// The sentence of a gap's word.
pub fn gap_text(word: &str) -> &'static str {
    GAPS.iter().chain(&LIMITS).find(|gap| gap.word == word).map_or("the server cannot do it", |gap| gap.text)
}
