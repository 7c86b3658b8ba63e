//! Deletions: there by the account's policy, here into the area where they are kept for a while.

use crate::backend::{Order, Session};
use crate::engine::fetch::blocking;
use crate::engine::fetch::strengthen::{Strengthened, strengthen};
use crate::model::{FlagState, LocalName, Outcome, Result};
use crate::store::root;
use crate::store::state::{Doubtful, LinkId};

use super::execute::send;
use super::{BATCH, Expunge, Run, Work};

/// Deletes there what was deleted here.
pub(super) async fn there(run: &Run<'_>, session: &mut Box<dyn Session>, work: &mut Work) -> Result<()> {
    prove(run, session, work).await?;
    let deletions = std::mem::take(&mut work.plan.delete_there);
    let trash = run.trash.clone().filter(|trash| run.options.expunge == Expunge::Trash && *trash != work.job.row.remote);
    for batch in deletions.chunks(BATCH) {
        let order = |id: &crate::model::RemoteId| match &trash {
            Some(trash) => Order::Move { id: id.clone(), to: trash.clone() },
            None => Order::Delete { id: id.clone() },
        };
        let orders = batch.iter().map(|(_, id)| order(id)).collect();
        send(run.store, session, &mut work.job, orders, |job, receipts, n, outcome| {
            let (row, id) = &batch[n];
            match outcome {
                Outcome::Done { .. } | Outcome::Moved { .. } => {
                    job.report.deleted_there += 1;
                    receipts.gone.push(*row);
                }
                Outcome::Gone => receipts.gone.push(*row),
                Outcome::Refused(why) | Outcome::NoRoom(why) => {
                    job.report.failed.push((id.clone(), format!("the server does not delete it: {why}")));
                }
                // The file is gone here, so the next run asks again.
                Outcome::Short(_) | Outcome::Marked | Outcome::Uncertain => {}
            }
        })
        .await?;
    }
    Ok(())
}

/// Reads the bodies of messages that were deleted here and had been matched without them: only what is proven to be the same may go.
async fn prove(run: &Run<'_>, session: &mut Box<dyn Session>, work: &mut Work) -> Result<()> {
    let doubted = std::mem::take(&mut work.plan.doubted);
    if doubted.is_empty() {
        return Ok(());
    }
    let ids: Vec<LinkId> = doubted.iter().map(|row| row.id).collect();
    let proofs = blocking(run.store, move |store| store.state().proofs(&ids)).await?;
    let doubtful: Vec<Doubtful> = doubted
        .into_iter()
        .filter_map(|row| {
            let digest = proofs.iter().find(|p| p.id == row.id)?.digest;
            Some(Doubtful { id: row.id, remote: row.remote, name: row.name, size: Some(digest.octets), digest })
        })
        .collect();
    let mut out = Strengthened::default();
    let read = strengthen(run.store, &mut **session, run.ctx, &work.job.row, &doubtful, &mut out).await;
    let proven = doubtful.into_iter().filter(|d| out.proven.contains_key(&d.id));
    work.plan.delete_there.extend(proven.map(|d| (d.id, d.remote)));
    // What is another message is wanted now: the next run brings it.
    work.plan.unfinished |= !out.different.is_empty();
    for (id, name) in out.different {
        let why = format!("it is not what the file `{name}` held that was deleted here: it stays, and is fetched in the next run");
        work.job.report.failed.push((id, why));
    }
    work.job.report.local_only += out.local_only;
    work.job.report.failed.extend(out.unread);
    read
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
                count = store.put_by(&dir, &messages, root::now())?;
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
