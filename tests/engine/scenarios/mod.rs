//! What happens when: a table of situations and their outcomes, for tests, and for people (docs/what-happens-when.md).

mod deletions;
mod flags;
mod folders;
mod guard;
mod identity;
mod moves;
mod news;

use crate::world::Verb;

/// One situation. Both sides agree first; then something changes; then a run brings about the end.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name as a test: a sentence.
    pub name: &'static str,
    /// What happened here, in the user's words.
    pub user_here: &'static str,
    /// What happened there.
    pub user_there: &'static str,
    /// What a sync makes of it.
    pub result: &'static str,

    /// How the server differs from the best one: words of [`crate::play::mask`].
    pub server: &'static str,
    /// How the run differs from the usual one: `expunge=now|never`, `allow=FOLDER`.
    pub options: &'static str,
    /// What both sides have to begin with.
    pub agreed: &'static str,
    /// Earlier changes, each followed by a run.
    pub before: &'static [Before],
    /// Actions here.
    pub here: &'static str,
    /// Actions there.
    pub there: &'static str,
    /// What both sides have in the end.
    pub end: &'static str,
    /// What the server has in the end, where it is not the same.
    pub end_there: Option<&'static str>,
    /// Counts of the first run's report, over all folders: `downloaded=0 moved=1`.
    pub facts: &'static str,
    /// Words of gaps that the first run tells.
    pub gaps: &'static [&'static str],
    /// A piece of what the run says went wrong; empty = all went well.
    pub trouble: &'static str,
    /// Labels of what the server deleted and is kept for a while.
    pub put_by: &'static str,
    /// Runs until nothing is left to do.
    pub runs: usize,
}

/// An earlier change.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    pub here: &'static str,
    pub there: &'static str,
    pub run: Verb,
}

/// Nothing happens. (The rest of every scenario.)
pub const QUIET: Scenario = Scenario {
    name: "",
    user_here: "",
    user_there: "",
    result: "",
    server: "",
    options: "",
    agreed: "INBOX: a b",
    before: &[],
    here: "",
    there: "",
    end: "INBOX: a b",
    end_there: None,
    facts: "",
    gaps: &[],
    trouble: "",
    put_by: "",
    runs: 1,
};

/// Every scenario with its topic, in the order of the documentation.
pub fn all() -> Vec<(&'static str, Scenario)> {
    let topics: [(&str, &[Scenario]); 7] = [
        ("Flags and keywords", flags::ALL),
        ("New messages", news::ALL),
        ("Deletions", deletions::ALL),
        ("Moves and copies", moves::ALL),
        ("Folders", folders::ALL),
        ("The guard", guard::ALL),
        ("Lost state, new numbers, released messages", identity::ALL),
    ];
    topics.into_iter().flat_map(|(topic, all)| all.iter().map(move |s| (topic, *s))).collect()
}
