//! Lines decoded by libraries: imap-codec first, imap-proto for what that refuses.
//!
//! Both read from a line with CRLF and may recurse, so nesting is counted before they see it.

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use imap_codec::imap_types::core::IString;
use imap_codec::imap_types::extensions::namespace::Namespace as CodecNamespace;
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Data, Response as CodecResponse};
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use imap_proto::{MailboxDatum, Response as ProtoResponse};

use super::cursor::literal_at;
use super::list::one_octet;
use super::response::{Namespace, Response};
use super::{MAX_DEPTH, UidSet, WireError};

/// Decodes what follows `*`.
pub(super) fn decode(rest: &[u8]) -> Result<Response, WireError> {
    let Some((keyword, weight)) = keyword(rest) else { return Ok(Response::Other) };
    check_depth(rest)?;
    let mut line = Vec::with_capacity(rest.len() + 4);
    line.extend_from_slice(b"* ");
    line.extend_from_slice(rest.trim_ascii());
    line.extend_from_slice(b"\r\n");
    match by_codec(&line).or_else(|| by_proto(&line)) {
        Some(response) => Ok(response),
        None if weight == Weight::Informal => Ok(Response::Other),
        None => Err(WireError::Malformed(keyword)),
    }
}

/// What it costs not to understand a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// We would take messages to be there or gone that are not.
    Vital,
    /// Nothing but knowledge.
    Informal,
}

/// The responses we read; all others are skipped unread.
fn keyword(rest: &[u8]) -> Option<(&'static str, Weight)> {
    const VITAL: [&str; 3] = ["SEARCH", "SORT", "VANISHED"];
    const INFORMAL: [&str; 4] = ["NAMESPACE", "QUOTA", "QUOTAROOT", "ID"];
    const COUNTERS: [&str; 3] = ["EXISTS", "RECENT", "EXPUNGE"];
    let mut words = rest.split(|b| b" \t(".contains(b)).filter(|word| !word.is_empty());
    let first = words.next()?;
    let find = |word: &[u8], names: &[&'static str]| names.iter().copied().find(|name| word.eq_ignore_ascii_case(name.as_bytes()));
    if first.iter().all(|b| b.is_ascii_digit() || *b == b'-') {
        return find(words.next()?, &COUNTERS).map(|name| (name, Weight::Vital));
    }
    let vital = find(first, &VITAL).map(|name| (name, Weight::Vital));
    vital.or_else(|| find(first, &INFORMAL).map(|name| (name, Weight::Informal)))
}

/// Counts parentheses outside strings, since a recursive decoder would run out of stack before it says no.
fn check_depth(text: &[u8]) -> Result<(), WireError> {
    let (mut depth, mut at, mut quoted) = (0usize, 0, false);
    while let Some(&octet) = text.get(at) {
        match octet {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b'{' if !quoted => {
                if let Some((head, size)) = literal_at(&text[at..]) {
                    at = at.saturating_add(head + size - 1);
                }
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(WireError::Nesting);
        }
        at = at.saturating_add(1);
    }
    Ok(())
}

fn by_codec(line: &[u8]) -> Option<Response> {
    let (rest, CodecResponse::Data(data)) = ResponseCodec::default().decode(line).ok()? else { return None };
    if !rest.is_empty() {
        return None;
    }
    Some(match data {
        Data::Search(ids, mod_seq) | Data::Sort(ids, mod_seq) => {
            Response::Search { ids: ids.into_iter().map(Into::into).collect(), mod_seq: mod_seq.map(Into::into) }
        }
        Data::Exists(count) => Response::Exists(count),
        Data::Recent(count) => Response::Recent(count),
        Data::Expunge(seq) => Response::Expunge(seq.into()),
        Data::Vanished { earlier, known_uids } => Response::Vanished { earlier, uids: set(&known_uids) },
        Data::Namespace { personal, other, shared } => {
            Response::Namespace(Namespace { personal: prefixes(&personal), others: prefixes(&other), shared: prefixes(&shared) })
        }
        Data::Quota { root, quotas } => Response::Quota {
            root: text(root.as_ref()),
            resources: quotas
                .as_ref()
                .iter()
                .map(|quota| (quota.resource.to_string().to_ascii_uppercase(), quota.usage, quota.limit))
                .collect(),
        },
        Data::QuotaRoot { mailbox, roots } => {
            Response::QuotaRoot { mailbox: name(&mailbox), roots: roots.iter().map(|root| text(root.as_ref())).collect() }
        }
        Data::Id { parameters } => {
            let pairs = parameters.unwrap_or_default().into_iter();
            Response::Id(pairs.map(|(key, value)| (istring(&key), value.into_option().map(|value| text(&value)))).collect())
        }
        _ => return None,
    })
}

fn by_proto(line: &[u8]) -> Option<Response> {
    let (rest, response) = ProtoResponse::parse(line).ok()?;
    if !rest.is_empty() {
        return None;
    }
    Some(match response {
        ProtoResponse::Expunge(seq) => Response::Expunge(seq),
        ProtoResponse::Vanished { earlier, uids } => {
            Response::Vanished { earlier, uids: UidSet::from_ranges(uids.into_iter().map(std::ops::RangeInclusive::into_inner).collect()) }
        }
        ProtoResponse::MailboxData(MailboxDatum::Exists(count)) => Response::Exists(count),
        ProtoResponse::MailboxData(MailboxDatum::Recent(count)) => Response::Recent(count),
        ProtoResponse::MailboxData(MailboxDatum::Search(ids) | MailboxDatum::Sort(ids)) => Response::Search { ids, mod_seq: None },
        ProtoResponse::Quota(quota) => {
            let resources = quota.resources.iter().map(|one| {
                let name = match &one.name {
                    imap_proto::rfc2087::QuotaResourceName::Storage => "STORAGE".into(),
                    imap_proto::rfc2087::QuotaResourceName::Message => "MESSAGE".into(),
                    imap_proto::rfc2087::QuotaResourceName::Atom(name) => name.to_ascii_uppercase(),
                };
                (name, one.usage, one.limit)
            });
            Response::Quota { root: quota.root_name.to_string(), resources: resources.collect() }
        }
        ProtoResponse::QuotaRoot(root) => Response::QuotaRoot {
            mailbox: root.mailbox_name.as_bytes().to_vec(),
            roots: root.quota_root_names.iter().map(ToString::to_string).collect(),
        },
        ProtoResponse::Id(pairs) => {
            let mut pairs: Vec<_> =
                pairs.unwrap_or_default().into_iter().map(|(key, value)| (key.into_owned(), Some(value.into_owned()))).collect();
            pairs.sort();
            Response::Id(pairs)
        }
        _ => return None,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn istring(value: &IString<'_>) -> String {
    text(value.as_ref())
}

fn name(mailbox: &Mailbox<'_>) -> Vec<u8> {
    match mailbox {
        Mailbox::Inbox => b"INBOX".to_vec(),
        Mailbox::Other(other) => other.as_ref().to_vec(),
    }
}

fn prefixes(list: &[CodecNamespace<'_>]) -> Vec<(Vec<u8>, Option<u8>)> {
    let delimiter = |one: &CodecNamespace<'_>| {
        let octet = one.delimiter.as_ref().and_then(|char| u8::try_from(char.inner()).ok());
        octet.and_then(|octet| one_octet(&[octet]))
    };
    list.iter().map(|one| (one.prefix.as_ref().to_vec(), delimiter(one))).collect()
}

fn set(sequence: &SequenceSet) -> UidSet {
    let number = |value: &SeqOrUid| match value {
        SeqOrUid::Value(number) => number.get(),
        SeqOrUid::Asterisk => u32::MAX,
    };
    let ranges = sequence.0.as_ref().iter().map(|part| match part {
        Sequence::Single(one) => (number(one), number(one)),
        Sequence::Range(first, last) => (number(first), number(last)),
    });
    UidSet::from_ranges(ranges.collect())
}
