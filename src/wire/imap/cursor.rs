//! A position in a response line, and the few things IMAP can put there.
//!
//! Tolerant by design: stray spaces and 8-bit octets pass. Every step consumes at least one octet or ends, and nothing
//! recurses, so that any input costs time linear in its length.

use std::borrow::Cow;

use super::{MAX_DEPTH, WireError};

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// Keyword of the response, for errors.
    what: &'static str,
}

/// A value that may be a string in any of its forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Atom(&'a [u8]),
    Quoted(Cow<'a, [u8]>),
    Literal(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The octets, whatever the form.
    pub(super) fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Self::Atom(bytes) | Self::Literal(bytes) => Cow::Borrowed(bytes),
            Self::Quoted(bytes) => bytes,
        }
    }

    /// Whether this is the atom NIL.
    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Self::Atom(atom) if atom.eq_ignore_ascii_case(b"NIL"))
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a [u8], what: &'static str) -> Self {
        Self { rest, what }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn malformed(&self) -> WireError {
        WireError::Malformed(self.what)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn advance(&mut self, octets: usize) -> &'a [u8] {
        let (head, tail) = self.rest.split_at(octets.min(self.rest.len()));
        self.rest = tail;
        head
    }

    /// Skips blanks.
    pub(super) fn spaces(&mut self) {
        let blanks = self.rest.iter().take_while(|b| b" \t".contains(b)).count();
        self.advance(blanks);
    }

    /// Takes `octet` if it is next, after blanks.
    pub(super) fn eat(&mut self, octet: u8) -> bool {
        self.spaces();
        let found = self.peek() == Some(octet);
        if found {
            self.advance(1);
        }
        found
    }

    pub(super) fn expect(&mut self, octet: u8) -> Result<(), WireError> {
        if self.eat(octet) { Ok(()) } else { Err(self.malformed()) }
    }

    /// The octets before the next one that `stops`, possibly none.
    pub(super) fn until(&mut self, stops: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().position(|&b| stops(b)).unwrap_or(self.rest.len());
        self.advance(len)
    }

    /// A run of octets other than blanks, parentheses and quotes, after blanks; possibly empty.
    pub(super) fn atom(&mut self) -> &'a [u8] {
        self.spaces();
        self.until(|b| matches!(b, b' ' | b'\t' | b'(' | b')' | b'"'))
    }

    /// An atom, a quoted string or a literal.
    pub(super) fn value(&mut self) -> Result<Value<'a>, WireError> {
        self.spaces();
        match self.peek() {
            Some(b'"') => self.quoted().map(Value::Quoted),
            Some(b'{') if self.literal_size().is_some() => self.literal().map(Value::Literal),
            _ => {
                let atom = self.atom();
                if atom.is_empty() { Err(self.malformed()) } else { Ok(Value::Atom(atom)) }
            }
        }
    }

    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, WireError> {
        self.advance(1);
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let at = memchr::memchr2(b'"', b'\\', self.rest).ok_or_else(|| self.malformed())?;
            let chunk = self.advance(at);
            let quote = self.advance(1) == b"\"";
            match (&mut unescaped, quote) {
                (None, true) => return Ok(Cow::Borrowed(chunk)),
                (Some(text), _) => text.extend_from_slice(chunk),
                (None, false) => unescaped = Some(chunk.to_vec()),
            }
            if quote {
                return Ok(Cow::Owned(unescaped.unwrap_or_default()));
            }
            let escaped = self.advance(1);
            unescaped.get_or_insert_default().extend_from_slice(escaped);
        }
    }

    /// Size of the literal at the cursor, and the length of its announcement.
    fn literal_size(&self) -> Option<(usize, usize)> {
        literal_at(self.rest)
    }

    fn literal(&mut self) -> Result<&'a [u8], WireError> {
        let (head, size) = self.literal_size().ok_or_else(|| self.malformed())?;
        if self.rest.len() - head < size {
            return Err(self.malformed());
        }
        self.advance(head);
        Ok(self.advance(size))
    }

    /// A number that fits 64 bits, or `None` for anything else (which is consumed).
    pub(super) fn number(&mut self) -> Result<Option<u64>, WireError> {
        self.spaces();
        if self.peek() == Some(b'(') {
            self.skip()?;
            return Ok(None);
        }
        Ok(parse_number(&self.value()?.into_bytes()))
    }

    /// Skips one value of any shape.
    pub(super) fn skip(&mut self) -> Result<(), WireError> {
        let mut depth = 0usize;
        loop {
            self.spaces();
            match self.peek() {
                None => return Err(self.malformed()),
                Some(b'(') => {
                    self.advance(1);
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(WireError::Nesting);
                    }
                }
                Some(b')') => {
                    if depth == 0 {
                        return Err(self.malformed());
                    }
                    self.advance(1);
                    depth -= 1;
                }
                Some(_) => {
                    self.value()?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// The items of a parenthesised list of atoms or strings; lists inside are skipped.
    pub(super) fn list(&mut self, mut item: impl FnMut(Cow<'a, [u8]>)) -> Result<(), WireError> {
        self.expect(b'(')?;
        loop {
            self.spaces();
            match self.peek() {
                Some(b')') => {
                    self.advance(1);
                    return Ok(());
                }
                Some(b'(') => self.skip()?,
                _ => item(self.value()?.into_bytes()),
            }
        }
    }

    /// One value, in parentheses or not: `EMAILID (M1)`, `MODSEQ (5)`, `MODSEQ 5`.
    pub(super) fn single(&mut self) -> Result<Option<Cow<'a, [u8]>>, WireError> {
        self.spaces();
        if self.peek() == Some(b'(') {
            let mut first = None;
            self.list(|item| {
                first.get_or_insert(item);
            })?;
            return Ok(first);
        }
        let value = self.value()?;
        Ok((!value.is_nil()).then(|| value.into_bytes()))
    }
}

/// Decimal digits as a number that fits 64 bits.
pub(super) fn parse_number(digits: &[u8]) -> Option<u64> {
    let value = digits.iter().try_fold(0u64, |n, &b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    });
    value.filter(|_| !digits.is_empty())
}

/// Reads `{n}` and a line end at the start of `text`: the length of the announcement and the size.
pub(super) fn literal_at(text: &[u8]) -> Option<(usize, usize)> {
    let inside = text.strip_prefix(b"{")?;
    let digits = inside.iter().take_while(|b| b.is_ascii_digit()).count();
    let size = usize::try_from(parse_number(&inside[..digits])?).ok()?;
    let after = inside[digits..].strip_prefix(b"}")?;
    let end = if after.starts_with(b"\r\n") {
        2
    } else if after.starts_with(b"\n") {
        1
    } else {
        return None;
    };
    Some((digits + 2 + end, size))
}

/// Lossy UTF-8 of at most `max` octets, cut at a character.
pub(super) fn lossy(bytes: &[u8], max: usize) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(max)]).into_owned();
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
    }
    text
}
