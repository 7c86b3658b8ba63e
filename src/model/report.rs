//! What a run did: the source of the JSON summary and of the exit code.

use std::collections::HashSet;
use std::time::Duration;

use super::{Error, FolderPath, Protocol, RemoteId};

/// One folder's part of a run.
#[derive(Debug)]
pub struct FolderReport {
    /// Folder.
    pub folder: FolderPath,
    /// Bodies downloaded and durable.
    pub downloaded: u64,
    /// Messages linked to files that were here already (adopted, re-matched, hard-linked).
    pub linked: u64,
    /// Messages uploaded.
    pub uploaded: u64,
    /// Flag changes taken from the server.
    pub flags_pulled: u64,
    /// Flag changes sent to the server.
    pub flags_pushed: u64,
    /// Messages deleted here.
    pub deleted_here: u64,
    /// Messages deleted there.
    pub deleted_there: u64,
    /// Messages moved.
    pub moved: u64,
    /// Files here that the server does not have.
    pub local_only: u64,
    /// Words of the gaps that kept something from being done.
    pub unsupported: Vec<&'static str>,
    /// Messages that could not be had: id and reason. Each makes exit 1.
    pub failed: Vec<(RemoteId, String)>,
    /// Messages that had failed before, and came.
    pub recovered: Vec<RemoteId>,
    /// What `verify` found.
    pub verified: Option<Verified>,
    /// What stopped the folder.
    pub error: Option<Box<Error>>,
}

/// What a comparison of a folder there with the one here found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Messages there.
    pub there: u64,
    /// Of these, those that are here and do not differ.
    pub intact: u64,
    /// Messages whose bytes were compared.
    pub compared: u64,
}

impl FolderReport {
    /// An empty report.
    pub fn new(folder: FolderPath) -> Self {
        Self {
            folder,
            downloaded: 0,
            linked: 0,
            uploaded: 0,
            flags_pulled: 0,
            flags_pushed: 0,
            deleted_here: 0,
            deleted_there: 0,
            moved: 0,
            local_only: 0,
            unsupported: Vec::new(),
            failed: Vec::new(),
            recovered: Vec::new(),
            verified: None,
            error: None,
        }
    }

    /// Takes in what a later part of the same run did in the same folder.
    pub fn absorb(&mut self, later: Self) {
        let Self { folder: _, downloaded, linked, uploaded, flags_pulled, flags_pushed, deleted_here, deleted_there, moved, .. } = &later;
        self.downloaded += downloaded;
        self.linked += linked;
        self.uploaded += uploaded;
        self.flags_pulled += flags_pulled;
        self.flags_pushed += flags_pushed;
        self.deleted_here += deleted_here;
        self.deleted_there += deleted_there;
        self.moved += moved;
        self.local_only = later.local_only;
        for word in later.unsupported {
            if !self.unsupported.contains(&word) {
                self.unsupported.push(word);
            }
        }
        // What failed before may have been tried again, and told again; or it is not to be had any more.
        let told: HashSet<&RemoteId> = later.recovered.iter().chain(later.failed.iter().map(|(id, _)| id)).collect();
        self.failed.retain(|(id, _)| !told.contains(id));
        self.failed.extend(later.failed);
        self.recovered.extend(later.recovered);
        self.error = self.error.take().or(later.error);
    }

    /// Whether the run changed anything in the Maildir or on the server.
    pub fn changed(&self) -> bool {
        self.downloaded
            + self.linked
            + self.uploaded
            + self.flags_pulled
            + self.flags_pushed
            + self.deleted_here
            + self.deleted_there
            + self.moved
            > 0
    }
}

/// One decision of a plan, as `--dry-run` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedAction {
    /// Stable word: `download`, `link`, `delete-there`, `create-folder`, …
    pub action: &'static str,
    /// Folder.
    pub folder: FolderPath,
    /// The message's id there, where the action is about one message.
    pub id: Option<RemoteId>,
    /// Octets that it moves, as announced.
    pub bytes: Option<u64>,
}

/// One account's part of a run.
#[derive(Debug)]
#[must_use]
pub struct AccountReport {
    /// Configured name.
    pub name: String,
    /// Protocol.
    pub protocol: Protocol,
    /// How long it took.
    pub duration: Duration,
    /// Protocol octets received, inside TLS.
    pub bytes_in: u64,
    /// Protocol octets sent, inside TLS.
    pub bytes_out: u64,
    /// How often the direction turned from sending to receiving.
    pub round_trips: u64,
    /// Folders that took part, in the server's order.
    pub folders: Vec<FolderReport>,
    /// The plan of a dry run.
    pub plan: Option<Vec<PlannedAction>>,
    /// What stopped the account.
    pub error: Option<Box<Error>>,
}

impl AccountReport {
    /// An empty report.
    pub fn new(name: impl Into<String>, protocol: Protocol) -> Self {
        Self {
            name: name.into(),
            protocol,
            duration: Duration::ZERO,
            bytes_in: 0,
            bytes_out: 0,
            round_trips: 0,
            folders: Vec::new(),
            plan: None,
            error: None,
        }
    }

    /// Whether everything asked for was done.
    pub fn ok(&self) -> bool {
        self.error.is_none() && self.folders.iter().all(|f| f.error.is_none() && f.failed.is_empty())
    }

    /// Whether the run changed anything.
    pub fn changed(&self) -> bool {
        self.folders.iter().any(FolderReport::changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_in_one_part_of_a_run_stays_failed_until_it_comes() {
        let id = |id: &str| RemoteId(id.into());
        let part = |failed: &[&str], recovered: &[&str]| FolderReport {
            failed: failed.iter().map(|one| (id(one), "refused".into())).collect(),
            recovered: recovered.iter().map(|one| id(one)).collect(),
            ..FolderReport::new(FolderPath::inbox())
        };
        let mut report = part(&["a", "b", "c"], &[]);
        report.absorb(part(&["b"], &["c"]));
        let failed: Vec<&str> = report.failed.iter().map(|(id, _)| &*id.0).collect();
        assert_eq!(failed, ["a", "b"]);
        report.absorb(part(&[], &["a"]));
        assert_eq!(report.failed.len(), 1);
    }
}
