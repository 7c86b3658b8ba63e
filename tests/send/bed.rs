//! An account that sends through Dovecot's submission server, and the sink behind it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::support::world::{Out, Running};
use crate::support::{Server, World, skip};

/// The submission server of this test process.
pub fn server() -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    let server = SHARED.get_or_init(|| Server::start(&[("SUBMISSION", "1")]));
    if server.is_none() {
        skip("Dovecot is not installed");
    }
    server.as_ref()
}

/// A message as the sink has it.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub to: Vec<String>,
    pub bytes: Vec<u8>,
}

impl Arrived {
    /// Without the Received field that the relay put before it.
    pub fn sent(&self) -> Vec<u8> {
        let text = &self.bytes;
        assert!(text.starts_with(b"Received:"), "{:?}", self.text());
        let mut at = 0;
        loop {
            at += memchr::memchr(b'\n', &text[at..]).unwrap() + 1;
            if !matches!(text.get(at), Some(b' ' | b'\t')) {
                return text[at..].to_vec();
            }
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A world whose account sends.
pub struct Sender {
    pub w: World,
    pub address: String,
}

impl Sender {
    pub fn new(prefix: &str) -> Option<Self> {
        let w = World::new(server()?, prefix);
        let address = format!("{}@example.org", w.user);
        let sender = Self { w, address };
        sender.configure(&sender.url("smtps"), "");
        Some(sender)
    }

    pub fn url(&self, scheme: &str) -> String {
        let port = self.w.server.get(if scheme == "smtps" { "SUBMISSIONS_PORT" } else { "SUBMISSION_PORT" });
        format!("{scheme}://{}@{}:{port}", self.w.user, self.w.server.get("HOST"))
    }

    /// The account, only sending, with more lines, and the aliases.
    pub fn configure(&self, send: &str, more: &str) {
        let (ca, root) = (self.w.server.get("CA"), self.w.root.display());
        let tls = if more.contains("tls =") { String::new() } else { format!("tls = {{ ca = \"{ca}\" }}\n") };
        let password = if more.contains("password =") { "" } else { "password = { env = \"MAILX_TEST_PASSWORD\" }\n" };
        let send = if send.starts_with('{') { send.to_owned() } else { format!("\"{send}\"") };
        let address = &self.address;
        self.w.write_config(&format!(
            "[accounts.test]\naddress = \"{address}\"\nsend = {send}\nmaildir = \"{root}\"\n{password}{tls}{more}\n\
             [aliases]\nops = \"ops@example.net\"\nteam = \"ops, dev@example.net\"\n"
        ));
    }

    /// Runs the binary with `input` on its standard input.
    pub fn run(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Out {
        self.run_as(self.w.command(arguments), input, &[])
    }

    pub fn run_with(&self, arguments: &[&str], input: impl AsRef<[u8]>, env: &[(&str, &str)]) -> Out {
        self.run_as(self.w.command(arguments), input, env)
    }

    pub fn run_as(&self, mut command: Command, input: impl AsRef<[u8]>, env: &[(&str, &str)]) -> Out {
        let path = self.w.tmp.path().join(format!("input-{:?}", std::thread::current().id()));
        fs::write(&path, input).unwrap();
        command.stdin(fs::File::open(&path).unwrap()).envs(env.iter().copied());
        Running::start(&mut command).end(Duration::from_secs(120))
    }

    /// The binary by another name.
    pub fn called(&self, name: &str, arguments: &[&str]) -> Command {
        let link = self.w.tmp.path().join(name);
        let _ = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mailx"), &link);
        let ours = self.w.command(arguments);
        let mut command = Command::new(link);
        command.args(arguments);
        for (name, value) in ours.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// What arrived from this account.
    pub fn arrived(&self) -> Vec<Arrived> {
        let mut all = Vec::new();
        let mut names: Vec<PathBuf> = fs::read_dir(self.w.server.get("OUTGOING")).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort_by_key(|path| path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse::<u64>().ok()));
        for path in names.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
            let envelope: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            if envelope["from"] == self.address.as_str() {
                let to = envelope["to"].as_array().unwrap().iter().map(|to| to.as_str().unwrap().to_owned()).collect();
                all.push(Arrived { to, bytes: fs::read(path.with_extension("eml")).unwrap() });
            }
        }
        all
    }

    pub fn outbox(&self) -> PathBuf {
        self.w.root.join(".mailx/outbox")
    }

    /// States of the messages in the outbox, sorted.
    pub fn states(&self) -> Vec<String> {
        let out = self.run(&["outbox", "list", "--json"], "").exit(0);
        let mut states: Vec<String> = out.json()["accounts"][0]["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["state"].as_str().unwrap().to_owned())
            .collect();
        states.sort();
        states
    }

    /// Files in the outbox.
    pub fn files(&self) -> Vec<String> {
        let Ok(dir) = fs::read_dir(self.outbox()) else { return Vec::new() };
        let mut names: Vec<String> = dir.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Makes everything in the outbox due now.
    pub fn make_due(&self) {
        for name in self.files().iter().filter(|name| name.ends_with(".queued")) {
            let path = self.outbox().join(name);
            let text = fs::read_to_string(&path).unwrap();
            let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("next = ")).collect();
            fs::write(&path, kept.join("\n") + "\n").unwrap();
        }
    }
}

/// A small message.
pub fn message(subject: &str, to: &str) -> String {
    format!("From: whoever\nTo: {to}\nSubject: {subject}\n\n{subject}\n")
}
