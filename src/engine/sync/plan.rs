//! The plan of one folder: every difference of both sides becomes a decision. Pure; the dry run prints it, the real run carries it out.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::engine::merge::{Decision, Here, Merged, There, decide};
use crate::model::caps::{Caps, Identity};
use crate::model::report::PlannedAction;
use crate::model::{FlagState, FolderPath, LocalName, RemoteId};
use crate::store::state::{LinkId, Standing, SyncRow, Taken};

use super::Expunge;
use super::here::{HereChanges, NewFile};

/// Flags of one message that travel.
#[derive(Debug, Clone)]
pub(super) struct FlagChange {
    /// Row.
    pub row: SyncRow,
    /// What is to change.
    pub merged: Merged,
}

/// What is to be done in one folder.
#[derive(Debug, Default)]
pub(super) struct FolderPlan {
    /// Both sides changed alike, or a change cannot travel: only the record changes.
    pub agree: Vec<(LinkId, FlagState)>,
    /// Flags that change here; they may change there, too.
    pub pulls: Vec<FlagChange>,
    /// Flags that change there.
    pub pushes: Vec<FlagChange>,
    /// New files here that go there.
    pub uploads: Vec<NewFile>,
    /// Messages that were on their way there, and that the last listing did not show: they are sent again.
    pub again: Vec<SyncRow>,
    /// Deleted there.
    pub delete_here: Vec<(LinkId, (LocalName, FlagState))>,
    /// Deleted here.
    pub delete_there: Vec<(LinkId, RemoteId)>,
    /// Deleted here, and matched without their bodies: these must be read before the deletion may travel.
    pub doubted: Vec<SyncRow>,
    /// Gone there, and matched without their bodies: they live here only from now on.
    pub keep_here: Vec<LinkId>,
    /// The server took them in an earlier run, and does not show them.
    pub in_vain: Vec<(LinkId, LocalName)>,
    /// Neither side has them.
    pub forget: Vec<LinkId>,
    /// Messages whose files have another base name now.
    pub renamed: Vec<(LinkId, LocalName)>,
    /// Words of gaps that keep something from being done.
    pub gaps: BTreeSet<&'static str>,
    /// Something is left for another run, so the look at the directories must be repeated.
    pub unfinished: bool,
}

/// What a plan may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// What the server can do.
    pub caps: &'a Caps,
    /// How deletions go there.
    pub expunge: Expunge,
    /// Deletions are authorised: the state has seen a run that ended well.
    pub may_delete: bool,
    /// New files are new: none of them can be a message that is matched again in this run.
    pub may_upload: bool,
    /// Of these messages it is not certain that their files are gone.
    pub held_back: &'a HashSet<LinkId>,
    /// The folder is the trash itself, or there is none: a deletion cannot be a move into it.
    pub trash: Trash,
    /// The folder takes new messages.
    pub may_append: bool,
}

/// How the folder stands to the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trash {
    /// There is one, and it is another folder.
    Elsewhere,
    /// It is the trash.
    Itself,
    /// The server has none.
    None,
}

impl FolderPlan {
    /// Plans a folder: `told` are the rows of which the server told something, `here` what is different here, `moved` rows whose
    /// messages moved to another folder on either side and are planned there, `arriving` those that are still on their way.
    pub fn new(told: Vec<SyncRow>, here: HereChanges, arriving: Vec<SyncRow>, moved: &HashSet<LinkId>, rules: &Rules<'_>) -> Self {
        let mut plan = Self::default();
        let lost: HashSet<LinkId> = here.missing_arrivals.iter().map(|row| row.id).collect();
        let arriving = arriving.into_iter().filter(|row| !lost.contains(&row.id));
        // What the server said that it has is not sent again, even if it does not show it.
        let (again, taken): (Vec<SyncRow>, Vec<SyncRow>) = arriving.partition(|row| row.taken == Taken::No);
        plan.in_vain.extend(taken.into_iter().filter(|row| row.taken == Taken::Yes).map(|row| (row.id, row.name)));
        // Their flags may have changed here since the intent, and are compared once they have arrived.
        plan.unfinished |= !again.is_empty();
        if rules.may_upload && rules.may_append {
            plan.again = again;
        } else if rules.may_upload && !again.is_empty() {
            // A move that came to nothing because the original went meanwhile; here it is still.
            plan.gaps.insert("append");
        }
        plan.forget.extend(lost);
        let mut both: HashMap<LinkId, (SyncRow, Here)> = told.into_iter().map(|row| (row.id, (row, Here::Same))).collect();
        for (row, flags) in here.changed {
            both.insert(row.id, (row, Here::Present(flags)));
        }
        for row in here.missing {
            both.insert(row.id, (row, Here::Missing));
        }
        let mut both: Vec<(SyncRow, Here)> = both.into_values().filter(|(row, _)| !moved.contains(&row.id)).collect();
        // In the order of the rows, so that a plan reads and runs the same every time.
        both.sort_unstable_by_key(|(row, _)| row.id);
        for (row, here) in both {
            if row.standing == Standing::Linked {
                plan.decide(row, &here, rules);
            }
        }
        plan.take_new(here.unknown, rules);
        plan
    }

    fn decide(&mut self, row: SyncRow, here: &Here, rules: &Rules<'_>) {
        let there = match (&row.there, row.gone) {
            (_, true) => There::Gone,
            (Some(flags), false) => There::Present(flags.clone()),
            (None, false) => There::Same,
        };
        match decide(&row.agreed, here, &there, rules.caps.flags) {
            Decision::Nothing => {}
            Decision::Forget => self.forget.push(row.id),
            Decision::DeleteHere if !rules.may_delete => self.unfinished = true,
            Decision::DeleteHere if row.weak => self.keep_here.push(row.id),
            Decision::DeleteHere => self.delete_here.push((row.id, (row.name, row.agreed))),
            Decision::DeleteThere => self.delete_there(row, rules),
            Decision::Flags(merged) => self.flags(row, merged),
        }
    }

    fn flags(&mut self, row: SyncRow, merged: Merged) {
        if !merged.stays.flags.is_empty() {
            self.gaps.insert("flags-push");
        }
        if !merged.stays.keywords.is_empty() {
            self.gaps.insert("keywords");
        }
        if merged.pulls() {
            self.pulls.push(FlagChange { row: row.clone(), merged: merged.clone() });
        }
        if merged.pushes() {
            self.pushes.push(FlagChange { row, merged });
        } else if !merged.pulls() && (row.there.is_some() || merged.agreed != row.agreed) {
            self.agree.push((row.id, merged.agreed));
        }
    }

    fn delete_there(&mut self, row: SyncRow, rules: &Rules<'_>) {
        if rules.expunge == Expunge::Never {
            return;
        }
        let to_trash = rules.expunge == Expunge::Trash && rules.trash != Trash::Itself;
        let gap = match rules.caps.delete {
            // Into a trash that is not there: not what was asked for, so it is not done.
            deletes if to_trash && (!deletes.trash || rules.trash == Trash::None) => Some("delete-trash"),
            deletes if !to_trash && !deletes.now && !deletes.trash => Some("delete-now"),
            _ => None,
        };
        match gap {
            Some(word) => {
                self.gaps.insert(word);
            }
            None if !rules.may_delete || rules.held_back.contains(&row.id) => self.unfinished = true,
            // An id that is made of content names no message for sure: its body is read first, as for a weak match.
            None if row.weak || rules.caps.identity == Identity::ByContent => self.doubted.push(row),
            None => self.delete_there.push((row.id, row.remote)),
        }
    }

    fn take_new(&mut self, files: Vec<NewFile>, rules: &Rules<'_>) {
        if files.is_empty() {
            return;
        }
        match (rules.may_upload, rules.may_append) {
            (false, _) => self.unfinished = true,
            (true, true) => self.uploads = files,
            (true, false) => drop(self.gaps.insert("append")),
        }
    }

    /// Whether the server must be asked for something beside uploads.
    pub fn asks_server(&self) -> bool {
        !self.pushes.is_empty() || !self.delete_there.is_empty() || !self.doubted.is_empty()
    }

    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        self.agree.is_empty()
            && self.pulls.is_empty()
            && self.pushes.is_empty()
            && self.uploads.is_empty()
            && self.again.is_empty()
            && self.delete_here.is_empty()
            && self.delete_there.is_empty()
            && self.doubted.is_empty()
            && self.keep_here.is_empty()
            && self.in_vain.is_empty()
            && self.forget.is_empty()
            && self.renamed.is_empty()
    }

    /// The plan of a folder that is left alone.
    pub fn nothing() -> Self {
        Self { unfinished: true, ..Self::default() }
    }

    /// The actions for a dry run.
    pub fn actions(&self, folder: &FolderPath) -> Vec<PlannedAction> {
        let action = |action, id: Option<&RemoteId>| PlannedAction { action, folder: folder.clone(), id: id.cloned(), bytes: None };
        let named = |word, name: &LocalName| PlannedAction { id: Some(RemoteId(name.0.clone())), ..action(word, None) };
        let mut all = Vec::new();
        all.extend(self.pulls.iter().map(|c| action("flags-here", Some(&c.row.remote))));
        all.extend(self.pushes.iter().map(|c| action("flags-there", Some(&c.row.remote))));
        all.extend(self.uploads.iter().map(|f| named("upload", &f.name)));
        all.extend(self.again.iter().map(|row| named("upload", &row.name)));
        all.extend(self.delete_there.iter().map(|(_, id)| action("delete-there", Some(id))));
        all.extend(self.doubted.iter().map(|row| action("verify-there", Some(&row.remote))));
        all.extend(self.delete_here.iter().map(|(_, (name, _))| named("delete-here", name)));
        all
    }
}
