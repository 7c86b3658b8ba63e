//! What a message's properties say as flags and keywords, and what of these can be set there.

use crate::model::change::Said;
use crate::model::{Flag, FlagState, Flags, Keyword, Listed, RemoteId};
use crate::wire::eas::{FlagStatus, Flagging, Properties, Verb, Version};

/// Flags that the server tells.
pub(super) const PULLED: [Flag; 5] = [Flag::Seen, Flag::Flagged, Flag::Replied, Flag::Passed, Flag::Draft];
/// Flags that can be set there.
pub(super) const PUSHED: [Flag; 2] = [Flag::Seen, Flag::Flagged];

pub(super) fn set(flags: &[Flag]) -> Flags {
    flags.iter().fold(Flags::NONE, |set, flag| set.with(*flag))
}

/// Whether categories are worth being keywords: before 16.0 they are what servers that are no Exchange make of them, and most of these keep
/// only those that they know.
pub(super) fn are_keywords(version: Version) -> bool {
    version >= Version::V16_0
}

/// A message as its properties tell it, and which of its flags they tell.
pub(super) fn listed(id: String, properties: &Properties, version: Version) -> (Listed, Said) {
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
    let categories = properties.categories.as_ref().filter(|_| are_keywords(version));
    let mut keywords: Vec<Keyword> = categories.into_iter().flatten().filter_map(|text| Keyword::new(text)).collect();
    keywords.sort_unstable();
    keywords.dedup();
    keywords.truncate(FlagState::MAX_KEYWORDS);
    let said = Said { flags: said, keywords: categories.is_some() };
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Setting {
    pub read: Option<bool>,
    pub flag: Option<Flagging>,
    /// Keywords to set and to clear.
    pub keywords: (Vec<Keyword>, Vec<Keyword>),
}

impl Setting {
    /// Of an order, and which of its flags and keywords cannot go there: no keyword, where there are no categories.
    pub fn of(add: &FlagState, remove: &FlagState, categories: bool) -> (Self, FlagState) {
        let change = |flag| match (add.flags.has(flag), remove.flags.has(flag)) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
        let flag = change(Flag::Flagged).map(|set| if set { Flagging::Set } else { Flagging::Clear });
        let both = add.either(remove);
        let keywords = if categories { (add.keywords.clone(), remove.keywords.clone()) } else { Default::default() };
        let left = FlagState { flags: both.flags.without(set(&PUSHED)), keywords: if categories { Vec::new() } else { both.keywords } };
        (Self { read: change(Flag::Seen), flag, keywords }, left)
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    pub fn has_keywords(&self) -> bool {
        !(self.keywords.0.is_empty() && self.keywords.1.is_empty())
    }

    /// All categories that a message has then that has `now`. What is no keyword stays.
    pub fn categories(&self, now: &[String]) -> Vec<String> {
        let (add, remove) = &self.keywords;
        let mut all: Vec<String> = now.iter().filter(|text| !remove.iter().any(|word| word.as_str() == text.as_str())).cloned().collect();
        for word in add {
            if !all.iter().any(|text| text == word.as_str()) {
                all.push(word.as_str().to_owned());
            }
        }
        all
    }

    /// Of the keywords, those that a message does not have as they were to be: all, where it is not known what it has.
    pub fn unkept(&self, now: Option<&Vec<String>>) -> Vec<Keyword> {
        let (add, remove) = &self.keywords;
        let Some(now) = now else { return add.iter().chain(remove).cloned().collect() };
        let has = |word: &&Keyword| now.iter().any(|text| text == word.as_str());
        let mut left: Vec<Keyword> = add.iter().filter(|word| !has(word)).chain(remove.iter().filter(has)).cloned().collect();
        left.sort_unstable();
        left
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
        let (now, said) = listed("5:1".into(), &properties, Version::V16_1);
        assert_eq!((now.flags.flags.letters().as_str(), said.flags.letters().as_str(), said.keywords), ("PS", "PS", false));
        assert_eq!(said.over(&state("FR", &["work"]), now.flags), state("FPRS", &["work"]));
        let properties = Properties {
            read: Some(false),
            flag: Some(FlagStatus::Complete),
            categories: Some(vec!["two words".into(), "b".into(), "a".into(), "a".into()]),
            last_verb: Some(Verb::Other(0)),
            ..Properties::default()
        };
        let (now, said) = listed("5:1".into(), &properties, Version::V16_1);
        assert_eq!(said.over(&state("DFPRS", &["work"]), now.flags), state("D", &["a", "b"]));
    }

    #[test]
    fn what_cannot_go_there_is_left() {
        let (setting, left) = Setting::of(&state("SR", &["work"]), &state("F", &[]), false);
        assert_eq!(setting, Setting { read: Some(true), flag: Some(Flagging::Clear), ..Setting::default() });
        assert_eq!(left, state("R", &["work"]));
        assert!(Setting::of(&state("R", &[]), &state("", &[]), true).0.is_nothing());
    }

    #[test]
    fn categories_that_are_no_keywords_stay() {
        let (setting, left) = Setting::of(&state("", &["a", "b"]), &state("", &["c", "d"]), true);
        assert!(left.is_empty() && setting.has_keywords());
        let now = ["two words", "a", "c", "e"].map(str::to_owned);
        assert_eq!(setting.categories(&now), ["two words", "a", "e", "b"]);
        let unkept: Vec<String> = setting.unkept(Some(&vec!["a".to_owned(), "d".to_owned()])).iter().map(ToString::to_string).collect();
        assert_eq!(unkept, ["b", "d"]);
    }
}
