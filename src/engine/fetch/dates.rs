//! `--since` where a listing tells no dates: the header blocks of what is wanted tell them, and are asked for once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::backend::{Ctx, Session};
use crate::engine::origin::arrived;
use crate::engine::plan::{DownloadLimits, decide};
use crate::model::{PermanentId, RemoteId, Result};
use crate::store::Store;
use crate::store::state::{LinkId, PendingLink};

use super::rematch::read_headers;
use super::sessions::{Sessions, costs_session, is_ours, may_retry};
use super::{CHUNK, FetchOptions, Job, blocking};

/// Finds the dates of wanted messages that were listed without one, in a run that goes by dates: of so many as other limits let come. Those
/// whose headers tell none stay without.
pub(in crate::engine) async fn find(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: &mut Option<Box<dyn Session>>,
    ctx: &Ctx,
    options: &FetchOptions,
    jobs: &mut [Job],
) -> Result<()> {
    if options.since.is_none() {
        return Ok(());
    }
    let (mut limits, mut seen) = (options.limits(), HashSet::new());
    for job in jobs.iter_mut().filter(|j| j.report.error.is_none() && !j.absent) {
        match folder(store, sessions, session, ctx, job, &mut limits, &mut seen).await {
            Ok(()) => {}
            Err(error) if is_ours(&error) => return Err(error),
            Err(error) => {
                if costs_session(&error) {
                    *session = None;
                }
                job.fail(error);
            }
        }
    }
    Ok(())
}

async fn folder(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: &mut Option<Box<dyn Session>>,
    ctx: &Ctx,
    job: &Job,
    limits: &mut DownloadLimits,
    seen: &mut HashSet<PermanentId>,
) -> Result<()> {
    let (folder, mut after) = (job.row.id, LinkId(0));
    while limits.left != Some(0) && !ctx.cancel.is_cancelled() {
        let mut wanted = blocking(store, move |store| store.state().wanted(folder, after, CHUNK)).await?;
        let Some(last) = wanted.last() else { break };
        after = last.id;
        let small = |link: &PendingLink| limits.max_size.is_none_or(|max| link.size.is_none_or(|size| size <= max));
        let undated: Vec<usize> = (0..wanted.len()).filter(|i| wanted[*i].date.is_none() && small(&wanted[*i])).collect();
        let ids: Vec<RemoteId> = undated.iter().map(|i| wanted[*i].remote.clone()).collect();
        let mut dates = Vec::new();
        for (index, date) in told(sessions, session, job, ids).await? {
            let link = &mut wanted[undated[index]];
            link.date = Some(date);
            dates.push((link.id, date));
        }
        if !dates.is_empty() {
            blocking(store, move |store| store.state().set_dates(&dates)).await?;
        }
        decide(wanted, limits, seen);
    }
    Ok(())
}

/// The dates that the headers of messages tell, by the index of the message.
async fn told(sessions: &Sessions, session: &mut Option<Box<dyn Session>>, job: &Job, ids: Vec<RemoteId>) -> Result<Vec<(usize, i64)>> {
    let Some(cursor) = job.row.cursor.as_ref().filter(|_| !ids.is_empty()) else { return Ok(Vec::new()) };
    loop {
        let mut open = match session.take() {
            Some(open) => open,
            None => sessions.take().await?,
        };
        let read = read_headers(&mut open, &job.row, cursor, ids.clone(), arrived).await;
        match read {
            Ok(headers) => {
                *session = Some(open);
                return Ok(headers.found.into_iter().filter_map(|(index, date)| Some((index, date?))).collect());
            }
            Err(error) if may_retry(&error) => *session = Some(sessions.reopen(error).await?),
            Err(error) => {
                *session = Some(open);
                return Err(error);
            }
        }
    }
}
