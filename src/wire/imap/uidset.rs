//! Sets of UIDs (or sequence numbers) as ranges, never expanded: `1:4294967295` is one entry.

use std::fmt;

use super::WireError;

/// A set of non-zero numbers: ascending, disjoint, merged ranges.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl UidSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an IMAP sequence-set (`1,3:5,9:7`). A zero is dropped, `*` is the largest number, ranges may be reversed.
    pub fn parse(text: &[u8]) -> Result<Self, WireError> {
        Ok(Self::from_ranges(parse_ranges(text)?))
    }

    /// Reads a set whose *order* carries meaning (COPYUID): `None` unless it ascends without overlap, because a sorted
    /// set would then pair the wrong messages.
    pub(super) fn parse_ascending(text: &[u8]) -> Option<Self> {
        let ranges = parse_ranges(text).ok()?;
        let ascending = ranges.windows(2).all(|pair| pair[0].1 < pair[1].0);
        (ascending && !ranges.is_empty()).then(|| Self::from_ranges(ranges))
    }

    /// Builds the set from numbers, best ascending. Zeros are dropped.
    pub fn from_sorted(ids: impl IntoIterator<Item = u32>) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for id in ids {
            match ranges.last_mut() {
                Some(last) if last.1.checked_add(1) == Some(id) => last.1 = id,
                _ => ranges.push((id, id)),
            }
        }
        Self::from_ranges(ranges)
    }

    /// Builds the set from inclusive ranges in any order, overlapping or reversed.
    pub fn from_ranges(mut ranges: Vec<(u32, u32)>) -> Self {
        for range in &mut ranges {
            if range.0 > range.1 {
                *range = (range.1, range.0);
            }
            range.0 = range.0.max(1);
        }
        ranges.retain(|range| range.1 != 0);
        if !ranges.is_sorted() {
            ranges.sort_unstable();
        }
        ranges.dedup_by(|next, last| {
            let touches = next.0 <= last.1.saturating_add(1);
            if touches {
                last.1 = last.1.max(next.1);
            }
            touches
        });
        Self { ranges }
    }

    /// The inclusive ranges, ascending.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Every number, ascending. The caller bounds how many it takes: a server may announce four thousand million.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|&(first, last)| first..=last)
    }

    /// How many numbers the set holds.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|&(first, last)| u64::from(last - first) + 1).sum()
    }

    /// Whether the set holds no number.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `id` is in the set, by binary search.
    pub fn contains(&self, id: u32) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= id);
        after > 0 && id <= self.ranges[after - 1].1
    }

    /// The smallest number.
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|range| range.0)
    }

    /// The largest number.
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|range| range.1)
    }

    /// Cuts the set into parts whose text is at most `max_text_len` octets (at least one range each), because servers
    /// limit the length of a command line.
    pub fn chunks(&self, max_text_len: usize) -> Vec<UidSet> {
        let mut parts = Vec::new();
        let mut part = UidSet::new();
        let mut used = 0;
        for &range in &self.ranges {
            let len = range_text_len(range);
            if !part.is_empty() && used + 1 + len > max_text_len {
                parts.push(std::mem::take(&mut part));
                used = 0;
            }
            used += len + usize::from(!part.is_empty());
            part.ranges.push(range);
        }
        if !part.is_empty() {
            parts.push(part);
        }
        parts
    }
}

fn range_text_len((first, last): (u32, u32)) -> usize {
    let digits = |n: u32| n.checked_ilog10().map_or(1, |log| log as usize + 1);
    if first == last { digits(first) } else { digits(first) + 1 + digits(last) }
}

/// The ranges as written, each the right way round, zeros dropped.
fn parse_ranges(text: &[u8]) -> Result<Vec<(u32, u32)>, WireError> {
    let mut ranges = Vec::new();
    for part in text.split(|&b| b == b',') {
        let (first, last) = match memchr::memchr(b':', part) {
            Some(at) => (number(&part[..at])?, number(&part[at + 1..])?),
            None => (number(part)?, number(part)?),
        };
        let (first, last) = (first.min(last).max(1), first.max(last));
        if last > 0 {
            ranges.push((first, last));
        }
    }
    Ok(ranges)
}

fn number(text: &[u8]) -> Result<u32, WireError> {
    if text == b"*" {
        return Ok(u32::MAX);
    }
    let digits = text.iter().try_fold(0u32, |n, &b| {
        let digit = b.is_ascii_digit().then(|| u32::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    });
    digits.filter(|_| !text.is_empty()).ok_or(WireError::Malformed("number set"))
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, &(first, last)) in self.ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}:{last}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UidSet({self})")
    }
}

impl FromIterator<u32> for UidSet {
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> Self {
        Self::from_sorted(ids)
    }
}
