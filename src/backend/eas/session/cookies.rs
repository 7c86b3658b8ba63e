//! Cookies, which lead a request to the machine that has the mailbox (MS-ASHTTP 2.2.1.1.2.3).

use crate::net::http::Answer;

use super::super::limits;

/// Those of one host, without their attributes: they are sent with every request of the session, and forgotten with it.
#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Takes those that an answer sets. One without a value is taken away.
    pub fn keep(&mut self, answer: &Answer) {
        for cookie in answer.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else { continue };
            self.set(name, value);
        }
    }

    pub fn set(&mut self, name: &str, value: &str) {
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
