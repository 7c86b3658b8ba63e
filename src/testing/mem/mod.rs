//! A mail server in memory: the executable meaning of the backend traits.
//!
//! [`MemServer`] is the account and its back door: tests arrange and observe through it, without the code under test.
//! [`MemBackend`] reaches it as the engine does, as a server of any [`Caps`] and [`Manners`]. What the caps deny must not be asked for:
//! whoever does gets an error of class `internal`, and [`MemServer::violations`] names it. Connections break where the test wants
//! ([`Fault`]). Nothing here sleeps or waits.

mod account;
mod apply;
mod changes;
mod fault;
mod place;
mod server;
mod session;
#[cfg(test)]
mod tests;

use std::num::NonZeroU16;

use async_trait::async_trait;

use crate::backend::{Backend, Ctx, Session};
use crate::model::caps::{Append, Changes, Deletes, FlagSupport, Folders, Identity, Keywords, Moves, Push};
use crate::model::{Caps, Error, Flags, Protocol, Result};

pub use account::Taking;
pub use fault::{Fault, Point};
pub use server::{Letter, MemServer};

/// The best server that there can be.
pub fn everything() -> Caps {
    let all = Flags::from_bits(63);
    Caps {
        sessions: NonZeroU16::MIN,
        folders: Folders::Tree,
        identity: Identity::Permanent,
        changes: Changes::Delta,
        flags: FlagSupport { pull: all, push: all, keywords: Keywords::Any },
        append: Append::Yes { tells_id: true },
        delete: Deletes { trash: true, now: true, may_keep: false },
        moves: Moves::Native { tells_id: true },
        push: Push::Poll { at_least: 0 },
        submit: false,
        admin: false,
    }
}

/// The least that there is: one folder, ids that hold for its epoch, messages that can be read and removed. Play it with
/// [`Manners::silent_removals`].
pub fn drop_box() -> Caps {
    Caps {
        folders: Folders::InboxOnly,
        identity: Identity::PerEpoch,
        changes: Changes::Whole,
        flags: FlagSupport { pull: Flags::NONE, push: Flags::NONE, keywords: Keywords::No },
        append: Append::No,
        delete: Deletes { trash: false, now: true, may_keep: false },
        moves: Moves::No,
        ..everything()
    }
}

/// What a folder listing tells, so that a quiet folder need not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarksOffered {
    /// Nothing.
    None,
    /// Whether messages were added.
    Additions,
    /// Whether anything changed.
    Everything,
}

/// How a server does what its caps leave open. Every combination keeps the promises of the traits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// Marks in the folder listing.
    pub marks: MarksOffered,
    /// A whole listing says `Kept` of a message whose flags are what they were; else it tells every message's flags again.
    pub kept: bool,
    /// News in one page of a listing, at most. Ids that do not stay are always listed in one page.
    pub page: usize,
    /// Orders that one call carries out, at most.
    pub orders_at_once: usize,
    /// Orders move the cursor, where nothing else happened meanwhile and every new id was told.
    pub orders_move_cursor: bool,
    /// A folder's handle is its path, and so is another one after a renaming.
    pub handle_is_path: bool,
    /// An order whose answer was lost is told as `Uncertain`; else the call fails, or ends before it.
    pub says_uncertain: bool,
    /// What was removed there is not told: absence means nothing.
    pub silent_removals: bool,
    /// Listings tell sizes.
    pub tells_sizes: bool,
    /// The keywords that a server with [`Keywords::Listed`] keeps.
    pub listed_keywords: &'static [&'static str],
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            marks: MarksOffered::Everything,
            kept: false,
            page: usize::MAX,
            orders_at_once: usize::MAX,
            orders_move_cursor: false,
            handle_is_path: true,
            says_uncertain: false,
            silent_removals: false,
            tells_sizes: true,
            listed_keywords: &[],
        }
    }
}

/// Reaches a [`MemServer`] with the abilities of `caps`.
#[derive(Debug, Clone)]
pub struct MemBackend {
    /// The account.
    pub server: MemServer,
    /// What it can do.
    pub caps: Caps,
    /// How it does it.
    pub manners: Manners,
    /// What it says that it speaks; decides nothing.
    pub protocol: Protocol,
}

#[async_trait]
impl Backend for MemBackend {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn ceiling(&self) -> Caps {
        self.caps
    }

    async fn open(&self, _: &Ctx) -> Result<Box<dyn Session>> {
        if let Some(class) = self.server.lock().refuses {
            return Err(Error::new(class, "log in", "it lets nobody in"));
        }
        Ok(Box::new(self.connect()))
    }
}
