//! `mailx watch` against real servers: what arrives, how soon, and what is told when something goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "watch/exec.rs"]
mod exec;
#[path = "watch/line.rs"]
mod line;
#[path = "watch/proxy.rs"]
mod proxy;
#[path = "watch/push.rs"]
mod push;
#[path = "watch/service.rs"]
mod service;
#[path = "watch/soak.rs"]
mod soak;
#[path = "support/mod.rs"]
mod support;
#[path = "watch/trouble.rs"]
mod trouble;

use std::time::{Duration, Instant};

use support::world::Running;
use support::{Out, World, dovecot};

/// A test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// A user and a Maildir; `None`, said loudly, without Dovecot.
fn world(prefix: &str) -> Option<World> {
    dovecot().map(|server| World::new(server, prefix))
}

/// Waits until `is_so`; how long that took.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// A watch that goes on.
struct Watch {
    running: Running,
}

impl Watch {
    /// Starts it, and waits until its first runs are done and it waits.
    fn start(w: &World, more: &[&str]) -> Self {
        Self::start_with(w, more, &[])
    }

    fn start_with(w: &World, more: &[&str], env: &[(&str, &str)]) -> Self {
        let watch = Self::start_early(w, more, env);
        until("the first wait", || watch.says().contains("a wait begins"));
        watch
    }

    /// The same without waiting.
    fn start_early(w: &World, more: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = w.command(&[&["watch", "-vv"], more].concat());
        command.envs(env.iter().copied());
        Self { running: Running::start(&mut command) }
    }

    fn says(&self) -> String {
        self.running.says()
    }

    /// Runs so far.
    fn runs(&self) -> usize {
        self.says().matches("a run begins").count()
    }

    /// Waits until no run has begun for so long; how many there were.
    fn settle(&self) -> usize {
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
    fn told(&self, text: &str) -> usize {
        self.says().lines().filter(|line| line.starts_with("mailx: ") && line.contains(text)).count()
    }

    /// Ends it by SIGTERM.
    #[track_caller]
    fn end(self, code: i32) -> Out {
        self.running.signal("TERM");
        let out = self.running.end(Duration::from_secs(20));
        assert!(!out.stderr.contains("panicked"), "{}", out.stderr);
        out.exit(code)
    }
}

/// Messages here.
fn count(w: &World) -> usize {
    w.mail().len()
}
