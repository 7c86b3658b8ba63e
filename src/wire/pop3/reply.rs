//! Status lines: `+OK` and `-ERR` with response codes (RFC 1939 §3, RFC 2449 §8, RFC 3206), and SASL continuations (RFC 5034 §4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::WireError;

/// A response code: machine-readable words in brackets at the beginning of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// Another session has the maildrop (RFC 2449 §8.1.2).
    InUse,
    /// The user logged in too short a time ago (RFC 2449 §8.1.1).
    LoginDelay,
    /// A failure that is likely to pass (RFC 3206 §4).
    SysTemp,
    /// A failure that a person must mend (RFC 3206 §4).
    SysPerm,
    /// The credentials are at fault (RFC 3206 §5).
    Auth,
    /// The text is about UTF-8 (RFC 6856 §3).
    Utf8,
    /// Another one, in upper case.
    Other(String),
}

/// The first line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `+OK`, as opposed to `-ERR`.
    pub ok: bool,
    /// Code, where there is one.
    pub code: Option<Code>,
    /// What follows, code included: codes mean nothing before RFC 2449, and people read them, too. Not sanitised.
    pub text: String,
}

/// Octets of a response code that are looked at.
const CODE: usize = 64;

/// Reads a status line. `+OK` and `-ERR` are accepted in any case of letters.
pub fn parse_reply(line: &[u8]) -> Result<Reply, WireError> {
    let word = line.split(|b| b" \t".contains(b)).next().unwrap_or_default();
    let ok = match word {
        word if word.eq_ignore_ascii_case(b"+OK") => true,
        word if word.eq_ignore_ascii_case(b"-ERR") => false,
        _ => return Err(WireError::NoStatus),
    };
    let text = String::from_utf8_lossy(line[word.len()..].trim_ascii()).into_owned();
    Ok(Reply { ok, code: code(&text), text })
}

fn code(text: &str) -> Option<Code> {
    let (inside, _) = text.strip_prefix('[')?.split_once(']')?;
    if inside.is_empty() || inside.len() > CODE {
        return None;
    }
    // Levels are told apart by slashes; whoever does not know the deeper ones goes by the first (RFC 2449 §8).
    let code = inside.to_ascii_uppercase();
    let known = |name: &str| code == name || code.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    Some(match () {
        () if known("IN-USE") => Code::InUse,
        () if known("LOGIN-DELAY") => Code::LoginDelay,
        () if known("SYS/TEMP") => Code::SysTemp,
        () if known("SYS/PERM") => Code::SysPerm,
        () if known("AUTH") => Code::Auth,
        () if known("UTF8") => Code::Utf8,
        () => Code::Other(code),
    })
}

/// The challenge in `+ BASE64`; `None` when the line is a status line. Some servers put text there that is no base64 where nothing is
/// expected: that counts as nothing.
pub fn parse_continuation(line: &[u8]) -> Option<Vec<u8>> {
    let rest = line.strip_prefix(b"+")?;
    if !rest.is_empty() && !rest.starts_with(b" ") {
        return None;
    }
    Some(STANDARD.decode(rest.trim_ascii()).unwrap_or_default())
}
