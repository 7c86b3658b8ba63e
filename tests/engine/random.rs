//! Random histories: a user here, others there, kills and lost answers in between; then the invariants.
//!
//! `MAILX_SEED=n` repeats one history, `MAILX_ROUNDS=n` plays so many. For a long hunt, `MAILX_GROUND=memory` and
//! `CARGO_PROFILE_TEST_OPT_LEVEL=2`.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use mailx::model::Expunge;
use mailx::model::caps::{Identity, Moves};

use crate::act::{At, act};
use crate::crowd;
use crate::mail::{Mail, Side};
use crate::play::{Luck, ground, mask, run, variants, words};
use crate::world::{Ended, Ground, Trouble, Verb, World};

/// Histories that are played where nobody says how many.
const ROUNDS: u64 = 400;
/// One in so many is played on real ground, which takes far longer.
const ON_REAL_GROUND: u64 = 20;
/// What people do, and how often that is settled, in one history.
const EPISODES: u64 = 4;

/// splitmix64: random enough, and a seed repeats it.
pub struct Random(pub u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % most.max(1) as u64) as usize
    }

    pub fn chance(&mut self, in_hundred: usize) -> bool {
        self.below(100) < in_hundred
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let n = self.below(of.len());
        of.get(n)
    }
}

/// How many copies of a message there may be in the end.
#[derive(Debug, Clone, Copy, Default)]
struct Copies {
    least: i64,
    most: i64,
}

/// One history under way.
struct History {
    random: Random,
    world: World,
    /// The server can do everything, and nothing has made ids void: then both sides must be the same in the end.
    strict: bool,
    told: Vec<String>,
    copies: BTreeMap<String, Copies>,
    /// Messages that each side moved or deleted in this episode.
    touched: [BTreeSet<String>; 2],
    /// Messages that came or were moved in this episode.
    fresh: BTreeSet<String>,
    /// Of those, the ones that met trouble on their way: then they may be known again by their header only.
    weak: BTreeSet<String>,
    count: usize,
}

#[test]
fn random_histories_lose_and_double_nothing() {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    // In CI the same histories each time: a fresh one that finds something there would blame the wrong change.
    let usual = if std::env::var_os("CI").is_some() { 1_753_564_667_999_373 } else { now >> 10 };
    let first = number("MAILX_SEED").unwrap_or(usual);
    let rounds = number("MAILX_ROUNDS").unwrap_or(if number("MAILX_SEED").is_some() { 1 } else { ROUNDS });
    println!("MAILX_SEED={first} MAILX_ROUNDS={rounds} repeats these histories");
    let seeds: Vec<u64> = (0..rounds).map(|n| first.wrapping_add(n)).collect();
    crowd::each(&seeds, |seed| format!("MAILX_SEED={seed}"), |seed| play(*seed));
}

fn play(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let variants = variants();
    let variant = &variants[random.below(variants.len())];
    let mut settings = variant.settings.clone();
    settings.expunge = if random.chance(50) { Expunge::Trash } else { Expunge::Now };
    settings.time_passes = random.chance(50);
    settings.connections = 1 + random.below(3) as u16;
    settings.ground = ground(if seed.is_multiple_of(ON_REAL_GROUND) { Ground::Real } else { Ground::Memory });
    // Where messages are known again by header and size only, deletions stop half-way on purpose.
    let strict = settings.caps.identity == Identity::Permanent && random.chance(70);
    let mut told =
        vec![format!("on {}, {:?}, time passes: {}, ground: {:?}", variant.name, settings.expunge, settings.time_passes, settings.ground)];
    if !strict {
        let masks = [
            "append=no",
            "append=drafts",
            "moves=no",
            "push=FS",
            "push=",
            "push= pull=",
            "keywords=no",
            "trash=no",
            "now=no",
            "folders=read-only",
            "folders=inbox trash=no",
            "identity=content",
            "identity=epoch",
        ];
        for _ in 0..random.below(3) {
            let words = masks[random.below(masks.len())];
            told.push(format!("the server: {words}"));
            mask(&mut settings, words);
        }
    }
    let world = World::new(&Side::parse("INBOX: | Archive: | Lists/rust: | Drafts:"), settings);
    let mut history = History {
        random,
        world,
        strict,
        told,
        copies: BTreeMap::new(),
        touched: Default::default(),
        fresh: BTreeSet::new(),
        weak: BTreeSet::new(),
        count: 0,
    };
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| history.live()));
    if let Err(payload) = done {
        let sides = std::panic::catch_unwind(AssertUnwindSafe(|| history.world.sides()));
        let sides = sides.map(|(here, there)| format!("here:  {here}\nthere: {there}")).unwrap_or_default();
        panic!("{}\n{sides}\n{}", crowd::words(&*payload), history.told.join("\n"));
    }
}

impl History {
    fn live(&mut self) {
        for _ in 0..4 + self.random.below(6) {
            self.deliver(At::There);
        }
        self.settle();
        for _ in 0..EPISODES {
            self.touched = Default::default();
            self.fresh.clear();
            let folders = self.random.chance(25);
            for _ in 0..=self.random.below(3) {
                for _ in 0..self.random.below(5) {
                    let at = if self.random.chance(50) { At::Here } else { At::There };
                    if folders { self.deliver_one(at, 2, &[]) } else { self.change(at) }
                }
                if folders && self.touched[0].is_empty() {
                    self.touched[0].insert("a folder".into());
                    self.reshape();
                }
                if self.random.chance(60) {
                    self.trouble();
                }
            }
            if !self.strict && self.random.chance(25) {
                self.void_ids();
            }
            self.settle();
            self.check();
        }
    }

    fn act(&mut self, at: At, text: &str) {
        self.told.push(format!("{}: {text}", if at == At::Here { "here " } else { "there" }));
        act(&self.world, at, text);
    }

    fn side(&self, at: At) -> Side {
        if at == At::Here { self.world.here.side() } else { self.world.there.side() }
    }

    fn folder(&mut self, at: At) -> String {
        let folders: Vec<String> = self.side(at).0.into_keys().collect();
        folders[self.random.below(folders.len())].clone()
    }

    /// A message of a side: its folder and itself.
    fn message(&mut self, at: At) -> Option<(String, Mail)> {
        let side = self.side(at);
        let all: Vec<(String, Mail)> =
            side.0.into_iter().flat_map(|(folder, mails)| mails.into_iter().map(move |mail| (folder.clone(), mail))).collect();
        self.random.one(&all).cloned()
    }

    fn flags(&mut self) -> String {
        let flags: String = "FRS".chars().filter(|_| self.random.chance(40)).collect();
        let words: String = ["+one", "+two"].iter().filter(|_| self.random.chance(20)).copied().collect();
        format!(":{flags}{words}")
    }

    /// A new message; now and then one that was there before, or one with the header of another.
    fn deliver(&mut self, at: At) {
        let known: Vec<String> = self.copies.keys().cloned().collect();
        let kind = self.random.below(10);
        self.deliver_one(at, kind, &known);
    }

    fn deliver_one(&mut self, at: At, kind: usize, known: &[String]) {
        self.count += 1;
        let label = match kind {
            0 => self.random.one(known).cloned(),
            1 => self.random.one(known).map(|label| format!("{label}'")).filter(|l| l.len() < 6),
            _ => None,
        };
        let label = label.unwrap_or_else(|| format!("n{}", self.count));
        let (folder, flags) = (self.folder(at), self.flags());
        self.act(at, &format!("new {folder}/{label}{flags}"));
        self.came(label);
    }

    fn came(&mut self, label: String) {
        self.fresh.insert(label.clone());
        // A twin of what was moved or deleted here, or of what met trouble on its way, may be taken for it.
        let twin = self.touched[0].contains(&label) || self.weak.contains(&label);
        let copies = self.copies.entry(label).or_default();
        copies.least += i64::from(!twin);
        copies.most += 1;
    }

    fn change(&mut self, at: At) {
        let Some((folder, mail)) = self.message(at) else { return self.deliver(at) };
        let (name, to) = (format!("{folder}/{}", mail.label), self.folder(at));
        // What is known by its header only is not deleted here when it goes there.
        let weak = at == At::There && self.weak.contains(&mail.label);
        match self.random.below(10) {
            5.. if weak && self.strict => {}
            0..3 => {
                let mut flags = self.flags();
                if at == At::Here {
                    // A keyword that a file loses on its way into a folder that has no letter for it counts as kept.
                    flags = Mail { keywords: mail.keywords.clone(), ..Mail::parse(&flags) }.to_string();
                    flags = flags.split_once(':').map(|(_, f)| format!(":{f}")).unwrap_or_default();
                }
                self.act(at, &format!("flag {name}{flags}"));
            }
            3..5 => self.deliver(at),
            5 | 6 => {
                self.act(at, &format!("delete {name}"));
                self.deleted(at, &folder, &mail.label);
            }
            7 | 8 if to != folder => {
                let verb = if at == At::Here && self.random.chance(40) { "mutt" } else { "move" };
                self.act(at, &format!("{verb} {name} {to}"));
                self.touch(at, &mail.label);
                self.fresh.insert(mail.label);
            }
            _ => {
                self.act(at, &format!("copy {name} {to}"));
                self.came(mail.label);
            }
        }
    }

    fn deleted(&mut self, at: At, folder: &str, label: &str) {
        // What came into the trash since the last run was elsewhere, as far as anybody else knows.
        let in_trash = folder == "Trash" && !self.fresh.contains(label);
        let to_trash = at == At::Here && self.world.settings.expunge == Expunge::Trash && !in_trash;
        let copies = self.copies.entry(label.to_owned()).or_default();
        if !self.strict || (at == At::Here && self.weak.contains(label)) {
            // It may have to stay where it cannot be deleted; and what was deleted on its way there comes back.
            copies.least -= 1;
        } else if !to_trash {
            copies.least -= 1;
            copies.most -= 1;
        } else if copies.most > 1 || self.fresh.contains(label) {
            // It may never have been there; or a copy took its place, and the one that should be in the trash is the one that was missed.
            copies.least -= 1;
        }
        self.touch(at, label);
    }

    /// What both sides move or delete may end as one of them wanted; or as both did, which loses nothing.
    fn touch(&mut self, at: At, label: &str) {
        let (own, other) = if at == At::Here { (0, 1) } else { (1, 0) };
        self.touched[own].insert(label.to_owned());
        let copies = self.copies.entry(label.to_owned()).or_default();
        if self.touched[other].contains(label) {
            copies.least -= 1;
            copies.most += 1;
        }
        if at == At::Here && self.weak.contains(label) {
            // A file that a run had published and not recorded when it died, and that lies elsewhere now, is new and comes once more.
            copies.most += 1;
        }
        if !self.strict {
            // A match without proof authorises no deletion: the file stays beside the one that took its place.
            copies.most += 1;
        }
    }

    /// One folder is made, renamed or removed.
    fn reshape(&mut self) {
        let at = if self.random.chance(50) { At::Here } else { At::There };
        self.count += 1;
        let fresh = format!("F{}", self.count);
        let side = self.side(at);
        let own = |name: &&String| !["INBOX", "Trash", "Drafts"].contains(&name.as_str());
        let others: Vec<String> = side.0.keys().filter(own).cloned().collect();
        let leaf = |name: &String| !others.iter().any(|o| o.starts_with(&format!("{name}/")));
        let leaves: Vec<String> = others.iter().filter(|name| leaf(name)).cloned().collect();
        let empty: Vec<String> = leaves.iter().filter(|name| side.0[*name].is_empty()).cloned().collect();
        let path_handles = self.world.settings.manners.handle_is_path;
        let twins = |name: &String| side.0[name].windows(2).any(|pair| pair[0].label == pair[1].label);
        let may = |name: &&String| at == At::Here || !path_handles || !twins(name);
        let renamable: Vec<String> = leaves.iter().filter(may).cloned().collect();
        match self.random.below(3) {
            0 if !empty.is_empty() => {
                let folder = empty[self.random.below(empty.len())].clone();
                self.act(at, &format!("rmdir {folder}"));
            }
            1 if !renamable.is_empty() => {
                let folder = renamable[self.random.below(renamable.len())].clone();
                self.fresh.extend(side.0[&folder].iter().map(|mail| mail.label.clone()));
                // Twins in it cannot be told apart without lasting ids; then the old folder stays here beside the new one.
                for mail in side.0[&folder].iter().filter(|_| !self.strict) {
                    self.copies.entry(mail.label.clone()).or_default().most += 1;
                }
                self.act(at, &format!("mvdir {folder} {fresh}"));
            }
            _ => self.act(at, &format!("mkdir {fresh}")),
        }
    }

    /// Ids become void: what is not matched again stays where it is.
    fn void_ids(&mut self) {
        if self.random.chance(50) {
            // What was put by goes with it.
            for label in self.world.here.put_by() {
                self.copies.entry(label).or_default().least -= 1;
            }
            self.act(At::Here, "lose-state");
        } else {
            let folder = self.folder(At::There);
            self.act(At::There, &format!("renumber {folder}"));
        }
    }

    /// A run that may end badly.
    fn trouble(&mut self) {
        self.weak.extend(self.fresh.iter().cloned());
        let n = 1 + self.random.below(8) as u64;
        let halves = self.world.settings.caps.moves == Moves::CopyThenDelete;
        let trouble = match self.random.below(6) {
            0 | 1 => Trouble::DiesAtStep(n + self.random.below(8) as u64),
            2 => Trouble::LostBeforeRead(n),
            // A move in halves whose answer is lost leaves a copy in the trash: nothing is lost, and nobody can tell.
            3..5 if halves => Trouble::None,
            3 => Trouble::AnswerLost(n),
            4 => Trouble::DiesAtEffect(n),
            _ => Trouble::LostBeforeEffect(n),
        };
        // Every other time it is a kill between any two calls, and every other of those a loss of power.
        let by_power = self.world.settings.ground == Ground::Memory && self.random.chance(50);
        let trouble = if by_power { Trouble::DiesAtWrite(1 + self.random.below(40) as u64) } else { trouble };
        let mut ended = match self.world.run(Verb::Sync, trouble) {
            Ended::Died => format!("it died after {}", self.world.last_step()),
            Ended::Done(report) => words(&report),
        };
        if by_power && self.random.chance(50) {
            let luck = if self.random.chance(30) { Luck::Nothing } else { Luck::Some(self.random.below(1 << 30) as u64) };
            self.world.lose_power(&mut luck.keeps());
            ended.push_str(&format!("; the power went: {luck:?}"));
        }
        self.told.push(format!("run  : {trouble:?}: {ended}"));
    }

    fn settle(&mut self) {
        for n in 1..=6 {
            // Folders that come and go are no change of messages, so the first quiet run may not be the last.
            let sides = (n > 2).then(|| self.world.sides());
            let effects = self.world.there.0.effects();
            let report = run(&self.world, Verb::Sync);
            self.told.push(format!("run  : {}", words(&report)));
            if !report.changed() && self.world.there.0.effects() == effects && sides.is_some_and(|sides| sides == self.world.sides()) {
                break;
            }
        }
    }

    fn check(&mut self) {
        let (here, there) = self.world.sides();
        let report = run(&self.world, Verb::Sync);
        // Where ids never stay, twins are told apart by their bodies in every run.
        let no_ids = self.world.settings.caps.identity == Identity::ByContent;
        assert!(no_ids || !report.changed(), "a further run changes something: {}", words(&report));
        assert_eq!(self.world.sides(), (here.clone(), there.clone()), "a further run changes something");
        let (on_here, on_there, put_by) = (here.labels(), there.labels(), self.world.here.put_by());
        for label in on_here.keys().chain(on_there.keys()) {
            assert!(self.copies.contains_key(label), "nobody ever wrote {label}");
        }
        for (label, copies) in &self.copies {
            let count = |side: &BTreeMap<String, usize>| side.get(label).copied().unwrap_or(0) as i64;
            let (here, there) = (count(&on_here), count(&on_there));
            let kept = put_by.iter().filter(|l| *l == label).count() as i64;
            // A poorer server may have some only, and here may be others only.
            let all = if self.strict { here.max(there) } else { here + there };
            assert!(all + kept >= copies.least, "{label} is lost: {here} here, {there} there, {copies:?}");
            assert!(here.max(there) <= copies.most.max(0), "{label} is doubled: {here} here, {there} there, {copies:?}");
        }
        if self.strict {
            self.compare(&here, &there);
            for (label, copies) in &mut self.copies {
                let count = on_here.get(label).copied().unwrap_or(0) as i64;
                *copies = Copies { least: count, most: count };
            }
        }
    }

    /// Both sides are the same, except for as many files as a run has said to be here only: where a killed run had made a folder there, and
    /// somebody put mail into it before it was listed, what lies in it here may be an old copy of something, and is not sent.
    fn compare(&self, here: &Side, there: &Side) {
        let only = |side: &Side, other: &Side| -> Vec<String> {
            let mut rest: Vec<(&String, &Mail)> =
                other.0.iter().flat_map(|(folder, mails)| mails.iter().map(move |m| (folder, m))).collect();
            let all = side.0.iter().flat_map(|(folder, mails)| mails.iter().map(move |m| (folder, m)));
            let mut only = Vec::new();
            for one in all {
                match rest.iter().position(|other| *other == one) {
                    Some(at) => drop(rest.swap_remove(at)),
                    None => only.push(format!("{}/{}", one.0, one.1)),
                }
            }
            only
        };
        let (only_here, only_there) = (only(here, there), only(there, here));
        let folders = here.0.keys().eq(there.0.keys());
        let told = self.told.iter().filter(|line| line.contains("local_only=")).count();
        assert!(
            folders && only_there.is_empty() && only_here.len() <= told,
            "the sides differ: {only_here:?} here only, {only_there:?} there only"
        );
    }
}
