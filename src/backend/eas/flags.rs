//! What a message's properties say as flags and keywords, and what of these can be set there.

use crate::model::change::Said;
use crate::model::{Flag, FlagState, Flags, Keyword, Listed, RemoteId};
use crate::wire::eas::{FlagStatus, Flagging, Properties, Verb};

/// Flags that the server tells.
pub(super) const PULLED: [Flag; 5] = [Flag::Seen, Flag::Flagged, Flag::Replied, Flag::Passed, Flag::Draft];
/// Flags that can be set there.
pub(super) const PUSHED: [Flag; 2] = [Flag::Seen, Flag::Flagged];

pub(super) fn set(flags: &[Flag]) -> Flags {
    flags.iter().fold(Flags::NONE, |set, flag| set.with(*flag))
}

/// A message as its properties tell it, and which of its flags they tell.
pub(super) fn listed(id: String, properties: &Properties) -> (Listed, Said) {
    let (mut flags, mut said) = (Flags::NONE, Flags::NONE);
    let mut tell = |flag: Flag, is_set: Option<bool>| {
        if let Some(is_set) = is_set {
            said = said.with(flag);
            flags = if is_set { flags.with(flag) } else { flags };
        }
    };
    tell(Flag::Seen, properties.read);
    tell(Flag::Flagged, properties.flag.map(|flag| flag == FlagStatus::Active));
    tell(Flag::Draft, properties.is_draft);
    // Only the last one is told: it says nothing of those before.
    match properties.last_verb {
        Some(Verb::Replied | Verb::RepliedToAll) => tell(Flag::Replied, Some(true)),
        Some(Verb::Forwarded) => tell(Flag::Passed, Some(true)),
        Some(Verb::Other(_)) => {
            tell(Flag::Replied, Some(false));
            tell(Flag::Passed, Some(false));
        }
        None => {}
    }
    // A category is any text; one that is no keyword stays there alone.
    let mut keywords: Vec<Keyword> = properties.categories.iter().flatten().filter_map(|text| Keyword::new(text)).collect();
    keywords.sort_unstable();
    keywords.dedup();
    keywords.truncate(FlagState::MAX_KEYWORDS);
    let said = Said { flags: said, keywords: properties.categories.is_some() };
    let listed = Listed {
        id: RemoteId(id.into()),
        // Some servers count what they leave out as nothing.
        size: properties.body.and_then(|body| body.estimated_size).filter(|size| *size > 0),
        date: properties.received,
        flags: FlagState { flags, keywords },
        permanent: None,
    };
    (listed, said)
}

/// A change of flags as it goes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Setting {
    pub read: Option<bool>,
    pub flag: Option<Flagging>,
}

impl Setting {
    /// Of an order, and which of its flags and keywords cannot go there.
    pub fn of(add: &FlagState, remove: &FlagState) -> (Self, FlagState) {
        let change = |flag| match (add.flags.has(flag), remove.flags.has(flag)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
        let flag = change(Flag::Flagged).map(|set| if set { Flagging::Set } else { Flagging::Clear });
        let both = add.either(remove);
        let left = FlagState { flags: both.flags.without(set(&PUSHED)), keywords: both.keywords };
        (Self { read: change(Flag::Seen), flag }, left)
    }

    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(letters: &str, keywords: &[&str]) -> FlagState {
        FlagState { flags: Flags::from_letters(letters), keywords: keywords.iter().map(|k| Keyword::new(k).unwrap()).collect() }
    }

    #[test]
    fn what_is_absent_is_not_said() {
        let properties = Properties { read: Some(true), last_verb: Some(Verb::Forwarded), ..Properties::default() };
        let (now, said) = listed("5:1".into(), &properties);
        assert_eq!((now.flags.flags.letters().as_str(), said.flags.letters().as_str(), said.keywords), ("PS", "PS", false));
        assert_eq!(said.over(&state("FR", &["work"]), now.flags), state("FPRS", &["work"]));
        let properties = Properties {
            read: Some(false),
            flag: Some(FlagStatus::Complete),
            categories: Some(vec!["two words".into(), "b".into(), "a".into(), "a".into()]),
            last_verb: Some(Verb::Other(0)),
            ..Properties::default()
        };
        let (now, said) = listed("5:1".into(), &properties);
        assert_eq!(said.over(&state("DFPRS", &["work"]), now.flags), state("D", &["a", "b"]));
    }

    #[test]
    fn what_cannot_go_there_is_left() {
        let (setting, left) = Setting::of(&state("SR", &["work"]), &state("F", &[]));
        assert_eq!(setting, Setting { read: Some(true), flag: Some(Flagging::Clear) });
        assert_eq!(left, state("R", &["work"]));
        assert!(Setting::of(&state("R", &[]), &state("", &[])).0.is_nothing());
    }
}
