//! Facts in the past tense, with numbers and ids; words, bars and JSON are the command line's.

use super::{Class, FolderPath, RemoteId};

/// One step of reaching a server, as `account test` tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The secret was found.
    Secret,
    /// Name lookup.
    Lookup,
    /// TCP connection.
    Connect,
    /// TLS handshake and certificate.
    Tls,
    /// The server's greeting.
    Greeting,
    /// What the server says it can do.
    Capabilities,
    /// Authentication.
    Login,
    /// Folder list.
    Folders,
    /// The place that takes mail to be sent.
    Submission,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// A step of reaching the server was done; `detail` is for people (not yet sanitised).
    Reached {
        /// Which step.
        step: Step,
        /// What was found.
        detail: &'a str,
    },
    /// An alert that the server wants shown (RFC 9051 §7.1 ALERT; not yet sanitised, bounded).
    Alert(&'a str),
    /// Folders that take part in the run are known.
    FoldersFound(usize),
    /// Folders are being listed from nothing, which takes several answers. Told only where [`Observer::watches`].
    Listing {
        /// Messages so far, of all folders.
        listed: u64,
        /// About how many there will be.
        of: u64,
    },
    /// A folder was planned.
    FolderPlanned {
        /// Folder.
        folder: &'a FolderPath,
        /// Messages whose bodies are to be read.
        downloads: u64,
        /// Their octets, as announced.
        bytes: u64,
    },
    /// Octets of bodies came in.
    BodyBytes {
        /// Folder.
        folder: &'a FolderPath,
        /// Octets.
        bytes: u64,
    },
    /// Messages became durable here.
    Delivered {
        /// Folder.
        folder: &'a FolderPath,
        /// How many.
        count: u64,
    },
    /// A message was left out.
    Skipped {
        /// Folder.
        folder: &'a FolderPath,
        /// Its id there.
        id: &'a RemoteId,
        /// Why (not yet sanitised).
        why: &'a str,
    },
    /// Ids were void and messages were matched again.
    Rematched {
        /// Folder.
        folder: &'a FolderPath,
        /// Messages found here again.
        matched: u64,
        /// Messages new here.
        new: u64,
        /// Files here that the server does not have.
        local_only: u64,
        /// True when a foreign Maildir or lost state was the reason, false when the server renumbered.
        adopted: bool,
    },
    /// Server copies were removed after a durable download.
    Released {
        /// Folder.
        folder: &'a FolderPath,
        /// How many.
        count: u64,
    },
    /// A folder is done.
    FolderDone {
        /// Folder.
        folder: &'a FolderPath,
    },
    /// The connection was lost or refused; a new one is tried.
    Retried {
        /// Class of what happened.
        class: Class,
        /// What happened (not yet sanitised).
        why: &'a str,
    },
    /// Compression was switched on because the line is slow; octets a second measured.
    Compressed(u64),
    /// Something that a person should know and that is no failure (not yet sanitised).
    Note(&'a str),
    /// Something of a folder cannot be had of this server; told once, until it can.
    Gap {
        /// Folder.
        folder: &'a FolderPath,
        /// The gap's word (`model::caps`).
        word: &'static str,
    },
}

/// Receives events, from any task or thread; must not block.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn on(&self, event: &Event<'_>);

    /// Whether somebody watches how far it is: only then is a server asked how much there will be, where that costs a round trip.
    fn watches(&self) -> bool {
        false
    }
}

/// Drops every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _: &Event<'_>) {}
}
