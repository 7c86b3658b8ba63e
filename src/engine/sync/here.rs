//! What changed in the Maildir since both sides agreed.

use std::collections::HashMap;

use crate::model::{FlagState, Flags, LocalName, Result};
use crate::store::Store;
use crate::store::maildir::dir::{Entry, FolderDir, Other};
use crate::store::maildir::keywords::KeywordLetters;
use crate::store::maildir::name::FileName;
use crate::store::state::{FolderRow, LinkId, Standing, SyncRow};

/// A file that no row knows.
#[derive(Debug, Clone)]
pub(super) struct NewFile {
    /// Base name.
    pub name: LocalName,
    /// Where it lies.
    pub entry: Entry,
    /// Its flags.
    pub flags: FlagState,
}

/// A message that lives here only, as its row says.
#[derive(Debug, Clone)]
pub(super) struct LocalOnly {
    /// Row.
    pub id: LinkId,
    /// Base name.
    pub name: LocalName,
}

/// What is different here.
#[derive(Debug, Default)]
pub(super) struct HereChanges {
    /// Linked messages whose files have other flags.
    pub changed: Vec<(SyncRow, FlagState)>,
    /// Linked messages whose files are gone.
    pub missing: Vec<SyncRow>,
    /// Files that no row knows.
    pub unknown: Vec<NewFile>,
    /// Messages on their way there whose files are gone.
    pub missing_arrivals: Vec<SyncRow>,
    /// Files of messages that live here only.
    pub local_only: Vec<(LocalOnly, Entry)>,
    /// Messages that live here only and whose files are not in this folder.
    pub local_missing: Vec<LocalOnly>,
    /// Messages whose files have another base name in the same folder now.
    pub renamed: Vec<(LinkId, LocalName)>,
    /// What is no message.
    pub odd: Vec<Other>,
    /// What the directories looked like before they were read, where that can be relied on.
    pub mark: Option<Vec<u8>>,
}

/// A look at a folder here.
#[derive(Debug)]
pub(super) enum LookHere {
    /// Nothing changed since the last look.
    Unchanged,
    /// It was read.
    Read(Box<HereChanges>),
    /// Its directory is not there.
    Missing,
    /// Another directory stands in its place.
    Replaced,
}

/// Looks at a folder. Blocking.
pub(super) fn look(store: &Store, row: &FolderRow) -> Result<LookHere> {
    let Some(dir) = store.open_folder(&row.dir)? else { return Ok(LookHere::Missing) };
    if !store.is_known(row.id, &dir)? {
        return Ok(LookHere::Replaced);
    }
    let mark = dir.mark(store.now())?;
    if mark.is_some() && mark == store.state().here_mark(row.id)? {
        return Ok(LookHere::Unchanged);
    }
    let mut here = HereChanges { mark, ..HereChanges::default() };
    let letters = KeywordLetters::load(&dir)?;
    let (mut files, odd) = dir.scan_all()?;
    here.odd = odd;
    let mut local_only = Vec::new();
    store.state().each_row(row.id, &mut |row| match row.standing {
        Standing::LocalOnly => local_only.push(LocalOnly { id: row.id, name: row.name }),
        _ => here.take(row, &mut files, &letters),
    })?;
    // What both sides have comes first: a file that went away and came back may have an old row here, too.
    for row in local_only {
        match files.remove(&*row.name.0) {
            Some(entry) => here.local_only.push((row, entry)),
            None => here.local_missing.push(row),
        }
    }
    if !here.missing.is_empty() || !here.missing_arrivals.is_empty() {
        here.look_again(&dir, &letters)?;
    }
    here.unknown = files.into_iter().map(|(base, entry)| new_file(base, entry, &letters)).collect();
    here.unknown.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(LookHere::Read(Box::new(here)))
}

impl HereChanges {
    /// Compares a row with its file, and takes that out of `files`.
    fn take(&mut self, row: SyncRow, files: &mut HashMap<String, Entry>, letters: &KeywordLetters) {
        if let Standing::Moving { .. } = row.standing {
            return;
        }
        let entry = files.remove(&*row.name.0);
        match (row.standing, entry) {
            (Standing::Linked, Some(entry)) => {
                let flags = flags_of(&entry, &row.agreed, letters);
                if flags != row.agreed {
                    self.changed.push((row, flags));
                }
            }
            (Standing::Linked, None) => self.missing.push(row),
            (Standing::Arriving, None) => self.missing_arrivals.push(row),
            _ => {}
        }
    }

    /// A mail reader may have renamed a file while the directory was read: only what two readings do not find is gone.
    fn look_again(&mut self, dir: &FolderDir, letters: &KeywordLetters) -> Result<()> {
        let mut files = dir.scan()?;
        let missing = std::mem::take(&mut self.missing);
        for row in missing.into_iter().chain(std::mem::take(&mut self.missing_arrivals)) {
            self.take(row, &mut files, letters);
        }
        Ok(())
    }
}

fn new_file(base: String, entry: Entry, letters: &KeywordLetters) -> NewFile {
    let flags = flags_of(&entry, &FlagState::default(), letters);
    NewFile { name: LocalName(base.into()), entry, flags }
}

/// The flags that a file name spells; `agreed` for keywords that no name can spell.
fn flags_of(entry: &Entry, agreed: &FlagState, letters: &KeywordLetters) -> FlagState {
    let spelled = FileName::parse(&entry.file).letters;
    let plain = agreed.keywords.is_empty() && !spelled.bytes().any(|b| b.is_ascii_lowercase());
    let keywords = if plain { Vec::new() } else { letters.keywords(spelled, &agreed.keywords) };
    FlagState { flags: Flags::from_letters(spelled), keywords }
}
