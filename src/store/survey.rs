//! Looks at a store without opening it for work: no lock, nothing is made or changed.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use crate::model::quota::Quota;
use crate::model::{FolderPath, RemoteId, Result};

use super::disk::{Dir, Disk, Kind, walk};
use super::maildir::dir::{Entry, FolderDir};
use super::maildir::layout::Layout;
use super::root::control_path;
use super::state::{FolderRow, LastRun, Opener, Standing};

/// Levels of directories that are looked into.
const DEPTH: usize = 32;
/// Octets of a header that is read.
const HEADER: u64 = 64 << 10;

/// What the state tells.
#[derive(Debug, Default)]
pub struct Survey {
    /// Folders known.
    pub folders: u64,
    /// Messages stored.
    pub messages: u64,
    /// Their octets on the wire.
    pub octets: u64,
    /// Messages wanted and not stored.
    pub pending: u64,
    /// How the last run ended.
    pub last_run: LastRun,
    /// Quota as last told.
    pub quota: Vec<Quota>,
}

/// Reads the state of the Maildir `root`; all zero where there is none.
pub fn state(states: &dyn Opener, root: &Path, layout: Layout) -> Result<Survey> {
    let Some(state) = states.open_read_only(&control_path(root, layout))? else { return Ok(Survey::default()) };
    let mut survey = Survey { last_run: state.last_run()?, quota: state.quota()?, ..Survey::default() };
    for folder in state.folders()? {
        let (messages, octets, pending) = state.totals(folder.id)?;
        survey.folders += 1;
        survey.messages += messages;
        survey.octets += octets;
        survey.pending += pending;
    }
    Ok(survey)
}

/// The Maildir folders below `root` and how many messages each holds, whoever made them.
pub fn folders(disk: &dyn Disk, states: &dyn Opener, root: &Path, layout: Layout) -> Result<Vec<(FolderPath, u64)>> {
    let Ok(handle) = disk.open(root) else { return Ok(Vec::new()) };
    // The state knows the paths of directories whose names were cut.
    let known = match states.open_read_only(&control_path(root, layout))? {
        Some(state) => state.folders()?,
        None => Vec::new(),
    };
    let mut found = Vec::new();
    for dir in directories(&*handle, layout) {
        let path = known.iter().find(|row| row.dir == dir).map(|row| row.path.clone()).or_else(|| layout.path(&dir));
        if let (Some(path), Some(folder)) = (path, FolderDir::open(&*handle, &dir)?) {
            found.push((path, folder.count()?));
        }
    }
    Ok(found)
}

/// A header that was read here, and what its message is there.
#[derive(Debug)]
pub struct HeaderHere<'a> {
    /// The folder.
    pub folder: &'a FolderRow,
    /// The message's id there.
    pub remote: &'a RemoteId,
    /// The header block as the file has it, cut at `HEADER`.
    pub header: &'a [u8],
}

/// Tells the headers of the newest messages that are here and there, the newest first: up to `most` of the folders that are `wanted`, until
/// `each` says that it has seen enough. What cannot be read is passed over.
pub fn newest(
    disk: &dyn Disk,
    states: &dyn Opener,
    (root, layout): (&Path, Layout),
    wanted: &dyn Fn(&FolderRow) -> bool,
    most: usize,
    each: &mut dyn FnMut(HeaderHere<'_>) -> bool,
) -> Result<()> {
    let Ok(handle) = disk.open(root) else { return Ok(()) };
    let Some(state) = states.open_read_only(&control_path(root, layout))? else { return Ok(()) };
    let folders: Vec<FolderRow> = state.folders()?.into_iter().filter(|row| wanted(row)).collect();
    let mut rows = Vec::new();
    for (n, folder) in folders.iter().enumerate() {
        state.each_row(folder.id, &mut |row| {
            if row.standing == Standing::Linked {
                rows.push((row.id, n, row));
            }
        })?;
    }
    rows.sort_unstable_by_key(|(id, ..)| std::cmp::Reverse(*id));
    rows.truncate(most);
    let dirs: Vec<Option<FolderDir>> = folders.iter().map(|folder| FolderDir::open(&*handle, &folder.dir)).collect::<Result<_>>()?;
    let mut files: Vec<Option<HashMap<String, Entry>>> = folders.iter().map(|_| None).collect();
    for (_, n, row) in rows {
        let Some(dir) = &dirs[n] else { continue };
        let found = match &mut files[n] {
            Some(found) => found,
            none => none.insert(dir.scan()?),
        };
        let Some(entry) = found.get(&*row.name.0) else { continue };
        let Ok(Some(file)) = dir.open_message(entry) else { continue };
        let mut header = Vec::new();
        if file.take(HEADER).read_to_end(&mut header).is_err() {
            continue;
        }
        let end =
            [&b"\n\n"[..], b"\r\n\r\n"].into_iter().filter_map(|end| memchr::memmem::find(&header, end).map(|at| at + end.len())).min();
        header.truncate(end.unwrap_or(header.len()));
        if each(HeaderHere { folder: &folders[n], remote: &row.remote, header: &header }) {
            break;
        }
    }
    Ok(())
}

/// Directories that may be folders, relative to `root`.
pub(super) fn directories(root: &dyn Dir, layout: Layout) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    if layout == Layout::MaildirPlusPlus {
        found.push(String::new());
    }
    while let Some(parent) = open.pop() {
        let Ok(dir) = walk(root, &parent) else { continue };
        // What cannot be read to its end shows what was read.
        let _ = dir.each(&mut |name, kind| {
            let inside = ["cur", "new", "tmp"].contains(&name);
            let fits = name.starts_with('.') == (layout == Layout::MaildirPlusPlus);
            // Some file systems do not tell in a listing.
            let is_dir = || kind == Kind::Dir || kind == Kind::Unknown && dir.stat_of(name).is_ok_and(|s| s.kind == Kind::Dir);
            if inside || !fits || !is_dir() {
                return;
            }
            let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
            if layout == Layout::Fs && path.matches('/').count() < DEPTH {
                open.push(path.clone());
            }
            found.push(path);
        });
    }
    found.sort_unstable();
    found
}
