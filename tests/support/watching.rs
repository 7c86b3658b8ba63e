//! A `mailx watch` that goes on, and what it says.

use std::time::{Duration, Instant};

use super::world::{Out, Running, World};

/// A test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `is_so`; how long that took.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// A watch that goes on.
pub struct Watch {
    pub running: Running,
}

impl Watch {
    /// Starts it, and waits until its first runs are done and it waits.
    pub fn start(w: &World, more: &[&str]) -> Self {
        Self::start_with(w, more, &[])
    }

    pub fn start_with(w: &World, more: &[&str], env: &[(&str, &str)]) -> Self {
        let watch = Self::start_early(w, more, env);
        until("the first wait", || watch.says().contains("a wait begins"));
        watch
    }

    /// The same without waiting.
    pub fn start_early(w: &World, more: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = w.command(&[&Self::WORDS, more].concat());
        command.envs(env.iter().copied());
        Self { running: Running::start(&mut command) }
    }

    /// What it is called with, so that its log can be read here.
    pub const WORDS: [&str; 2] = ["watch", "-vv"];

    pub fn says(&self) -> String {
        self.running.says()
    }

    /// Runs so far.
    pub fn runs(&self) -> usize {
        self.says().matches("a run begins").count()
    }

    /// Waits until no run has begun for so long; how many there were.
    pub fn settle(&self) -> usize {
        let mut runs = self.runs();
        loop {
            std::thread::sleep(Duration::from_millis(700));
            if self.runs() == runs {
                return runs;
            }
            runs = self.runs();
        }
    }

    /// How often it has said this, in lines that are for people.
    pub fn told(&self, text: &str) -> usize {
        self.says().lines().filter(|line| line.starts_with("mailx: ") && line.contains(text)).count()
    }

    /// Ends it by SIGTERM.
    #[track_caller]
    pub fn end(self, code: i32) -> Out {
        self.running.signal("TERM");
        let out = self.running.end(Duration::from_secs(20));
        assert!(!out.stderr.contains("panicked"), "{}", out.stderr);
        out.exit(code)
    }
}
