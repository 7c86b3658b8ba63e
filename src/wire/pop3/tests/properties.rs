//! What must hold for any input; the target under fuzz/ states the same.

use proptest::prelude::*;

use super::super::{parse_capability, parse_continuation, parse_list, parse_reply, parse_stat, parse_uidl};
use super::*;

/// Text that looks like a message or an answer more often than random octets do.
fn nearly_pop3() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&[u8]] =
        &[b".", b"..", b"\r\n", b"\r", b"\n", b".\r\n", b"\r\n.\r\n", b"+OK", b"-ERR", b" ", b"1", b"a", b"\0", b"[IN-USE]"];
    let word = prop_oneof![
        8 => prop::sample::select(WORDS).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

fn then() -> impl Strategy<Value = Vec<Then>> {
    prop::collection::vec(prop::sample::select(&[Then::Nothing, Then::Items, Then::Body][..]), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_split_gives_the_same_pieces(octets in nearly_pop3(), sizes in prop::collection::vec(1_usize..9, 1..5), then in then()) {
        let limits = Limits { line: 24, item: 24 };
        let whole = pieces(&octets, &[octets.len()], &then, limits);
        prop_assert_eq!(pieces(&octets, &sizes, &then, limits), whole);
    }

    #[test]
    fn what_is_stuffed_comes_back(message in nearly_pop3(), sizes in prop::collection::vec(1_usize..9, 1..5)) {
        let wire = [b"+OK\r\n".to_vec(), stuffed(&message), b"-ERR\r\n".to_vec()].concat();
        let found = pieces(&wire, &sizes, &[Then::Body], Limits::default()).unwrap();
        let mut expected = message.clone();
        if !expected.is_empty() && !expected.ends_with(b"\r\n") {
            expected.extend_from_slice(b"\r\n");
        }
        let body: Vec<u8> = found.iter().filter_map(|p| if let Piece::Body(b) = p { Some(&b[..]) } else { None }).collect::<Vec<_>>().concat();
        prop_assert_eq!(body, expected);
        let ends = found.iter().filter(|p| **p == Piece::End).count();
        let last = matches!(found.last(), Some(Piece::Line(line)) if **line == *b"-ERR");
        prop_assert_eq!((ends, last), (1, true));
    }

    #[test]
    fn no_line_makes_a_reader_panic(line in nearly_pop3()) {
        let _ = (parse_reply(&line), parse_list(&line), parse_uidl(&line), parse_capability(&line), parse_continuation(&line));
        let _ = parse_stat(&String::from_utf8_lossy(&line));
    }
}
