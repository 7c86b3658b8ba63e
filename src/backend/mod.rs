//! The border between the engine and the protocols.
//!
//! A [`Backend`] knows how to reach one account and what its protocol can do at best. It opens [`Session`]s: one authenticated
//! connection, used by one task. The engine knows a backend only by its [`Caps`]; it never asks who it is.
//!
//! Rules for every implementation:
//! - *Batch in, stream out*: methods take many items and report each as it is known; pipeline as the protocol can.
//! - *Done means done*: an outcome is reported when the server has made it durable, never before.
//! - *Reads may be retried by the caller, writes never*: a lost reply is [`Outcome::Uncertain`] or an error, and is settled by
//!   the journal and the next listing.
//! - After an error of scope `Session` or `Account` the session is dead: drop it.

mod auth;
pub mod eas;
mod header;
pub mod imap;
mod limits;
pub mod memory;
pub mod patient;
mod pipe;
pub mod pop3;
pub mod smtp;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::model::change::Marks;
use crate::model::quota::Quota;
use crate::model::{
    Caps, Change, Class, Credentials, Cursor, Envelope, Error, FlagState, FolderId, FolderPath, Harvest, Need, Observer, Outcome, Protocol,
    RemoteId, Result, Role, Verdict,
};
use crate::net::Meter;

pub use memory::Memory;

/// What a backend gets from outside, so that tests can own it.
#[derive(Clone)]
pub struct Ctx {
    /// Set by Ctrl-C, SIGTERM and `--max-duration`; read between steps.
    pub cancel: CancellationToken,
    /// Where the secret comes from.
    pub credentials: Arc<dyn Credentials>,
    /// Who hears of what happens.
    pub observer: Arc<dyn Observer>,
    /// Counts protocol octets and round trips of the account.
    pub meter: Arc<Meter>,
    /// Silence on the network that is borne.
    pub silence: Duration,
    /// Extensions that are treated as if the server did not offer them (capability names, upper case); for tests and quirks.
    pub disable: Arc<[String]>,
    /// What the backend remembers of the account.
    pub memory: Arc<dyn Memory>,
    /// Nothing may be changed, here or there: nothing that the server takes for received, either.
    pub rehearsal: bool,
}

impl Ctx {
    /// An error where the run was stopped, before the next message goes out.
    fn go_on(&self, tried: impl FnOnce() -> String) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(Class::Temporary, tried(), "the run was stopped before the next message was sent"));
        }
        Ok(())
    }
}

/// Reaches one account.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The protocol, for words and reports.
    fn protocol(&self) -> Protocol;

    /// What the protocol can do at best: feeds the matrix of the documentation.
    fn ceiling(&self) -> Caps;

    /// Dials, secures and logs in. One attempt: a refused login is never repeated.
    ///
    /// Errors: `unavailable` before a connection stood; `tls-verify`, `tls-required`, `auth`, `protocol`, `temporary` after.
    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Session>>;
}

/// A folder as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderInfo {
    /// Handle.
    pub id: FolderId,
    /// Decoded path.
    pub path: FolderPath,
    /// Special use.
    pub role: Option<Role>,
    /// Messages it holds, where the listing tells.
    pub messages: Option<u64>,
    /// Octets it holds, where the listing tells.
    pub octets: Option<u64>,
    /// Tokens for "nothing changed".
    pub marks: Marks,
}

/// A folder to look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookAt {
    /// Folder.
    pub folder: FolderId,
    /// Where the last look ended; `None` = from nothing.
    pub cursor: Option<Cursor>,
    /// How much must be known.
    pub need: Need,
}

/// Which bytes of a message are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The whole message, byte for byte as the server sends it.
    Whole,
    /// The header block, empty line included where there is one.
    Header,
}

/// A message whose bytes are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Id in the folder.
    pub id: RemoteId,
    /// Octets as announced by the listing; steers batches, is never trusted.
    pub size: Option<u64>,
}

/// Why a wanted message did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// The server does not have it any more.
    Gone,
    /// The server refused, in its words.
    Refused(String),
    /// Every connection ends where it should come; the last one's words. (Found by the engine.)
    Breaks(String),
    /// The server said OK and gave nothing.
    Unanswered,
    /// It is larger than the limit.
    TooLarge,
    /// The server does not list it any more, because it was asked for before; what may help, in words for people.
    Hidden(String),
}

/// Where bodies go. Async, so that a slow disk slows the socket.
///
/// A session calls `begin`, `chunk`…, then `end`, `end_short` or `cut`; bodies of one session never interleave. Every wanted message is ended
/// by exactly one `end`, `end_short` or `miss`, unless `fetch` returns an error or the run was cancelled meanwhile.
#[async_trait]
pub trait BodySink: Send {
    /// A body starts.
    async fn begin(&mut self) -> Result<()>;
    /// The next bytes of it.
    async fn chunk(&mut self, bytes: Bytes) -> Result<()>;
    /// It is complete, and it is that of `wanted[index]`.
    async fn end(&mut self, index: usize) -> Result<()>;
    /// The same, and it is shorter than was announced: it may be a part of the message. `odd`: announced sizes were right so far.
    async fn end_short(&mut self, index: usize, odd: bool) -> Result<()> {
        let _ = odd;
        self.end(index).await
    }
    /// It broke off, or nobody wanted it: forget it.
    async fn cut(&mut self) -> Result<()>;
    /// `wanted[index]` will not come.
    async fn miss(&mut self, index: usize, why: Missed) -> Result<()>;
}

/// A message on its way to the server: the bytes that go over the wire, read piece by piece.
#[async_trait]
pub trait Outgoing: Send + Sync + std::fmt::Debug {
    /// How many octets [`Outgoing::open`] will give.
    fn octets(&self) -> u64;

    /// Starts reading it from its beginning. May be called again.
    async fn open(&self) -> Result<Box<dyn Pieces>>;
}

/// The octets of one message in order.
#[async_trait]
pub trait Pieces: Send {
    /// The next piece; `None` after exactly [`Outgoing::octets`]. A file that does not have them any more is an error of scope
    /// `Message`: what was begun with it must not be completed.
    async fn next(&mut self) -> Result<Option<Bytes>>;
}

/// Something that is asked of the server about one message of a folder.
#[derive(Debug, Clone)]
pub enum Order {
    /// Remove the message for good; that one and no other.
    Delete {
        /// The message.
        id: RemoteId,
    },
    /// Set some flags and keywords, clear others, leave the rest as it is.
    SetFlags {
        /// The message.
        id: RemoteId,
        /// To set.
        add: FlagState,
        /// To clear.
        remove: FlagState,
    },
    /// Move the message to another folder, which is made if it is missing. Answered by [`Outcome::Moved`].
    ///
    /// A server that knows no such command copies, and the original is removed afterwards. Whatever would keep it from being removed is
    /// looked for first, and is [`Outcome::Refused`] without a copy. Where the removal fails all the same, the answer is `Moved`: the copy
    /// stands, and the order given again would make another one. The original is then listed like a message that just came, which is what
    /// it is: there are two of them. Where the line is lost between the two, the order is not answered, and both may be there.
    Move {
        /// The message.
        id: RemoteId,
        /// Where to.
        to: FolderId,
    },
    /// Put a new message into the folder. Answered by [`Outcome::Done`] with its id where the server tells it. Not idempotent: the caller
    /// has recorded its intent, and never repeats an order whose answer was lost before a listing from the cursor on has told.
    ///
    /// The folder's epoch is asked for before the first message of a call goes out, and an id is told only where it is of the cursor's.
    /// A folder that is missing is made; its messages have no ids then, because it is another epoch. A message that cannot be read is
    /// `Refused`; one that breaks off while it is sent, too, and costs the session, so that no half of it is stored.
    Append {
        /// Its bytes.
        message: Arc<dyn Outgoing>,
        /// Flags and keywords.
        flags: FlagState,
        /// Internal date, seconds since 1970.
        date: Option<i64>,
    },
}

impl Order {
    /// The message of the folder that the order is about; a new one has no id yet.
    pub fn id(&self) -> Option<&RemoteId> {
        match self {
            Self::Delete { id } | Self::SetFlags { id, .. } | Self::Move { id, .. } => Some(id),
            Self::Append { .. } => None,
        }
    }
}

/// Something that is asked of the server about a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderOrder {
    /// Make it, with what lies above it. One that is there already is fine.
    Create {
        /// Its path.
        path: FolderPath,
    },
    /// Give it another path; folders below it follow.
    Rename {
        /// The folder.
        id: FolderId,
        /// The new path.
        to: FolderPath,
    },
    /// Remove it if it holds no message; folders below it stay.
    Remove {
        /// The folder.
        id: FolderId,
    },
}

/// What became of a folder order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderOutcome {
    /// Done, or found done. [`Session::folders`] tells what is there now.
    Done,
    /// The server will not do it, in its words (bounded, not yet sanitised), or it holds mail.
    Refused(String),
}

/// What became of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// One for each of the first orders.
    pub outcomes: Vec<Outcome>,
    /// Where the folder stands now; `None` = orders do not move the cursor.
    pub cursor: Option<Cursor>,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Something changed there, or may have: a look at the folders tells.
    Changed,
    /// Nothing did: the time is up, or the wait was stopped. The server answered just now, so the session stands.
    Quiet,
}

/// One authenticated connection.
#[async_trait]
pub trait Session: Send {
    /// What this server can do, after login; never above the backend's ceiling.
    fn caps(&self) -> &Caps;

    /// What this session lists may be a portion of what is there: once that was fetched, another session may list more.
    fn lists_portions(&self) -> bool {
        false
    }

    /// Whether the message is not in what this session lists, where that does not say that it is gone: nothing can be asked about it now,
    /// and another session may list it again.
    fn misses(&self, id: &RemoteId) -> bool {
        let _ = id;
        false
    }

    /// Deletions come true with the end of the session, so that each call of [`Session::apply`] that has any costs another login: whoever
    /// has many gives all of them at once.
    fn deletes_at_once(&self) -> bool {
        false
    }

    /// What was asked for is not listed again, whether it arrived or not: each message must be durable before the next is asked for.
    fn hides_fetched(&self) -> bool {
        false
    }

    /// Whether a folder can be listed from nothing without a trace. Where it cannot, because the server keeps the account's bookmark and
    /// such a listing would void it, a check goes by what was told before.
    fn relists(&self) -> bool {
        true
    }

    /// Lists the folders that can hold mail, with marks where the server offers them, in as few round trips as it allows.
    /// Safe to call again.
    async fn folders(&mut self) -> Result<Vec<FolderInfo>>;

    /// The same with the octets of each folder, where the server can tell; may cost it some work.
    async fn folders_with_sizes(&mut self) -> Result<Vec<FolderInfo>> {
        self.folders().await
    }

    /// What the server says about space; empty where it says nothing.
    async fn quota(&mut self) -> Result<Vec<Quota>>;

    /// Tells what changed in many folders, one bounded page each, no bodies. `out` gets the index into `at` and the change; what
    /// it got for a folder counts only with that folder's `Harvest`. A folder that fails alone is an `Err` in its place.
    ///
    /// A cursor that the server no longer honours is not an error: the folder starts afresh, `Whole` and `restarted`. When its epoch ends
    /// once more meanwhile, that is an error with the cause [`Renumbered`](crate::model::Renumbered).
    async fn changes(&mut self, at: &[LookAt], out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Vec<Result<Harvest>>>;

    /// Streams the bytes of messages of one folder into `out`, in any order. `cursor` names the epoch that the ids belong to: when
    /// the server has another by now, an error with the cause [`Renumbered`](crate::model::Renumbered) is returned and nothing is delivered.
    async fn fetch(&mut self, folder: &FolderId, cursor: &Cursor, wanted: &[Want], part: Part, out: &mut dyn BodySink) -> Result<()>;

    /// Carries out orders in one folder and answers the first of them, in order: at least one, and all where the protocol can. The
    /// caller records outcomes and cursor in one transaction and calls again with the rest. `cursor` as in `fetch`. Where the line is
    /// lost after some were answered, those are told, and the next call fails.
    async fn apply(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Step>;

    /// Makes, renames and removes folders, in order; one outcome each. Safe to call again.
    async fn reshape(&mut self, orders: &[FolderOrder]) -> Result<Vec<FolderOutcome>>;

    /// Waits until something changed in the folders `at`, the one that matters most first, since this session listed the folders last;
    /// or until `until`; or until `stop` is set. How many of the folders it sees, [`Push`](crate::model::caps::Push) tells; a session that can
    /// only be polled waits and sees nothing. A server that takes back its promise to push is no error: the capabilities change.
    ///
    /// A line that died is found by its silence, within minutes, and is an error like any other. Dropping the future costs the session.
    async fn wait(&mut self, at: &[FolderId], until: Instant, stop: &CancellationToken) -> Result<Wake> {
        let _ = at;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(until) => {}
        }
        Ok(Wake::Quiet)
    }

    /// Ends the session politely, within a few seconds.
    async fn close(self: Box<Self>) -> Result<()>;
}

/// A message and its envelope, to be delivered.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its name: the same each time that it is handed over, and no other letter's; up to 40 letters, digits and hyphens.
    pub id: String,
    /// Who sends it and who gets it.
    pub envelope: Envelope,
    /// Its bytes: line ends are CRLF and nothing else.
    pub message: Arc<dyn Outgoing>,
    /// It has octets above 127.
    pub eight_bit: bool,
    /// Its header has.
    pub utf8: bool,
    /// The message that it answers, where that is known to be there.
    pub answers: Option<Answers>,
}

/// A message on a server that a letter answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// It is forwarded, not answered.
    pub forwards: bool,
    /// The folder that it is in.
    pub folder: FolderId,
    /// Its id there.
    pub id: RemoteId,
}

/// Takes note of letters while they are handed over, so that none is handed over twice.
#[async_trait]
pub trait Ledger: Send {
    /// `letters[n]` will be handed over: begins to record that, and does not wait for it.
    fn expect(&mut self, n: usize);
    /// Waits until that is durable. Only then may the octets go out that make the message whole. An error is about the letter, or about
    /// this machine; nothing more of the letter is sent.
    async fn expected(&mut self, n: usize) -> Result<()>;
    /// `letters[n]` is settled: one verdict for each recipient, in order.
    async fn settled(&mut self, n: usize, verdicts: Vec<Verdict>) -> Result<()>;
}

/// Where letters are handed over for delivery: one authenticated connection, or a program.
#[async_trait]
pub trait Submit: Send {
    /// Hands over letters, in order, as the protocol can.
    ///
    /// A letter is settled as soon as its answer is there, durable on the server. After an error, a letter that was not settled was not
    /// handed over: its end was never sent, and it may be tried again. One whose answer was lost is settled as uncertain before the error
    /// is returned. An error of scope `Message` (a message that cannot be read) costs that letter, and may cost the connection.
    async fn submit(&mut self, letters: &[Letter], ledger: &mut dyn Ledger) -> Result<()>;

    /// Ends politely, within a few seconds.
    async fn close(self: Box<Self>) -> Result<()>;
}

/// Reaches a place that takes letters.
#[async_trait]
pub trait Submission: Send + Sync {
    /// Dials, secures and logs in. One attempt: a refused login is never repeated. Errors as of [`Backend::open`].
    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Submit>>;
}
