//! What the server says it can do, and what that means for the engine.

use std::num::NonZeroU16;

use super::limits;
use crate::model::Flags;
use crate::model::caps::{Append, Caps, Changes, Deletes, FlagSupport, Folders, Identity, Keywords, Moves, Push};

/// What IMAP4rev2 contains (RFC 9051 appendix E).
const REV2: [&str; 12] = [
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "ENABLE",
    "UIDPLUS",
    "MOVE",
    "ESEARCH",
    "UNSELECT",
    "SASL-IR",
    "NAMESPACE",
    "LITERAL-",
    "STATUS=SIZE",
];

/// The capabilities of one server at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Capabilities {
    names: Vec<String>,
    known: bool,
}

impl Capabilities {
    /// `names` in upper case, less what is `disabled`.
    pub fn new(names: Vec<String>, disabled: &[String]) -> Self {
        let rev2_only = names.iter().any(|n| n == "IMAP4REV2") && !names.iter().any(|n| n == "IMAP4REV1");
        let mut names = names;
        if rev2_only {
            names.extend(REV2.iter().map(|n| (*n).to_owned()));
        }
        names.retain(|n| !disabled.contains(n));
        names.sort_unstable();
        names.dedup();
        Self { names, known: true }
    }

    /// Whether they were told at all.
    pub fn known(&self) -> bool {
        self.known
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.binary_search_by(|n| n.as_str().cmp(name)).is_ok()
    }

    /// Treats extensions as not offered from here on: they proved not to work.
    pub fn forget(&mut self, names: &[&str]) {
        tracing::debug!(?names, "offered, and not understood");
        self.names.retain(|n| !names.contains(&n.as_str()));
    }

    /// Only IMAP4rev2 is spoken: names are UTF-8 then.
    pub fn rev2_only(&self) -> bool {
        self.has("IMAP4REV2") && !self.has("IMAP4REV1")
    }

    /// The SASL mechanisms, and LOGIN where the command is not forbidden.
    pub fn mechanisms(&self) -> Vec<String> {
        let mut found: Vec<String> = self.names.iter().filter_map(|n| n.strip_prefix("AUTH=")).map(str::to_owned).collect();
        if !self.has("LOGINDISABLED") && !found.iter().any(|m| m == "LOGIN") {
            found.push("LOGIN".into());
        }
        found
    }

    /// For people.
    pub fn list(&self) -> String {
        self.names.join(" ")
    }

    /// Octets of a literal that may go out without asking (RFC 7888).
    pub fn literal_max(&self) -> usize {
        if self.has("LITERAL+") {
            64 << 10
        } else if self.has("LITERAL-") {
            4096
        } else {
            0
        }
    }

    /// The same for the octets of a message: more of them, because a message is worth a round trip, and not all, because a refusal of
    /// what needed no permission costs the whole message.
    pub fn message_max(&self) -> u64 {
        if self.has("LITERAL+") { limits::UNASKED_MESSAGE } else { self.literal_max() as u64 }
    }

    /// Octets of a message that is appended, at most (RFC 7889), where one limit holds for all folders.
    pub fn append_limit(&self) -> Option<u64> {
        self.names.iter().find_map(|name| name.strip_prefix("APPENDLIMIT=")?.parse().ok())
    }

    /// Whether folders keep mod-sequences (RFC 7162: QRESYNC contains CONDSTORE).
    pub fn mod_seqs(&self) -> bool {
        self.has("CONDSTORE") || self.has("QRESYNC")
    }

    /// In the engine's words.
    pub fn caps(&self, connections: NonZeroU16) -> Caps {
        let uidplus = self.has("UIDPLUS");
        Caps {
            identity: if self.has("OBJECTID") || self.has("X-GM-EXT-1") { Identity::Permanent } else { Identity::PerEpoch },
            changes: if self.mod_seqs() { Changes::Delta } else { Changes::Whole },
            append: Append::Yes { tells_id: uidplus },
            delete: Deletes { trash: true, now: uidplus, may_keep: false },
            moves: if self.has("MOVE") { Moves::Native { tells_id: uidplus } } else { Moves::CopyThenDelete },
            push: if self.has("NOTIFY") {
                Push::Folders { most: NonZeroU16::MAX }
            } else if self.has("IDLE") {
                Push::OneFolder
            } else {
                Push::Poll { at_least: 60 }
            },
            ..ceiling(connections)
        }
    }
}

/// The best that IMAP can do.
pub(super) fn ceiling(connections: NonZeroU16) -> Caps {
    let all = Flags::from_bits(63);
    Caps {
        sessions: connections,
        folders: Folders::Tree,
        identity: Identity::Permanent,
        changes: Changes::Delta,
        flags: FlagSupport { pull: all, push: all, keywords: Keywords::Any },
        append: Append::Yes { tells_id: true },
        delete: Deletes { trash: true, now: true, may_keep: false },
        moves: Moves::Native { tells_id: true },
        push: Push::Folders { most: NonZeroU16::MAX },
        submit: false,
        admin: false,
    }
}
