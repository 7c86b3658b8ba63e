//! What particular servers need, in one table that applies itself.

/// How to treat a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Quirks {
    /// Messages vanish from the listing once they were fetched, and their ids are never given again: that others are listed instead says
    /// nothing about the ids.
    pub hides_fetched: bool,
    /// A session shows only a portion; the next one shows the next.
    pub portions: bool,
}

/// What is said of a message that such a server lists no more, and that is not here.
pub(super) const HIDDEN: &str = "it was asked for before, by this program or another one, is not stored here, and the server does not list it again: \
    look for it by another way; Gmail lists the last 30 days once more for the user name `recent:ADDRESS`";

/// How a server is recognised.
struct Row {
    name: &'static str,
    /// Host names.
    hosts: &'static [&'static str],
    /// Words in the greeting, lower case.
    greeting: &'static [&'static str],
    quirks: Quirks,
}

const TABLE: [Row; 1] = [Row {
    name: "Gmail",
    hosts: &["pop.gmail.com", "pop.googlemail.com"],
    greeting: &["gpop ready"],
    // RETR marks a message as popped, and it is not listed any more; about 250 messages a session.
    quirks: Quirks { hides_fetched: true, portions: true },
}];

/// The row that fits, with its name; by host or greeting.
pub(super) fn of(host: &str, greeting: &str) -> (Option<&'static str>, Quirks) {
    let (host, greeting) = (host.to_ascii_lowercase(), greeting.to_lowercase());
    let fits = |row: &&Row| row.hosts.contains(&host.as_str()) || row.greeting.iter().any(|word| greeting.contains(word));
    TABLE.iter().find(fits).map_or((None, Quirks::default()), |row| (Some(row.name), row.quirks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_recognised_by_any_mark() {
        assert_eq!(of("POP.gmail.com", "").0, Some("Gmail"));
        assert!(of("127.0.0.1", "Gpop ready for requests from 192.0.2.1").1.portions);
        assert_eq!(of("pop.example.org", "Dovecot ready."), (None, Quirks::default()));
    }
}
