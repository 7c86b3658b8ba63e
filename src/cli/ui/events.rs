//! `--events`: one JSON line for each event, as it happens.
//!
//! A thread writes, because an observer must not block and a reader may be slow. What a reader has not taken yet waits in memory; when
//! a lot waits, octet counts are added up instead of queued, so that it cannot grow with the size of the mail.

use std::collections::BTreeMap;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::json::line;
use super::write_out;
use crate::model::event::Step;
use crate::model::{Error, Event, Observer, Result};

/// Lines that wait before octet counts are added up.
const BACKLOG: usize = 1000;

/// The writer of event lines.
pub struct Events {
    queue: Sender<String>,
    shared: Arc<Waiting>,
    writer: JoinHandle<()>,
}

#[derive(Default)]
struct Waiting {
    lines: AtomicUsize,
    octets: Mutex<BTreeMap<(String, String), u64>>,
    /// The first line that could not be written, and why; those behind it are not tried.
    failed: Mutex<Option<Box<Error>>>,
}

/// The events of one account.
pub struct AccountEvents {
    account: String,
    queue: Sender<String>,
    shared: Arc<Waiting>,
}

impl Events {
    /// Starts the writer.
    pub fn start() -> Self {
        Self::start_with(write_out)
    }

    fn start_with(mut write: impl FnMut(&str) -> Result<()> + Send + 'static) -> Self {
        let (queue, lines) = channel::<String>();
        let shared = Arc::new(Waiting::default());
        let waiting = shared.clone();
        let writer = std::thread::spawn(move || {
            for line in lines {
                let mut failed = waiting.failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.is_none() {
                    *failed = write(&line).err();
                }
                drop(failed);
                waiting.lines.fetch_sub(1, Release);
            }
        });
        Self { queue, shared, writer }
    }

    /// The observer of `account`.
    pub fn of(&self, account: &str) -> AccountEvents {
        AccountEvents { account: account.to_owned(), queue: self.queue.clone(), shared: self.shared.clone() }
    }

    /// Writes a line of its own.
    pub fn say(&self, line: String) {
        self.shared.lines.fetch_add(1, Relaxed);
        let _ = self.queue.send(line);
    }

    /// Writes `summary` last (it may be empty) and waits until everything is written. Observers that are left must not speak any more.
    pub fn end(self, summary: String) -> Result<()> {
        self.shared.lines.fetch_add(1, Relaxed);
        let _ = self.queue.send(summary);
        let Self { queue, shared, writer } = self;
        drop(queue);
        // Not a join at once: a task that outlived the run may still hold an observer, and with it the queue open.
        while shared.lines.load(Acquire) > 0 && !writer.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        shared.failed.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}

impl Observer for AccountEvents {
    fn on(&self, event: &Event<'_>) {
        let mut fields = fields(event);
        if let Event::BodyBytes { folder, bytes } = event {
            let mut octets = self.shared.octets.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (self.account.clone(), folder.to_string());
            if self.shared.lines.load(Relaxed) > BACKLOG {
                *octets.entry(key).or_default() += bytes;
                return;
            }
            fields["bytes"] = json!(bytes + octets.remove(&key).unwrap_or_default());
        }
        let mut object = json!({ "account": self.account });
        if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
            object.extend(fields);
        }
        if let Ok(text) = line(&object) {
            self.shared.lines.fetch_add(1, Relaxed);
            if self.queue.send(text).is_err() {
                self.shared.lines.fetch_sub(1, Relaxed);
            }
        }
    }
}

/// The word of a step.
pub fn step_word(step: Step) -> &'static str {
    match step {
        Step::Secret => "secret",
        Step::Lookup => "lookup",
        Step::Connect => "connect",
        Step::Tls => "tls",
        Step::Greeting => "greeting",
        Step::Capabilities => "capabilities",
        Step::Login => "login",
        Step::Folders => "folders",
        Step::Submission => "submission",
    }
}

/// The fields of an event; `event` is its stable word.
fn fields(event: &Event<'_>) -> Value {
    match event {
        Event::Reached { step, detail } => json!({"event": "reached", "step": step_word(*step), "detail": detail}),
        Event::Alert(text) => json!({"event": "alert", "text": text}),
        Event::FoldersFound(count) => json!({"event": "folders-found", "count": count}),
        Event::Listing { listed, of } => json!({"event": "listing", "listed": listed, "of": of}),
        Event::FolderPlanned { folder, downloads, bytes } => {
            json!({"event": "folder-planned", "folder": folder.to_string(), "downloads": downloads, "bytes": bytes})
        }
        Event::BodyBytes { folder, bytes } => json!({"event": "body-bytes", "folder": folder.to_string(), "bytes": bytes}),
        Event::Delivered { folder, count } => json!({"event": "delivered", "folder": folder.to_string(), "count": count}),
        Event::Skipped { folder, id, why } => {
            json!({"event": "skipped", "folder": folder.to_string(), "id": id.to_string(), "why": why})
        }
        Event::Rematched { folder, matched, new, local_only, adopted } => json!({
            "event": "rematched", "folder": folder.to_string(), "matched": matched, "new": new, "local_only": local_only,
            "adopted": adopted,
        }),
        Event::Released { folder, count } => json!({"event": "released", "folder": folder.to_string(), "count": count}),
        Event::FolderDone { folder } => json!({"event": "folder-done", "folder": folder.to_string()}),
        Event::Retried { class, why } => json!({"event": "retried", "class": class.word(), "why": why}),
        Event::Compressed(rate) => json!({"event": "compressed", "bytes_per_second": rate}),
        Event::Gap { folder, word } => json!({"event": "gap", "folder": folder.to_string(), "gap": word}),
        Event::Note(text) => json!({"event": "note", "text": text}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FolderPath;

    #[test]
    fn lines_come_in_order_and_the_summary_last() {
        let written = Arc::new(Mutex::new(String::new()));
        let sink = written.clone();
        let events = Events::start_with(move |line| {
            sink.lock().unwrap().push_str(line);
            Ok(())
        });
        let folder = FolderPath::inbox();
        let work = events.of("work");
        work.on(&Event::FolderPlanned { folder: &folder, downloads: 2, bytes: 300 });
        work.on(&Event::Alert("a\nb"));
        events.end("{}\n".into()).unwrap();
        assert_eq!(
            *written.lock().unwrap(),
            "{\"account\":\"work\",\"bytes\":300,\"downloads\":2,\"event\":\"folder-planned\",\"folder\":\"INBOX\"}\n\
             {\"account\":\"work\",\"event\":\"alert\",\"text\":\"a\\nb\"}\n{}\n"
        );
    }

    #[test]
    fn a_line_that_cannot_be_written_fails_the_run_and_no_other_is_tried() {
        let tried = Arc::new(AtomicUsize::new(0));
        let count = tried.clone();
        let events = Events::start_with(move |_| {
            count.fetch_add(1, Relaxed);
            Err(Error::local("write", &std::io::ErrorKind::StorageFull.into()))
        });
        let outlived = events.of("work");
        outlived.on(&Event::Alert("a"));
        assert_eq!(events.end("{}\n".into()).unwrap_err().class, crate::model::Class::DiskFull);
        assert_eq!(tried.load(Relaxed), 1);
    }

    #[test]
    fn a_slow_reader_makes_octets_add_up_instead_of_a_queue() {
        let (go, gate) = channel::<()>();
        let (lines, count) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, sum) = (lines.clone(), count.clone());
        let mut open = false;
        let events = Events::start_with(move |line| {
            open = open || gate.recv().is_ok();
            seen.fetch_add(1, Relaxed);
            let value: Value = serde_json::from_str(line).unwrap();
            sum.fetch_add(value["bytes"].as_u64().unwrap_or_default() as usize, Relaxed);
            Ok(())
        });
        let (folder, work) = (FolderPath::inbox(), events.of("work"));
        for _ in 0..10 * BACKLOG {
            work.on(&Event::BodyBytes { folder: &folder, bytes: 1 });
        }
        go.send(()).unwrap();
        while work.shared.lines.load(Relaxed) > 0 {
            std::thread::yield_now();
        }
        work.on(&Event::BodyBytes { folder: &folder, bytes: 1 });
        events.end("{}\n".into()).unwrap();
        assert_eq!(count.load(Relaxed), 10 * BACKLOG + 1);
        assert!(lines.load(Relaxed) < BACKLOG + 10);
    }
}
