//! The password command: first line of its output, within a time, in a process group of its own.

use std::io::IsTerminal as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::limits::{LINE_BYTES_MAX, Limits, STDERR_BYTES_MAX};
use super::{PASSWORD_VARIABLE, first_line, missing};
use crate::model::{Class, Error, Result, SecretString};

/// How long output may still come after the command has ended. Only a process that it left behind keeps the pipe open longer.
const AFTERMATH: Duration = Duration::from_millis(300);

/// A command: a line for `sh -c`, or a program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argv {
    /// For `sh -c`.
    Shell(String),
    /// Program and arguments; never empty.
    Exec(Vec<String>),
}

/// Runs the command. The command itself is in no error: it may hold a secret.
pub(super) async fn run(account: &str, argv: &Argv, limits: &Limits) -> Result<SecretString> {
    let wrong = |failed: String| missing(account, format!("the password command {failed}"));
    let mut command = build(account, argv)?;
    let mut child = command.spawn().map_err(|cause| {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        wrong(format!("could not be started: {program}: {cause}"))
    })?;
    let group = Group(child.id());
    let output = child.stdout.take().map(|pipe| Kept::read(pipe, LINE_BYTES_MAX + 3));
    let complaint = child.stderr.take().map(|pipe| Kept::read(pipe, STDERR_BYTES_MAX));

    let status = finish(&mut child, group, limits.command).await;
    let octets = settle(output).await;
    let said = settle(complaint).await;
    let status = match status {
        Ok(Some(status)) => status,
        Ok(None) => {
            let failed = format!("was stopped: it had not ended after {} s", limits.command.as_secs());
            return Err(wrong(failed + &quoted(&said)).hint("does it wait for a question that it cannot ask? Its standard input is empty"));
        }
        Err(cause) => return Err(wrong(format!("could not be waited for: {cause}"))),
    };
    if !status.success() {
        return Err(wrong(format!("failed ({}){}", ended(status), quoted(&said))));
    }
    first_line(&octets).map_err(|what| wrong(format!("{what}{}", quoted(&said))))
}

fn build(account: &str, argv: &Argv) -> Result<Command> {
    let mut command = match argv {
        Argv::Shell(line) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(line);
            shell
        }
        Argv::Exec(argv) => {
            let (program, arguments) =
                argv.split_first().ok_or_else(|| Error::new(Class::Config, super::tried(account), "the password command is empty"))?;
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    // On a terminal the command may talk to the user (a token to touch); elsewhere its words belong into our error.
    let stderr = if std::io::stderr().is_terminal() { Stdio::inherit() } else { Stdio::piped() };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).process_group(0).kill_on_drop(true).env_remove(PASSWORD_VARIABLE);
    Ok(command)
}

/// Kills the whole group when dropped before the command was reaped: a cancelled run leaves nothing behind.
struct Group(Option<u32>);

impl Group {
    fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0.and_then(|id| rustix::process::Pid::from_raw(id as i32)) {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

/// The command's status; `None` when the time was up and it was killed.
async fn finish(child: &mut Child, mut group: Group, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let Ok(status) = tokio::time::timeout(limit, child.wait()).await else {
        drop(group);
        // Reaped, so that it is no zombie for the rest of a long `watch`.
        let _ = tokio::time::timeout(AFTERMATH, child.wait()).await;
        return Ok(None);
    };
    group.release();
    status.map(Some)
}

/// The first octets of a pipe, which is read to its end: a command that has more to say must not die of a closed pipe.
struct Kept {
    octets: Arc<Mutex<Zeroizing<Vec<u8>>>>,
    reader: tokio::task::JoinHandle<()>,
}

impl Kept {
    fn read(mut pipe: impl AsyncRead + Unpin + Send + 'static, most: usize) -> Self {
        // All room at once: a buffer that grows leaves copies behind.
        let octets = Arc::new(Mutex::new(Zeroizing::new(Vec::with_capacity(most))));
        let kept = Arc::clone(&octets);
        let reader = tokio::spawn(async move {
            let mut buffer = Zeroizing::new([0_u8; 4096]);
            while let Ok(count @ 1..) = pipe.read(buffer.as_mut_slice()).await {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let room = most - kept.len();
                kept.extend_from_slice(buffer.get(..count.min(room)).unwrap_or_default());
            }
        });
        Self { octets, reader }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn settle(kept: Option<Kept>) -> Zeroizing<Vec<u8>> {
    let Some(mut kept) = kept else { return Zeroizing::default() };
    let _ = tokio::time::timeout(AFTERMATH, &mut kept.reader).await;
    let octets = kept.octets.lock().unwrap_or_else(PoisonError::into_inner);
    octets.clone()
}

fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(127), _) => "exit 127: a program was not found".to_owned(),
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "no exit status".to_owned(),
    }
}

/// What the command complained, in one line.
fn quoted(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = line.chars().filter(|c| !c.is_control()).collect();
    if clean.is_empty() { String::new() } else { format!("; it said: \"{clean}\"") }
}
