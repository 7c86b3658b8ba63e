//! What particular providers do with what is sent through them.

/// Ends of names of servers that put a copy of each message into the account's Sent folder themselves: another one would stand beside it.
const FILES_ITSELF: [(&str, &[&str]); 2] = [
    ("Gmail", &["smtp.gmail.com", "smtp-relay.gmail.com", "smtp.googlemail.com"]),
    ("Exchange Online", &["smtp.office365.com", "outlook.office365.com", "smtp-mail.outlook.com", "smtp-legacy.office365.com"]),
];

/// The provider, where its server files sent mail itself.
pub fn files_itself(host: &str) -> Option<&'static str> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    FILES_ITSELF.iter().find(|(_, hosts)| hosts.contains(&host.as_str())).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::files_itself;

    #[test]
    fn providers_are_known_by_their_servers() {
        assert_eq!(files_itself("smtp.gmail.com"), Some("Gmail"));
        assert_eq!(files_itself("SMTP.Office365.com."), Some("Exchange Online"));
        assert_eq!(files_itself("smtp.gmail.com.example.org"), None);
    }
}
