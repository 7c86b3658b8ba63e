//! Bounds on what an IMAP server controls.

use std::time::Duration;

pub use crate::backend::limits::{GREETING, MESSAGE, WORK};

/// Octets of untagged answers to one command beside the bodies that were asked for.
pub const UNTAGGED: u64 = 64 << 20;
/// Folders of an account.
pub const FOLDERS: usize = 50_000;
/// A connection on which nothing happens is tried so often: below the five minutes after which the meanest NAT boxes forget it, and far below
/// the 29 that a server must bear (RFC 2177).
pub const HEARTBEAT: Duration = Duration::from_mins(4);
/// The same for whoever bears less silence: so many times that.
pub const HEARTBEAT_SILENCES: u32 = 4;
/// Notices that tell nothing new before a rest is taken from a server that has nothing else to do.
pub const IDLE_TALK: u32 = 100;
/// That rest.
pub const IDLE_TALK_REST: Duration = Duration::from_secs(1);
/// The same behind our DONE, before the line is given up.
pub const IDLE_LAST_WORDS: u32 = 10_000;
/// A server that ends IDLE by itself is asked for the next one so long after the last.
pub const IDLE_AGAIN: Duration = Duration::from_secs(5);
/// Messages of one page of a listing.
pub const PAGE: u64 = 5000;
/// Folders whose SELECT and listing are under way at once.
pub const FOLDERS_IN_FLIGHT: usize = 32;
/// Octets of the text of one UID set: servers bound the length of a command line (Dovecot 64 KiB, RFC 7162 §4 asks for 8192).
pub const SET_TEXT: usize = 4000;
/// Messages that one FETCH asks for.
pub const FETCH_MESSAGES: usize = 500;
/// Octets, as announced, that one FETCH asks for.
pub const FETCH_OCTETS: u64 = 16 << 20;
/// The same before the speed of the line is known.
pub const FIRST_FETCH_OCTETS: u64 = 1 << 20;
/// Assumed octets of a message whose size is not known.
pub const ASSUMED_OCTETS: u64 = 64 << 10;
/// FETCH commands under way at once.
pub const FETCHES_IN_FLIGHT: usize = 3;
/// A line slower than this, octets a second, is compressed. A server deflates at about 30 MB/s on a core, and less when it is busy: on
/// a faster line COMPRESS costs time.
pub const SLOW_LINE: u64 = 8 << 20;
/// Body octets after which the speed of the line is judged.
pub const JUDGE_AFTER: u64 = 768 << 10;
/// It must be worth it: at least so many octets to come.
pub const COMPRESS_FOR: u64 = 1 << 20;
/// Messages of one STORE and EXPUNGE.
pub const STORE_MESSAGES: usize = 1000;
/// Messages of a folder whose flags or ids are told at once, at most.
pub const KNOWN: u64 = 5_000_000;
/// Messages of a folder whose flags one FETCH asks for, by the counters: its answer stays far below [`UNTAGGED`].
pub const FLAGS_AT_ONCE: u64 = 200_000;
/// UIDs of a VANISHED that are told one by one; the ranges that are kept of one.
pub const VANISHED: u64 = 1_000_000;
/// Octets of a message that go out without asking, where the server lets them.
pub const UNASKED_MESSAGE: u64 = 2 << 20;
/// Octets of a message that are read before the server hears of it: a file that is gone costs nothing then.
pub const READ_AHEAD: u64 = 256 << 10;
/// Octets of messages that are appended and not answered yet.
pub const APPEND_OCTETS: u64 = 4 << 20;
/// Messages of one APPEND: one that is refused costs all of them a second one.
pub const APPEND_MESSAGES: usize = 64;
/// APPEND commands under way at once.
pub const APPENDS_IN_FLIGHT: usize = 16;
