//! Folders that the server renumbers while they are worked on: once is bad luck and the next run's work, in run after run it is a server
//! whose ids name nothing.

use std::sync::Arc;

use crate::model::{Class, Error, Result, Scope};
use crate::store::Store;

use super::{Job, blocking};

/// So many runs in a row are no bad luck any more.
const IN_A_ROW: u32 = 3;

/// Counts runs in a row for each folder, and says it in other words from the third on. `whole`: the run came to its end, so that a
/// folder without an error has been looked after.
pub(super) async fn count(store: &Arc<Store>, jobs: &mut [Job], whole: bool) -> Result<()> {
    let before = blocking(store, |store| store.state().flips()).await?;
    let mut now = before.clone();
    for job in jobs {
        match &mut job.report.error {
            Some(error) if error.is_renumbered() => {
                let runs = now.entry(job.row.id).or_default();
                *runs = runs.saturating_add(1);
                if *runs >= IN_A_ROW {
                    *error = hopeless(std::mem::take(&mut error.tried), *runs);
                }
            }
            None if whole => drop(now.remove(&job.row.id)),
            _ => {}
        }
    }
    if now == before {
        return Ok(());
    }
    blocking(store, move |store| store.state().set_flips(&now)).await
}

fn hopeless(tried: String, runs: u32) -> Box<Error> {
    let failed = format!("the server has renumbered it in the middle of each of the last {runs} runs: ids that change in use name nothing");
    Error::new(Class::Protocol, tried, failed)
        .scope(Scope::Folder)
        .safe("what was stored stays; nothing was deleted")
        .hint("tell whoever runs the server; until it is mended, leave the folder out (`folders = [\"*\", \"!NAME\"]`)")
}
