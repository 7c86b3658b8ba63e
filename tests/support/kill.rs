//! kill -9: at each durable step in turn, and at random instants.

use std::time::{Duration, Instant};

use super::world::{Running, World};

/// Plays step 1, 2, 3 … as long as `play` says that the run was killed there. Returns how many durable steps it had.
pub fn at_each_step(mut play: impl FnMut(usize) -> bool) -> usize {
    let mut at = 1;
    while play(at) {
        at += 1;
    }
    at
}

/// Runs `verb` until it kills itself at a durable step; true where it did, false where it was done before.
#[track_caller]
pub fn crash(w: &World, verb: &str, at: usize, mask: &str) -> bool {
    let out = w.run_with(&[verb, "--json"], &[("MAILX_TEST_CRASH_AT", &at.to_string()), ("MAILX_TEST_DISABLE", mask)]);
    assert!(out.signal == Some(9) || out.code == Some(0), "step {at}: {out:?}");
    out.signal == Some(9)
}

/// A number that a test is told.
pub fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// Random instants within a run (xorshift64*); a seed repeats them.
pub struct Instants {
    pub seed: u64,
    state: u64,
    /// A run takes so long, as far as is known.
    longest: Duration,
    /// So long at least, whatever was measured.
    least: Duration,
    pub kills: u64,
}

impl Instants {
    /// By `MAILX_TEST_SEED`, or others each time. Runs are taken to last `least` or more.
    pub fn new(least: Duration) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = told("MAILX_TEST_SEED").unwrap_or(now | 1);
        println!("MAILX_TEST_SEED={seed} repeats these instants");
        Self { seed, state: seed, longest: Duration::from_millis(400), least, kills: 0 }
    }

    fn below(&mut self, most: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % most.max(1)
    }

    /// Starts `verb` and kills it at some instant; false where it was done before.
    pub fn kill(&mut self, w: &World, verb: &str) -> bool {
        self.kill_run(w.spawn(&[verb]))
    }

    /// The same of a run that has just been started.
    pub fn kill_run(&mut self, mut run: Running) -> bool {
        let begun = Instant::now();
        let pause = Duration::from_micros(self.below(self.longest.as_micros() as u64));
        std::thread::sleep(pause);
        if run.child.try_wait().unwrap().is_some() {
            self.longest = begun.elapsed().min(self.longest).max(self.least);
            return false;
        }
        run.kill();
        self.kills += 1;
        true
    }
}
