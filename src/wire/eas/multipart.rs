//! Splits the multipart answer of ItemOperations (MS-ASCMD 2.2.1.10.1): a count, a table of offsets and lengths, the parts.

use bytes::{Buf as _, Bytes, BytesMut};

use super::{EasError, limits};

/// What the splitter found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A part begins. Number 0 is the WBXML document, which names the others.
    Start {
        /// Its number: the place in the table.
        number: usize,
        /// Its octets.
        length: u32,
    },
    /// The next octets of the part, never empty.
    Data(Bytes),
    /// The part is complete.
    End,
}

/// The state between two reads. Integers are little-endian: the standard does not say so, servers do.
#[derive(Debug)]
pub struct Multipart {
    /// The parts to come, the next one last; `None` before the table is read.
    parts: Option<Vec<Place>>,
    /// Octets that are read, from the start of the answer.
    at: u64,
    /// The octets that are to come of the part that is under way.
    left: Option<u64>,
    failed: Option<EasError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    offset: u32,
    length: u32,
    number: usize,
}

impl Multipart {
    /// A splitter at the start of an answer.
    pub fn new() -> Self {
        Self { parts: None, at: 0, left: None, failed: None }
    }

    /// Takes the next piece from the front of `buf`, or `None` when more octets are needed or all parts are told. Parts come in the order
    /// in which they lie in the answer. Between calls the caller only appends to `buf`. An error is final and is repeated.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Part>, EasError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance(buf).inspect_err(|&error| self.failed = Some(error))
    }

    /// To be asked when no octets will come any more: whether all parts came whole.
    pub fn finish(&self) -> Result<(), EasError> {
        match (self.failed, &self.parts, self.left) {
            (Some(error), ..) => Err(error),
            (None, Some(parts), None) if parts.is_empty() => Ok(()),
            _ => Err(EasError::Multipart("cut short")),
        }
    }

    fn advance(&mut self, buf: &mut BytesMut) -> Result<Option<Part>, EasError> {
        let Some(parts) = &mut self.parts else {
            let Some(table) = table(buf)? else { return Ok(None) };
            self.at = table_octets(table.len());
            buf.advance(self.at as usize);
            self.parts = Some(table);
            return self.advance(buf);
        };
        match self.left {
            Some(0) => {
                self.left = None;
                Ok(Some(Part::End))
            }
            Some(left) => {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
                if take == 0 {
                    return Ok(None);
                }
                self.left = Some(left - take as u64);
                self.at += take as u64;
                Ok(Some(Part::Data(buf.split_to(take).freeze())))
            }
            None => {
                let Some(&Place { offset, length, number }) = parts.last() else {
                    return if buf.is_empty() { Ok(None) } else { Err(EasError::Multipart("octets after the last part")) };
                };
                // A gap before the part means nothing to anybody.
                let gap = u64::from(offset).checked_sub(self.at).ok_or(EasError::Multipart("parts overlap"))?;
                let take = usize::try_from(gap).unwrap_or(usize::MAX).min(buf.len());
                buf.advance(take);
                self.at += take as u64;
                if (take as u64) < gap {
                    return Ok(None);
                }
                parts.pop();
                self.left = Some(u64::from(length));
                Ok(Some(Part::Start { number, length }))
            }
        }
    }
}

impl Default for Multipart {
    fn default() -> Self {
        Self::new()
    }
}

const fn table_octets(parts: usize) -> u64 {
    4 + 8 * parts as u64
}

/// The table, once all of it is there, checked, and sorted so that the first part is the last entry.
fn table(buf: &[u8]) -> Result<Option<Vec<Place>>, EasError> {
    let Some((count, rest)) = integer(buf) else { return Ok(None) };
    let count = usize::try_from(count).ok().filter(|&count| count <= limits::PARTS).ok_or(EasError::TooMany("parts"))?;
    if count == 0 {
        return Err(EasError::Multipart("no parts"));
    }
    if (rest.len() as u64) < table_octets(count) - 4 {
        return Ok(None);
    }
    let (mut places, mut rest) = (Vec::with_capacity(count), rest);
    for number in 0..count {
        let Some((offset, after)) = integer(rest) else { return Ok(None) };
        let Some((length, after)) = integer(after) else { return Ok(None) };
        places.push(Place { offset, length, number });
        rest = after;
    }
    places.sort_unstable();
    let mut end = table_octets(count);
    for place in &places {
        if u64::from(place.offset) < end {
            return Err(EasError::Multipart("parts overlap"));
        }
        end = u64::from(place.offset) + u64::from(place.length);
    }
    places.reverse();
    Ok(Some(places))
}

fn integer(octets: &[u8]) -> Option<(u32, &[u8])> {
    octets.split_first_chunk::<4>().map(|(value, rest)| (u32::from_le_bytes(*value), rest))
}
