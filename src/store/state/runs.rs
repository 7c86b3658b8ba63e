//! What is remembered of runs: when, how it ended, and the quota as last told.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{MAIN_DB, OptionalExtension as _, params};

use crate::model::quota::Quota;
use crate::model::{Error, Result};

use super::sqlite::Sqlite;

/// How the last run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastRun {
    /// Seconds since 1970 when the last run without failure ended.
    pub success: Option<i64>,
    /// Seconds since 1970 when the last run ended.
    pub ended: Option<i64>,
    /// Class word of its failure.
    pub failure: Option<String>,
}

/// What is remembered of runs.
pub trait Runs {
    /// One remembered text.
    fn meta(&self, key: &str) -> Result<Option<String>>;

    /// Remembers texts; `None` forgets.
    fn set_meta(&mut self, pairs: &[(&str, Option<String>)]) -> Result<()>;

    /// How the last run ended.
    fn last_run(&self) -> Result<LastRun> {
        remembered(self)
    }

    /// Notes how the last run ended.
    fn note_run(&mut self, run: &LastRun) -> Result<()> {
        remember(self, run)
    }

    /// Records the end of a run at `now`; `failure` is a class word.
    fn record_run(&mut self, now: i64, failure: Option<&str>) -> Result<()> {
        let before = self.last_run()?;
        if failure.is_none() && self.is_rebuilt()? {
            self.set_meta(&[("rebuilt", None)])?;
        }
        let success = if failure.is_none() { Some(now) } else { before.success };
        self.note_run(&LastRun { success, ended: Some(now), failure: failure.map(str::to_owned) })
    }

    /// Whether the state was rebuilt and no run has ended well since: it authorises no deletion then.
    fn is_rebuilt(&self) -> Result<bool> {
        Ok(self.meta("rebuilt")?.is_some())
    }

    /// What was told that the server cannot do: a word and a folder each.
    fn gaps(&self) -> Result<BTreeSet<String>> {
        Ok(self.meta("gaps")?.unwrap_or_default().lines().map(str::to_owned).collect())
    }

    /// Remembers it.
    fn set_gaps(&mut self, gaps: &BTreeSet<String>) -> Result<()> {
        let lines: Vec<String> = gaps.iter().map(|gap| gap.replace('\n', " ")).collect();
        self.set_meta(&[("gaps", Some(lines.join("\n")))])
    }

    /// In how many runs in a row the server renumbered folders while they were worked on; by folder row.
    fn flips(&self) -> Result<BTreeMap<i64, u32>> {
        let text = self.meta("flips")?.unwrap_or_default();
        let parse = |word: &str| word.split_once(':').and_then(|(folder, runs)| Some((folder.parse().ok()?, runs.parse().ok()?)));
        Ok(text.split(' ').filter_map(parse).collect())
    }

    /// Remembers it.
    fn set_flips(&mut self, flips: &BTreeMap<i64, u32>) -> Result<()> {
        let words: Vec<String> = flips.iter().map(|(folder, runs)| format!("{folder}:{runs}")).collect();
        self.set_meta(&[("flips", (!words.is_empty()).then(|| words.join(" ")))])
    }

    /// Remembers the quota.
    fn save_quota(&mut self, quota: &[Quota]) -> Result<()> {
        let lines: Vec<String> =
            quota.iter().map(|q| format!("{}\t{}\t{}\t{}", q.used, q.limit, q.resource, q.root.replace(['\t', '\n'], " "))).collect();
        self.set_meta(&[("quota", (!lines.is_empty()).then(|| lines.join("\n")))])
    }

    /// The quota as last remembered.
    fn quota(&self) -> Result<Vec<Quota>> {
        let text = self.meta("quota")?.unwrap_or_default();
        let parse = |line: &str| {
            let mut fields = line.splitn(4, '\t');
            let (used, limit) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(Quota { used, limit, resource: fields.next()?.into(), root: fields.next()?.into() })
        };
        Ok(text.lines().filter_map(parse).collect())
    }
}

/// The run that is among the texts.
fn remembered<S: Runs + ?Sized>(state: &S) -> Result<LastRun> {
    let number = |text: Option<String>| text.and_then(|t| t.parse().ok());
    Ok(LastRun { success: number(state.meta("success")?), ended: number(state.meta("ended")?), failure: state.meta("failure")? })
}

/// Puts it there.
fn remember<S: Runs + ?Sized>(state: &mut S, run: &LastRun) -> Result<()> {
    let time = |time: Option<i64>| time.map(|time| time.to_string());
    state.set_meta(&[("ended", time(run.ended)), ("success", time(run.success)), ("failure", run.failure.clone())])
}

impl Runs for Sqlite {
    fn note_run(&mut self, run: &LastRun) -> Result<()> {
        // Who may not write is told so by SQLite.
        let may_write = self.db().is_readonly(MAIN_DB).is_ok_and(|readonly| !readonly);
        let Some(note) = self.note.as_ref().filter(|_| may_write) else { return remember(self, run) };
        run.write(note).map_err(|e| Error::local("record how the run ended", &e))
    }

    fn last_run(&self) -> Result<LastRun> {
        let noted = self.note.as_deref().map(LastRun::read).unwrap_or_default();
        // Where an older mailx has run.
        let remembered = remembered(self)?;
        Ok(if remembered.ended > noted.ended { remembered } else { noted })
    }

    fn meta(&self, key: &str) -> Result<Option<String>> {
        self.read("read the state", |db| {
            db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |r| r.get(0)).optional()
        })
    }

    fn set_meta(&mut self, pairs: &[(&str, Option<String>)]) -> Result<()> {
        self.transaction("record how the run ended", |tx| {
            for (key, value) in pairs {
                match value {
                    Some(value) => tx.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute(params![key, value])?,
                    None => tx.prepare_cached("DELETE FROM meta WHERE key = ?1")?.execute([key])?,
                };
            }
            Ok(())
        })
    }
}
