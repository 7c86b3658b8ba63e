//! Messages that came shorter than announced are read once more in the next run: what comes as it came before is what the server has,
//! and what comes longer is the better copy. Until then nothing is deleted on the strength of them.

use std::sync::Arc;

use crate::backend::{Ctx, Session};
use crate::engine::reading::{Sent, unread};
use crate::model::{AfterFetch, FlagState, RemoteId, Result};
use crate::store::Store;
use crate::store::state::{Doubtful, Verdicts};

use super::sessions::{Sessions, costs_session};
use super::strengthen::{PAGE, Page, read_page};
use super::{FetchOptions, Job, blocking};

/// Reads those of earlier runs again, in every folder, before anything is decided: what is better now is wanted then, and comes with the
/// other downloads.
pub(in crate::engine) async fn read_again(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: &mut Box<dyn Session>,
    ctx: &Ctx,
    options: &FetchOptions,
    jobs: &mut [Job],
) -> Result<()> {
    if store.is_rehearsal() {
        return Ok(());
    }
    for job in jobs.iter_mut().filter(|j| j.report.error.is_none() && j.rematched.is_none() && !j.absent) {
        let folder = job.row.id;
        let short = blocking(store, move |store| store.state().short(folder)).await?;
        // Those that cost a connection before come last, each alone.
        let (fresh, again) = short.split_at(short.partition_point(|(tries, _)| *tries == 0));
        for page in fresh.chunks(PAGE).chain(again.chunks(1)) {
            if ctx.cancel.is_cancelled() {
                return Ok(());
            }
            let messages: Vec<Doubtful> = page.iter().map(|(_, message)| message.clone()).collect();
            match read(store, &mut **session, ctx, options, job, &messages).await {
                Ok(()) => {}
                // The rest waits for the next run: new mail is more than this.
                Err(error) if costs_session(&error) => {
                    *session = sessions.reopen(error).await?;
                    session.folders().await?;
                    return Ok(());
                }
                Err(error) => {
                    job.fail(error);
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Reads a page of them.
async fn read(
    store: &Arc<Store>,
    session: &mut dyn Session,
    ctx: &Ctx,
    options: &FetchOptions,
    job: &mut Job,
    page: &[Doubtful],
) -> Result<()> {
    let Some(cursor) = job.row.cursor.clone() else { return Ok(()) };
    let Page { sent, missed, blamed, done } = read_page(session, ctx, &job.row, &cursor, page).await;
    if let Err(error) = &done
        && let Some(worst) = page.iter().find(|message| Some(message.id) == blamed)
    {
        job.report.failed.push((worst.remote.clone(), unsettled(&format!("the connection does not survive it: {}", error.failed))));
    }
    // One that is gone there is what it is here: there is nothing to compare it with.
    job.report.failed.extend(missed.into_iter().filter_map(|(i, why)| Some((page[i].remote.clone(), unsettled(&unread(why)?)))));
    let varying = settle(store, job, sent, Verdicts { blamed, ..Verdicts::default() }).await?;
    // Whoever keeps them there loses nothing by it.
    if options.after_fetch != AfterFetch::Keep {
        let why = unsettled("it comes as another one, and no longer, each time");
        job.report.failed.extend(varying.into_iter().map(|id| (id, why.clone())));
    }
    done
}

fn unsettled(why: &str) -> String {
    format!("it came shorter than announced, and may be a part only, so the server's copy stays: {why}")
}

/// Records what a page told: what came in the same octets is settled, what came longer replaces the file here. Returns the
/// others, which stay as they are.
async fn settle(store: &Arc<Store>, job: &Job, sent: Vec<(Doubtful, Sent)>, mut verdicts: Verdicts) -> Result<Vec<RemoteId>> {
    let (mut varying, mut put_by) = (Vec::new(), Vec::new());
    for (message, (now, _)) in sent {
        let before = message.digest;
        if now.wire == before.wire {
            verdicts.proven.push((message.id, before));
        } else if now.octets > before.octets {
            tracing::info!(id = ?message.remote, before = before.octets, now = now.octets, "a message comes longer than before");
            verdicts.disproved.push((message.id, store.names.next()));
            put_by.push((message.name, FlagState::default()));
        } else {
            varying.push(message.remote);
        }
    }
    if verdicts.proven.is_empty() && verdicts.disproved.is_empty() && verdicts.blamed.is_none() {
        return Ok(varying);
    }
    let (folder, dir) = (job.row.id, job.row.dir.clone());
    blocking(store, move |store| {
        // First: a file too many is better than a row that has lost its file, which would look deleted by the user.
        store.state().settle_doubtful(folder, &verdicts, store.now())?;
        store.step("short");
        if let Some(dir) = store.open_folder(&dir)?.filter(|_| !put_by.is_empty()) {
            store.put_by(&dir, &put_by, store.now())?;
            store.step("put-by");
            dir.sync()?;
        }
        Ok(())
    })
    .await?;
    Ok(varying)
}
