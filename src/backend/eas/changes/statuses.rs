//! What the status of a folder does to its listing.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::model::{Change, Class, Error, Fate, Result, Scope};
use crate::wire::eas::{Command, Remedy, Status, SyncStatus};

use super::super::limits;
use super::super::session::{Link, Tries};
use super::settle::settle;
use super::{Look, Page};

impl Link {
    /// Takes what was said of one folder.
    pub(super) async fn end(&mut self, look: &mut Look, page: Page, tries: &mut Tries, n: usize, in_doubt: &mut Vec<usize>) -> Result<()> {
        let Some(end) = page.end else { return Ok(()) };
        match end.status.remedy() {
            Remedy::Done => {
                let Some(key) = end.key else { return Ok(()) };
                if key == "0" {
                    self.restart(look);
                    tries.restarts += 1;
                    if tries.restarts > 3 {
                        look.harvest = Some(Err(self.refused_folder(&look.id, end.status)));
                    }
                    return Ok(());
                }
                if self.begins_anew(look, &page.changes) {
                    return Ok(());
                }
                if page.changes.is_empty() && look.fresh && !look.counted && !end.more {
                    in_doubt.push(n);
                    look.mark.key = key;
                    return Ok(());
                }
                if !end.more {
                    self.idle_pages.remove(&look.id);
                } else if !self.goes_on(&look.id, &page.changes) {
                    let tried = format!("list the folder `{}`", self.name(&look.id));
                    let failed = "the server always has more of it, and gives nothing that is new";
                    look.harvest = Some(Err(Error::new(Class::Protocol, tried, failed).scope(Scope::Folder)));
                    return Ok(());
                }
                look.mark.key = key;
                look.mark.unfinished = end.more && (look.fresh || look.mark.unfinished);
                look.changes = settle(page.changes);
                self.tell_listing(look.changes.len());
                look.harvest = Some(Ok(self.harvest(look, end.more)));
                Ok(())
            }
            Remedy::Restart if !look.fresh => {
                tracing::info!(folder = look.id, status = %end.status, "the key of a folder is void: it is listed from nothing");
                self.restart(look);
                Ok(())
            }
            _ => {
                let one = std::slice::from_mut(look);
                self.cure(end.status, tries, vec![0], one).await
            }
        }
    }

    /// Begins a listing from nothing anew that an earlier session began, and did not end, where a page of the rest has no message; true where
    /// it did. A rehearsal leaves that to the real run: it must not void a key.
    ///
    /// An answer that was lost may have brought what is missing. SOGo takes it for received: for the same key it tells of what it told with the
    /// pages before, and leaves out the rest until something else happens in the folder.
    pub(super) fn begins_anew(&self, look: &mut Look, page: &[Change]) -> bool {
        let resumed = look.mark.unfinished && !self.listed_here(&look.mark);
        if !resumed || self.ctx.rehearsal || page.iter().any(|change| matches!(change, Change::Present(_))) {
            return false;
        }
        tracing::info!(folder = look.id, "its first listing was cut off, and does not go on: it is begun anew");
        self.restart(look);
        true
    }

    /// Whether a listing of which there is more may be on its way to an end: pages may be empty for a while, and must not be the same again
    /// and again.
    fn goes_on(&mut self, folder: &str, page: &[Change]) -> bool {
        let print = print(page);
        let (idle, last) = self.idle_pages.entry(folder.to_owned()).or_default();
        let same = *last == print && !page.is_empty();
        *idle = if page.is_empty() || same { *idle + 1 } else { 0 };
        *last = print;
        *idle <= if same { limits::SAME_PAGES } else { limits::EMPTY_PAGES }
    }

    /// Does what helps against a status that folders were answered with; folders for which nothing helps are given up.
    pub(super) async fn cure(
        &mut self,
        status: Status<SyncStatus>,
        tries: &mut Tries,
        which: Vec<usize>,
        looks: &mut [Look],
    ) -> Result<()> {
        match status.remedy() {
            Remedy::SyncFolders if tries.folder_syncs == 0 => {
                tries.folder_syncs += 1;
                return self.folder_sync().await;
            }
            // A folder that is not there (any more) is nothing to ask for.
            Remedy::Gone if tries.folder_syncs == 0 => {
                tries.folder_syncs += 1;
                self.folder_sync().await?;
                for n in which {
                    if self.node(&looks[n].id).is_none() {
                        looks[n].harvest = Some(Err(self.unanswered(&looks[n].id)));
                    }
                }
                return Ok(());
            }
            Remedy::RestartAll if tries.restarts == 0 => {
                tries.restarts += 1;
                self.forget_all().await?;
                self.folder_sync().await?;
                for n in which {
                    self.restart(&mut looks[n]);
                }
                return Ok(());
            }
            Remedy::Restart if tries.restarts == 0 => {
                tries.restarts += 1;
                for n in which {
                    self.restart(&mut looks[n]);
                }
                return Ok(());
            }
            _ => {}
        }
        match self.recover(Command::Sync, status, tries).await {
            Ok(()) => Ok(()),
            Err(error) if error.scope <= Scope::Folder || error.class == Class::Protocol || is_its_own(status, &which) => {
                for n in which {
                    looks[n].harvest = Some(Err(self.refused_folder(&looks[n].id, status)));
                }
                Ok(())
            }
            // One folder that the server cannot give now keeps no other one back.
            Err(error) if error.class == Class::Temporary && error.fate == Fate::NeedsUser && !self.ctx.cancel.is_cancelled() => {
                for n in which {
                    looks[n].harvest = Some(Err(error.copy().scope(Scope::Folder)));
                }
                tries.waits = 0;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn unanswered(&self, id: &str) -> Box<Error> {
        let tried = format!("list the folder `{}`", self.name(id));
        let error = match self.node(id) {
            Some(_) => Error::new(Class::Protocol, tried, "the server says nothing of it"),
            None => Error::new(Class::Partial, tried, "the server has no such folder (any more)"),
        };
        error.scope(Scope::Folder)
    }

    pub(super) fn refused_folder(&self, id: &str, status: Status<SyncStatus>) -> Box<Error> {
        let class = if matches!(status.remedy(), Remedy::Bug) { Class::Protocol } else { Class::Rejected };
        Error::new(class, format!("list the folder `{}`", self.name(id)), format!("the server answers {status}")).scope(Scope::Folder)
    }
}

/// Whether a status that a person has to do something about is of one folder alone, and costs no other.
fn is_its_own(status: Status<SyncStatus>, which: &[usize]) -> bool {
    status.remedy() == Remedy::TellUser && which.len() == 1
}

/// What tells a page from others.
fn print(page: &[Change]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for change in page {
        (std::mem::discriminant(change), change.id()).hash(&mut hasher);
    }
    hasher.finish()
}

/// How many of `asked` folders are asked for at once after a status of all of them: as many as the server bears; or one, where it is not
/// known which of them is meant. `None`: their number is not to blame.
pub(super) fn fewer(status: Status<SyncStatus>, limit: Option<u32>, asked: usize) -> Option<usize> {
    if asked < 2 {
        return None;
    }
    match status.remedy() {
        // The limit of status 14 is one of time.
        Remedy::ObeyLimit if status == Status::Own(SyncStatus::TooManyFolders) => {
            let half = asked / 2;
            Some(limit.and_then(|most| usize::try_from(most).ok()).map_or(half, |most| most.clamp(1, asked - 1)))
        }
        Remedy::Bug | Remedy::Refuse | Remedy::Gone | Remedy::DoWithout => Some(1),
        _ => None,
    }
}
