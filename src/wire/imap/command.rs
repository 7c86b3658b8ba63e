//! What we ask of a server.
//!
//! Hand-written text around strings that imap-types has checked and classified: half of these commands (LIST … RETURN,
//! UID SEARCH RETURN, STATUS MAILBOXID, ENABLE of new names) have no type in imap-codec, and one way of writing is
//! simpler than two. The tests decode every command it knows with imap-codec's server side.

use std::fmt;

use super::encode::{Encoded, Writer};
use super::{UidSet, WireError, date};

/// A command without its tag. Folder names are octets of the wire.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// CAPABILITY.
    Capability,
    /// NOOP.
    Noop,
    /// LOGOUT.
    Logout,
    /// STARTTLS.
    StartTls,
    /// ID (RFC 2971); empty says NIL.
    Id(&'a [(&'a str, &'a str)]),
    /// ENABLE (RFC 5161).
    Enable(&'a [&'a str]),
    /// LOGIN.
    Login {
        /// User name.
        user: &'a str,
        /// Password.
        secret: Secret<'a>,
    },
    /// AUTHENTICATE (RFC 4422, SASL-IR of RFC 4959). Later answers: [`super::sasl_line`].
    Authenticate {
        /// Name of the mechanism.
        mechanism: &'a str,
        /// Initial response, not yet base64; only where the server has SASL-IR.
        initial: Option<Secret<'a>>,
    },
    /// LIST.
    List {
        /// Reference, usually empty.
        reference: &'a [u8],
        /// Pattern with `*` and `%`.
        pattern: &'a [u8],
        /// RETURN options (RFC 5258, 6154, 5819).
        returns: ListReturn<'a>,
    },
    /// NAMESPACE (RFC 2342).
    Namespace,
    /// GETQUOTAROOT (RFC 2087).
    GetQuotaRoot(&'a [u8]),
    /// SELECT, or EXAMINE for reading only.
    Select {
        /// The folder.
        mailbox: &'a [u8],
        /// EXAMINE.
        read_only: bool,
        /// CONDSTORE or QRESYNC.
        with: SelectWith<'a>,
    },
    /// STATUS with the names of items.
    Status {
        /// The folder.
        mailbox: &'a [u8],
        /// For instance `["MESSAGES", "UIDNEXT"]`.
        items: &'a [&'a str],
    },
    /// CREATE.
    Create(&'a [u8]),
    /// DELETE.
    Delete(&'a [u8]),
    /// RENAME.
    Rename(&'a [u8], &'a [u8]),
    /// SUBSCRIBE.
    Subscribe(&'a [u8]),
    /// UNSUBSCRIBE.
    Unsubscribe(&'a [u8]),
    /// APPEND; of several messages only where the server has MULTIAPPEND (RFC 3502). The octets come later: [`super::Part::Message`].
    Append {
        /// The folder.
        mailbox: &'a [u8],
        /// One or more.
        messages: &'a [Appended<'a>],
    },
    /// UNSELECT (RFC 3691).
    Unselect,
    /// CLOSE: also expunges, unless selected for reading only.
    Close,
    /// UID FETCH.
    UidFetch {
        /// Which messages.
        uids: Uids<'a>,
        /// Items and modifiers as text: `(UID FLAGS) (CHANGEDSINCE 9)`.
        items: &'a str,
    },
    /// UID SEARCH.
    UidSearch {
        /// RETURN options such as `["ALL", "COUNT"]` (RFC 4731); empty for the plain form.
        returns: &'a [&'a str],
        /// Criteria as text: `1:* UNDELETED`.
        criteria: &'a str,
    },
    /// UID STORE, always `.SILENT`.
    UidStore {
        /// Which messages.
        uids: &'a UidSet,
        /// Add or remove.
        kind: StoreKind,
        /// Flags; each `\Name` or an atom.
        flags: &'a [&'a str],
    },
    /// UID EXPUNGE (RFC 4315).
    UidExpunge(&'a UidSet),
    /// EXPUNGE.
    Expunge,
    /// UID MOVE (RFC 6851).
    UidMove(&'a UidSet, &'a [u8]),
    /// UID COPY.
    UidCopy(&'a UidSet, &'a [u8]),
    /// COMPRESS DEFLATE (RFC 4978).
    Compress,
    /// IDLE (RFC 2177); ends with [`super::DONE`].
    Idle,
    /// NOTIFY SET (RFC 5465); what is notified of, as text: `STATUS (PERSONAL (MessageNew MessageExpunge))`.
    NotifySet(&'a str),
}

/// What APPEND says of a message.
#[derive(Debug, Clone, Copy)]
pub struct Appended<'a> {
    /// Flags; each `\Name` or an atom.
    pub flags: &'a [&'a str],
    /// Internal date, seconds since 1970; one that no date of the protocol can say is left out.
    pub date: Option<i64>,
    /// Octets of the message.
    pub octets: u64,
}

/// Octets that never reach a debug print. (imap-types' own type shows them in debug builds.)
#[derive(Clone, Copy)]
pub struct Secret<'a>(pub &'a [u8]);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// RETURN options of LIST; none gives the plain command that every server knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListReturn<'a> {
    /// SPECIAL-USE.
    pub special_use: bool,
    /// SUBSCRIBED.
    pub subscribed: bool,
    /// STATUS of each folder: one round trip for all counters. Empty for none.
    pub status: &'a [&'a str],
}

/// Parameters of SELECT.
#[derive(Debug, Clone, Copy, Default)]
pub enum SelectWith<'a> {
    /// None.
    #[default]
    Nothing,
    /// CONDSTORE.
    CondStore,
    /// QRESYNC (RFC 7162 §3.2.5).
    QResync {
        /// Epoch that we know.
        uid_validity: u32,
        /// Mod-sequence that we know.
        mod_seq: u64,
        /// UIDs that we know; `None` for all.
        known: Option<&'a UidSet>,
    },
}

/// How STORE changes flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// `+FLAGS`.
    Add,
    /// `-FLAGS`.
    Remove,
}

/// Which UIDs a FETCH is about.
#[derive(Debug, Clone, Copy)]
pub enum Uids<'a> {
    /// These.
    Set(&'a UidSet),
    /// This one and all above: `n:*`. The server also answers with its last message when that is below `n`.
    From(u32),
}

impl<'a> From<&'a UidSet> for Uids<'a> {
    fn from(set: &'a UidSet) -> Self {
        Self::Set(set)
    }
}

impl fmt::Display for Uids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(set) => set.fmt(f),
            Self::From(first) => write!(f, "{}:*", (*first).max(1)),
        }
    }
}

impl Command<'_> {
    /// Writes the command. Fails on what no IMAP string can carry: a name with CR, LF or NUL, an empty set, a flag that
    /// is no atom. Literals wait for the server; see [`Encoded::without_waiting`].
    pub fn encode(&self, tag: &str) -> Result<Encoded, WireError> {
        let mut out = Writer::new();
        out.text(tag)?.text(" ")?;
        self.write(&mut out)?;
        Ok(out.finish())
    }

    fn write(&self, out: &mut Writer) -> Result<(), WireError> {
        match *self {
            Self::Capability => out.text("CAPABILITY")?,
            Self::Noop => out.text("NOOP")?,
            Self::Logout => out.text("LOGOUT")?,
            Self::StartTls => out.text("STARTTLS")?,
            Self::Namespace => out.text("NAMESPACE")?,
            Self::Unselect => out.text("UNSELECT")?,
            Self::Close => out.text("CLOSE")?,
            Self::Expunge => out.text("EXPUNGE")?,
            Self::Compress => out.text("COMPRESS DEFLATE")?,
            Self::Idle => out.text("IDLE")?,
            Self::NotifySet(what) => out.text("NOTIFY SET ")?.text(what)?,
            Self::Id(pairs) => return write_id(out, pairs),
            Self::Enable(names) => out.text("ENABLE ")?.words(names)?,
            Self::Login { user, secret } => out.text("LOGIN ")?.string(user.as_bytes())?.text(" ")?.string(secret.0)?,
            Self::Authenticate { mechanism, initial } => {
                out.text("AUTHENTICATE ")?.text(mechanism)?;
                if let Some(Secret(initial)) = initial {
                    out.text(" ")?.base64(initial);
                }
                out
            }
            Self::List { reference, pattern, returns } => {
                out.text("LIST ")?.string(reference)?.text(" ")?.string(pattern)?;
                return write_returns(out, returns);
            }
            Self::GetQuotaRoot(mailbox) => out.text("GETQUOTAROOT ")?.string(mailbox)?,
            Self::Select { mailbox, read_only, with } => {
                out.text(if read_only { "EXAMINE " } else { "SELECT " })?.string(mailbox)?;
                return write_select(out, with);
            }
            Self::Status { mailbox, items } => out.text("STATUS ")?.string(mailbox)?.text(" (")?.words(items)?.text(")")?,
            Self::Create(mailbox) => out.text("CREATE ")?.string(mailbox)?,
            Self::Delete(mailbox) => out.text("DELETE ")?.string(mailbox)?,
            Self::Rename(from, to) => out.text("RENAME ")?.string(from)?.text(" ")?.string(to)?,
            Self::Subscribe(mailbox) => out.text("SUBSCRIBE ")?.string(mailbox)?,
            Self::Unsubscribe(mailbox) => out.text("UNSUBSCRIBE ")?.string(mailbox)?,
            Self::Append { mailbox, messages } => {
                out.text("APPEND ")?.string(mailbox)?;
                return write_messages(out, messages);
            }
            Self::UidFetch { uids, items } => {
                if let Uids::Set(set) = uids {
                    not_empty(set)?;
                }
                out.text(&format!("UID FETCH {uids} "))?.text(items)?
            }
            Self::UidSearch { returns, criteria } => {
                out.text("UID SEARCH ")?;
                if !returns.is_empty() {
                    out.text("RETURN (")?.words(returns)?.text(") ")?;
                }
                out.text(criteria)?
            }
            Self::UidStore { uids, kind, flags } => {
                return write_store(out, not_empty(uids)?, kind, flags);
            }
            Self::UidExpunge(uids) => out.text(&format!("UID EXPUNGE {}", not_empty(uids)?))?,
            Self::UidMove(uids, mailbox) => out.text(&format!("UID MOVE {} ", not_empty(uids)?))?.string(mailbox)?,
            Self::UidCopy(uids, mailbox) => out.text(&format!("UID COPY {} ", not_empty(uids)?))?.string(mailbox)?,
        };
        Ok(())
    }
}

fn not_empty(uids: &UidSet) -> Result<&UidSet, WireError> {
    if uids.is_empty() { Err(WireError::Unencodable("empty set")) } else { Ok(uids) }
}

fn write_id(out: &mut Writer, pairs: &[(&str, &str)]) -> Result<(), WireError> {
    out.text("ID ")?;
    if pairs.is_empty() {
        out.text("NIL")?;
        return Ok(());
    }
    for (index, (key, value)) in pairs.iter().enumerate() {
        out.text(if index == 0 { "(" } else { " " })?.string(key.as_bytes())?.text(" ")?.string(value.as_bytes())?;
    }
    out.text(")")?;
    Ok(())
}

fn write_returns(out: &mut Writer, returns: ListReturn<'_>) -> Result<(), WireError> {
    let mut words: Vec<String> = Vec::new();
    if returns.special_use {
        words.push("SPECIAL-USE".into());
    }
    if returns.subscribed {
        words.push("SUBSCRIBED".into());
    }
    if !returns.status.is_empty() {
        words.push(format!("STATUS ({})", returns.status.join(" ")));
    }
    if !words.is_empty() {
        out.text(" RETURN (")?.text(&words.join(" "))?.text(")")?;
    }
    Ok(())
}

fn write_select(out: &mut Writer, with: SelectWith<'_>) -> Result<(), WireError> {
    match with {
        SelectWith::Nothing => {}
        SelectWith::CondStore => {
            out.text(" (CONDSTORE)")?;
        }
        SelectWith::QResync { uid_validity, mod_seq, known } => {
            let known = known.filter(|known| !known.is_empty()).map(|known| format!(" {known}")).unwrap_or_default();
            out.text(&format!(" (QRESYNC ({uid_validity} {mod_seq}{known}))"))?;
        }
    }
    Ok(())
}

fn write_store(out: &mut Writer, uids: &UidSet, kind: StoreKind, flags: &[&str]) -> Result<(), WireError> {
    out.text(&format!("UID STORE {uids} "))?;
    let sign = match kind {
        StoreKind::Add => "+",
        StoreKind::Remove => "-",
    };
    out.text(sign)?.text("FLAGS.SILENT (")?.flags(flags)?.text(")")?;
    Ok(())
}

fn write_messages(out: &mut Writer, messages: &[Appended<'_>]) -> Result<(), WireError> {
    if messages.is_empty() {
        return Err(WireError::Unencodable("no message"));
    }
    for (index, message) in messages.iter().enumerate() {
        if !message.flags.is_empty() {
            out.text(" (")?.flags(message.flags)?.text(")")?;
        }
        if let Some(date) = message.date.and_then(date::format) {
            out.text(&format!(" \"{date}\""))?;
        }
        out.text(" ")?.message(index, message.octets);
    }
    Ok(())
}
