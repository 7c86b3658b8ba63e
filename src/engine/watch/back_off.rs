//! When to try again what failed.

use std::time::Duration;

use crate::model::{Class, Error, Fate};

/// Pauses after a lost line or a server that is down: the first is about this, each is twice the last, none longer than the second.
const LINE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));
/// The same where something here is wrong: a full disk, a Maildir that is gone.
const HERE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_mins(5));
/// The same where a person has to do something: a password that is wrong must not be tried until the account is locked.
const PERSON: (Duration, Duration) = (Duration::from_mins(15), Duration::from_hours(4));
/// A login that used to work is tried once more after this: its token may have been too old.
const ONCE_MORE: Duration = Duration::from_secs(2);
/// A server that wants to be left alone longer is asked again after this.
const PATIENCE: Duration = Duration::from_hours(1);

/// Who can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Help {
    /// Time.
    Time,
    /// Whoever looks after this machine.
    Here,
    /// The user.
    Person,
}

/// Who can help against `error`.
pub(super) fn help(error: &Error) -> Help {
    match error.class {
        Class::Auth | Class::TlsVerify | Class::TlsRequired | Class::Config | Class::Usage | Class::Rejected | Class::NotFound => {
            Help::Person
        }
        Class::Guard | Class::DiskFull | Class::LocalIo | Class::LocalWrite | Class::LocalCorrupt => Help::Here,
        _ => Help::Time,
    }
}

/// How often something failed in a row.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    failures: u32,
    /// Something worked before.
    worked: bool,
}

impl BackOff {
    /// It works.
    pub fn reset(&mut self) {
        *self = Self { failures: 0, worked: true };
    }

    /// How often it failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It failed: how long to wait. `chance` is from 0 to 1, so that those who failed together do not come back together.
    pub fn next(&mut self, error: &Error, chance: f64) -> Duration {
        let kind = help(error);
        let (least, most) = match kind {
            Help::Time => LINE,
            Help::Here => HERE,
            Help::Person => PERSON,
        };
        let again = kind == Help::Person && self.worked && self.failures == 0;
        // One that used to work has had its second try for nothing.
        let doublings = if kind == Help::Person && self.worked { self.failures.saturating_sub(1) } else { self.failures };
        self.failures = self.failures.saturating_add(1);
        let usual = if again { ONCE_MORE } else { least.saturating_mul(1 << doublings.min(16)).min(most) };
        let pause = usual.mul_f64(0.5 + chance.clamp(0.0, 1.0));
        match error.fate {
            // Of these two classes it is said of every error, and is no server's word.
            Fate::After(_) if matches!(error.class, Class::Unavailable | Class::Locked) => pause,
            Fate::After(wait) => pause.max(wait.min(PATIENCE)),
            _ => pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(class: Class, worked: bool, count: usize) -> Vec<u64> {
        let mut back_off = BackOff::default();
        if worked {
            back_off.reset();
        }
        (0..count).map(|_| back_off.next(&Error::new(class, "t", "f"), 0.5).as_secs()).collect()
    }

    #[test]
    fn a_lost_line_is_tried_soon_and_a_wrong_password_rarely() {
        assert_eq!(pauses(Class::Temporary, true, 11), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pauses(Class::Unavailable, false, 3), [1, 2, 4]);
        assert_eq!(pauses(Class::Auth, false, 6), [900, 1800, 3600, 7200, 14_400, 14_400]);
        assert_eq!(pauses(Class::Auth, true, 4), [2, 900, 1800, 3600], "its token may have been too old");
        assert_eq!(pauses(Class::DiskFull, true, 6), [15, 30, 60, 120, 240, 300]);
        assert_eq!(pauses(Class::Temporary, false, 200).last(), Some(&300));
    }

    #[test]
    fn a_server_that_wants_to_be_left_alone_is_and_chance_spreads_the_rest() {
        let mut back_off = BackOff::default();
        let throttled = |wait| Error::new(Class::Temporary, "t", "f").fate(Fate::After(Duration::from_secs(wait)));
        assert_eq!(back_off.next(&throttled(90), 0.5), Duration::from_secs(90));
        assert_eq!(back_off.next(&throttled(999_999), 0.5), PATIENCE);
        let spread: Vec<Duration> = [0.0, 1.0].map(|chance| BackOff::default().next(&Error::new(Class::Protocol, "t", "f"), chance)).into();
        assert_eq!(spread, [Duration::from_millis(500), Duration::from_millis(1500)]);
    }
}
