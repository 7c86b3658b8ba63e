//! What helps against a status that is no success.

use crate::model::{Class, Error, Fate, Result, Scope};
use crate::wire::eas::{Command, Known, Remedy, Status};

use super::super::limits;
use super::Link;

/// What a command may cost before it is given up.
#[derive(Debug, Default)]
pub(in crate::backend::eas) struct Tries {
    pub waits: usize,
    pub provisions: u32,
    pub folder_syncs: u32,
    pub restarts: u32,
    pub versions: u32,
}

impl Link {
    /// After a status that is no success: does what helps, so that the request can be sent again; or gives up.
    pub async fn recover<T: Known>(&mut self, command: Command, status: Status<T>, tries: &mut Tries) -> Result<()> {
        let failed = |link: &Self, class| Error::new(class, link.tried(command), format!("the server answers {status}"));
        match status.remedy() {
            Remedy::Done => Ok(()),
            Remedy::Retry | Remedy::BackOff | Remedy::SendAll => match limits::PAUSES.get(tries.waits) {
                Some(pause) => {
                    tries.waits += 1;
                    self.rest(*pause).await
                }
                None => Err(failed(self, Class::Temporary).scope(Scope::Account).fate(Fate::NeedsUser).hint("try again later")),
            },
            Remedy::Provision if tries.provisions == 0 => {
                tries.provisions += 1;
                self.provision().await
            }
            Remedy::Renegotiate if tries.versions == 0 => {
                tries.versions += 1;
                self.options().await
            }
            Remedy::Provision => Err(failed(self, Class::Rejected)
                .scope(Scope::Account)
                .hint("the server does not accept a device that does not enforce its policy: see `mailx policy`")),
            Remedy::LogIn => Err(failed(self, Class::Auth)),
            Remedy::BeLetIn => Err(self.not_let_in(command, &status.to_string())),
            Remedy::TellUser => Err(failed(self, Class::Rejected).scope(Scope::Account)),
            Remedy::Gone | Remedy::TakeTheirs | Remedy::Refuse | Remedy::DoWithout | Remedy::ObeyLimit => {
                Err(failed(self, Class::Rejected).scope(Scope::Folder))
            }
            Remedy::SyncFolders | Remedy::RestartFolders | Remedy::Restart | Remedy::RestartAll => {
                Err(failed(self, Class::Protocol).scope(Scope::Folder))
            }
            Remedy::Renegotiate | Remedy::Relocate | Remedy::Bug => Err(failed(self, Class::Protocol)),
        }
    }
}
