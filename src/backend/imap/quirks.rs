//! What particular servers need, in one table that applies itself.

use super::capabilities::Capabilities;

/// How to treat a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quirks {
    /// The item that fetches a whole message.
    pub body: &'static str,
    /// Extensions that the server offers and does not do right.
    pub distrust: &'static [&'static str],
}

impl Default for Quirks {
    fn default() -> Self {
        Self { body: "BODY.PEEK[]", distrust: &[] }
    }
}

/// How a server is recognised.
struct Row {
    name: &'static str,
    /// Ends of host names.
    hosts: &'static [&'static str],
    /// Words in the greeting, lower case.
    greeting: &'static [&'static str],
    /// Capabilities.
    caps: &'static [&'static str],
    quirks: Quirks,
}

const TABLE: [Row; 3] = [
    Row {
        name: "iCloud",
        hosts: &[".mail.me.com", ".icloud.com"],
        greeting: &["icloud"],
        caps: &["XAPPLEPUSHSERVICE"],
        // Answers BODY.PEEK[] with nothing for some messages; folders are opened read-only, so BODY[] sets no \Seen. Its VANISHED
        // is malformed.
        quirks: Quirks { body: "BODY[]", distrust: &["QRESYNC"] },
    },
    Row {
        name: "Coremail (163.com, 126.com)",
        hosts: &[".163.com", ".126.com", ".yeah.net"],
        greeting: &["coremail"],
        caps: &[],
        // Offers SASL-IR and answers it with BAD.
        quirks: Quirks { body: "BODY.PEEK[]", distrust: &["SASL-IR"] },
    },
    Row {
        name: "Proton Bridge",
        hosts: &[],
        greeting: &["proton mail bridge", "protonmail bridge"],
        caps: &[],
        quirks: Quirks { body: "BODY.PEEK[]", distrust: &["MOVE"] },
    },
];

/// The row that fits, with its name; by host, greeting or capabilities.
pub(super) fn of(host: &str, greeting: &str, caps: &Capabilities) -> (Option<&'static str>, Quirks) {
    let (host, greeting) = (host.to_ascii_lowercase(), greeting.to_lowercase());
    let fits = |row: &&Row| {
        row.hosts.iter().any(|end| host.ends_with(end))
            || row.greeting.iter().any(|word| greeting.contains(word))
            || row.caps.iter().any(|cap| caps.has(cap))
    };
    TABLE.iter().find(fits).map_or((None, Quirks::default()), |row| (Some(row.name), row.quirks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_recognised_by_any_mark() {
        let none = Capabilities::default();
        assert_eq!(of("imap.mail.me.com", "", &none).0, Some("iCloud"));
        assert_eq!(of("localhost", "OK Proton Mail Bridge 3.1 ready", &none).0, Some("Proton Bridge"));
        assert_eq!(of("p1.example", "", &Capabilities::new(vec!["XAPPLEPUSHSERVICE".into()], &[])).1.body, "BODY[]");
        assert_eq!(of("imap.example.org", "Dovecot ready.", &none), (None, Quirks::default()));
    }
}
