//! What a server can tell us, as small owned values.
//!
//! Numbers that servers use to say "nothing" (`UID 0`, `HIGHESTMODSEQ 0`, `UIDNEXT 0`) are absent here. Names of folders
//! are the octets of the wire; [`super::decode_name`] reads them.

use super::UidSet;

/// One response line.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// OK, NO, BAD, BYE or PREAUTH, tagged or not.
    Status(Status),
    /// `+`: the server waits for the rest of a command.
    Continue {
        /// The text decoded from base64, empty when it is none.
        data: Vec<u8>,
        /// The text as sent, lossy UTF-8.
        text: String,
    },
    /// CAPABILITY, upper case.
    Capability(Vec<String>),
    /// ENABLED (RFC 5161), upper case.
    Enabled(Vec<String>),
    /// LIST, LSUB or XLIST: one folder.
    List(ListItem),
    /// STATUS: the counters of one folder.
    MailboxStatus(MailboxStatus),
    /// SEARCH or SORT, in the server's order.
    Search {
        /// UIDs or sequence numbers, as asked.
        ids: Vec<u32>,
        /// Highest MODSEQ among them (RFC 7162 §3.1.5).
        mod_seq: Option<u64>,
    },
    /// ESEARCH (RFC 4731).
    Esearch(Esearch),
    /// EXISTS: messages in the selected folder.
    Exists(u32),
    /// RECENT.
    Recent(u32),
    /// EXPUNGE: the message with this sequence number is gone.
    Expunge(u32),
    /// VANISHED (RFC 7162 §3.2.10).
    Vanished {
        /// `(EARLIER)`: gone before this session.
        earlier: bool,
        /// The UIDs that are gone; may name UIDs that never were.
        uids: UidSet,
    },
    /// FETCH: data of one message.
    Fetch(Box<Fetch>),
    /// FLAGS: the flags the folder knows.
    Flags(Vec<String>),
    /// NAMESPACE (RFC 2342).
    Namespace(Namespace),
    /// QUOTA (RFC 2087).
    Quota {
        /// Name of the root.
        root: String,
        /// Name, usage and limit; STORAGE counts units of 1024 octets.
        resources: Vec<(String, u64, u64)>,
    },
    /// QUOTAROOT (RFC 2087).
    QuotaRoot {
        /// The folder asked about.
        mailbox: Vec<u8>,
        /// Its roots.
        roots: Vec<String>,
    },
    /// ID (RFC 2971).
    Id(Vec<(String, Option<String>)>),
    /// An untagged response we do not know: skipped, never fatal.
    Other,
}

/// A status response.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The tag of the command that ends here; `None` for `*`.
    pub tag: Option<Box<str>>,
    /// What happened.
    pub kind: StatusKind,
    /// The bracketed code.
    pub code: Option<Code>,
    /// The human text, lossy UTF-8, at most 1 KiB. May hold control characters: escape before showing.
    pub text: String,
}

/// The first line of a connection: OK, PREAUTH or BYE.
#[derive(Debug, Clone, PartialEq)]
pub struct Greeting {
    /// [`StatusKind::Ok`], [`StatusKind::PreAuth`] or [`StatusKind::Bye`].
    pub kind: StatusKind,
    /// The bracketed code, often CAPABILITY.
    pub code: Option<Code>,
    /// The human text, as in [`Status::text`].
    pub text: String,
}

/// The word of a status response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// Success.
    Ok,
    /// Refused or failed.
    No,
    /// Not understood.
    Bad,
    /// The server closes the connection.
    Bye,
    /// Greeting of a connection that is logged in already.
    PreAuth,
}

/// The bracketed code of a status response.
#[derive(Debug, Clone, PartialEq)]
pub enum Code {
    /// The text must be shown.
    Alert,
    /// Capabilities, upper case.
    Capability(Vec<String>),
    /// Flags that can be changed; `\*` allows new keywords.
    PermanentFlags(Vec<String>),
    /// The UID that the next message will get at least. Never 0.
    UidNext(u64),
    /// The epoch of the UIDs. 0 is passed on: it is a promise of nothing.
    UidValidity(u64),
    /// First unseen message; the number is of no use to us.
    Unseen,
    /// Highest mod-sequence of the folder (RFC 7162). Never 0.
    HighestModSeq(u64),
    /// The folder keeps no mod-sequences; also said by `HIGHESTMODSEQ 0`.
    NoModSeq,
    /// Selected for reading only.
    ReadOnly,
    /// Selected for reading and writing.
    ReadWrite,
    /// The target folder could be created.
    TryCreate,
    /// The previously selected folder is closed; what follows belongs to the next one.
    Closed,
    /// APPENDUID (RFC 4315).
    AppendUid {
        /// Epoch of the target folder.
        uid_validity: u32,
        /// UIDs given to the appended messages.
        uids: UidSet,
    },
    /// COPYUID (RFC 4315); the n-th UID of one set became the n-th of the other. Both ascend and are equally long,
    /// otherwise the code arrives as [`Code::Other`]: pairs are never guessed.
    CopyUid {
        /// Epoch of the target folder.
        uid_validity: u32,
        /// UIDs in the source folder.
        source: UidSet,
        /// UIDs in the target folder.
        destination: UidSet,
    },
    /// Compression is on already (RFC 4978).
    CompressionActive,
    /// Any other code, for instance AUTHENTICATIONFAILED, NONEXISTENT, OVERQUOTA.
    Other {
        /// Upper case.
        name: String,
        /// What follows the name, lossy UTF-8, at most 1 KiB.
        arg: String,
    },
}

/// Which command a folder line answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// LIST.
    List,
    /// LSUB.
    Lsub,
    /// XLIST, Gmail's forerunner of SPECIAL-USE.
    XList,
}

/// One folder of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListItem {
    /// LIST, LSUB or XLIST.
    pub kind: ListKind,
    /// `\Noselect`, `\Sent` and the like, as sent.
    pub attributes: Vec<String>,
    /// Hierarchy delimiter. `None` for NIL, and for one that is not a single printable ASCII octet: such a folder is flat.
    pub delimiter: Option<u8>,
    /// The name: octets of the wire, unquoted.
    pub name: Vec<u8>,
    /// The former name after a rename (OLDNAME, RFC 5465/9051).
    pub old_name: Option<Vec<u8>>,
}

/// The counters of one folder; absent when not sent, NIL or not a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailboxStatus {
    /// The folder's name: octets of the wire.
    pub name: Vec<u8>,
    /// MESSAGES.
    pub messages: Option<u64>,
    /// UIDNEXT, never 0.
    pub uid_next: Option<u64>,
    /// UIDVALIDITY.
    pub uid_validity: Option<u64>,
    /// UNSEEN.
    pub unseen: Option<u64>,
    /// HIGHESTMODSEQ, never 0.
    pub highest_mod_seq: Option<u64>,
    /// SIZE in octets.
    pub size: Option<u64>,
    /// DELETED: messages marked so.
    pub deleted: Option<u64>,
    /// MAILBOXID (RFC 8474).
    pub mailbox_id: Option<Box<str>>,
    /// APPENDLIMIT (RFC 7889): octets of a message that is appended, at most.
    pub append_limit: Option<u64>,
}

/// An ESEARCH answer; UIDs when `uid`, sequence numbers otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Esearch {
    /// Tag of the command it answers.
    pub tag: Option<Box<str>>,
    /// Whether the numbers are UIDs.
    pub uid: bool,
    /// ALL. Absent when nothing matched.
    pub all: Option<UidSet>,
    /// COUNT.
    pub count: Option<u64>,
    /// MIN.
    pub min: Option<u32>,
    /// MAX.
    pub max: Option<u32>,
    /// MODSEQ.
    pub mod_seq: Option<u64>,
}

/// Data of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetch {
    /// Sequence number; never used as a key.
    pub seq: u32,
    /// UID, never 0.
    pub uid: Option<u32>,
    /// FLAGS as sent. At most 64 beside the system flags; keywords over 64 octets are left out.
    pub flags: Option<Vec<String>>,
    /// How many flags were left out.
    pub flags_dropped: u32,
    /// INTERNALDATE in Unix seconds; `None` when absent or garbage.
    pub internal_date: Option<i64>,
    /// RFC822.SIZE in octets; `None` when absent or no number.
    pub size: Option<u64>,
    /// MODSEQ, never 0.
    pub mod_seq: Option<u64>,
    /// EMAILID (RFC 8474).
    pub email_id: Option<Box<str>>,
    /// X-GM-MSGID.
    pub gm_msgid: Option<u64>,
    /// Message data in the order sent.
    pub bodies: Vec<BodyItem>,
}

/// One `BODY[…]`, `BINARY[…]` or `RFC822…` item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyItem {
    /// The section in upper case: empty for the whole message, also for RFC822.
    pub section: String,
    /// Whether the item was BINARY (content decoded by the server).
    pub binary: bool,
    /// Origin octet of a partial body.
    pub origin: Option<u64>,
    /// Where the octets are.
    pub data: BodyData,
}

/// Where the octets of a body are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyData {
    /// The framer streamed them before this line. The session compares the number of streamed bodies with the number of
    /// these: a difference means that the line lies.
    Streamed,
    /// The server has none.
    Nil,
    /// They came as a quoted string.
    Inline(Vec<u8>),
}

/// Prefixes and delimiters (RFC 2342); names are octets of the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// The user's own.
    pub personal: Vec<(Vec<u8>, Option<u8>)>,
    /// Other users'.
    pub others: Vec<(Vec<u8>, Option<u8>)>,
    /// Shared by all.
    pub shared: Vec<(Vec<u8>, Option<u8>)>,
}
