//! LIST, STATUS and ESEARCH: short lines with open ends, to which extensions append what no library knows. And VANISHED,
//! whose sets imap-codec normalises in quadratic time: a line of 1 MiB kept it busy for minutes.

use super::cursor::{Cursor, lossy, parse_number};
use super::response::{Esearch, ListItem, ListKind, MailboxStatus, Response};
use super::{UidSet, WireError};

/// Most attributes of a folder that are kept.
const ATTRIBUTES: usize = 64;

/// `(\HasNoChildren \Sent) "/" Sent ("OLDNAME" ("Gone"))`.
pub(super) fn folder(kind: ListKind, rest: &[u8]) -> Result<ListItem, WireError> {
    let mut cursor = Cursor::new(rest, "LIST");
    let mut attributes = Vec::new();
    cursor.list(|attribute| {
        if attributes.len() < ATTRIBUTES {
            attributes.push(lossy(&attribute, ATTRIBUTES));
        }
    })?;
    let delimiter = cursor.value()?;
    let delimiter = if delimiter.is_nil() { None } else { one_octet(&delimiter.into_bytes()) };
    let name = cursor.value()?.into_bytes().into_owned();
    let old_name = if cursor.eat(b'(') { old_name(&mut cursor)? } else { None };
    Ok(ListItem { kind, attributes, delimiter, name, old_name })
}

/// A delimiter that can separate levels; anything else makes the folder flat.
pub(super) fn one_octet(text: &[u8]) -> Option<u8> {
    match text {
        [octet] if octet.is_ascii_graphic() || *octet == b' ' => Some(*octet),
        _ => None,
    }
}

/// The extended data after a name: pairs of a label and a value, of which we read OLDNAME.
fn old_name(cursor: &mut Cursor<'_>) -> Result<Option<Vec<u8>>, WireError> {
    let mut found = None;
    while !cursor.eat(b')') {
        let label = cursor.value()?.into_bytes();
        if label.eq_ignore_ascii_case(b"OLDNAME") {
            found = cursor.single()?.map(std::borrow::Cow::into_owned);
        } else {
            cursor.skip()?;
        }
    }
    Ok(found)
}

/// `INBOX (MESSAGES 231 UIDNEXT 44292 APPENDLIMIT NIL)`.
pub(super) fn status(rest: &[u8]) -> Result<MailboxStatus, WireError> {
    let mut cursor = Cursor::new(rest, "STATUS");
    let mut status = MailboxStatus { name: cursor.value()?.into_bytes().into_owned(), ..MailboxStatus::default() };
    cursor.expect(b'(')?;
    while !cursor.eat(b')') {
        let item = cursor.atom().to_ascii_uppercase();
        match item.as_slice() {
            b"" => return Err(cursor.malformed()),
            b"MESSAGES" => status.messages = cursor.number()?,
            b"UIDNEXT" => status.uid_next = cursor.number()?.filter(|&next| next != 0),
            b"UIDVALIDITY" => status.uid_validity = cursor.number()?,
            b"UNSEEN" => status.unseen = cursor.number()?,
            b"HIGHESTMODSEQ" => status.highest_mod_seq = cursor.number()?.filter(|&mod_seq| mod_seq != 0),
            b"SIZE" => status.size = cursor.number()?,
            b"DELETED" => status.deleted = cursor.number()?,
            b"MAILBOXID" => status.mailbox_id = cursor.single()?.map(|id| lossy(&id, 255).into()),
            b"APPENDLIMIT" => status.append_limit = cursor.number()?,
            _ => cursor.skip()?,
        }
    }
    Ok(status)
}

/// `(EARLIER) 41,43:116`.
pub(super) fn vanished(rest: &[u8]) -> Result<Response, WireError> {
    let mut cursor = Cursor::new(rest, "VANISHED");
    cursor.spaces();
    let mut earlier = false;
    if cursor.peek() == Some(b'(') {
        cursor.list(|word| earlier |= word.eq_ignore_ascii_case(b"EARLIER"))?;
    }
    let uids = UidSet::parse(cursor.atom()).map_err(|_| cursor.malformed())?;
    cursor.spaces();
    if cursor.peek().is_some() { Err(cursor.malformed()) } else { Ok(Response::Vanished { earlier, uids }) }
}

/// `(TAG "A1") UID COUNT 2 ALL 4,7`.
pub(super) fn esearch(rest: &[u8]) -> Result<Esearch, WireError> {
    let mut cursor = Cursor::new(rest, "ESEARCH");
    let mut answer = Esearch::default();
    if cursor.eat(b'(') {
        while !cursor.eat(b')') {
            let label = cursor.value()?.into_bytes();
            let value = cursor.single()?;
            if label.eq_ignore_ascii_case(b"TAG") {
                answer.tag = value.map(|tag| lossy(&tag, 255).into());
            }
        }
    }
    loop {
        let item = cursor.atom().to_ascii_uppercase();
        match item.as_slice() {
            b"" => break,
            b"UID" => answer.uid = true,
            b"ALL" => answer.all = Some(UidSet::parse(cursor.atom())?),
            b"COUNT" => answer.count = cursor.number()?,
            b"MIN" => answer.min = id(&mut cursor)?,
            b"MAX" => answer.max = id(&mut cursor)?,
            b"MODSEQ" => answer.mod_seq = cursor.single()?.and_then(|text| parse_number(&text)).filter(|&mod_seq| mod_seq != 0),
            _ => cursor.skip()?,
        }
    }
    if cursor.peek().is_some() { Err(cursor.malformed()) } else { Ok(answer) }
}

fn id(cursor: &mut Cursor<'_>) -> Result<Option<u32>, WireError> {
    Ok(cursor.number()?.and_then(|id| u32::try_from(id).ok()).filter(|&id| id != 0))
}
