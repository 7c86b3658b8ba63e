//! OpenMetrics text for monitoring, written so that a collector never sees half a file.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::model::{Error, Result};

/// A set of figures, in the order of their first mention.
#[derive(Debug, Default)]
pub struct Metrics {
    families: Vec<(&'static str, &'static str, String)>,
}

impl Metrics {
    /// Adds a sample of the gauge `name`. `help` explains it; samples of one name need not come in a row.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escape(text))).collect();
        // Rust prints the shortest text that reads back the same, and never an exponent.
        let sample = format!("{name}{{{}}} {value}\n", labels.join(","));
        match self.families.iter_mut().find(|family| family.0 == name) {
            Some((.., samples)) => samples.push_str(&sample),
            None => self.families.push((name, help, sample)),
        }
    }

    /// The text, `# EOF` included.
    pub fn text(&self) -> String {
        let family = |(name, help, samples): &(&str, &str, String)| {
            let unit = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
            let unit = unit.map(|unit| format!("# UNIT {name} {unit}\n")).unwrap_or_default();
            format!("# TYPE {name} gauge\n{unit}# HELP {name} {help}\n{samples}")
        };
        self.families.iter().map(family).collect::<String>() + "# EOF\n"
    }

    /// Replaces `path` by the text, in one step.
    pub fn write(&self, path: &Path) -> Result<()> {
        let tried = || format!("write metrics to {}", path.display());
        let failed = |error: &std::io::Error| Error::local(tried(), error);
        // A pipe or a device cannot be replaced by a file.
        if path.metadata().is_ok_and(|meta| !meta.is_file()) {
            let mut file = OpenOptions::new().write(true).open(path).map_err(|e| failed(&e))?;
            return file.write_all(self.text().as_bytes()).map_err(|e| failed(&e));
        }
        let name = path.file_name().ok_or_else(|| Error::new(crate::model::Class::Usage, tried(), "the path names no file"))?;
        // Collectors read *.prom only: the temporary name must not end so.
        let beside = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
        let write = || -> std::io::Result<()> {
            // A leftover of a killed run may bear our process id (it is always 1 in a container).
            let _ = std::fs::remove_file(&beside);
            let mut file = File::create_new(&beside)?;
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, path)
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&beside);
            failed(&error)
        })
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let mut metrics = Metrics::default();
        metrics.gauge("mailx_run_duration_seconds", "Time.", &[("account", "a\"\\\nb")], 1.5);
        metrics.gauge("mailx_messages", "Count.", &[("account", "x")], 3.0);
        metrics.gauge("mailx_run_duration_seconds", "Time.", &[("account", "x")], 1_700_000_000.0);
        metrics
    }

    #[test]
    fn text_is_open_metrics() {
        assert_eq!(
            metrics().text(),
            "# TYPE mailx_run_duration_seconds gauge\n# UNIT mailx_run_duration_seconds seconds\n# HELP mailx_run_duration_seconds Time.\n\
             mailx_run_duration_seconds{account=\"a\\\"\\\\\\nb\"} 1.5\nmailx_run_duration_seconds{account=\"x\"} 1700000000\n\
             # TYPE mailx_messages gauge\n# HELP mailx_messages Count.\nmailx_messages{account=\"x\"} 3\n# EOF\n"
        );
    }

    #[test]
    fn the_file_is_replaced_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mailx.prom");
        std::fs::write(&path, "old").unwrap();
        metrics().write(&path).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("# EOF\n"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(metrics().write(&dir.path().join("no/such/dir")).is_err());
        metrics().write(Path::new("/dev/null")).unwrap();
    }
}
