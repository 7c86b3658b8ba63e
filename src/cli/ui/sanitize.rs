//! Makes text of servers, messages and files safe for a terminal.

use std::fmt::Write as _;

/// Octets of output at most: an alert or a subject of a megabyte says no more than its start.
pub const MAX_OCTETS: usize = 1024;

/// Foreign text as it may be shown: control characters (C0, DEL, C1), bidirectional controls, line and paragraph separators,
/// and what has no width are spelled out (`\x1b`, `\u{202e}`); at most [`MAX_OCTETS`] long, a cut ends in `…`.
///
/// The result is one line that is what it seems to be (CVE-2003-0063, CVE-2021-42574). It is for people: a backslash stays a
/// backslash, so the text cannot be read back.
pub fn display(text: &str) -> String {
    const CUT: char = '…';
    let mut shown = String::with_capacity(text.len().min(MAX_OCTETS));
    for c in text.chars() {
        let before = shown.len();
        match c {
            c if !is_deceptive(c) => shown.push(c),
            c if u32::from(c) < 0x100 => drop(write!(shown, "\\x{:02x}", u32::from(c))),
            c => drop(write!(shown, "\\u{{{:x}}}", u32::from(c))),
        }
        if shown.len() > MAX_OCTETS {
            shown.truncate(before);
            while shown.len() + CUT.len_utf8() > MAX_OCTETS {
                shown.pop();
            }
            shown.push(CUT);
            break;
        }
    }
    shown
}

/// Whether `c` moves the cursor, changes the order or the look of what is around it, or cannot be seen.
///
/// Variation selectors (U+FE00–FE0F) are left alone: emoji need them, and they cannot deceive.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xAD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E
            | 0x2060..=0x206F | 0x3164 | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0xFFFE | 0xFFFF | 0x1_BCA0..=0x1_BCA3
            | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_0FFF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_spelled_out() {
        for (foreign, shown) in [
            ("plain ä € 日本 \\Junk", "plain ä € 日本 \\Junk"),
            ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
            ("\x1b[2J\r\n\t", "\\x1b[2J\\x0d\\x0a\\x09"),
            ("\u{9b}31m\u{85}\x7f", "\\x9b31m\\x85\\x7f"),
            ("a\u{202e}b\u{2028}\u{200b}", "a\\u{202e}b\\u{2028}\\u{200b}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(display(foreign), shown);
        }
    }

    #[test]
    fn a_megabyte_becomes_a_kilobyte() {
        for unit in ["x", "ä", "\x1b", "日"] {
            let shown = display(&unit.repeat(1 << 20));
            assert!(shown.len() <= MAX_OCTETS && shown.len() > MAX_OCTETS - 8, "{}", shown.len());
            assert!(shown.ends_with('…'));
        }
        assert_eq!(display(&"x".repeat(MAX_OCTETS)).len(), MAX_OCTETS);
        assert!(!display(&"x".repeat(MAX_OCTETS)).ends_with('…'));
    }

    proptest! {
        #[test]
        fn output_is_printable_and_bounded(text in any::<String>(), odd in proptest::collection::vec(any::<char>(), 0..2000)) {
            for foreign in [text, odd.into_iter().collect()] {
                let shown = display(&foreign);
                prop_assert!(!shown.chars().any(is_deceptive));
                prop_assert!(shown.len() <= MAX_OCTETS);
            }
        }

        #[test]
        fn plain_text_stays_as_it_is(text in "[ -~]{0,200}") {
            prop_assert_eq!(display(&text), text);
        }
    }
}
