//! What is on the disk, what of it is durable, and what lies between the two.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::store::clock::Clock;
use crate::store::disk::{Identity, Kind, Stat};

// errno(3), as on Linux.
pub const NOENT: i32 = 2;
pub const IO: i32 = 5;
pub const EXIST: i32 = 17;
pub const XDEV: i32 = 18;
pub const NOTDIR: i32 = 20;
pub const ISDIR: i32 = 21;
pub const NOTEMPTY: i32 = 39;

pub fn error(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

/// The directory that everything lies in.
pub const ROOT: u64 = 1;
const DEVICE: u64 = 7;

/// Names of a directory, and their inodes.
pub type Entries = BTreeMap<String, u64>;

struct Node {
    /// The inode that others are told: that of a removed directory goes to the next one, as many file systems do it.
    told: u64,
    /// When it was made; no two are made at the same time.
    born: i64,
    mtime: Duration,
    changed: Duration,
    body: Body,
}

enum Body {
    File {
        bytes: Vec<u8>,
        durable: Vec<u8>,
    },
    Dir {
        entries: Entries,
        durable: Entries,
        durable_mtime: Duration,
        /// It was removed; who has it open can put nothing into it.
        removed: bool,
    },
}

/// A change of names that is not durable yet: each name's new inode.
struct Change {
    at: Duration,
    names: Vec<(u64, String, Option<u64>)>,
    /// What it is about: it does not outlive an earlier change that was about the same.
    inodes: Vec<u64>,
}

impl Change {
    fn touches(&self, dir: u64) -> bool {
        self.names.iter().any(|(d, ..)| *d == dir)
    }
}

pub struct Tree {
    clock: Arc<dyn Clock>,
    /// By inode, which begins with [`ROOT`]; an inode is never used again, but for what is told of it.
    nodes: Vec<Node>,
    /// What was told of directories that were removed.
    free: Vec<u64>,
    pending: Vec<Change>,
    /// Inodes of locks that are held.
    pub locks: HashSet<u64>,
    pub frozen: bool,
}

impl Tree {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let mut tree = Self { clock, nodes: Vec::new(), free: Vec::new(), pending: Vec::new(), locks: HashSet::new(), frozen: false };
        tree.add(dir(Duration::ZERO));
        tree
    }

    fn node(&self, ino: u64) -> &Node {
        &self.nodes[(ino - ROOT) as usize]
    }

    fn node_mut(&mut self, ino: u64) -> &mut Node {
        &mut self.nodes[(ino - ROOT) as usize]
    }

    fn add(&mut self, body: Body) -> u64 {
        let (now, ino) = (self.clock.wall(), self.nodes.len() as u64 + ROOT);
        let told = if matches!(body, Body::Dir { .. }) { self.free.pop() } else { None };
        let born = (now.as_nanos() as i64).saturating_add(ino.cast_signed());
        self.nodes.push(Node { told: told.unwrap_or(ino), born, mtime: now, changed: now, body });
        ino
    }

    pub fn entries(&self, dir: u64) -> io::Result<&Entries> {
        match &self.node(dir).body {
            Body::Dir { entries, .. } => Ok(entries),
            Body::File { .. } => Err(error(NOTDIR)),
        }
    }

    pub fn entry(&self, dir: u64, name: &str) -> io::Result<u64> {
        if name == "." {
            return self.entries(dir).map(|_| dir);
        }
        self.entries(dir)?.get(name).copied().ok_or_else(|| error(NOENT))
    }

    pub fn kind(&self, ino: u64) -> Kind {
        if matches!(self.node(ino).body, Body::Dir { .. }) { Kind::Dir } else { Kind::File }
    }

    pub fn stat(&self, ino: u64) -> Stat {
        let node = self.node(ino);
        let (mode, len) = match &node.body {
            Body::File { bytes, .. } => (0o600, bytes.len() as u64),
            Body::Dir { .. } => (0o700, 0),
        };
        let (mtime, mtime_nsec) = (node.mtime.as_secs().cast_signed(), u64::from(node.mtime.subsec_nanos()));
        let (changed, uid) = (node.changed.as_secs().cast_signed(), rustix::process::geteuid().as_raw());
        Stat { kind: self.kind(ino), dev: DEVICE, ino: node.told, len, mtime, mtime_nsec, changed, uid, mode }
    }

    pub fn identity(&self, ino: u64) -> Identity {
        let node = self.node(ino);
        Identity { dev: DEVICE, ino: node.told, born: Some(node.born) }
    }

    /// Carries a change out; it is durable later.
    fn do_change(&mut self, names: Vec<(u64, String, Option<u64>)>, mut inodes: Vec<u64>) {
        let at = self.clock.wall();
        for (dir, name, to) in &names {
            let node = self.node_mut(*dir);
            (node.mtime, node.changed) = (at, at);
            if let Body::Dir { entries, .. } = &mut node.body {
                let before = match to {
                    Some(ino) => entries.insert(name.clone(), *ino),
                    None => entries.remove(name),
                };
                inodes.extend(before);
            }
            if let Some(ino) = to {
                self.node_mut(*ino).changed = at;
            }
        }
        self.pending.push(Change { at, names, inodes });
    }

    /// Where a name may be made.
    fn free(&self, dir: u64, name: &str) -> io::Result<()> {
        match &self.node(dir).body {
            Body::Dir { removed: true, .. } => Err(error(NOENT)),
            Body::Dir { entries, .. } if entries.contains_key(name) => Err(error(EXIST)),
            Body::Dir { .. } => Ok(()),
            Body::File { .. } => Err(error(NOTDIR)),
        }
    }

    pub fn make(&mut self, at: u64, name: &str, kind: Kind) -> io::Result<u64> {
        self.free(at, name)?;
        let now = self.clock.wall();
        let body = if kind == Kind::Dir { dir(now) } else { Body::File { bytes: Vec::new(), durable: Vec::new() } };
        let ino = self.add(body);
        self.do_change(vec![(at, name.into(), Some(ino))], vec![ino]);
        Ok(ino)
    }

    pub fn rename(&mut self, from: (u64, &str), to: (u64, &str), replace: bool) -> io::Result<()> {
        let ino = self.entry(from.0, from.1)?;
        match self.free(to.0, to.1) {
            Err(error) if !(replace && error.raw_os_error() == Some(EXIST)) => return Err(error),
            // rename(2): where both are links to the same file, nothing is done.
            Err(_) if self.entry(to.0, to.1)? == ino => return Ok(()),
            _ => {}
        }
        self.do_change(vec![(from.0, from.1.into(), None), (to.0, to.1.into(), Some(ino))], vec![ino]);
        Ok(())
    }

    pub fn link(&mut self, from: (u64, &str), to: (u64, &str)) -> io::Result<()> {
        let ino = self.entry(from.0, from.1)?;
        self.free(to.0, to.1)?;
        self.do_change(vec![(to.0, to.1.into(), Some(ino))], vec![ino]);
        Ok(())
    }

    pub fn unlink(&mut self, at: u64, name: &str) -> io::Result<()> {
        let ino = self.entry(at, name)?;
        if self.kind(ino) == Kind::Dir {
            return Err(error(ISDIR));
        }
        self.do_change(vec![(at, name.into(), None)], Vec::new());
        Ok(())
    }

    pub fn remove_dir(&mut self, at: u64, name: &str) -> io::Result<()> {
        let ino = self.entry(at, name)?;
        match &mut self.node_mut(ino).body {
            Body::File { .. } => return Err(error(NOTDIR)),
            Body::Dir { entries, .. } if !entries.is_empty() => return Err(error(NOTEMPTY)),
            Body::Dir { removed, .. } => *removed = true,
        }
        self.free.push(self.node(ino).told);
        self.do_change(vec![(at, name.into(), None)], Vec::new());
        Ok(())
    }

    pub fn bytes(&self, ino: u64) -> io::Result<&[u8]> {
        match &self.node(ino).body {
            Body::File { bytes, .. } => Ok(bytes),
            Body::Dir { .. } => Err(error(ISDIR)),
        }
    }

    pub fn write(&mut self, ino: u64, at: usize, piece: &[u8]) -> io::Result<()> {
        let now = self.clock.wall();
        let node = self.node_mut(ino);
        (node.mtime, node.changed) = (now, now);
        let Body::File { bytes, .. } = &mut node.body else { return Err(error(ISDIR)) };
        let end = at + piece.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at..end].copy_from_slice(piece);
        Ok(())
    }

    pub fn set_mtime(&mut self, ino: u64, at: Duration) {
        let now = self.clock.wall();
        let node = self.node_mut(ino);
        (node.mtime, node.changed) = (at, now);
    }

    pub fn sync_file(&mut self, ino: u64) {
        if let Body::File { bytes, durable } = &mut self.node_mut(ino).body {
            durable.clone_from(bytes);
        }
    }

    pub fn sync_dir(&mut self, dir: u64) {
        let mut wanted: Vec<bool> = self.pending.iter().map(|change| change.touches(dir)).collect();
        self.settle(&mut wanted);
    }

    pub fn sync_all(&mut self) {
        for n in 0..self.nodes.len() as u64 {
            self.sync_file(n + ROOT);
        }
        let mut wanted = vec![true; self.pending.len()];
        self.settle(&mut wanted);
    }

    /// Makes pending changes durable, and those that they follow from.
    fn settle(&mut self, wanted: &mut [bool]) {
        let (mut names, mut inodes) = (HashSet::new(), HashSet::new());
        for (change, wanted) in self.pending.iter().zip(wanted.iter_mut()).rev() {
            let named = |names: &HashSet<(u64, &str)>| change.names.iter().any(|(dir, name, _)| names.contains(&(*dir, name.as_str())));
            *wanted |= named(&names) || change.inodes.iter().any(|ino| inodes.contains(ino));
            if *wanted {
                names.extend(change.names.iter().map(|(dir, name, _)| (*dir, name.as_str())));
                inodes.extend(change.inodes.iter().copied());
            }
        }
        let (done, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending).into_iter().zip(wanted.iter()).partition(|(_, w)| **w);
        self.pending = rest.into_iter().map(|(change, _)| change).collect();
        for (change, _) in done {
            for (dir, name, to) in change.names {
                let Body::Dir { durable, durable_mtime, .. } = &mut self.node_mut(dir).body else { continue };
                *durable_mtime = change.at;
                match to {
                    Some(ino) => durable.insert(name, ino),
                    None => durable.remove(&name),
                };
            }
        }
    }

    pub fn lose_power(&mut self, keeps: &mut dyn FnMut() -> bool) {
        let mut wanted: Vec<bool> = self.pending.iter().map(|_| keeps()).collect();
        self.settle(&mut wanted);
        self.pending.clear();
        for node in &mut self.nodes {
            match &mut node.body {
                Body::File { bytes, durable } if bytes == durable => {}
                Body::File { bytes, durable } => {
                    // All of what was written, half of it, or nothing.
                    if !keeps() {
                        if keeps() { bytes.truncate(bytes.len() / 2) } else { bytes.clone_from(durable) }
                    }
                    durable.clone_from(bytes);
                }
                Body::Dir { entries, durable, durable_mtime, removed } => {
                    entries.clone_from(durable);
                    node.mtime = *durable_mtime;
                    *removed = false;
                }
            }
        }
        // Some of them are there again.
        self.free.clear();
        self.locks.clear();
        self.frozen = false;
    }
}

fn dir(now: Duration) -> Body {
    Body::Dir { entries: Entries::new(), durable: Entries::new(), durable_mtime: now, removed: false }
}
