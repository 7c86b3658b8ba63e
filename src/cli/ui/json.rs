//! JSON for programs: one object a run. The shapes are a contract; `tests/cli/json.rs` holds them.

use std::io;

use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

use super::sanitize::is_deceptive;
use crate::cli::exit;
use crate::model::report::{AccountReport, FolderReport, PlannedAction};
use crate::model::{Error, RemoteId, Result};

/// `{"class","message","exit"}`.
#[derive(Debug, Serialize)]
pub struct Failure {
    class: &'static str,
    message: String,
    exit: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let message = if error.tried.is_empty() { error.failed.clone() } else { format!("{}: {}", error.tried, error.failed) };
        Self { class: error.class.word(), message, exit: exit::of(error.class).0, hints: error.hints.clone() }
    }
}

/// The error of a result, for the JSON.
pub fn failure<T>(result: &Result<T>) -> Option<Failure> {
    result.as_ref().err().map(|error| Failure::from(error.as_ref()))
}

/// The object of every command: what became of each account, or why none was looked at.
#[derive(Debug, Serialize)]
pub struct Summary<T> {
    /// Accounts.
    pub accounts: Vec<T>,
    /// What stopped everything (usage, configuration).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// What became of an account in a run, with its folders as the command tells them.
#[derive(Debug, Serialize)]
pub struct AccountJson<'a, F> {
    name: &'a str,
    #[serde(serialize_with = "shown")]
    protocol: crate::model::Protocol,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    duration_ms: u64,
    bytes_in: u64,
    bytes_out: u64,
    round_trips: u64,
    folders: Vec<F>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Vec<ActionJson<'a>>>,
}

#[derive(Debug, Serialize)]
struct FolderJson<'a> {
    name: String,
    downloaded: u64,
    uploaded: u64,
    flags_pulled: u64,
    flags_pushed: u64,
    deleted_here: u64,
    deleted_there: u64,
    moved: u64,
    unsupported: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    linked: u64,
    local_only: u64,
    failed: Vec<FailedJson<'a>>,
}

/// A message that failed or differs.
#[derive(Debug, Serialize)]
pub struct FailedJson<'a> {
    #[serde(serialize_with = "shown")]
    id: &'a RemoteId,
    why: &'a str,
}

#[derive(Debug, Serialize)]
struct ActionJson<'a> {
    action: &'static str,
    folder: String,
    id: Option<&'a str>,
    bytes: Option<u64>,
}

impl<'a, F> AccountJson<'a, F> {
    /// Of a report; `folder` tells a folder.
    pub fn new(report: &'a AccountReport, folder: impl FnMut(&'a FolderReport) -> F) -> Self {
        Self {
            name: &report.name,
            protocol: report.protocol,
            ok: report.ok(),
            error: report.error.as_deref().map(Failure::from),
            duration_ms: u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
            bytes_in: report.bytes_in,
            bytes_out: report.bytes_out,
            round_trips: report.round_trips,
            folders: report.folders.iter().map(folder).collect(),
            plan: report.plan.as_ref().map(|plan| plan.iter().map(ActionJson::from).collect()),
        }
    }
}

impl<'a> From<&'a FolderReport> for FolderJson<'a> {
    fn from(report: &'a FolderReport) -> Self {
        Self {
            name: report.folder.to_string(),
            downloaded: report.downloaded,
            uploaded: report.uploaded,
            flags_pulled: report.flags_pulled,
            flags_pushed: report.flags_pushed,
            deleted_here: report.deleted_here,
            deleted_there: report.deleted_there,
            moved: report.moved,
            unsupported: &report.unsupported,
            error: report.error.as_deref().map(Failure::from),
            linked: report.linked,
            local_only: report.local_only,
            failed: FailedJson::of(report),
        }
    }
}

impl<'a> FailedJson<'a> {
    /// Those of a folder.
    pub fn of(report: &'a FolderReport) -> Vec<Self> {
        report.failed.iter().map(|(id, why)| Self { id, why }).collect()
    }
}

impl<'a> From<&'a PlannedAction> for ActionJson<'a> {
    fn from(planned: &'a PlannedAction) -> Self {
        let id = planned.id.as_ref().map(|id| &*id.0);
        Self { action: planned.action, folder: planned.folder.to_string(), id, bytes: planned.bytes }
    }
}

/// The summary object of a run as one line.
pub fn summary(reports: &[AccountReport]) -> Result<String> {
    let account = |report| AccountJson::new(report, FolderJson::from);
    line(&Summary { accounts: reports.iter().map(account).collect(), error: None })
}

/// The object of a run that did not come to any account.
pub fn refused(error: &Error) -> Result<String> {
    line(&Summary::<()> { accounts: Vec::new(), error: Some(error.into()) })
}

fn shown<T: std::fmt::Display, S: Serializer>(value: T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&value)
}

/// `value` as one line of JSON, its newline included, in which every character that could deceive a terminal is escaped.
pub fn line<T: Serialize>(value: &T) -> Result<String> {
    let mut out = Vec::with_capacity(1024);
    let failed = |why: String| Error::new(crate::model::Class::Internal, "write JSON", why);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Escaping)).map_err(|e| failed(e.to_string()))?;
    out.push(b'\n');
    String::from_utf8(out).map_err(|e| failed(e.to_string()))
}

/// serde_json escapes C0 only; DEL, C1 and the bidirectional controls reach terminals through `cat` as well.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| is_deceptive(*c)) {
            CompactFormatter.write_string_fragment(writer, &fragment[plain..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        CompactFormatter.write_string_fragment(writer, &fragment[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceptive_characters_are_escaped_and_read_back() {
        let text = "a\x1b\x7f\u{9b}\u{202e}\u{e0041}ä\"\\ 日".to_owned();
        let json = line(&text).unwrap();
        assert_eq!(json, "\"a\\u001b\\u007f\\u009b\\u202e\\udb40\\udc41ä\\\"\\\\ 日\"\n");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
