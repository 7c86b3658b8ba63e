//! Flags: set and cleared, each alone, and the rest left as it is.

use crate::backend::Order;
use crate::model::{Flag, FlagState, Flags, Outcome, Result};
use crate::wire::imap::{Command, StatusKind, StoreKind, UidSet};

use super::super::search::Found;
use super::super::{ImapSession, limits, uid};
use super::refused;

/// Messages that get the same change.
struct Group {
    add: FlagState,
    remove: FlagState,
    uids: Vec<u32>,
    /// What of it the folder cannot keep.
    short: FlagState,
    refused: Option<Outcome>,
}

impl ImapSession {
    pub(super) async fn set_flags(&mut self, batch: &[Order]) -> Result<Vec<Outcome>> {
        let mut groups: Vec<Group> = Vec::new();
        // Which group each order is in; ids of other making are in none.
        let mut places: Vec<Option<(usize, u32)>> = Vec::with_capacity(batch.len());
        for order in batch {
            let Order::SetFlags { id, add, remove } = order else { continue };
            let place = uid(id).map(|uid| {
                let group = groups.iter().position(|g| g.add == *add && g.remove == *remove).unwrap_or_else(|| {
                    groups.push(self.group(add, remove));
                    groups.len() - 1
                });
                groups[group].uids.push(uid);
                (group, uid)
            });
            places.push(place);
        }
        let there = self.store_groups(&mut groups).await?;
        let outcome = |place: &Option<(usize, u32)>| {
            let Some((group, uid)) = place else { return Outcome::Gone };
            let group = &groups[*group];
            match &group.refused {
                // Storing a flag of a message that is not there is OK (RFC 9051 §6.4.9), so it is looked for.
                _ if !there.contains(*uid) => Outcome::Gone,
                Some(refusal) => refusal.clone(),
                None if group.short.is_empty() => Outcome::Done { id: None },
                None => Outcome::Short(group.short.clone()),
            }
        };
        Ok(places.iter().map(outcome).collect())
    }

    fn group(&self, add: &FlagState, remove: &FlagState) -> Group {
        let permanent = self.selected.as_ref().and_then(|selected| selected.permanent.as_deref());
        let all = add.either(remove);
        let short = permanent.map_or_else(FlagState::default, |permanent| all.without(&kept(&all, permanent)));
        Group { add: add.clone(), remove: remove.clone(), uids: Vec::new(), short, refused: None }
    }

    /// Everything in one pipeline: the changes, and behind them the question which messages are there.
    async fn store_groups(&mut self, groups: &mut [Group]) -> Result<UidSet> {
        let mut stores: Vec<(usize, String)> = Vec::new();
        let mut all: Vec<u32> = Vec::new();
        for (at, group) in groups.iter_mut().enumerate() {
            group.uids.sort_unstable();
            all.extend_from_slice(&group.uids);
            let set = UidSet::from_sorted(group.uids.iter().copied());
            for (kind, flags) in [(StoreKind::Add, &group.add), (StoreKind::Remove, &group.remove)] {
                let flags = flags.without(&group.short);
                if flags.is_empty() {
                    continue;
                }
                let names = names(&flags);
                for uids in set.chunks(limits::SET_TEXT) {
                    let store = Command::UidStore { uids: &uids, kind, flags: &names };
                    stores.push((at, self.conn.queue(&store)?));
                }
            }
        }
        all.sort_unstable();
        let all = UidSet::from_sorted(all);
        let mut searches = Vec::new();
        for part in all.chunks(limits::SET_TEXT) {
            searches.push(self.queue_search(&format!("UID {part}"))?);
        }
        let mut found = Found::default();
        let tags: Vec<String> = stores.iter().map(|(_, tag)| tag.clone()).chain(searches).collect();
        let answers = self.conn.complete_all(&tags, &mut |response| found.take(response)).await?;
        for ((at, _), status) in stores.iter().zip(&answers) {
            groups[*at].refused = groups[*at].refused.take().or_else(|| refused(status));
        }
        match answers[stores.len()..].iter().find(|status| status.kind != StatusKind::Ok) {
            Some(status) => {
                self.search_refused(status)?;
                self.still_there(&all).await
            }
            None => Ok(found.set()),
        }
    }
}

/// What of `all` the folder keeps, by its PERMANENTFLAGS: `\*` stands for any keyword.
fn kept(all: &FlagState, permanent: &[String]) -> FlagState {
    let listed = |name: &str| permanent.iter().any(|p| p.eq_ignore_ascii_case(name));
    let any = listed("\\*");
    let flags = Flag::ALL.iter().filter(|(flag, _, name)| all.flags.has(*flag) && (listed(name) || (any && !name.starts_with('\\'))));
    FlagState {
        flags: flags.fold(Flags::NONE, |set, (flag, ..)| set.with(*flag)),
        keywords: all.keywords.iter().filter(|keyword| any || listed(keyword.as_str())).cloned().collect(),
    }
}

/// As the protocol spells them.
pub(super) fn names(flags: &FlagState) -> Vec<&str> {
    let system = Flag::ALL.iter().filter(|(flag, ..)| flags.flags.has(*flag)).map(|(_, _, name)| *name);
    system.chain(flags.keywords.iter().map(crate::model::Keyword::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_what_it_lists() {
        let (all, _) = FlagState::from_imap(["\\Seen", "\\Deleted", "$Forwarded", "work"]);
        let kept = |permanent: &[&str]| {
            let permanent: Vec<String> = permanent.iter().map(|p| (*p).to_owned()).collect();
            names(&kept(&all, &permanent)).join(" ")
        };
        assert_eq!(kept(&[]), "");
        assert_eq!(kept(&["\\Seen", "\\*"]), "$Forwarded \\Seen work");
        assert_eq!(kept(&["\\seen", "\\Deleted", "$forwarded"]), "$Forwarded \\Seen \\Deleted");
        assert_eq!(kept(&["WORK"]), "work");
    }
}
