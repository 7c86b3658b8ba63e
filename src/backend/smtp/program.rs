//! Letters are handed to a program as to sendmail: `-i -f FROM -- RCPT…`, the message on its standard input.

use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::backend::{Ctx, Ledger, Letter, Submission, Submit};
use crate::model::{Address, Class, Error, Result, Verdict};

use super::limits;

/// Characters kept of what the program says.
const WORDS: u64 = 2000;
/// Exit codes (sysexits) by which a program refuses a message for good: wrong usage, malformed, unknown user.
const REFUSED: [i32; 3] = [64, 65, 67];

/// A program that takes mail.
#[derive(Debug, Clone)]
pub struct Program {
    /// What people call it.
    pub name: String,
    /// Program and its first arguments.
    pub argv: Vec<String>,
}

#[async_trait]
impl Submission for Program {
    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Submit>> {
        Ok(Box::new(Running { program: self.clone(), ctx: ctx.clone() }))
    }
}

struct Running {
    program: Program,
    ctx: Ctx,
}

#[async_trait]
impl Submit for Running {
    async fn submit(&mut self, letters: &[Letter], ledger: &mut dyn Ledger) -> Result<()> {
        for (n, letter) in letters.iter().enumerate() {
            self.ctx.go_on(|| self.tried())?;
            let verdict = self.hand_over(n, letter, ledger).await?;
            ledger.settled(n, vec![verdict; letter.envelope.to.len()]).await?;
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Running {
    fn tried(&self) -> String {
        format!("send by the command {}", self.program.name)
    }

    async fn hand_over(&self, n: usize, letter: &Letter, ledger: &mut dyn Ledger) -> Result<Verdict> {
        let envelope = &letter.envelope;
        if let Some(odd) = envelope.from.iter().chain(&envelope.to).find(|address| !is_plain(address)) {
            // The command may lead to another machine, where a shell reads its arguments once more.
            return Ok(Verdict::Refused(format!("the address {odd} has characters that a shell would act on")));
        }
        let mut pieces = match letter.message.open().await {
            Ok(pieces) => pieces,
            Err(error) => return Ok(Verdict::Refused(format!("the message cannot be read: {}", error.failed))),
        };
        let mut child = self.start(letter)?;
        let mut input = child.stdin.take();
        let mut said = child.stderr.take();
        let words = tokio::spawn(async move {
            let mut text = Vec::new();
            if let Some(said) = &mut said {
                let _ = said.take(WORDS).read_to_end(&mut text).await;
                let _ = tokio::io::copy(said, &mut tokio::io::sink()).await;
            }
            String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ")
        });
        ledger.expect(n);
        let fed = async {
            let mut held = None;
            // The last piece is held back until the ledger has it: without it the program has no whole message.
            while let Some(piece) = pieces.next().await? {
                if let Some(piece) = held.replace(piece) {
                    write(&mut input, &piece).await;
                }
            }
            ledger.expected(n).await?;
            if let Some(piece) = held {
                write(&mut input, &piece).await;
            }
            Ok::<(), Box<Error>>(())
        };
        if let Err(error) = fed.await {
            // Killed before its input ends: it must not take what it has for the whole.
            let _ = child.kill().await;
            return if error.scope == crate::model::Scope::Message {
                Ok(Verdict::Refused(format!("the message cannot be read: {}", error.failed)))
            } else {
                Err(error)
            };
        }
        drop(input);
        let patience = (self.ctx.silence * limits::END).max(Duration::from_secs(1));
        let status = match tokio::time::timeout(patience, child.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return Ok(Verdict::Uncertain(format!("its end is not known: {error}"))),
            Err(_) => {
                let _ = child.kill().await;
                return Ok(Verdict::Uncertain(format!("it did not end within {} s", patience.as_secs())));
            }
        };
        let words = tokio::time::timeout(Duration::from_secs(1), words).await.ok().and_then(Result::ok).unwrap_or_default();
        let shown = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
        Ok(match status.code() {
            Some(0) => Verdict::Accepted(format!("taken by {}", self.program.name)),
            Some(code) if REFUSED.contains(&code) => Verdict::Refused(shown),
            // Killed, which a shell tells so; it had the whole message.
            Some(129..) | None => Verdict::Uncertain(shown),
            Some(_) => Verdict::Later(shown),
        })
    }

    fn start(&self, letter: &Letter) -> Result<Child> {
        let [program, arguments @ ..] = self.program.argv.as_slice() else {
            return Err(Error::new(Class::Config, self.tried(), "the command is empty"));
        };
        let from = letter.envelope.from.as_ref().map_or("<>", Address::as_str);
        let mut command = Command::new(program);
        command.args(arguments).args(["-i", "-f", from, "--"]).args(letter.envelope.to.iter().map(Address::as_str));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).env_remove("MAILX_PASSWORD");
        command.spawn().map_err(|cause| Error::new(Class::Config, self.tried(), cause.to_string()).hint("does the program exist?"))
    }
}

/// Line ends are LF for programs; a CR stands nowhere else. A program that has gone shows it by its end.
async fn write(input: &mut Option<tokio::process::ChildStdin>, octets: &[u8]) {
    let lines: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\r').collect();
    if let Some(open) = input
        && open.write_all(&lines).await.is_err()
    {
        *input = None;
    }
}

/// Nothing that a shell acts on.
fn is_plain(address: &Address) -> bool {
    !address.as_str().starts_with('-')
        && address
            .as_str()
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '+' | '=' | '%' | '/' | '[' | ']' | ':' | ','))
}
