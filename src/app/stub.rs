//! Stand-ins until the application is there.
#![allow(missing_docs, clippy::unused_async)]

use super::{AccountFolders, AccountStatus, FetchRun, Globals, Observers, Target};
use crate::model::{Class, Error, Result};

fn not_yet<T>() -> Result<T> {
    Err(Error::new(Class::Internal, "run", "this part of mailx is not there yet"))
}

pub mod fetch {
    use super::{FetchRun, Globals, Observers, Result, Target, not_yet};
    use crate::model::report::AccountReport;

    pub async fn fetch(_: &Globals, _: &Target, _: &FetchRun, _: &Observers<'_>) -> Result<Vec<AccountReport>> {
        not_yet()
    }
}

pub mod folders {
    use super::{AccountFolders, Globals, Result, Target, not_yet};

    pub async fn folders(_: &Globals, _: &Target, _: &[String]) -> Result<Vec<AccountFolders>> {
        not_yet()
    }
}

pub mod status {
    use super::{AccountStatus, Globals, Result, not_yet};

    pub async fn status(_: &Globals, _: &[String], _: bool) -> Result<Vec<AccountStatus>> {
        not_yet()
    }
}

pub mod probe {
    use super::{Globals, Observers, Result, Target, not_yet};
    use crate::backend::FolderInfo;

    pub async fn probe(_: &Globals, _: &Target, _: &Observers<'_>) -> Result<Vec<(String, Result<Vec<FolderInfo>>)>> {
        not_yet()
    }
}
