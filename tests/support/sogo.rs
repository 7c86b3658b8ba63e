//! A private SOGo by tests/servers/sogo.sh, with the same doors as Dovecot, which has its mail. It needs seconds and some 270 MB: all tests
//! of a run use one, each with users of its own, and it ends itself when nobody uses it any more. A test that breaks it has one of its own.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};

use super::server::{Life, PLACE, run, servers};
use super::{Server, World, skip};

/// The SOGo of this run; `None`, said loudly, where it cannot run.
pub fn sogo() -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    SHARED.get_or_init(Server::sogo).as_ref()
}

fn can_run() -> bool {
    let needs = Command::new(servers().join("sogo.sh")).arg("needs").stdin(Stdio::null()).output().unwrap();
    if !needs.status.success() {
        skip(String::from_utf8_lossy(&needs.stderr).trim());
    }
    needs.status.success()
}

impl Server {
    /// The SOGo that all processes of this source tree share; `None`, said loudly, where it cannot run.
    ///
    /// # Panics
    /// When it can run and does not start.
    pub fn sogo() -> Option<Self> {
        if !can_run() {
            return None;
        }
        let mut hash = DefaultHasher::new();
        servers().hash(&mut hash);
        let dir = Path::new(PLACE).join(format!("mailx-sogo-{:08x}", hash.finish() as u32));
        let lock = |name: &str| fs::File::options().append(true).create(true).open(dir.with_extension(name)).unwrap();
        // Who stops it holds this one alone until all is gone; the kernel takes it back however a test ends.
        let in_use = lock("lock");
        flock(&in_use, FlockOperation::LockShared).unwrap();
        // One starts it, the others wait.
        let start = lock("start");
        flock(&start, FlockOperation::LockExclusive).unwrap();
        fs::create_dir_all(&dir).unwrap();
        let server = Self::of("sogo.sh", dir.clone(), &[], Life::Shared(in_use));
        let mut keeper = Command::new("setsid");
        keeper.arg("--fork").arg(servers().join("sogo.sh")).arg("keep").arg(&dir).arg(dir.with_extension("lock"));
        run(keeper.stdout(Stdio::null()).stderr(Stdio::null()));
        Some(server)
    }

    /// A SOGo of this test alone, with options of sogo.sh; `None`, said loudly, where it cannot run.
    ///
    /// # Panics
    /// When it can run and does not start.
    pub fn sogo_alone(options: &[(&str, &str)]) -> Option<Self> {
        can_run().then(|| Self::own("sogo.sh", options))
    }

    /// Lets users log in whose names begin as the test likes. Dovecot knows every name.
    pub(super) fn let_in(&self, user: &str) {
        if self.has("EAS_PORT") {
            self.sogo_script("user", &[user]);
        }
    }

    /// Runs sogo.sh on it.
    pub fn sogo_script(&self, command: &str, arguments: &[&str]) -> String {
        run(Command::new(servers().join("sogo.sh")).arg(command).arg(&self.dir).args(arguments))
    }

    /// Gives mailboxes mod-sequences, without which SOGo takes them for empty until GetItemEstimate asked for them.
    pub fn prime(&self, user: &str, mailboxes: &[&str]) {
        for mailbox in mailboxes {
            self.deeds(user, &serde_json::json!([["prime", mailbox]]));
        }
    }
}

impl World {
    /// A user of SOGo with an ActiveSync account and a Maildir that does not exist yet; `None`, said loudly, without SOGo.
    pub fn active_sync(prefix: &str) -> Option<Self> {
        Some(Self::active_sync_on(sogo()?, prefix))
    }

    /// The same on one SOGo.
    pub fn active_sync_on(server: &'static Server, prefix: &str) -> Self {
        let world = Self::new(server, prefix);
        world.configure_active_sync("");
        world
    }

    /// The account as one of ActiveSync, with more lines.
    pub fn configure_active_sync(&self, more: &str) {
        let receive = if more.contains("receive =") { String::new() } else { format!("receive = \"{}\"\n", self.active_sync_url()) };
        self.configure(&format!("{receive}{more}"));
    }

    /// Where the account is.
    pub fn active_sync_url(&self) -> String {
        format!("eas://{}@{}:{}", self.user, self.server.get("HOST"), self.server.get("EAS_PORT"))
    }
}
