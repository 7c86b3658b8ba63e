//! The engine between a server and a Maildir, both in memory: scenarios, each played whole, again, killed at every step and with every
//! answer lost, on several servers; and random histories.
//!
//! Disk, clock and state are those in memory. In a directory with SQLite, too, every scenario is played whole, a part of them with trouble, and a part of the
//! histories; that the two are the same, `tests/state.rs` says.
//!
//! `MAILX_SCENARIO=text` plays only the scenarios whose name has that text; `MAILX_THOROUGH=1` makes trouble on every server;
//! `MAILX_GROUND=real` or `memory` plays everything on that.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they repeat, and repeat for clarity")]

#[path = "engine/act.rs"]
mod act;
#[path = "engine/allowed.rs"]
mod allowed;
#[path = "engine/crowd.rs"]
mod crowd;
#[path = "engine/document.rs"]
mod document;
#[path = "engine/here.rs"]
mod here;
#[path = "engine/listening.rs"]
mod listening;
#[path = "engine/mail.rs"]
mod mail;
#[path = "engine/play.rs"]
mod play;
#[path = "engine/power.rs"]
mod power;
#[path = "engine/random.rs"]
mod random;
#[path = "engine/readers.rs"]
mod readers;
#[path = "engine/scenarios/mod.rs"]
mod scenarios;
#[path = "engine/second_thoughts.rs"]
mod second_thoughts;
#[path = "engine/there.rs"]
mod there;
#[path = "engine/watching.rs"]
mod watching;
#[path = "engine/world.rs"]
mod world;

use play::{Luck, Play, Variant, ground, variants};
use scenarios::Scenario;
use world::{Ground, Trouble};

type Job = (Scenario, Variant);

/// Every scenario on every server.
fn jobs() -> Vec<Job> {
    let wanted = std::env::var("MAILX_SCENARIO").unwrap_or_default();
    let scenarios = scenarios::all().into_iter().map(|(_, scenario)| scenario).filter(|s| s.name.contains(&wanted));
    scenarios.flat_map(|scenario| variants().into_iter().map(move |variant| (scenario, variant))).collect()
}

/// Every scenario on two of the servers, taken in turn: trouble takes its time, and each kind of trouble meets each server often enough.
fn some_jobs() -> Vec<Job> {
    one_in(2)
}

/// One in so many, of each scenario and of each server.
fn one_in(many: usize) -> Vec<Job> {
    let servers = variants().len();
    let thorough = std::env::var_os("MAILX_THOROUGH").is_some() || std::env::var_os("MAILX_SCENARIO").is_some();
    let turn = |n: usize| thorough || (n % servers + n / servers).is_multiple_of(many);
    jobs().into_iter().enumerate().filter(|(n, _)| turn(*n)).map(|(_, job)| job).collect()
}

/// The same in a directory, with the state in SQLite.
fn on_real_ground((scenario, mut variant): Job) -> Job {
    variant.settings.ground = ground(Ground::Real);
    (scenario, variant)
}

/// Of the jobs with trouble, this share is played on real ground.
const ON_REAL_GROUND: usize = 8;

fn mostly_in_memory(jobs: Vec<Job>) -> Vec<Job> {
    jobs.into_iter().enumerate().map(|(n, job)| if n.is_multiple_of(ON_REAL_GROUND) { on_real_ground(job) } else { job }).collect()
}

fn name((scenario, variant): &Job) -> String {
    format!("{} on {}, ground: {:?}", scenario.name, variant.name, variant.settings.ground)
}

#[test]
fn scenarios_end_as_they_should_and_stay_so() {
    // On real ground on one server each: what the servers differ in, disk and state do not know.
    let servers = variants().len();
    let turn = |(n, job): (usize, Job)| (n + n / servers).is_multiple_of(servers).then(|| on_real_ground(job));
    let jobs: Vec<Job> = jobs().into_iter().chain(jobs().into_iter().enumerate().filter_map(turn)).collect();
    crowd::each(&jobs, name, |(scenario, variant)| {
        Play::new(scenario, variant).whole();
    });
}

#[test]
fn a_kill_or_a_failure_at_any_change_of_the_disk_changes_no_end() {
    crowd::each(&one_in(8), name, |(scenario, variant)| {
        let play = Play::new(scenario, variant).on(Ground::Memory);
        for n in 1..=play.whole().writes {
            for trouble in [Trouble::DiesAtWrite(n), Trouble::DiskFails(n)] {
                at(trouble, || play.troubled(trouble));
            }
        }
    });
}

#[test]
fn a_loss_of_power_at_any_change_of_the_disk_changes_no_end() {
    crowd::each(&one_in(5), name, |(scenario, variant)| {
        let play = Play::new(scenario, variant).on(Ground::Memory);
        // One more: after the run.
        for n in 1..=play.whole().writes + 1 {
            Luck::all(1).for_each(|luck| play.loses_power(n, luck));
        }
    });
}

#[test]
fn a_kill_at_any_step_here_changes_no_end() {
    crowd::each(&mostly_in_memory(some_jobs()), name, |(scenario, variant)| {
        let play = Play::new(scenario, variant);
        for n in 1..=play.whole().steps {
            at(Trouble::DiesAtStep(n), || play.troubled(Trouble::DiesAtStep(n)));
        }
    });
}

#[test]
fn a_kill_or_a_lost_answer_at_any_step_there_changes_no_end() {
    crowd::each(&mostly_in_memory(some_jobs()), name, |(scenario, variant)| {
        let play = Play::new(scenario, variant);
        let met = play.whole();
        for n in 1..=met.effects {
            for trouble in [Trouble::AnswerLost(n), Trouble::LostBeforeEffect(n), Trouble::DiesAtEffect(n)] {
                at(trouble, || play.troubled(trouble));
            }
        }
        for n in 1..=met.reads {
            at(Trouble::LostBeforeRead(n), || play.troubled(Trouble::LostBeforeRead(n)));
        }
    });
}

/// Names the trouble in which something failed.
fn at(trouble: Trouble, work: impl FnOnce()) {
    if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        panic!("{trouble:?}: {}", crowd::words(&*payload));
    }
}
