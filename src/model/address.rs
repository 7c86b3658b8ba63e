//! An address that mail can be sent to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Octets of an address (RFC 5321 §4.5.3.1: 64 before the `@`, 255 behind it).
const LONGEST: usize = 320;

/// A mailbox (RFC 5321 §4.1.2, RFC 6531 §3.3): `local@domain`, without a name and without angle brackets.
///
/// It cannot hold what would end a line or a command: no control character, no space or bracket outside quotes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Box<str>);

/// Why a text is no address, as the rest of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAddress(pub &'static str);

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Address {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        if text.chars().any(char::is_control) {
            return Err(NoAddress("it has control characters in it"));
        }
        if text.len() > LONGEST {
            return Err(NoAddress("it is longer than any address"));
        }
        let Some((local, domain)) = split(text) else { return Err(NoAddress("it has no @ and domain")) };
        check_local(local)?;
        check_domain(domain)?;
        Ok(Self(text.into()))
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        split(&self.0).map_or("", |(local, _)| local)
    }

    /// What stands behind it.
    pub fn domain(&self) -> &str {
        split(&self.0).map_or("", |(_, domain)| domain)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both reach the same mailbox as far as a client can know: domains in any case, the rest as written.
    pub fn is_same(&self, other: &Self) -> bool {
        self.local() == other.local() && self.domain().eq_ignore_ascii_case(other.domain())
    }
}

impl TryFrom<String> for Address {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0.into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// At the last `@`: a quoted local part may have one, a domain never.
fn split(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once('@')
}

fn check_local(local: &str) -> Result<(), NoAddress> {
    if local.is_empty() {
        return Err(NoAddress("nothing stands before its @"));
    }
    if let Some(inside) = local.strip_prefix('"') {
        let inside = inside.strip_suffix('"').ok_or(NoAddress("a quote in it does not end"))?;
        let mut escaped = false;
        for c in inside.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Err(NoAddress("a quote in it ends before the @")),
                _ => {}
            }
        }
        return if escaped { Err(NoAddress("a quote in it does not end")) } else { Ok(()) };
    }
    // Some providers gave out names with two dots in a row, or one at the end.
    let odd = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '\\' | '"' | '@');
    if local.contains(odd) { Err(NoAddress("what stands before its @ must be quoted")) } else { Ok(()) }
}

fn check_domain(domain: &str) -> Result<(), NoAddress> {
    if domain.is_empty() {
        return Err(NoAddress("nothing stands behind its @"));
    }
    if let Some(literal) = domain.strip_prefix('[') {
        let inside = literal.strip_suffix(']').ok_or(NoAddress("a bracket in it does not end"))?;
        let fits = !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b));
        return if fits { Ok(()) } else { Err(NoAddress("what stands in its brackets is no network address")) };
    }
    let label = |label: &str| {
        let ends = |c: char| c == '-';
        !label.is_empty()
            && !label.starts_with(ends)
            && !label.ends_with(ends)
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && c.is_alphanumeric()))
    };
    if domain.split('.').all(label) { Ok(()) } else { Err(NoAddress("what stands behind its @ is no domain")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read() {
        for good in [
            "a@b",
            "me.x+tag@example.org",
            "a..b@docomo.example",
            "\"a b\"@x.org",
            "\"a\\\"@\"@x.org",
            "r@[127.0.0.1]",
            "r@[IPv6:::1]",
            "ü@bücher.example",
        ] {
            assert_eq!(Address::parse(good).unwrap().as_str(), good);
        }
        let address = Address::parse("\"x@y\"@Example.ORG").unwrap();
        assert_eq!((address.local(), address.domain()), ("\"x@y\"", "Example.ORG"));
        assert!(address.is_same(&Address::parse("\"x@y\"@example.org").unwrap()));
        assert!(!address.is_same(&Address::parse("\"X@y\"@example.org").unwrap()));
    }

    #[test]
    fn what_would_become_something_else_is_refused() {
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "<a@b>",
            "a@b>",
            "a@b> SIZE=1",
            "a@b\r\nRCPT TO:<x@y>",
            "a\0@b",
            "a@b c",
            "a@b,c@d",
            "a@-b",
            "a@b..c",
            "\"a@b",
            "\"a\"b\"@c",
            "\"a\\\"@b",
            "a@[1.2.3.4",
            "a@[x y]",
            "a@b\u{85}",
            "a@b\u{2028}c",
            "a\u{a0}b@c",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Address::parse(&format!("{}@x.org", "a".repeat(400))).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_an_address_stays_on_its_line_and_in_its_brackets(text in "[a-z@.<>\\[\\]\"\\\\ \r\n\t,:;-]{0,12}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(!address.as_str().contains(['\r', '\n', '\t']));
                let quoted = address.local().starts_with('"');
                prop_assert!(quoted || !address.as_str().contains(['<', '>', ' ']));
            }
        }
    }
}
