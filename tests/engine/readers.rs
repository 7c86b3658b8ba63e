//! A mail reader moves files while a run looks at the folders: at every moment that there is, nothing is taken for deleted.

use mailx::model::Expunge;

use crate::act::{At, act};
use crate::crowd;
use crate::mail::Side;
use crate::play::{Variant, counter_of, mask, run, settle, variants, words};
use crate::world::{Ground, Settings, Verb, World};

/// Where a message lies, and where it goes.
#[derive(Debug, Clone, Copy)]
struct Way {
    from: &'static str,
    to: &'static str,
    label: &'static str,
    /// Under another name.
    renamed: bool,
}

const WAYS: [Way; 3] = [
    Way { from: "INBOX", to: "W", label: "a", renamed: false },
    Way { from: "W", to: "INBOX", label: "c", renamed: false },
    Way { from: "INBOX", to: "W", label: "a", renamed: true },
];

/// A server on which a wrong deletion cannot be made good.
fn settings(variant: &Variant) -> Settings {
    Settings { expunge: Expunge::Now, ground: Ground::Memory, ..variant.settings.clone() }
}

/// A server with an INBOX and nothing else; `W` is here only.
fn inbox_only() -> Settings {
    let mut settings = settings(&variants()[0]);
    mask(&mut settings, "folders=inbox append=no moves=no trash=no");
    settings
}

/// Moves a file before these listings of one run, there and back in turn. Returns how many listings there were.
fn play(settings: &Settings, agreed: &str, way: Way, at: &[u64]) -> u64 {
    let world = World::new(&Side::parse(agreed), settings.clone());
    settle(&world);
    act(&world, At::Here, "mkdir W");
    // Something else is missing in any case.
    act(&world, At::Here, "delete INBOX/b");
    let moments = at.to_vec();
    let count = world.before_listings(move |n, here| {
        for (turn, _) in moments.iter().enumerate().filter(|(_, at)| **at == n) {
            let (from, to) = if turn % 2 == 0 { (way.from, way.to) } else { (way.to, way.from) };
            here.shift(from, way.label, to, way.renamed);
        }
    });
    let report = run(&world, Verb::Sync);
    world.alone();
    let (when, there) = (format!("{way:?} at {at:?}: {}", words(&report)), world.there.side());
    assert_eq!(counter_of(&report, "deleted_there"), 1, "{when}");
    assert!(there.labels().contains_key(way.label), "it is gone there: {when}: {there}");
    settle(&world);
    let (here, there) = world.sides();
    assert_eq!((here.labels().get(way.label), there.labels().get(way.label)), (Some(&1), Some(&1)), "{when}: {here} and {there}");
    count.load(std::sync::atomic::Ordering::SeqCst)
}

#[test]
fn a_file_that_is_moved_while_a_run_looks_is_not_deleted_there() {
    let jobs: Vec<(Variant, Way)> = variants().into_iter().flat_map(|v| WAYS.map(|way| (v.clone(), way))).collect();
    crowd::each(
        &jobs,
        |(variant, way)| format!("{way:?} on {}", variant.name),
        |(variant, way)| {
            let listings = play(&settings(variant), "INBOX: a b | W: c", *way, &[]);
            for n in 1..=listings {
                play(&settings(variant), "INBOX: a b | W: c", *way, &[n]);
            }
        },
    );
}

#[test]
fn a_file_that_goes_and_comes_back_while_a_run_looks_is_not_deleted_there() {
    let worlds = [("a server with folders", settings(&variants()[0]), "INBOX: a b | W: c"), ("an INBOX only", inbox_only(), "INBOX: a b")];
    let listings = worlds.each_ref().map(|(_, settings, agreed)| play(settings, agreed, WAYS[0], &[]));
    let jobs: Vec<(usize, Way, u64)> = [(0, WAYS[0]), (1, WAYS[0]), (1, WAYS[2])]
        .into_iter()
        .flat_map(|(world, way)| (1..=listings[world]).map(move |n| (world, way, n)))
        .collect();
    crowd::each(
        &jobs,
        |(world, way, n)| format!("{way:?} at {n} with {}", worlds[*world].0),
        |(world, way, n)| {
            let (_, settings, agreed) = &worlds[*world];
            // Some looks more than without it.
            for back in *n..=listings[*world] + 12 {
                play(settings, agreed, *way, &[*n, back]);
            }
        },
    );
}
