//! A folder that messages are delivered into.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use crate::model::{Error, FlagState, FolderPath, Hash, LocalName, Result};
use crate::store::state::{Digested, LinkId};
use crate::store::{Intact, Store};

use super::deliver::lock;
use super::digest::Digest;
use super::dir::{Entry, FolderDir};
use super::keywords::KeywordLetters;
use super::name::file_name;

/// What is here and nothing there was matched with.
#[derive(Debug, Default)]
pub struct Unmatched {
    by_identity: HashMap<Hash, Vec<LocalName>>,
    /// The rows of each; a file taken for one message is gone for the others.
    rows: HashMap<LocalName, Vec<LinkId>>,
}

impl Unmatched {
    /// From the rows of [`Matching::unmatched`](crate::store::state::Matching::unmatched).
    pub fn new(rows: Vec<Digested>) -> Self {
        let mut unmatched = Self::default();
        for row in rows {
            unmatched.by_identity.entry(row.digest.identity).or_default().push(row.name.clone());
            unmatched.rows.entry(row.name).or_default().push(row.id);
        }
        unmatched
    }

    /// Takes a file with this identity, and its rows.
    fn take(&mut self, identity: &Hash) -> Option<(LocalName, Vec<LinkId>)> {
        let names = self.by_identity.get_mut(identity)?;
        while let Some(name) = names.pop() {
            if let Some(rows) = self.rows.remove(&name) {
                return Some((name, rows));
            }
        }
        None
    }
}

/// A file that is taken for a message of the server.
#[derive(Debug)]
pub struct Adopted {
    /// Its base name.
    pub name: LocalName,
    /// Its identity.
    pub identity: Hash,
    /// The rows that the message continues.
    pub replaces: Vec<LinkId>,
}

/// A folder that messages are delivered into.
#[derive(Debug)]
pub struct Target {
    /// The folder's row.
    pub folder: i64,
    /// Its path, for reports.
    pub path: FolderPath,
    /// Its directories.
    pub dir: FolderDir,
    /// Keyword letters.
    letters: Mutex<KeywordLetters>,
    /// A body that equals one of these is that file.
    unmatched: Mutex<Unmatched>,
    /// Messages delivered.
    pub delivered: AtomicU64,
    /// Messages found to be here already once their body had come.
    pub adopted: AtomicU64,
}

impl Target {
    /// A file here that nothing there was matched with, and that is this message: as it is, or, with the identity `bare`, without the
    /// lines of other tools. It is durable, but for its directory.
    pub fn adopt(&self, store: &Store, digest: &Digest, bare: Option<Hash>) -> Result<Option<Adopted>> {
        let tried = || format!("take over a message of the Maildir folder `{}`", self.dir.path);
        let find =
            |unmatched: &mut Unmatched, identity| unmatched.take(&identity).map(|(name, rows)| Adopted { name, identity, replaces: rows });
        let twin = {
            let mut unmatched = lock(&self.unmatched);
            std::iter::once(digest.identity).chain(bare).find_map(|identity| find(&mut unmatched, identity))
        };
        // Its bytes may have changed since they were hashed: the fresh ones are given away only for equal ones, made durable.
        if let Some(twin) = twin
            && let Adopted { name, identity, .. } = &twin
            && store.intact(&self.dir, &HashMap::new(), name, &Digest { identity: *identity, ..*digest }, true)? == Intact::Yes
            && let Some(entry) = self.dir.find(&name.0)?
            && let Some(here) = self.dir.open_message(&entry).map_err(|e| Error::local(tried(), &e))?
        {
            here.sync().map_err(|e| Error::local(tried(), &e))?;
            return Ok(Some(twin));
        }
        Ok(None)
    }

    /// A target; `unmatched` as in the field.
    pub fn new(folder: i64, path: FolderPath, dir: FolderDir, unmatched: Unmatched) -> Result<Self> {
        let letters = Mutex::new(KeywordLetters::load(&dir)?);
        Ok(Self { folder, path, dir, letters, unmatched: Mutex::new(unmatched), delivered: AtomicU64::new(0), adopted: AtomicU64::new(0) })
    }

    /// The file name and place of a message with `flags`.
    pub fn entry(&self, name: &LocalName, flags: &FlagState) -> Entry {
        let letters = if flags.keywords.is_empty() { String::new() } else { lock(&self.letters).letters(&flags.keywords) };
        let (file, in_cur) = file_name(name, flags.flags, &letters);
        Entry { file, in_cur }
    }

    /// Makes the keyword letters that [`Target::entry`] gave away durable.
    pub fn save_letters(&self) -> Result<()> {
        lock(&self.letters).save(&self.dir)
    }
}
