//! The streaming reader: octets in any chunks, elements out.

use bytes::{Buf as _, Bytes, BytesMut};

use super::tag::FIRST;
use super::{Limits, Tag, WbxmlError};

/// What the reader found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An element begins.
    Start(Tag),
    /// The next octets of the text of the innermost element, never empty. They may end in the middle of a UTF-8 sequence.
    Text(Bytes),
    /// The same of opaque data. An element may have texts and opaque data in any number: its value is all of them together.
    Opaque(Bytes),
    /// The innermost element ends; also after one without content.
    End(Tag),
    /// An element that no table knows is left out, with all that is in it.
    Skipped(Tag),
}

/// The state between two reads of the socket. Memory: the tags of the elements that are open, and the string table.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    state: State,
    page: u8,
    /// The elements that are open, with the octets of their values.
    open: Vec<(Tag, u64)>,
    /// How many elements are open inside the skipped one and with it; none are skipped at 0.
    skipped: usize,
    /// The element without content whose end is to be told.
    ending: Option<Tag>,
    table: Bytes,
    octets: u64,
    elements: u64,
    switches: u64,
    failed: Option<WbxmlError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Tokens,
    /// In an inline string.
    Text,
    /// In opaque data, so many octets of which are to come.
    Opaque(u64),
    /// After the outermost element.
    Done,
}

/// What came of looking at the buffer once.
enum Step {
    /// More octets are needed.
    Starved,
    /// Octets were taken, and there is nothing to tell.
    Quiet,
    Tell(Event),
}

const SWITCH_PAGE: u8 = 0x00;
const END: u8 = 0x01;
const STR_I: u8 = 0x03;
const STR_T: u8 = 0x83;
const OPAQUE: u8 = 0xC3;
const CONTENT: u8 = 0x40;
const ATTRIBUTES: u8 = 0x80;
const UTF_8: u32 = 106;

impl Reader {
    /// A reader at the start of a document.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Header,
            page: 0,
            open: Vec::new(),
            skipped: 0,
            ending: None,
            table: Bytes::new(),
            octets: 0,
            elements: 0,
            switches: 0,
            failed: None,
        }
    }

    /// Takes the next event from the front of `buf`, or `None` when more octets are needed or the document is complete. Between
    /// calls the caller only appends to `buf`. An error is final and is repeated.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Event>, WbxmlError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance(buf).inspect_err(|&error| self.failed = Some(error))
    }

    /// Whether the outermost element has ended.
    pub fn is_complete(&self) -> bool {
        self.state == State::Done && self.ending.is_none()
    }

    /// To be asked when no octets will come any more: [`WbxmlError::Truncated`] unless the document is complete.
    pub fn finish(&self) -> Result<(), WbxmlError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.is_complete() => Ok(()),
            None => Err(WbxmlError::Truncated),
        }
    }

    fn advance(&mut self, buf: &mut BytesMut) -> Result<Option<Event>, WbxmlError> {
        loop {
            if let Some(tag) = self.ending.take() {
                return Ok(Some(Event::End(tag)));
            }
            let step = match self.state {
                State::Header => self.header(buf)?,
                State::Tokens => self.token(buf)?,
                State::Opaque(0) => {
                    self.state = State::Tokens;
                    Step::Quiet
                }
                _ if buf.is_empty() => Step::Starved,
                State::Text => self.text(buf)?,
                State::Opaque(left) => self.opaque(buf, left)?,
                State::Done => return Err(WbxmlError::Trailing),
            };
            match step {
                Step::Starved => return Ok(None),
                Step::Quiet => {}
                Step::Tell(event) => return Ok(Some(event)),
            }
        }
    }

    /// Takes the header, all of it at once: version, public identifier, character set, string table.
    fn header(&mut self, buf: &mut BytesMut) -> Result<Step, WbxmlError> {
        match buf.first() {
            None => return Ok(Step::Starved),
            Some(0x01..=0x03) => {}
            Some(&other) => return Err(WbxmlError::Version(other)),
        }
        let mut at = 1;
        let Some(public) = number(buf, &mut at)? else { return Ok(Step::Starved) };
        // 0: the identifier stands in the string table. Whatever it is, the tables are ActiveSync's.
        if public == 0 && number(buf, &mut at)?.is_none() {
            return Ok(Step::Starved);
        }
        let Some(charset) = number(buf, &mut at)? else { return Ok(Step::Starved) };
        if charset != UTF_8 {
            return Err(WbxmlError::Charset(charset));
        }
        let Some(length) = number(buf, &mut at)? else { return Ok(Step::Starved) };
        let length =
            usize::try_from(length).ok().filter(|&length| length <= self.limits.table).ok_or(WbxmlError::TooLong("string table"))?;
        if buf.len() - at < length {
            return Ok(Step::Starved);
        }
        self.skip(buf, at)?;
        self.table = self.take(buf, length)?;
        self.state = State::Tokens;
        Ok(Step::Quiet)
    }

    /// Takes one token with its arguments.
    fn token(&mut self, buf: &mut BytesMut) -> Result<Step, WbxmlError> {
        let Some(&token) = buf.first() else { return Ok(Step::Starved) };
        let mut at = 1;
        let step = match token {
            SWITCH_PAGE => {
                let Some(&page) = buf.get(1) else { return Ok(Step::Starved) };
                self.switches += 1;
                if self.switches > self.limits.switches {
                    return Err(WbxmlError::TooManySwitches);
                }
                self.page = page;
                at = 2;
                Step::Quiet
            }
            END => self.end()?,
            STR_I if !self.open.is_empty() => {
                self.state = State::Text;
                Step::Quiet
            }
            OPAQUE if !self.open.is_empty() => {
                let Some(length) = number(buf, &mut at)? else { return Ok(Step::Starved) };
                if u64::from(length) > self.limits.value {
                    return Err(WbxmlError::TooLong("value"));
                }
                self.state = State::Opaque(u64::from(length));
                Step::Quiet
            }
            STR_T if !self.open.is_empty() => {
                let Some(index) = number(buf, &mut at)? else { return Ok(Step::Starved) };
                let text = self.table_text(index)?;
                self.count_value(text.len())?;
                self.tell(Event::Text(text))
            }
            _ if token & !(CONTENT | ATTRIBUTES) < FIRST => return Err(WbxmlError::Token(token)),
            _ => self.start(token)?,
        };
        self.skip(buf, at)?;
        Ok(step)
    }

    fn start(&mut self, token: u8) -> Result<Step, WbxmlError> {
        let tag = Tag::new(self.page, token & !(CONTENT | ATTRIBUTES));
        if token & ATTRIBUTES != 0 {
            return Err(WbxmlError::Attributes(tag));
        }
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(WbxmlError::TooManyElements);
        }
        if self.open.len() >= self.limits.depth {
            return Err(WbxmlError::TooDeep);
        }
        let (known, has_content) = (tag.name().is_some(), token & CONTENT != 0);
        let is_first_skipped = self.skipped == 0 && !known;
        if has_content {
            self.open.push((tag, 0));
            self.skipped += usize::from(self.skipped > 0 || !known);
        } else {
            self.ending = (self.skipped == 0 && known).then_some(tag);
            self.close_document();
        }
        Ok(match self.skipped {
            _ if is_first_skipped => Step::Tell(Event::Skipped(tag)),
            0 => Step::Tell(Event::Start(tag)),
            _ => Step::Quiet,
        })
    }

    fn end(&mut self) -> Result<Step, WbxmlError> {
        let (tag, _) = self.open.pop().ok_or(WbxmlError::Token(END))?;
        self.close_document();
        if self.skipped > 0 {
            self.skipped -= 1;
            return Ok(Step::Quiet);
        }
        Ok(Step::Tell(Event::End(tag)))
    }

    fn close_document(&mut self) {
        if self.open.is_empty() {
            self.state = State::Done;
        }
    }

    /// Takes what is there of an inline string, and its NUL.
    fn text(&mut self, buf: &mut BytesMut) -> Result<Step, WbxmlError> {
        let end = memchr::memchr(0, buf);
        let text = self.take(buf, end.unwrap_or(buf.len()))?;
        self.count_value(text.len())?;
        if end.is_some() {
            self.skip(buf, 1)?;
            self.state = State::Tokens;
        }
        Ok(self.tell(Event::Text(text)))
    }

    fn opaque(&mut self, buf: &mut BytesMut, left: u64) -> Result<Step, WbxmlError> {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let data = self.take(buf, length)?;
        self.count_value(length)?;
        self.state = State::Opaque(left - length as u64);
        Ok(self.tell(Event::Opaque(data)))
    }

    /// Tells a piece of a value, unless it is empty or inside of what is skipped.
    fn tell(&self, event: Event) -> Step {
        match &event {
            Event::Text(value) | Event::Opaque(value) if value.is_empty() => Step::Quiet,
            _ if self.skipped > 0 => Step::Quiet,
            _ => Step::Tell(event),
        }
    }

    fn table_text(&self, index: u32) -> Result<Bytes, WbxmlError> {
        let index = usize::try_from(index).map_err(|_| WbxmlError::StringTable)?;
        let rest = self.table.get(index..).ok_or(WbxmlError::StringTable)?;
        let end = memchr::memchr(0, rest).ok_or(WbxmlError::StringTable)?;
        Ok(self.table.slice(index..index + end))
    }

    fn count_value(&mut self, octets: usize) -> Result<(), WbxmlError> {
        let Some((_, value)) = self.open.last_mut() else { return Ok(()) };
        *value = value.saturating_add(octets as u64);
        if *value > self.limits.value { Err(WbxmlError::TooLong("value")) } else { Ok(()) }
    }

    fn take(&mut self, buf: &mut BytesMut, octets: usize) -> Result<Bytes, WbxmlError> {
        self.count(octets)?;
        Ok(buf.split_to(octets).freeze())
    }

    /// Drops octets that are read. Unlike [`Self::take`] it shares no memory, which would cost more than most tokens are long.
    fn skip(&mut self, buf: &mut BytesMut, octets: usize) -> Result<(), WbxmlError> {
        self.count(octets)?;
        buf.advance(octets);
        Ok(())
    }

    fn count(&mut self, octets: usize) -> Result<(), WbxmlError> {
        self.octets = self.octets.saturating_add(octets as u64);
        if self.octets > self.limits.octets {
            return Err(WbxmlError::TooLong("document"));
        }
        Ok(())
    }
}

/// Reads an `mb_u_int32` at `at` and moves `at` behind it (WAP-192 5.1: seven bits an octet, highest first, the top bit says
/// that more follow). `None`: more octets are needed, and `at` is void.
fn number(octets: &[u8], at: &mut usize) -> Result<Option<u32>, WbxmlError> {
    let mut value = 0u32;
    for _ in 0..5 {
        let Some(&octet) = octets.get(*at) else { return Ok(None) };
        *at += 1;
        value = value.checked_mul(128).ok_or(WbxmlError::Number)? | u32::from(octet & 0x7F);
        if octet & 0x80 == 0 {
            return Ok(Some(value));
        }
    }
    Err(WbxmlError::Number)
}
