//! The six flags that Maildir and IMAP share, and keywords.

use std::fmt;

/// One of the flags that both sides know (RFC 9051 §2.3.2; maildir(5) adds P, IMAP's `$Forwarded`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Flag {
    /// `\Draft`, Maildir `D`.
    Draft = 1,
    /// `\Flagged`, Maildir `F`.
    Flagged = 2,
    /// `$Forwarded`, Maildir `P` (passed).
    Passed = 4,
    /// `\Answered`, Maildir `R` (replied).
    Replied = 8,
    /// `\Seen`, Maildir `S`.
    Seen = 16,
    /// `\Deleted`, Maildir `T` (trashed).
    Trashed = 32,
}

impl Flag {
    /// Every flag with its Maildir letter and IMAP name, in the order of the letters (maildir(5) wants them sorted).
    pub const ALL: [(Self, char, &'static str); 6] = [
        (Self::Draft, 'D', "\\Draft"),
        (Self::Flagged, 'F', "\\Flagged"),
        (Self::Passed, 'P', "$Forwarded"),
        (Self::Replied, 'R', "\\Answered"),
        (Self::Seen, 'S', "\\Seen"),
        (Self::Trashed, 'T', "\\Deleted"),
    ];
}

/// A set of [`Flag`]s in one octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The set that `bits` (as of [`Flags::bits`]) spells; unknown bits are dropped.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 63)
    }

    /// The octet that stands for the set in the state.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether `flag` is in the set.
    pub fn has(self, flag: Flag) -> bool {
        self.0 & flag as u8 != 0
    }

    /// The set with `flag` added.
    #[must_use]
    pub fn with(self, flag: Flag) -> Self {
        Self(self.0 | flag as u8)
    }

    /// What both sets hold.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either set holds.
    #[must_use]
    pub fn either(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What this set holds and `other` does not.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether no flag is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set of a Maildir info string's letters; letters that are no flag are ignored.
    pub fn from_letters(letters: &str) -> Self {
        Flag::ALL.iter().filter(|(_, letter, _)| letters.contains(*letter)).fold(Self::NONE, |set, (flag, ..)| set.with(*flag))
    }

    /// The Maildir letters, sorted.
    pub fn letters(self) -> String {
        Flag::ALL.iter().filter(|(flag, ..)| self.has(*flag)).map(|(_, letter, _)| *letter).collect()
    }
}

/// A free label (RFC 9051 §2.3.2 keyword): a non-empty IMAP atom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// Octets that a keyword may have (hostile-server limit: longer ones are dropped and counted).
    pub const MAX_OCTETS: usize = 64;

    /// The keyword of `text`, when it is a bounded IMAP atom that starts with no backslash.
    pub fn new(text: &str) -> Option<Self> {
        let atom = |b: u8| b > 0x20 && b < 0x7f && !b"(){%*\"\\]".contains(&b);
        (!text.is_empty() && text.len() <= Self::MAX_OCTETS && text.bytes().all(atom)).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Flags and keywords of one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlagState {
    /// The shared flags.
    pub flags: Flags,
    /// The keywords, sorted and unique.
    pub keywords: Vec<Keyword>,
}

impl FlagState {
    /// Keywords kept per message; the rest is dropped.
    pub const MAX_KEYWORDS: usize = 64;

    /// Reads IMAP flag names. `\Recent` and unknown system flags are ignored; the number of keywords that were over a bound or
    /// no atom comes second.
    pub fn from_imap<'a>(names: impl IntoIterator<Item = &'a str>) -> (Self, usize) {
        let (mut state, mut dropped) = (Self::default(), 0);
        for name in names {
            if let Some((flag, ..)) = Flag::ALL.iter().find(|(_, _, spelled)| spelled.eq_ignore_ascii_case(name)) {
                state.flags = state.flags.with(*flag);
            } else if !name.starts_with('\\') {
                match Keyword::new(name) {
                    Some(keyword) if state.keywords.len() < Self::MAX_KEYWORDS => state.keywords.push(keyword),
                    _ => dropped += 1,
                }
            }
        }
        state.keywords.sort_unstable();
        state.keywords.dedup();
        (state, dropped)
    }

    /// What either state holds.
    #[must_use]
    pub fn either(&self, other: &Self) -> Self {
        let mut keywords: Vec<Keyword> = self.keywords.iter().chain(&other.keywords).cloned().collect();
        keywords.sort_unstable();
        keywords.dedup();
        Self { flags: self.flags.either(other.flags), keywords }
    }

    /// What this state holds and `other` does not.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let keywords = self.keywords.iter().filter(|k| !other.keywords.contains(k)).cloned().collect();
        Self { flags: self.flags.without(other.flags), keywords }
    }

    /// What both states hold.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        let keywords = self.keywords.iter().filter(|k| other.keywords.contains(k)).cloned().collect();
        Self { flags: self.flags.both(other.flags), keywords }
    }

    /// Whether the message has neither flag nor keyword.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty() && self.keywords.is_empty()
    }
}
