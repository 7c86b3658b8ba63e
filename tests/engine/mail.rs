//! Messages by labels, and both sides as one line of text that a person can read: `INBOX: a:S b | Archive: c:FS+work`.

use std::collections::BTreeMap;
use std::fmt;

use mailx::model::{FlagState, Flags, Keyword, Role};

/// Octets that a label fills in a message, so that all messages have one size and nothing is told apart by it.
const WIDTH: usize = 12;

/// The bytes of the message with a label, as they go over the wire. A label with `'` has the header of the label without it.
pub fn wire(label: &str) -> Vec<u8> {
    let subject = label.replace('\'', "");
    format!(
        "From: a@example.org\r\nSubject: {subject:<WIDTH$}.\r\nMessage-ID: <{subject}@example.org>{:.>pad$}\r\n\r\n{label:<WIDTH$}.\r\n",
        "",
        pad = WIDTH.saturating_sub(subject.len())
    )
    .into_bytes()
}

/// The same as it lies in a Maildir.
pub fn local(label: &str) -> Vec<u8> {
    wire(label).into_iter().filter(|b| *b != b'\r').collect()
}

/// The label of a message; what is not byte for byte one of ours is named as broken.
pub fn label(bytes: &[u8]) -> String {
    // What the server has made of it is it.
    let bytes = bytes.strip_prefix(mailx::testing::mem::Taking::LINE.as_bytes()).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let last = text.trim_end().lines().last().unwrap_or_default();
    let label = last.trim_end_matches('.').trim_end().to_owned();
    if bytes == wire(&label) || bytes == local(&label) { label } else { format!("BROKEN({label},{})", bytes.len()) }
}

/// A message of a table: label, flags, keywords.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mail {
    pub label: String,
    pub flags: String,
    pub keywords: Vec<String>,
}

impl Mail {
    /// Reads `a`, `a:S`, `a:S+work+more`.
    pub fn parse(text: &str) -> Self {
        let (label, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut words = rest.split('+').map(str::to_owned);
        let flags = words.next().unwrap_or_default();
        Self { label: label.to_owned(), flags, keywords: words.collect() }
    }

    /// The same for several messages at once: `m*3:S` are `m1:S`, `m2:S` and `m3:S`; `m*7-9` are `m7`, `m8` and `m9`.
    pub fn parse_many(text: &str) -> Vec<Self> {
        let mail = Self::parse(text);
        match mail.label.split_once('*') {
            Some((prefix, range)) => {
                let (first, last) = range.split_once('-').unwrap_or(("1", range));
                let number = |text: &str| text.parse::<usize>().expect("a number after *");
                (number(first)..=number(last)).map(|n| Self { label: format!("{prefix}{n}"), ..mail.clone() }).collect()
            }
            None => vec![mail],
        }
    }

    pub fn of(body: &[u8], state: &FlagState) -> Self {
        let keywords = state.keywords.iter().map(ToString::to_string).collect();
        Self { label: label(body), flags: state.flags.letters(), keywords }
    }

    pub fn state(&self) -> FlagState {
        let keywords = self.keywords.iter().map(|k| Keyword::new(k).expect("a keyword")).collect();
        FlagState { flags: Flags::from_letters(&self.flags), keywords }
    }
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        if !self.flags.is_empty() || !self.keywords.is_empty() {
            write!(f, ":{}", self.flags)?;
        }
        self.keywords.iter().try_for_each(|k| write!(f, "+{k}"))
    }
}

/// One side: for each folder the messages, whatever their order. An INBOX is always there; an empty trash is not worth a word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Side(pub BTreeMap<String, Vec<Mail>>);

impl Side {
    pub fn new(folders: impl IntoIterator<Item = (String, Vec<Mail>)>) -> Self {
        let mut side: BTreeMap<String, Vec<Mail>> = folders.into_iter().collect();
        side.entry("INBOX".into()).or_default();
        for mails in side.values_mut() {
            mails.sort();
        }
        side.retain(|name, mails| name != "Trash" || !mails.is_empty());
        Self(side)
    }

    pub fn parse(text: &str) -> Self {
        let folder = |part: &str| {
            let (name, mails) = part.split_once(':').unwrap_or((part, ""));
            (name.trim().to_owned(), mails.split_whitespace().flat_map(Mail::parse_many).collect())
        };
        Self::new(text.split('|').filter(|p| !p.trim().is_empty()).map(folder))
    }

    /// How often each label is there, in all folders.
    pub fn labels(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for mail in self.0.values().flatten() {
            *counts.entry(mail.label.clone()).or_default() += 1;
        }
        counts
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, mails)) in self.0.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { " | " })?;
            write!(f, "{name}:")?;
            mails.iter().try_for_each(|m| write!(f, " {m}"))?;
        }
        Ok(())
    }
}

/// The special use that a folder of this name has in the tests.
pub fn role(path: &str) -> Option<Role> {
    match path {
        "Trash" => Some(Role::Trash),
        "Junk" => Some(Role::Junk),
        "Drafts" => Some(Role::Drafts),
        _ => None,
    }
}

#[test]
fn a_side_reads_as_it_is_written() {
    let text = "Archive: | INBOX: a a' b:FS+work";
    assert_eq!(Side::parse(text).to_string(), text);
    assert_eq!(Side::parse("Archive:|Trash:").to_string(), "Archive: | INBOX:");
}

#[test]
fn messages_have_one_size_and_are_known_again() {
    for text in ["a", "a'", "message-77"] {
        assert_eq!((wire(text).len(), label(&wire(text)), label(&local(text))), (wire("x").len(), text.into(), text.into()));
    }
    assert_eq!(label(&wire("a")[..40]).split('(').next(), Some("BROKEN"));
    let header = |text: &str| wire(text).split(|b| *b == b'\n').take(3).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert!(header("a") == header("a'") && wire("a") != wire("a'"));
}
