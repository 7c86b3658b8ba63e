//! What happened on the server, what we ask of it, and what it answered.

use super::{Cursor, FlagState, Flags, FolderId, Mark, PermanentId, RemoteId};

/// What the engine needs to know of a folder. A backend may answer more than asked for, never less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Messages that were not there before. Enough for `fetch`.
    Additions,
    /// Additions, flag changes and removals.
    Everything,
}

/// A message as a listing tells it; no body. Of a message that was known before, only id and flags count: the rest may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id in the folder.
    pub id: RemoteId,
    /// Octets on the wire as announced. A hint only: servers lie.
    pub size: Option<u64>,
    /// The server's internal date, seconds since 1970.
    pub date: Option<i64>,
    /// Flags and keywords.
    pub flags: FlagState,
    /// The account-wide id, where the server has such.
    pub permanent: Option<PermanentId>,
}

/// One thing that happened in a folder since its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A message is there: new, or known with these flags now.
    Present(Listed),
    /// A message that was known, with some of its flags as they are now. Of one that was not known, this is all that is said.
    Changed {
        /// As it is now, as far as that is said.
        now: Listed,
        /// What of its flags is said; the others are as they were.
        said: Said,
    },
    /// A message that was known is there still; nothing else is said of it.
    Kept(RemoteId),
    /// A message that was there is not any more.
    Gone(RemoteId),
}

impl Change {
    /// The message that it is about.
    pub fn id(&self) -> &RemoteId {
        match self {
            Self::Present(listed) | Self::Changed { now: listed, .. } => &listed.id,
            Self::Kept(id) | Self::Gone(id) => id,
        }
    }
}

/// Which flags a server speaks of when it tells only what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Said {
    /// Of these flags it says whether they are set.
    pub flags: Flags,
    /// It names all keywords.
    pub keywords: bool,
}

impl Said {
    /// What a message has now that had `before`.
    #[must_use]
    pub fn over(self, before: &FlagState, now: FlagState) -> FlagState {
        FlagState {
            flags: before.flags.without(self.flags).either(now.flags.both(self.flags)),
            keywords: if self.keywords { now.keywords } else { before.keywords.clone() },
        }
    }
}

/// Whether a harvest tells everything or what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HarvestKind {
    /// Every message that was known at the cursor is in this page, or it is gone.
    Whole,
    /// Only what changed since the cursor.
    Delta,
}

/// The end of one page of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Harvest {
    /// Save it in one transaction with what the page brought.
    pub cursor: Cursor,
    /// What absence means.
    pub kind: HarvestKind,
    /// The old cursor is void (UIDVALIDITY, SyncKey or UIDL reset): ids of before mean nothing now.
    pub restarted: bool,
    /// Another page follows: save, and call again with the new cursor.
    pub more: bool,
    /// The listing contradicts the server's own counters: nothing may be concluded from absence.
    pub doubtful: bool,
    /// The server does not promise that ids stay: every look starts afresh, and nothing may be deleted by them.
    pub passing_ids: bool,
}

/// The marks of a folder at one moment; `None` where the server cannot tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// Equal: no message was added.
    pub additions: Option<Mark>,
    /// Equal: nothing changed at all.
    pub everything: Option<Mark>,
}

impl Marks {
    /// The mark that answers `need`.
    pub fn get(&self, need: Need) -> Option<&Mark> {
        match need {
            Need::Additions => self.additions.as_ref(),
            Need::Everything => self.everything.as_ref(),
        }
    }
}

/// What became of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server has made it durable. `id` is the message's id where the order sent it, when the server told.
    Done {
        /// Id at the destination.
        id: Option<RemoteId>,
    },
    /// It could only be moved there (a server without UIDPLUS); its new id when the server told.
    Moved {
        /// The folder it is in now.
        to: FolderId,
        /// Its id there.
        id: Option<RemoteId>,
    },
    /// Done, except for these flags, which the server cannot keep in this folder.
    Short(FlagState),
    /// The message is not there any more.
    Gone,
    /// The server does not list the message now, which does not say that it is gone: it may be listed again.
    Unlisted,
    /// There is no space for it, in the server's words: more of the kind will fare no better.
    NoRoom(String),
    /// The server will not do it, in its words (bounded, not yet sanitised).
    Refused(String),
    /// The answer was lost; only the next listing can tell.
    Uncertain,
}
