//! After a lost state: messages that were moved here before, and that are in another folder there. Each is known by its header and size,
//! where it is the only one of both; the next sync moves it there, as it would have done with the state.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::backend::Session;
use crate::engine::matching::{Here, There, headers_wanted, longer_headers_wanted, pair};
use crate::model::{LocalName, Result};
use crate::store::Store;
use crate::store::maildir::digest::TOOL_LINE;
use crate::store::state::{LinkId, PendingLink};

use super::rematch::headers_of;
use super::{CHUNK, Job, blocking};

/// A file that nothing there was matched with.
struct File {
    /// Index of its folder.
    folder: usize,
    row: LinkId,
    here: Here,
}

/// Links wanted messages with files of other folders. Only while a new or rebuilt state has not seen a run that ended well: later a file
/// that nothing there was matched with is one that lives here only.
pub(super) async fn link_astray(store: &Arc<Store>, session: &mut Box<dyn Session>, jobs: &mut [Job]) -> Result<()> {
    let taking: Vec<(usize, i64)> =
        jobs.iter().enumerate().filter(|(_, j)| j.report.error.is_none() && !j.absent).map(|(n, j)| (n, j.row.id)).collect();
    let (files, wanted) = blocking(store, move |store| {
        let is_new = store.state().is_rebuilt()? || store.state().last_run()?.success.is_none();
        let files = if is_new { files(store, &taking)? } else { Vec::new() };
        let wanted = if files.is_empty() { Vec::new() } else { wanted(store, &taking, &files)? };
        Ok((files, wanted))
    })
    .await?;
    if wanted.is_empty() {
        return Ok(());
    }
    let here: Vec<Here> = files.iter().map(|file| file.here.clone()).collect();
    let mut there: Vec<There> =
        wanted.iter().map(|(_, link)| There { permanent: link.permanent.clone(), size: link.size, header: None }).collect();
    for which in [headers_wanted, longer_headers_wanted] {
        let asked = which(&here, &there).into_iter().map(|index| (wanted[index].0, index, wanted[index].1.remote.clone()));
        for (index, header) in headers_of(session, &|folder| &jobs[folder].row, asked).await? {
            there[index].header = Some(header);
        }
    }
    let mut pairs: Vec<(LinkId, LinkId)> = Vec::new();
    for p in pair(&here, &there) {
        let (file, (to, link)) = (&files[p.here], &wanted[p.there]);
        // Those of their own folder are left to their bodies.
        if file.folder != *to {
            let local_only = &mut jobs[file.folder].report.local_only;
            *local_only = local_only.saturating_sub(1);
            jobs[*to].report.linked += 1;
            pairs.push((link.id, file.row));
        }
    }
    if pairs.is_empty() {
        return Ok(());
    }
    blocking(store, move |store| {
        store.state().link_astray(&pairs, store.now())?;
        store.step("commit-astray");
        Ok(())
    })
    .await
}

/// What is here and nothing was matched with. A file with lines of other tools has two rows.
fn files(store: &Store, taking: &[(usize, i64)]) -> Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    for (folder, row) in taking {
        let mut places: HashMap<LocalName, usize> = HashMap::new();
        for found in store.state().unmatched(*row)? {
            let place = *places.entry(found.name).or_insert(files.len());
            if let Some(file) = files.get_mut(place) {
                file.here.sizes.push(found.digest.octets);
            } else {
                let here = Here { permanent: None, sizes: vec![found.digest.octets], header: found.digest.header };
                files.push(File { folder: *folder, row: found.id, here });
            }
        }
    }
    Ok(files)
}

/// The wanted messages that may be among the files by their sizes, with the indices of their folders.
fn wanted(store: &Store, taking: &[(usize, i64)], files: &[File]) -> Result<Vec<(usize, PendingLink)>> {
    let sizes: BTreeSet<u64> = files.iter().flat_map(|file| file.here.sizes.iter().copied()).collect();
    let fits = |size: u64| sizes.range(size.saturating_sub(*TOOL_LINE.end())..=size).next().is_some();
    let mut wanted = Vec::new();
    for (folder, row) in taking {
        let mut after = LinkId(0);
        loop {
            let chunk = store.state().wanted(*row, after, CHUNK)?;
            let Some(last) = chunk.last() else { break };
            after = last.id;
            wanted.extend(chunk.into_iter().filter(|link| link.size.is_some_and(fits)).map(|link| (*folder, link)));
        }
    }
    Ok(wanted)
}
