//! What the server says it can do (RFC 2449), and what that means for the engine.

use std::num::NonZeroU16;

use crate::model::Flags;
use crate::model::caps::{Append, Caps, Changes, Deletes, FlagSupport, Folders, Identity, Keywords, Moves, Push};
use crate::wire::pop3::Capability;

/// Seconds between two looks where the server demands nothing.
const POLL: u32 = 60;

/// How long the server keeps messages (RFC 2449 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expire {
    /// As long as nobody removes them.
    Never,
    /// So many days; 0: a message that was read may be gone with the end of the session.
    Days(u32),
}

/// The capabilities of one server at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Capabilities {
    told: Vec<Capability>,
    /// CAPA was understood.
    known: bool,
}

impl Capabilities {
    /// What was told, less what is `disabled`.
    pub fn new(mut told: Vec<Capability>, disabled: &[String]) -> Self {
        told.retain(|c| !disabled.contains(&c.name));
        Self { told, known: true }
    }

    /// Whether they were told at all.
    pub fn known(&self) -> bool {
        self.known
    }

    pub fn has(&self, name: &str) -> bool {
        self.told.iter().any(|c| c.name == name)
    }

    fn arguments(&self, name: &str) -> &[String] {
        self.told.iter().find(|c| c.name == name).map_or(&[], |c| &c.arguments)
    }

    /// Whether the server offers LOGIN as a mechanism.
    pub fn sasl_login(&self) -> bool {
        self.arguments("SASL").iter().any(|m| m.eq_ignore_ascii_case("LOGIN"))
    }

    /// The SASL mechanisms; and LOGIN where USER and PASS may do, which every server knew before there was CAPA.
    pub fn mechanisms(&self) -> Vec<String> {
        let mut found: Vec<String> = self.arguments("SASL").iter().map(|m| m.to_ascii_uppercase()).collect();
        if (!self.known || self.has("USER") || found.is_empty()) && !self.sasl_login() {
            found.push("LOGIN".into());
        }
        found
    }

    /// Seconds between two logins, at least.
    pub fn login_delay(&self) -> Option<u32> {
        self.arguments("LOGIN-DELAY").first()?.parse().ok()
    }

    pub fn expire(&self) -> Option<Expire> {
        let days = self.arguments("EXPIRE").first()?;
        if days.eq_ignore_ascii_case("NEVER") { Some(Expire::Never) } else { days.parse().ok().map(Expire::Days) }
    }

    /// For people.
    pub fn list(&self) -> String {
        if !self.known {
            return "the server does not tell".into();
        }
        let spell = |c: &Capability| std::iter::once(&c.name).chain(&c.arguments).map(String::as_str).collect::<Vec<_>>().join(" ");
        self.told.iter().map(spell).collect::<Vec<_>>().join(", ")
    }

    /// What a person should know of the server's policy; empty where there is nothing.
    pub fn policy(&self) -> String {
        let mut told = Vec::new();
        match self.expire() {
            Some(Expire::Days(0)) => told.push("messages may be removed there once they were fetched".to_owned()),
            Some(Expire::Days(days)) => told.push(format!("messages are kept there for {days} days")),
            Some(Expire::Never) | None => {}
        }
        if let Some(seconds @ 1..) = self.login_delay() {
            told.push(format!("logins may be refused within {seconds} s of the last one"));
        }
        told.join("; ")
    }

    /// In the engine's words. `by_content`: the server's ids do not tell its messages apart.
    pub fn caps(&self, by_content: bool) -> Caps {
        let ceiling = ceiling();
        Caps {
            identity: if by_content { Identity::ByContent } else { ceiling.identity },
            push: Push::Poll { at_least: self.login_delay().unwrap_or(0).max(POLL) },
            ..ceiling
        }
    }
}

/// The best that POP3 can do.
pub(super) fn ceiling() -> Caps {
    Caps {
        // The maildrop is locked by the session that has it (RFC 1939 §4).
        sessions: NonZeroU16::MIN,
        folders: Folders::InboxOnly,
        identity: Identity::PerEpoch,
        changes: Changes::Whole,
        flags: FlagSupport { pull: Flags::NONE, push: Flags::NONE, keywords: Keywords::No },
        append: Append::No,
        delete: Deletes { trash: false, now: true, may_keep: false },
        moves: Moves::No,
        push: Push::Poll { at_least: POLL },
        submit: false,
        admin: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pop3::parse_capability;

    fn told(lines: &[&str]) -> Capabilities {
        Capabilities::new(lines.iter().filter_map(|line| parse_capability(line.as_bytes())).collect(), &["MASKED".into()])
    }

    #[test]
    fn policy_is_told_in_words() {
        assert_eq!(told(&["EXPIRE NEVER", "LOGIN-DELAY 0"]).policy(), "");
        let strict = told(&["EXPIRE 0 USER", "LOGIN-DELAY 900", "MASKED"]);
        assert_eq!(
            strict.policy(),
            "messages may be removed there once they were fetched; logins may be refused within 900 s of the last one"
        );
        assert_eq!(strict.caps(false).push, Push::Poll { at_least: 900 });
        assert!(!strict.has("MASKED") && strict.list() == "EXPIRE 0 USER, LOGIN-DELAY 900");
    }

    #[test]
    fn user_and_pass_stand_in_for_a_mechanism() {
        assert_eq!(Capabilities::default().mechanisms(), ["LOGIN"]);
        assert_eq!(told(&["SASL PLAIN"]).mechanisms(), ["PLAIN"]);
        assert_eq!(told(&["SASL plain", "USER"]).mechanisms(), ["PLAIN", "LOGIN"]);
        assert_eq!(told(&["SASL LOGIN", "USER"]).mechanisms(), ["LOGIN"]);
    }

    #[test]
    fn no_server_is_above_the_ceiling() {
        for by_content in [false, true] {
            let caps = told(&["LOGIN-DELAY 900"]).caps(by_content);
            assert_eq!(caps.meet(&ceiling()), caps);
        }
    }
}
