//! Progress bars: one for each folder that is being downloaded, and a total line below them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::sanitize::display;
use super::{Ui, words};
use crate::model::{Event, Observer};

/// Columns for the name of a folder.
const NAME_WIDTH: usize = 24;

/// The bars of a run.
pub struct Bars {
    ui: Arc<Ui>,
    total: ProgressBar,
    state: Mutex<BTreeMap<(String, String), Folder>>,
    folders: AtomicU64,
    done: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Default)]
struct Folder {
    planned: u64,
    bar: Option<ProgressBar>,
}

/// The bars of one account.
pub struct AccountBars {
    account: String,
    bars: Arc<Bars>,
}

impl Bars {
    /// Starts with the total line.
    pub fn start(ui: Arc<Ui>) -> Arc<Self> {
        let total = ui.multi.add(ProgressBar::new_spinner());
        total.set_style(style("{spinner} {msg} {elapsed}", ProgressStyle::default_spinner));
        total.set_message("connecting");
        total.enable_steady_tick(Duration::from_millis(120));
        let [folders, done, messages, bytes] = [const { AtomicU64::new(0) }; 4];
        Arc::new(Self { ui, total, state: Mutex::default(), folders, done, messages, bytes })
    }

    /// The observer of `account`.
    pub fn of(self: &Arc<Self>, account: &str) -> AccountBars {
        AccountBars { account: account.to_owned(), bars: self.clone() }
    }

    /// Takes everything off the screen.
    pub fn end(&self) {
        for folder in std::mem::take(&mut *self.lock()).into_values() {
            folder.bar.iter().for_each(ProgressBar::finish_and_clear);
        }
        self.total.finish_and_clear();
        let _ = self.ui.multi.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), Folder>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_bar(&self, account: &str, folder: &str, planned: u64) -> ProgressBar {
        let bar = self.ui.multi.insert_before(&self.total, ProgressBar::new(planned));
        let colour = if self.ui.paint_err.0 { ".cyan" } else { "" };
        let template = format!(
            "{{prefix:{NAME_WIDTH}!}} [{{bar:20{colour}}}] {{decimal_bytes:>9}}/{{decimal_total_bytes:9}} {{decimal_bytes_per_sec:>11}} {{eta:>4}}"
        );
        bar.set_style(style(&template, ProgressStyle::default_bar).progress_chars("#>-"));
        bar.set_prefix(display(&format!("{account}: {folder}")));
        bar
    }

    fn retell(&self) {
        let [folders, done, messages, bytes] = [&self.folders, &self.done, &self.messages, &self.bytes].map(|n| n.load(Relaxed));
        let (stored, octets) = (words::of(messages, "message"), words::bytes(bytes));
        self.total.set_message(format!("{} of {}, {stored} stored, {octets}", words::count(done), words::of(folders, "folder")));
    }
}

/// The style of a template of ours; they are all used in a test.
fn style(template: &str, otherwise: fn() -> ProgressStyle) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| otherwise())
}

impl Observer for AccountBars {
    fn on(&self, event: &Event<'_>) {
        let bars = &*self.bars;
        let key = |folder: &dyn ToString| (self.account.clone(), folder.to_string());
        match event {
            Event::FoldersFound(count) => drop(bars.folders.fetch_add(*count as u64, Relaxed)),
            // A bar only once bytes come: many folders may be planned at once, few are active.
            Event::FolderPlanned { folder, bytes, .. } => bars.lock().entry(key(folder)).or_default().planned = *bytes,
            Event::BodyBytes { folder, bytes } => {
                bars.bytes.fetch_add(*bytes, Relaxed);
                let (key, mut state) = (key(folder), bars.lock());
                let planned = state.get(&key).map_or(0, |folder| folder.planned);
                let bar = state.entry(key.clone()).or_default().bar.get_or_insert_with(|| bars.new_bar(&key.0, &key.1, planned));
                bar.inc(*bytes);
                // Announced sizes may be wrong; a bar beyond its end is worse than a moving end.
                if bar.length().is_some_and(|length| length < bar.position()) {
                    bar.set_length(bar.position());
                }
                return;
            }
            Event::Delivered { count, .. } => drop(bars.messages.fetch_add(*count, Relaxed)),
            Event::FolderDone { folder } => {
                bars.done.fetch_add(1, Relaxed);
                let bar = bars.lock().remove(&key(folder)).and_then(|folder| folder.bar);
                bar.iter().for_each(ProgressBar::finish_and_clear);
            }
            _ => return,
        }
        bars.retell();
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use indicatif::{InMemoryTerm, MultiProgress, ProgressDrawTarget};

    use super::*;
    use crate::cli::args::Cli;
    use crate::model::FolderPath;

    #[test]
    fn a_folder_has_a_bar_while_bytes_come_and_none_after() {
        let term = InMemoryTerm::new(12, 100);
        let mut ui = Ui::new(&Cli::try_parse_from(["mailx", "fetch", "--color=never"]).unwrap().shared);
        ui.multi = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(term.clone())));
        let bars = Bars::start(Arc::new(ui));
        let (folder, work) = (FolderPath::inbox(), bars.of("work"));
        work.on(&Event::FoldersFound(2));
        work.on(&Event::FolderPlanned { folder: &folder, downloads: 2, bytes: 2_000_000 });
        assert!(!term.contents().contains("INBOX"));
        work.on(&Event::BodyBytes { folder: &folder, bytes: 1_000_000 });
        work.on(&Event::Delivered { folder: &folder, count: 1 });
        for bar in bars.lock().values().filter_map(|folder| folder.bar.as_ref()) {
            bar.tick();
        }
        bars.total.tick();
        let shown = term.contents();
        assert!(shown.contains("work: INBOX") && shown.contains("1.00 MB/2.00 MB"), "{shown}");
        assert!(shown.contains("0 of 2 folders, 1 message stored, 1 MB"), "{shown}");
        work.on(&Event::BodyBytes { folder: &folder, bytes: 9_000_000 });
        assert_eq!(bars.lock().values().next().unwrap().bar.as_ref().unwrap().length(), Some(10_000_000));
        work.on(&Event::FolderDone { folder: &folder });
        bars.end();
        assert_eq!(term.contents(), "");
    }
}
