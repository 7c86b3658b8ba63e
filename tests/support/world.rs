//! One account of one test: a user on the server, a Maildir, a configuration, and the binary run on them with a deadline.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::maildir::{self, Mail};
use super::server::Server;

/// A run may take so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a run left behind.
#[derive(Debug)]
pub struct Out {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Out {
    /// Checks the exit code.
    #[track_caller]
    pub fn exit(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The summary object.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self:#?}"))
    }

    /// The summary of the only account.
    #[track_caller]
    pub fn account(&self) -> Value {
        self.json()["accounts"][0].clone()
    }

    /// A folder of the only account.
    #[track_caller]
    pub fn folder(&self, name: &str) -> Value {
        let account = self.account();
        let folders = account["folders"].as_array().unwrap();
        folders.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("no folder {name}: {account:#}")).clone()
    }

    /// Sum of a counter over all folders of all accounts.
    #[track_caller]
    pub fn sum(&self, counter: &str) -> u64 {
        let json = self.json();
        let folders = json["accounts"].as_array().unwrap().iter().flat_map(|a| a["folders"].as_array().unwrap().clone());
        folders.map(|f| f[counter].as_u64().unwrap()).sum()
    }

    /// Whether standard error has `text`.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "`{text}` is not in: {}", self.stderr);
        self
    }
}

/// One account.
pub struct World {
    /// Its server.
    pub server: &'static Server,
    /// Its user.
    pub user: String,
    /// Its directory, removed at the end.
    pub tmp: TempDir,
    /// Its Maildir.
    pub root: PathBuf,
}

impl World {
    /// A user whose name begins with `prefix`, a Maildir that does not exist yet, and a configuration.
    pub fn new(server: &'static Server, prefix: &str) -> Self {
        let tmp = tempfile::Builder::new().prefix("mailx-w-").tempdir().unwrap();
        let root = tmp.path().join("mail");
        let world = Self { server, user: server.user(prefix), tmp, root };
        world.configure("");
        world
    }

    /// The configuration of an account.
    pub fn account(&self, name: &str, user: &str, root: &Path, more: &str) -> String {
        let (host, port, ca) = (self.server.get("HOST"), self.server.get("IMAPS_PORT"), self.server.get("CA"));
        let tls = if more.contains("tls =") { String::new() } else { format!("tls = {{ ca = \"{ca}\" }}\n") };
        let receive = if more.contains("receive =") { String::new() } else { format!("receive = \"imaps://{user}@{host}:{port}\"\n") };
        let root = root.display();
        format!("[accounts.{name}]\n{receive}maildir = \"{root}\"\npassword = {{ env = \"MAILX_TEST_PASSWORD\" }}\n{tls}{more}\n")
    }

    /// Writes the configuration: the one account, with more lines.
    pub fn configure(&self, more: &str) {
        self.write_config(&self.account("test", &self.user, &self.root, more));
    }

    /// Writes the configuration.
    pub fn write_config(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.tmp.path().join("config.toml")
    }

    /// The binary, with the configuration and nothing of the caller's.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailx"));
        for name in ["MAILX_PASSWORD", "NO_COLOR", "CLICOLOR_FORCE", "MAILX_TEST_CRASH_AT", "MAILX_TEST_DISABLE"] {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .env("MAILX_CONFIG", self.config())
            .env("HOME", self.tmp.path())
            .env("XDG_CONFIG_HOME", self.tmp.path().join("no-config"))
            .env("XDG_DATA_HOME", self.tmp.path().join("data"))
            .env("TERM", "dumb")
            .env("MAILX_TEST_PASSWORD", self.server.get("PASSWORD"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary.
    pub fn run(&self, arguments: &[&str]) -> Out {
        self.run_with(arguments, &[])
    }

    /// Runs the binary with more environment.
    pub fn run_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Out {
        let mut command = self.command(arguments);
        command.envs(env.iter().copied());
        Running::start(&mut command).end(DEADLINE)
    }

    /// `mailx fetch --json`, which must end with `code`.
    #[track_caller]
    pub fn fetch(&self, code: i32, more: &[&str]) -> Out {
        self.run(&[&["fetch", "--json"], more].concat()).exit(code)
    }

    /// Fetches with capabilities of the server masked.
    #[track_caller]
    pub fn fetch_without(&self, masked: &str, code: i32, more: &[&str]) -> Out {
        self.run_with(&[&["fetch", "--json"], more].concat(), &[("MAILX_TEST_DISABLE", masked)]).exit(code)
    }

    /// `mailx sync --json`, which must end with `code`.
    #[track_caller]
    pub fn sync(&self, code: i32, more: &[&str]) -> Out {
        self.run(&[&["sync", "--json"], more].concat()).exit(code)
    }

    /// Syncs with capabilities of the server masked.
    #[track_caller]
    pub fn sync_without(&self, masked: &str, code: i32, more: &[&str]) -> Out {
        self.run_with(&[&["sync", "--json"], more].concat(), &[("MAILX_TEST_DISABLE", masked)]).exit(code)
    }

    /// Starts the binary and leaves it running.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// The Maildir's messages.
    pub fn mail(&self) -> Vec<Mail> {
        maildir::read(&self.root)
    }

    /// Checks that the Maildir holds each of the server's messages exactly as often as the server, folder by folder (layout fs, names
    /// that need no escape).
    #[track_caller]
    pub fn assert_same_as_server(&self) {
        let mut there: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (mailbox, letters) in self.server.list(&self.user) {
            for letter in letters {
                *there.entry((mailbox.clone(), letter.identity)).or_default() += 1;
            }
        }
        let mut here: BTreeMap<(String, String), usize> = BTreeMap::new();
        for mail in self.mail() {
            *here.entry((mail.dir, mail.identity)).or_default() += 1;
        }
        let missing: Vec<_> = there.iter().filter(|(k, n)| here.get(k) != Some(n)).collect();
        let surplus: Vec<_> = here.iter().filter(|(k, n)| there.get(k) != Some(n)).collect();
        assert!(missing.is_empty() && surplus.is_empty(), "there and not so here: {missing:?}; here and not so there: {surplus:?}");
    }
}

/// A run that goes on; it is killed when dropped.
pub struct Running {
    /// The process.
    pub child: Child,
    streams: TempDir,
}

impl Running {
    /// Starts `command` with files for its streams: nothing can block on a pipe.
    pub fn start(command: &mut Command) -> Self {
        let streams = tempfile::tempdir().unwrap();
        let file = |name: &str| fs::File::create(streams.path().join(name)).unwrap();
        let child = command.stdout(file("out")).stderr(file("err")).spawn().unwrap();
        Self { child, streams }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it takes longer than `deadline`.
    #[track_caller]
    pub fn end(mut self, deadline: Duration) -> Out {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("no end after {deadline:?}: {}", self.read("err"));
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        Out { code: status.code(), signal: status.signal(), stdout: self.read("out"), stderr: self.read("err") }
    }

    /// Kills it as kill -9 does.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has said so far.
    pub fn says(&self) -> String {
        self.read("err")
    }

    /// What it has given so far.
    pub fn gives(&self) -> String {
        self.read("out")
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let _ = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.streams.path().join(name)).unwrap_or_default()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
