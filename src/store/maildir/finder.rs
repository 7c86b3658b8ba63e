//! Finds many messages of one folder, wherever mail readers have put them: by their likely names first, and by one reading of the
//! directories for all that are not there.

use std::collections::HashMap;

use crate::model::{FlagState, LocalName, Result};

use super::dir::{Entry, FolderDir};
use super::keywords::KeywordLetters;

/// A search for messages of a folder.
#[derive(Debug)]
pub struct Finder<'a> {
    dir: &'a FolderDir,
    read: Option<HashMap<String, Entry>>,
}

impl<'a> Finder<'a> {
    /// A search in `dir`.
    pub fn new(dir: &'a FolderDir) -> Self {
        Self { dir, read: None }
    }

    /// The message `name`, which probably has these flags.
    pub fn find(&mut self, name: &LocalName, flags: &FlagState, letters: &KeywordLetters) -> Result<Option<Entry>> {
        if let Some(entry) = self.dir.likely(&name.0, flags.flags, &letters.letters_known(&flags.keywords)) {
            return Ok(Some(entry));
        }
        let read = match &mut self.read {
            Some(read) => read,
            none => none.insert(self.dir.scan()?),
        };
        // What was renamed since it was read is looked for once more.
        match read.get(&*name.0) {
            Some(entry) if self.dir.has(entry) => Ok(Some(entry.clone())),
            Some(_) => self.dir.find(&name.0),
            None => Ok(None),
        }
    }
}
