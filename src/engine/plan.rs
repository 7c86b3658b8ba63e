//! The plan of a fetch: pure decisions over what is known. The dry run prints what the real run carries out.

use std::collections::HashSet;

use crate::model::PermanentId;
use crate::store::state::PendingLink;

/// What limits the downloads of a run. What they leave out is never gone, and comes when the limit is lifted.
#[derive(Debug, Clone, Copy, Default)]
pub struct DownloadLimits {
    /// Not older than this (internal date, seconds since 1970).
    pub since: Option<i64>,
    /// Not larger than this (octets as announced).
    pub max_size: Option<u64>,
    /// How many more may come in this run.
    pub left: Option<u64>,
}

/// A decision about one wanted message.
#[derive(Debug, Clone)]
pub enum Action {
    /// Its body is fetched.
    Download(PendingLink),
    /// A copy of it comes in this run or is here: that file is linked.
    Link(PendingLink),
}

impl Action {
    /// The message.
    pub fn link(&self) -> &PendingLink {
        match self {
            Self::Download(link) | Self::Link(link) => link,
        }
    }
}

/// Decides about wanted messages in their order. `seen` holds the permanent ids whose body comes or is here already; it grows.
#[expect(clippy::implicit_hasher, reason = "one caller's type")]
pub fn decide(wanted: Vec<PendingLink>, limits: &mut DownloadLimits, seen: &mut HashSet<PermanentId>) -> Vec<Action> {
    let mut actions = Vec::with_capacity(wanted.len());
    for link in wanted {
        let too_old = limits.since.is_some_and(|since| link.date.is_some_and(|date| date < since));
        let too_large = limits.max_size.is_some_and(|max| link.size.is_some_and(|size| size > max));
        if too_old || too_large || limits.left == Some(0) {
            continue;
        }
        if let Some(left) = &mut limits.left {
            *left -= 1;
        }
        let copy = link.permanent.as_ref().is_some_and(|id| !seen.insert(id.clone()));
        actions.push(if copy { Action::Link(link) } else { Action::Download(link) });
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FlagState, LocalName, RemoteId};
    use crate::store::state::LinkId;

    fn wanted(id: i64, date: i64, size: u64, permanent: Option<&str>) -> PendingLink {
        PendingLink {
            id: LinkId(id),
            remote: RemoteId(id.to_string().into()),
            name: LocalName(id.to_string().into()),
            size: Some(size),
            date: Some(date),
            flags: FlagState::default(),
            permanent: permanent.map(|p| PermanentId(p.into())),
            tries: 0,
        }
    }

    fn ids(actions: &[Action]) -> Vec<i64> {
        actions.iter().map(|a| a.link().id.0).collect()
    }

    #[test]
    fn limits_leave_out_and_count_what_is_taken() {
        let mut limits = DownloadLimits { since: Some(100), max_size: Some(10), left: Some(2) };
        let all = vec![
            wanted(1, 99, 1, None),
            wanted(2, 100, 11, None),
            wanted(3, 100, 10, None),
            wanted(4, 200, 1, None),
            wanted(5, 200, 1, None),
        ];
        assert_eq!(ids(&decide(all, &mut limits, &mut HashSet::new())), [3, 4]);
        assert_eq!(limits.left, Some(0));
    }

    #[test]
    fn a_message_with_several_labels_is_downloaded_once() {
        let mut seen = HashSet::new();
        let actions = decide(
            vec![wanted(1, 0, 1, Some("x")), wanted(2, 0, 1, Some("x")), wanted(3, 0, 1, None)],
            &mut DownloadLimits::default(),
            &mut seen,
        );
        assert!(matches!(actions.as_slice(), [Action::Download(_), Action::Link(_), Action::Download(_)]));
    }
}
