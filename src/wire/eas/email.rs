//! What a message's ApplicationData or Properties say, without its body (MS-ASEMAIL, MS-ASAIRS).

use super::document::{Step, number, text};
use super::limits;
use crate::wire::wbxml::{Tag, page::AirSync, page::AirSyncBase as B, page::Email as E, page::Email2, page::ItemOperations};

/// What is told of a message. In a change, what is absent has not changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// Whether it was read.
    pub read: Option<bool>,
    /// The follow-up flag.
    pub flag: Option<FlagStatus>,
    /// All of its categories; empty removes them.
    pub categories: Option<Vec<String>>,
    /// What was done with it last.
    pub last_verb: Option<Verb>,
    /// When the server got it, Unix seconds; `None` also for what is no date.
    pub received: Option<i64>,
    /// The sender as text, not always parseable.
    pub from: Option<String>,
    /// The subject, decoded.
    pub subject: Option<String>,
    /// `IPM.Note`, and so on.
    pub class: Option<String>,
    /// Email2:IsDraft, from 16.0 on.
    pub is_draft: Option<bool>,
    /// What came as the body.
    pub body: Option<Body>,
}

/// The follow-up flag (MS-ASEMAIL 2.2.2.34).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlagStatus {
    /// Not flagged.
    Clear,
    /// Flagged, and done.
    Complete,
    /// Flagged.
    Active,
}

/// What was done with a message last (MS-ASEMAIL 2.2.2.44).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Nothing, or what no table knows.
    Other(u32),
    /// It was answered.
    Replied,
    /// It was answered to all.
    RepliedToAll,
    /// It was forwarded.
    Forwarded,
}

/// The body beside its octets (MS-ASAIRS 2.2.2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Body {
    /// What the octets are. Only [`BodyType::Mime`] is the message.
    pub kind: Option<BodyType>,
    /// About how many octets there are, whole; only a hint.
    pub estimated_size: Option<u64>,
    /// Whether the octets are not all of it. Absent is no.
    pub truncated: bool,
    /// Multipart answer: the number of the part that the octets are.
    pub part: Option<u32>,
}

/// The type of a body (MS-ASAIRS 2.2.2.41).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyType {
    /// 1: text that the server made of it.
    Plain,
    /// 2.
    Html,
    /// 3.
    Rtf,
    /// 4: the message itself.
    Mime,
    /// None of these.
    Other(u32),
}

/// Whether the element at `path` is the octets of a message's body.
pub(super) fn is_body(path: &[Tag]) -> bool {
    matches!(path, [.., AirSync::ApplicationData | ItemOperations::Properties, B::Body, B::Data])
}

impl Properties {
    /// Takes a step below ApplicationData or Properties; `path` starts below it. What is not known here is left out, and so is a value that
    /// makes no sense: one message must not stop the page that it is on.
    pub(super) fn on(&mut self, path: &[Tag], step: Step) {
        match (path, step) {
            // An element without a status is an empty one, and clears the flag.
            ([E::Flag], Step::Open) => self.flag = Some(FlagStatus::Clear),
            ([E::Categories], Step::Open) => self.categories = Some(Vec::new()),
            ([B::Body], Step::Open) => self.body = Some(Body::default()),
            (path, Step::Leaf(value)) => self.leaf(path, value),
            _ => {}
        }
    }

    fn leaf(&mut self, path: &[Tag], value: Vec<u8>) {
        match path {
            [E::Read] => self.read = boolean(&value),
            [E::Flag, E::Status] => self.flag = number(E::Status, &value).ok().map(flag_status),
            [E::Categories, E::Category] => {
                let categories = self.categories.get_or_insert_default();
                if categories.len() < limits::CATEGORIES {
                    categories.push(text(value));
                }
            }
            [E::DateReceived] => self.received = text(value).trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second),
            [E::From] => self.from = Some(text(value)),
            [E::Subject] => self.subject = Some(text(value)),
            [E::MessageClass] => self.class = Some(text(value)),
            [Email2::LastVerbExecuted] => self.last_verb = number(Email2::LastVerbExecuted, &value).ok().map(verb),
            [Email2::IsDraft] => self.is_draft = boolean(&value),
            [B::Body, field] => self.body_field(*field, &value),
            _ => {}
        }
    }

    fn body_field(&mut self, field: Tag, value: &[u8]) {
        let body = self.body.get_or_insert_default();
        match field {
            B::Type => body.kind = number(field, value).ok().map(body_type),
            B::EstimatedDataSize => body.estimated_size = number(field, value).ok().map(u64::from),
            // In doubt it is: the body is fetched again then.
            B::Truncated => body.truncated = boolean(value).unwrap_or(true),
            ItemOperations::Part => body.part = number(field, value).ok(),
            _ => {}
        }
    }
}

/// A boolean (MS-ASDTYPE 2.1).
fn boolean(value: &[u8]) -> Option<bool> {
    match value.trim_ascii() {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

const fn flag_status(code: u32) -> FlagStatus {
    match code {
        2 => FlagStatus::Active,
        1 => FlagStatus::Complete,
        _ => FlagStatus::Clear,
    }
}

const fn verb(code: u32) -> Verb {
    match code {
        1 => Verb::Replied,
        2 => Verb::RepliedToAll,
        3 => Verb::Forwarded,
        other => Verb::Other(other),
    }
}

const fn body_type(code: u32) -> BodyType {
    match code {
        1 => BodyType::Plain,
        2 => BodyType::Html,
        3 => BodyType::Rtf,
        4 => BodyType::Mime,
        other => BodyType::Other(other),
    }
}
