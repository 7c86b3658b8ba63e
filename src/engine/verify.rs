//! `verify`: is everything that the server has here, and intact? Looks at both sides and changes neither.
//!
//! The state is a copy in memory, brought up to date as a run would do it. Then every folder is listed from nothing, so that no counter
//! and no cursor of before is believed, and compared message by message; bodies of some or all of them are read and hashed on both sides.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::{Ctx, LookAt, Part, Session, Want};
use crate::model::report::{AccountReport, FolderReport, Verified};
use crate::model::{AfterFetch, Change, Class, Cursor, Error, Event, Fate, LocalName, Need, RemoteId, Result, Scope};
use crate::store::Store;
use crate::store::maildir::digest::{Digest, LineEnds};
use crate::store::state::{Kept, Stock};

use super::fetch::listing::list;
use super::fetch::sessions::{costs_session, is_ours};
use super::fetch::{FetchOptions, Job, Sessions, blocking, finish_report, sum_up, tell_rebuilt};
use super::reading::{Files, Reader, Sent, unread};
use super::select::Patterns;

/// Bodies that are read in one go.
const PAGE: usize = 1000;
/// Pages of one listing; a server that always says "more" ends here.
const MAX_PAGES: usize = 100_000;

/// What is looked at.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Folder patterns, in groups that must all agree.
    pub folders: Vec<Patterns>,
    /// How many of the bodies are read and compared, from 0 (ids and sizes only) to 1 (all).
    pub share: f64,
    /// Where in a folder the choice begins, from 0 to 1: chance, so that another run reads other ones.
    pub offset: f64,
}

/// A message that is not here as it is there, and why.
type Difference = (RemoteId, String);

/// A message that is on both sides as far as ids and sizes tell.
struct Candidate {
    remote: RemoteId,
    name: LocalName,
    size: Option<u64>,
    stock: Stock,
}

/// Compares an account with its Maildir. `store` must be a rehearsing one. What differs is among the failed messages of the report.
pub async fn verify(name: &str, sessions: Sessions, store: Arc<Store>, ctx: Ctx, options: &VerifyOptions) -> AccountReport {
    let begun = Instant::now();
    let mut report = AccountReport::new(name, sessions.protocol());
    let mut jobs = Vec::new();
    let done = run(&store, &sessions, &ctx, options, &mut jobs, &mut report.folders).await;
    let done = sum_up(&store, &sessions, &ctx, &mut jobs, done).await;
    report.folders.extend(jobs.into_iter().map(|job| job.report));
    finish_report(&store, &sessions, &ctx, &mut report, done, begun).await;
    report
}

async fn run(
    store: &Arc<Store>,
    sessions: &Sessions,
    ctx: &Ctx,
    options: &VerifyOptions,
    jobs: &mut Vec<Job>,
    reports: &mut Vec<FolderReport>,
) -> Result<()> {
    let look = FetchOptions {
        folders: options.folders.clone(),
        since: None,
        max_size: None,
        limit: None,
        after_fetch: AfterFetch::Keep,
        allow_mass_delete: None,
    };
    let (session, listed) = list(store, sessions, ctx, &look, reports).await?;
    *jobs = listed;
    tell_rebuilt(store, ctx);
    let mut session = match session {
        Some(session) => session,
        None => sessions.take().await?,
    };
    for job in jobs.iter_mut().filter(|job| job.report.error.is_none()) {
        if ctx.cancel.is_cancelled() {
            break;
        }
        if let Err(error) = folder(store, sessions, &mut session, ctx, options, job).await {
            if is_ours(&error) || costs_session(&error) {
                return Err(error);
            }
            job.fail(error);
        }
        ctx.observer.on(&Event::FolderDone { folder: &job.row.path });
    }
    sessions.put_back(Some(session));
    Ok(())
}

async fn folder(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: &mut Box<dyn Session>,
    ctx: &Ctx,
    options: &VerifyOptions,
    job: &mut Job,
) -> Result<()> {
    let (there, cursor) = if session.relists() {
        list_whole(sessions, session, job).await?
    } else {
        (told(store, job).await?, job.row.cursor.clone().unwrap_or_else(|| Cursor([].into())))
    };
    let (folder, dir) = (job.row.id, job.row.dir.clone());
    let count = there.len() as u64;
    let (candidates, mut differences) = blocking(store, move |store| {
        let mut known: HashMap<RemoteId, Kept> = HashMap::with_capacity(there.len());
        store.state().each_kept(folder, &mut |kept| drop(known.insert(kept.remote.clone(), kept)))?;
        Ok(compare(there, &mut known, &mut Files::of(store.open_folder(&dir)?)))
    })
    .await?;
    let chosen = choose(candidates.len(), options.share, options.offset);
    let mut compared = 0;
    if !chosen.is_empty() {
        let chosen: Vec<&Candidate> = chosen.into_iter().map(|n| &candidates[n]).collect();
        let bytes = chosen.iter().map(|c| c.size.unwrap_or(c.stock.octets)).fold(0, u64::saturating_add);
        ctx.observer.on(&Event::FolderPlanned { folder: &job.row.path, downloads: chosen.len() as u64, bytes });
        for page in chosen.chunks(PAGE) {
            if ctx.cancel.is_cancelled() {
                break;
            }
            compared += read(store, sessions, session, ctx, job, &cursor, page, &mut differences).await?;
        }
    }
    let verified = Verified { there: count, intact: count.saturating_sub(differences.len() as u64), compared };
    job.report.verified = Some(verified);
    job.report.failed.extend(differences);
    Ok(())
}

/// Everything that a folder has there by what the server has told since it was listed from nothing, up to now.
async fn told(store: &Arc<Store>, job: &Job) -> Result<Vec<(RemoteId, Option<u64>)>> {
    let folder = job.row.id;
    blocking(store, move |store| {
        let mut there = Vec::new();
        store.state().each_kept(folder, &mut |kept| {
            if kept.there {
                there.push((kept.remote, None));
            }
        })?;
        Ok(there)
    })
    .await
}

/// Everything that a folder has there, and the cursor that the ids belong to.
async fn list_whole(sessions: &Sessions, session: &mut Box<dyn Session>, job: &Job) -> Result<(Vec<(RemoteId, Option<u64>)>, Cursor)> {
    let wrong = |failed: &str| {
        Err(Error::new(Class::Protocol, format!("list the folder `{}`", job.row.path), failed.to_owned()).scope(Scope::Folder))
    };
    let (mut found, mut cursor): (Vec<(RemoteId, Option<u64>)>, Option<Cursor>) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let at = [LookAt { folder: job.row.remote.clone(), cursor: cursor.clone(), need: Need::Everything }];
        let had = found.len();
        let looked = session
            .changes(&at, &mut |_, change| {
                if let Change::Present(listed) = change {
                    found.push((listed.id, listed.size));
                }
            })
            .await;
        let harvest = match looked {
            Ok(harvests) => match harvests.into_iter().next() {
                Some(harvest) => harvest?,
                None => return wrong("the server says nothing of it"),
            },
            Err(error) => {
                found.truncate(had);
                *session = sessions.reopen(error).await?;
                session.folders().await?;
                continue;
            }
        };
        if harvest.doubtful {
            return wrong("the server's listing contradicts its own counters");
        }
        if !harvest.more {
            return Ok((found, harvest.cursor));
        }
        if harvest.restarted && cursor.is_some() {
            return wrong("the server renumbered it while it was listed");
        }
        cursor = Some(harvest.cursor);
    }
    wrong("the server's listing has no end")
}

/// By ids and sizes: those that are here, and what differs.
fn compare(
    there: Vec<(RemoteId, Option<u64>)>,
    known: &mut HashMap<RemoteId, Kept>,
    files: &mut Files,
) -> (Vec<Candidate>, Vec<Difference>) {
    let (mut candidates, mut differences) = (Vec::with_capacity(there.len()), Vec::new());
    for (remote, size) in there {
        match known.remove(&remote) {
            None | Some(Kept { here: None, .. }) => differences.push((remote, "it is not here".into())),
            Some(Kept { here: Some(stock), name, .. }) => {
                match differs(size, &name, &stock, files).unwrap_or_else(|e| Some(unreadable(&name, &e))) {
                    Some(why) => differences.push((remote, why)),
                    None => candidates.push(Candidate { remote, name, size, stock }),
                }
            }
        }
    }
    (candidates, differences)
}

/// A file that cannot be read is a difference, and the others are compared all the same.
fn unreadable(name: &LocalName, error: &Error) -> String {
    format!("its file `{name}` cannot be read: {}", error.failed)
}

fn differs(size: Option<u64>, name: &LocalName, stock: &Stock, files: &mut Files) -> Result<Option<String>> {
    let Some(length) = files.length(name)? else { return Ok(Some(format!("its file `{name}` is gone"))) };
    if let Some(size) = size.filter(|size| *size != stock.octets) {
        return Ok(Some(format!("it has {size} octets there, and {} here", stock.octets)));
    }
    // A file with LF for CRLF is smaller by one octet a line, and a line has two at least.
    let fits = match stock.line_ends {
        LineEnds::AsSent => length == stock.octets,
        LineEnds::Lf => length <= stock.octets && length >= stock.octets / 2,
    };
    // Another tool may have added a line of its own, and a server may announce another size than it sends.
    if fits || files.digests(name)?.iter().any(|here| here.identity == stock.identity) {
        return Ok(None);
    }
    Ok(Some(format!("its file `{name}` is damaged: it has {length} octets")))
}

/// Evenly spread places among `count`, a `share` of them, at least one.
fn choose(count: usize, share: f64, offset: f64) -> Vec<usize> {
    if share <= 0.0 || count == 0 {
        return Vec::new();
    }
    if share >= 1.0 {
        return (0..count).collect();
    }
    let step = |n: usize| (n as f64).mul_add(share, offset).floor();
    let chosen: Vec<usize> = (0..count).filter(|n| step(n + 1) > step(*n)).collect();
    if chosen.is_empty() { vec![((count as f64 * offset) as usize).min(count - 1)] } else { chosen }
}

/// Reads bodies there and files here, and compares them. Returns how many were compared.
#[expect(clippy::too_many_arguments, reason = "one step of one loop; a struct would only rename them")]
async fn read(
    store: &Arc<Store>,
    sessions: &Sessions,
    session: &mut Box<dyn Session>,
    ctx: &Ctx,
    job: &Job,
    cursor: &Cursor,
    page: &[&Candidate],
    differences: &mut Vec<Difference>,
) -> Result<u64> {
    let mut left: Vec<usize> = (0..page.len()).collect();
    let mut sent: HashMap<usize, Sent> = HashMap::new();
    while !left.is_empty() && !ctx.cancel.is_cancelled() {
        let wants: Vec<Want> = left.iter().map(|n| Want { id: page[*n].remote.clone(), size: page[*n].size }).collect();
        let mut reader = Reader::new(&job.row.path, &*ctx.observer);
        let done = session.fetch(&job.row.remote, cursor, &wants, Part::Whole, &mut reader).await;
        reader.tell();
        let Reader { sent: came, missed, .. } = reader;
        let answered: Vec<usize> = came.keys().copied().chain(missed.iter().map(|(n, _)| *n)).map(|n| left[n]).collect();
        sent.extend(came.into_iter().map(|(n, body)| (left[n], body)));
        for (n, why) in missed {
            let why = unread(why).map_or_else(|| "it went while it was read".to_owned(), |why| format!("it cannot be compared: {why}"));
            differences.push((page[left[n]].remote.clone(), why));
        }
        left.retain(|n| !answered.contains(n));
        match done {
            Ok(()) => break,
            Err(error) if !costs_session(&error) => return Err(error),
            Err(error) => {
                // A message that no connection survives is named, and the others are read.
                if answered.is_empty() && error.fate != Fate::NeedsUser && !left.is_empty() {
                    let worst = left.remove(0);
                    differences.push((page[worst].remote.clone(), format!("it cannot be compared: {}", error.failed)));
                }
                *session = sessions.reopen(error).await?;
                session.folders().await?;
            }
        }
    }
    let compared = sent.len() as u64;
    let files: Vec<(LocalName, Stock, Sent, RemoteId)> =
        sent.into_iter().map(|(n, body)| (page[n].name.clone(), page[n].stock, body, page[n].remote.clone())).collect();
    let dir = job.row.dir.clone();
    let found = blocking(store, move |store| {
        let mut here = Files::of(store.open_folder(&dir)?);
        let differs = files.into_iter().filter_map(|(name, stock, sent, remote)| {
            let why = match here.digests(&name) {
                Ok(digests) => differs_in_bytes(&name, &stock, &sent, &digests),
                Err(error) => Some(unreadable(&name, &error)),
            };
            why.map(|why| (remote, why))
        });
        Ok(differs.collect::<Vec<_>>())
    })
    .await?;
    differences.extend(found);
    Ok(compared)
}

fn differs_in_bytes(name: &LocalName, stock: &Stock, (full, bare): &Sent, here: &[Digest]) -> Option<String> {
    let is_sent = |digest: &Digest| digest.identity == full.identity || bare.as_ref().is_some_and(|b| digest.identity == b.identity);
    if !here.iter().any(is_sent) {
        let whole = here.iter().any(|digest| digest.identity == stock.identity);
        return Some(if whole {
            format!("the server sends other bytes than those of its file `{name}`")
        } else if here.is_empty() {
            format!("its file `{name}` is gone")
        } else {
            format!("its file `{name}` is damaged: it has other bytes than the server sends")
        });
    }
    let as_before = stock.wire.is_none_or(|wire| wire == full.wire);
    (!as_before).then(|| "the server sends it with other line ends than before".to_owned())
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn a_share_is_spread_evenly_and_never_nothing() {
        assert_eq!(choose(1000, 0.0, 0.3), Vec::<usize>::new());
        assert_eq!(choose(0, 0.5, 0.3), Vec::<usize>::new());
        assert_eq!(choose(1000, 1.0, 0.3).len(), 1000);
        assert_eq!(choose(3, 0.05, 0.5), [1]);
        for offset in [0.0, 0.25, 0.99] {
            let chosen = choose(1000, 0.05, offset);
            assert!((49..=51).contains(&chosen.len()), "{}", chosen.len());
            assert!(chosen.windows(2).all(|pair| (19..=21).contains(&(pair[1] - pair[0]))));
        }
    }
}
