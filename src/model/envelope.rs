//! What goes round a message: who sends it, who gets it, and which reports are wanted.

use super::Address;

/// The envelope of a message (RFC 5321 §2.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Where failures are told; `None` = nowhere (`<>`).
    pub from: Option<Address>,
    /// Who gets it; each once.
    pub to: Vec<Address>,
    /// Which reports are wanted.
    pub reports: Reports,
    /// Nobody gets it unless all do.
    pub all_or_none: bool,
}

/// Delivery reports (RFC 3461); the default asks for nothing, which servers take for "failures".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reports {
    /// When; `None` = nothing is said.
    pub notify: Option<Notify>,
    /// Whether a report has all of the message (true) or its header only.
    pub whole: Option<bool>,
    /// What it names the message by.
    pub id: Option<String>,
}

/// When a report is wanted. None of them: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notify {
    /// When it has been delivered.
    pub success: bool,
    /// When it could not be.
    pub failure: bool,
    /// When it takes long.
    pub delay: bool,
}

/// What became of a message for one recipient. Words are the server's, or ours where it was not asked (bounded, not yet sanitised).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The server is responsible for it now.
    Accepted(String),
    /// It will never take it.
    Refused(String),
    /// It does not take it now.
    Later(String),
    /// It was sent whole, and the answer is lost: only the sender of it may decide to send it again.
    Uncertain(String),
}

impl Notify {
    /// Reads `never`, or a comma list of `success`, `failure` and `delay`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut notify = Self::default();
        if text.eq_ignore_ascii_case("never") {
            return Some(notify);
        }
        for word in text.split(',').map(|word| word.trim().to_ascii_lowercase()) {
            match word.as_str() {
                "success" => notify.success = true,
                "failure" => notify.failure = true,
                "delay" => notify.delay = true,
                _ => return None,
            }
        }
        Some(notify)
    }

    /// The words that [`Notify::parse`] reads.
    pub fn words(self) -> String {
        let words = [(self.success, "success"), (self.failure, "failure"), (self.delay, "delay")];
        let wanted: Vec<&str> = words.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect();
        if wanted.is_empty() { "never".into() } else { wanted.join(",") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_written_as_they_are_read() {
        for text in ["never", "success", "failure,delay", "success,failure,delay"] {
            assert_eq!(Notify::parse(text).unwrap().words(), text);
        }
        assert_eq!(Notify::parse("DELAY, Success").unwrap().words(), "success,delay");
        assert_eq!(Notify::parse("always"), None);
        assert_eq!(Notify::parse(""), None);
    }
}
