//! What is wrong, so that it is told once, and once more when it is over.

use std::collections::BTreeSet;

use crate::model::report::{AccountReport, FolderReport};
use crate::model::{FolderPath, RemoteId};

use super::Round;

/// Failures in a row that are not told yet: a line that is lost and stands again a second later is nobody's trouble.
pub(super) const BORNE: u32 = 1;

/// Something that is wrong. Its words may differ each time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Account(&'static str),
    /// The line stands, and does not hold.
    Line,
    Outbox(&'static str),
    Folder(FolderPath, &'static str),
    Message(FolderPath, RemoteId),
}

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    told: BTreeSet<Trouble>,
    /// Something was said of the account, or judged fine.
    begun: bool,
}

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Failures that were not told yet.
    pub new: Option<AccountReport>,
    /// Everything that was told is over.
    pub over: bool,
}

impl Troubles {
    /// Judges a round; `failures`: how often the account failed in a row, this time included.
    pub fn judge(&mut self, round: &Round, failures: u32) -> Verdict {
        let first = !std::mem::replace(&mut self.begun, true);
        let mut now = BTreeSet::new();
        let mut new = AccountReport::new(&round.report.name, round.report.protocol);
        if let Some(error) = &round.report.error
            && (first || failures > BORNE)
        {
            self.note(Trouble::Account(error.class.word()), &mut now, || new.error = Some(error.copy()));
        }
        if let Some(error) = &round.unsent {
            self.note(Trouble::Outbox(error.class.word()), &mut now, || {
                new.error.get_or_insert(error.copy());
            });
        }
        for folder in &round.report.folders {
            new.folders.extend(self.judge_folder(folder, &mut now));
        }
        // A run that failed as a whole says nothing of the rest.
        if round.report.error.is_some() {
            now.extend(self.told.iter().cloned());
        }
        now.extend(self.told.get(&Trouble::Line).cloned());
        let over = now.is_empty() && !self.told.is_empty();
        self.told = now;
        let told_something = new.error.is_some() || !new.folders.is_empty();
        Verdict { new: told_something.then_some(new), over }
    }

    /// The line does not hold: whether that is new.
    pub fn line_breaks(&mut self) -> bool {
        self.told.insert(Trouble::Line)
    }

    /// The line has held: whether that was the last thing that was wrong.
    pub fn line_holds(&mut self) -> bool {
        self.told.remove(&Trouble::Line) && self.told.is_empty()
    }

    fn note(&self, trouble: Trouble, now: &mut BTreeSet<Trouble>, tell: impl FnOnce()) {
        if !self.told.contains(&trouble) {
            tell();
        }
        now.insert(trouble);
    }

    fn judge_folder(&self, folder: &FolderReport, now: &mut BTreeSet<Trouble>) -> Option<FolderReport> {
        let mut new = FolderReport::new(folder.folder.clone());
        if let Some(error) = &folder.error {
            self.note(Trouble::Folder(folder.folder.clone(), error.class.word()), now, || new.error = Some(error.copy()));
        }
        for (id, why) in &folder.failed {
            self.note(Trouble::Message(folder.folder.clone(), id.clone()), now, || new.failed.push((id.clone(), why.clone())));
        }
        (new.error.is_some() || !new.failed.is_empty()).then_some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Places;
    use super::*;
    use crate::model::{Class, Error, Protocol};

    fn round(error: Option<Class>, folder: Option<Class>) -> Round {
        let make = |class| Error::new(class, "t", "f");
        let mut report = AccountReport::new("a", Protocol::Imap);
        report.error = error.map(make);
        report.folders = vec![FolderReport { error: folder.map(make), ..FolderReport::new(FolderPath::inbox()) }];
        Round { report, unsent: None, at: Places::default(), due: None }
    }

    /// `E`rror told, `F`older told, `o`ver.
    fn told(troubles: &mut Troubles, error: Option<Class>, folder: Option<Class>, failures: u32) -> String {
        let Verdict { new, over } = troubles.judge(&round(error, folder), failures);
        let new = new.map_or(String::new(), |new| {
            let folders = new.folders.iter().map(|_| 'F').collect::<String>();
            format!("{}{folders}", if new.error.is_some() { "E" } else { "" })
        });
        new + if over { "o" } else { "" }
    }

    #[test]
    fn trouble_is_told_once_and_once_more_when_it_is_over() {
        let mut troubles = Troubles::default();
        assert_eq!(told(&mut troubles, None, None, 0), "");
        let down = Some(Class::Unavailable);
        assert_eq!(told(&mut troubles, down, None, 1), "", "it may be up again in a second");
        assert_eq!(told(&mut troubles, down, None, 2), "E");
        for failures in 3..100 {
            assert_eq!(told(&mut troubles, down, None, failures), "");
        }
        assert_eq!(told(&mut troubles, Some(Class::Auth), None, 100), "E", "another one");
        assert_eq!(told(&mut troubles, None, None, 0), "o");
        assert_eq!(told(&mut troubles, None, None, 0), "");
    }

    #[test]
    fn the_first_failure_of_all_is_told_and_a_folder_is_not_forgotten_while_the_account_is_down() {
        let mut troubles = Troubles::default();
        assert_eq!(told(&mut troubles, Some(Class::Auth), None, 1), "E");
        let mut troubles = Troubles::default();
        assert_eq!(told(&mut troubles, None, Some(Class::Guard), 0), "F");
        assert_eq!(told(&mut troubles, None, Some(Class::Guard), 0), "");
        assert_eq!(told(&mut troubles, Some(Class::Temporary), None, 1), "");
        assert_eq!(told(&mut troubles, None, Some(Class::Guard), 0), "");
        assert_eq!(told(&mut troubles, None, None, 0), "o");
    }

    #[test]
    fn a_line_that_does_not_hold_is_not_mended_by_a_run() {
        let mut troubles = Troubles::default();
        assert!(troubles.line_breaks() && !troubles.line_breaks());
        assert_eq!(told(&mut troubles, None, None, 0), "");
        assert!(troubles.line_holds() && !troubles.line_holds());
    }
}
