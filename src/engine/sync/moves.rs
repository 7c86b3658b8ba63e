//! Messages that moved: pairs of what one folder lost and another one got, on the same side. Pure, except for headers that must be asked
//! for.

use std::collections::{HashMap, HashSet};

use crate::engine::matching::{Here, There, headers_wanted, pair};
use crate::model::{Hash, LocalName};
use crate::store::maildir::digest::{Digest, HeaderDigest};
use crate::store::state::{LinkId, PendingLink, Proof};

/// A linked message whose file is gone from its folder.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    /// Row.
    pub id: LinkId,
    /// Base name.
    pub name: LocalName,
    /// Identity of its bytes, where known.
    pub identity: Option<Hash>,
}

/// A file that no row of its folder knows.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Index of the folder.
    pub folder: usize,
    /// Base name.
    pub name: LocalName,
    /// Its digests, where it was read.
    pub digests: Vec<Digest>,
}

/// Pairs lost messages with files that were found: (index of lost, index of found). By base name first, since names are unique; then
/// by bytes, for programs that give another name to what they move. Each is in one pair at most.
pub(super) fn pair_here(lost: &[Lost], found: &[Found]) -> Vec<(usize, usize)> {
    let mut by_name: HashMap<&LocalName, Vec<usize>> = HashMap::new();
    for (i, f) in found.iter().enumerate() {
        by_name.entry(&f.name).or_default().push(i);
    }
    let mut taken = HashSet::new();
    let mut pairs = Vec::new();
    let mut rest = Vec::new();
    for (i, l) in lost.iter().enumerate() {
        match by_name.get(&l.name).and_then(|all| all.iter().find(|f| !taken.contains(*f))) {
            Some(f) => {
                taken.insert(*f);
                pairs.push((i, *f));
            }
            None => rest.push(i),
        }
    }
    let mut by_identity: HashMap<Hash, Vec<usize>> = HashMap::new();
    for (i, f) in found.iter().enumerate().rev().filter(|(i, _)| !taken.contains(i)) {
        for digest in &f.digests {
            by_identity.entry(digest.identity).or_default().push(i);
        }
    }
    for i in rest {
        let same = lost[i].identity.and_then(|identity| by_identity.get_mut(&identity));
        if let Some(f) = same.and_then(|all| std::iter::from_fn(|| all.pop()).find(|f| !taken.contains(f))) {
            taken.insert(f);
            pairs.push((i, f));
        }
    }
    pairs.sort_unstable();
    pairs
}

/// What is compared of messages that went and messages that came on the server.
pub(super) struct Candidates {
    here: Vec<Here>,
    there: Vec<There>,
    dates: Vec<(Option<i64>, Option<i64>)>,
}

impl Candidates {
    /// `gone` messages, and `wanted` ones of other folders that may be these.
    pub fn new(gone: &[Proof], wanted: &[&PendingLink]) -> Self {
        let here =
            gone.iter().map(|g| Here { permanent: g.permanent.clone(), sizes: vec![g.digest.octets], header: g.digest.header }).collect();
        let there = wanted.iter().map(|w| There { permanent: w.permanent.clone(), size: w.size, header: None }).collect();
        let dates = gone.iter().map(|g| (g.date, None)).chain(wanted.iter().map(|w| (None, w.date))).collect();
        Self { here, there, dates }
    }

    /// Indices of the wanted messages whose headers can decide: a move keeps size and internal date.
    pub fn headers_wanted(&self) -> Vec<usize> {
        let gone: HashSet<(u64, Option<i64>)> =
            self.here.iter().zip(&self.dates).flat_map(|(here, (date, _))| here.sizes.iter().map(|size| (*size, *date))).collect();
        let date = |i: usize| self.dates[self.here.len() + i].1;
        let fits = |i: &usize| self.there[*i].size.is_some_and(|size| gone.contains(&(size, date(*i))) || gone.contains(&(size, None)));
        headers_wanted(&self.here, &self.there).into_iter().filter(fits).collect()
    }

    /// Takes the header of a wanted message.
    pub fn header(&mut self, index: usize, header: HeaderDigest) {
        self.there[index].header = Some(header);
    }

    /// The pairs: (index of gone, index of wanted, weak).
    pub fn pairs(&self) -> Vec<(usize, usize, bool)> {
        pair(&self.here, &self.there).into_iter().map(|p| (p.here, p.there, p.weak)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::maildir::digest::LineEnds;

    fn digest(n: u8) -> Digest {
        let hash = Hash([n; 32]);
        Digest { identity: hash, wire: hash, header: hash, octets: u64::from(n), line_ends: LineEnds::Lf }
    }

    fn lost(name: &str, identity: u8) -> Lost {
        Lost { id: LinkId(0), name: LocalName(name.into()), identity: Some(Hash([identity; 32])) }
    }

    fn found(name: &str, identity: u8) -> Found {
        Found { folder: 1, name: LocalName(name.into()), digests: vec![digest(identity)] }
    }

    #[test]
    fn a_name_pairs_before_bytes_do() {
        let pairs = pair_here(&[lost("a", 1), lost("b", 1), lost("c", 3)], &[found("x", 1), found("a", 1), found("y", 9)]);
        assert_eq!(pairs, [(0, 1), (1, 0)]);
    }

    #[test]
    fn each_twin_is_paired_once() {
        let pairs = pair_here(&[lost("a", 1), lost("b", 1)], &[found("x", 1)]);
        assert_eq!(pairs, [(0, 0)]);
    }
}
