//! The state: which message there is which file here, and where the last look ended. A commit is durable when it returns. Losing the
//! state loses no mail (it is rebuilt by identity), so nothing here is the only copy of anything.
//!
//! Each file here is one matter: what is asked and recorded of it (a trait), and how SQLite does it. All of them together are a
//! [`State`]. What the methods mean, `testing::state` says a second time, in plain collections; `tests/state.rs` compares the two.

mod agreed;
mod columns;
mod doubtful;
mod folders;
mod kept;
mod links;
mod matching;
mod news;
mod note;
mod release;
mod runs;
mod sqlite;
mod under_way;

use std::path::Path;

pub use agreed::{Agreed, Proof, Relocated, Standing, SyncRow, Taken};
pub use doubtful::{Doubtful, Doubts, Verdicts};
pub use folders::{ChooseDir, FolderRow, Folders};
pub use kept::{Inventory, Kept, Stock};
pub use links::{FileHere, Known, LinkId, Links, NewLink, Page, PendingLink, Stored};
pub use matching::{Digested, KeptName, Matching, Twin};
pub use news::{News, Sift};
pub use release::{Receipt, Releasable, Releases};
pub use runs::{LastRun, Runs};
pub use sqlite::SqliteOpener;
pub use under_way::{Arrival, Receipts, UnderWay};

use crate::model::Result;

/// The state of one account root. Blocking; used from blocking threads. Every method that records something is one transaction: all of
/// it is durable when the method returns, or an error says that nothing was recorded.
///
/// Rows come in the order of their ids, where nothing else is said; of several folders, folder by folder.
///
/// Folders are named by row ids of [`Folders::folders`], messages by [`LinkId`]s. Unknown ones are passed over, except
/// where nothing can be told or made without them: that is an error.
pub trait State: Links + Agreed + Sift + UnderWay + Releases + Doubts + Matching + Inventory + Folders + Runs + Send {}

/// What opening the state found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A state of ours.
    Good,
    /// None.
    Nothing,
    /// Something that is no sound state; it was moved aside under this name.
    Corrupt(String),
}

/// Opens states. `dir` is the directory of the state below a Maildir root.
pub trait Opener: Send + Sync {
    /// Opens or makes the state in `dir`. One that is damaged is moved aside and a new one made: then everything here is matched again.
    /// One of a newer mailx is refused and not touched. `network`: it lies on a network file system.
    fn open(&self, dir: &Path, network: bool) -> Result<(Box<dyn State>, Found)>;

    /// Opens an existing state for looking only; `None` when there is none. Changes nothing on disk.
    fn open_read_only(&self, dir: &Path) -> Result<Option<Box<dyn State>>>;

    /// A copy in memory of the state in `dir`, for rehearsals; empty when there is none.
    fn rehearse(&self, dir: &Path) -> Result<Box<dyn State>>;

    /// Remembers that the state in `dir` failed while it was in use: the next opening checks all of it.
    fn suspect(&self, dir: &Path);
}
