//! The state in SQLite beside its model in plain collections: whatever is recorded, both say the same, and take the same for an error.
//!
//! A history is a list of steps, each made of a few random octets, so that a failure shrinks to the steps that it needs.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, reason = "tests repeat for clarity")]

#[path = "state/dice.rs"]
mod dice;
#[path = "state/reads.rs"]
mod reads;
#[path = "state/steps.rs"]
mod steps;

use std::path::Path;

use mailx::store::state::{Found, LinkId, Opener, SqliteOpener, State};
use mailx::testing::state::MemOpener;
use proptest::array::UniformArrayStrategy;
use proptest::collection::vec;
use proptest::prelude::*;

use dice::Dice;
use reads::everything;
use steps::{begin, step};

/// The same state twice.
struct Twins {
    sqlite: Box<dyn State>,
    model: Box<dyn State>,
}

impl Twins {
    /// Does the same to both; what they say of it, and of everything else then, must be the same.
    fn play(&mut self, Octets(octets): &Octets, told: &mut Vec<String>) -> Result<(), TestCaseError> {
        let mut answers = Vec::new();
        let known = self.model.folders().unwrap();
        let mut rows = Vec::new();
        for folder in &known {
            self.model.each_row(folder.id, &mut |row| rows.push(row.id)).unwrap();
        }
        let here: Vec<LinkId> = self.model.proofs(&rows).unwrap().into_iter().map(|proof| proof.id).collect();
        for state in [&mut self.sqlite, &mut self.model] {
            answers.push(step(&mut **state, &known, &mut Dice::new(octets, &rows, &here)));
        }
        let (what, sqlite) = &answers[0];
        told.push(what.clone());
        prop_assert_eq!(sqlite, &answers[1].1, "SQLite's answer, and the model's, after\n{}", told.join("\n"));
        self.compare(told)
    }

    fn compare(&self, told: &[String]) -> Result<(), TestCaseError> {
        for ((what, sqlite), (_, model)) in everything(&*self.sqlite).into_iter().zip(everything(&*self.model)) {
            prop_assert_eq!(sqlite, model, "{} of SQLite, and of the model, after\n{}", what, told.join("\n"));
        }
        Ok(())
    }
}

/// The histories that are played where nobody says how many.
fn cases(most: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(most);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() }
}

/// What a step is made of.
#[derive(Clone)]
struct Octets([u8; 48]);

impl std::fmt::Debug for Octets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

fn history(steps: usize) -> impl Strategy<Value = Vec<Octets>> {
    vec(UniformArrayStrategy::<_, [u8; 48]>::new(any::<u8>()).prop_map(Octets), 1..steps)
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn sqlite_and_the_model_say_the_same(history in history(40)) {
        let nowhere = Path::new("/nowhere");
        let (sqlite, model) = (SqliteOpener.rehearse(nowhere).unwrap(), MemOpener::default().rehearse(nowhere).unwrap());
        let (mut twins, mut told) = (Twins { sqlite, model }, Vec::new());
        [&mut twins.sqlite, &mut twins.model].into_iter().for_each(|state| begin(&mut **state));
        history.iter().try_for_each(|octets| twins.play(octets, &mut told))?;
    }
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn both_keep_what_was_committed(history in history(12), ahead in history(6)) {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let model = MemOpener::default();
        let openers: [&dyn Opener; 2] = [&SqliteOpener, &model];
        let both = |open: &dyn Fn(&dyn Opener) -> Box<dyn State>| {
            let [sqlite, model] = openers.map(open);
            Twins { sqlite, model }
        };
        let opened = |wanted: Found| both(&|opener| {
            let (state, found) = opener.open(dir.path(), false).unwrap();
            assert_eq!(found, wanted);
            state
        });
        assert!(openers.iter().all(|opener| opener.open_read_only(dir.path()).unwrap().is_none()));

        let (mut twins, mut told) = (opened(Found::Nothing), Vec::new());
        [&mut twins.sqlite, &mut twins.model].into_iter().for_each(|state| begin(&mut **state));
        for octets in &history {
            twins.play(octets, &mut told)?;
            // As a process ends, and the next one begins.
            drop(twins);
            twins = opened(Found::Good);
            twins.compare(&told)?;
        }
        let before = everything(&*twins.sqlite);

        // What happens to a copy does not happen to the state.
        let mut rehearsal = both(&|opener| opener.rehearse(dir.path()).unwrap());
        rehearsal.compare(&told)?;
        ahead.iter().try_for_each(|octets| rehearsal.play(octets, &mut told))?;
        twins.compare(&told)?;
        prop_assert_eq!(everything(&*twins.sqlite), before.clone(), "a rehearsal changed the state");

        // Who looks sees it, and changes nothing.
        let mut view = both(&|opener| opener.open_read_only(dir.path()).unwrap().unwrap());
        prop_assert_eq!(everything(&*view.model), before);
        view.compare(&told)?;
        for state in [&mut view.sqlite, &mut view.model] {
            let error = state.record_run(1, None).unwrap_err();
            assert_eq!(error.class, mailx::model::Class::LocalWrite);
        }
        drop((twins, view));

        // What is lost is lost.
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        model.lose(dir.path());
        opened(Found::Nothing).compare(&told)?;
    }
}
