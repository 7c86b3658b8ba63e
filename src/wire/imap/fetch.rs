//! FETCH: `* 12 FETCH (UID 7 FLAGS (\Seen) RFC822.SIZE 44827 BODY[] {0}…)`.
//!
//! Read directly, because it is the hot path and because nothing in it may cost a message: unknown items, stray spaces,
//! impossible sizes and dates are passed over. Only the UID is taken strictly, since everything is keyed by it.

use super::WireError;
use super::cursor::{Cursor, Value, lossy, parse_number};
use super::date;
use super::response::{BodyData, BodyItem, Fetch};

/// Reads what follows the word FETCH.
pub(super) fn decode(seq: u32, rest: &[u8]) -> Result<Fetch, WireError> {
    let mut cursor = Cursor::new(rest, "FETCH");
    let mut fetch = Fetch { seq, ..Fetch::default() };
    cursor.expect(b'(')?;
    while !cursor.eat(b')') {
        item(&mut cursor, &mut fetch)?;
    }
    cursor.spaces();
    if cursor.peek().is_some() { Err(cursor.malformed()) } else { Ok(fetch) }
}

fn item(cursor: &mut Cursor<'_>, fetch: &mut Fetch) -> Result<(), WireError> {
    let name = cursor.until(|b| matches!(b, b' ' | b'\t' | b'(' | b')' | b'[' | b'"'));
    if name.is_empty() {
        return Err(cursor.malformed());
    }
    if cursor.peek() == Some(b'[') {
        return section(cursor, fetch, name);
    }
    let is = |item: &[u8]| name.eq_ignore_ascii_case(item);
    if is(b"UID") {
        let uid = cursor.number()?.and_then(|uid| u32::try_from(uid).ok()).ok_or_else(|| cursor.malformed())?;
        // Two UIDs in one line: an unquoted keyword has closed the flag list, or worse.
        if fetch.uid.is_some_and(|known| known != uid) {
            return Err(cursor.malformed());
        }
        fetch.uid = (uid != 0).then_some(uid);
    } else if is(b"FLAGS") {
        flags(cursor, fetch)?;
    } else if is(b"INTERNALDATE") {
        fetch.internal_date = cursor.single()?.and_then(|text| date::parse(&text));
    } else if is(b"RFC822.SIZE") {
        fetch.size = cursor.number()?;
    } else if is(b"MODSEQ") {
        fetch.mod_seq = cursor.single()?.and_then(|text| parse_number(&text)).filter(|&mod_seq| mod_seq != 0);
    } else if is(b"EMAILID") {
        fetch.email_id = cursor.single()?.map(|id| lossy(&id, ID_OCTETS).into());
    } else if is(b"X-GM-MSGID") {
        fetch.gm_msgid = cursor.number()?;
    } else if is(b"RFC822") {
        body(cursor, fetch, String::new(), false, None)?;
    } else if is(b"RFC822.HEADER") {
        body(cursor, fetch, "HEADER".into(), false, None)?;
    } else if is(b"RFC822.TEXT") {
        body(cursor, fetch, "TEXT".into(), false, None)?;
    } else {
        cursor.skip()?;
    }
    Ok(())
}

/// An OBJECTID has at most 255 octets (RFC 8474 §7).
const ID_OCTETS: usize = 255;

/// `BODY[HEADER.FIELDS (DATE)]<0> …`, `BINARY[1] …`, or an item we do not know with brackets.
fn section(cursor: &mut Cursor<'_>, fetch: &mut Fetch, name: &[u8]) -> Result<(), WireError> {
    cursor.expect(b'[')?;
    let mut section = Vec::new();
    loop {
        section.extend_from_slice(cursor.until(|b| matches!(b, b']' | b'"' | b'{')));
        match cursor.peek() {
            Some(b']') => break,
            Some(_) => section.extend_from_slice(&cursor.value()?.into_bytes()),
            None => return Err(cursor.malformed()),
        }
    }
    cursor.expect(b']')?;
    let origin = if cursor.peek() == Some(b'<') {
        cursor.expect(b'<')?;
        let origin = parse_number(cursor.until(|b| b == b'>'));
        cursor.expect(b'>')?;
        origin
    } else {
        None
    };
    let binary = name.eq_ignore_ascii_case(b"BINARY");
    if !binary && !name.eq_ignore_ascii_case(b"BODY") {
        return cursor.skip();
    }
    section.make_ascii_uppercase();
    body(cursor, fetch, lossy(&section, SECTION_OCTETS), binary, origin)
}

/// As much of a section's text as is kept.
const SECTION_OCTETS: usize = 4096;

fn body(cursor: &mut Cursor<'_>, fetch: &mut Fetch, section: String, binary: bool, origin: Option<u64>) -> Result<(), WireError> {
    let data = match cursor.value()? {
        // The framer's placeholder. It streams every literal of these items, so an empty one here is always its own.
        Value::Literal(b"") => BodyData::Streamed,
        value if value.is_nil() => BodyData::Nil,
        Value::Atom(_) => return Err(cursor.malformed()),
        value => BodyData::Inline(value.into_bytes().into_owned()),
    };
    fetch.bodies.push(BodyItem { section, binary, origin, data });
    Ok(())
}

fn flags(cursor: &mut Cursor<'_>, fetch: &mut Fetch) -> Result<(), WireError> {
    cursor.spaces();
    if cursor.peek() != Some(b'(') {
        // `FLAGS NIL`: says nothing, and is not the same as "no flags".
        return cursor.skip();
    }
    let mut kept = KeptFlags::default();
    cursor.list(|flag| kept.push(&flag))?;
    fetch.flags_dropped = kept.dropped;
    fetch.flags = Some(kept.flags);
    Ok(())
}

/// Collects flags up to a bound: a server may send 100,000 keywords.
#[derive(Debug, Default)]
pub(super) struct KeptFlags {
    pub(super) flags: Vec<String>,
    pub(super) dropped: u32,
    others: usize,
}

impl KeptFlags {
    /// Most keywords kept, and the most octets of one.
    const MOST: usize = 64;

    pub(super) fn push(&mut self, flag: &[u8]) {
        const SYSTEM: [&[u8]; 7] = [b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Draft", b"\\Recent", b"\\*"];
        if let Some(system) = SYSTEM.iter().find(|system| flag.eq_ignore_ascii_case(system)) {
            let system = String::from_utf8_lossy(system);
            if !self.flags.iter().any(|known| *known == system) {
                self.flags.push(system.into_owned());
            }
        } else if self.others < Self::MOST && flag.len() <= Self::MOST {
            self.others += 1;
            self.flags.push(String::from_utf8_lossy(flag).into_owned());
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}
