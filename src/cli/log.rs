//! Logs for bug reports: `-vv` and more. Only ours, on standard error, safe for a terminal.

use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::ui::Ui;
use super::ui::sanitize::display;

/// Starts logging as far as `-v` asks for it.
pub fn start(ui: &Arc<Ui>) {
    let level = match ui.verbose {
        0 | 1 => return,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Ours alone: what libraries log of a login is not ours to vouch for.
    let ours = tracing_subscriber::filter::filter_fn(|meta| meta.target().starts_with("mailx"));
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Lines(ui.clone()));
    let _ = tracing_subscriber::registry().with(lines.with_filter(ours).with_filter(level)).try_init();
}

struct Lines(Arc<Ui>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone())
    }
}

struct Line(Arc<Ui>);

impl Write for Line {
    /// The subscriber hands over whole lines.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.err(&display(String::from_utf8_lossy(text).trim_end()));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
