//! From the reader's events to values: where an element stands, what a leaf holds.

use bytes::{Bytes, BytesMut};

use super::{EasError, limits};
use crate::wire::wbxml::{Event, Limits, Reader, Tag};

/// What the walker found next, at [`Walker::path`].
#[derive(Debug)]
pub(super) enum Step {
    /// An element begins.
    Open,
    /// The value of an element that has no children, cut at [`limits::TEXT`]. Its close follows.
    Leaf(Vec<u8>),
    /// The next octets of the value of an element that is streamed.
    Piece(Bytes),
    /// An element ends.
    Close,
    /// An element that no table knows was left out, inside of the one that the path names.
    Skipped(Tag),
}

/// Reads a document, and knows where it is.
#[derive(Debug)]
pub(super) struct Walker {
    reader: Reader,
    root: Tag,
    streams: fn(&[Tag]) -> bool,
    path: Vec<Tag>,
    text: Vec<u8>,
    /// The innermost element has had no children.
    is_leaf: bool,
    is_streamed: bool,
    closing: Closing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// The leaf was told; its close is next.
    Leaf,
    /// The close was told; the path still names it.
    Told,
}

impl Walker {
    /// A walker at the start of a document whose outermost element is `root`. The values of the elements whose paths `streams` accepts are not
    /// collected.
    pub fn new(root: Tag, streams: fn(&[Tag]) -> bool) -> Self {
        let reader = Reader::new(Limits::default());
        Self { reader, root, streams, path: Vec::new(), text: Vec::new(), is_leaf: false, is_streamed: false, closing: Closing::No }
    }

    /// The tags from the outermost element to the one that the last step is about.
    pub fn path(&self) -> &[Tag] {
        &self.path
    }

    /// The next step, or `None` when more octets are needed or the document is complete.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Step>, EasError> {
        match self.closing {
            Closing::Leaf => {
                self.closing = Closing::Told;
                return Ok(Some(Step::Close));
            }
            Closing::Told => {
                self.path.pop();
                self.closing = Closing::No;
            }
            Closing::No => {}
        }
        while let Some(event) = self.reader.next(buf)? {
            if let Some(step) = self.step(event)? {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// To be asked when no octets will come any more: whether the document is complete.
    pub fn finish(&self) -> Result<(), EasError> {
        Ok(self.reader.finish()?)
    }

    fn step(&mut self, event: Event) -> Result<Option<Step>, EasError> {
        Ok(Some(match event {
            Event::Start(tag) | Event::Skipped(tag) if self.path.is_empty() && tag != self.root => return Err(EasError::Root(tag)),
            // What is around it would be told as the whole value.
            Event::Start(_) | Event::Skipped(_) if self.is_streamed => {
                return Err(EasError::Malformed(self.path.last().copied().unwrap_or(self.root)));
            }
            Event::Start(tag) => {
                self.path.push(tag);
                self.text.clear();
                self.is_leaf = true;
                self.is_streamed = (self.streams)(&self.path);
                Step::Open
            }
            Event::Text(value) | Event::Opaque(value) if self.is_streamed => Step::Piece(value),
            Event::Text(value) | Event::Opaque(value) => {
                let room = limits::TEXT - self.text.len();
                self.text.extend_from_slice(&value[..value.len().min(room)]);
                return Ok(None);
            }
            Event::End(_) if self.is_leaf && !self.is_streamed => {
                self.is_leaf = false;
                self.closing = Closing::Leaf;
                Step::Leaf(std::mem::take(&mut self.text))
            }
            Event::End(_) => {
                self.is_leaf = false;
                self.is_streamed = false;
                self.closing = Closing::Told;
                Step::Close
            }
            Event::Skipped(tag) => {
                self.is_leaf = false;
                Step::Skipped(tag)
            }
        }))
    }
}

/// Walks through a whole document that fits into memory. `notes` is told the elements that no table knows.
pub(super) fn walk(
    root: Tag,
    octets: &[u8],
    notes: &mut dyn FnMut(Tag),
    mut on: impl FnMut(&[Tag], Step) -> Result<(), EasError>,
) -> Result<(), EasError> {
    let (mut walker, mut buf) = (Walker::new(root, |_| false), BytesMut::from(octets));
    while let Some(step) = walker.next(&mut buf)? {
        match step {
            Step::Skipped(tag) => notes(tag),
            step => on(walker.path(), step)?,
        }
    }
    walker.finish()
}

/// An id or a key: kept to the octet, never empty, never longer than [`limits::ID`].
pub(super) fn id(tag: Tag, value: Vec<u8>) -> Result<String, EasError> {
    let id = String::from_utf8(value).ok().filter(|id| (1..=limits::ID).contains(&id.len()) && !id.contains('\0'));
    id.ok_or(EasError::Malformed(tag))
}

/// A number in decimal.
pub(super) fn number(tag: Tag, value: &[u8]) -> Result<u32, EasError> {
    let text = std::str::from_utf8(value).map(str::trim).unwrap_or_default();
    let fine = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| fine).ok_or(EasError::Malformed(tag))
}

/// Text for people or for comparison; what is no UTF-8 is replaced.
pub(super) fn text(value: Vec<u8>) -> String {
    String::from_utf8(value).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// What must be there.
pub(super) fn required<T>(value: Option<T>, tag: Tag) -> Result<T, EasError> {
    value.ok_or(EasError::Missing(tag))
}
