//! Matching messages again when their ids are void: pure functions over what both sides know.
//!
//! *Strong*: equal permanent id, or (elsewhere, when a body is read) equal identity. *Weak*: equal header hash and equal size, unique on
//! both sides. Message-ID alone is never identity, and two identical copies in one folder stay two.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::{Hash, PermanentId};
use crate::store::maildir::digest::{HeaderDigest, TOOL_LINE};

/// A message here.
#[derive(Debug, Clone)]
pub struct Here {
    /// Account-wide id, where known.
    pub permanent: Option<PermanentId>,
    /// Sizes on the wire that it may have: its own and, with the lines of other tools, another.
    pub sizes: Vec<u64>,
    /// Header hash.
    pub header: Hash,
}

/// A message there.
#[derive(Debug, Clone)]
pub struct There {
    /// Account-wide id, where offered.
    pub permanent: Option<PermanentId>,
    /// Size as listed.
    pub size: Option<u64>,
    /// Its header, once it was asked for.
    pub header: Option<HeaderDigest>,
}

impl There {
    /// Its size without the lines of other tools, where its header is known to have such.
    fn bare_size(&self) -> Option<u64> {
        let tool_octets = self.header?.tool_octets;
        self.size?.checked_sub(tool_octets).filter(|_| tool_octets > 0)
    }
}

/// A pair: indices of here and there, and whether it rests on the header alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Index of the message here.
    pub here: usize,
    /// Index of the message there.
    pub there: usize,
    /// Matched without its body and without a permanent id.
    pub weak: bool,
}

/// Messages there whose header must be asked for: not matched by a permanent id, and of a size that something here has.
pub fn headers_wanted(here: &[Here], there: &[There]) -> Vec<usize> {
    let (_, matched_here, matched_there) = by_permanent(here, there);
    let sizes: HashSet<u64> =
        here.iter().enumerate().filter(|(i, _)| !matched_here.contains(i)).flat_map(|(_, h)| h.sizes.iter().copied()).collect();
    let wanted = |(i, t): &(usize, &There)| !matched_there.contains(i) && t.size.is_some_and(|s| sizes.contains(&s));
    there.iter().enumerate().filter(wanted).map(|(i, _)| i).collect()
}

/// Messages there whose header must be asked for once those of [`headers_wanted`] are known: what nothing here was paired with may have
/// a line of another tool there, and is larger by its length. Such a message would have to be read whole otherwise.
pub fn longer_headers_wanted(here: &[Here], there: &[There]) -> Vec<usize> {
    let pairs = pair(here, there);
    let (paired_here, paired_there): (HashSet<usize>, HashSet<usize>) = pairs.iter().map(|p| (p.here, p.there)).unzip();
    let left = here.iter().enumerate().filter(|(i, _)| !paired_here.contains(i));
    let sizes: BTreeSet<u64> = left.flat_map(|(_, h)| h.sizes.iter().copied()).collect();
    let is_longer = |size: u64| {
        let (least, most) = (size.saturating_sub(*TOOL_LINE.end()), size.checked_sub(*TOOL_LINE.start()));
        most.is_some_and(|most| sizes.range(least..=most).next().is_some())
    };
    let wanted = |(i, t): &(usize, &There)| t.header.is_none() && !paired_there.contains(i) && t.size.is_some_and(is_longer);
    there.iter().enumerate().filter(wanted).map(|(i, _)| i).collect()
}

/// Pairs what can be paired without reading a body. Each message is in one pair at most.
pub fn pair(here: &[Here], there: &[There]) -> Vec<Pair> {
    let (mut pairs, mut matched_here, mut matched_there) = by_permanent(here, there);
    // As they are first; what is left may have lines of other tools there.
    let sizes: [fn(&There) -> Option<u64>; 2] = [|t| t.size, There::bare_size];
    for size_of in sizes {
        let weak = by_header(here, there, (&matched_here, &matched_there), size_of);
        matched_here.extend(weak.iter().map(|p| p.here));
        matched_there.extend(weak.iter().map(|p| p.there));
        pairs.extend(weak);
    }
    pairs
}

/// Pairs by header and size, among those that are not matched.
fn by_header(
    here: &[Here],
    there: &[There],
    (matched_here, matched_there): (&HashSet<usize>, &HashSet<usize>),
    size_of: fn(&There) -> Option<u64>,
) -> Vec<Pair> {
    let mut groups: HashMap<(Hash, u64), (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (i, h) in here.iter().enumerate().filter(|(i, _)| !matched_here.contains(i)) {
        for size in &h.sizes {
            groups.entry((h.header, *size)).or_default().0.push(i);
        }
    }
    for (i, t) in there.iter().enumerate().filter(|(i, _)| !matched_there.contains(i)) {
        if let (Some(header), Some(size)) = (t.header, size_of(t))
            && let Some(group) = groups.get_mut(&(header.hash, size))
        {
            group.1.push(i);
        }
    }
    // A message with two sizes stands in two groups; it may be paired in one of them only.
    let mut used = HashSet::new();
    let mut unique: Vec<(usize, usize)> =
        groups.into_values().filter_map(|(h, t)| (h.len() == 1 && t.len() == 1).then(|| (h[0], t[0]))).collect();
    // Two ids that are promised to stay for ever, and differ, are two messages, however alike they look.
    let apart = |h: usize, t: usize| matches!((&here[h].permanent, &there[t].permanent), (Some(a), Some(b)) if a != b);
    unique.retain(|(h, t)| !apart(*h, *t));
    unique.sort_unstable();
    unique.into_iter().filter(|(h, _)| used.insert(*h)).map(|(here, there)| Pair { here, there, weak: true }).collect()
}

fn by_permanent(here: &[Here], there: &[There]) -> (Vec<Pair>, HashSet<usize>, HashSet<usize>) {
    let mut groups: HashMap<&PermanentId, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (i, h) in here.iter().enumerate() {
        if let Some(id) = &h.permanent {
            groups.entry(id).or_default().0.push(i);
        }
    }
    for (i, t) in there.iter().enumerate() {
        if let Some(id) = &t.permanent {
            groups.entry(id).or_default().1.push(i);
        }
    }
    let mut pairs: Vec<Pair> = groups
        .into_values()
        // As many there as here: copies of one message are the same message, so any order will do.
        .filter(|(h, t)| !h.is_empty() && h.len() == t.len())
        .flat_map(|(h, t)| h.into_iter().zip(t))
        .map(|(here, there)| Pair { here, there, weak: false })
        .collect();
    pairs.sort_unstable_by_key(|p| p.there);
    let (matched_here, matched_there) = (pairs.iter().map(|p| p.here).collect(), pairs.iter().map(|p| p.there).collect());
    (pairs, matched_here, matched_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(permanent: Option<&str>, sizes: &[u64], header: u8) -> Here {
        Here { permanent: permanent.map(|p| PermanentId(p.into())), sizes: sizes.to_vec(), header: Hash([header; 32]) }
    }

    fn there(permanent: Option<&str>, size: u64, header: Option<u8>) -> There {
        tooled(permanent, size, header, 0)
    }

    fn tooled(permanent: Option<&str>, size: u64, header: Option<u8>, tool_octets: u64) -> There {
        let header = header.map(|h| HeaderDigest { hash: Hash([h; 32]), tool_octets });
        There { permanent: permanent.map(|p| PermanentId(p.into())), size: Some(size), header }
    }

    #[test]
    fn permanent_ids_match_strongly_and_need_no_header() {
        let (h, t) = ([here(Some("a"), &[1], 1)], [there(Some("a"), 9, None), there(None, 1, None)]);
        assert_eq!(headers_wanted(&h, &t), Vec::<usize>::new());
        assert_eq!(pair(&h, &t), [Pair { here: 0, there: 0, weak: false }]);
    }

    #[test]
    fn equal_header_and_size_match_weakly_when_unique_on_both_sides() {
        let (h, t) = ([here(None, &[10], 1), here(None, &[10], 2)], [there(None, 10, Some(2)), there(None, 11, Some(1))]);
        assert_eq!(headers_wanted(&h, &t), [0]);
        assert_eq!(pair(&h, &t), [Pair { here: 1, there: 0, weak: true }]);
    }

    #[test]
    fn two_permanent_ids_that_differ_are_two_messages() {
        let (h, t) = ([here(Some("a"), &[10], 1)], [there(Some("b"), 10, Some(1))]);
        assert_eq!(pair(&h, &t), []);
    }

    #[test]
    fn twins_are_left_to_their_bodies() {
        let one_here = [here(None, &[10], 1)];
        let two_there = [there(None, 10, Some(1)), there(None, 10, Some(1))];
        assert_eq!(pair(&one_here, &two_there), []);
        let two_here = [here(None, &[10], 1), here(None, &[10], 1)];
        assert_eq!(pair(&two_here, &two_there[..1]), []);
    }

    #[test]
    fn a_line_of_another_tool_there_does_not_count() {
        let h = [here(None, &[10], 1), here(None, &[30], 2)];
        let mut t = [there(None, 30, None), there(None, 32, None), there(None, 52, None), there(None, 61, None)];
        assert_eq!(headers_wanted(&h, &t), [0]);
        // The one that is paired asks for nothing more.
        t[0] = there(None, 30, Some(2));
        assert_eq!(longer_headers_wanted(&h, &t), [1]);
        t[1] = tooled(None, 32, Some(1), 22);
        assert_eq!(pair(&h, &t), [Pair { here: 1, there: 0, weak: true }, Pair { here: 0, there: 1, weak: true }]);
        assert_eq!(longer_headers_wanted(&h, &t), Vec::<usize>::new());
    }

    #[test]
    fn a_message_that_is_equal_comes_before_one_with_a_line_of_another_tool() {
        let h = [here(None, &[10], 1)];
        let t = [tooled(None, 32, Some(1), 22), there(None, 10, Some(1))];
        assert_eq!(pair(&h, &t), [Pair { here: 0, there: 1, weak: true }]);
        // Two that may be it are left to their bodies.
        assert_eq!(pair(&h, &[t[0].clone(), t[0].clone()]), []);
    }

    #[test]
    fn a_file_with_a_tool_line_is_paired_once() {
        let h = [here(None, &[10, 24], 1)];
        let t = [there(None, 10, Some(1)), there(None, 24, Some(1))];
        assert_eq!(pair(&h, &t).len(), 1);
    }
}
