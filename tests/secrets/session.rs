//! The parent's side: a home, a bus and a keyring that belong to one test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::helper::{ACTION, CONFIG, MARK};

/// Longer than any child may take; only a hang gets here.
const HANG: Duration = Duration::from_secs(30);

/// Whether gnome-keyring can be tested here. In CI it must be.
pub fn keyring_installed() -> bool {
    installed(&["dbus-daemon", "gnome-keyring-daemon", "secret-tool"])
}

/// Whether there can be a bus here. In CI there must be.
pub fn bus_installed() -> bool {
    installed(&["dbus-daemon"])
}

fn installed(programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs.iter().copied().filter(|program| !on_path(program)).collect();
    if missing.is_empty() {
        return true;
    }
    let line =
        format!("SKIPPED: {} not installed; keyrings were NOT tested (packages dbus, gnome-keyring, libsecret-tools)", missing.join(", "));
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}");
    // Past the capture of the test harness: a skip that nobody sees looks like a success.
    let _ = writeln!(std::io::stderr(), "{line}");
    false
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// Ends with its test.
pub struct Running(Child);

impl Running {
    pub fn stop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a child said, and how long it lived.
pub struct Run {
    pub result: String,
    pub took: Duration,
}

/// A private environment.
pub struct Session {
    root: std::sync::Arc<tempfile::TempDir>,
    address: Option<String>,
    /// Only held, so that the bus lives as long as the session.
    bus: Option<Running>,
}

impl Session {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for dir in ["run", "home", "data", "config"] {
            let path = root.path().join(dir);
            std::fs::create_dir(&path).unwrap();
            private(&path, 0o700);
        }
        let session = Self { root: root.into(), address: None, bus: None };
        session.configure("");
        session
    }

    /// The same with a bus of its own.
    pub fn with_bus(mut self) -> Self {
        let mut daemon = self.command("dbus-daemon");
        daemon.args(["--session", "--nofork", "--nopidfile", "--print-address=1"]).stdout(Stdio::piped());
        let mut child = daemon.spawn().expect("dbus-daemon (package dbus)");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.address = Some(line.trim().to_owned());
        self.bus = Some(Running(child));
        self
    }

    /// The same home, with a bus at `address`, which need not exist.
    pub fn at(&self, address: Option<&str>) -> Self {
        Self { root: self.root.clone(), address: address.map(str::to_owned), bus: None }
    }

    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Account `a` with these lines.
    pub fn configure(&self, lines: &str) {
        self.secret_file("mailx.toml", &format!("[accounts.a]\nreceive = \"imaps://me@localhost\"\n{lines}\n"));
    }

    /// The same configuration where it is looked for when nobody names one.
    pub fn user_configuration(&self) {
        let dir = self.root.path().join("config/mailx");
        std::fs::create_dir(&dir).unwrap();
        std::fs::copy(self.home().join("mailx.toml"), dir.join("config.toml")).unwrap();
    }

    pub fn secret_file(&self, name: &str, text: &str) {
        let path = self.home().join(name);
        std::fs::write(&path, text).unwrap();
        private(&path, 0o600);
    }

    /// A command that knows this session and nothing of the machine's.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let dir = |name: &str| self.root.path().join(name);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", dir("home"))
            .env("XDG_RUNTIME_DIR", dir("run"))
            .env("XDG_DATA_HOME", dir("data"))
            .env("XDG_CONFIG_HOME", dir("config"))
            .env(CONFIG, dir("home").join("mailx.toml"))
            .current_dir(dir("home"))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        if let Some(address) = &self.address {
            command.env("DBUS_SESSION_BUS_ADDRESS", address);
        }
        command
    }

    /// gnome-keyring on the bus, unlocked by `password`, or locked.
    pub fn keyring(&self, password: Option<&str>) -> Running {
        let mut daemon = self.command("gnome-keyring-daemon");
        daemon.args(["--foreground", "--components=secrets"]).stdout(Stdio::null());
        if password.is_some() {
            daemon.arg("--unlock").stdin(Stdio::piped());
        }
        let mut child = daemon.spawn().unwrap();
        if let (Some(mut stdin), Some(password)) = (child.stdin.take(), password) {
            stdin.write_all(password.as_bytes()).unwrap();
        }
        self.until_owned();
        Running(child)
    }

    /// A provider that never answers.
    pub fn mute_provider(&self) -> Running {
        let mut child = self.child("mute");
        let child = Running(child.stdout(Stdio::null()).spawn().unwrap());
        self.until_owned();
        child
    }

    fn until_owned(&self) {
        let begun = Instant::now();
        let address = self.address.as_deref().expect("a bus");
        let bus = zbus::blocking::connection::Builder::address(address).unwrap().build().unwrap();
        let names = zbus::blocking::fdo::DBusProxy::new(&bus).unwrap();
        while !names.name_has_owner("org.freedesktop.secrets".try_into().unwrap()).unwrap() {
            assert!(begun.elapsed() < HANG, "nobody took the name of the Secret Service");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn child(&self, action: &str) -> Command {
        let mut command = self.command(std::env::current_exe().unwrap());
        command.args(["--exact", "helper", "--nocapture"]).env(ACTION, action);
        command
    }

    /// Runs one action to the end of its process.
    pub fn run(&self, action: &str) -> Run {
        self.run_with(action, &[])
    }

    /// The same with more variables.
    pub fn run_with(&self, action: &str, variables: &[(&str, &str)]) -> Run {
        let begun = Instant::now();
        let mut command = self.child(action);
        command.envs(variables.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let lines = std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).collect::<Vec<_>>());
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > HANG {
                Running(child).stop();
                panic!("{action}: the process does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = begun.elapsed();
        let lines = lines.join().unwrap();
        let result = lines.iter().find_map(|line| line.strip_prefix(MARK));
        let result = result.unwrap_or_else(|| panic!("{action}: {status}, no result in {lines:?}")).to_owned();
        Run { result, took }
    }
}

fn private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
