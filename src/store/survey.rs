//! Looks at a store without opening it for work: no lock, nothing is made or changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read as _;
use std::path::Path;

use crate::model::quota::Quota;
use crate::model::{FolderPath, RemoteId, Result, Scope};

use super::disk::{Dir, Disk, Kind, walk};
use super::maildir::dir::{Entry, FolderDir};
use super::maildir::layout::Layout;
use super::maildir::name::FileName;
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
    let known: HashMap<String, FolderPath> = known.into_iter().map(|row| (row.dir, row.path)).collect();
    let path = |dir: &str| known.get(dir).cloned().or_else(|| layout.path(dir));
    let dirs = look(&*handle, layout, &path).0;
    // Where several directories stand for one path, it is the one that the state knows, else that of the usual spelling.
    let rank = |dir: &String, path: &FolderPath| (!known.contains_key(dir), layout.dir(path, 0) != *dir);
    let mut best: BTreeMap<FolderPath, (String, u64)> = BTreeMap::new();
    for (dir, path) in dirs {
        let folder = match FolderDir::open(&*handle, &dir) {
            Ok(Some(folder)) => folder,
            Ok(None) => continue,
            // A run names it.
            Err(error) if error.scope == Scope::Folder => continue,
            Err(error) => return Err(error),
        };
        if best.get(&path).is_none_or(|(other, _)| rank(&dir, &path) < rank(other, &path)) {
            best.insert(path, (dir, folder.count()?));
        }
    }
    Ok(best.into_iter().map(|(path, (_, count))| (path, count)).collect())
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

/// A directory that looks like a Maildir folder, and can be none.
#[derive(Debug)]
pub struct Odd {
    /// Its name relative to the root, for people.
    pub dir: String,
    /// Why.
    pub why: String,
    /// Its cur/ and new/; `None` where it cannot be looked into.
    places: Option<[Box<dyn Dir>; 2]>,
}

impl Odd {
    /// One that cannot be looked into.
    pub(super) fn closed(dir: String, why: impl Into<String>) -> Self {
        Self { dir, why: why.into(), places: None }
    }

    /// One whose name stands for no path; `None` where no mail can be in it.
    fn unnamed(name: String, dir: &dyn Dir) -> Option<Self> {
        let places = [dir.open_dir("cur").ok()?, dir.open_dir("new").ok()?];
        Some(Self { dir: name, why: "its name stands for no folder".into(), places: Some(places) })
    }

    /// What it is called among folders, for people and patterns.
    pub fn path(&self) -> FolderPath {
        FolderPath::new(self.dir.split('/').map(str::to_owned)).unwrap_or_else(FolderPath::inbox)
    }

    /// The base names of the files in it; `None` where nobody knows.
    pub fn holds(&self) -> Option<HashSet<String>> {
        let mut names = HashSet::new();
        for place in self.places.as_ref()? {
            place.each(&mut |name, _| names.extend([FileName::parse(name).base.to_owned()])).ok()?;
        }
        Some(names)
    }
}

/// Directories that may be folders, relative to `root`.
pub(super) fn directories(root: &dyn Dir, layout: Layout) -> Vec<String> {
    look(root, layout, &|_| Some(FolderPath::inbox())).0.into_iter().map(|(dir, _)| dir).collect()
}

/// Directories that may be folders, relative to `root`, and what `path` says that they stand for; and those that hold mail and can be none.
pub(super) fn look(root: &dyn Dir, layout: Layout, path: &dyn Fn(&str) -> Option<FolderPath>) -> (Vec<(String, FolderPath)>, Vec<Odd>) {
    let (mut found, mut odd) = (Vec::new(), Vec::new());
    let mut open = vec![String::new()];
    if layout == Layout::MaildirPlusPlus {
        found.push((String::new(), FolderPath::inbox()));
    }
    while let Some(parent) = open.pop() {
        let Ok(dir) = walk(root, &parent) else { continue };
        let below = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
        let fits = |name: &str| name.starts_with('.') == (layout == Layout::MaildirPlusPlus);
        let mut nameless = false;
        // What cannot be read to its end shows what was read.
        let _ = dir.each(&mut |name, kind| {
            let inside = ["cur", "new", "tmp"].contains(&name);
            if inside || !fits(name) {
                return;
            }
            nameless |= kind == Kind::Nameless;
            let full = below(name);
            // A link is not followed: only whether it leads to mail is asked.
            if kind == Kind::Link && dir.has(&format!("{name}/cur")) && dir.has(&format!("{name}/new")) {
                odd.push(Odd::closed(full, "it is a link, and mailx follows none below the Maildir root"));
                return;
            }
            // Some file systems do not tell in a listing.
            let is_dir = || kind == Kind::Dir || kind == Kind::Unknown && dir.stat_of(name).is_ok_and(|s| s.kind == Kind::Dir);
            if !is_dir() {
                return;
            }
            match path(&full) {
                Some(path) => found.push((full.clone(), path)),
                None => odd.extend(dir.open_dir(name).ok().and_then(|dir| Odd::unnamed(full.clone(), &*dir))),
            }
            if layout == Layout::Fs && full.matches('/').count() < DEPTH {
                open.push(full);
            }
        });
        if nameless {
            let dirs = dir.nameless_dirs().unwrap_or_default();
            odd.extend(dirs.iter().filter(|(name, _)| fits(name)).filter_map(|(name, dir)| Odd::unnamed(below(name), &**dir)));
        }
    }
    found.sort_unstable();
    (found, odd)
}
