//! Ctrl-C, SIGTERM and SIGHUP: the first asks for a good end, a second Ctrl-C or SIGTERM ends at once.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::prompt;
use super::ui::Ui;

/// Which signal came, if any.
#[derive(Debug, Default)]
pub struct Signals {
    first: AtomicU8,
    /// SIGHUP of a command that stays: it reads its configuration again.
    pub reload: Notify,
}

impl Signals {
    /// Listens from now on. Must be called inside the runtime. A signal that whoever started us has switched off (`nohup`) stays off.
    ///
    /// `stays`: SIGHUP reads the configuration again, unless standard input is a terminal: then it says that this is gone.
    pub fn listen(cancel: &CancellationToken, ui: &Arc<Ui>, stays: bool) -> Arc<Self> {
        let reloads = stays && !std::io::stdin().is_terminal();
        let signals = Arc::new(Self::default());
        let ignored = ignored();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let number = kind.as_raw_value() as u8;
            if ignored >> (number - 1) & 1 == 1 {
                continue;
            }
            if let Ok(stream) = signal(kind) {
                if reloads && kind == SignalKind::hangup() {
                    tokio::spawn(signals.clone().reload_by(stream));
                } else {
                    tokio::spawn(signals.clone().watch(stream, number, cancel.clone(), ui.clone()));
                }
            }
        }
        signals
    }

    async fn reload_by(self: Arc<Self>, mut stream: Signal) {
        while stream.recv().await.is_some() {
            self.reload.notify_one();
        }
    }

    async fn watch(self: Arc<Self>, mut stream: Signal, number: u8, cancel: CancellationToken, ui: Arc<Ui>) {
        while stream.recv().await.is_some() {
            let first = self.first.compare_exchange(0, number, Relaxed, Relaxed).is_ok();
            // A question blocks its run until it is answered: there is no batch to finish.
            if prompt::restore() || (!first && number != SignalKind::hangup().as_raw_value() as u8) {
                stop(number, ui.err_terminal);
            }
            cancel.cancel();
            if first && ui.err_terminal && !ui.quiet {
                ui.err("finishing the current batch; press Ctrl-C again to stop at once");
            }
        }
    }

    /// Whether a signal ended the run.
    pub fn any(&self) -> bool {
        self.first.load(Relaxed) != 0
    }

    /// What a shell expects of a run that a signal ended early: 128 + its number, unless something else went wrong too.
    pub fn exit(&self, exit: Exit) -> Exit {
        match (self.first.load(Relaxed), exit) {
            (0, _) => exit,
            (number, Exit::OK | Exit::AGAIN) => Exit(128 + number),
            _ => exit,
        }
    }

    /// The same of a command that stays: whoever sends it SIGTERM wants it to end, so that it has done what it should.
    pub fn exit_of_service(&self, exit: Exit) -> Exit {
        if i32::from(self.first.load(Relaxed)) == SignalKind::terminate().as_raw_value() { exit } else { self.exit(exit) }
    }
}

#[expect(clippy::exit, reason = "the second Ctrl-C means now; every durable step survives a kill")]
fn stop(number: u8, terminal: bool) -> ! {
    if terminal {
        // Not by `Ui::err`: whoever holds the bars may never let go. The shell's prompt starts on a line of its own.
        let _ = writeln!(std::io::stderr());
    }
    std::process::exit(i32::from(128 + number))
}

/// The mask of ignored signals that we inherited; nothing where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_shows_only_where_nothing_else_went_wrong() {
        let signals = Signals::default();
        assert_eq!(signals.exit(Exit::AGAIN), Exit::AGAIN);
        signals.first.store(2, Relaxed);
        assert_eq!([signals.exit(Exit::AGAIN), signals.exit(Exit::OK), signals.exit(Exit(77))], [Exit(130), Exit(130), Exit(77)]);
        signals.first.store(15, Relaxed);
        assert_eq!(signals.exit(Exit::AGAIN), Exit(143));
        assert_eq!([signals.exit_of_service(Exit::OK), signals.exit_of_service(Exit(77))], [Exit::OK, Exit(77)]);
    }
}
