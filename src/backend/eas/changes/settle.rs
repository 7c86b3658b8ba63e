//! One change for each message of a page.

use std::collections::HashMap;

use crate::model::{Change, RemoteId};

/// What is told of messages more than once in a page becomes one change for each: the engine compares them with rows one by one.
pub(super) fn settle(changes: Vec<Change>) -> Vec<Change> {
    let mut places: HashMap<RemoteId, usize> = HashMap::with_capacity(changes.len());
    let mut all: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let place = *places.entry(change.id().clone()).or_insert(all.len());
        let Some(before) = all.get_mut(place) else {
            all.push(change);
            continue;
        };
        match (&mut *before, change) {
            (Change::Present(listed), Change::Changed { now, said }) => listed.flags = said.over(&listed.flags, now.flags),
            (Change::Present(_) | Change::Changed { .. } | Change::Gone(_), Change::Kept(_)) => {}
            (Change::Changed { now: first, said: told }, Change::Changed { now, said }) => {
                first.flags = said.over(&first.flags, now.flags);
                told.flags = told.flags.either(said.flags);
                told.keywords |= said.keywords;
            }
            (before, change) => *before = change,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Said;
    use crate::model::{FlagState, Flags, Listed};

    fn message(id: &str, letters: &str) -> Listed {
        let flags = FlagState { flags: Flags::from_letters(letters), keywords: Vec::new() };
        Listed { id: RemoteId(id.into()), size: None, date: None, flags, permanent: None }
    }

    fn changed(id: &str, letters: &str, said: &str) -> Change {
        Change::Changed { now: message(id, letters), said: Said { flags: Flags::from_letters(said), keywords: false } }
    }

    #[test]
    fn a_message_that_is_told_twice_is_told_once() {
        let gone = |id: &str| Change::Gone(RemoteId(id.into()));
        let all = settle(vec![
            Change::Present(message("1", "S")),
            changed("2", "S", "S"),
            Change::Present(message("3", "")),
            changed("1", "F", "F"),
            changed("2", "F", "FS"),
            gone("3"),
            gone("4"),
            Change::Present(message("4", "")),
            Change::Kept(RemoteId("1".into())),
        ]);
        assert_eq!(all, [Change::Present(message("1", "FS")), changed("2", "F", "FS"), gone("3"), Change::Present(message("4", ""))]);
    }
}
