//! An account on a scripted server, and the binary that is run on it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::mailbox::There;
use crate::peer::{Peer, SECRET};
use crate::support::maildir::{self, Mail};
use crate::support::world::{Out, Running};

/// An account on a peer.
pub struct Home {
    pub peer: Peer,
    pub root: PathBuf,
    tmp: tempfile::TempDir,
}

impl Home {
    pub fn new(messages: usize) -> Self {
        let tmp = tempfile::Builder::new().prefix("mailx-e-").tempdir().unwrap();
        let peer = Peer::start(There::new(messages), tmp.path());
        let home = Self { peer, root: tmp.path().join("mail"), tmp };
        home.configure("");
        home
    }

    /// A path beside the Maildir.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }

    /// The account, with more lines.
    pub fn configure(&self, more: &str) {
        let (port, root, ca) = (self.peer.port, self.root.display(), self.tmp.path().join("ca.pem"));
        let receive = format!("receive = \"eas://me@127.0.0.1:{port}\"\ntls = {{ ca = \"{}\" }}", ca.display());
        let password = if more.contains("password") { "" } else { "password = { env = \"SECRET\" }" };
        let text = format!("[accounts.test]\n{receive}\nmaildir = \"{root}\"\n{password}\n{more}\n");
        std::fs::write(self.tmp.path().join("config.toml"), text).unwrap();
    }

    /// Runs the binary; its end and what it says must be in order whatever the server does.
    pub fn run_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Out {
        self.run_as(self.command(arguments, env))
    }

    fn command(&self, arguments: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailx"));
        command
            .args(arguments)
            .env("MAILX_CONFIG", self.tmp.path().join("config.toml"))
            .env("HOME", self.tmp.path())
            .env("XDG_DATA_HOME", self.tmp.path().join("data"))
            .env("TERM", "dumb")
            .env("SECRET", SECRET)
            .envs(env.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// The same with something on its standard input.
    pub fn feed(&self, arguments: &[&str], input: &str, env: &[(&str, &str)]) -> Out {
        let path = self.tmp.path().join("input");
        std::fs::write(&path, input).unwrap();
        let mut command = self.command(arguments, env);
        command.stdin(std::fs::File::open(&path).unwrap());
        self.run_as(command)
    }

    fn run_as(&self, mut command: Command) -> Out {
        let out = Running::start(&mut command).end(Duration::from_secs(60));
        let foreign = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!out.stderr.contains(foreign) && !out.stdout.contains(foreign), "an escape reached the terminal: {out:?}");
        assert!(!out.stderr.contains("panicked") && !out.stderr.contains(SECRET), "{out:?}");
        out
    }

    pub fn run(&self, arguments: &[&str]) -> Out {
        self.run_with(arguments, &[])
    }

    #[track_caller]
    pub fn fetch(&self, code: i32) -> Out {
        self.run(&["fetch", "--json", "--timeout", "3"]).exit(code)
    }

    #[track_caller]
    pub fn sync(&self, code: i32) -> Out {
        self.run(&["sync", "--json", "--timeout", "3"]).exit(code)
    }

    pub fn mail(&self) -> Vec<Mail> {
        maildir::read(&self.root)
    }

    /// The identities of what is here, sorted.
    pub fn here(&self) -> Vec<String> {
        let mut all: Vec<String> = self.mail().into_iter().map(|m| m.identity).collect();
        all.sort();
        all
    }

    /// Here is exactly what the server has.
    #[track_caller]
    pub fn assert_same(&self) {
        assert_eq!(self.here(), self.peer.there().identities());
        assert!(maildir::leftovers(&self.root).is_empty());
    }
}
