//! Values out of text: durations, fingerprints, words of a list. Each error is the second half of a sentence.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::nearest::nearest;

/// A value, or what is wrong with it.
pub(super) type Parsed<T> = Result<T, String>;

/// `30d`, `12h`, `90m`, `45s`, `2w`.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    let wrong = || format!("\"{text}\" is not a duration: write a number and one of s, m, h, d, w, as in \"30d\"");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len() - 1).unwrap_or_default();
    if number.is_empty() || !number.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(wrong());
    }
    // A hundred thousand years are "for ever"; more would overflow where times are added.
    let longest = 100_000 * 366 * 86_400;
    let total = number.parse::<u64>().ok().and_then(|n| n.checked_mul(seconds)).filter(|total| *total <= longest);
    total.map(Duration::from_secs).ok_or_else(|| format!("\"{text}\" is too long a time"))
}

/// `sha256:` and 64 hexadecimal digits (colons and spaces between them do not matter) or base64.
pub(super) fn pin(text: &str) -> Parsed<[u8; 32]> {
    let wrong = || "a pin is `sha256:` and 64 hexadecimal digits, or base64 of 32 octets".to_owned();
    let (method, value) = text.split_at_checked(7).ok_or_else(wrong)?;
    if !method.eq_ignore_ascii_case("sha256:") {
        return Err(wrong());
    }
    let plain: String = value.chars().filter(|c| *c != ':' && *c != ' ').collect();
    if plain.len() == 64 && plain.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        let mut out = [0; 32];
        for (octet, pair) in out.iter_mut().zip(plain.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        return Ok(out);
    }
    let decoded = STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)).map_err(|_| wrong())?;
    decoded.try_into().map_err(|_| wrong())
}

/// One word of a list.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Parsed<T> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let all = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let near = nearest(text, words.iter().map(|(word, _)| *word));
    let hint = near.map(|word| format!("; did you mean \"{word}\"?")).unwrap_or_default();
    Err(format!("\"{text}\" is not one of {all}{hint}"))
}

/// `auto`, or the name of a SASL mechanism (RFC 4422 §3.1); upper case.
pub(super) fn mechanism(text: &str) -> Parsed<Option<String>> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    let name = text.to_ascii_uppercase();
    let fits = (1..=20).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
    if fits {
        Ok(Some(name))
    } else {
        Err(format!("\"{text}\" is neither \"auto\" nor the name of a SASL mechanism, as \"PLAIN\" or \"SCRAM-SHA-256\""))
    }
}

/// A mail address: what SMTP and a header can carry; whether it exists is not asked here.
pub(super) fn address(text: &str) -> Parsed<String> {
    let fits = text.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    let clean = !text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ','));
    if fits && clean {
        Ok(text.to_owned())
    } else {
        Err(format!("\"{}\" is not a mail address (only user@host, no name)", text.escape_debug()))
    }
}

/// An account's name: it is an argument, a directory and a key of the keyring.
pub(super) fn account_name(text: &str) -> Parsed<()> {
    let fits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'));
    if !fits {
        return Err(format!("the account name \"{}\" may have only letters, digits and . _ -", text.escape_debug()));
    }
    if text == "." || text == ".." || text.starts_with('-') {
        return Err(format!("the account name \"{text}\" is taken for a directory or an option"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("0s", 0), ("45s", 45), ("90m", 5_400), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "d", "30", "30 d", "-1d", "+1d", "1.5h", "30D", "1y", "1d2h", "99999999999999999999d", "9999999999w", "3ö"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pins_in_every_spelling() {
        let hex = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        let base64 = STANDARD.encode([0xab; 32]);
        for text in [
            format!("sha256:{hex}"),
            format!("SHA256:{colons}"),
            format!("sha256:{base64}"),
            format!("sha256:{}", base64.trim_end_matches('=')),
        ] {
            assert_eq!(pin(&text), Ok([0xab; 32]), "{text}");
        }
        for text in ["", "sha256:", &hex, &format!("sha1:{hex}"), &format!("sha256:{hex}00"), "sha256:zz", "sha256:YWJj", "ä"] {
            assert!(pin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_name_the_nearest() {
        let words = [("trash", 1), ("now", 2), ("never", 3)];
        assert_eq!(word("now", &words), Ok(2));
        assert_eq!(word("trahs", &words), Err("\"trahs\" is not one of \"trash\", \"now\", \"never\"; did you mean \"trash\"?".to_owned()));
        assert_eq!(word("42", &words), Err("\"42\" is not one of \"trash\", \"now\", \"never\"".to_owned()));
    }

    #[test]
    fn mechanisms() {
        assert_eq!(mechanism("auto"), Ok(None));
        assert_eq!(mechanism("scram-sha-256"), Ok(Some("SCRAM-SHA-256".to_owned())));
        for text in ["", "PLAIN LOGIN", "ÄÖ", "A-NAME-THAT-IS-TOO-LONG"] {
            assert!(mechanism(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_addresses() {
        for name in ["work", "me.at-home_2", ".x"] {
            assert!(account_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a b", "ä", "me@x", "-v"] {
            assert!(account_name(name).is_err(), "{name}");
        }
        assert!(address("me@example.org").is_ok());
        for text in ["", "me", "@x", "me@", "Me <me@x>", "me@x\r\nRCPT"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
