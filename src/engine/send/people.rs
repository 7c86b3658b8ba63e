//! Who sends a message, and who gets it: addresses as people write them, short names, and the addresses that an account may send from.

use std::collections::BTreeMap;

use mail_parser::MessageParser;

use crate::model::{Address, Class, Error, Result};

/// Short names within short names.
const DEPTH: usize = 8;
/// Recipients of one message.
const RECIPIENTS: usize = 10_000;

/// An address with the name that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name, decoded; may be anything but a line end.
    pub name: Option<String>,
    /// The address.
    pub address: Address,
}

/// What an account knows of people.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Addresses that the account sends from; the first is its own.
    pub own: Vec<Address>,
    /// Short names, and what each stands for: addresses, or more short names.
    pub aliases: BTreeMap<String, String>,
}

impl People {
    /// The account's own address.
    pub fn address(&self) -> Option<&Address> {
        self.own.first()
    }

    /// Whether the account sends from `address`. Where it does not know its own, the server must judge.
    pub fn is_own(&self, address: &Address) -> bool {
        self.own.is_empty() || self.own.iter().any(|own| own.is_same(address))
    }

    /// Reads a list as in a header or on a command line: `Name <a@b>, c@d, short`.
    pub fn read(&self, list: &str) -> Result<Vec<Person>> {
        let mut found = Vec::new();
        self.expand(list, 0, &mut found)?;
        Ok(found)
    }

    /// Each address of many lists once, in the order of its first mention.
    pub fn recipients<'a>(&self, lists: impl IntoIterator<Item = &'a str>) -> Result<Vec<Address>> {
        let mut all: Vec<Address> = Vec::new();
        for list in lists {
            for person in self.read(list)? {
                if !all.iter().any(|known| known.is_same(&person.address)) {
                    all.push(person.address);
                }
                if all.len() > RECIPIENTS {
                    return Err(wrong(format!("it has more than {RECIPIENTS} recipients")));
                }
            }
        }
        Ok(all)
    }

    fn expand(&self, list: &str, depth: usize, found: &mut Vec<Person>) -> Result<()> {
        if list.chars().any(|c| c.is_control() && c != '\t') {
            return Err(wrong(format!("\"{}\" has control characters in it: they could become lines of the header", list.escape_debug())));
        }
        for (name, text) in split(list) {
            // The parser makes something of everything; what does not stand there as it is was guessed.
            let swallowed = name.as_ref().is_some_and(|name| name.contains('@')) && !list.contains(&format!("<{text}>"));
            if !list.contains(&text) || swallowed {
                return Err(wrong(format!("\"{}\" is no list of addresses", list.escape_debug())));
            }
            if text.contains('@') {
                let address = Address::parse(&text).map_err(|why| wrong(format!("\"{}\" is no address: {why}", text.escape_debug())))?;
                found.push(Person { name, address });
                continue;
            }
            match self.aliases.get(&text) {
                Some(_) if depth >= DEPTH => return Err(wrong(format!("the alias `{text}` comes back to itself"))),
                Some(list) => self.expand(list, depth + 1, found)?,
                None => {
                    let domain = self.address().map(Address::domain);
                    let whole = domain
                        .map(|domain| format!("{text}@{domain}"))
                        .ok_or_else(|| wrong(format!("\"{}\" is no address and no alias", text.escape_debug())))?;
                    let address =
                        Address::parse(&whole).map_err(|why| wrong(format!("\"{}\" is no address: {why}", text.escape_debug())))?;
                    found.push(Person { name, address });
                }
            }
        }
        Ok(())
    }
}

/// Names and addresses of a list; what is no address is given as it stands.
fn split(list: &str) -> Vec<(Option<String>, String)> {
    let field = format!("To: {}\r\n\r\n", list.trim());
    let Some(message) = MessageParser::default().parse_headers(field.as_bytes()) else { return Vec::new() };
    let people = message.to().map(|to| to.iter().map(|a| (a.name.clone(), a.address.clone())).collect::<Vec<_>>()).unwrap_or_default();
    let person = |(name, address): (Option<std::borrow::Cow<'_, str>>, Option<std::borrow::Cow<'_, str>>)| match (name, address) {
        (name, Some(address)) => Some((name.map(std::borrow::Cow::into_owned).filter(|name| !name.is_empty()), address.trim().to_owned())),
        // A word alone.
        (Some(word), None) => Some((None, word.trim().to_owned())),
        (None, None) => None,
    };
    people.into_iter().filter_map(person).filter(|(_, text)| !text.is_empty()).collect()
}

fn wrong(failed: String) -> Box<Error> {
    Error::new(Class::BadData, "read addresses", failed).safe("nothing was queued and nothing was sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        let alias = |(name, list): (&str, &str)| (name.to_owned(), list.to_owned());
        People {
            own: vec![Address::parse("me@example.org").unwrap(), Address::parse("other@example.com").unwrap()],
            aliases: [("root", "ops@example.org"), ("all", "root, Bob <bob@x.org>"), ("loop", "loop")].map(alias).into(),
        }
    }

    fn read(list: &str) -> Vec<String> {
        let shown = |p: Person| p.name.map_or_else(|| p.address.to_string(), |name| format!("{name}|{}", p.address));
        people().read(list).unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn lists_are_read_as_people_write_them() {
        assert_eq!(read("a@b.org"), ["a@b.org"]);
        assert_eq!(read("Ann Ä. <a@b.org>, c@d.org"), ["Ann Ä.|a@b.org", "c@d.org"]);
        assert_eq!(read("\"Last, First\" <a@b.org>"), ["Last, First|a@b.org"]);
        assert_eq!(read("=?utf-8?q?=C3=84?= <a@b.org>"), ["Ä|a@b.org"]);
        assert_eq!(read("undisclosed-recipients:;"), Vec::<String>::new());
        assert_eq!(read("friends: a@b.org, c@d.org;"), ["a@b.org", "c@d.org"]);
        assert_eq!(read("a@b.org (Ann)").len(), 1);
    }

    #[test]
    fn short_names_are_aliases_or_of_the_accounts_domain() {
        assert_eq!(read("root"), ["ops@example.org"]);
        assert_eq!(read("all"), ["ops@example.org", "Bob|bob@x.org"]);
        assert_eq!(read("carol, root"), ["carol@example.org", "ops@example.org"]);
        assert!(people().read("loop").is_err());
        assert!(People::default().read("carol").is_err());
        let twice = people().recipients(["all", "bob@X.org, ops@example.org", "z@y"]).unwrap();
        assert_eq!(twice.iter().map(Address::as_str).collect::<Vec<_>>(), ["ops@example.org", "bob@x.org", "z@y"]);
    }

    #[test]
    fn what_would_inject_or_is_no_address_is_refused() {
        for bad in ["a@b.org\r\nBcc: x@y", "a@b\0c", "a b@c@", "<a@b@c>", "a@", "@b", "x <a@b> SIZE=1@c <d", "a@b.org c@d.org"] {
            let read = people().read(bad);
            assert!(read.as_ref().is_err_and(|e| e.class == Class::BadData), "{bad:?}: {read:?}");
        }
    }

    #[test]
    fn an_account_sends_from_its_addresses_only() {
        let own = |text: &str| people().is_own(&Address::parse(text).unwrap());
        assert!(own("me@EXAMPLE.org") && own("other@example.com"));
        assert!(!own("you@example.org") && !own("me@example.com"));
    }
}
