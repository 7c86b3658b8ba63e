//! A command as the connection.

use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::model::error::{Class, Error, Result};

/// It ended, and not well.
#[derive(Debug)]
pub(super) struct Ended {
    program: String,
    status: ExitStatus,
    /// It has brought octets before.
    pub stood: bool,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tunnel command {} ended with {}", self.program, self.status)
    }
}

impl std::error::Error for Ended {}

impl Ended {
    /// Looks for it in an I/O error.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// The house error: before anything came, there was no connection.
    pub(super) fn explain(&self, tried: impl Into<String>) -> Box<Error> {
        let class = if self.stood { Class::Temporary } else { Class::Unavailable };
        Error::new(class, tried, self.to_string()).hint("run the command by hand: what it says goes to standard error")
    }
}

/// A running tunnel command. Dropping it kills its whole process group: an `ssh` started by a script must not outlive the
/// session.
pub(super) struct Tunnel {
    program: String,
    child: Child,
    to: Option<ChildStdin>,
    from: ChildStdout,
    /// It has brought octets.
    stood: bool,
}

impl Tunnel {
    /// Starts `argv` without a shell, in its own process group (a Ctrl-C at the terminal is for us, who end the protocol
    /// first), its stderr being ours. Descriptors of ours are closed on exec by the standard library.
    pub(super) fn spawn(argv: &[String], tried: &str) -> Result<Self> {
        let Some((program, arguments)) = argv.split_first().filter(|(program, _)| !program.is_empty()) else {
            return Err(Error::new(Class::Config, tried, "the tunnel command is empty")
                .hint("write it as a list: tunnel = [\"ssh\", \"-q\", \"host\", \"program\"]"));
        };
        let failed = |cause: io::Error| {
            let class = match cause.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Class::Config,
                _ => Class::Unavailable,
            };
            Error::new(class, tried, format!("cannot start {program}: {cause}"))
                .hint("the tunnel command is a program and its arguments; no shell reads it")
                .because(cause)
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            // The one variable that holds a secret of ours; whatever else the user set, ssh may need.
            .env_remove("MAILX_PASSWORD")
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(to), Some(from)) => Ok(Self { program: program.clone(), child, to: Some(to), from, stood: false }),
            _ => Err(Error::new(Class::Internal, tried, "the tunnel command has no pipes")),
        }
    }
}

impl Tunnel {
    /// A pipe of it has ended, so it ends; how, says more than that the line is lost.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let status = ready!(pin!(self.child.wait()).poll(cx))?;
        if status.success() {
            return Poll::Ready(Ok(()));
        }
        let ended = Ended { program: self.program.clone(), status, stood: self.stood };
        Poll::Ready(Err(io::Error::other(ended)))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // `id` is none once the leader was reaped: then the number may belong to somebody else.
        if let Some(group) = self.child.id().and_then(|id| Pid::from_raw(id as i32)) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.from).poll_read(cx, buf));
        if read.is_err() || buf.filled().len() > before {
            self.stood = true;
            return Poll::Ready(read);
        }
        self.poll_end(cx)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.to {
            Some(to) => match ready!(Pin::new(to).poll_write(cx, buf)) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.poll_end(cx).map(|end| end.and(Err(error))),
                written => Poll::Ready(written),
            },
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.to.as_mut().map_or(Poll::Ready(Ok(())), |to| Pin::new(to).poll_flush(cx))
    }

    /// Closes the command's standard input, so that it can end by itself.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.to = None;
        Poll::Ready(Ok(()))
    }
}
