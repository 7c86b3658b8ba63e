//! `--allow-mass-delete` for one run of `fetch` with `after-fetch`: what that run was allowed, no later one asks for again.

use mailx::model::Class;
use mailx::model::report::AccountReport;

use crate::act::{At, act};
use crate::mail::Side;
use crate::play::{run, variants};
use crate::world::{Verb, World};

fn guarded(report: &AccountReport) -> bool {
    report.folders.iter().any(|folder| folder.error.as_ref().is_some_and(|error| error.class == Class::Guard))
}

fn deleted(report: &AccountReport) -> u64 {
    report.folders.iter().map(|folder| folder.deleted_there).sum()
}

/// A folder of eight messages was fetched, then `lost` here.
fn world(lost: &str) -> World {
    let world = World::new(&Side::parse("INBOX: a | Proj: m*8"), variants()[0].settings.clone());
    let _ = run(&world, Verb::Fetch);
    act(&world, At::Here, lost);
    world
}

#[test]
fn one_allowed_run_is_enough_however_the_files_went() {
    for lost in ["wipe Proj", "rmdir Proj", "replace Proj"] {
        let mut world = world(lost);
        let stopped = run(&world, Verb::FetchAndDelete);
        assert!(guarded(&stopped) && deleted(&stopped) == 1, "{lost}");
        world.settings.allow = Some("Proj".into());
        let allowed = run(&world, Verb::FetchAndDelete);
        assert!(!guarded(&allowed), "{lost}");
        assert_eq!(deleted(&allowed), 8, "{lost}");
        world.settings.allow = None;
        let after = run(&world, Verb::FetchAndDelete);
        assert!(after.ok() && deleted(&after) == 0, "{lost}");
        act(&world, At::There, "new Proj/n");
        assert!(run(&world, Verb::FetchAndDelete).ok(), "{lost}");
        assert!(world.here.side().labels().contains_key("n"), "{lost}");
    }
}

#[test]
fn the_guard_stays_on_for_the_other_folders() {
    let mut world = world("rmdir Proj");
    world.settings.allow = Some("INBOX".into());
    let report = run(&world, Verb::FetchAndDelete);
    assert!(guarded(&report) && deleted(&report) == 1);
    assert_eq!(world.there.side().to_string(), "INBOX: | Proj: m1 m2 m3 m4 m5 m6 m7 m8");
}
