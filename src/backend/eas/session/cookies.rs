//! Cookies, which lead a request to the machine that has the mailbox (MS-ASHTTP 2.2.1.1.2.3).

use url::Url;

use crate::net::http::Answer;

use super::super::limits;
use super::relocate::is_service;

/// Names the mailbox by its user.
const ANCHOR: &str = "DefaultAnchorMailbox";

/// Those of one host, without their attributes: they are sent with every request of the session, and forgotten with it.
#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// What the first request to a server has: its user for the great service, which is then spared looking for the mailbox.
    pub fn to(url: &Url, user: &str) -> Self {
        let mut cookies = Self::default();
        let fits = user.contains('@') && user.bytes().all(|b| b.is_ascii_graphic() && !b"\",;\\".contains(&b));
        if fits && url.host_str().is_some_and(is_service) {
            cookies.set(ANCHOR, user);
        }
        cookies
    }

    /// Takes those that an answer sets. One without a value is taken away.
    pub fn keep(&mut self, answer: &Answer) {
        for cookie in answer.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else { continue };
            self.set(name, value);
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        let fits =
            name.len() + value.len() < limits::COOKIE && [name, value].iter().all(|text| text.bytes().all(|b| (0x20..0x7f).contains(&b)));
        self.0.retain(|(known, _)| known != name);
        if fits && !name.is_empty() && !value.is_empty() && self.0.len() < limits::COOKIES {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// What the header says; empty where there are none.
    pub fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_named_to_the_great_service_alone() {
        let cookie = |url: &str, user: &str| Cookies::to(&Url::parse(url).unwrap(), user).header();
        assert_eq!(cookie("https://eas.outlook.com/", "me@example.org"), "DefaultAnchorMailbox=me@example.org");
        assert_eq!(cookie("https://outlook.office365.com/x", "me@example.org"), "DefaultAnchorMailbox=me@example.org");
        for (url, user) in [
            ("https://mail.example.org/", "me@example.org"),
            ("https://outlook.com.evil.test/", "me@example.org"),
            ("https://eas.outlook.com/", "me"),
            ("https://eas.outlook.com/", "me@example.org; other=1"),
            ("https://eas.outlook.com/", "m\u{fc}@example.org"),
        ] {
            assert_eq!(cookie(url, user), "", "{url} {user}");
        }
    }

    #[test]
    fn cookies_are_bounded_and_replaced_by_name() {
        let mut cookies = Cookies::default();
        for n in 0..limits::COOKIES + 5 {
            cookies.set(&format!("n{n}"), "v");
        }
        cookies.set("n0", "");
        cookies.set("n1", "w");
        cookies.set("large", &"x".repeat(limits::COOKIE));
        let header = cookies.header();
        assert!(header.starts_with("n2=v; ") && header.ends_with("; n1=w"), "{header}");
        assert_eq!(header.split("; ").count(), limits::COOKIES - 1);
    }
}
