//! The power goes, and with it what was not durable. What the server was told to forget must be here.

use std::path::Path;
use std::sync::Arc;

use mailx::model::{Expunge, Keyword};
use mailx::store::disk::Disk as _;
use mailx::store::maildir::dir::FolderDir;
use mailx::store::maildir::keywords::KeywordLetters;
use mailx::testing::clock::MemClock;
use mailx::testing::disk::MemDisk;

use crate::act::{At, act};
use crate::crowd;
use crate::mail::Side;
use crate::play::{Luck, Variant, run, settle, variants};
use crate::world::{Ground, Trouble, Verb, World};

const THERE: &str = "INBOX: a:S b c:F+work | Archive: d e:+one+two | Lists/rust: f*3";
const LABELS: [&str; 8] = ["a", "b", "c", "d", "e", "f1", "f2", "f3"];

fn world(variant: &Variant, there: &str) -> World {
    let mut settings = variant.settings.clone();
    (settings.ground, settings.expunge) = (Ground::Memory, Expunge::Now);
    World::new(&Side::parse(there), settings)
}

/// How often each of `LABELS` is here and there.
fn counts(world: &World) -> Vec<(usize, usize)> {
    let (here, there) = world.sides();
    let count = |side: &Side, label: &str| side.labels().get(label).copied().unwrap_or(0);
    LABELS.iter().map(|label| (count(&here, label), count(&there, label))).collect()
}

/// A fetch that removes the server's copies, cut off by a loss of power at one change of the disk, and then gone on with.
fn fetched(variant: &Variant, write: u64, luck: Luck) {
    let world = world(variant, THERE);
    let _ = world.run(Verb::FetchAndDelete, Trouble::DiesAtWrite(write));
    let when = format!("the power went at change {write} ({}), {luck:?}", world.last_step());
    world.lose_power(&mut luck.keeps());
    for (label, (here, there)) in LABELS.iter().zip(counts(&world)) {
        // Not yet fetched; fetched and not yet removed; removed there, and durable here.
        assert!(here + there > 0, "{label} is lost: {when}: {}", world.here.side());
    }
    for _ in 0..3 {
        let _ = run(&world, Verb::FetchAndDelete);
    }
    world.lose_power(&mut luck.keeps());
    assert_eq!(counts(&world), [(1, 0); 8], "{when}: {}", world.here.side());
}

#[test]
fn what_the_server_was_told_to_forget_outlives_the_power() {
    crowd::each(
        &variants(),
        |variant| variant.name.to_owned(),
        |variant| {
            let whole = world(variant, THERE);
            let _ = run(&whole, Verb::FetchAndDelete);
            for write in 1..=whole.writes() + 1 {
                Luck::all(4).for_each(|luck| fetched(variant, write, luck));
            }
        },
    );
}

/// What a program put here without a sync, and a run has sent, is lost with the power: then it was nobody who deleted it.
fn sent(variant: &Variant, action: &str, luck: Luck) {
    let mut world = world(variant, "INBOX: a b c | Archive: d e f*3");
    settle(&world);
    world.lose_power(&mut Luck::Nothing.keeps());
    world.here.syncs = false;
    act(&world, At::Here, action);
    let _ = run(&world, Verb::Sync);
    let there = world.there.side().labels();
    world.lose_power(&mut luck.keeps());
    settle(&world);
    let when = format!("`{action}` ({luck:?}) on {}: here {}, there {}", variant.name, world.here.side(), world.there.side());
    for label in there.keys() {
        assert!(world.there.side().labels().contains_key(label), "{label} is lost: {when}");
    }
}

#[test]
fn what_was_sent_and_not_durable_here_is_not_deleted_there() {
    let actions = ["new INBOX/n", "new New/n:S+work", "move INBOX/a Archive", "mutt INBOX/a New", "copy INBOX/a New", "mvdir Archive New"];
    let jobs: Vec<(Variant, &str)> = variants().into_iter().flat_map(|v| actions.map(|action| (v.clone(), action))).collect();
    crowd::each(
        &jobs,
        |(variant, action)| format!("{action} on {}", variant.name),
        |(variant, action)| Luck::all(6).for_each(|luck| sent(variant, action, luck)),
    );
}

#[test]
fn a_letter_that_a_killed_run_had_given_away_outlives_the_power_once_it_is_used() {
    let disk = MemDisk::new(Arc::new(MemClock::default()));
    let dir = FolderDir::make(&*disk.open(Path::new("/")).unwrap(), "").unwrap().0;
    let two = [Keyword::new("two").unwrap()];
    let save = || {
        let mut letters = KeywordLetters::load(&dir).unwrap();
        assert_eq!(letters.letters(&two), "a");
        letters.save(&dir)
    };
    disk.set_hook(Some(Arc::new(|name| if name == "sync-dir" { Err(std::io::Error::other("killed")) } else { Ok(()) })));
    assert!(save().is_err());
    disk.set_hook(None);
    save().unwrap();
    disk.lose_power(&mut || false);
    assert_eq!(KeywordLetters::load(&dir).unwrap().letters_known(&two), "a");
}
