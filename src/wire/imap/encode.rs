//! Writing: strings in the form they need, tags nobody can guess.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imap_codec::imap_types::core::{Atom, IString};

use super::WireError;

/// Ends IDLE.
pub const DONE: &[u8] = b"DONE\r\n";

/// Gives up an AUTHENTICATE exchange.
pub const CANCEL: &[u8] = b"*\r\n";

/// A client's answer within AUTHENTICATE.
pub fn sasl_line(data: &[u8]) -> Vec<u8> {
    let mut line = STANDARD.encode(data).into_bytes();
    line.extend_from_slice(b"\r\n");
    line
}

/// A command ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// In order; never two waits in a row, never a wait at the end.
    pub parts: Vec<Part>,
}

/// A step of sending a command.
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// Write these octets.
    Line(Vec<u8>),
    /// Wait for `+` before going on; a tagged answer instead ends the command.
    AwaitContinuation,
    /// The octets of a message, which whoever sends has; so many were announced.
    Message {
        /// Index into the messages of the command.
        index: usize,
        /// Octets.
        octets: u64,
    },
}

/// Shows lengths only: a line may hold a password.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(octets) => write!(f, "Line({} octets)", octets.len()),
            Self::AwaitContinuation => f.write_str("AwaitContinuation"),
            Self::Message { index, octets } => write!(f, "Message({index}, {octets} octets)"),
        }
    }
}

impl Encoded {
    /// Makes literals of at most `max` octets non-synchronising, so that the command goes out in one piece: 4096 with
    /// LITERAL-, `usize::MAX` with LITERAL+ (RFC 7888). `messages` is the same for those that are messages.
    #[must_use]
    pub fn without_waiting(self, max: usize, messages: u64) -> Self {
        let mut parts: Vec<Part> = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            let max = if matches!(part, Part::Message { .. }) { messages } else { max as u64 };
            if let [.., Part::Line(before), Part::AwaitContinuation] = parts.as_mut_slice()
                && fits(before, max)
            {
                before.truncate(before.len() - b"}\r\n".len());
                before.extend_from_slice(b"+}\r\n");
                parts.pop();
            }
            match (part, parts.last_mut()) {
                (Part::Line(octets), Some(Part::Line(before))) => before.extend_from_slice(&octets),
                (part, _) => parts.push(part),
            }
        }
        Self { parts }
    }

    /// All octets in order, messages left out, for tests and for servers that need no waiting.
    pub fn octets(&self) -> Vec<u8> {
        let lines = self.parts.iter().filter_map(|part| match part {
            Part::Line(octets) => Some(octets.as_slice()),
            Part::AwaitContinuation | Part::Message { .. } => None,
        });
        lines.collect::<Vec<_>>().concat()
    }
}

/// Whether `line` ends by announcing a literal of at most `max` octets. Our own text, so the form is known.
fn fits(line: &[u8], max: u64) -> bool {
    let size = line.strip_suffix(b"}\r\n").and_then(|line| line.rsplit(|&b| b == b'{').next());
    size.and_then(super::cursor::parse_number).is_some_and(|size| size <= max)
}

/// Collects a command.
#[derive(Debug)]
pub(super) struct Writer {
    parts: Vec<Part>,
    line: Vec<u8>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { parts: Vec::new(), line: Vec::new() }
    }

    /// Our own text; still refused if it would end the line, since parts of it may come from elsewhere.
    pub(super) fn text(&mut self, text: &str) -> Result<&mut Self, WireError> {
        if text.bytes().any(|b| b.is_ascii_control()) {
            return Err(WireError::Unencodable("control character"));
        }
        self.line.extend_from_slice(text.as_bytes());
        Ok(self)
    }

    /// Atoms with blanks between.
    pub(super) fn words(&mut self, words: &[&str]) -> Result<&mut Self, WireError> {
        self.text(&words.join(" "))
    }

    /// Flags: `\Name` or an atom, since a keyword like `a) UID 9` must not become protocol.
    pub(super) fn flags(&mut self, flags: &[&str]) -> Result<&mut Self, WireError> {
        for flag in flags {
            Atom::validate(flag.strip_prefix('\\').unwrap_or(flag)).map_err(|_| WireError::Unencodable("flag"))?;
        }
        self.words(flags)
    }

    /// A string: quoted where imap-types allows it, a literal otherwise (8-bit names). Never a bare atom: servers
    /// stumble over `NIL`, and quoting costs two octets.
    pub(super) fn string(&mut self, octets: &[u8]) -> Result<&mut Self, WireError> {
        if octets.iter().any(|b| b"\r\n\0".contains(b)) {
            return Err(WireError::Unencodable("CR, LF or NUL in a string"));
        }
        if let IString::Quoted(quoted) = IString::try_from(octets).map_err(|_| WireError::Unencodable("string"))? {
            self.line.push(b'"');
            for octet in quoted.inner().bytes() {
                if matches!(octet, b'"' | b'\\') {
                    self.line.push(b'\\');
                }
                self.line.push(octet);
            }
            self.line.push(b'"');
        } else {
            self.line.extend_from_slice(format!("{{{}}}\r\n", octets.len()).as_bytes());
            self.parts.push(Part::Line(std::mem::take(&mut self.line)));
            self.parts.push(Part::AwaitContinuation);
            self.line.extend_from_slice(octets);
        }
        Ok(self)
    }

    /// The announcement of a message whose octets whoever sends has.
    pub(super) fn message(&mut self, index: usize, octets: u64) {
        self.line.extend_from_slice(format!("{{{octets}}}\r\n").as_bytes());
        self.parts.push(Part::Line(std::mem::take(&mut self.line)));
        self.parts.push(Part::AwaitContinuation);
        self.parts.push(Part::Message { index, octets });
    }

    /// An initial response: base64, or `=` when it is empty (RFC 4959).
    pub(super) fn base64(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            self.line.push(b'=');
        } else {
            self.line.extend_from_slice(STANDARD.encode(octets).as_bytes());
        }
    }

    pub(super) fn finish(mut self) -> Encoded {
        self.line.extend_from_slice(b"\r\n");
        self.parts.push(Part::Line(self.line));
        Encoded { parts: self.parts }
    }
}

/// Makes the tags of one connection: a prefix from the connection's own randomness and a counter, so that a peer cannot
/// answer a command before it was sent.
#[derive(Debug)]
pub struct TagMaker {
    prefix: String,
    count: u64,
}

impl TagMaker {
    /// `seed` is fresh randomness for each connection; 40 bits of it are used.
    pub fn new(seed: u64) -> Self {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let letter = |index: u64| char::from(LETTERS[(seed >> (5 * index)) as usize % LETTERS.len()]);
        Self { prefix: (0..8).map(letter).collect(), count: 0 }
    }

    /// The next tag.
    pub fn next_tag(&mut self) -> String {
        self.count += 1;
        format!("{}.{}", self.prefix, self.count)
    }
}
