//! Looks at a store without opening it for work: no lock, nothing is made or changed.

use std::path::Path;

use crate::model::quota::Quota;
use crate::model::{FolderPath, Result};

use super::maildir::dir::FolderDir;
use super::maildir::layout::Layout;
use super::root::control_path;
use super::state::{LastRun, Opener};

/// Levels of directories that are looked into.
const DEPTH: usize = 32;

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
pub fn folders(states: &dyn Opener, root: &Path, layout: Layout) -> Result<Vec<(FolderPath, u64)>> {
    let Ok(handle) = std::fs::File::open(root) else { return Ok(Vec::new()) };
    let handle = handle.into();
    // The state knows the paths of directories whose names were cut.
    let known = match states.open_read_only(&control_path(root, layout))? {
        Some(state) => state.folders()?,
        None => Vec::new(),
    };
    let mut found = Vec::new();
    for dir in directories(root, layout) {
        let path = known.iter().find(|row| row.dir == dir).map(|row| row.path.clone()).or_else(|| layout.path(&dir));
        if let (Some(path), Some(folder)) = (path, FolderDir::open(&handle, &dir)?) {
            found.push((path, folder.count()?));
        }
    }
    Ok(found)
}

/// Directories that may be folders, relative to `root`.
pub(super) fn directories(root: &Path, layout: Layout) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    if layout == Layout::MaildirPlusPlus {
        found.push(String::new());
    }
    while let Some(parent) = open.pop() {
        let Ok(entries) = std::fs::read_dir(root.join(&parent)) else { continue };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let inside = ["cur", "new", "tmp"].contains(&name.as_str());
            let fits = name.starts_with('.') == (layout == Layout::MaildirPlusPlus);
            if inside || !fits || !entry.file_type().is_ok_and(|t| t.is_dir()) {
                continue;
            }
            let dir = if parent.is_empty() { name } else { format!("{parent}/{name}") };
            if layout == Layout::Fs && dir.matches('/').count() < DEPTH {
                open.push(dir.clone());
            }
            found.push(dir);
        }
    }
    found.sort_unstable();
    found
}
