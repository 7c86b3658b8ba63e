//! The request. The order of a collection's elements is the schema's; another one is answered with status 4.

use super::super::{EasError, Version};
use crate::wire::wbxml::{Writer, page::AirSync as A, page::AirSyncBase as B, page::Email as E, write};

/// The most changes that one request may carry (MS-ASCMD 3.1.5.9).
const MOST_COMMANDS: usize = 200;
/// Messages of one page, at most.
const MOST_WINDOW: u16 = 512;
/// What Outlook writes; servers want one with an active flag.
const FLAG_TYPE: &str = "for Follow Up";

/// One folder of a request.
#[derive(Debug, Clone)]
pub struct SyncCollection<'a> {
    /// CollectionId.
    pub folder: &'a str,
    /// Its key. With `0` nothing but a first key is asked for: window, options and commands have to wait, and are not written.
    pub key: &'a str,
    /// How many changes from there are wanted in this page, 1 to 512; `None` only sends ours.
    pub window: Option<u16>,
    /// Which messages there are for us.
    pub filter: Filter,
    /// How bodies come with new messages.
    pub body: BodyWanted,
    /// Whether deleted messages go to Deleted Items, or for good.
    pub deletes_as_moves: bool,
    /// Our changes; 200 in all folders of a request.
    pub commands: &'a [SyncCommand<'a>],
}

/// The age of the messages that a folder is synced with (MS-ASCMD 2.2.3.68.2). What falls out of it is told as a soft deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All messages.
    All = 0,
    /// Of the last day.
    OneDay = 1,
    /// Of the last three days.
    ThreeDays = 2,
    /// Of the last week.
    OneWeek = 3,
    /// Of the last two weeks.
    TwoWeeks = 4,
    /// Of the last month.
    OneMonth = 5,
}

/// How bodies come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyWanted {
    /// Not at all: for a listing.
    Nothing,
    /// As MIME, whole.
    WholeMime,
}

/// A change that we made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncCommand<'a> {
    /// A new draft, from 16.0 on and in the folder for drafts only.
    AddDraft {
        /// Ours, up to 64 characters; the answer names it.
        client_id: &'a str,
        /// The message, with CRLF.
        mime: &'a str,
        /// Whether it was read.
        read: bool,
    },
    /// Other flags; `None` leaves as it is.
    Change {
        /// The message.
        id: &'a str,
        /// Whether it was read.
        read: Option<bool>,
        /// The follow-up flag.
        flag: Option<Flagging>,
        /// All categories that it has then, from 14.0 on.
        categories: Option<&'a [&'a str]>,
    },
    /// The message is deleted.
    Delete {
        /// The message.
        id: &'a str,
    },
    /// Its body is wanted once more.
    Fetch {
        /// The message.
        id: &'a str,
    },
}

/// What is done to the follow-up flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flagging {
    /// It is set.
    Set,
    /// It is taken away.
    Clear,
}

/// The octets of a request for one or more folders. All options are stated, always: the server keeps those of the last request, of
/// whichever program.
pub fn sync_request(collections: &[SyncCollection<'_>], version: Version) -> Result<Vec<u8>, EasError> {
    if collections.iter().map(|collection| collection.commands.len()).sum::<usize>() > MOST_COMMANDS {
        return Err(EasError::TooMany("commands"));
    }
    let commands = || collections.iter().flat_map(|collection| collection.commands);
    if version < Version::V16_0 && commands().any(|command| matches!(command, SyncCommand::AddDraft { .. })) {
        return Err(EasError::Unencodable("a draft before 16.0"));
    }
    if version < Version::V14_0 && commands().any(|command| matches!(command, SyncCommand::Change { categories: Some(_), .. })) {
        return Err(EasError::Unencodable("categories before 14.0"));
    }
    let octets = write(A::Sync, |sync| {
        sync.element(A::Collections, |all| {
            for collection in collections {
                all.element(A::Collection, |element| collection.put(element, version));
            }
        });
    });
    Ok(octets?)
}

impl SyncCollection<'_> {
    fn put(&self, collection: &mut Writer<'_>, version: Version) {
        if version < Version::V14_0 {
            collection.text(A::Class, "Email");
        }
        collection.text(A::SyncKey, self.key).text(A::CollectionId, self.folder);
        if self.key == "0" {
            return;
        }
        collection.boolean(A::DeletesAsMoves, self.deletes_as_moves).boolean(A::GetChanges, self.window.is_some());
        if let Some(window) = self.window {
            collection.number(A::WindowSize, window.clamp(1, MOST_WINDOW));
        }
        collection.element(A::Options, |options| self.put_options(options));
        if !self.commands.is_empty() {
            collection.element(A::Commands, |commands| self.commands.iter().for_each(|command| command.put(commands)));
        }
    }

    /// MIMETruncation alone decides on some servers, BodyPreference alone on others; and none sends MIME without MIMESupport.
    fn put_options(&self, options: &mut Writer<'_>) {
        let (truncation, size) = match self.body {
            BodyWanted::Nothing => (0u32, Some(0u32)),
            BodyWanted::WholeMime => (8, None),
        };
        options.number(A::FilterType, self.filter as u32);
        options.element(B::BodyPreference, |preference| {
            preference.number(B::Type, 4u32);
            if let Some(size) = size {
                preference.number(B::TruncationSize, size);
            }
        });
        // The server's change holds where both sides have made one: what we send was decided on an older view.
        options.number(A::Conflict, 1u32).number(A::MIMESupport, 2u32).number(A::MIMETruncation, truncation);
    }
}

impl SyncCommand<'_> {
    fn put(&self, commands: &mut Writer<'_>) {
        match *self {
            Self::AddDraft { client_id, mime, read } => commands.element(A::Add, |add| {
                add.text(A::ClientId, client_id);
                add.element(A::ApplicationData, |data| {
                    data.element(B::Body, |body| {
                        body.number(B::Type, 4u32).text(B::Data, mime);
                    });
                    data.boolean(E::Read, read);
                });
            }),
            Self::Change { id, read, flag, categories } => commands.element(A::Change, |change| {
                change.text(A::ServerId, id);
                change.element(A::ApplicationData, |data| put_flags(data, read, flag, categories));
            }),
            Self::Delete { id } => commands.element(A::Delete, |delete| {
                delete.text(A::ServerId, id);
            }),
            Self::Fetch { id } => commands.element(A::Fetch, |fetch| {
                fetch.text(A::ServerId, id);
            }),
        };
    }
}

fn put_flags(data: &mut Writer<'_>, read: Option<bool>, flag: Option<Flagging>, categories: Option<&[&str]>) {
    if let Some(read) = read {
        data.boolean(E::Read, read);
    }
    match flag {
        Some(Flagging::Set) => {
            data.element(E::Flag, |flag| {
                flag.number(E::Status, 2u32).text(E::FlagType, FLAG_TYPE);
            });
        }
        Some(Flagging::Clear) => {
            data.empty(E::Flag);
        }
        None => {}
    }
    if let Some(categories) = categories {
        data.element(E::Categories, |element| {
            for category in categories {
                element.text(E::Category, category);
            }
        });
    }
}
