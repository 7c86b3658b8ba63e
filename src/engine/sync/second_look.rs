//! A second look for files that are missing, through all folders of the account here: also those that this run does not compare, or that no
//! folder of the server belongs to.
//!
//! Folders are read one after the other, so a file that is moved meanwhile may be in none of them when that is read. A look misses a file
//! only if it goes, while the look lasts, from a folder that has not been read yet into one that has. So a deletion travels only after more
//! looks, begun when all folders were read: one by names, which finds nearly all, and two by names and bytes. One move, whenever it comes,
//! cannot fool them all. What remains is a file that is moved in such a way during the first reading and during each look; and as these go
//! in the same order, one that goes to and fro between two folders must have gone back in between each time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::fetch::blocking;
use crate::engine::select::Patterns;
use crate::model::{Class, FolderPath, Hash, LocalName, Result, Role, Scope};
use crate::store::Store;
use crate::store::maildir::digest::Digest;
use crate::store::maildir::dir::{Entry, FolderDir, marked_at};
use crate::store::maildir::outgoing::{Examined, examine};
use crate::store::state::{LinkId, Proof, Standing};
use crate::store::survey::Odd;

use super::moves::{Found, Lost, pair_here};

/// Octets of the lines that other tools add to a header, at most.
const TOOL_LINES: u64 = 1024;

/// A message whose file is not in its folder.
#[derive(Debug, Clone)]
pub(super) struct Missing {
    /// Row.
    pub id: LinkId,
    /// Its folder's row.
    pub folder: i64,
    /// Base name.
    pub name: LocalName,
}

/// One whose file is here after all.
#[derive(Debug)]
pub(super) struct Seen {
    /// Row.
    pub id: LinkId,
    /// Base name now.
    pub name: LocalName,
    /// It lies in another folder.
    pub elsewhere: bool,
}

/// The folders of the account: all that its configuration does not leave out. What went into one of those is gone for the server.
#[derive(Debug, Clone, Default)]
pub(super) struct OfAccount(pub Option<Patterns>);

impl OfAccount {
    /// Whether a folder is one of them.
    pub fn takes(&self, path: &FolderPath, role: Option<Role>) -> bool {
        self.0.as_ref().is_none_or(|patterns| patterns.take(path, role))
    }
}

/// Which files may be messages that are looked for, so that the others need not be read.
#[derive(Debug, Default)]
pub(super) struct Worth {
    /// Octets of the messages on the wire, sorted.
    octets: Vec<u64>,
    /// They were where they belong at this time (seconds since 1970), where one is known.
    since: Option<i64>,
}

impl Worth {
    /// For these messages.
    pub fn of<'a>(proofs: impl Iterator<Item = &'a Proof>, since: Option<i64>) -> Self {
        let mut octets: Vec<u64> = proofs.map(|proof| proof.digest.octets).collect();
        octets.sort_unstable();
        Self { octets, since }
    }

    /// Whether a file must be read.
    pub fn reading(&self, dir: &FolderDir, entry: &Entry) -> bool {
        let Ok(stat) = dir.place(entry.in_cur).stat_of(&entry.file) else { return false };
        self.since.is_none_or(|since| stat.changed >= since) && self.may_be(stat.len)
    }

    /// It may have LF for CRLF, and lines of other tools.
    fn may_be(&self, length: u64) -> bool {
        let least = self.octets.partition_point(|octets| *octets < length.saturating_sub(TOOL_LINES));
        self.octets.get(least).is_some_and(|octets| *octets <= length.saturating_mul(2))
    }
}

/// A folder here.
struct Place {
    dir: String,
    row: Option<i64>,
}

/// Looks for the files of these messages, by name, else by bytes among those that nobody knows. Reads nothing where none is missing.
pub(super) async fn look_for(store: &Arc<Store>, missing: Vec<Missing>, account: OfAccount) -> Result<Vec<Seen>> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    blocking(store, move |store| match look(store, missing.clone(), &account) {
        // What cannot be looked at may hold them.
        Err(error) if matches!(error.class, Class::LocalCorrupt | Class::LocalWrite) && error.scope < Scope::Account => {
            tracing::info!(%error, "files that are missing may be in a folder that cannot be read");
            Ok(missing.into_iter().map(|m| Seen { id: m.id, name: m.name, elsewhere: false }).collect())
        }
        seen => seen,
    })
    .await
}

fn look(store: &Store, missing: Vec<Missing>, account: &OfAccount) -> Result<Vec<Seen>> {
    let (places, odd) = places(store, account)?;
    let mut search = Search { missing, identities: HashMap::new(), others: HashSet::new(), seen: Vec::new() };
    search.through_odd(&odd);
    search.through(store, &places, None)?;
    if search.missing.is_empty() {
        return Ok(search.seen);
    }
    let ids: Vec<LinkId> = search.missing.iter().map(|m| m.id).collect();
    let proofs = store.state().proofs(&ids)?;
    search.identities = proofs.iter().map(|proof| (proof.id, proof.digest.identity)).collect();
    let worth = Worth::of(proofs.iter(), search.since(store)?);
    for _ in 0..2 {
        search.through(store, &places, Some(&worth))?;
    }
    Ok(search.seen)
}

/// The folders here, and what holds mail and can be none. The state knows some that have no name of ours.
fn places(store: &Store, account: &OfAccount) -> Result<(Vec<Place>, Vec<Odd>)> {
    let rows = store.state().folders()?;
    let mut places: Vec<Place> =
        rows.iter().filter(|row| account.takes(&row.path, row.role)).map(|row| Place { dir: row.dir.clone(), row: Some(row.id) }).collect();
    let known: HashSet<&str> = rows.iter().map(|row| row.dir.as_str()).collect();
    let (here, mut odd) = store.folders_here()?;
    let here = here.into_iter().filter(|here| !known.contains(here.dir.as_str()) && account.takes(&here.path, None));
    places.extend(here.map(|here| Place { dir: here.dir, row: None }));
    odd.retain(|odd| account.takes(&odd.path(), None));
    Ok((places, odd))
}

struct Search {
    missing: Vec<Missing>,
    /// What they are, once names have not found them.
    identities: HashMap<LinkId, Hash>,
    /// Files that were read and are none of them: index of the place, base name.
    others: HashSet<(usize, String)>,
    seen: Vec<Seen>,
}

impl Search {
    /// Takes out what lies, or may lie, where no folder can be.
    fn through_odd(&mut self, odd: &[Odd]) {
        for holds in odd.iter().map(Odd::holds) {
            let lies = |m: &Missing| holds.as_ref().is_none_or(|holds| holds.contains(&*m.name.0));
            let (lie, missing): (Vec<_>, Vec<_>) = std::mem::take(&mut self.missing).into_iter().partition(lies);
            self.missing = missing;
            self.seen.extend(lie.into_iter().map(|m| Seen { id: m.id, name: m.name, elsewhere: true }));
        }
    }

    /// Looks into one folder after the other, and takes what it finds out of what is missing.
    fn through(&mut self, store: &Store, places: &[Place], worth: Option<&Worth>) -> Result<()> {
        let mut found = Vec::new();
        for (n, place) in places.iter().enumerate() {
            if self.missing.is_empty() {
                return Ok(());
            }
            self.look(store, (n, place), worth, &mut found)?;
        }
        let lost: Vec<Lost> =
            self.missing.iter().map(|m| Lost { id: m.id, name: m.name.clone(), identity: self.identities.get(&m.id).copied() }).collect();
        let pairs: HashMap<usize, usize> = pair_here(&lost, &found).into_iter().collect();
        for (n, m) in std::mem::take(&mut self.missing).into_iter().enumerate() {
            match pairs.get(&n).map(|f| &found[*f]) {
                Some(f) => self.seen.push(Seen { id: m.id, name: f.name.clone(), elsewhere: places[f.folder].row != Some(m.folder) }),
                None => self.missing.push(m),
            }
        }
        Ok(())
    }

    /// Looks into one folder. With `worth`, files that nobody knows are read, too.
    fn look(&mut self, store: &Store, (n, place): (usize, &Place), worth: Option<&Worth>, found: &mut Vec<Found>) -> Result<()> {
        let Some(dir) = store.open_folder(&place.dir)? else { return Ok(()) };
        if let Some(row) = place.row {
            let mark = dir.mark(store.now())?;
            if mark.is_some() && mark == store.state().here_mark(row)? {
                // Nothing came into it since all in it was known.
                return Ok(());
            }
        }
        let mut files = dir.scan()?;
        let is_back = |m: &Missing| place.row == Some(m.folder) && files.contains_key(&*m.name.0);
        let (back, missing): (Vec<_>, Vec<_>) = std::mem::take(&mut self.missing).into_iter().partition(is_back);
        self.missing = missing;
        self.seen.extend(back.into_iter().map(|m| Seen { id: m.id, name: m.name, elsewhere: false }));
        let names: HashSet<&str> = self.missing.iter().map(|m| &*m.name.0).collect();
        if worth.is_none() && !names.iter().any(|name| files.contains_key(*name)) {
            return Ok(());
        }
        if let Some(row) = place.row {
            store.state().each_row(row, &mut |row| {
                // A file of such a name is another message's only where a row says that both sides have it: an old one may stand for what
                // lived there before.
                if matches!(row.standing, Standing::Linked | Standing::Arriving) || !names.contains(&*row.name.0) {
                    files.remove(&*row.name.0);
                }
            })?;
        }
        let mut files: Vec<(String, Entry)> = files.into_iter().collect();
        files.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (base, entry) in files {
            if names.contains(base.as_str()) {
                found.push(Found { folder: n, name: LocalName(base.into()), digests: Vec::new() });
                continue;
            }
            let place = (n, base);
            if self.others.contains(&place) || !worth.is_some_and(|worth| worth.reading(&dir, &entry)) {
                continue;
            }
            let Examined::Mail { digest, bare, .. } = examine(&dir, &entry)? else { continue };
            let digests: Vec<Digest> = std::iter::once(*digest).chain(bare.map(|bare| *bare)).collect();
            if digests.iter().any(|d| self.identities.values().any(|identity| *identity == d.identity)) {
                // The state will know its name.
                store.make_durable(&dir, &[&entry])?;
                found.push(Found { folder: n, name: LocalName(place.1.into()), digests });
            } else {
                self.others.insert(place);
            }
        }
        Ok(())
    }

    /// When all of the missing files were in their folders for the last time that is known: since then, the others were moved.
    fn since(&self, store: &Store) -> Result<Option<i64>> {
        let folders: HashSet<i64> = self.missing.iter().map(|m| m.folder).collect();
        let marks: Vec<Option<i64>> =
            folders.into_iter().map(|row| Ok(store.state().here_mark(row)?.and_then(|mark| marked_at(&mark)))).collect::<Result<_>>()?;
        Ok(marks.into_iter().min().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_whose_size_fits_are_read() {
        let worth = Worth { octets: vec![100, 5000, 90_000], since: None };
        // With CRLF, with LF, with lines of other tools; and what none of them can be.
        for length in [100, 98, 50, 100 + TOOL_LINES, 5000, 2500, 88_000] {
            assert!(worth.may_be(length), "{length}");
        }
        for length in [49, 0, 2400 - 100, 5000 + TOOL_LINES + 1, 40_000, 1 << 40] {
            assert!(!worth.may_be(length), "{length}");
        }
    }
}
