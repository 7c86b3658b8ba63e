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
        total.set_style(style(TOTAL, ProgressStyle::default_spinner));
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
        bar.set_style(style(&bar_template(colour), ProgressStyle::default_bar).progress_chars("#>-"));
        bar.set_prefix(display(&format!("{account}: {folder}")));
        bar
    }

    fn retell(&self) {
        let [folders, done, messages, bytes] = [&self.folders, &self.done, &self.messages, &self.bytes].map(|n| n.load(Relaxed));
        let (stored, octets) = (words::of(messages, "message"), words::bytes(bytes));
        self.total.set_message(format!("{} of {}, {stored} stored, {octets}", words::count(done), words::of(folders, "folder")));
    }
}

const TOTAL: &str = "{spinner} {msg} {elapsed}";

fn bar_template(colour: &str) -> String {
    // `!` cuts a long name, so that it cannot wrap the line.
    let (name, bar) = (format!("{{prefix:{NAME_WIDTH}!}}"), format!("{{bar:20{colour}}}"));
    format!("{name} [{bar}] {{decimal_bytes:>9}}/{{decimal_total_bytes:9}} {{decimal_bytes_per_sec:>11}} {{eta:>4}}")
}

/// The style of a template of ours; a test parses them all.
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
            Event::Listing { listed, of } => {
                bars.total.set_message(words::listing(*listed, *of));
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

    fn watches(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use indicatif::{MultiProgress, ProgressDrawTarget};

    use super::*;
    use crate::cli::args::Cli;
    use crate::model::FolderPath;

    #[test]
    fn a_folder_has_a_bar_while_bytes_come_and_none_after() {
        let mut ui = Ui::new(&Cli::try_parse_from(["mailx", "fetch", "--color=always"]).unwrap().shared, false);
        ui.multi = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let bars = Bars::start(Arc::new(ui));
        let (folder, work) = (FolderPath::inbox(), bars.of("work"));
        assert!(work.watches());
        work.on(&Event::Listing { listed: 512, of: 9000 });
        assert_eq!(bars.total.message(), "512 of about 9,000 messages listed");
        let bar = || bars.lock().values().next().and_then(|folder| folder.bar.clone());
        work.on(&Event::FoldersFound(2));
        work.on(&Event::FolderPlanned { folder: &folder, downloads: 2, bytes: 2_000_000 });
        assert!(bar().is_none());
        work.on(&Event::BodyBytes { folder: &folder, bytes: 1_000_000 });
        work.on(&Event::Delivered { folder: &folder, count: 1 });
        let shown = bar().unwrap();
        assert_eq!((shown.prefix().as_str(), shown.position(), shown.length()), ("work: INBOX", 1_000_000, Some(2_000_000)));
        assert_eq!(bars.total.message(), "0 of 2 folders, 1 message stored, 1 MB");
        work.on(&Event::BodyBytes { folder: &folder, bytes: 9_000_000 });
        assert_eq!(shown.length(), Some(10_000_000));
        work.on(&Event::FolderDone { folder: &folder });
        assert!(bar().is_none() && shown.is_finished());
        bars.end();
        assert!(bars.total.is_finished());
    }

    #[test]
    fn the_templates_are_well_formed() {
        for colour in ["", ".cyan"] {
            ProgressStyle::with_template(&bar_template(colour)).unwrap();
        }
        ProgressStyle::with_template(TOTAL).unwrap();
    }
}
