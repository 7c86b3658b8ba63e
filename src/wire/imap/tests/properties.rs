//! What must hold for any input; the targets under fuzz/ state the same.

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use proptest::prelude::*;

use super::super::{Code, Command, Limits, Response, StatusKind, UidSet, decode, decode_greeting, decode_name, encode_name};
use super::pieces;

const TRANSCRIPT: &[u8] = b"* OK [CAPABILITY IMAP4rev1] hi {3}\r\n* LIST () \"/\" {3}\r\na\r\n\r\n* 1 FETCH (UID 7 BODY[HEADER] {5}\r\nA: b\r BODY[] ~{9}\r\n\
    ab\0\r\n{5}\r FLAGS (\\Seen))\r\n* 2 FETCH (BODY[] {0}\r\n UID 8)\n* SEARCH 1 2\r\n* 3 FETCH (ENVELOPE ({2+}\r\n)( NIL))\r\nT1 OK {9}\r\n";

/// Text that looks like IMAP more often than random octets do.
fn nearly_imap() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "*",
        "+",
        "a1",
        "OK",
        "FETCH",
        "LIST",
        "STATUS",
        "SEARCH",
        "ESEARCH",
        "VANISHED",
        "NAMESPACE",
        "QUOTA",
        "QUOTAROOT",
        "ID",
        "SORT",
        "EXISTS",
        "CAPABILITY",
        "FLAGS",
        "UID",
        "INTERNALDATE",
        "MODSEQ",
        "BODY[]",
        "BODY[",
        "<0>",
        "NIL",
        "0",
        "1",
        "4294967295",
        "99999999999999999999",
        "1:*",
        ",",
        "(MODSEQ",
        "(EARLIER)",
        "(TAG",
        "ALL",
        "COPYUID",
        "STORAGE",
        "~",
        "PERMANENTFLAGS",
        "(",
        ")",
        "((",
        "[",
        "]",
        "\"",
        "\\",
        "{0}\r\n",
        "{3}\r\n",
        "{",
        "}",
        "\r\n",
        "\n",
        "\0",
        "é",
        "\"/\"",
        "\"17-Jul-1996 02:44:25 -0700\"",
    ];
    let word = prop::sample::select(WORDS).prop_map(str::as_bytes);
    prop::collection::vec((word, prop::bool::weighted(0.8)), 0..24).prop_map(|words| {
        let words = words.into_iter().map(|(word, space)| [word, if space { b" " } else { b"" }].concat());
        words.collect::<Vec<_>>().concat()
    })
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![nearly_imap(), nearly_imap().prop_map(|tail| [b"* ", &tail[..]].concat()), prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_split_of_a_transcript_gives_the_same_pieces(sizes in prop::collection::vec(1usize..40, 1..100)) {
        let whole = pieces(TRANSCRIPT, &[], Limits::default()).unwrap();
        prop_assert_eq!(pieces(TRANSCRIPT, &sizes, Limits::default()).unwrap(), whole);
    }

    #[test]
    fn any_split_of_anything_gives_the_same_pieces(octets in octets(), sizes in prop::collection::vec(1usize..20, 1..20)) {
        let limits = Limits { line: 64, inline: 16 };
        prop_assert_eq!(pieces(&octets, &sizes, limits), pieces(&octets, &[], limits));
    }

    #[test]
    fn decoding_never_panics(octets in octets()) {
        let _ = (decode(&octets), decode_greeting(&octets), UidSet::parse(&octets));
    }

    #[test]
    fn a_tagged_line_always_ends_its_command(text in prop::collection::vec(1u8.., 0..60)) {
        let line = [b"T7 no ", &text[..]].concat();
        let ended = matches!(decode(&line), Ok(Response::Status(status)) if status.tag.as_deref() == Some("T7") && status.kind == StatusKind::No);
        prop_assert!(ended);
    }

    /// Where imap-codec accepts a counter, a folder or a status, it means the same as we do.
    #[test]
    fn what_imap_codec_accepts_we_accept(octets in octets()) {
        let line = [&octets[..], b"\r\n"].concat();
        let known = ResponseCodec::default().decode(&line).is_ok_and(|(rest, _)| rest.is_empty());
        let control = octets.iter().any(u8::is_ascii_control);
        prop_assert!(!known || control || decode(&line).is_ok(), "{}", String::from_utf8_lossy(&line));
    }

    #[test]
    fn names_survive(name in "(\\PC|[&/~\u{0}-\u{1f}]){0,30}") {
        prop_assert_eq!(decode_name(&encode_name(&name, false), false), Ok(name));
    }

    #[test]
    fn accepted_names_are_canonical(raw in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        "[A-Za-z&+,-]{0,12}".prop_map(String::into_bytes),
        "&[A-Za-z0-9+,]{2,8}-(&-)?[ab]?&[A-D0-9+,]{3}-".prop_map(String::into_bytes),
    ]) {
        if let Ok(name) = decode_name(&raw, false) {
            prop_assert_eq!(encode_name(&name, false), raw);
        }
    }

    #[test]
    fn sets_survive(ids in prop::collection::btree_set(1u32.., 0..50), text_len in 1usize..60) {
        let set: UidSet = ids.iter().copied().collect();
        prop_assert_eq!(set.iter().collect::<Vec<_>>(), ids.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(set.len(), ids.len() as u64);
        prop_assert!(set.is_empty() || UidSet::parse(set.to_string().as_bytes()) == Ok(set.clone()));
        let parts = set.chunks(text_len);
        prop_assert_eq!(parts.iter().flat_map(|part| part.ranges().to_vec()).collect::<Vec<_>>(), set.ranges());
    }

    /// What we write into a command, the server reads as the same name.
    #[test]
    fn written_names_are_read_back(name in prop::collection::vec(any::<u8>(), 0..20)) {
        let Ok(encoded) = Command::GetQuotaRoot(&name).encode("A1") else {
            prop_assert!(name.iter().any(|b| b"\r\n\0".contains(b)));
            return Ok(());
        };
        let line = encoded.without_waiting(usize::MAX, 0).octets();
        let argument = line.strip_prefix(b"A1 GETQUOTAROOT ").unwrap().strip_suffix(b"\r\n").unwrap();
        let text = String::from_utf8_lossy(argument).replace("+}", "}");
        if text.contains('\u{fffd}') {
            return Ok(());
        }
        let control = name.iter().any(|&b| b.is_ascii_control() && b != b'\t');
        match decode(format!("* LIST () NIL {text}\r\n").as_bytes()) {
            Ok(Response::List(item)) => prop_assert_eq!(item.name, name),
            other => prop_assert!(control, "{:?}", other),
        }
    }

    #[test]
    fn copied_uids_are_paired_or_unread(source in "[0-9,:]{1,12}", destination in "[0-9,:]{1,12}") {
        let line = format!("a OK [COPYUID 1 {source} {destination}] x");
        match super::status(line.as_bytes()).code {
            Some(Code::CopyUid { source, destination, .. }) => prop_assert_eq!(source.len(), destination.len()),
            Some(Code::Other { .. }) => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
