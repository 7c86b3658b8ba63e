//! Where a message comes from, as its header says: what stays the same where a server writes a message in its own way (other line breaks,
//! more fields, another encoding). Never an identity; it tells which of few new messages is the one that was just sent there. Pure.

use mail_parser::{DateTime, HeaderName, HeaderValue, MessageParser};

/// What a server that rewrites messages leaves as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    message_id: Option<String>,
    /// Seconds since 1970.
    date: Option<i64>,
    from: Option<String>,
    subject: Option<String>,
}

impl Origin {
    /// Of a header block; whatever cannot be read is taken for missing.
    pub fn of(header: &[u8]) -> Self {
        let nothing = Self { message_id: None, date: None, from: None, subject: None };
        let Some(message) = MessageParser::default().parse_headers(header) else { return nothing };
        if message.parts.is_empty() {
            return nothing;
        }
        let from = message.from().and_then(|from| from.first()).and_then(|first| first.address.as_deref());
        Self {
            message_id: message.message_id().map(str::to_owned),
            date: message.date().map(mail_parser::DateTime::to_timestamp),
            from: from.map(str::to_lowercase),
            subject: message.subject().map(|s| s.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }

    /// Whether two headers may be those of one message: by Message-ID and Date; where one has no Message-ID, by Date, From and Subject.
    pub fn is_same(&self, other: &Self) -> bool {
        let dates = self.date == other.date;
        match (&self.message_id, &other.message_id) {
            (Some(here), Some(there)) => here == there && (dates || self.date.is_none()),
            _ => dates && self.date.is_some() && self.from.is_some() && self.from == other.from && self.subject == other.subject,
        }
    }
}

/// When a message came where it is, in seconds since 1970, as its header block says: the last server to take it has written the topmost
/// `Received`; where there is none, the author's `Date`.
pub fn arrived(header: &[u8]) -> Option<i64> {
    let message = MessageParser::default().parse_headers(header)?;
    let fields = &message.parts.first()?.headers;
    let received = fields.iter().find_map(|field| match &field.value {
        HeaderValue::Received(received) => Some(received.date),
        _ => None,
    });
    let date = || fields.iter().filter(|field| field.name == HeaderName::Date).find_map(|field| field.value.as_datetime().copied());
    received.flatten().or_else(date).filter(DateTime::is_valid).map(|date| date.to_timestamp())
}

/// Whether a message of `here` octets may have become one of `there`: within 5 %, or a few fields of the header.
pub fn may_be(here: u64, there: u64) -> bool {
    here.abs_diff(there) <= (here / 20).max(512)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "Message-ID: <1@x>\r\nDate: Thu, 26 Nov 2026 07:00:00 +0000\r\nFrom: A <a@x>\r\nSubject: one two\r\n\r\n";

    fn same(here: &str, there: &str) -> bool {
        Origin::of(here.as_bytes()).is_same(&Origin::of(there.as_bytes()))
    }

    #[test]
    fn what_servers_change_does_not_count() {
        let folded = PLAIN.replace("one two", "one\r\n two").replace("\r\n\r\n", "\r\nX-Received: by y\r\n\r\n");
        assert!(same(PLAIN, &folded));
        assert!(same(PLAIN, &PLAIN.replace("07:00:00 +0000", "08:00:00 +0100").replace("one", "=?utf-8?q?one?=")));
        // A Message-ID that the server made.
        assert!(same(&PLAIN.replace("Message-ID: <1@x>\r\n", ""), PLAIN));
        // And a Date.
        assert!(same(&PLAIN.replace("Date:", "X-Date:"), PLAIN));
    }

    #[test]
    fn two_messages_are_two() {
        assert!(!same(PLAIN, &PLAIN.replace("<1@x>", "<2@x>")));
        assert!(!same(PLAIN, &PLAIN.replace("07:00", "07:01")));
        let anonymous = PLAIN.replace("Message-ID: <1@x>\r\n", "");
        assert!(!same(&anonymous, &anonymous.replace("one", "three")));
        assert!(!same("Subject: x\r\n\r\n", "Subject: x\r\n\r\n"));
        assert!(!same("", ""));
    }

    #[test]
    fn a_message_came_when_the_last_server_took_it() {
        let received =
            "Received: from a by b; Thu, 26 Nov 2026 09:00:00 +0000\r\nReceived: from c by a; Thu, 26 Nov 2026 08:00:00 +0000\r\n";
        let at = |header: &str| arrived(header.as_bytes());
        assert_eq!(at(&format!("{received}{PLAIN}")), Some(1_795_683_600));
        assert_eq!(at(PLAIN), Some(1_795_676_400));
        assert_eq!(at(&format!("Received: from a by b\r\n{PLAIN}")), Some(1_795_676_400));
        for nothing in ["", "\r\n", "Subject: x\r\n\r\n", "Date: soon\r\n\r\n", "Date: Thu, 99 Nov 99999 99:00:00 +9999\r\n\r\n"] {
            assert_eq!(at(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn sizes_differ_by_little() {
        assert!(may_be(100, 612) && !may_be(100, 613));
        assert!(may_be(100_000, 95_000) && !may_be(100_000, 94_999));
    }
}
