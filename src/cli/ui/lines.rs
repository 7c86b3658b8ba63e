//! Events as lines on standard error, and the summary of a run as lines of text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::events::step_word;
use super::sanitize::display;
use super::{Ui, words};
use crate::cli::explain::About;
use crate::model::caps::gap_text;
use crate::model::report::{AccountReport, FolderReport, PlannedAction};
use crate::model::{Event, FolderPath, Observer};

/// Different alerts shown per account at most; a server that invents more has lost its right to be heard.
const MAX_ALERTS: usize = 20;

/// Failed messages that a run names per folder at most; all of them are in the JSON.
pub const MOST_FAILED: usize = 20;

/// Speaks of one account's events.
pub struct Lines {
    ui: Arc<Ui>,
    account: String,
    /// `--progress always` where no bars can be drawn.
    progress: bool,
    alerts: Mutex<BTreeSet<String>>,
}

impl Lines {
    /// Lines about `account`.
    pub fn new(ui: Arc<Ui>, account: &str, progress: bool) -> Self {
        Self { ui, account: display(account), progress, alerts: Mutex::default() }
    }

    fn say(&self, text: &str) {
        self.ui.err(&format!("{}: {text}", self.account));
    }

    fn first_time(&self, alert: &str) -> bool {
        let mut alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner);
        alerts.len() < MAX_ALERTS && alerts.insert(display(alert))
    }
}

impl Observer for Lines {
    fn on(&self, event: &Event<'_>) {
        let loud = match event {
            // RFC 9051 §7.1: an alert MUST be presented. A renumbered folder is the server's trouble: cron mails may tell it.
            Event::Alert(text) => !self.ui.quiet && self.first_time(text),
            // So may a note: a damaged state and a clock that jumped are trouble that ends well.
            // And what a server cannot do, which is told once.
            Event::Rematched { adopted: false, .. } | Event::Note(_) | Event::Gap { .. } => !self.ui.quiet,
            Event::Rematched { .. } => self.ui.chatty(),
            Event::BodyBytes { .. } | Event::FoldersFound(_) | Event::FolderPlanned { downloads: 0, .. } => false,
            Event::Listing { .. } | Event::FolderPlanned { .. } | Event::FolderDone { .. } => self.progress || self.ui.verbose > 0,
            _ => self.ui.verbose > 0,
        };
        if loud {
            self.say(&sentence(event));
        }
    }

    fn watches(&self) -> bool {
        self.progress
    }
}

/// An event in words, safe for a terminal.
pub fn sentence(event: &Event<'_>) -> String {
    let name = |folder: &FolderPath| display(&folder.to_string());
    match event {
        Event::Reached { step, detail } => format!("{}: {}", step_word(*step), display(detail)),
        Event::Alert(text) => format!("the server says: {}", display(text)),
        Event::FoldersFound(count) => words::of(*count as u64, "folder"),
        Event::Listing { listed, of } => words::listing(*listed, *of),
        Event::FolderPlanned { folder, downloads, bytes } => {
            format!("{}: {} to read, {}", name(folder), words::of(*downloads, "message"), words::bytes(*bytes))
        }
        Event::BodyBytes { folder, bytes } => format!("{}: {}", name(folder), words::bytes(*bytes)),
        Event::Delivered { folder, count } => format!("{}: {} stored", name(folder), words::of(*count, "message")),
        Event::Skipped { folder, id, why } => format!("{}: message {} left out: {}", name(folder), display(&id.to_string()), display(why)),
        Event::Rematched { folder, matched, new, local_only, adopted } => {
            let (folder, new) = (name(folder), words::count(*new));
            let mut text = if *adopted {
                format!("{folder}: {} adopted, {new} new", words::of(*matched, "message"))
            } else {
                format!("{folder} renumbered: {} matched, {new} new", words::count(*matched))
            };
            if *local_only > 0 {
                let _ = write!(text, ", {} only here", words::count(*local_only));
            }
            text
        }
        Event::Released { folder, count } => format!("{}: {} removed from the server", name(folder), words::of(*count, "message")),
        Event::FolderDone { folder } => format!("{}: done", name(folder)),
        Event::Retried { class, why } => format!("trying again after {}: {}", class.word(), display(why)),
        Event::Compressed(rate) => format!("slow line ({}/s): compression is on", words::bytes(*rate)),
        Event::Gap { folder, word } => format!("{}: {} ({word})", name(folder), gap_text(word)),
        Event::Note(text) => display(text),
    }
}

/// The summary line of an account's run, its newline included.
pub fn summary(ui: &Ui, report: &AccountReport) -> String {
    let sum = |field: fn(&FolderReport) -> u64| report.folders.iter().map(field).sum::<u64>();
    let mut parts = vec![words::of(sum(|f| f.downloaded), "new message")];
    for (n, word) in [
        (sum(|f| f.linked), "found here already"),
        (sum(|f| f.uploaded), "uploaded"),
        (sum(|f| f.flags_pulled + f.flags_pushed), "with new flags"),
        (sum(|f| f.moved), "moved"),
        (sum(|f| f.deleted_here), "deleted here"),
        (sum(|f| f.deleted_there), "removed from the server"),
        (sum(|f| f.local_only), "only here"),
        (sum(|f| f.failed.len() as u64), "failed"),
    ] {
        if n > 0 {
            parts.push(format!("{} {word}", words::count(n)));
        }
    }
    parts.push(format!("{} received in {}", words::bytes(report.bytes_in), words::time(report.duration)));
    let mark = if report.ok() { ui.paint.green("✓") } else { ui.paint.red("✗") };
    format!("{mark} {}: {}\n", ui.paint.bold(&display(&report.name)), parts.join(", "))
}

/// Speaks of everything that failed in an account's run; of so many messages of a folder at most.
pub fn failures(ui: &Ui, report: &AccountReport, most: usize) {
    for folder in &report.folders {
        let about = About { account: Some(&report.name), folder: Some(&folder.folder) };
        for (id, why) in folder.failed.iter().take(most) {
            ui.err(&format!("mailx: {}message {}: {}", about.prefix(), display(&id.to_string()), display(why)));
        }
        if folder.failed.len() > most {
            let rest = (folder.failed.len() - most) as u64;
            ui.err(&format!("mailx: {}and {} that failed (--json names all)", about.prefix(), words::of(rest, "more message")));
        }
        if let Some(error) = &folder.error {
            ui.fail(about, error);
        }
    }
    if let Some(error) = &report.error {
        ui.fail(About::account(&report.name), error);
    }
}

/// A plan as text: a line for each folder and action, with the messages below when `ids`.
pub fn plan(prefix: &str, plan: &[PlannedAction], ids: bool) -> String {
    let mut groups: Vec<(&FolderPath, &str, Vec<&PlannedAction>)> = Vec::new();
    for planned in plan {
        // Plans come folder by folder: looking at the last few groups would do, and few groups there are.
        match groups.iter_mut().rev().find(|group| group.0 == &planned.folder && group.1 == planned.action) {
            Some(group) => group.2.push(planned),
            None => groups.push((&planned.folder, planned.action, vec![planned])),
        }
    }
    if groups.is_empty() {
        return format!("{prefix}nothing to do\n");
    }
    let mut text = String::new();
    for (folder, action, planned) in groups {
        let _ = writeln!(text, "{prefix}{}: {}", display(&folder.to_string()), deed(action, &planned));
        for planned in planned.iter().filter(|_| ids) {
            let id = planned.id.as_ref().map(|id| display(&id.0));
            let size = planned.bytes.map(|bytes| format!(" ({})", words::bytes(bytes)));
            if let Some(id) = id {
                let _ = writeln!(text, "  {id}{}", size.unwrap_or_default());
            }
        }
    }
    text
}

/// `download 3 messages, 12.3 kB`.
fn deed(action: &str, planned: &[&PlannedAction]) -> String {
    let known: Vec<u64> = planned.iter().filter_map(|planned| planned.bytes).collect();
    let size = (!known.is_empty()).then(|| format!(", {}", words::bytes(known.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes)))));
    let place = ["-there", "-here"].into_iter().find_map(|place| Some((action.strip_suffix(place)?, place.replace('-', " "))));
    let (verb, place) = place.unwrap_or((action, String::new()));
    let verb = verb.replace('-', " ");
    // An action without an id is about the folder itself.
    let messages = planned.iter().filter(|planned| planned.id.is_some()).count() as u64;
    let what = if messages > 0 { format!(" {}", words::of(messages, "message")) } else { String::new() };
    format!("{verb}{what}{place}{}", size.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RemoteId;

    #[test]
    fn renumbering_and_adoption_are_told_in_one_line() {
        let folder = FolderPath::inbox();
        let event = |adopted, local_only| Event::Rematched { folder: &folder, matched: 20_165, new: 3, local_only, adopted };
        assert_eq!(sentence(&event(false, 0)), "INBOX renumbered: 20,165 matched, 3 new");
        assert_eq!(sentence(&event(true, 0)), "INBOX: 20,165 messages adopted, 3 new");
        assert_eq!(sentence(&event(true, 7)), "INBOX: 20,165 messages adopted, 3 new, 7 only here");
        assert_eq!(sentence(&Event::Alert("\x1b]0;x\x07")), "the server says: \\x1b]0;x\\x07");
    }

    #[test]
    fn a_plan_is_one_line_for_each_folder_and_action() {
        let act = |action, folder: &str, id: Option<&str>, bytes| PlannedAction {
            action,
            folder: FolderPath::new([folder.to_owned()]).unwrap(),
            id: id.map(|id| RemoteId(id.into())),
            bytes,
        };
        let actions = [
            act("create-folder", "Sent", None, None),
            act("download", "INBOX", Some("1"), Some(12_000)),
            act("download", "INBOX", Some("2"), Some(345)),
            act("delete-there", "INBOX", Some("9"), None),
        ];
        assert_eq!(plan("", &actions, false), "Sent: create folder\nINBOX: download 2 messages, 12.3 kB\nINBOX: delete 1 message there\n");
        assert_eq!(plan("w: ", &actions[1..2], true), "w: INBOX: download 1 message, 12 kB\n  1 (12 kB)\n");
        assert_eq!(plan("w: ", &[], true), "w: nothing to do\n");
    }
}
