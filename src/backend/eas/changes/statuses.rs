//! What the status of a folder does to its listing.

use crate::model::{Class, Error, Fate, Result, Scope};
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
                if page.changes.is_empty() && look.fresh && !look.counted && !end.more {
                    in_doubt.push(n);
                    look.mark.key = key;
                    return Ok(());
                }
                if end.more && page.changes.is_empty() {
                    let empty = self.empty_pages.entry(look.id.clone()).or_default();
                    *empty += 1;
                    if *empty > limits::EMPTY_PAGES {
                        let tried = format!("list the folder `{}`", self.name(&look.id));
                        let failed = "the server always has more of it, and gives nothing";
                        look.harvest = Some(Err(Error::new(Class::Protocol, tried, failed).scope(Scope::Folder)));
                        return Ok(());
                    }
                } else {
                    self.empty_pages.remove(&look.id);
                }
                look.mark.key = key;
                look.changes = settle(page.changes);
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
            Err(error) if error.scope <= Scope::Folder || error.class == Class::Protocol => {
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

/// How many of `asked` folders are asked for at once after a status of all of them: as many as the server bears; or one, where it is not
/// known which of them is meant. `None`: their number is not to blame.
pub(super) fn fewer(status: Status<SyncStatus>, limit: Option<u32>, asked: usize) -> Option<usize> {
    if asked < 2 {
        return None;
    }
    match status.remedy() {
        Remedy::ObeyLimit => {
            let half = asked / 2;
            Some(limit.and_then(|most| usize::try_from(most).ok()).map_or(half, |most| most.clamp(1, asked - 1)))
        }
        Remedy::Bug | Remedy::Refuse | Remedy::Gone | Remedy::DoWithout => Some(1),
        _ => None,
    }
}
