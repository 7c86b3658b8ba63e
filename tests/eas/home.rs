//! An account on a scripted server, and the binary that is run on it.

use std::path::PathBuf;

use crate::mailbox::There;
use crate::peer::Peer;
use crate::support::maildir::{self, Mail};
use crate::support::scripted;
use crate::support::world::Out;

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
        let mut command = scripted::command(self.tmp.path(), arguments);
        command.envs(env.iter().copied());
        scripted::run(command)
    }

    /// The same with something on its standard input.
    pub fn feed(&self, arguments: &[&str], input: &str, env: &[(&str, &str)]) -> Out {
        let mut command = scripted::fed(self.tmp.path(), arguments, input);
        command.envs(env.iter().copied());
        scripted::run(command)
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
        scripted::identities(&self.root)
    }

    /// Here is exactly what the server has.
    #[track_caller]
    pub fn assert_same(&self) {
        scripted::assert_holds(&self.root, &self.peer.there().identities());
    }
}
