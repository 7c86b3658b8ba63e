//! What STAT, LIST, UIDL and CAPA answer (RFC 1939 §5 and §7, RFC 2449 §5 and §6).

use super::WireError;

/// A line of UIDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uidl<'a> {
    /// Message number, from 1.
    pub number: u32,
    /// The unique-id as it came, of whatever octets; may be empty.
    pub id: &'a [u8],
}

impl<'a> Uidl<'a> {
    /// The unique-id, when it is one by RFC 1939 §7: 1 to 70 characters from 0x21 to 0x7E.
    pub fn well_formed(&self) -> Option<&'a str> {
        let fits = (1..=70).contains(&self.id.len()) && self.id.iter().all(|b| (0x21..=0x7e).contains(b));
        std::str::from_utf8(self.id).ok().filter(|_| fits)
    }
}

/// A line of CAPA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Name, in upper case.
    pub name: String,
    /// Arguments as they came.
    pub arguments: Vec<String>,
}

/// Messages and octets of `+OK 2 320`; `text` is what follows `+OK`.
pub fn parse_stat(text: &str) -> Result<(u32, u64), WireError> {
    let mut words = text.split_ascii_whitespace();
    match (words.next().and_then(decimal), words.next().and_then(decimal)) {
        (Some(count), Some(octets)) => u32::try_from(count).map(|count| (count, octets)).map_err(|_| WireError::Malformed("STAT")),
        _ => Err(WireError::Malformed("STAT")),
    }
}

/// Number and octets of `2 200`. What follows is the server's own business.
pub fn parse_list(line: &[u8]) -> Result<(u32, u64), WireError> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_ascii_whitespace();
    match (words.next().and_then(decimal), words.next().and_then(decimal)) {
        (Some(number), Some(octets)) => number_of(number, "LIST").map(|number| (number, octets)),
        _ => Err(WireError::Malformed("LIST")),
    }
}

/// Number and unique-id of `2 QhdPYR:00WBw1Ph7x7`. The unique-id is everything behind the first space: what it is worth, the caller
/// judges.
pub fn parse_uidl(line: &[u8]) -> Result<Uidl<'_>, WireError> {
    let line = line.trim_ascii_start();
    let end = line.iter().position(|b| !b.is_ascii_digit()).unwrap_or(line.len());
    let (digits, rest) = line.split_at(end);
    let number = std::str::from_utf8(digits).ok().and_then(decimal).ok_or(WireError::Malformed("UIDL"))?;
    let id = match rest {
        [] => &[],
        [b' ' | b'\t', id @ ..] => id,
        _ => return Err(WireError::Malformed("UIDL")),
    };
    Ok(Uidl { number: number_of(number, "UIDL")?, id })
}

/// Name and arguments of `SASL CRAM-MD5 PLAIN`; `None` for an empty line. Octets that are no UTF-8 are replaced.
pub fn parse_capability(line: &[u8]) -> Option<Capability> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_ascii_whitespace();
    let name = words.next()?.to_ascii_uppercase();
    Some(Capability { name, arguments: words.map(str::to_owned).collect() })
}

/// A message number: not 0.
fn number_of(number: u64, what: &'static str) -> Result<u32, WireError> {
    u32::try_from(number).ok().filter(|number| *number != 0).ok_or(WireError::Malformed(what))
}

/// Digits and nothing else: no sign, no blank, nothing that 64 bits do not hold.
fn decimal(word: &str) -> Option<u64> {
    word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}
