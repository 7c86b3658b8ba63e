//! Messages that the user moved here: they move there, too, without an upload.

use std::collections::BTreeMap;

use crate::backend::{Order, Session};
use crate::engine::fetch::sessions::costs_session;
use crate::engine::fetch::{Job, blocking};
use crate::model::report::PlannedAction;
use crate::model::{LocalName, Outcome, Result};
use crate::store::root;
use crate::store::state::{Arrival, LinkId, Proof, SyncRow};

use super::execute::send;
use super::{BATCH, Run, Work};

/// A message whose file lies in another folder now.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    /// Index of the folder that it is in there.
    pub from: usize,
    /// Index of the folder that its file is in.
    pub to: usize,
    /// Its row there.
    pub row: SyncRow,
    /// Its digest; `None` where the intent was recorded before.
    pub proof: Option<Proof>,
    /// The file's base name.
    pub file: LocalName,
    /// Where the intent was recorded before: the row that is arriving. Without it, the message has arrived, and the original is left.
    pub arriving: Option<LinkId>,
}

/// For a dry run.
pub(super) fn actions(transfers: &[Transfer], jobs: &[Job]) -> Vec<PlannedAction> {
    let action = |t: &Transfer| PlannedAction {
        action: "move-there",
        folder: jobs[t.to].row.path.clone(),
        id: Some(t.row.remote.clone()),
        bytes: t.proof.as_ref().map(|p| p.digest.octets),
    };
    transfers.iter().map(action).collect()
}

/// Carries them out, a pair of folders at a time.
pub(super) async fn carry_out(
    run: &Run<'_>,
    session: &mut Option<Box<dyn Session>>,
    works: &mut [Work],
    transfers: Vec<Transfer>,
) -> Result<()> {
    let mut groups: BTreeMap<(usize, usize), Vec<Transfer>> = BTreeMap::new();
    for transfer in transfers {
        groups.entry((transfer.from, transfer.to)).or_default().push(transfer);
    }
    for ((from, to), group) in groups {
        for batch in group.chunks(BATCH) {
            if run.ctx.cancel.is_cancelled() {
                return Ok(());
            }
            let open = run.open(session).await?;
            if let Err(error) = transfer(run, open, works, (from, to), batch).await {
                if costs_session(&error) {
                    *session = None;
                }
                works[from].plan.unfinished = true;
                works[from].job.fail(error);
                break;
            }
        }
    }
    Ok(())
}

async fn transfer(
    run: &Run<'_>,
    session: &mut Box<dyn Session>,
    works: &mut [Work],
    (from, to): (usize, usize),
    batch: &[Transfer],
) -> Result<()> {
    let (target, remote) = (works[to].job.row.id, works[to].job.row.remote.clone());
    let arrivals: Vec<Arrival> = batch
        .iter()
        .filter_map(|t| {
            let proof = t.proof.as_ref()?;
            Some(Arrival {
                name: t.file.clone(),
                digest: proof.digest,
                flags: t.row.agreed.clone(),
                date: proof.date,
                from: Some(t.row.id),
            })
        })
        .collect();
    let made = if arrivals.is_empty() {
        Vec::new()
    } else {
        blocking(run.store, move |store| {
            let made = store.state().intend(target, &arrivals, root::now())?;
            store.step("intend-move");
            Ok(made)
        })
        .await?
    };
    let mut made = made.into_iter();
    // The row that each becomes; `None`: only the original is left to be removed.
    let dests: Vec<Option<LinkId>> = batch.iter().map(|t| if t.proof.is_some() { made.next() } else { t.arriving }).collect();
    let orders = batch.iter().zip(&dests).map(|(t, dest)| match dest {
        Some(_) => Order::Move { id: t.row.remote.clone(), to: remote.clone() },
        None => Order::Delete { id: t.row.remote.clone() },
    });
    let orders = orders.collect();
    works[to].plan.unfinished = true;
    send(run.store, session, &mut works[from].job, orders, |job, receipts, n, outcome| {
        let (row, dest) = (&batch[n].row, dests[n]);
        match (outcome, dest) {
            (Outcome::Moved { id: Some(id), .. } | Outcome::Done { id: Some(id) }, Some(dest)) => {
                job.report.moved += 1;
                receipts.arrived.push((dest, id));
            }
            // It has left; where it is now, the next listing tells.
            (Outcome::Moved { .. } | Outcome::Done { .. } | Outcome::Gone, dest) => {
                job.report.moved += u64::from(dest.is_some());
                receipts.gone.push(row.id);
            }
            (Outcome::Refused(why) | Outcome::NoRoom(why), dest) => {
                receipts.withdrawn.extend(dest);
                job.report.failed.push((row.remote.clone(), format!("the server does not move it: {why}")));
            }
            (Outcome::Short(_) | Outcome::Marked | Outcome::Uncertain, _) => {}
        }
    })
    .await
}
