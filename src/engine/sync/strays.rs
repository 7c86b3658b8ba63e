//! Files that are not where they were: which of the files that nobody knows they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::fetch::blocking;
use crate::model::{Class, LocalName, Result, Scope};
use crate::store::Store;
use crate::store::maildir::digest::Digest;
use crate::store::maildir::dir::Entry;
use crate::store::maildir::outgoing::{Examined, examine};
use crate::store::state::{FolderRow, LinkId, Proof, Standing, Stored, SyncRow};

use super::here::{LookHere, NewFile, look};
use super::moves::{Found, Lost, pair_here};
use super::prepare::Looked;
use super::second_look::{OfAccount, Worth};
use super::transfer::{Stage, Transfer};

/// What became of files that are not where they were.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// Moved here: they move there, too.
    pub transfers: Vec<Transfer>,
    /// Messages that have left their folder there, and whose files lie elsewhere here: index of the folder, base name.
    pub followed: HashMap<LinkId, (usize, LocalName)>,
    /// Indices of folders with files that come from folders which this run does not compare: they wait for one that does.
    pub waiting: HashSet<usize>,
}

/// Finds them, and takes them out of what is missing and what is unknown.
pub(super) async fn find(store: &Arc<Store>, all: &mut [Looked], account: &OfAccount) -> Result<Strays> {
    let taking: Vec<usize> = (0..all.len()).filter(|n| all[*n].takes_part()).collect();
    let mut strays = among(store, all, &taking).await?;
    strays.waiting = from_others(store, all, &taking, account).await?;
    Ok(strays)
}

/// Finds those that went from one of the folders that this run compares into another one.
async fn among(store: &Arc<Store>, all: &mut [Looked], taking: &[usize]) -> Result<Strays> {
    let mut strays = Strays::default();
    take_in(store, all, taking).await?;
    let lost_anything = taking.iter().any(|n| !all[*n].here.missing.is_empty() || !all[*n].here.local_missing.is_empty());
    if !lost_anything || taking.iter().all(|n| all[*n].here.unknown.is_empty() && all[*n].here.local_only.is_empty()) {
        return Ok(strays);
    }
    let rows: Vec<(usize, SyncRow)> = taking.iter().flat_map(|n| all[*n].here.missing.iter().map(|row| (*n, row.clone()))).collect();
    let local = taking.iter().flat_map(|n| all[*n].here.local_missing.iter().map(|row| row.id));
    let proofs = proofs(store, rows.iter().map(|(_, row)| row.id).chain(local).collect()).await?;
    let lost: Vec<Lost> = rows.iter().map(|(_, row)| lost(row.id, &row.name, &proofs)).collect();
    let mut found = read(store, all, taking, &lost, &proofs).await?;
    let mut pairs: Vec<(usize, usize, LocalName)> =
        pair_here(&lost, &found).into_iter().map(|(l, f)| (l, found[f].folder, found[f].name.clone())).collect();
    claim_back(all, taking, &lost, &mut pairs);
    let used: HashSet<(usize, LocalName)> = pairs.iter().map(|(_, folder, name)| (*folder, name.clone())).collect();
    found.retain(|f| !used.contains(&(f.folder, f.name.clone())));
    // The file of a message that has left its folder there is new, unless the message is found where it went.
    let left = |l: usize, to: usize| rows[l].1.gone && rows[l].0 != to;
    let known: HashSet<(usize, LocalName)> =
        pairs.iter().filter(|(l, to, _)| !left(*l, *to)).map(|(_, to, name)| (*to, name.clone())).collect();
    for n in taking {
        all[*n].here.unknown.retain(|file| !known.contains(&(*n, file.name.clone())));
    }
    rehome(store, all, taking, &found, &proofs).await?;
    let mut renamed: HashMap<LinkId, LocalName> = HashMap::new();
    for (l, to, name) in pairs {
        let (from, row) = &rows[l];
        let proof = proofs.get(&row.id).cloned();
        if *from == to {
            renamed.insert(row.id, name);
        } else if row.gone {
            strays.followed.insert(row.id, (to, name));
        } else if let Some(proof) = proof {
            strays.transfers.push(Transfer { from: *from, to, row: row.clone(), file: name, stage: Stage::Move { proof } });
        }
    }
    for n in taking {
        all[*n].rename(&renamed);
    }
    Ok(strays)
}

/// Files that nobody knows and that have left folders which this run does not compare are not new. Takes them out, and returns the indices
/// of the folders that they are in.
async fn from_others(store: &Arc<Store>, all: &mut [Looked], taking: &[usize], account: &OfAccount) -> Result<HashSet<usize>> {
    if taking.iter().all(|n| all[*n].here.unknown.is_empty()) {
        return Ok(HashSet::new());
    }
    let (compared, account): (HashSet<i64>, OfAccount) = (taking.iter().map(|n| all[*n].job.row.id).collect(), account.clone());
    let rows = blocking(store, move |store| {
        let others = store.state().folders()?.into_iter().filter(|row| !compared.contains(&row.id) && account.takes(&row.path, row.role));
        let mut missing = Vec::new();
        for row in others {
            missing.extend(missing_in(store, &row)?);
        }
        Ok(missing)
    })
    .await?;
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let proofs = proofs(store, rows.iter().map(|(id, _)| *id).collect()).await?;
    let lost: Vec<Lost> = rows.iter().map(|(id, name)| lost(*id, name, &proofs)).collect();
    let found = read(store, all, taking, &lost, &proofs).await?;
    let waiting: HashSet<(usize, LocalName)> =
        pair_here(&lost, &found).into_iter().map(|(_, f)| (found[f].folder, found[f].name.clone())).collect();
    for n in taking {
        all[*n].here.unknown.retain(|file| !waiting.contains(&(*n, file.name.clone())));
    }
    Ok(waiting.into_iter().map(|(n, _)| n).collect())
}

/// Messages whose files are not in their folder; of one that cannot be looked at, all may be elsewhere.
fn missing_in(store: &Store, row: &FolderRow) -> Result<Vec<(LinkId, LocalName)>> {
    match look(store, row) {
        Ok(LookHere::Read(here)) => {
            let missing = here.missing.into_iter().map(|row| (row.id, row.name));
            Ok(missing.chain(here.local_missing.into_iter().map(|row| (row.id, row.name))).collect())
        }
        Ok(LookHere::Unchanged) => Ok(Vec::new()),
        Err(error) if error.class != Class::LocalCorrupt || error.scope >= Scope::Account => Err(error),
        Ok(LookHere::Missing | LookHere::Replaced) | Err(_) => {
            let mut all = Vec::new();
            store.state().each_row(row.id, &mut |row| {
                if matches!(row.standing, Standing::Linked | Standing::LocalOnly) {
                    all.push((row.id, row.name));
                }
            })?;
            Ok(all)
        }
    }
}

/// A run that died had downloaded a message and not recorded it yet, and its file has been moved since: it lies in another folder under
/// the name that was reserved for it. It is recorded now, and followed as any other that was moved.
async fn take_in(store: &Arc<Store>, all: &mut [Looked], taking: &[usize]) -> Result<()> {
    let places: HashMap<i64, usize> = taking.iter().map(|n| (all[*n].job.row.id, *n)).collect();
    let unknown = |n: usize| all[n].here.unknown.iter().map(move |file| (file.name.clone(), (n, file.entry.clone())));
    let mut files: HashMap<LocalName, (usize, Entry)> = taking.iter().filter(|n| !all[**n].job.absent).flat_map(|n| unknown(*n)).collect();
    // A name that was promised to a message of the server for a file that was to follow it is that file's.
    for row in taking.iter().flat_map(|n| &all[*n].here.missing) {
        files.remove(&row.name);
    }
    if files.is_empty() {
        return Ok(());
    }
    let names: HashSet<LocalName> = files.keys().cloned().collect();
    let wanted = blocking(store, move |store| store.state().wanted_named(&names)).await?;
    for (folder, id, name) in wanted {
        let (Some(from), Some((lies, entry))) = (places.get(&folder).copied(), files.get(&name).cloned()) else { continue };
        let dir = all[lies].job.row.dir.clone();
        if from == lies {
            continue;
        }
        let row = blocking(store, move |store| {
            let Some(dir) = store.open_folder(&dir)? else { return Ok(None) };
            let Examined::Mail { digest, .. } = examine(&dir, &entry)? else { return Ok(None) };
            store.make_durable(&dir, &[&entry])?;
            let stored = Stored { id, name: None, digest: *digest, replaces: Vec::new(), keeps_doubt: true };
            store.state().mark_stored(&[stored], store.now())?;
            store.step("commit-stored");
            store.state().row(id)
        })
        .await?;
        all[from].here.missing.extend(row.map(|(_, row)| row));
    }
    Ok(())
}

async fn proofs(store: &Arc<Store>, ids: Vec<LinkId>) -> Result<HashMap<LinkId, Proof>> {
    let proofs = blocking(store, move |store| store.state().proofs(&ids)).await?;
    Ok(proofs.into_iter().map(|proof| (proof.id, proof)).collect())
}

fn lost(id: LinkId, name: &LocalName, proofs: &HashMap<LinkId, Proof>) -> Lost {
    Lost { id, name: name.clone(), identity: proofs.get(&id).map(|p| p.digest.identity) }
}

/// What is known of the files that nobody knows: those without a name that is looked for are read, where their size may be that of a
/// message that is looked for.
async fn read(store: &Arc<Store>, all: &[Looked], taking: &[usize], lost: &[Lost], proofs: &HashMap<LinkId, Proof>) -> Result<Vec<Found>> {
    let (mut found, names) = (Vec::new(), lost.iter().map(|l| l.name.clone()).collect::<HashSet<LocalName>>());
    let sought = Arc::new((names, Worth::of(proofs.values(), None)));
    for n in taking.iter().filter(|n| !all[**n].job.absent) {
        let (dir, unknown, sought) = (all[*n].job.row.dir.clone(), all[*n].here.unknown.clone(), sought.clone());
        let digests = blocking(store, move |store| {
            let Some(dir) = store.open_folder(&dir)? else { return Ok(unknown.iter().map(|_| Vec::new()).collect()) };
            let digest = |file: &NewFile| -> Result<Vec<Digest>> {
                let (names, worth) = &*sought;
                if names.contains(&file.name) || !worth.reading(&dir, &file.entry) {
                    return Ok(Vec::new());
                }
                Ok(match examine(&dir, &file.entry)? {
                    Examined::Mail { digest, bare, .. } => std::iter::once(*digest).chain(bare.map(|d| *d)).collect(),
                    _ => Vec::new(),
                })
            };
            unknown.iter().map(digest).collect::<Result<Vec<_>>>()
        })
        .await?;
        let unknown = all[*n].here.unknown.iter().zip(digests);
        found.extend(unknown.map(|(file, digests)| Found { folder: *n, name: file.name.clone(), digests }));
    }
    Ok(found)
}

/// A file that came back to a folder where it had lived before is not the one that an old row there stands for, but what is missing
/// elsewhere: names are unique.
fn claim_back(all: &[Looked], taking: &[usize], lost: &[Lost], pairs: &mut Vec<(usize, usize, LocalName)>) {
    let paired: HashSet<usize> = pairs.iter().map(|(l, ..)| *l).collect();
    let mut rest: HashMap<&LocalName, usize> =
        lost.iter().enumerate().filter(|(l, _)| !paired.contains(l)).map(|(l, lost)| (&lost.name, l)).collect();
    for n in taking.iter().filter(|n| !all[**n].job.absent) {
        for (row, _) in &all[*n].here.local_only {
            if let Some(l) = rest.remove(&row.name) {
                pairs.push((l, *n, row.name.clone()));
            }
        }
    }
}

/// Files of messages that live here only are known wherever they go: they are not new.
async fn rehome(store: &Arc<Store>, all: &mut [Looked], taking: &[usize], found: &[Found], proofs: &HashMap<LinkId, Proof>) -> Result<()> {
    let lost: Vec<Lost> =
        taking.iter().flat_map(|n| all[*n].here.local_missing.iter().map(|row| lost(row.id, &row.name, proofs))).collect();
    if lost.is_empty() || found.is_empty() {
        return Ok(());
    }
    let pairs = pair_here(&lost, found);
    let known: HashSet<(usize, LocalName)> = pairs.iter().map(|(_, f)| (found[*f].folder, found[*f].name.clone())).collect();
    for n in taking {
        all[*n].here.unknown.retain(|file| !known.contains(&(*n, file.name.clone())));
    }
    let strays: Vec<(LinkId, i64, LocalName)> =
        pairs.into_iter().map(|(l, f)| (lost[l].id, all[found[f].folder].job.row.id, found[f].name.clone())).collect();
    if strays.is_empty() {
        return Ok(());
    }
    blocking(store, move |store| {
        store.state().rehome(&strays)?;
        store.step("commit-local-only");
        Ok(())
    })
    .await
}
