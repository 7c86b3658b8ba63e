//! From a line to a [`Response`]: looks at the first words and hands the line to its decoder.

use super::cursor::{Cursor, literal_at, parse_number};
use super::response::{Greeting, ListKind, Response};
use super::{WireError, fetch, library, list, status};

/// Decodes one line of the framer, with or without its line end.
///
/// A response whose keyword is unknown is [`Response::Other`]. One that matters but that no decoder understands is an
/// error, never a silence: an unread SEARCH would look like an empty folder. (An unread ID, QUOTA or NAMESPACE would not.)
pub fn decode(line: &[u8]) -> Result<Response, WireError> {
    let text = trim_line_end(line);
    if let Some(rest) = text.strip_prefix(b"+") {
        reject_nul(rest)?;
        return Ok(status::continuation(rest));
    }
    let Some(rest) = text.strip_prefix(b"*").filter(|rest| rest.first().is_none_or(|b| b" \t".contains(b))) else {
        reject_nul(text)?;
        return status::tagged(text).map(Response::Status);
    };
    if let Some(status) = status::untagged(rest) {
        reject_nul(rest)?;
        return Ok(Response::Status(status));
    }
    reject_controls(rest)?;
    untagged(rest)
}

/// Decodes the first line of a connection, which is nothing but OK, PREAUTH or BYE.
pub fn decode_greeting(line: &[u8]) -> Result<Greeting, WireError> {
    let text = trim_line_end(line);
    reject_nul(text)?;
    let rest = text.strip_prefix(b"* ").ok_or(WireError::Malformed("greeting"))?;
    status::greeting(rest).ok_or(WireError::Malformed("greeting"))
}

fn untagged(rest: &[u8]) -> Result<Response, WireError> {
    let mut cursor = Cursor::new(rest, "untagged");
    let word = cursor.atom();
    if let Some(number) = parse_number(word) {
        let mut after = cursor;
        if !after.atom().eq_ignore_ascii_case(b"FETCH") {
            return library::decode(rest);
        }
        let seq = u32::try_from(number).map_err(|_| WireError::Malformed("FETCH"))?;
        return fetch::decode(seq, after.rest()).map(|fetch| Response::Fetch(Box::new(fetch)));
    }
    let rest_of = cursor.rest();
    match word.to_ascii_uppercase().as_slice() {
        b"CAPABILITY" => Ok(Response::Capability(status::capabilities(rest_of))),
        b"ENABLED" => Ok(Response::Enabled(status::capabilities(rest_of))),
        b"FLAGS" => status::flags(rest_of).map(Response::Flags).ok_or(WireError::Malformed("FLAGS")),
        b"LIST" => list::folder(ListKind::List, rest_of).map(Response::List),
        b"LSUB" => list::folder(ListKind::Lsub, rest_of).map(Response::List),
        b"XLIST" => list::folder(ListKind::XList, rest_of).map(Response::List),
        b"STATUS" => list::status(rest_of).map(Response::MailboxStatus),
        b"ESEARCH" => list::esearch(rest_of).map(Response::Esearch),
        _ => library::decode(rest),
    }
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Status lines end in human text, where other control characters are ugly but harmless (they are escaped when shown).
fn reject_nul(text: &[u8]) -> Result<(), WireError> {
    if memchr::memchr(0, text).is_some() { Err(WireError::Control) } else { Ok(()) }
}

/// Control characters outside literals; a tab passes, because servers put tabs into subjects and names.
fn reject_controls(text: &[u8]) -> Result<(), WireError> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&b| b.is_ascii_control() && b != b'\t') {
        // A line end inside a line is right after a literal's announcement, whose octets are not looked at.
        let brace = memchr::memrchr(b'{', &rest[..at]).ok_or(WireError::Control)?;
        let (head, size) = literal_at(&rest[brace..]).filter(|(head, _)| brace + head > at).ok_or(WireError::Control)?;
        rest = rest.get(brace + head + size..).ok_or(WireError::Control)?;
    }
    Ok(())
}
