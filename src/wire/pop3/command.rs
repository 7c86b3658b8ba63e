//! Commands (RFC 1939 §5 to §7, RFC 2449 §5, RFC 2595 §4, RFC 5034, RFC 6856).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::WireError;

/// Octets of a command line that every server takes, line end included (RFC 2449 §4).
const LINE: usize = 255;

/// Gives up a SASL exchange (RFC 5034 §4).
pub const CANCEL: &[u8] = b"*\r\n";

/// A command.
#[derive(Clone, Copy)]
pub enum Command<'a> {
    /// What the server can do.
    Capa,
    /// TLS from here on.
    Stls,
    /// Headers may come in UTF-8.
    Utf8,
    /// A user name; its password follows.
    User(&'a str),
    /// The password.
    Pass(&'a str),
    /// User name and digest of time stamp and secret (RFC 1939 §7).
    Apop {
        /// User name.
        user: &'a str,
        /// MD5 in lower-case hex.
        digest: &'a str,
    },
    /// A SASL mechanism, with what we say first where that fits into the line (see [`Command::fits`]).
    Auth {
        /// Registered name.
        mechanism: &'a str,
        /// Initial response.
        initial: Option<&'a [u8]>,
    },
    /// How many messages and octets.
    Stat,
    /// Sizes of all messages.
    List,
    /// Unique-ids of all messages.
    Uidl,
    /// A message.
    Retr(u32),
    /// A message's header and no line of its body.
    Top(u32),
    /// Marks a message for removal.
    Dele(u32),
    /// Takes all marks back.
    Rset,
    /// Nothing.
    Noop,
    /// Removes what is marked and ends the session.
    Quit,
}

impl Command<'_> {
    /// The line with its end. An argument that would end it early, or split it, is refused.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let line = match *self {
            Self::Capa => "CAPA".into(),
            Self::Stls => "STLS".into(),
            Self::Utf8 => "UTF8".into(),
            Self::User(user) => format!("USER {}", argument(user, "the user name")?),
            // A password may have spaces in it: it goes on to the end of the line (RFC 1939 §7).
            Self::Pass(secret) => format!("PASS {}", argument(secret, "the password")?),
            Self::Apop { user, digest } => format!("APOP {} {}", word(user, "the user name")?, word(digest, "the digest")?),
            Self::Auth { mechanism, initial: None } => format!("AUTH {}", word(mechanism, "the mechanism")?),
            // An empty initial response is `=` (RFC 5034 §4).
            Self::Auth { mechanism, initial: Some([]) } => format!("AUTH {} =", word(mechanism, "the mechanism")?),
            Self::Auth { mechanism, initial: Some(initial) } => {
                format!("AUTH {} {}", word(mechanism, "the mechanism")?, STANDARD.encode(initial))
            }
            Self::Stat => "STAT".into(),
            Self::List => "LIST".into(),
            Self::Uidl => "UIDL".into(),
            Self::Retr(number) => format!("RETR {number}"),
            Self::Top(number) => format!("TOP {number} 0"),
            Self::Dele(number) => format!("DELE {number}"),
            Self::Rset => "RSET".into(),
            Self::Noop => "NOOP".into(),
            Self::Quit => "QUIT".into(),
        };
        Ok([line.as_bytes(), b"\r\n"].concat())
    }

    /// Whether `initial` fits into the line of an AUTH command.
    pub fn fits(mechanism: &str, initial: &[u8]) -> bool {
        let encoded = initial.len().div_ceil(3) * 4;
        "AUTH ".len() + mechanism.len() + 1 + encoded.max(1) + 2 <= LINE
    }
}

impl std::fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Pass(_) => "PASS …".into(),
            Self::Apop { user, .. } => format!("APOP {user:?} …"),
            Self::Auth { mechanism, initial } => format!("AUTH {mechanism}{}", if initial.is_some() { " …" } else { "" }),
            other => other.encode().map_or_else(|e| e.to_string(), |line| line.trim_ascii().escape_ascii().to_string()),
        };
        f.write_str(&name)
    }
}

/// A line of a SASL exchange.
pub fn sasl_line(answer: &[u8]) -> Vec<u8> {
    [STANDARD.encode(answer).as_bytes(), b"\r\n"].concat()
}

fn argument<'a>(text: &'a str, what: &'static str) -> Result<&'a str, WireError> {
    if text.is_empty() || text.contains(['\r', '\n', '\0']) { Err(WireError::Unencodable(what)) } else { Ok(text) }
}

fn word<'a>(text: &'a str, what: &'static str) -> Result<&'a str, WireError> {
    if text.contains(' ') { Err(WireError::Unencodable(what)) } else { argument(text, what) }
}
