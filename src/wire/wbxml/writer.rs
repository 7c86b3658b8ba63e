//! The writer: a document from elements that close themselves.

use super::{Tag, WbxmlError};

/// Version 1.3, unknown public identifier, UTF-8, no string table (MS-ASWBXML 2.1.2.1).
const HEADER: [u8; 4] = [0x03, 0x01, 0x6A, 0x00];

/// The inside of an element that is being written.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Document,
    /// Where the tag of this element stands; it gets the bit for content when the first content comes.
    tag_at: usize,
}

#[derive(Debug)]
struct Document {
    octets: Vec<u8>,
    page: u8,
    /// Where data belongs that is not written here.
    gap: Option<usize>,
    failed: Option<WbxmlError>,
}

/// Writes a document: its outermost element, and what `inside` puts into it. Fails with [`WbxmlError::Nul`] only: text in
/// WBXML cannot hold one.
///
/// Requests are small, and held whole: an unanswered one is sent again, octet for octet (MS-ASCMD 3.1.5.9).
pub fn write(root: Tag, inside: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<u8>, WbxmlError> {
    document(root, inside).map(|document| document.octets)
}

/// Writes a document round data that is too long to be held: what stands before the data of [`Writer::opaque_gap`], and what stands behind it.
pub fn write_around(root: Tag, inside: impl FnOnce(&mut Writer<'_>)) -> Result<(Vec<u8>, Vec<u8>), WbxmlError> {
    let mut document = document(root, inside)?;
    let behind = document.octets.split_off(document.gap.unwrap_or(document.octets.len()));
    Ok((document.octets, behind))
}

fn document(root: Tag, inside: impl FnOnce(&mut Writer<'_>)) -> Result<Document, WbxmlError> {
    let mut document = Document { octets: HEADER.to_vec(), page: 0, gap: None, failed: None };
    document.element(root, inside);
    match document.failed.take() {
        Some(error) => Err(error),
        None => Ok(document),
    }
}

impl Writer<'_> {
    /// An element with what `inside` puts into it; without a content bit when that is nothing.
    pub fn element(&mut self, tag: Tag, inside: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        self.mark_content();
        self.out.element(tag, inside);
        self
    }

    /// An element that says what it says by being there.
    pub fn empty(&mut self, tag: Tag) -> &mut Self {
        self.element(tag, |_| {})
    }

    /// An element with text, as an inline string. Empty text is an empty element.
    pub fn text(&mut self, tag: Tag, text: &str) -> &mut Self {
        self.element(tag, |element| element.put_text(tag, text))
    }

    /// An element with a number, in decimal.
    pub fn number(&mut self, tag: Tag, number: impl Into<u64>) -> &mut Self {
        self.text(tag, &number.into().to_string())
    }

    /// An element with `1` or `0` (MS-ASDTYPE 2.1).
    pub fn boolean(&mut self, tag: Tag, value: bool) -> &mut Self {
        self.number(tag, u64::from(value))
    }

    /// An element with opaque data; for the few that the standard wants so (MS-ASWBXML 2.1.1).
    pub fn opaque(&mut self, tag: Tag, data: &[u8]) -> &mut Self {
        self.element(tag, |element| {
            element.mark_content();
            element.out.octets.push(0xC3);
            element.out.number(data.len() as u64);
            element.out.octets.extend_from_slice(data);
        })
    }

    /// An element with opaque data of so many octets, which whoever sends the document puts into its place.
    pub fn opaque_gap(&mut self, tag: Tag, octets: u32) -> &mut Self {
        self.element(tag, |element| {
            element.mark_content();
            element.out.octets.push(0xC3);
            element.out.number(octets.into());
            element.out.gap = Some(element.out.octets.len());
        })
    }

    fn put_text(&mut self, tag: Tag, text: &str) {
        if memchr::memchr(0, text.as_bytes()).is_some() {
            self.out.failed.get_or_insert(WbxmlError::Nul(tag));
        }
        if !text.is_empty() {
            self.mark_content();
            self.out.octets.push(0x03);
            self.out.octets.extend_from_slice(text.as_bytes());
            self.out.octets.push(0);
        }
    }

    fn mark_content(&mut self) {
        self.out.octets[self.tag_at] |= 0x40;
    }
}

impl Document {
    fn element(&mut self, tag: Tag, inside: impl FnOnce(&mut Writer<'_>)) {
        if tag.page() != self.page {
            self.octets.extend_from_slice(&[0x00, tag.page()]);
            self.page = tag.page();
        }
        let tag_at = self.octets.len();
        self.octets.push(tag.token());
        inside(&mut Writer { out: self, tag_at });
        if self.octets.len() > tag_at + 1 {
            self.octets.push(0x01);
        }
    }

    /// An `mb_u_int32`: seven bits an octet, the highest first.
    fn number(&mut self, number: u64) {
        let bits = 64 - number.leading_zeros();
        for group in (0..bits.div_ceil(7).max(1)).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            self.octets.push(more | ((number >> (7 * group)) as u8 & 0x7F));
        }
    }
}
