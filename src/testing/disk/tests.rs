//! The disk in memory, against the operating system's, and against what a loss of power may leave.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::MemDisk;
use crate::store::disk::{Dir, Disk, OsDisk, walk};
use crate::testing::clock::MemClock;

fn memory() -> (MemDisk, Box<dyn Dir>) {
    let disk = MemDisk::new(Arc::new(MemClock::default()));
    let root = disk.open(Path::new("/")).unwrap();
    (disk, root)
}

/// Everything below a directory, with contents.
fn all(dir: &dyn Dir, at: &str, found: &mut Vec<String>) {
    let mut names = Vec::new();
    dir.each(&mut |name, kind| names.push((name.to_owned(), kind))).unwrap();
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (name, _) in names {
        let path = format!("{at}/{name}");
        if let Ok(inner) = dir.open_dir(&name) {
            found.push(format!("{path}/"));
            all(&*inner, &path, found);
        } else {
            let mut text = String::new();
            dir.open(&name).unwrap().read_to_string(&mut text).unwrap();
            found.push(format!("{path}={text}"));
        }
    }
}

fn tree(dir: &dyn Dir) -> Vec<String> {
    let mut found = Vec::new();
    all(dir, "", &mut found);
    found
}

/// A call: what, in which of two directories, which names.
type Call = (u8, bool, u8, bool, u8);

fn call(root: &dyn Dir, (what, dir, name, to, to_name): Call) -> Result<(), ErrorKind> {
    let name_of = |n: u8| ["x", "y", "z"][usize::from(n % 3)];
    let (dir, to) = (walk(root, if dir { "a" } else { "b" }).unwrap(), walk(root, if to { "a" } else { "b" }).unwrap());
    let (name, to_name) = (name_of(name), name_of(to_name));
    let done = match what {
        0 => dir.create(name).and_then(|mut file| file.write_all(to_name.as_bytes())),
        1 => dir.rename(name, &*to, to_name),
        // Of directories, who replaces whom is none of the store's business.
        2 if dir.open_dir(name).is_err() && to.open_dir(to_name).is_err() => dir.replace(name, &*to, to_name),
        3 if dir.open_dir(name).is_err() => dir.link(name, &*to, to_name),
        4 => dir.unlink(name),
        5 => dir.make_dir(name),
        6 => dir.remove_dir(name),
        7 => dir.open_dir(name).map(drop),
        8 => dir.stat_of(name).map(drop),
        _ => dir.open(name).map(drop),
    };
    done.map_err(|e| e.kind())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn it_does_what_the_operating_system_does(calls in prop::collection::vec(any::<Call>().prop_map(|c| (c.0 % 10, c.1, c.2, c.3, c.4)), 0..30)) {
        let real = tempfile::tempdir().unwrap();
        let (os, (_disk, mem)) = (OsDisk.open(real.path()).unwrap(), memory());
        for root in [&os, &mem] {
            root.make_dir("a").unwrap();
            root.make_dir("b").unwrap();
        }
        for one in calls {
            prop_assert_eq!(call(&*os, one), call(&*mem, one), "{:?}", one);
            prop_assert_eq!(tree(&*os), tree(&*mem), "{:?}", one);
        }
    }

    #[test]
    fn what_was_synced_outlives_the_power_and_no_rename_is_halved(calls in prop::collection::vec(any::<Call>().prop_map(|c| (c.0 % 2, c.1, c.2, c.3, c.4)), 0..20), keeps in any::<u64>()) {
        let (disk, root) = memory();
        for (name, file) in [("a", "x"), ("b", "y")] {
            root.make_dir(name).unwrap();
            let mut file = walk(&*root, name).unwrap().create(file).unwrap();
            file.write_all(b"durable").unwrap();
            file.sync().unwrap();
            walk(&*root, name).unwrap().sync().unwrap();
        }
        root.sync().unwrap();
        for one in calls {
            let _ = call(&*root, one);
        }
        let mut bits = keeps;
        disk.lose_power(&mut || {
            bits = bits.rotate_left(1);
            bits & 1 == 1
        });
        prop_assert_eq!(tree(&*root).iter().filter(|line| line.ends_with("=durable")).count(), 2);
    }
}

#[test]
fn what_was_not_synced_is_gone_with_the_power() {
    let (disk, root) = memory();
    root.make_dir("kept").unwrap();
    root.sync().unwrap();
    let kept = root.open_dir("kept").unwrap();
    kept.create("named").unwrap().write_all(b"lost").unwrap();
    kept.sync().unwrap();
    let mut file = kept.create("unnamed").unwrap();
    file.write_all(b"content").unwrap();
    file.sync().unwrap();
    root.make_dir("lost").unwrap();
    disk.lose_power(&mut || false);
    assert_eq!(tree(&*root), ["/kept/", "/kept/named="]);
}

#[test]
fn a_frozen_disk_changes_no_more() {
    let (disk, root) = memory();
    disk.freeze(true);
    assert!(root.make_dir("a").is_err());
    disk.freeze(false);
    root.make_dir("a").unwrap();
}

#[test]
fn a_lock_is_held_once() {
    let (_disk, root) = memory();
    let held = root.try_lock("lock").unwrap().unwrap();
    assert!(root.try_lock("lock").unwrap().is_none());
    drop(held);
    assert!(root.try_lock("lock").unwrap().is_some());
}
