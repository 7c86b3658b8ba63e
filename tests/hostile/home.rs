//! An account of a test: configuration, Maildir, runs of the real binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::model::World;
use super::peer::{Peer, Security};
use super::support::watching::Watch;
use super::support::world::Running;

pub const SECRET: &str = "hunter2-geheim";

pub struct Home {
    pub dir: tempfile::TempDir,
    pub root: PathBuf,
    config: PathBuf,
}

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub took: Duration,
    /// Peak resident KiB.
    pub peak: u64,
}

impl Run {
    /// Asserts the exit code and words of standard error.
    #[track_caller]
    pub fn is(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "\"{word}\" is not in {self:#?}");
        }
        let foreign = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!self.err.contains(foreign) && !self.out.contains(foreign), "an escape reached the terminal: {self:?}");
        assert!(!self.err.contains("panicked") && !self.err.contains(SECRET), "{self:#?}");
        self
    }
}

impl Home {
    pub fn new(peer: &Peer) -> Self {
        Self::with(peer, "", "127.0.0.1")
    }

    /// With more lines of the account's table, and the peer under another name.
    pub fn with(peer: &Peer, lines: &str, host: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (root, config, ca) = (dir.path().join("mail"), dir.path().join("config.toml"), dir.path().join("ca.pem"));
        std::fs::write(&ca, &peer.ca).unwrap();
        let scheme = if peer.security == Security::Tls { "imaps" } else { "imap" };
        let tls = match peer.security {
            Security::Clear => "tls = { mode = \"none\" }".to_owned(),
            _ if lines.contains("tls =") => String::new(),
            _ => format!("tls = {{ ca = \"{}\", roots = \"webpki\" }}", ca.display()),
        };
        let text = format!(
            "[accounts.a]\nreceive = \"{scheme}://me@{host}:{}\"\nmaildir = \"{}\"\npassword = {{ env = \"SCRIPTED_SECRET\" }}\n{tls}\n{lines}\n",
            peer.address.port(),
            root.display()
        );
        std::fs::write(&config, text).unwrap();
        std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self { dir, root, config }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailx"));
        for name in ["MAILX_CONFIG", "MAILX_PASSWORD", "NO_COLOR", "CLICOLOR_FORCE", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.env("HOME", self.dir.path()).env("TERM", "dumb").env("SCRIPTED_SECRET", SECRET);
        command.arg("--config").arg(&self.config).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs mailx. Reads the peak memory until the process is gone.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Run {
        let begun = Instant::now();
        let mut child = self.command(words).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let read = |from: &mut dyn std::io::Read| {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (mut peak, mut code) = (0, None);
        let (out, err) = std::thread::scope(|scope| {
            let (out, err) = (scope.spawn(move || read(&mut out)), scope.spawn(move || read(&mut err)));
            while code.is_none() {
                peak = peak.max(high_water(&status).unwrap_or(0));
                assert!(begun.elapsed() < Duration::from_mins(1), "mailx hangs");
                std::thread::sleep(Duration::from_millis(5));
                code = child.try_wait().unwrap();
            }
            (out.join().unwrap(), err.join().unwrap())
        });
        Run { code: code.unwrap().code().unwrap_or(-1), out, err, took: begun.elapsed(), peak }
    }

    /// Runs mailx, presses Ctrl-C once `ready`; its exit code, and how long it took from there.
    #[track_caller]
    pub fn interrupted(&self, words: &[&str], ready: impl Fn() -> bool) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        let mut child = self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !ready() {
            assert!(begun.elapsed() < Duration::from_secs(20) && child.try_wait().unwrap().is_none(), "it never came so far: {words:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let begun = Instant::now();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
        (child.wait().unwrap().code(), begun.elapsed())
    }

    /// Starts `mailx watch`, and leaves it running.
    pub fn watch(&self, more: &[&str]) -> Watch {
        Watch { running: Running::start(&mut self.command(&[&Watch::WORDS, more].concat())) }
    }

    /// Runs mailx by the shell, with redirections.
    pub fn shell(&self, words: &str, redirect: &str) -> std::process::Output {
        let script = format!("\"$MAILX\" --config \"$CONFIG\" {words} {redirect}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("MAILX", env!("CARGO_BIN_EXE_mailx")).env("CONFIG", &self.config);
        command.env("HOME", self.dir.path()).env("TERM", "dumb").env("SCRIPTED_SECRET", SECRET).output().unwrap()
    }

    #[track_caller]
    pub fn fetch(&self) -> Run {
        self.run(&["fetch", "--timeout", "1"])
    }

    /// The files of every Maildir folder, sorted by content; and asserts that nothing half is anywhere.
    #[track_caller]
    pub fn mail(&self) -> BTreeMap<String, Vec<Vec<u8>>> {
        let mut found = BTreeMap::new();
        collect(&self.root, &self.root, &mut found);
        for files in found.values_mut() {
            files.sort();
        }
        found
    }

    /// All files of all folders.
    #[track_caller]
    pub fn files(&self) -> Vec<Vec<u8>> {
        self.mail().into_values().flatten().collect()
    }

    /// Asserts that exactly the messages of `world` are here, in whatever folder, each as often as there.
    #[track_caller]
    pub fn has_all_of(&self, world: &World) {
        let mut there: Vec<Vec<u8>> = world.folders.iter().flat_map(|f| &f.messages).map(|m| stored(&m.body)).collect();
        let mut here = self.files();
        here.sort();
        there.sort();
        let text = |all: &[Vec<u8>]| all.iter().map(|b| String::from_utf8_lossy(&b[..b.len().min(120)]).into_owned()).collect::<Vec<_>>();
        assert_eq!(text(&here), text(&there));
        assert!(here == there, "same beginnings, other octets");
    }

    /// One undisturbed run on the honest peer brings everything, and another one has nothing to do.
    #[track_caller]
    pub fn converges(&self, peer: &Peer) {
        peer.honest();
        self.fetch().is(0, &[]);
        self.has_all_of(&peer.world());
        peer.forget();
        self.fetch().is(0, &[]);
        assert_eq!(peer.calls().iter().filter(|c| c.wants_bodies()).count(), 0, "the run after it still asks for bodies");
        self.has_all_of(&peer.world());
    }
}

/// Runs `test` for each case at the same time: most of it is waiting.
pub fn each<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        let running: Vec<_> = cases.into_iter().map(|case| scope.spawn(move || test(case))).collect();
        let failed = running.into_iter().find_map(|thread| thread.join().err());
        if let Some(panic) = failed {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A message as the Maildir keeps it: LF where that is reversible.
pub fn stored(body: &[u8]) -> Vec<u8> {
    let text = body.windows(2).filter(|w| *w == b"\r\n").count();
    let (cr, lf) = (memchr::memchr_iter(b'\r', body).count(), memchr::memchr_iter(b'\n', body).count());
    if text == cr && text == lf { body.iter().copied().filter(|b| *b != b'\r').collect() } else { body.to_vec() }
}

fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    text.lines().find_map(|l| l.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

fn collect(root: &Path, dir: &Path, found: &mut BTreeMap<String, Vec<Vec<u8>>>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.map(Result::unwrap) {
        let (name, path) = (entry.file_name().into_string().unwrap(), entry.path());
        if !entry.file_type().unwrap().is_dir() || name.starts_with(".mailx") {
            continue;
        }
        match name.as_str() {
            "tmp" => assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "something half is left in {}", path.display()),
            "new" | "cur" => {
                let folder = dir.strip_prefix(root).unwrap().display().to_string();
                let files = std::fs::read_dir(&path).unwrap().map(|f| std::fs::read(f.unwrap().path()).unwrap());
                found.entry(folder).or_default().extend(files);
            }
            _ => collect(root, &path, found),
        }
    }
}
