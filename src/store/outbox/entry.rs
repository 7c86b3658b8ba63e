//! The envelope of a message in the outbox and what has happened to it, as a file for people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::State;
use crate::model::{Address, Class, Cursor, Envelope, Error, FolderId, Notify, RemoteId, Reports, Result, Verdict};
use crate::store::clock::{Clock as _, OsClock};

/// Verdicts of recipients that are settled.
const ACCEPTED: &str = "accepted";
const REFUSED: &str = "refused";
/// That of one whose answer was lost.
const UNCERTAIN: &str = "uncertain";
/// What a message does with the one that it answers.
const REPLY: &str = "reply";
const FORWARD: &str = "forward";

/// What the file says at its top.
const HEAD: &str = "# A message of mailx's outbox. Look at it with `mailx outbox show`, remove it with `mailx outbox delete`.\n";

/// Envelope and history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// When it was queued.
    pub queued: Timestamp,
    /// Where failures are told; none = nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Address>,
    /// Who is still to get it, and surely does not have it.
    pub to: Vec<Address>,
    /// What people call it: its Subject.
    #[serde(default)]
    pub subject: String,
    /// Its Message-ID, with its brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Octets that go out.
    pub octets: u64,
    /// It has octets above 127.
    #[serde(default, skip_serializing_if = "is_false")]
    pub eight_bit: bool,
    /// Its header has.
    #[serde(default, skip_serializing_if = "is_false")]
    pub utf8_header: bool,
    /// Nobody gets it unless all do.
    #[serde(default, skip_serializing_if = "is_false")]
    pub all_or_none: bool,
    /// When reports are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Reports have all of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_whole: Option<bool>,
    /// What reports name it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_id: Option<String>,
    /// A copy belongs into the Sent folder.
    #[serde(default, skip_serializing_if = "is_false")]
    pub save_copy: bool,
    /// A copy was begun: the folder that it goes to, and where that stood before, as the backend writes it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_begun: Option<(String, String)>,
    /// The message that it answers, where that was there: `reply` or `forward`, its folder as the backend writes it down, its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<(String, String, String)>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// When it is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// Why it is still here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Recipients that nobody tries on their own any more: settled, or in doubt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Past>,
}

/// A recipient that is settled or in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Who.
    pub to: Address,
    /// `accepted`, `refused` or `uncertain`.
    pub verdict: String,
    /// The server's words, or what happened.
    pub words: String,
}

impl Past {
    /// It was refused.
    pub fn is_refused(&self) -> bool {
        self.verdict == REFUSED
    }

    /// Whether they got it is not known.
    pub fn is_uncertain(&self) -> bool {
        self.verdict == UNCERTAIN
    }
}

/// Why nothing of an outbox is tried for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postponed {
    /// Tries in a row that came to nothing.
    pub attempts: u32,
    /// When it is tried next.
    pub next: Timestamp,
    /// Why.
    pub why: String,
}

impl Entry {
    /// A new entry of an envelope.
    pub fn new(envelope: &Envelope, octets: u64) -> Self {
        Self {
            queued: now(),
            from: envelope.from.clone(),
            to: envelope.to.clone(),
            subject: String::new(),
            message_id: None,
            octets,
            eight_bit: false,
            utf8_header: false,
            all_or_none: envelope.all_or_none,
            report: envelope.reports.notify.map(Notify::words),
            report_whole: envelope.reports.whole,
            report_id: envelope.reports.id.clone(),
            save_copy: false,
            copy_begun: None,
            answers: None,
            attempts: 0,
            next: None,
            last: None,
            past: Vec::new(),
        }
    }

    /// The envelope for those who are still to get it.
    pub fn envelope(&self) -> Envelope {
        Envelope {
            from: self.from.clone(),
            to: self.to.clone(),
            reports: Reports {
                notify: self.report.as_deref().and_then(Notify::parse),
                whole: self.report_whole,
                id: self.report_id.clone(),
            },
            all_or_none: self.all_or_none,
        }
    }

    /// Takes in what became of it, a verdict for each of `to`; those who may still get it stay there.
    pub fn take_in(&mut self, verdicts: &[Verdict]) {
        let recipients = std::mem::take(&mut self.to);
        // The reason of an earlier try is none any more.
        self.last = None;
        for (to, verdict) in recipients.into_iter().zip(verdicts) {
            let (word, words) = match verdict {
                Verdict::Accepted(words) => (ACCEPTED, words),
                Verdict::Refused(words) => (REFUSED, words),
                Verdict::Uncertain(words) => (UNCERTAIN, words),
                Verdict::Later(words) => {
                    self.last = Some(words.clone());
                    self.to.push(to);
                    continue;
                }
            };
            if matches!(verdict, Verdict::Uncertain(_)) {
                self.last = Some(words.clone());
            }
            self.past.push(Past { to, verdict: word.into(), words: words.clone() });
        }
    }

    /// Whoever was to get it may have it: it was cut off while it went out.
    pub(super) fn cut_off(&mut self, words: &str) {
        if !self.to.is_empty() {
            self.take_in(&vec![Verdict::Uncertain(words.into()); self.to.len()]);
        }
    }

    /// Those of whom nobody knows whether they got it, with what happened.
    pub fn doubts(&self) -> impl Iterator<Item = &Past> {
        self.past.iter().filter(|past| past.is_uncertain())
    }

    /// They got it after all.
    pub fn clear_doubts(&mut self, words: &str) {
        for past in self.past.iter_mut().filter(|past| past.is_uncertain()) {
            (past.verdict, past.words) = (ACCEPTED.into(), words.into());
        }
    }

    /// Whoever surely does not have it is to get it: those who wait and those who were refused. Those in doubt, too, where a person wants that
    /// or nobody else is left.
    pub fn reopen(&mut self, doubts: bool) {
        let take = |past: &mut Vec<Past>, which: fn(&Past) -> bool| {
            past.extract_if(.., |past| which(past)).map(|past| past.to).collect::<Vec<_>>()
        };
        self.to.extend(take(&mut self.past, Past::is_refused));
        if doubts || self.to.is_empty() {
            self.to.extend(take(&mut self.past, Past::is_uncertain));
        }
        self.last = None;
    }

    /// It answers a message, or forwards it.
    pub fn answering(forwards: bool, folder: &FolderId, id: &RemoteId) -> (String, String, String) {
        let word = if forwards { FORWARD } else { REPLY };
        (word.to_owned(), octets(&folder.0), id.0.to_string())
    }

    /// Whether it forwards the message that it answers, the folder of that and its id.
    pub fn answers(&self) -> Option<(bool, FolderId, RemoteId)> {
        let (word, folder, id) = self.answers.as_ref()?;
        let forwards = [(REPLY, false), (FORWARD, true)].into_iter().find(|(known, _)| known == word)?.1;
        Some((forwards, FolderId(bytes(folder)?), RemoteId(id.as_str().into())))
    }

    /// Where the folder stood when a copy into it was begun.
    pub fn copy_begun(&self, folder: &FolderId) -> Option<Cursor> {
        let (name, cursor) = self.copy_begun.as_ref()?;
        (*name == octets(&folder.0)).then(|| bytes(cursor).map(Cursor::from))?
    }

    /// A copy is begun.
    pub fn begin_copy(&mut self, folder: &FolderId, cursor: &Cursor) {
        self.copy_begun = Some((octets(&folder.0), octets(&cursor.0)));
    }

    /// Nothing is under way.
    pub fn forget_copy(&mut self) {
        self.copy_begun = None;
    }

    /// The state that it belongs into now; `None` = it is done with.
    pub fn conclusion(&self) -> Option<State> {
        let any = |verdict| self.past.iter().any(|past| past.verdict == verdict);
        match () {
            // Those who surely do not have it are tried whatever became of the others.
            () if !self.to.is_empty() => Some(State::Queued),
            () if any(UNCERTAIN) => Some(State::Uncertain),
            () if self.save_copy && any(ACCEPTED) => Some(State::Sent),
            () if any(REFUSED) => Some(State::Failed),
            () => None,
        }
    }

    /// As a file.
    pub(super) fn text(&self) -> Result<String> {
        toml::to_string(self).map(|text| HEAD.to_owned() + &text).map_err(|e| unwritable(&e))
    }

    /// Reads a file.
    pub(super) fn read(text: &str, tried: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| {
            Error::new(Class::LocalCorrupt, tried, format!("it is no envelope: {}", e.message()))
                .safe("the message beside it is whole")
                .hint("mend the file, or remove it and send the .eml again")
        })
    }
}

impl Postponed {
    pub(super) fn text(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| unwritable(&e))
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        toml::from_str(text).ok()
    }
}

fn unwritable(error: &toml::ser::Error) -> Box<Error> {
    Error::new(Class::Internal, "write an envelope", error.to_string())
}

/// Octets for a file: base64.
pub(super) fn octets(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Octets of a file.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// This second.
pub(super) fn now() -> Timestamp {
    Timestamp::from_second(OsClock.wall().as_secs().cast_signed()).unwrap_or_default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}
