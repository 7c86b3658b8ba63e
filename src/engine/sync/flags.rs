//! Flags travel: renames here, orders there.

use std::sync::Arc;

use super::execute::send;
use super::plan::FlagChange;
use super::{BATCH, Work, blocking};
use crate::backend::{Order, Session};
use crate::model::{FlagState, Flags, Outcome, Result};
use crate::store::Store;
use crate::store::maildir::dir::{Entry, FolderDir};
use crate::store::maildir::finder::Finder;
use crate::store::maildir::keywords::KeywordLetters;
use crate::store::maildir::name::FileName;

/// Takes flags over here: renames, made durable, then recorded.
pub(super) async fn pull(store: &Arc<Store>, work: &mut Work) -> Result<()> {
    let changes = std::mem::take(&mut work.plan.pulls);
    if changes.is_empty() {
        return Ok(());
    }
    let dir = work.job.row.dir.clone();
    let count = blocking(store, move |store| {
        let Some(dir) = store.open_folder(&dir)? else { return Ok(0) };
        let mut letters = KeywordLetters::load(&dir)?;
        let mut count = 0;
        for batch in changes.chunks(BATCH) {
            let done = rename(store, &dir, &mut letters, batch)?;
            count += done.len() as u64;
            // What is still to be changed there is not agreed yet.
            let in_part = done.iter().filter(|c| c.merged.pushes()).map(|c| {
                let agreed = c.row.agreed.either(&c.merged.set_here).without(&c.merged.clear_here);
                (c.row.id, agreed, c.row.there.clone().unwrap_or_else(|| c.row.agreed.clone()))
            });
            let in_part: Vec<_> = in_part.collect();
            let whole: Vec<_> = done.iter().filter(|c| !c.merged.pushes()).map(|c| (c.row.id, c.merged.agreed.clone())).collect();
            store.state().agree_in_part(&in_part)?;
            store.state().agree(&whole)?;
            store.step("commit-flags");
        }
        Ok(count)
    })
    .await?;
    work.job.report.flags_pulled += count;
    Ok(())
}

/// Renames the files of a batch and makes that durable. Returns the changes whose files were there.
fn rename<'a>(store: &Store, dir: &FolderDir, letters: &mut KeywordLetters, batch: &'a [FlagChange]) -> Result<Vec<&'a FlagChange>> {
    let (mut finder, mut renames) = (Finder::new(dir), Vec::with_capacity(batch.len()));
    for change in batch {
        if let Some(entry) = finder.find(&change.row.name, &change.row.agreed, letters)? {
            let to = flagged(&entry, &change.merged.set_here, &change.merged.clear_here, letters);
            renames.push((change, entry, to));
        }
    }
    letters.save(dir)?;
    let mut done = Vec::with_capacity(batch.len());
    for (change, from, to) in renames {
        // A mail reader may have been faster; then the file is looked for once more.
        let renamed = dir.rename(&from, &to)?
            || match dir.find(&change.row.name.0)? {
                Some(entry) => {
                    let to = flagged(&entry, &change.merged.set_here, &change.merged.clear_here, letters);
                    dir.rename(&entry, &to)?
                }
                None => false,
            };
        if renamed {
            done.push(change);
        }
    }
    store.step("rename-flags");
    dir.sync()?;
    store.step("sync-directories");
    Ok(done)
}

/// The name of a file with some flags set and others cleared; letters that mean nothing to us stay. Once in cur/, always there.
pub(super) fn flagged(entry: &Entry, set: &FlagState, clear: &FlagState, letters: &mut KeywordLetters) -> Entry {
    let name = FileName::parse(&entry.file);
    let flags = Flags::from_letters(name.letters).either(set.flags).without(clear.flags);
    let words = letters.change(name.letters, &set.keywords, &clear.keywords);
    if flags.is_empty() && words.is_empty() && !entry.in_cur {
        return entry.clone();
    }
    Entry { file: format!("{}:2,{}{words}", name.base, flags.letters()), in_cur: true }
}

/// Sends flags there, and records what is agreed now.
pub(super) async fn push(store: &Arc<Store>, session: &mut Box<dyn Session>, work: &mut Work) -> Result<()> {
    let changes = std::mem::take(&mut work.plan.pushes);
    for batch in changes.chunks(BATCH) {
        let orders = batch
            .iter()
            .map(|c| Order::SetFlags { id: c.row.remote.clone(), add: c.merged.set_there.clone(), remove: c.merged.clear_there.clone() })
            .collect();
        send(store, session, &mut work.job, orders, |job, receipts, n, outcome| {
            let change = &batch[n];
            match outcome {
                Outcome::Done { .. } => {
                    job.report.flags_pushed += 1;
                    receipts.agreed.push((change.row.id, change.merged.agreed.clone()));
                }
                Outcome::Short(kept_out) => {
                    let set = change.merged.set_there.both(&kept_out);
                    let cleared = change.merged.clear_there.both(&kept_out);
                    job.report.flags_pushed += u64::from(set != change.merged.set_there || cleared != change.merged.clear_there);
                    job.gap(if kept_out.flags.is_empty() { "keywords" } else { "flags-push" });
                    receipts.agreed.push((change.row.id, change.merged.agreed.without(&set).either(&cleared)));
                }
                Outcome::Refused(why) | Outcome::NoRoom(why) => {
                    job.report.failed.push((change.row.remote.clone(), format!("the server does not change its flags: {why}")));
                }
                // The next listing tells.
                Outcome::Gone | Outcome::Unlisted | Outcome::Moved { .. } | Outcome::Uncertain => {}
            }
        })
        .await?;
    }
    Ok(())
}
