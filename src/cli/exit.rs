//! The one place that knows exit codes (design: "Output, exit codes").

use crate::app::send::{Settled, State};
use crate::model::report::{AccountReport, FolderReport};
use crate::model::{Class, Error, Verdict};

/// An exit code of mailx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All done.
    pub const OK: Self = Self(0);
    /// Done, but something failed or differs.
    pub const PARTIAL: Self = Self(1);
    /// Refused for safety.
    pub const GUARD: Self = Self(3);
    /// Wrong usage.
    pub const USAGE: Self = Self(64);
    /// A bug in mailx.
    pub const BUG: Self = Self(70);
    /// Try again later.
    pub const AGAIN: Self = Self(75);

    /// Whether all is well.
    pub fn ok(self) -> bool {
        self == Self::OK
    }

    /// This code, or `other` when this one says that all is well.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.ok() { other } else { self }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// The exit code that a class of failure has when nothing else happened.
pub fn of(class: Class) -> Exit {
    Exit(match class {
        Class::Partial => 1,
        Class::Guard => 3,
        Class::Usage => 64,
        Class::BadData => 65,
        Class::NotFound => 66,
        Class::Unavailable | Class::Rejected => 69,
        Class::Internal => 70,
        Class::LocalWrite => 73,
        Class::LocalCorrupt | Class::DiskFull | Class::LocalIo => 74,
        Class::Locked | Class::Temporary => 75,
        Class::Protocol => 76,
        Class::TlsVerify | Class::TlsRequired | Class::Auth => 77,
        Class::Config => 78,
    })
}

/// The exit code of one result.
pub fn of_result<T>(result: &Result<T, Box<Error>>) -> Exit {
    result.as_ref().err().map_or(Exit::OK, |error| of(error.class))
}

/// The exit code of a message that was to be sent. One that is queued is tried again whatever stopped it: a script that takes another code
/// for "send it again" would double it.
pub fn of_message(settled: &Settled, error: Option<&Error>) -> Exit {
    let mut accepted = 0;
    let (mut refused, mut later) = (0, 0);
    for (_, verdict) in &settled.verdicts {
        match verdict {
            Verdict::Uncertain(_) => return Exit::GUARD,
            Verdict::Accepted(_) => accepted += 1,
            Verdict::Refused(_) => refused += 1,
            Verdict::Later(_) => later += 1,
        }
    }
    match (accepted, refused, later, error) {
        (0, 0, 0, Some(error)) if settled.state == Some(State::Queued) && error.class != Class::Guard => Exit::AGAIN,
        (0, 0, 0, Some(error)) if matches!(error.class, Class::Unavailable | Class::Temporary | Class::Locked) => Exit::AGAIN,
        (0, 0, 0, Some(error)) => of(error.class),
        (0, 1.., 0, _) => of(Class::Rejected),
        (_, 1.., _, _) => Exit::PARTIAL,
        (_, 0, 1.., _) => Exit::AGAIN,
        _ => Exit::OK,
    }
}

/// Several results: 3 if any guard stopped something; else, if everything failed alike, that code; else 1.
pub fn combine(results: impl IntoIterator<Item = Exit>) -> Exit {
    let mut results = results.into_iter();
    let Some(first) = results.next() else { return Exit::OK };
    results.fold(first, |all, next| match (all, next) {
        (Exit::GUARD, _) | (_, Exit::GUARD) => Exit::GUARD,
        _ if all == next => all,
        _ => Exit::PARTIAL,
    })
}

/// The exit code of one account's part of a run.
///
/// What stopped the account says it for all that it left undone, whatever arrived before; but not where something else failed, too.
pub fn of_account(report: &AccountReport) -> Exit {
    let folders = combine(report.folders.iter().map(of_folder));
    match &report.error {
        _ if folders == Exit::GUARD => Exit::GUARD,
        None => folders,
        Some(error) => {
            let code = of(error.class);
            let alike = |folder: &FolderReport| folder.failed.is_empty() && folder.error.as_ref().is_none_or(|e| of(e.class) == code);
            if code == Exit::GUARD || report.folders.iter().all(alike) { code } else { Exit::PARTIAL }
        }
    }
}

/// A folder that was stopped after it got something is partly done; messages that failed alone always are.
fn of_folder(report: &FolderReport) -> Exit {
    match &report.error {
        Some(error) if error.class == Class::Guard => Exit::GUARD,
        Some(error) if !report.changed() && report.failed.is_empty() => of(error.class),
        None if report.failed.is_empty() => Exit::OK,
        _ => Exit::PARTIAL,
    }
}

/// The exit code of a run. `interrupted`: a signal ended it, so that accounts which were cut short ("try again later") and those
/// that were done are no difference worth an exit 1.
pub fn of_run(reports: &[AccountReport], interrupted: bool) -> Exit {
    let codes: Vec<Exit> = reports.iter().map(of_account).collect();
    if interrupted && codes.iter().all(|code| matches!(*code, Exit::OK | Exit::AGAIN)) {
        return Exit::AGAIN;
    }
    combine(codes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{FolderPath, Protocol, RemoteId};

    #[test]
    fn every_class_has_the_code_of_the_contract() {
        let codes = [70, 64, 78, 65, 66, 3, 77, 77, 77, 74, 73, 74, 74, 76, 75, 69, 75, 69, 1];
        let got: Vec<u8> = Class::ALL.iter().map(|class| of(*class).0).collect();
        assert_eq!(got, codes);
    }

    #[test]
    fn several_results_combine() {
        for (codes, together) in [
            (&[][..], 0),
            (&[0, 0], 0),
            (&[75], 75),
            (&[75, 75], 75),
            (&[0, 75], 1),
            (&[75, 0], 1),
            (&[69, 77], 1),
            (&[69, 77, 69], 1),
            (&[0, 3], 3),
            (&[3, 77, 0], 3),
            (&[77, 0, 3], 3),
            (&[1, 1], 1),
        ] {
            assert_eq!(combine(codes.iter().map(|c| Exit(*c))).0, together, "{codes:?}");
        }
    }

    fn account(error: Option<Class>, folders: Vec<FolderReport>) -> AccountReport {
        AccountReport {
            name: "a".into(),
            protocol: Protocol::Imap,
            duration: Duration::ZERO,
            bytes_in: 0,
            bytes_out: 0,
            round_trips: 0,
            folders,
            plan: None,
            error: error.map(|class| Error::new(class, "t", "f")),
        }
    }

    fn folder(error: Option<Class>, downloaded: u64, failed: usize) -> FolderReport {
        let mut report = FolderReport::new(FolderPath::inbox());
        report.error = error.map(|class| Error::new(class, "t", "f"));
        report.downloaded = downloaded;
        report.failed = (0..failed).map(|n| (RemoteId(n.to_string().into()), "no".into())).collect();
        report
    }

    #[test]
    fn failures_inside_an_account_are_partial_unless_all_is_alike() {
        assert_eq!(of_account(&account(None, vec![folder(None, 1, 1)])), Exit::PARTIAL);
        assert_eq!(of_account(&account(None, vec![folder(None, 1, 0), folder(Some(Class::Protocol), 0, 0)])), Exit::PARTIAL);
        assert_eq!(of_account(&account(None, vec![folder(Some(Class::Protocol), 2, 0)])), Exit::PARTIAL);
        assert_eq!(of_account(&account(None, vec![folder(Some(Class::Protocol), 0, 0)])), Exit(76));
        assert_eq!(of_account(&account(None, vec![folder(None, 1, 0), folder(Some(Class::Guard), 0, 0)])), Exit::GUARD);
        assert_eq!(of_account(&account(Some(Class::Temporary), vec![folder(None, 9, 0)])), Exit::AGAIN);
        assert_eq!(of_account(&account(Some(Class::Temporary), vec![folder(Some(Class::Guard), 9, 0)])), Exit::GUARD);
    }

    #[test]
    fn what_stopped_an_account_is_its_code_whatever_arrived_before_unless_something_else_failed() {
        use Class::{Auth, DiskFull, Guard, Protocol, Temporary, Unavailable};
        let arrived = || folder(None, 9, 0);
        for (error, folders, code) in [
            // The line was lost for good after some mail came; in the middle of a folder; with folders that never had their turn.
            (Some(Temporary), vec![arrived()], 75),
            (Some(Temporary), vec![arrived(), folder(None, 0, 0)], 75),
            (Some(Temporary), vec![], 75),
            (Some(Temporary), vec![arrived(), folder(Some(Temporary), 3, 0)], 75),
            // Something else failed, too.
            (Some(Temporary), vec![arrived(), folder(Some(Protocol), 0, 0)], 1),
            (Some(Temporary), vec![folder(None, 9, 1)], 1),
            (Some(Temporary), vec![folder(Some(Unavailable), 0, 0)], 1),
            (Some(Temporary), vec![folder(Some(Guard), 9, 0)], 3),
            (Some(Guard), vec![folder(None, 9, 1)], 3),
            // Other classes alike.
            (Some(DiskFull), vec![arrived()], 74),
            (Some(DiskFull), vec![arrived(), folder(Some(DiskFull), 1, 0)], 74),
            (Some(DiskFull), vec![folder(None, 9, 1)], 1),
            (Some(Auth), vec![], 77),
            // A folder among good ones, or one that got something, is a part; folders that all failed alike and got nothing are all.
            (None, vec![arrived(), folder(Some(Temporary), 0, 0)], 1),
            (None, vec![folder(Some(Temporary), 3, 0)], 1),
            (None, vec![folder(Some(Temporary), 0, 0), folder(Some(Temporary), 0, 0)], 75),
            (None, vec![folder(Some(Temporary), 0, 0), folder(Some(Protocol), 0, 0)], 1),
            (None, vec![arrived()], 0),
        ] {
            let report = account(error, folders);
            assert_eq!(of_account(&report).0, code, "{error:?} {:?}", report.folders);
        }
    }

    #[test]
    fn a_signal_leaves_no_partial_failure_of_its_own() {
        let runs = || vec![account(None, vec![]), account(Some(Class::Temporary), vec![])];
        assert_eq!(of_run(&runs(), false), Exit::PARTIAL);
        assert_eq!(of_run(&runs(), true), Exit::AGAIN);
        let denied = vec![account(Some(Class::Auth), vec![]), account(Some(Class::Temporary), vec![])];
        assert_eq!(of_run(&denied, true), Exit::PARTIAL);
    }
}
