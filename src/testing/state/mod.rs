//! The state in plain collections: the executable meaning of [`State`], for tests.
//!
//! A transaction works on a copy of the tables, which then takes their place: that is a durable commit. What was committed is kept by
//! path in a [`MemOpener`], so that a run can be killed and the next one opens what it left; [`MemOpener::lose`] is `rm -r` of the
//! directory. Nothing here is fast, or has to be. `tests/state.rs` compares it with SQLite, answer by answer.

mod agreed;
mod doubtful;
mod folders;
mod links;
mod matching;
mod news;
mod release;
mod tables;
mod under_way;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Class, Error, Result};
use crate::store::state::{Found, Opener, Runs, State};

use tables::Tables;

type Shared = Arc<Mutex<Tables>>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens states in memory, and keeps them. A clone opens the same ones.
#[derive(Debug, Clone, Default)]
pub struct MemOpener {
    kept: Arc<Mutex<HashMap<PathBuf, Shared>>>,
}

impl MemOpener {
    /// The state in `dir` is no more.
    pub fn lose(&self, dir: &Path) {
        locked(&self.kept).remove(dir);
    }
}

impl Opener for MemOpener {
    fn open(&self, dir: &Path, _: bool) -> Result<(Box<dyn State>, Found)> {
        let mut kept = locked(&self.kept);
        let found = if kept.contains_key(dir) { Found::Good } else { Found::Nothing };
        let tables = kept.entry(dir.to_owned()).or_default().clone();
        Ok((Box::new(MemState { tables, read_only: false }), found))
    }

    fn open_read_only(&self, dir: &Path) -> Result<Option<Box<dyn State>>> {
        let tables = locked(&self.kept).get(dir).cloned();
        Ok(tables.map(|tables| Box::new(MemState { tables, read_only: true }) as Box<dyn State>))
    }

    fn rehearse(&self, dir: &Path) -> Result<Box<dyn State>> {
        let copy = locked(&self.kept).get(dir).map(|tables| locked(tables).clone()).unwrap_or_default();
        Ok(Box::new(MemState { tables: Arc::new(Mutex::new(copy)), read_only: false }))
    }

    /// Memory is not damaged.
    fn suspect(&self, _: &Path) {}
}

/// A state in memory.
#[derive(Debug)]
struct MemState {
    tables: Shared,
    read_only: bool,
}

impl State for MemState {}

impl MemState {
    fn read(&self) -> MutexGuard<'_, Tables> {
        locked(&self.tables)
    }

    /// All of `work`, or nothing.
    fn transaction<T>(&mut self, work: impl FnOnce(&mut Tables) -> Result<T>) -> Result<T> {
        if self.read_only {
            return Err(Error::new(Class::LocalWrite, "record something in the state", "it was opened for looking only"));
        }
        let mut kept = locked(&self.tables);
        let mut copy = kept.clone();
        let done = work(&mut copy)?;
        *kept = copy;
        Ok(done)
    }
}

impl Runs for MemState {
    fn meta(&self, key: &str) -> Result<Option<String>> {
        Ok(self.read().meta.get(key).cloned())
    }

    fn set_meta(&mut self, pairs: &[(&str, Option<String>)]) -> Result<()> {
        self.transaction(|tables| {
            for (key, value) in pairs {
                match value {
                    Some(value) => tables.meta.insert((*key).to_owned(), value.clone()),
                    None => tables.meta.remove(*key),
                };
            }
            Ok(())
        })
    }
}
