//! A private Dovecot by tests/servers/dovecot.sh, ended by a guard process however the test ends; sogo.rs puts SOGo in front of it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use super::skip;

/// Where servers live: a short path that the mail user can reach.
pub(super) const PLACE: &str = "/tmp";
const PREFIX: &str = "mailx-test-";

/// A running server.
pub struct Server {
    /// Its directory.
    pub dir: PathBuf,
    env: HashMap<String, String>,
    life: Life,
}

/// What a server lives by.
pub(super) enum Life {
    /// A process that ends it when its standard input does.
    Own(Child),
    /// A lock that all have who use it; a process of its own ends it when nobody has.
    Shared(#[allow(dead_code, reason = "the kernel takes it back")] fs::File),
}

/// The server of this test process, with everything that Dovecot can do; `None`, said loudly, where Dovecot is not installed.
pub fn dovecot() -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    let server = SHARED.get_or_init(|| Server::start(&[]));
    if server.is_none() {
        skip("Dovecot is not installed");
    }
    server.as_ref()
}

pub(super) fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers")
}

pub(super) fn installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').any(|dir| Path::new(dir).join(program).is_file())
}

/// Directories that a test left when its guard, too, was killed.
fn sweep() {
    let Ok(entries) = fs::read_dir(PLACE) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()) else { continue };
        let old = entry
            .metadata()
            .and_then(|m| m.modified())
            .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > Duration::from_secs(3600)));
        if old && !Path::new("/proc").join(pid).exists() {
            let script = if entry.path().join("sogo").exists() { "sogo.sh" } else { "dovecot.sh" };
            let _ = Command::new(servers().join(script)).arg("stop").arg(entry.path()).stdin(Stdio::null()).status();
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Server {
    /// Starts a server with options of dovecot.sh; `None` where Dovecot is not installed.
    ///
    /// # Panics
    /// When Dovecot is there and does not start.
    pub fn start(options: &[(&str, &str)]) -> Option<Self> {
        if !installed("dovecot") || !installed("python3") || !installed("openssl") {
            return None;
        }
        Some(Self::own("dovecot.sh", options))
    }

    /// Starts a server of this process alone by a script, with options of the script.
    ///
    /// # Panics
    /// When it does not start.
    pub(super) fn own(script: &str, options: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Relaxed);
        if number == 0 {
            sweep();
        }
        let dir = Path::new(PLACE).join(format!("{PREFIX}{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        // Its standard input ends when this process does, however that happens.
        let guard = Command::new("setsid")
            .args(["sh", "-c", "cat >/dev/null; \"$0\" stop \"$1\"; rm -rf \"$1\""])
            .arg(servers().join(script))
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self::of(script, dir, options, Life::Own(guard))
    }

    /// Has a script start a server in `dir`, if it does not run there.
    ///
    /// # Panics
    /// When it does not start.
    pub(super) fn of(script: &str, dir: PathBuf, options: &[(&str, &str)], life: Life) -> Self {
        let log = fs::File::create(dir.join("start.log")).unwrap();
        let started = Command::new(servers().join(script))
            .arg("start")
            .arg(&dir)
            .envs(options.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .status()
            .unwrap();
        let said = fs::read_to_string(dir.join("start.log")).unwrap_or_default();
        assert!(started.success(), "{script} does not start: {said}");
        let text = fs::read_to_string(dir.join("env")).unwrap();
        let env = text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Self { dir, env, life }
    }

    /// A value of its env file.
    pub fn get(&self, name: &str) -> &str {
        self.env.get(name).map_or_else(|| panic!("the server has no {name}"), String::as_str)
    }

    /// Whether its env file has a value.
    pub fn has(&self, name: &str) -> bool {
        self.env.contains_key(name)
    }

    /// A port.
    pub fn port(&self, name: &str) -> u16 {
        self.get(name).parse().unwrap()
    }

    /// Runs dovecot.sh on it.
    pub fn script(&self, command: &str, arguments: &[&str]) -> String {
        run(Command::new(servers().join("dovecot.sh")).arg(command).arg(&self.dir).args(arguments))
    }

    /// Runs doveadm on it.
    pub fn adm(&self, arguments: &[&str]) -> String {
        self.script("adm", arguments)
    }

    /// A user name of its own for a test, among those of all processes that use this server.
    pub fn user(&self, prefix: &str) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Relaxed);
        let user = match &self.life {
            Life::Own(_) => format!("{prefix}-{number}"),
            Life::Shared(_) => format!("{prefix}-{}-{number}", std::process::id()),
        };
        self.let_in(&user);
        user
    }

    /// The last lines of its logs: they are gone with it.
    pub fn log_tail(&self) -> String {
        let tail = |name: &str| {
            let text = fs::read_to_string(self.dir.join("log").join(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(8)..].join("\n")
        };
        format!("{}\n{}\n{}", tail("error.log"), tail("info.log"), tail("../sogo/sogod.log"))
    }

    /// Processes that serve `user` now.
    pub fn imap_processes(&self, user: &str) -> Vec<i32> {
        let who = self.adm(&["who", "-1", user]);
        who.lines().skip(1).filter_map(|line| line.split_whitespace().nth(2)?.parse().ok()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Life::Own(guard) = &mut self.life {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

/// Runs a helper to its end and returns what it printed.
///
/// # Panics
/// When it fails.
pub fn run(command: &mut Command) -> String {
    let out = command.stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?} ended with {}: {stdout}{stderr}", out.status);
    stdout.into_owned()
}
