//! Servers that list a portion at a time: a run goes on in further sessions until one brings nothing.

use crate::backend::{Ctx, Session};
use crate::model::Result;
use crate::model::report::{AccountReport, FolderReport};

use super::fetch::{FetchOptions, Job, Sessions};

/// Sessions of one run that each bring a portion; a server that always has one more ends here.
const MAX: usize = 1000;

/// Whether another session may list more than this one did.
pub(super) fn may_follow(session: Option<&dyn Session>, options: &FetchOptions, jobs: &[Job]) -> bool {
    // A limit is of the whole run, and was used up.
    let came = options.limit.is_none() && jobs.iter().any(|j| j.report.downloaded > 0);
    came && session.is_some_and(Session::lists_portions)
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
        let whole = part.folders.iter().all(|f| f.error.is_none());
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
