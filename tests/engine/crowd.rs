//! Work for all cores, and every failure named.

use std::any::Any;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, Once};

/// The panic that stands for kill -9.
pub struct Killed;

thread_local! {
    /// Panics of this thread are caught and told with all others.
    static TOLD_LATER: Cell<bool> = const { Cell::new(false) };
}

/// Panics that are meant, and those that are told later, are not printed.
pub fn quiet_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Killed>() && !TOLD_LATER.get() {
                usual(info);
            }
        }));
    });
}

/// The words of a panic.
pub fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_else(|| "it panicked".into())
}

/// Does `work` for each of `jobs`, on every core; panics with the names of all that failed.
pub fn each<J: Sync>(jobs: &[J], name: impl Fn(&J) -> String + Sync, work: impl Fn(&J) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                TOLD_LATER.set(true);
                while let Some(job) = jobs.get(next.fetch_add(1, SeqCst)) {
                    if let Err(payload) = std::panic::catch_unwind(AssertUnwindSafe(|| work(job))) {
                        let text = words(&*payload);
                        failed.lock().unwrap().push(format!("{}\n      {}", name(job), text.replace('\n', "\n      ")));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    assert!(failed.is_empty(), "{} of {} failed:\n\n{}\n", failed.len(), jobs.len(), failed.join("\n\n"));
}
