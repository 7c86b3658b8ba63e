//! Servers that list a portion at a time: a run goes on in further sessions until one brings nothing.

use std::sync::Arc;

use crate::backend::{Ctx, Session};
use crate::model::report::{AccountReport, FolderReport};
use crate::model::{Class, Result};
use crate::store::Store;

use super::fetch::sessions::costs_session;
use super::fetch::{FetchOptions, Job, Sessions, read_weak};

/// Sessions of one run that each bring a portion; a server that always has one more ends here.
const MAX: usize = 1000;

/// Whether another session may list more than this one did. A message makes room for the next ones once it was read, so what was taken for
/// a file here without its body is read now.
pub(super) async fn may_follow(
    store: &Arc<Store>,
    session: &mut Option<Box<dyn Session>>,
    ctx: &Ctx,
    options: &FetchOptions,
    jobs: &mut [Job],
) -> bool {
    // A limit is of the whole run, and was used up.
    let Some(open) = session.as_mut().filter(|s| s.lists_portions() && options.limit.is_none()) else { return false };
    let mut came = false;
    for job in jobs.iter_mut().filter(|job| job.report.error.is_none()) {
        came |= job.report.downloaded + job.report.linked > 0;
        match read_weak(store, &mut **open, ctx, options, job).await {
            Ok(read) => came |= read > 0,
            Err(error) => {
                if costs_session(&error) {
                    *session = None;
                }
                job.fail(error);
                return false;
            }
        }
    }
    came
}

/// What a run has done so far, a portion a session; one portion is all of it almost everywhere.
#[derive(Default)]
pub(super) struct Portions(usize);

impl Portions {
    /// Takes in what a session did. True when the run goes on with another one: `done` says that more may follow, and nothing failed.
    pub async fn go_on(
        &mut self,
        sessions: &Sessions,
        ctx: &Ctx,
        report: &mut AccountReport,
        part: AccountReport,
        done: &Result<bool>,
    ) -> bool {
        // A folder that is nowhere keeps nothing of the others from coming.
        let whole = part.folders.iter().all(|f| f.error.as_ref().is_none_or(|e| e.class == Class::NotFound));
        absorb(&mut report.folders, part.folders);
        report.plan = part.plan;
        self.0 += 1;
        let more = whole && matches!(done, Ok(true)) && self.0 < MAX && !ctx.cancel.is_cancelled();
        if more {
            // The next portion is the next session's.
            sessions.close().await;
        }
        more
    }
}

fn absorb(reports: &mut Vec<FolderReport>, later: Vec<FolderReport>) {
    for report in later {
        match reports.iter_mut().find(|known| known.folder == report.folder) {
            Some(known) => known.absorb(report),
            None => reports.push(report),
        }
    }
}
