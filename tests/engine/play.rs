//! Plays one scenario: whole, again, killed at every step, with every answer lost. The end is always the same.

use std::collections::BTreeMap;

use mailx::model::Expunge;
use mailx::model::caps::{Append, Changes, Deletes, Folders, Identity, Keywords, Moves};
use mailx::model::report::{AccountReport, FolderReport};
use mailx::testing::mem::{Manners, MarksOffered, everything};

use crate::act::{At, act};
use crate::mail::{Mail, Side};
use crate::scenarios::Scenario;
use crate::world::{Ended, Ground, Settings, Trouble, Verb, World, failures};

/// A server: what it can do, and how it does it. The same must come out on all of them.
#[derive(Debug, Clone)]
pub struct Variant {
    pub name: &'static str,
    pub settings: Settings,
}

/// What everything stands on: `usual`, unless `MAILX_GROUND` says something else.
pub fn ground(usual: Ground) -> Ground {
    match std::env::var("MAILX_GROUND").as_deref() {
        Ok("real") => Ground::Real,
        Ok("memory") => Ground::Memory,
        _ => usual,
    }
}

/// Servers that differ in how, and not in what.
pub fn variants() -> Vec<Variant> {
    let best = Settings {
        caps: everything(),
        manners: Manners::default(),
        expunge: Expunge::Trash,
        allow: None,
        connections: 1,
        time_passes: false,
        ground: ground(Ground::Memory),
    };
    let epoch = mailx::model::Caps { identity: Identity::PerEpoch, ..everything() };
    let (any, no_ids) = (Append::Yes { tells_id: false }, Moves::Native { tells_id: false });
    vec![
        Variant { name: "the best", settings: Settings { time_passes: true, ..best.clone() } },
        Variant {
            name: "one that lists everything and tells no ids",
            settings: Settings {
                caps: mailx::model::Caps { changes: Changes::Whole, append: any, moves: no_ids, ..epoch },
                manners: Manners { marks: MarksOffered::None, ..Manners::default() },
                ..best.clone()
            },
        },
        Variant {
            name: "one with pages of two, one order a call, moving cursors and lasting handles",
            settings: Settings {
                caps: epoch,
                manners: Manners { page: 2, orders_at_once: 1, orders_move_cursor: true, handle_is_path: false, ..Manners::default() },
                connections: 2,
                ..best.clone()
            },
        },
        Variant {
            name: "one that moves by halves, keeps silent about what did not change, and is uncertain",
            settings: Settings {
                caps: mailx::model::Caps { changes: Changes::Whole, moves: Moves::CopyThenDelete, append: any, ..epoch },
                manners: Manners { marks: MarksOffered::Additions, kept: true, says_uncertain: true, ..Manners::default() },
                time_passes: true,
                ..best
            },
        },
    ]
}

/// Changes a server as the words say: `push=FS pull=FS keywords=no|WORD ids=told append=no|silent|drafts moves=no trash=no now=no|kept sizes=no folders=read-only|inbox
/// identity=lasting|epoch|content handle=path|id`.
pub fn mask(settings: &mut Settings, words: &str) {
    let caps = &mut settings.caps;
    for word in words.split_whitespace() {
        let (key, value) = word.split_once('=').expect("key=value");
        match (key, value) {
            ("push", flags) => caps.flags.push = mailx::model::Flags::from_letters(flags),
            ("pull", flags) => caps.flags.pull = mailx::model::Flags::from_letters(flags),
            ("keywords", "no") => caps.flags.keywords = Keywords::No,
            ("keywords", "good") => {
                caps.flags.keywords = Keywords::Listed;
                settings.manners.listed_keywords = &["good"];
            }
            ("append", "no") => caps.append = Append::No,
            ("ids", "told") => {
                caps.append = Append::Yes { tells_id: true };
                caps.moves = Moves::Native { tells_id: true };
            }
            ("append", "silent") => caps.append = Append::Yes { tells_id: false },
            ("append", "drafts") => caps.append = Append::DraftsOnly,
            ("moves", "no") => caps.moves = Moves::No,
            ("trash", "no") => caps.delete = Deletes { trash: false, ..caps.delete },
            ("now", "kept") => caps.delete.may_keep = true,
            ("sizes", "no") => settings.manners.tells_sizes = false,
            ("now", "no") => caps.delete = Deletes { now: false, ..caps.delete },
            ("handle", of) => settings.manners.handle_is_path = of == "path",
            ("folders", "read-only") => caps.folders = Folders::ReadOnly,
            ("folders", "inbox") => caps.folders = Folders::InboxOnly,
            ("identity", "lasting") => caps.identity = Identity::Permanent,
            ("identity", "epoch") => caps.identity = Identity::PerEpoch,
            ("identity", "content") => caps.identity = Identity::ByContent,
            _ => panic!("no server is `{word}`"),
        }
    }
}

fn options(settings: &mut Settings, words: &str) {
    for word in words.split_whitespace() {
        match word.split_once('=').expect("key=value") {
            ("expunge", "now") => settings.expunge = Expunge::Now,
            ("expunge", "never") => settings.expunge = Expunge::Never,
            ("allow", folder) => settings.allow = Some(folder.to_owned()),
            _ => panic!("no run has `{word}`"),
        }
    }
}

/// What a run can meet on its way: durable steps and changes of the disk here; steps and calls there.
#[derive(Debug, Clone, Copy)]
pub struct Met {
    pub steps: u64,
    pub writes: u64,
    pub effects: u64,
    pub reads: u64,
}

/// What a loss of power leaves of that which was not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    Nothing,
    /// This or that.
    Some(u64),
}

impl Luck {
    /// Nothing, or half of it in some ways.
    pub fn all(ways: u64) -> impl Iterator<Item = Self> {
        std::iter::once(Self::Nothing).chain((1..=ways).map(Self::Some))
    }

    pub fn keeps(self) -> impl FnMut() -> bool {
        let mut random = match self {
            Self::Nothing => None,
            Self::Some(seed) => Some(crate::random::Random(seed)),
        };
        move || random.as_mut().is_some_and(|random| random.chance(50))
    }
}

/// A scenario on a server.
pub struct Play<'a> {
    pub scenario: &'a Scenario,
    settings: Settings,
}

impl<'a> Play<'a> {
    pub fn new(scenario: &'a Scenario, variant: &Variant) -> Self {
        let mut settings = variant.settings.clone();
        mask(&mut settings, scenario.server);
        options(&mut settings, scenario.options);
        Self { scenario, settings }
    }

    /// Both sides agree, what happened before has happened, and so have the changes: all but the run.
    fn arrange(&self) -> World {
        let scenario = self.scenario;
        let world = World::new(&Side::parse(scenario.agreed), self.settings.clone());
        settle(&world);
        for before in scenario.before {
            act(&world, At::Here, before.here);
            act(&world, At::There, before.there);
            let _ = run(&world, before.run);
        }
        act(&world, At::Here, scenario.here);
        act(&world, At::There, scenario.there);
        world
    }

    /// The same elsewhere.
    pub fn on(self, ground: Ground) -> Self {
        Self { settings: Settings { ground, ..self.settings }, ..self }
    }

    /// Runs it undisturbed, and once more than is needed. Returns what can be met on the way.
    pub fn whole(&self) -> Met {
        let world = self.arrange();
        let plan = self.planned(&world);
        let (effects, reads) = (world.there.0.effects(), world.there.0.reads());
        let report = run(&world, Verb::Sync);
        let there = &world.there.0;
        let done = Met { steps: world.steps(), writes: world.writes(), effects: there.effects() - effects, reads: there.reads() - reads };
        self.check_report(&report);
        let matches_again = [self.scenario.here, self.scenario.there].iter().any(|a| a.contains("lose-state") || a.contains("renumber"));
        if self.scenario.trouble.is_empty() && !matches_again {
            assert_eq!(plan, carried_out(&report), "what the dry run planned, and what the run did: {}", words(&report));
        }
        for _ in 1..self.scenario.runs {
            let _ = run(&world, Verb::Sync);
        }
        self.check_end(&world, "after the run");
        check_tidy(&world, "after the run");
        self.check_again(&world);
        done
    }

    /// Runs it with trouble, then undisturbed until nothing is left to do.
    pub fn troubled(&self, trouble: Trouble) {
        let world = self.arrange();
        match world.run(Verb::Sync, trouble) {
            Ended::Died => {}
            Ended::Done(report) => assert!(!matches!(trouble, Trouble::DiesAtStep(_)), "it did not die at {trouble:?}: {}", words(&report)),
        }
        let when = format!("after trouble at {}", world.last_step());
        self.recovers(&world, &when);
        // What a disk does not let go of is swept when something comes into that folder the next time.
        if !matches!(trouble, Trouble::DiskFails(_)) {
            check_tidy(&world, &when);
        }
    }

    /// The power goes at this change of the disk (or after the run); what was not durable stays as `luck` has it.
    pub fn loses_power(&self, write: u64, luck: Luck) {
        let world = self.arrange();
        let _ = world.run(Verb::Sync, Trouble::DiesAtWrite(write));
        let when = format!("after the power went at {} ({luck:?})", world.last_step());
        world.lose_power(&mut luck.keeps());
        self.recovers(&world, &when);
    }

    fn recovers(&self, world: &World, when: &str) {
        settle(world);
        self.check_end(world, when);
        self.check_again(world);
    }

    /// What a dry run says that will be done, counted; it changes nothing.
    fn planned(&self, world: &World) -> Counts {
        let (sides, effects) = (world.sides(), world.there.0.effects());
        let report = run(world, Verb::DryRun);
        assert_eq!((world.sides(), world.there.0.effects()), (sides, effects), "a dry run changed something");
        if self.scenario.trouble == "guard" || self.scenario.trouble.is_empty() {
            assert_eq!(failures(&report).is_empty(), self.scenario.trouble.is_empty(), "the dry run: {:?}", failures(&report));
        }
        let mut counts = Counts::new();
        for action in report.plan.iter().flatten() {
            let Some((_, counter)) = ACTIONS.iter().find(|(word, _)| *word == action.action) else { continue };
            *counts.entry(counter).or_default() += 1;
        }
        counts
    }

    fn check_report(&self, report: &AccountReport) {
        let failures = failures(report);
        if self.scenario.trouble.is_empty() {
            assert!(failures.is_empty(), "the run failed: {failures:?}");
        } else {
            assert!(failures.iter().any(|f| f.contains(self.scenario.trouble)), "no word of {}: {failures:?}", self.scenario.trouble);
        }
        for fact in self.scenario.facts.split_whitespace() {
            let (name, count) = fact.split_once('=').expect("name=count");
            let found = counter_of(report, name);
            assert_eq!(format!("{name}={found}"), format!("{name}={count}"), "the report is {}", words(report));
        }
        for gap in self.scenario.gaps {
            assert!(report.folders.iter().any(|f| f.unsupported.contains(gap)), "no word of the gap {gap}: {}", words(report));
        }
    }

    fn check_end(&self, world: &World, when: &str) {
        let wanted = (Side::parse(self.scenario.end), Side::parse(self.scenario.end_there.unwrap_or(self.scenario.end)));
        let found = world.sides();
        assert_eq!(found.0.to_string(), wanted.0.to_string(), "here, {when}");
        assert_eq!(found.1.to_string(), wanted.1.to_string(), "there, {when}");
        let put_by: Vec<String> = self.scenario.put_by.split_whitespace().flat_map(Mail::parse_many).map(|m| m.label).collect();
        let mut put_by = put_by;
        put_by.sort_unstable();
        assert_eq!(world.here.put_by(), put_by, "put by, {when}");
    }

    /// A further run changes nothing.
    fn check_again(&self, world: &World) {
        let (sides, effects) = (world.sides(), world.there.0.effects());
        let report = run(world, Verb::Sync);
        assert!(!report.changed(), "a further run says that it changed something: {}", words(&report));
        let tried = world.there.0.effects() - effects;
        assert!(
            tried == 0 || self.scenario.asks_again || !self.scenario.trouble.is_empty(),
            "a further run asked the server for {tried} changes"
        );
        assert_eq!(world.sides(), sides, "a further run changed something");
        assert_eq!(failures(&report).is_empty(), self.scenario.trouble.is_empty(), "the further run: {:?}", failures(&report));
    }
}

fn check_tidy(world: &World, when: &str) {
    assert_eq!(world.here.leftovers(), Vec::<String>::new(), "left in tmp/, {when}");
}

/// How much of what.
type Counts = BTreeMap<&'static str, u64>;

/// The words of a plan, and the counters of a report that they show up in. A download may turn out to be here already.
const ACTIONS: [(&str, &str); 10] = [
    ("download", "downloaded"),
    ("link", "downloaded"),
    ("upload", "uploaded"),
    ("move-here", "moved"),
    ("move-there", "moved"),
    ("flags-here", "flags_pulled"),
    ("flags-there", "flags_pushed"),
    ("delete-here", "deleted_here"),
    ("delete-there", "deleted_there"),
    ("verify-there", "deleted_there"),
];

/// The same of a report.
fn carried_out(report: &AccountReport) -> Counts {
    let names: std::collections::BTreeSet<&'static str> = ACTIONS.iter().map(|(_, counter)| *counter).collect();
    let sum = |name: &str| counter_of(report, name);
    let counts = names.into_iter().map(|name| (name, sum(name) + if name == "downloaded" { sum("linked") } else { 0 }));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// An undisturbed run.
pub fn run(world: &World, verb: Verb) -> AccountReport {
    match world.run(verb, Trouble::None) {
        Ended::Done(report) => report,
        Ended::Died => panic!("it died of itself"),
    }
}

/// Three undisturbed runs; then nothing may be left to do.
pub fn settle(world: &World) {
    for _ in 0..3 {
        let _ = run(world, Verb::Sync);
    }
}

const COUNTERS: [&str; 9] =
    ["downloaded", "linked", "uploaded", "flags_pulled", "flags_pushed", "deleted_here", "deleted_there", "moved", "local_only"];

/// What a report tells, in few words.
pub fn words(report: &AccountReport) -> String {
    let mut all = Vec::new();
    for folder in &report.folders {
        let counts = COUNTERS.iter().map(|name| (name, counter(folder, name))).filter(|(_, count)| *count > 0);
        all.extend(counts.map(|(name, count)| format!("{}: {name}={count}", folder.folder)));
        all.extend(folder.unsupported.iter().map(|gap| format!("{}: gap {gap}", folder.folder)));
    }
    all.extend(failures(report));
    all.join("; ")
}

/// A count of a report, over all folders.
pub fn counter_of(report: &AccountReport, name: &str) -> u64 {
    report.folders.iter().map(|folder| counter(folder, name)).sum()
}

fn counter(report: &FolderReport, name: &str) -> u64 {
    match name {
        "downloaded" => report.downloaded,
        "linked" => report.linked,
        "uploaded" => report.uploaded,
        "flags_pulled" => report.flags_pulled,
        "flags_pushed" => report.flags_pushed,
        "deleted_here" => report.deleted_here,
        "deleted_there" => report.deleted_there,
        "moved" => report.moved,
        "local_only" => report.local_only,
        _ => panic!("no report counts `{name}`"),
    }
}
