//! A reader of Maildirs that knows maildir(5) and nothing of mailx.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// A file in cur/ or new/.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The Maildir folder's directory, relative to the root.
    pub dir: String,
    /// `cur` or `new`.
    pub place: &'static str,
    /// What stands before the info.
    pub base: String,
    /// The letters after `:2,`.
    pub letters: String,
    /// Whole path.
    pub path: PathBuf,
    /// mtime, seconds since 1970.
    pub mtime: i64,
    /// Permission bits.
    pub mode: u32,
    /// SHA-256 as it would travel: LF as CRLF where the file holds no CR.
    pub wire: String,
    /// SHA-256 with CRLF taken as LF.
    pub identity: String,
}

impl Mail {
    /// Gives its file these letters, as a mail reader does.
    pub fn relabel(&self, letters: &str) {
        let folder = self.path.ancestors().nth(2).unwrap();
        std::fs::rename(&self.path, folder.join("cur").join(format!("{}:2,{letters}", self.base))).unwrap();
    }
}

/// SHA-256 of `bytes` in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 with CRLF taken as LF.
pub fn identity(bytes: &[u8]) -> String {
    let mut lf = Vec::with_capacity(bytes.len());
    for (i, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(i + 1) != Some(&b'\n') {
            lf.push(*byte);
        }
    }
    sha256(&lf)
}

/// `bytes` with every LF as CRLF.
pub fn crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 20);
    for byte in bytes {
        if *byte == b'\n' {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

/// Every message below `root`, sorted by directory and base name. The state's directories are no folders.
pub fn read(root: &Path) -> Vec<Mail> {
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort_by(|a, b| (&a.dir, &a.base).cmp(&(&b.dir, &b.base)));
    found
}

fn walk(root: &Path, dir: &Path, found: &mut Vec<Mail>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type().is_ok_and(|t| t.is_dir()) || name == ".mailx" || name == "mailx.state" {
            continue;
        }
        match name.as_str() {
            "cur" => messages(root, dir, "cur", found),
            "new" => messages(root, dir, "new", found),
            "tmp" => {}
            _ => walk(root, &entry.path(), found),
        }
    }
}

fn messages(root: &Path, dir: &Path, place: &'static str, found: &mut Vec<Mail>) {
    for entry in fs::read_dir(dir.join(place)).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (base, letters) = name.split_once(":2,").unwrap_or((&name, ""));
        let Ok(bytes) = fs::read(entry.path()) else { continue };
        let metadata = entry.metadata().unwrap();
        let wire = if bytes.contains(&b'\r') { sha256(&bytes) } else { sha256(&crlf(&bytes)) };
        found.push(Mail {
            dir: dir.strip_prefix(root).unwrap().to_string_lossy().into_owned(),
            place,
            base: base.to_owned(),
            letters: letters.to_owned(),
            path: entry.path(),
            mtime: metadata.mtime(),
            mode: metadata.mode() & 0o7777,
            wire,
            identity: identity(&bytes),
        });
    }
}

/// Files in any tmp/ below `root`.
pub fn leftovers(root: &Path) -> Vec<PathBuf> {
    all(root).into_keys().filter(|p| p.parent().is_some_and(|d| d.ends_with("tmp"))).collect()
}

/// Kind, mode, size, mtime and inode of everything below `root`, the root included: equal snapshots mean that nothing was touched.
pub fn snapshot(root: &Path) -> BTreeMap<PathBuf, (u32, u64, i64, i64, u64)> {
    let mut all = all(root);
    if let Ok(m) = fs::symlink_metadata(root) {
        all.insert(root.into(), (m.mode(), m.size(), m.mtime(), m.mtime_nsec(), m.ino()));
    }
    all
}

fn all(dir: &Path) -> BTreeMap<PathBuf, (u32, u64, i64, i64, u64)> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(dir) else { return found };
    for entry in entries.flatten() {
        let Ok(m) = entry.metadata() else { continue };
        found.insert(entry.path(), (m.mode(), m.size(), m.mtime(), m.mtime_nsec(), m.ino()));
        if m.is_dir() {
            found.extend(all(&entry.path()));
        }
    }
    found
}
