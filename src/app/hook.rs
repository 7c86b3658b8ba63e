//! Commands of the user that run after a run.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;
use tokio::time::timeout;

use crate::model::{Class, Error, Result};

/// Time for a hook that was asked to end.
const GRACE: Duration = Duration::from_secs(2);

/// Variables of ours that are no hook's business: a secret, and what systemd told us alone.
const OURS: [&str; 4] = ["MAILX_PASSWORD", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// A command, and what it is told.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    /// For the shell.
    command: String,
    /// Variables beside those that we have.
    env: Vec<(&'static str, String)>,
    /// Its standard input.
    input: Option<String>,
    /// How long it may take.
    most: Option<Duration>,
}

impl Hook {
    /// A command after a run of `account`.
    pub fn of(command: &str, account: &str) -> Self {
        Self { command: command.to_owned(), env: vec![("MAILX_ACCOUNT", account.to_owned())], input: None, most: None }
    }

    /// The same, told more.
    pub fn told(mut self, env: Vec<(&'static str, String)>, input: String) -> Self {
        self.env.extend(env);
        self.input = Some(input);
        self
    }

    /// The same within a time.
    pub fn within(mut self, most: Duration) -> Self {
        self.most = Some(most);
        self
    }
}

/// Runs a hook. Its output goes to standard error, so that standard output stays ours. One that takes too long is ended, with whatever it
/// has started; dropping the future ends it at once.
pub(super) async fn run(hook: &Hook) -> Result<()> {
    let tried = || format!("run the hook `{}`", hook.command);
    let fail = |failed: String| Error::new(Class::Partial, tried(), failed).safe("the mail is stored");
    let mut command = tokio::process::Command::new("/bin/sh");
    command.args(["-c", &hook.command]).envs(hook.env.iter().map(|(name, value)| (name, value)));
    if hook.most.is_some() {
        // So that all of it can be ended. Without a bound it stays in our group, and hears of Ctrl-C itself.
        command.process_group(0);
    }
    for name in OURS {
        command.env_remove(name);
    }
    let stdin = if hook.input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command.stdin(stdin).stdout(std::io::stderr()).spawn().map_err(|e| fail(e.to_string()))?;
    let group = Group(hook.most.and(child.id()).and_then(|id| Pid::from_raw(id.cast_signed())));
    let (input, stdin) = (hook.input.clone().unwrap_or_default(), child.stdin.take());
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A hook need not read it.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let work = async { tokio::join!(child.wait(), feed).0 };
    let status = match hook.most {
        None => work.await,
        Some(most) => {
            let Ok(status) = timeout(most, work).await else {
                group.end(&mut child).await;
                return Err(fail(format!("it had not ended after {} s, and was stopped", most.as_secs())));
            };
            status
        }
    };
    let status = status.map_err(|e| fail(e.to_string()))?;
    group.let_go();
    if status.success() { Ok(()) } else { Err(fail(format!("it ended with {status}"))) }
}

/// The processes of a hook; killed when dropped.
struct Group(Option<Pid>);

impl Group {
    /// It has ended. What it has left in the background is its own.
    fn let_go(mut self) {
        self.0 = None;
    }

    /// Asks all of it to end, and then makes it.
    async fn end(self, child: &mut Child) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::TERM);
            let _ = timeout(GRACE, child.wait()).await;
        }
        drop(self);
        let _ = timeout(GRACE, child.wait()).await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
