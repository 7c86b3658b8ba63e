//! The two-way decision about one message: agreed × here × there → what is to be done. Pure and total.
//!
//! The rules (the contract's §3): flags merge one by one; what one side deleted since both agreed is deleted on the other, and wins over a
//! flag change; what a server cannot keep stays as it is here and is a gap.

use crate::model::caps::{FlagSupport, Keywords};
use crate::model::{FlagState, Flags};

/// A linked message here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Here {
    /// As agreed.
    Same,
    /// With these flags.
    Present(FlagState),
    /// Its file is gone.
    Missing,
}

/// A linked message there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// As agreed.
    Same,
    /// With these flags.
    Present(FlagState),
    /// Not there any more.
    Gone,
}

/// What is to be done about a linked message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Nothing,
    /// Flags travel, or both sides changed them alike.
    Flags(Merged),
    /// The server deleted it: it goes here, too.
    DeleteHere,
    /// The user deleted it: it goes there, too.
    DeleteThere,
    /// Neither side has it.
    Forget,
}

/// Merged flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// To set here.
    pub set_here: FlagState,
    /// To clear here.
    pub clear_here: FlagState,
    /// To set there.
    pub set_there: FlagState,
    /// To clear there.
    pub clear_there: FlagState,
    /// What is agreed once all of that is done.
    pub agreed: FlagState,
    /// Changed here, and not to be had there.
    pub stays: FlagState,
}

impl Merged {
    /// Whether something changes here.
    pub fn pulls(&self) -> bool {
        !self.set_here.is_empty() || !self.clear_here.is_empty()
    }

    /// Whether something changes there.
    pub fn pushes(&self) -> bool {
        !self.set_there.is_empty() || !self.clear_there.is_empty()
    }
}

/// Decides about a message that both sides had when they last agreed.
pub fn decide(agreed: &FlagState, here: &Here, there: &There, support: FlagSupport) -> Decision {
    match (here, there) {
        (Here::Missing, There::Gone) => Decision::Forget,
        (Here::Missing, _) => Decision::DeleteThere,
        (_, There::Gone) => Decision::DeleteHere,
        (Here::Same, There::Same) => Decision::Nothing,
        (here, there) => {
            let flags = |told: Option<&FlagState>| told.unwrap_or(agreed).clone();
            let (h, t) = (
                flags(if let Here::Present(f) = here { Some(f) } else { None }),
                flags(if let There::Present(f) = there { Some(f) } else { None }),
            );
            Decision::Flags(merge(agreed, &h, &t, support))
        }
    }
}

/// Merges flags one by one: a flag that one side changed is changed on the other.
fn merge(agreed: &FlagState, here: &FlagState, there: &FlagState, support: FlagSupport) -> Merged {
    // What does not come from there is as agreed there, whatever the listing says.
    let there = &restrict(there, support.pull, support.keywords).either(&exclude(agreed, support.pull, support.keywords));
    let (set_by_user, cleared_by_user) = (here.without(agreed), agreed.without(here));
    let (set_by_server, cleared_by_server) = (there.without(agreed), agreed.without(there));
    let wish = agreed.either(&set_by_user).either(&set_by_server).without(&cleared_by_user).without(&cleared_by_server);
    let (set_there, clear_there) = (wish.without(there), there.without(&wish));
    let able = |flags: &FlagState| restrict(flags, support.push, support.keywords);
    let unable = |flags: &FlagState| exclude(flags, support.push, support.keywords);
    Merged {
        set_here: wish.without(here),
        clear_here: here.without(&wish),
        set_there: able(&set_there),
        clear_there: able(&clear_there),
        // What cannot be changed there stays agreed as it is there, so that it is no news in the next run.
        agreed: wish.without(&unable(&set_there)).either(&unable(&clear_there)),
        stays: unable(&set_there).either(&unable(&clear_there)),
    }
}

fn restrict(state: &FlagState, flags: Flags, keywords: Keywords) -> FlagState {
    FlagState { flags: state.flags.both(flags), keywords: if keywords == Keywords::No { Vec::new() } else { state.keywords.clone() } }
}

fn exclude(state: &FlagState, flags: Flags, keywords: Keywords) -> FlagState {
    state.without(&restrict(state, flags, keywords))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::model::Keyword;
    use proptest::prelude::*;

    fn state(letters: &str) -> FlagState {
        let mut keywords: Vec<Keyword> =
            letters.chars().filter(char::is_ascii_lowercase).map(|c| Keyword::new(&c.to_string()).unwrap()).collect();
        keywords.sort_unstable();
        keywords.dedup();
        FlagState { flags: Flags::from_letters(letters), keywords }
    }

    fn all() -> FlagSupport {
        FlagSupport { pull: Flags::from_bits(63), push: Flags::from_bits(63), keywords: Keywords::Any }
    }

    fn flags(agreed: &str, here: &str, there: &str, support: FlagSupport) -> Merged {
        match decide(&state(agreed), &Here::Present(state(here)), &There::Present(state(there)), support) {
            Decision::Flags(merged) => merged,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_flag_goes_where_it_is_missing() {
        let merged = flags("Sx", "FSx", "Ry", all());
        assert_eq!(merged.set_here, state("Ry"));
        assert_eq!(merged.clear_here, state("Sx"));
        assert_eq!((merged.set_there, merged.clear_there), (state("F"), state("")));
        assert_eq!(merged.agreed, state("FRy"));
    }

    #[test]
    fn a_change_on_both_sides_is_agreed_without_an_effect() {
        let merged = flags("", "S", "S", all());
        assert!(!merged.pulls() && !merged.pushes());
        assert_eq!(merged.agreed, state("S"));
    }

    #[test]
    fn what_the_server_cannot_keep_stays_here_and_is_no_news_later() {
        let support = FlagSupport { push: Flags::from_letters("FS"), keywords: Keywords::No, ..all() };
        let merged = flags("", "DFx", "", support);
        assert_eq!((merged.set_there, merged.agreed, merged.stays), (state("F"), state("F"), state("Dx")));
    }

    #[test]
    fn a_deletion_wins_over_a_flag_change() {
        let agreed = state("");
        assert_eq!(decide(&agreed, &Here::Missing, &There::Present(state("F")), all()), Decision::DeleteThere);
        assert_eq!(decide(&agreed, &Here::Present(state("F")), &There::Gone, all()), Decision::DeleteHere);
        assert_eq!(decide(&agreed, &Here::Missing, &There::Gone, all()), Decision::Forget);
    }

    proptest! {
        #[test]
        fn merging_converges(a in "[DFPRSTabc]{0,6}", h in "[DFPRSTabc]{0,6}", t in "[DFPRSTabc]{0,6}", pull in 0u8..64, push in 0u8..64, any in any::<bool>()) {
            let keywords = if any { Keywords::Any } else { Keywords::No };
            let support = FlagSupport { pull: Flags::from_bits(pull), push: Flags::from_bits(push), keywords };
            let merged = flags(&a, &h, &t, support);
            let here = state(&h).either(&merged.set_here).without(&merged.clear_here);
            let there = state(&t).either(&merged.set_there).without(&merged.clear_there);
            let again = match decide(&merged.agreed, &Here::Present(here), &There::Present(there), support) {
                Decision::Flags(again) => again,
                other => panic!("{other:?}"),
            };
            prop_assert!(!again.pulls() && !again.pushes(), "{:?} then {:?}", merged, again);
            prop_assert_eq!(again.agreed, merged.agreed);
        }
    }
}
