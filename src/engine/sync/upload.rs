//! New files go there: intent, APPEND (or what the protocol has), receipt. An answer that was lost is settled by a listing, never by
//! sending again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::backend::{Order, Session};
use crate::engine::fetch::listing::look_into;
use crate::engine::fetch::sessions::may_retry;
use crate::engine::fetch::{Begun, blocking};
use crate::engine::merge::restrict;
use crate::model::change::Marks;
use crate::model::{Class, Error, FlagState, LocalName, Need, Outcome, RemoteId, Result, Scope};
use crate::store::maildir::dir::Entry;
use crate::store::maildir::outgoing::{Examined, examine};
use crate::store::state::{Arrival, LinkId, Proof, Taken};

use super::execute::send;
use super::here::NewFile;
use super::outgoing::{OutgoingFile, OutgoingFolder};
use super::{Run, Work};

/// Messages of one intent.
const MESSAGES: usize = 256;
/// Octets of one intent: so much may have to be compared after a lost answer.
const OCTETS: u64 = 32 << 20;

/// A message that is about to be sent, its intent recorded.
struct Outbound {
    row: LinkId,
    name: LocalName,
    /// Where its file lay, where that was looked at in this run.
    entry: Option<Entry>,
    octets: u64,
    flags: FlagState,
    date: Option<i64>,
}

/// Sends what is new here in one folder. The next files are read while the last ones are sent.
pub(super) async fn upload(run: &Run<'_>, session: &mut Option<Box<dyn Session>>, work: &mut Work) -> Result<()> {
    let files: VecDeque<NewFile> = std::mem::take(&mut work.plan.uploads).into();
    let mut again = remaining(run, work).await?;
    let mut ahead = read_ahead(run, work, files);
    loop {
        if run.ctx.cancel.is_cancelled() || run.full.load(Relaxed) {
            // What was begun and not sent is sent by the next run.
            work.plan.unfinished = true;
            return Ok(());
        }
        let batch = if again.is_empty() {
            let (examined, rest) = ahead.done().await?;
            if examined.is_empty() && rest.is_empty() {
                return Ok(());
            }
            ahead = read_ahead(run, work, rest);
            intend(run, work, examined).await?
        } else {
            std::mem::take(&mut again)
        };
        if batch.is_empty() {
            continue;
        }
        let open = run.open(session).await?;
        match append(run, open, work, &batch).await {
            Ok(()) => {}
            Err(error) if may_retry(&error) => {
                // Which of them arrived, only a listing can tell; the others are sent once more, on a new connection.
                *session = None;
                let open = session.insert(run.sessions.reopen(error).await?);
                look_for(run, open, std::slice::from_mut(work)).await?;
                if work.job.rematched.is_some() || work.job.passing_ids {
                    // Another epoch: what was known of the folder has been matched again, and nothing is sent in such a run.
                    work.plan.unfinished = true;
                    return Ok(());
                }
                let rest = still_arriving(run, batch).await?;
                if !rest.is_empty() {
                    append(run, open, work, &rest).await?;
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// What an earlier run began to send, and the listing of this one did not show.
async fn remaining(run: &Run<'_>, work: &mut Work) -> Result<Vec<Outbound>> {
    let rows = std::mem::take(&mut work.plan.again);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<LinkId> = rows.iter().map(|row| row.id).collect();
    let proofs = blocking(run.store, move |store| store.state().proofs(&ids)).await?;
    let proofs: HashMap<LinkId, Proof> = proofs.into_iter().map(|proof| (proof.id, proof)).collect();
    // A move would have taken all flags along; what is sent has those that the server can keep, as any new message has.
    let (mut outbound, mut short) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let Some(proof) = proofs.get(&row.id) else { continue };
        let flags = restrict(&row.agreed, run.flags.push, run.flags.keywords);
        if flags != row.agreed {
            short.push((row.id, flags.clone()));
        }
        outbound.push(Outbound { row: row.id, name: row.name, entry: None, octets: proof.digest.octets, flags, date: proof.date });
    }
    if !short.is_empty() {
        blocking(run.store, move |store| store.state().agree(&short)).await?;
    }
    still_arriving(run, outbound).await
}

async fn still_arriving(run: &Run<'_>, batch: Vec<Outbound>) -> Result<Vec<Outbound>> {
    blocking(run.store, move |store| {
        let mut rest = Vec::with_capacity(batch.len());
        for outbound in batch {
            if store.state().is_arriving(outbound.row)? == Some(true) {
                rest.push(outbound);
            }
        }
        Ok(rest)
    })
    .await
}

/// Files that were read, and those that were not yet.
type Examinations = (Vec<(NewFile, Examined)>, VecDeque<NewFile>);

/// Starts to read and digest the next files, as many as one intent holds.
fn read_ahead(run: &Run<'_>, work: &Work, mut files: VecDeque<NewFile>) -> Begun<Examinations> {
    let dir = work.job.row.dir.clone();
    Begun::work(run.store, move |store| {
        let (mut examined, mut octets) = (Vec::new(), 0);
        let dir = if files.is_empty() { None } else { store.open_folder(&dir)? };
        let Some(dir) = dir else { return Ok((examined, VecDeque::new())) };
        while examined.len() < MESSAGES && octets < OCTETS {
            let Some(file) = files.pop_front() else { break };
            let mut found = examine(&dir, &file.entry)?;
            if matches!(found, Examined::Gone)
                && let Some(entry) = dir.find(&file.name.0)?
            {
                found = examine(&dir, &entry)?;
            }
            if let Examined::Mail { digest, .. } = &found {
                octets += digest.octets;
            }
            examined.push((file, found));
        }
        let mail = examined.iter().filter(|(_, found)| matches!(found, Examined::Mail { .. }));
        store.make_durable(&dir, &mail.map(|(file, _)| &file.entry).collect::<Vec<_>>())?;
        Ok((examined, files))
    })
}

/// Records the intent to send what was read. What is no mail is named and left alone.
async fn intend(run: &Run<'_>, work: &mut Work, examined: Vec<(NewFile, Examined)>) -> Result<Vec<Outbound>> {
    let mut arrivals: Vec<Arrival> = Vec::with_capacity(examined.len());
    let mut entries: Vec<Entry> = Vec::with_capacity(examined.len());
    for (file, found) in examined {
        match found {
            Examined::Mail { digest, date, .. } => {
                // What the server cannot keep stays here, and is not agreed on.
                let flags = restrict(&file.flags, run.flags.push, run.flags.keywords);
                entries.push(file.entry);
                arrivals.push(Arrival { name: file.name, digest: *digest, flags, date: Some(date), from: None });
            }
            Examined::NotMail(why) => {
                work.job.report.failed.push((RemoteId(file.entry.file.into()), format!("{why}; it was left alone")));
            }
            Examined::Gone => work.plan.unfinished = true,
        }
    }
    if arrivals.is_empty() {
        return Ok(Vec::new());
    }
    let folder = work.job.row.id;
    let (arrivals, rows) = blocking(run.store, move |store| {
        let rows = store.state().intend(folder, &arrivals, store.now())?;
        store.step("intend-upload");
        Ok((arrivals, rows))
    })
    .await?;
    let outbound = arrivals.into_iter().zip(rows).zip(entries).map(|((a, row), entry)| Outbound {
        row,
        name: a.name,
        entry: Some(entry),
        octets: a.digest.octets,
        flags: a.flags,
        date: a.date,
    });
    Ok(outbound.collect())
}

/// Sends a batch whose intents are recorded.
async fn append(run: &Run<'_>, session: &mut Box<dyn Session>, work: &mut Work, batch: &[Outbound]) -> Result<()> {
    let dir = work.job.row.dir.clone();
    let folder = blocking(run.store, move |store| OutgoingFolder::open(store, &dir)).await?.map(Arc::new);
    let orders = batch.iter().map(|b| Order::Append {
        message: Arc::new(OutgoingFile {
            store: run.store.clone(),
            folder: folder.clone(),
            entry: b.entry.clone(),
            name: b.name.clone(),
            flags: b.flags.clone(),
            octets: b.octets,
        }),
        flags: b.flags.clone(),
        date: b.date,
    });
    let orders = orders.collect();
    let mut full = None;
    let sent = send(run.store, session, &mut work.job, orders, |job, receipts, n, outcome| {
        let outbound = &batch[n];
        match outcome {
            Outcome::Done { id: Some(id) } => {
                job.report.uploaded += 1;
                receipts.arrived.push((outbound.row, id));
            }
            // A listing finds its id.
            Outcome::Done { id: None } => {
                job.report.uploaded += 1;
                receipts.taken.push(outbound.row);
            }
            Outcome::Refused(why) => {
                receipts.withdrawn.push(outbound.row);
                job.report.failed.push((RemoteId(outbound.name.0.clone()), format!("the server does not take it: {why}")));
            }
            Outcome::NoRoom(why) => {
                receipts.withdrawn.push(outbound.row);
                full.get_or_insert(why);
            }
            Outcome::Short(_) | Outcome::Gone | Outcome::Unlisted | Outcome::Moved { .. } | Outcome::Uncertain => {}
        }
    })
    .await;
    if let Some(why) = full {
        run.full.store(true, Relaxed);
        work.plan.unfinished = true;
        let tried = format!("upload into the folder `{}`", work.job.row.path);
        work.job.fail(
            Error::new(Class::Partial, tried, format!("there is no space on the server: {why}"))
                .scope(Scope::Folder)
                .safe("the new messages stay here; everything else is done")
                .hint("make space there; the next run sends them"),
        );
    }
    sent
}

/// Lists what came into folders, so that messages on their way there are found.
async fn look_for(run: &Run<'_>, session: &mut Box<dyn Session>, works: &mut [Work]) -> Result<()> {
    for work in works {
        let job = std::slice::from_mut(&mut work.job);
        look_into(run.store, run.sessions, session, run.ctx, job, &[Marks::default()], Need::Additions).await?;
    }
    Ok(())
}

/// At the end of a run: messages that were taken without telling their ids are looked for, so that they are linked.
pub(super) async fn settle(run: &Run<'_>, session: &mut Option<Box<dyn Session>>, works: &mut [Work]) -> Result<()> {
    let under_way = blocking(run.store, |store| store.state().under_way(None)).await?;
    let folders: HashSet<i64> = under_way.into_iter().filter(|(_, row)| row.taken != Taken::InVain).map(|(folder, _)| folder).collect();
    let (Some(open), false) = (session.as_mut(), folders.is_empty()) else { return Ok(()) };
    for work in works.iter_mut().filter(|w| folders.contains(&w.job.row.id) && w.job.report.error.is_none() && !w.job.absent) {
        look_for(run, open, std::slice::from_mut(work)).await?;
        work.plan.unfinished = true;
    }
    Ok(())
}
