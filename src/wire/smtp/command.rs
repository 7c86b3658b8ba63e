//! Commands and their parameters.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::WireError;

/// Octets of a command line that every server takes, line end included (RFC 5321 §4.5.3.1.4).
const LINE: usize = 512;

/// Gives up a SASL exchange (RFC 4954 §4).
pub const CANCEL: &[u8] = b"*\r\n";

/// What the message needs on its way (RFC 6152, 6531).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Body {
    /// `BODY=8BITMIME`: octets above 127 in it.
    pub eight_bit: bool,
    /// `SMTPUTF8`: UTF-8 in addresses or header.
    pub utf8: bool,
}

/// A command.
#[derive(Clone, Copy)]
pub enum Command<'a> {
    /// Who we are; the answer says what the server can do.
    Ehlo(&'a str),
    /// The same of LMTP.
    Lhlo(&'a str),
    /// TLS from here on.
    StartTls,
    /// A SASL mechanism, with what we say first where that fits into the line (see [`Command::fits`]).
    Auth {
        /// Registered name.
        mechanism: &'a str,
        /// Initial response.
        initial: Option<&'a [u8]>,
    },
    /// Begins a message.
    Mail {
        /// Where failures are told; empty = nowhere.
        from: &'a str,
        /// Octets of the message, where the server knows SIZE.
        size: Option<u64>,
        /// What it needs.
        body: Body,
        /// Whether a report has all of the message, or its header only (RFC 3461 §4.3).
        whole: Option<bool>,
        /// What a report names the message by.
        envelope_id: Option<&'a str>,
    },
    /// A recipient.
    Rcpt {
        /// Its address.
        to: &'a str,
        /// When a report is wanted (RFC 3461 §4.1): a comma list of words; `None` = nothing is said.
        notify: Option<&'a str>,
    },
    /// The message follows.
    Data,
    /// Forgets the message that was begun.
    Rset,
    /// Ends the session.
    Quit,
}

impl Command<'_> {
    /// The line with its end. An argument that would end it early, or split it, is refused.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut line = match *self {
            Self::Ehlo(name) => format!("EHLO {}", word(name, "the name of this machine")?),
            Self::Lhlo(name) => format!("LHLO {}", word(name, "the name of this machine")?),
            Self::StartTls => "STARTTLS".into(),
            Self::Auth { mechanism, initial: None } => format!("AUTH {}", word(mechanism, "the mechanism")?),
            // An empty initial response is `=` (RFC 4954 §4).
            Self::Auth { mechanism, initial: Some([]) } => format!("AUTH {} =", word(mechanism, "the mechanism")?),
            Self::Auth { mechanism, initial: Some(initial) } => {
                format!("AUTH {} {}", word(mechanism, "the mechanism")?, STANDARD.encode(initial))
            }
            Self::Mail { from, .. } => format!("MAIL FROM:<{}>", path(from, "the sender")?),
            Self::Rcpt { to: "", .. } => return Err(WireError::Unencodable("an empty recipient")),
            Self::Rcpt { notify: Some(words), .. } if !words.bytes().all(|b| b.is_ascii_alphabetic() || b == b',') => {
                return Err(WireError::Unencodable("when a report is wanted"));
            }
            Self::Rcpt { to, .. } => format!("RCPT TO:<{}>", path(to, "a recipient")?),
            Self::Data => "DATA".into(),
            Self::Rset => "RSET".into(),
            Self::Quit => "QUIT".into(),
        };
        self.parameters(&mut line);
        line.push_str("\r\n");
        Ok(line.into_bytes())
    }

    fn parameters(&self, line: &mut String) {
        // A String takes everything.
        match *self {
            Self::Mail { size, body, whole, envelope_id, .. } => {
                if let Some(size) = size {
                    let _ = write!(line, " SIZE={size}");
                }
                if body.eight_bit {
                    line.push_str(" BODY=8BITMIME");
                }
                if body.utf8 {
                    line.push_str(" SMTPUTF8");
                }
                match whole {
                    Some(true) => line.push_str(" RET=FULL"),
                    Some(false) => line.push_str(" RET=HDRS"),
                    None => {}
                }
                if let Some(id) = envelope_id {
                    let _ = write!(line, " ENVID={}", xtext(id));
                }
            }
            Self::Rcpt { notify: Some(notify), .. } => {
                let _ = write!(line, " NOTIFY={}", notify.to_ascii_uppercase());
            }
            _ => {}
        }
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

fn word<'a>(text: &'a str, what: &'static str) -> Result<&'a str, WireError> {
    let fits = !text.is_empty() && !text.contains(|c: char| c.is_control() || c.is_whitespace());
    if fits { Ok(text) } else { Err(WireError::Unencodable(what)) }
}

/// An address between angle brackets: nothing that closes them, and no control character anywhere (a quoted space is fine).
fn path<'a>(text: &'a str, what: &'static str) -> Result<&'a str, WireError> {
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if c.is_control() => return Err(WireError::Unencodable(what)),
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '<' | '>' => return Err(WireError::Unencodable(what)),
            _ if c.is_whitespace() => return Err(WireError::Unencodable(what)),
            _ => {}
        }
    }
    if quoted { Err(WireError::Unencodable(what)) } else { Ok(text) }
}

/// RFC 3461 §4: printable ASCII without `+` and `=` as it is, everything else as `+` and two digits.
fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if (b'!'..=b'~').contains(&octet) && !matches!(octet, b'+' | b'=') {
            out.push(char::from(octet));
        } else {
            let _ = write!(out, "+{octet:02X}");
        }
    }
    out
}
