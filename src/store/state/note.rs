//! The note beside the database of how a run ended, replaced as a whole and never synced: a run with nothing to do would else wait for the disk
//! several times. Without it, or with an older one, nothing is known to have ended well since.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::LastRun;

impl LastRun {
    /// Reads a note; what makes no sense is nothing.
    pub(super) fn read(path: &Path) -> Self {
        let mut run = Self::default();
        for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
            match line.split_once(' ') {
                Some(("ended", time)) => run.ended = time.parse().ok(),
                Some(("success", time)) => run.success = time.parse().ok(),
                Some(("failure", word)) => run.failure = Some(word.to_owned()),
                _ => {}
            }
        }
        run
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let line = |name, value: Option<String>| value.map_or_else(String::new, |value| format!("{name} {value}\n"));
        let time = |time: Option<i64>| time.map(|time| time.to_string());
        let text = line("ended", time(self.ended)) + &line("success", time(self.success)) + &line("failure", self.failure.clone());
        file.write_all(text.as_bytes())?;
        std::fs::rename(&new, path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_note_is_read_back_and_what_is_none_tells_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let note = dir.path().join("last-run");
        assert_eq!(LastRun::read(&note), LastRun::default());
        for run in [
            LastRun { success: Some(5), ended: Some(7), failure: Some("auth".into()) },
            LastRun { success: None, ended: Some(-7), failure: None },
            LastRun::default(),
        ] {
            run.write(&note).unwrap();
            assert_eq!(LastRun::read(&note), run);
        }
        for torn in ["", "\0\0\0\0", "ended", "ended 12x\nsuccess\n", "\u{fffd}"] {
            std::fs::write(&note, torn).unwrap();
            assert_eq!(LastRun::read(&note), LastRun::default(), "{torn:?}");
        }
        std::fs::write(&note, b"ended 5\n\xff").unwrap();
        assert_eq!(LastRun::read(&note), LastRun::default());
    }
}
