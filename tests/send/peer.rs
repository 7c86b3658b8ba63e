//! A scripted SMTP server: honest, until a hook replaces an answer. And an account that uses it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::scripted;
use crate::support::world::Out;

/// What the peer does instead of answering honestly.
pub enum Answer {
    Say(Vec<u8>),
    /// Then closes.
    Last(Vec<u8>),
    /// Then reads so many octets, and closes.
    Cut(Vec<u8>, u64),
    /// Says nothing more, and keeps the connection.
    Silence,
}

pub fn say(text: impl AsRef<[u8]>) -> Option<Answer> {
    Some(Answer::Say(text.as_ref().to_vec()))
}

pub fn last(text: impl AsRef<[u8]>) -> Option<Answer> {
    Some(Answer::Last(text.as_ref().to_vec()))
}

/// Asked with each line, and with the number of its connection, from 1. The greeting is asked for by an empty line, the answer to a message
/// by `.`.
type Hook = dyn Fn(&str, usize) -> Option<Answer> + Send + Sync;

struct Shared {
    ehlo: Mutex<Vec<&'static str>>,
    hook: Mutex<Option<Arc<Hook>>>,
    record: Mutex<Vec<String>>,
    taken: Mutex<Vec<Vec<u8>>>,
}

/// An account on a peer.
pub struct Home {
    pub port: u16,
    pub root: PathBuf,
    shared: Arc<Shared>,
    tmp: tempfile::TempDir,
}

impl Home {
    pub fn new(ehlo: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared =
            Arc::new(Shared { ehlo: Mutex::new(ehlo.to_vec()), hook: Mutex::default(), record: Mutex::default(), taken: Mutex::default() });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                let (shared, Ok(socket)) = (serving.clone(), socket) else { continue };
                std::thread::spawn(move || serve(&shared, socket, number + 1));
            }
        });
        let tmp = tempfile::Builder::new().prefix("mailx-p-").tempdir().unwrap();
        let home = Self { port, root: tmp.path().join("mail"), shared, tmp };
        home.configure("smtp", "tls = { mode = \"none\" }");
        home
    }

    /// Everything that we make use of.
    pub fn able() -> Self {
        Self::new(&["PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN", "AUTH PLAIN LOGIN"])
    }

    pub fn configure(&self, scheme: &str, more: &str) {
        let (port, root) = (self.port, self.root.display());
        let user = if scheme == "lmtp" { "" } else { "me%40example.org@" };
        let text = format!(
            "[accounts.test]\naddress = \"me@example.org\"\nsend = \"{scheme}://{user}127.0.0.1:{port}\"\nmaildir = \"{root}\"\n\
             password = {{ env = \"SECRET\" }}\n{more}\n"
        );
        std::fs::write(self.tmp.path().join("config.toml"), text).unwrap();
    }

    pub fn hook(&self, hook: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// From now on every answer is honest; what was recorded is forgotten.
    pub fn honest(&self) {
        *self.shared.hook.lock().unwrap() = None;
        self.shared.record.lock().unwrap().clear();
    }

    /// Lines that were received, messages left out.
    pub fn record(&self) -> Vec<String> {
        self.shared.record.lock().unwrap().clone()
    }

    /// Messages that ended, dots undone.
    pub fn taken(&self) -> Vec<Vec<u8>> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// Runs the binary; its end and what it says must be in order whatever the server does.
    pub fn run(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Out {
        let out = scripted::run(scripted::fed(self.tmp.path(), arguments, input));
        assert!(out.signal.is_none(), "{out:?}");
        out
    }

    /// Runs the binary with its output to a file.
    pub fn run_to(&self, output: &str, arguments: &[&str], input: impl AsRef<[u8]>) -> Out {
        let command = scripted::fed(self.tmp.path(), &[], input);
        let program = command.get_program().to_owned();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" \"$@\" >{output}")]).arg(program).args(arguments);
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdin(std::fs::File::open(self.tmp.path().join("input")).unwrap());
        scripted::run(shell)
    }

    /// Sends a small message to these.
    pub fn send(&self, to: &[&str]) -> Out {
        self.run(&[&["send", "--timeout", "1"], to].concat(), "Subject: hostile\n\ntext\n")
    }

    /// States of the messages in the outbox.
    pub fn states(&self) -> Vec<String> {
        let out = self.run(&["outbox", "list", "--json"], "").exit(0);
        let messages = out.json()["accounts"][0]["messages"].as_array().unwrap().clone();
        messages.iter().map(|message| message["state"].as_str().unwrap().to_owned()).collect()
    }

    /// Ids of the messages in the outbox.
    pub fn ids(&self) -> Vec<String> {
        let list = self.run(&["outbox", "list", "--json"], "").exit(0).json();
        list["accounts"][0]["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Tries everything in the outbox again.
    pub fn retry_all(&self) {
        let list = self.run(&["outbox", "list", "--json"], "").exit(0).json();
        for message in list["accounts"][0]["messages"].as_array().unwrap() {
            let id = message["id"].as_str().unwrap();
            self.run(&["outbox", "retry", &id[..12]], "").exit(0);
        }
    }

    /// Removes what is in the outbox.
    pub fn clear(&self) {
        let _ = std::fs::remove_dir_all(self.root.join(".mailx/outbox"));
    }
}

fn serve(shared: &Shared, mut socket: TcpStream, number: usize) {
    let _ = socket.set_nodelay(true);
    let mut lines = BufReader::new(socket.try_clone().unwrap());
    let (mut line, mut recipients) = (String::new(), 0);
    let mut in_login = false;
    loop {
        let hook = shared.hook.lock().unwrap().clone();
        let (answer, close) = match hook.and_then(|hook| hook(&line, number)) {
            Some(Answer::Say(text)) => (text, false),
            Some(Answer::Last(text)) => (text, true),
            Some(Answer::Cut(text, octets)) => {
                let _ = socket.write_all(&text);
                let _ = std::io::copy(&mut lines.take(octets), &mut std::io::sink());
                return;
            }
            Some(Answer::Silence) => {
                std::thread::sleep(Duration::from_secs(600));
                return;
            }
            None => (honest(shared, &line, &mut recipients, &mut in_login), line == "QUIT"),
        };
        if socket.write_all(&answer).is_err() || close {
            return;
        }
        if line == "DATA" && answer.starts_with(b"354") {
            let mut message = Vec::new();
            loop {
                let mut piece = Vec::new();
                if lines.read_until(b'\n', &mut piece).unwrap_or(0) == 0 {
                    return;
                }
                if piece == b".\r\n" {
                    break;
                }
                message.extend_from_slice(piece.strip_prefix(b".").unwrap_or(&piece));
            }
            shared.taken.lock().unwrap().push(message);
            line = ".".into();
            continue;
        }
        line.clear();
        if lines.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        line.truncate(line.trim_end().len());
        shared.record.lock().unwrap().push(line.clone());
    }
}

fn honest(shared: &Shared, line: &str, recipients: &mut usize, in_login: &mut bool) -> Vec<u8> {
    if std::mem::take(in_login) {
        return b"235 welcome\r\n".to_vec();
    }
    let verb = line.split([' ', ':']).next().unwrap_or_default();
    match verb {
        "" => "220 peer ESMTP\r\n".into(),
        "EHLO" | "LHLO" => {
            let extensions = shared.ehlo.lock().unwrap().clone();
            let all: Vec<&str> = std::iter::once("peer").chain(extensions).collect();
            let mut text = String::new();
            for (n, word) in all.iter().enumerate() {
                text += &format!("250{}{word}\r\n", if n + 1 == all.len() { " " } else { "-" });
            }
            text
        }
        "AUTH" if line.matches(' ').count() == 2 => "235 welcome\r\n".into(),
        "AUTH" => {
            *in_login = true;
            "334 \r\n".into()
        }
        "MAIL" => {
            *recipients = 0;
            "250 ok\r\n".into()
        }
        "RCPT" if line.contains("refused") => "550 5.1.1 no such user\r\n".into(),
        "RCPT" => {
            *recipients += 1;
            "250 ok\r\n".into()
        }
        "DATA" if *recipients == 0 => "503 no recipients\r\n".into(),
        "DATA" => "354 go on\r\n".into(),
        "." => "250 2.0.0 taken\r\n".into(),
        "RSET" | "NOOP" => "250 ok\r\n".into(),
        "QUIT" => "221 bye\r\n".into(),
        _ => "500 what\r\n".into(),
    }
    .into_bytes()
}
