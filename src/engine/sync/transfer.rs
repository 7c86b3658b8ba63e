//! Messages that the user moved here: they move there, too, without an upload.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::backend::{Order, Session};
use crate::engine::fetch::sessions::{costs_session, is_ours};
use crate::engine::fetch::{Job, blocking};
use crate::model::report::PlannedAction;
use crate::model::{FlagState, LocalName, Outcome, Result};
use crate::store::Store;
use crate::store::maildir::dir::Entry;
use crate::store::maildir::finder::Finder;
use crate::store::maildir::keywords::KeywordLetters;
use crate::store::maildir::name::FileName;
use crate::store::state::{Arrival, LinkId, Proof, Standing, SyncRow};

use super::execute::send;
use super::prepare::Looked;
use super::remove::verify;
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
    /// The file's base name.
    pub file: LocalName,
    /// How far it has come.
    pub stage: Stage,
}

/// How far a move has come.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// It is new.
    Move {
        /// Its digest.
        proof: Proof,
    },
    /// An earlier run recorded the intent: the row that is arriving. It has not arrived.
    Again {
        /// That row.
        arriving: LinkId,
    },
    /// It has arrived, and the original is left: a server that moves by halves.
    Arrived {
        /// The row that it has become.
        dest: SyncRow,
    },
}

impl Transfer {
    /// The row that it is to become, where there is one.
    pub fn arriving(&self) -> Option<LinkId> {
        match &self.stage {
            Stage::Move { .. } => None,
            Stage::Again { arriving } => Some(*arriving),
            Stage::Arrived { dest } => Some(dest.id),
        }
    }
}

/// Moves that a stopped run, or a lost answer, left half-way and that cannot be carried on are taken back: the file has left the folder that
/// it was to be moved to, or nothing is known of its arrival any more.
pub(super) async fn undo_vain(store: &Arc<Store>) -> Result<()> {
    blocking(store, |store| {
        let under_way = store.state().under_way(None)?;
        let folders = store.state().folders()?;
        let mut scans: HashMap<i64, Option<HashMap<String, Entry>>> = HashMap::new();
        let mut vain = Vec::new();
        for (_, row) in &under_way {
            let Standing::Moving { dest } = row.standing else { continue };
            let dest = store.state().row(dest)?;
            let lives = match dest {
                Some((_, dest)) if dest.standing == Standing::Linked => true,
                Some((folder, dest)) if dest.standing == Standing::Arriving => {
                    let dir = folders.iter().find(|f| f.id == folder).map(|f| &f.dir);
                    let open = dir.map_or(Ok(None), |dir| store.open_folder(dir))?;
                    let there = match (&open, scans.entry(folder)) {
                        (_, MapEntry::Occupied(known)) => known.into_mut(),
                        (Some(open), MapEntry::Vacant(new)) => new.insert(Some(open.scan()?)),
                        (None, MapEntry::Vacant(new)) => new.insert(None),
                    };
                    // A directory that is not there is the guard's to judge. A file may have been renamed while it was read.
                    there.as_ref().is_none_or(|files| files.contains_key(&*dest.name.0))
                        || open.map_or(Ok(None), |open| open.find(&dest.name.0))?.is_some()
                }
                _ => false,
            };
            if !lives {
                vain.push(row.id);
            }
        }
        if !vain.is_empty() {
            store.state().undo_moves(&vain)?;
            store.step("commit-move");
        }
        Ok(())
    })
    .await
}

/// Moves that a stopped run, or a lost answer, left half-way, and that are carried on.
pub(super) async fn begun(store: &Arc<Store>, all: &[Looked]) -> Result<Vec<Transfer>> {
    let index: HashMap<i64, usize> = all.iter().enumerate().filter(|(_, l)| !l.job.absent).map(|(n, l)| (l.job.row.id, n)).collect();
    let under_way = blocking(store, |store| {
        let moving = store.state().under_way(None)?.into_iter();
        let with_dest = moving.filter_map(|(folder, row)| match row.standing {
            Standing::Moving { dest } => Some(store.state().row(dest).map(|dest| (folder, row, dest))),
            _ => None,
        });
        with_dest.collect::<Result<Vec<_>>>()
    })
    .await?;
    let transfers = under_way.into_iter().filter_map(|(folder, row, dest)| {
        let (to, dest) = dest?;
        let (from, to) = (*index.get(&folder)?, *index.get(&to)?);
        let file = dest.name.clone();
        let stage = if dest.standing == Standing::Arriving { Stage::Again { arriving: dest.id } } else { Stage::Arrived { dest } };
        Some(Transfer { from, to, row, file, stage })
    });
    Ok(transfers.collect())
}

/// For a dry run.
pub(super) fn actions(transfers: &[Transfer], jobs: &[Job]) -> Vec<PlannedAction> {
    let action = |t: &Transfer| PlannedAction {
        action: "move-there",
        folder: jobs[t.to].row.path.clone(),
        id: Some(t.row.remote.clone()),
        bytes: match &t.stage {
            Stage::Move { proof } => Some(proof.digest.octets),
            _ => None,
        },
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
            let batch = match prove(run, open, works, to, batch).await {
                Ok(batch) => batch,
                Err(error) if is_ours(&error) => return Err(error),
                Err(error) => {
                    if costs_session(&error) {
                        *session = None;
                    }
                    works[from].plan.unfinished = true;
                    works[from].job.fail(error);
                    break;
                }
            };
            if let Err(error) = transfer(run, open, works, (from, to), &batch).await {
                if is_ours(&error) {
                    return Err(error);
                }
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

/// Only what is proven to have arrived may lose its original: what was known again by its header is read once.
async fn prove(run: &Run<'_>, session: &mut Box<dyn Session>, works: &mut [Work], to: usize, batch: &[Transfer]) -> Result<Vec<Transfer>> {
    let weak = |t: &Transfer| match &t.stage {
        Stage::Arrived { dest } if dest.weak => Some(dest.clone()),
        _ => None,
    };
    let rows: Vec<SyncRow> = batch.iter().filter_map(weak).collect();
    if rows.is_empty() {
        return Ok(batch.to_vec());
    }
    let proven = verify(run, session, &mut works[to], rows).await?;
    let proven: HashSet<LinkId> = proven.into_iter().map(|(id, _)| id).collect();
    Ok(batch.iter().filter(|t| weak(t).is_none_or(|dest| proven.contains(&dest.id))).cloned().collect())
}

async fn transfer(
    run: &Run<'_>,
    session: &mut Box<dyn Session>,
    works: &mut [Work],
    (from, to): (usize, usize),
    batch: &[Transfer],
) -> Result<()> {
    let (target, remote) = (works[to].job.row.id, works[to].job.row.remote.clone());
    respell(run.store, &works[from].job.row.dir, &works[to].job.row.dir, batch).await?;
    let arrivals: Vec<Arrival> = batch
        .iter()
        .filter_map(|t| {
            let Stage::Move { proof } = &t.stage else { return None };
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
            let made = store.state().intend(target, &arrivals, store.now())?;
            store.step("intend-move");
            Ok(made)
        })
        .await?
    };
    let mut made = made.into_iter();
    // The row that each becomes; `None`: only the original is left to be removed.
    let dest = |t: &Transfer| match &t.stage {
        Stage::Move { .. } => made.next(),
        Stage::Again { arriving } => Some(*arriving),
        Stage::Arrived { .. } => None,
    };
    let dests: Vec<Option<LinkId>> = batch.iter().map(dest).collect();
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
            (Outcome::Moved { .. } | Outcome::Done { .. } | Outcome::Gone | Outcome::Unlisted, dest) => {
                job.report.moved += u64::from(dest.is_some());
                receipts.gone.push(row.id);
                receipts.taken.extend(dest);
            }
            (Outcome::Refused(why) | Outcome::NoRoom(why), dest) => {
                receipts.withdrawn.extend(dest);
                job.report.failed.push((row.remote.clone(), format!("the server does not move it: {why}")));
            }
            (Outcome::Short(_) | Outcome::Uncertain, _) => {}
        }
    })
    .await
}

/// The letters of keywords in one folder mean something else in another: a file that was moved with the letters that it had is given those
/// of its new folder. One that was given others is left as it is.
async fn respell(store: &Arc<Store>, old: &str, new: &str, batch: &[Transfer]) -> Result<()> {
    let is_new = |t: &&Transfer| matches!(t.stage, Stage::Move { .. }) && !t.row.agreed.keywords.is_empty();
    let moved: Vec<(LocalName, FlagState)> = batch.iter().filter(is_new).map(|t| (t.file.clone(), t.row.agreed.clone())).collect();
    if moved.is_empty() {
        return Ok(());
    }
    let (old, new) = (old.to_owned(), new.to_owned());
    blocking(store, move |store| {
        let Some(dir) = store.open_folder(&new)? else { return Ok(()) };
        let had = store.open_folder(&old)?.map_or_else(|| Ok(KeywordLetters::default()), |old| KeywordLetters::load(&old))?;
        let mut letters = KeywordLetters::load(&dir)?;
        // All that was agreed can be spelled there: else what was cleared here would count as a keyword without a letter.
        let spelled: Vec<String> = moved.iter().map(|(_, agreed)| letters.letters(&agreed.keywords)).collect();
        letters.save(&dir)?;
        let mut finder = Finder::new(&dir);
        for ((name, agreed), spelled) in moved.iter().zip(spelled) {
            let Some(entry) = finder.find(name, agreed, &had)? else { continue };
            let now = FileName::parse(&entry.file).letters;
            let (words, flags): (String, String) = now.chars().partition(char::is_ascii_lowercase);
            if words == had.letters_known(&agreed.keywords) && words != spelled {
                let to = Entry { file: format!("{name}:2,{flags}{spelled}"), in_cur: true };
                dir.rename(&entry, &to)?;
            }
        }
        dir.sync()
    })
    .await
}
