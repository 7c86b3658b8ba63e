//! Status lines: `A1 OK [READ-WRITE] SELECT completed`.
//!
//! These end commands, so the tag and the word are always recognised, whatever the text: missing, Latin-1, with a code
//! nobody knows or one that never closes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::cursor::{Cursor, lossy, parse_number};
use super::fetch::KeptFlags;
use super::response::{Code, Greeting, Response, Status, StatusKind};
use super::{UidSet, WireError};

/// Human text kept of one line.
const TEXT_OCTETS: usize = 1024;

/// A line that starts with neither `*` nor `+`.
pub(super) fn tagged(line: &[u8]) -> Result<Status, WireError> {
    let mut cursor = Cursor::new(line, "tagged");
    let tag = cursor.until(|b| b == b' ');
    let plausible = !tag.is_empty() && tag.len() <= TAG_OCTETS && tag.iter().all(u8::is_ascii_graphic);
    let status = if plausible { untagged(cursor.rest()) } else { None };
    let tag = Some(lossy(tag, TAG_OCTETS).into());
    status.map(|status| Status { tag, ..status }).ok_or(WireError::Malformed("tagged"))
}

/// Longer than any tag we make.
const TAG_OCTETS: usize = 64;

/// The rest of a line after `*` or the tag, if it is a status.
pub(super) fn untagged(rest: &[u8]) -> Option<Status> {
    let mut cursor = Cursor::new(rest, "status");
    cursor.spaces();
    let word = cursor.until(|b| b == b' ' || b == b'\t');
    let kinds: [(&[u8], StatusKind); 5] = [
        (b"OK", StatusKind::Ok),
        (b"NO", StatusKind::No),
        (b"BAD", StatusKind::Bad),
        (b"BYE", StatusKind::Bye),
        (b"PREAUTH", StatusKind::PreAuth),
    ];
    let &(_, kind) = kinds.iter().find(|(name, _)| word.eq_ignore_ascii_case(name))?;
    cursor.spaces();
    let (code, text) = split_code(cursor.rest());
    Some(Status { tag: None, kind, code: code.map(read_code), text: lossy(text.trim_ascii(), TEXT_OCTETS) })
}

/// The line after `* `, if it may open a connection.
pub(super) fn greeting(rest: &[u8]) -> Option<Greeting> {
    let Status { kind, code, text, .. } = untagged(rest)?;
    matches!(kind, StatusKind::Ok | StatusKind::PreAuth | StatusKind::Bye).then_some(Greeting { kind, code, text })
}

/// What follows `+`.
pub(super) fn continuation(rest: &[u8]) -> Response {
    let text = rest.trim_ascii();
    Response::Continue { data: STANDARD.decode(text).unwrap_or_default(), text: String::from_utf8_lossy(text).into_owned() }
}

/// Splits `[CODE …] text`. A bracket that never closes is text.
fn split_code(rest: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(inside) = rest.strip_prefix(b"[") else { return (None, rest) };
    // Flags may hold a `]` (`[Gmail]`), so a list is passed over as a whole.
    let mut cursor = Cursor::new(inside, "code");
    let _name = cursor.until(|b| b == b' ' || b == b']');
    cursor.spaces();
    if cursor.peek() == Some(b'(') && cursor.skip().is_err() {
        cursor = Cursor::new(inside, "code");
    }
    let passed = inside.len() - cursor.rest().len();
    match memchr::memchr(b']', cursor.rest()) {
        Some(at) => (Some(&inside[..passed + at]), &inside[passed + at + 1..]),
        None => (None, rest),
    }
}

fn read_code(code: &[u8]) -> Code {
    let code = code.trim_ascii();
    let (name, arg) = code.split_at(code.iter().position(|&b| b == b' ').unwrap_or(code.len()));
    let name = name.to_ascii_uppercase();
    let arg = arg.trim_ascii();
    known_code(&name, arg).unwrap_or_else(|| Code::Other { name: lossy(&name, TEXT_OCTETS), arg: lossy(arg, TEXT_OCTETS) })
}

fn known_code(name: &[u8], arg: &[u8]) -> Option<Code> {
    let positive = || parse_number(arg).filter(|&number| number != 0);
    Some(match name {
        b"ALERT" => Code::Alert,
        b"CAPABILITY" => Code::Capability(capabilities(arg)),
        b"PERMANENTFLAGS" => Code::PermanentFlags(flags(arg)?),
        b"UIDNEXT" => Code::UidNext(positive()?),
        b"UIDVALIDITY" => Code::UidValidity(parse_number(arg)?),
        b"UNSEEN" => Code::Unseen,
        b"HIGHESTMODSEQ" => parse_number(arg).map(|number| if number == 0 { Code::NoModSeq } else { Code::HighestModSeq(number) })?,
        b"NOMODSEQ" => Code::NoModSeq,
        b"READ-ONLY" => Code::ReadOnly,
        b"READ-WRITE" => Code::ReadWrite,
        b"TRYCREATE" => Code::TryCreate,
        b"CLOSED" => Code::Closed,
        b"APPENDUID" => {
            let (uid_validity, uids) = split_word(arg);
            Code::AppendUid { uid_validity: epoch(uid_validity)?, uids: UidSet::parse_ascending(uids)? }
        }
        b"COPYUID" => {
            let (uid_validity, sets) = split_word(arg);
            let (source, destination) = split_word(sets);
            let (source, destination) = (UidSet::parse_ascending(source)?, UidSet::parse_ascending(destination)?);
            if source.len() != destination.len() {
                return None;
            }
            Code::CopyUid { uid_validity: epoch(uid_validity)?, source, destination }
        }
        b"COMPRESSIONACTIVE" => Code::CompressionActive,
        _ => return None,
    })
}

/// Words of a CAPABILITY or ENABLED line or code, upper case.
pub(super) fn capabilities(arg: &[u8]) -> Vec<String> {
    let words = arg.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.take(CAPABILITIES).map(|word| lossy(word, TEXT_OCTETS).to_ascii_uppercase()).collect()
}

/// Far more than any server has.
const CAPABILITIES: usize = 1024;

/// The flags of a FLAGS line or a PERMANENTFLAGS code.
pub(super) fn flags(arg: &[u8]) -> Option<Vec<String>> {
    let mut kept = KeptFlags::default();
    Cursor::new(arg, "code").list(|flag| kept.push(&flag)).ok()?;
    Some(kept.flags)
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let at = text.iter().position(|&b| b == b' ').unwrap_or(text.len());
    (&text[..at], text[at..].trim_ascii())
}

fn epoch(digits: &[u8]) -> Option<u32> {
    u32::try_from(parse_number(digits)?).ok().filter(|&epoch| epoch != 0)
}
