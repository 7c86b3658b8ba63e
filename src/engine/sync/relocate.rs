//! Messages that moved on the server: their files follow them, without a download.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::backend::Session;
use crate::engine::fetch::rematch::headers_of;
use crate::engine::fetch::{Job, blocking};
use crate::engine::merge::{Decision, Here, There, decide};
use crate::model::caps::FlagSupport;
use crate::model::report::PlannedAction;
use crate::model::{FlagState, Flags, LocalName, Result};
use crate::store::Store;
use crate::store::maildir::dir::{Entry, FolderDir};
use crate::store::maildir::finder::Finder;
use crate::store::maildir::keywords::KeywordLetters;
use crate::store::maildir::name::FileName;
use crate::store::state::{LinkId, PendingLink, Relocated, Standing, SyncRow};

use super::Run;
use super::flags::flagged;
use super::moves::Candidates;
use super::prepare::Looked;

/// Wanted messages that are looked at in one reading.
const CHUNK: usize = 2000;

/// A message that went from one folder there and came into another one (or the same, under another id).
#[derive(Debug, Clone)]
pub(super) struct Relocation {
    /// Index of the folder that it was in.
    pub from: usize,
    /// Index of the folder that it is in.
    pub to: usize,
    /// Its row there.
    pub gone: SyncRow,
    /// Its row here.
    wanted: PendingLink,
    /// Matched without its body.
    weak: bool,
}

/// Finds them. `followed`: messages that were moved on this side, too, with the index of the folder and the base name of their files now.
///
/// Where a name is another folder's now (RENAME, then CREATE), the messages of the folder that had it are gone with their ids, and nothing
/// tells of them: what was not matched with the new ones may be in another folder, too.
pub(super) async fn find(
    run: &Run<'_>,
    session: &mut Box<dyn Session>,
    all: &mut [Looked],
    followed: &HashMap<LinkId, (usize, LocalName)>,
) -> Result<Vec<Relocation>> {
    let mut gone: Vec<(usize, SyncRow)> = Vec::new();
    for (n, looked) in all.iter().enumerate().filter(|(_, l)| l.job.report.error.is_none() && l.job.rematched.is_none()) {
        let missing: HashSet<LinkId> = looked.here.missing.iter().map(|row| row.id).collect();
        for row in looked.told.iter().filter(|row| row.gone && row.standing == Standing::Linked) {
            match followed.get(&row.id) {
                Some((folder, name)) => gone.push((*folder, SyncRow { name: name.clone(), ..row.clone() })),
                None if missing.contains(&row.id) => {}
                None => gone.push((n, row.clone())),
            }
        }
    }
    let mut pairs = pair(run, session, all, gone, &HashSet::new()).await?;
    let superseded = superseded(run, all).await?;
    let others = pair(run, session, all, superseded, &wanted(&pairs)).await?;
    // Those of their own folder are left to their bodies.
    pairs.extend(others.into_iter().filter(|r| r.from != r.to));
    for relocation in pairs.iter().filter(|r| followed.contains_key(&r.gone.id)) {
        // Its file is no new one.
        all[relocation.from].here.unknown.retain(|file| file.name != relocation.gone.name);
    }
    Ok(pairs)
}

/// Messages whose ids became void, and that nothing of their folder was matched with; none where they can be nothing that is wanted.
async fn superseded(run: &Run<'_>, all: &[Looked]) -> Result<Vec<(usize, SyncRow)>> {
    let fit = all.iter().enumerate().filter(|(_, l)| l.job.report.error.is_none() && !l.job.absent);
    let folders: Vec<(usize, i64)> = fit.map(|(n, l)| (n, l.job.row.id)).collect();
    blocking(run.store, move |store| {
        let mut found = Vec::new();
        // One folder has no other that they could be in.
        if folders.len() < 2 || store.state().wanted_folders()?.is_empty() {
            return Ok(found);
        }
        for (n, folder) in folders {
            found.extend(store.state().superseded(folder)?.into_iter().map(|row| (n, row)));
        }
        Ok(found)
    })
    .await
}

/// Pairs messages that are gone with wanted ones that are not `taken`: by permanent id, else by size, internal date and header, where that
/// is unique on both sides.
async fn pair(
    run: &Run<'_>,
    session: &mut Box<dyn Session>,
    all: &[Looked],
    gone: Vec<(usize, SyncRow)>,
    taken: &HashSet<LinkId>,
) -> Result<Vec<Relocation>> {
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<LinkId> = gone.iter().map(|(_, row)| row.id).collect();
    let proofs = blocking(run.store, move |store| store.state().proofs(&ids)).await?;
    let sizes: HashSet<u64> = proofs.iter().map(|p| p.digest.octets).collect();
    let permanent: HashSet<_> = proofs.iter().filter_map(|p| p.permanent.clone()).collect();
    let mut wanted: Vec<(usize, PendingLink)> = Vec::new();
    for (n, looked) in all.iter().enumerate().filter(|(_, l)| l.job.report.error.is_none() && !l.job.absent) {
        let (folder, mut after) = (looked.job.row.id, LinkId(0));
        loop {
            let chunk = blocking(run.store, move |store| store.state().wanted(folder, after, CHUNK)).await?;
            let Some(last) = chunk.last() else { break };
            after = last.id;
            let fits = |w: &PendingLink| {
                w.size.is_some_and(|size| sizes.contains(&size)) || w.permanent.as_ref().is_some_and(|id| permanent.contains(id))
            };
            wanted.extend(chunk.into_iter().filter(|link| fits(link) && !taken.contains(&link.id)).map(|link| (n, link)));
        }
    }
    let links: Vec<&PendingLink> = wanted.iter().map(|(_, link)| link).collect();
    let mut candidates = Candidates::new(&proofs, &links);
    let asked = candidates.headers_wanted().into_iter().map(|index| (wanted[index].0, index, wanted[index].1.remote.clone()));
    for (index, header) in headers_of(session, &|folder| &all[folder].job.row, asked).await? {
        candidates.header(index, header);
    }
    let by_id: HashMap<LinkId, (usize, SyncRow)> = gone.into_iter().map(|(from, row)| (row.id, (from, row))).collect();
    let pairs = candidates.pairs().into_iter().filter_map(|(g, w, weak)| {
        let (from, row) = by_id.get(&proofs[g].id)?;
        let (to, link) = &wanted[w];
        Some(Relocation { from: *from, to: *to, gone: row.clone(), wanted: link.clone(), weak })
    });
    Ok(pairs.collect())
}

/// The rows that need no download because of it.
pub(super) fn wanted(relocations: &[Relocation]) -> HashSet<LinkId> {
    relocations.iter().map(|r| r.wanted.id).collect()
}

/// For a dry run.
pub(super) fn actions(relocations: &[Relocation], jobs: &[Job]) -> Vec<PlannedAction> {
    let action = |r: &Relocation| PlannedAction {
        action: "move-here",
        folder: jobs[r.to].row.path.clone(),
        id: Some(r.wanted.remote.clone()),
        bytes: None,
    };
    relocations.iter().map(action).collect()
}

/// Moves the files: intent, renames made durable, receipt.
pub(super) async fn carry_out(run: &Run<'_>, jobs: &mut [Job], relocations: Vec<Relocation>) -> Result<()> {
    let mut groups: BTreeMap<(usize, usize), Vec<Relocation>> = BTreeMap::new();
    for relocation in relocations {
        groups.entry((relocation.from, relocation.to)).or_default().push(relocation);
    }
    for ((from, to), group) in groups {
        if run.ctx.cancel.is_cancelled() {
            return Ok(());
        }
        let (old, (row, new), support) = (jobs[from].row.dir.clone(), (jobs[to].row.id, jobs[to].row.dir.clone()), run.flags);
        let moved = blocking(run.store, move |store| {
            let (Some(old), new) = (store.open_folder(&old)?, store.make_folder(row, &new)?) else { return Ok(0) };
            relocate(store, &old, &new, &group, support)
        })
        .await?;
        jobs[to].report.moved += moved;
        if jobs[from].rematched.is_some() {
            // It was counted among what nothing there was matched with.
            let local_only = &mut jobs[from].report.local_only;
            *local_only = local_only.saturating_sub(moved);
        }
    }
    Ok(())
}

fn relocate(store: &Store, old: &FolderDir, new: &FolderDir, group: &[Relocation], support: FlagSupport) -> Result<u64> {
    let (old_letters, mut letters) = (KeywordLetters::load(old)?, KeywordLetters::load(new)?);
    let mut steps: Vec<(&Relocation, Entry, Entry, Relocated)> = Vec::new();
    let mut names = Vec::new();
    let (mut finder, there) = (Finder::new(old), new.scan()?);
    for relocation in group {
        let row = &relocation.gone;
        let Some(entry) = finder.find(&row.name, &row.agreed, &old_letters)? else { continue };
        // Names are unique, but not everybody's.
        let taken = old.path != new.path && there.contains_key(&*row.name.0);
        let name = if taken { store.names.next() } else { row.name.clone() };
        // What was agreed can be spelled there, too: else a keyword that was cleared here would count as one without a letter.
        letters.letters(&row.agreed.keywords);
        let (to, agreed) = destination(relocation, &entry, &name, (&old_letters, &mut letters), support);
        let receipt = Relocated { wanted: relocation.wanted.id, gone: row.id, agreed, weak: relocation.weak };
        names.push((relocation.wanted.id, name));
        steps.push((relocation, entry, to, receipt));
    }
    letters.save(new)?;
    store.state().intend_relocation(&names)?;
    store.step("intend-move");
    let mut done = Vec::new();
    for (_, from, to, receipt) in steps {
        if old.rename_into(&from, new, &to)? {
            done.push(receipt);
        }
    }
    store.step("rename");
    new.sync()?;
    old.sync()?;
    store.step("sync-directories");
    store.state().relocated(&done)?;
    store.step("commit-move");
    Ok(done.len() as u64)
}

/// The file's new name, with the flags that the server changed meanwhile; and what is agreed then.
fn destination(
    relocation: &Relocation,
    entry: &Entry,
    name: &LocalName,
    (old, new): (&KeywordLetters, &mut KeywordLetters),
    support: FlagSupport,
) -> (Entry, FlagState) {
    let agreed = &relocation.gone.agreed;
    let spelled = FileName::parse(&entry.file).letters;
    let here = FlagState { flags: Flags::from_letters(spelled), keywords: old.keywords(spelled, &agreed.keywords) };
    let there = relocation.wanted.flags.clone();
    let merged = match decide(agreed, &Here::Present(here.clone()), &There::Present(there), support) {
        Decision::Flags(merged) => merged,
        _ => crate::engine::merge::Merged { agreed: agreed.clone(), ..Default::default() },
    };
    // The letters of one folder mean nothing in another: all keywords are spelled anew.
    let keywords = FlagState { keywords: here.keywords, ..FlagState::default() };
    let plain = Entry { file: format!("{name}:2,{}", here.flags.letters()), in_cur: entry.in_cur };
    let plain = if entry.file.contains(":2,") { plain } else { Entry { file: name.0.to_string(), in_cur: entry.in_cur } };
    let to = flagged(&plain, &merged.set_here.either(&keywords), &merged.clear_here, new);
    // What the user changed is still to be told there.
    let agreed = if merged.pushes() { agreed.either(&merged.set_here).without(&merged.clear_here) } else { merged.agreed };
    (to, agreed)
}
