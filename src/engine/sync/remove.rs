//! Deletions: there by the account's policy, here into the area where they are kept for a while.

use std::collections::{HashMap, HashSet};

use crate::backend::{Order, Session};
use crate::engine::fetch::blocking;
use crate::engine::fetch::strengthen::{Strengthened, strengthen};
use crate::model::caps::Moves;
use crate::model::{Caps, FlagState, FolderId, LocalName, Outcome, RemoteId, Result};
use crate::store::maildir::digest::Digest;
use crate::store::state::{Doubtful, LinkId, SyncRow};

use super::execute::send;
use super::{BATCH, Expunge, Run, Work};

/// Deletes there what was deleted here. Messages that were matched without their bodies come last: one that costs the connection keeps
/// nobody else from going.
pub(super) async fn there(run: &Run<'_>, session: &mut Box<dyn Session>, work: &mut Work) -> Result<()> {
    let deletions = std::mem::take(&mut work.plan.delete_there);
    delete(run, session, work, deletions).await?;
    let doubted = std::mem::take(&mut work.plan.doubted);
    if doubted.is_empty() {
        return Ok(());
    }
    // Only what is proven to be the same may go.
    let proven = verify(run, session, work, doubted).await?;
    delete(run, session, work, proven).await
}

async fn delete(run: &Run<'_>, session: &mut Box<dyn Session>, work: &mut Work, deletions: Vec<(LinkId, RemoteId)>) -> Result<()> {
    let trash = run.trash.clone().filter(|trash| run.options.expunge == Expunge::Trash && *trash != work.job.row.remote);
    let copied = match &trash {
        Some(trash) => copied(run, *session.caps(), trash, &deletions).await?,
        None => HashSet::new(),
    };
    let most = if session.deletes_at_once() { usize::MAX } else { BATCH };
    for batch in deletions.chunks(most) {
        let order = |(row, id): &(LinkId, RemoteId)| match &trash {
            Some(trash) if !copied.contains(row) => Order::Move { id: id.clone(), to: trash.clone() },
            _ => Order::Delete { id: id.clone() },
        };
        let orders = batch.iter().map(order).collect();
        send(run.store, session, &mut work.job, orders, |job, receipts, n, outcome| {
            let (row, id) = &batch[n];
            match outcome {
                Outcome::Done { .. } | Outcome::Moved { .. } => {
                    job.report.deleted_there += 1;
                    receipts.gone.push(*row);
                }
                Outcome::Gone | Outcome::Unlisted => receipts.gone.push(*row),
                Outcome::Refused(why) | Outcome::NoRoom(why) => {
                    job.report.failed.push((id.clone(), format!("the server does not delete it: {why}")));
                }
                // The file is gone here, so the next run asks again.
                Outcome::Short(_) | Outcome::Uncertain => {}
            }
        })
        .await?;
    }
    Ok(())
}

/// Of these messages, those that the trash has already, byte for byte. A server that moves by halves may have copied them there in a run
/// that was cut short; another copy would double them.
async fn copied(run: &Run<'_>, caps: Caps, trash: &FolderId, deletions: &[(LinkId, RemoteId)]) -> Result<HashSet<LinkId>> {
    if caps.moves != Moves::CopyThenDelete || !caps.delete.now || deletions.is_empty() {
        return Ok(HashSet::new());
    }
    let (trash, ids): (FolderId, Vec<LinkId>) = (trash.clone(), deletions.iter().map(|(id, _)| *id).collect());
    blocking(run.store, move |store| {
        let state = store.state();
        let there = state.identities(&trash)?;
        let proofs = state.proofs(&ids)?;
        Ok(proofs.into_iter().filter(|p| there.contains(&p.digest.identity)).map(|p| p.id).collect())
    })
    .await
}

/// Reads the bodies of messages of a folder that were matched without them; returns those that are what the file here is or was. Those that
/// cannot be had or cost the connection are named, and keep nobody else from being read.
pub(super) async fn verify(
    run: &Run<'_>,
    session: &mut Box<dyn Session>,
    work: &mut Work,
    rows: Vec<SyncRow>,
) -> Result<Vec<(LinkId, RemoteId)>> {
    let ids: Vec<LinkId> = rows.iter().map(|row| row.id).collect();
    let proofs = blocking(run.store, move |store| store.state().proofs(&ids)).await?;
    let known: HashMap<LinkId, (Digest, u32)> = proofs.into_iter().map(|p| (p.id, (p.digest, p.tries))).collect();
    let doubtful = rows.into_iter().filter_map(|row| {
        let (digest, tries) = *known.get(&row.id)?;
        Some((tries, Doubtful { id: row.id, remote: row.remote, name: row.name, size: Some(digest.octets), digest }))
    });
    let mut doubtful: Vec<(u32, Doubtful)> = doubtful.collect();
    // Those that cost a connection before come last, each alone.
    doubtful.sort_by_key(|(tries, _)| *tries);
    let again = doubtful.split_off(doubtful.partition_point(|(tries, _)| *tries == 0));
    let fresh: Vec<Doubtful> = doubtful.into_iter().map(|(_, d)| d).collect();
    let mut out = Strengthened::default();
    let mut read = strengthen(run.store, &mut **session, run.ctx, &work.job.row, &fresh, &mut out).await;
    for (_, one) in &again {
        if read.is_ok() {
            read = strengthen(run.store, &mut **session, run.ctx, &work.job.row, std::slice::from_ref(one), &mut out).await;
        }
    }
    let doubtful = fresh.into_iter().chain(again.into_iter().map(|(_, d)| d));
    let proven = doubtful.filter(|d| out.proven.contains_key(&d.id)).map(|d| (d.id, d.remote)).collect();
    // What is another message is wanted now: the next run brings it.
    work.plan.unfinished |= !out.different.is_empty();
    for (id, name) in out.different {
        let why = format!("it is not what the file `{name}` holds or held: it stays, and is fetched in the next run");
        work.job.report.failed.push((id, why));
    }
    work.job.report.local_only += out.local_only;
    work.job.report.failed.extend(out.unread);
    read.map(|()| proven)
}

/// Puts by what was deleted there.
pub(super) async fn here(run: &Run<'_>, work: &mut Work) -> Result<()> {
    let deletions = std::mem::take(&mut work.plan.delete_here);
    for batch in deletions.chunks(BATCH) {
        let (dir, batch) = (work.job.row.dir.clone(), batch.to_vec());
        work.job.report.deleted_here += blocking(run.store, move |store| {
            let (rows, messages): (Vec<LinkId>, Vec<(LocalName, FlagState)>) = batch.into_iter().unzip();
            let mut count = 0;
            if let Some(dir) = store.open_folder(&dir)? {
                count = store.put_by(&dir, &messages, store.now())?;
                store.step("put-by");
                dir.sync()?;
            }
            store.step("sync-directories");
            store.state().forget(&rows)?;
            store.step("commit-deletion");
            Ok(count)
        })
        .await?;
    }
    Ok(())
}
