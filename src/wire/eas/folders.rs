//! The folder hierarchy: FolderSync, FolderCreate, FolderUpdate, FolderDelete (MS-ASCMD 2.2.1.3 to 2.2.1.6). All four share one key, and each success
//! gives the next one.

use super::document::{Step, id, number, required, text, walk};
use super::status::{Status, statuses};
use super::{EasError, limits};
use crate::wire::wbxml::{Tag, page::FolderHierarchy as F, write};

/// The kind of a folder (MS-ASCMD 2.2.3.186.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FolderType {
    /// 1: made by a user or a program; may hold mail.
    Generic,
    /// 2.
    Inbox,
    /// 3.
    Drafts,
    /// 4.
    DeletedItems,
    /// 5.
    SentItems,
    /// 6.
    Outbox,
    /// 12: mail, made by a user. Junk and archive are of this type, too.
    Mail,
    /// Tasks, calendars, contacts, notes, journals, and what no table knows.
    Other(u32),
}

impl FolderType {
    /// The type with this number.
    pub const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Generic,
            2 => Self::Inbox,
            3 => Self::Drafts,
            4 => Self::DeletedItems,
            5 => Self::SentItems,
            6 => Self::Outbox,
            12 => Self::Mail,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub const fn code(self) -> u32 {
        match self {
            Self::Generic => 1,
            Self::Inbox => 2,
            Self::Drafts => 3,
            Self::DeletedItems => 4,
            Self::SentItems => 5,
            Self::Outbox => 6,
            Self::Mail => 12,
            Self::Other(code) => code,
        }
    }

    /// Whether the folder may hold mail. Whether it can be synced is the version's to say: drafts cannot before 16.0.
    pub const fn is_mail(self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

/// A folder as the server names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// ServerId: the CollectionId of its messages.
    pub id: String,
    /// The id of the folder above; `0` is the root.
    pub parent: String,
    /// The last part of its path, as it is shown. Any text, slashes included.
    pub name: String,
    /// Its kind.
    pub kind: FolderType,
}

/// What happened to a folder since the last key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderChange {
    /// There is a new one.
    Add(Folder),
    /// It was renamed or moved.
    Update(Folder),
    /// It is gone.
    Delete(String),
}

statuses! {
    /// The status of the four folder commands (MS-ASCMD 2.2.3.177.2 to 2.2.3.177.5).
    FolderStatus {
        1 Success Done "OK"
        2 AlreadyExists Refuse "a folder of this name exists, or this one is special"
        3 SpecialFolder Refuse "special folder"
        4 NotFound SyncFolders "folder does not exist"
        5 ParentNotFound SyncFolders "parent folder does not exist"
        6 ServerError BackOff "server error"
        9 InvalidKey RestartFolders "key not valid"
        10 BadRequest Bug "request malformed"
        11 UnknownError BackOff "unknown error"
        12 UnknownCode BackOff "code unknown"
    }
}

/// The octets of a FolderSync. The first key is `0`.
pub fn folder_sync_request(key: &str) -> Result<Vec<u8>, EasError> {
    let octets = write(F::FolderSync, |sync| {
        sync.text(F::SyncKey, key);
    });
    Ok(octets?)
}

/// The answer to a FolderSync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderSync {
    /// Of the whole.
    pub status: Status<FolderStatus>,
    /// The next key; only with success.
    pub key: Option<String>,
    /// In the order of the answer.
    pub changes: Vec<FolderChange>,
}

/// Reads the answer to a FolderSync.
pub fn folder_sync_response(octets: &[u8], notes: &mut dyn FnMut(Tag)) -> Result<FolderSync, EasError> {
    let (mut status, mut key, mut changes) = (None, None, Vec::new());
    let mut fields = Fields::default();
    walk(F::FolderSync, octets, notes, |path, step| {
        match (path, step) {
            ([_, F::Status], Step::Leaf(value)) => status = Some(Status::from_code(number(F::Status, &value)?)),
            ([_, F::SyncKey], Step::Leaf(value)) => key = Some(id(F::SyncKey, value)?),
            ([_, F::Changes, F::Add | F::Update | F::Delete], Step::Open) => fields = Fields::default(),
            ([_, F::Changes, F::Add | F::Update | F::Delete, field], Step::Leaf(value)) => fields.set(*field, value)?,
            ([_, F::Changes, kind @ (F::Add | F::Update | F::Delete)], Step::Close) => {
                if changes.len() == limits::FOLDERS {
                    return Err(EasError::TooMany("folders"));
                }
                let fields = std::mem::take(&mut fields);
                changes.push(match *kind {
                    F::Add => FolderChange::Add(fields.folder()?),
                    F::Update => FolderChange::Update(fields.folder()?),
                    _ => FolderChange::Delete(required(fields.id, F::ServerId)?),
                });
            }
            _ => {}
        }
        Ok(())
    })?;
    let status: Status<FolderStatus> = required(status, F::Status)?;
    if status.is_done() && key.is_none() {
        return Err(EasError::Missing(F::SyncKey));
    }
    Ok(FolderSync { status, key, changes })
}

/// The fields of one change, in any order.
#[derive(Debug, Default)]
struct Fields {
    id: Option<String>,
    parent: Option<String>,
    name: Option<String>,
    kind: Option<FolderType>,
}

impl Fields {
    fn set(&mut self, field: Tag, value: Vec<u8>) -> Result<(), EasError> {
        match field {
            F::ServerId => self.id = Some(id(field, value)?),
            F::ParentId => self.parent = Some(id(field, value)?),
            F::DisplayName => self.name = Some(text(value)),
            F::Type => self.kind = Some(FolderType::from_code(number(field, &value)?)),
            _ => {}
        }
        Ok(())
    }

    fn folder(self) -> Result<Folder, EasError> {
        Ok(Folder {
            id: required(self.id, F::ServerId)?,
            parent: required(self.parent, F::ParentId)?,
            name: required(self.name, F::DisplayName)?,
            kind: required(self.kind, F::Type)?,
        })
    }
}

/// A change that we ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderEdit<'a> {
    /// FolderCreate: a new folder for mail.
    Create {
        /// The id of the folder above, `0` for the root.
        parent: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// FolderUpdate: another name, another parent, or both.
    Update {
        /// The folder.
        id: &'a str,
        /// The id of the folder above it then.
        parent: &'a str,
        /// Its name then.
        name: &'a str,
    },
    /// FolderDelete: the folder, with all that is in it.
    Delete {
        /// The folder.
        id: &'a str,
    },
}

/// FolderType's number for mail that a user filed.
const USER_MAIL: u32 = 12;

impl FolderEdit<'_> {
    const fn root(self) -> Tag {
        match self {
            Self::Create { .. } => F::FolderCreate,
            Self::Update { .. } => F::FolderUpdate,
            Self::Delete { .. } => F::FolderDelete,
        }
    }

    /// The octets of the request, with the key of the hierarchy.
    pub fn encode(self, key: &str) -> Result<Vec<u8>, EasError> {
        let octets = write(self.root(), |edit| {
            edit.text(F::SyncKey, key);
            match self {
                Self::Create { parent, name } => {
                    edit.text(F::ParentId, parent).text(F::DisplayName, name).number(F::Type, USER_MAIL);
                }
                Self::Update { id, parent, name } => {
                    edit.text(F::ServerId, id).text(F::ParentId, parent).text(F::DisplayName, name);
                }
                Self::Delete { id } => {
                    edit.text(F::ServerId, id);
                }
            }
        });
        Ok(octets?)
    }
}

/// The answer to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEdited {
    /// Whether it was made.
    pub status: Status<FolderStatus>,
    /// The next key of the hierarchy; only with success.
    pub key: Option<String>,
    /// FolderCreate: the id of the new folder.
    pub id: Option<String>,
}

/// Reads the answer to `edit`.
pub fn folder_edited(edit: FolderEdit<'_>, octets: &[u8], notes: &mut dyn FnMut(Tag)) -> Result<FolderEdited, EasError> {
    let (mut status, mut key, mut server_id) = (None, None, None);
    walk(edit.root(), octets, notes, |path, step| {
        match (path, step) {
            ([_, F::Status], Step::Leaf(value)) => status = Some(Status::from_code(number(F::Status, &value)?)),
            ([_, F::SyncKey], Step::Leaf(value)) => key = Some(id(F::SyncKey, value)?),
            ([_, F::ServerId], Step::Leaf(value)) => server_id = Some(id(F::ServerId, value)?),
            _ => {}
        }
        Ok(())
    })?;
    let status: Status<FolderStatus> = required(status, F::Status)?;
    if status.is_done() {
        required(key.as_ref(), F::SyncKey)?;
        if matches!(edit, FolderEdit::Create { .. }) {
            required(server_id.as_ref(), F::ServerId)?;
        }
    }
    Ok(FolderEdited { status, key, id: server_id })
}
