//! Bounds on what a server controls.

use std::time::Duration;

/// Octets of an answer that is held whole: the folder list is the longest.
pub const ANSWER: u64 = 16 << 20;
/// Octets of an answer with messages in it.
pub const BODIES: u64 = 16 << 30;
/// Octets of an answer that lists messages without their bodies.
pub const LISTING: u64 = 256 << 20;
/// Octets of the document in an answer of several parts.
pub const DOCUMENT: u64 = 4 << 20;
/// Messages of all folders in one page; servers send no more than 512 of one folder.
pub const PAGE: usize = 512;
/// Pages in a row that bring nothing and say that there is more; a few are allowed.
pub const EMPTY_PAGES: u32 = 50;
/// Pages in a row that tell of the same messages and say that there is more.
pub const SAME_PAGES: u32 = 2;
/// Of one folder at least, however many are asked for together.
pub const WINDOW: usize = 25;
/// Messages whose bodies are asked for at once (100 by the standard), and their octets as announced.
pub const BATCH: usize = 100;
/// See [`BATCH`].
pub const BATCH_OCTETS: u64 = 16 << 20;
/// Messages in a row that the web server refuses before it is taken to refuse all.
pub const REFUSED: u32 = 5;
/// Changes in one request (200 by the standard).
pub const COMMANDS: usize = 100;
/// Moves in one request (1,000 by the standard).
pub const MOVES: usize = 100;
/// Rounds of one FolderSync; a server that always has more ends here.
pub const ROUNDS: usize = 100;
/// Folders that are remembered.
pub const FOLDERS: usize = 50_000;
/// Redirects to other hosts in one session.
pub const HOPS: u32 = 3;
/// Octets of a draft that is sent: it is held whole.
pub const DRAFT: u64 = 32 << 20;
/// Cookies that are kept, and octets of each.
pub const COOKIES: usize = 20;
/// See [`COOKIES`].
pub const COOKIE: usize = 4096;
/// The pauses before a request is sent once more, where the server names none.
pub const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(8)];
/// The longest pause that the server may ask for within a run; a longer one ends the run.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Octets of the header of a message that is sent.
pub const HEADER: usize = 2 << 20;
