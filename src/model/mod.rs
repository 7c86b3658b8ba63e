//! The nouns of mailx: plain data, no I/O. Everybody may import this module; it imports nothing of ours.

pub mod account;
pub mod address;
pub mod caps;
pub mod change;
pub mod credentials;
pub mod cursor;
pub mod envelope;
pub mod error;
pub mod event;
pub mod flags;
pub mod folder;
pub mod message;
pub mod quota;
pub mod report;

pub use account::{AfterFetch, Expunge, Protocol};
pub use address::{Address, NoAddress};
pub use caps::Caps;
pub use change::{Change, Harvest, HarvestKind, Listed, Need, Outcome};
pub use credentials::{Credentials, ExposeSecret, Secret, SecretKind, SecretString};
pub use cursor::{Cursor, Mark};
pub use envelope::{Envelope, Notify, Reports, Verdict};
pub use error::{Class, Error, Fate, Renumbered, Result, Scope};
pub use event::{Event, Observer};
pub use flags::{Flag, FlagState, Flags, Keyword};
pub use folder::{FolderId, FolderPath, Role};
pub use message::{Hash, LocalName, PermanentId, RemoteId};
