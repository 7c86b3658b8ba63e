//! An error → lines for people: what was tried, what failed and why, what is safe, what to do next.

use crate::model::{Class, Error, FolderPath};

use super::ui::sanitize::display;

/// Causes shown at most.
const MAX_CAUSES: usize = 5;

/// Whom an error is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// Account.
    pub account: Option<&'a str>,
    /// Folder.
    pub folder: Option<&'a FolderPath>,
}

impl<'a> About<'a> {
    /// An account.
    pub fn account(name: &'a str) -> Self {
        Self { account: Some(name), folder: None }
    }

    /// `ACCOUNT: FOLDER: `, as far as they are known.
    pub fn prefix(&self) -> String {
        let account = self.account.map(|name| display(name) + ": ");
        let folder = self.folder.map(|folder| display(&folder.to_string()) + ": ");
        account.unwrap_or_default() + &folder.unwrap_or_default()
    }
}

/// The lines that explain `error`, the first with `mailx:` in front; every line is safe for a terminal.
pub fn lines(about: About<'_>, error: &Error) -> Vec<String> {
    let mut lines = vec![format!("mailx: {}error: {}", about.prefix(), headline(error))];
    lines.extend(details(about, error));
    lines
}

/// `CLASS: tried: failed`, safe for a terminal.
pub fn headline(error: &Error) -> String {
    let parts = [error.class.word(), error.tried.as_str(), failed(error).0].map(display);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

/// What failed, and the excerpts below it: problems of a configuration are told in lines of our own making, and nothing else is.
fn failed(error: &Error) -> (&str, &str) {
    match error.failed.split_once('\n') {
        Some(parts) if error.class == Class::Config => parts,
        _ => (&error.failed, ""),
    }
}

/// The lines below the headline: causes, safe, next.
pub fn details(about: About<'_>, error: &Error) -> Vec<String> {
    let mut lines: Vec<String> = failed(error).1.lines().map(|line| format!("  {}", display(line))).collect();
    lines.extend(causes(error).into_iter().map(|cause| format!("  cause: {cause}")));
    let safe = error.safe.as_deref().or_else(|| usually_safe(error.class));
    lines.extend(safe.map(|safe| format!("  safe: {}", display(safe))));
    if error.hints.is_empty() {
        lines.extend(usually_next(about, error.class).map(|hint| format!("  next: {hint}")));
    }
    // A hint may be a few lines written by us; what it quotes is made safe with it.
    lines.extend(error.hints.iter().flat_map(|hint| hint.lines()).map(|hint| format!("  next: {}", display(hint))));
    lines
}

/// The cause chain, without what has been said already.
fn causes(error: &Error) -> Vec<String> {
    let mut said = display(&error.failed);
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next.filter(|_| causes.len() < MAX_CAUSES) {
        let text = display(&cause.to_string());
        if !text.is_empty() && !said.contains(&text) {
            said.push_str(&text);
            causes.push(text);
        }
        next = cause.source();
    }
    causes
}

/// What always holds after such a failure, for errors that do not say it themselves.
fn usually_safe(class: Class) -> Option<&'static str> {
    match class {
        Class::Temporary | Class::Protocol | Class::Internal | Class::LocalIo | Class::LocalCorrupt => {
            Some("mail stored so far stays, and nothing was removed that is not stored")
        }
        Class::Locked => Some("nothing was touched"),
        _ => None,
    }
}

fn usually_next(about: About<'_>, class: Class) -> Option<String> {
    let account = display(about.account.unwrap_or("ACCOUNT"));
    Some(match class {
        Class::Temporary => "run the same command again; it carries on where it stopped".into(),
        Class::Locked => "wait until the other run has ended, or give --wait".into(),
        Class::Unavailable => "check the host name and the network, then try again".into(),
        Class::Auth => format!("check the user name and the secret (mailx account login {account})"),
        Class::TlsVerify => "check the host name; a private authority is named by tls.ca or --ca".into(),
        Class::Protocol => format!("try again; if it stays, `mailx -vv account test {account}` shows more for a report"),
        Class::Internal => "this is a bug in mailx: please report it with the output of -vv".into(),
        Class::Usage => "mailx --help lists commands and options".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_speaks_in_full_and_only_once() {
        let io = std::io::Error::other("odd thing");
        let error = Error::new(Class::LocalIo, "write /m/tmp/x", "cannot go on").because(io).safe("all of it").hint("look\nagain");
        let inbox = FolderPath::inbox();
        let about = About { account: Some("work"), folder: Some(&inbox) };
        assert_eq!(
            lines(about, &error),
            [
                "mailx: work: INBOX: error: local-io: write /m/tmp/x: cannot go on",
                "  cause: odd thing",
                "  safe: all of it",
                "  next: look",
                "  next: again",
            ]
        );
        let same = Error::local("open f", &std::io::Error::other("odd thing")).because(std::io::Error::other("odd thing"));
        assert!(!lines(About::default(), &same).iter().any(|line| line.contains("cause")));
    }

    #[test]
    fn problems_of_a_configuration_have_lines_of_their_own() {
        let error = Error::new(Class::Config, "read the configuration", "c:3:1: wrong\n3 | a = \x1b1\n  | ^");
        let all = lines(About::default(), &error);
        assert_eq!(all, ["mailx: error: config: read the configuration: c:3:1: wrong", "  3 | a = \\x1b1", "    | ^"]);
    }

    #[test]
    fn nothing_foreign_reaches_the_terminal() {
        let evil = "\x1b]0;x\x07\u{202e}\n";
        let folder = FolderPath::new([evil.to_owned()]).unwrap();
        for class in Class::ALL {
            let error = Error::new(class, evil, evil).because(std::io::Error::other(evil.repeat(2))).safe(evil).hint(evil);
            for line in lines(About { account: Some(evil), folder: Some(&folder) }, &error) {
                assert!(!line.chars().any(super::super::ui::sanitize::is_deceptive), "{line:?}");
            }
        }
    }

    #[test]
    fn every_class_says_something_to_do_where_waiting_does_not_help() {
        for class in [Class::Auth, Class::Temporary, Class::Locked, Class::TlsVerify, Class::Internal] {
            let text = lines(About::account("work"), &Error::new(class, "t", "f")).join("\n");
            assert!(text.contains("next: "), "{text}");
        }
    }
}
