//! Messages that are due to go there while it is not certain that they are the files here: which bodies are read first, and what is
//! said of those that must stay.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backend::{Ctx, Session};
use crate::model::Result;
use crate::store::Store;
use crate::store::maildir::digest::Digest;
use crate::store::state::{Doubtful, LinkId, Releasable};

use super::strengthen::{PAGE, Strengthened, strengthen};
use super::{FetchOptions, Job, blocking};

/// Of weakly matched messages, those whose bodies this run reads: what limits downloads limits them, too; `left` counts down.
pub(super) fn to_read(mut weak: Vec<Releasable>, options: &FetchOptions, left: &mut Option<u64>) -> Vec<Releasable> {
    weak.retain(|m| options.max_size.is_none_or(|max| m.size.is_none_or(|size| size <= max)));
    weak.sort_by_key(|m| m.tries);
    if let Some(left) = left {
        weak.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= weak.len() as u64;
    }
    weak
}

/// The pages in which they are read. Those that cost a connection before come last, each alone, so that no number of them keeps the
/// others away.
pub(super) fn pages(sorted: &[Releasable]) -> impl Iterator<Item = &[Releasable]> {
    let (fresh, again) = sorted.split_at(sorted.partition_point(|m| m.tries == 0));
    fresh.chunks(PAGE).chain(again.chunks(1))
}

/// Reads bodies and compares them with the files here; what does not agree is in the folder's report.
pub(super) async fn read(
    store: &Arc<Store>,
    session: &mut dyn Session,
    ctx: &Ctx,
    job: &mut Job,
    messages: &[Releasable],
) -> Result<Strengthened> {
    let doubtful: Vec<Doubtful> = messages.iter().map(Doubtful::from).collect();
    let mut told = Strengthened::default();
    let done = strengthen(store, session, ctx, &job.row, &doubtful, &mut told).await;
    job.report.local_only += told.local_only;
    for (id, name) in told.different.drain(..) {
        let why = format!("it is not what the file `{name}` here holds: both are kept, and it is fetched in the next run");
        job.report.failed.push((id, why));
    }
    for (id, why) in told.unread.drain(..) {
        job.report.failed.push((id, format!("it cannot be compared with the file here, so the server's copy stays: {why}")));
    }
    done.map(|()| told)
}

/// Reads every body of a folder that was taken for a file here without it, whatever becomes of the server's copies. How many came.
pub(in crate::engine) async fn read_weak(
    store: &Arc<Store>,
    session: &mut dyn Session,
    ctx: &Ctx,
    options: &FetchOptions,
    job: &mut Job,
) -> Result<usize> {
    let folder = job.row.id;
    let mut weak = blocking(store, move |store| store.state().releasable(folder, i64::MAX, None)).await?;
    weak.retain(|message| message.weak);
    let mut came = 0;
    for page in pages(&to_read(weak, options, &mut None)) {
        let read = read(store, session, ctx, job, page).await?;
        came += read.proven.len() + read.different.len();
    }
    Ok(came)
}

/// The messages of a folder that [`unsuspected`] is about. Once for many pages: it looks at every row.
pub(super) async fn suspects(store: &Arc<Store>, job: &Job) -> Result<HashSet<LinkId>> {
    let folder = job.row.id;
    blocking(store, move |store| store.state().suspects(folder)).await
}

/// Leaves out `suspects`: messages that came with the very octets of another one that was announced with another size: a server may have mixed them
/// up. Those of an earlier run are asked for again, unless they are among those `read_now`; one that comes as before, and in the size
/// that was announced, is what it should be. `run`: when the downloads of this one began, and now.
#[expect(clippy::too_many_arguments, reason = "one step of one loop; a struct would only rename them")]
pub(super) async fn unsuspected(
    store: &Arc<Store>,
    session: &mut dyn Session,
    ctx: &Ctx,
    job: &mut Job,
    due: Vec<Releasable>,
    suspects: &HashSet<LinkId>,
    read_now: &HashMap<LinkId, Digest>,
    (began, now): (i64, i64),
) -> Result<Vec<Releasable>> {
    let (doubted, mut good): (Vec<_>, Vec<_>) = due.into_iter().partition(|m| suspects.contains(&m.id));
    // Within one second nobody knows which run it was; and whoever mixed them up just now would do so again.
    let earlier = |m: &Releasable| m.stored_at < began || m.stored_at > now;
    let ask: Vec<Releasable> = doubted.iter().filter(|m| earlier(m) && !read_now.contains_key(&m.id)).cloned().collect();
    let read = read(store, session, ctx, job, &ask).await?;
    for message in doubted {
        let why = match read.proven.get(&message.id).or_else(|| read_now.get(&message.id)) {
            Some(digest) if message.size == Some(digest.octets) => {
                good.push(message);
                continue;
            }
            Some(_) => "it still comes with the very octets of another message, and not in its announced size: look at it there",
            // What became of it is told already, or the run was stopped.
            None if earlier(&message) => continue,
            None => "it came with the very octets of another message of another size: a later run asks for it again",
        };
        job.report.failed.push((message.remote, format!("{why}; the server's copy stays")));
    }
    Ok(good)
}
