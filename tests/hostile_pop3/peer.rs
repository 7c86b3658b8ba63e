//! A scripted POP3 peer in clear on the loopback: honest over a list of messages, until a hook replaces an answer. Records every command.
//! And an account that uses it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::world::{Out, Running};

/// A message as the peer has it.
#[derive(Clone, Debug)]
pub struct Message {
    pub uidl: Vec<u8>,
    pub body: Vec<u8>,
}

pub fn message(uidl: &str, text: &str) -> Message {
    Message { uidl: uidl.into(), body: format!("Subject: {uidl}\r\n\r\n{text}\r\n").into_bytes() }
}

/// The maildrop and the manners of the peer.
#[derive(Clone, Debug)]
pub struct Drop {
    pub messages: Vec<Message>,
    pub greeting: String,
    /// Lines of CAPA; `None`: the command is not known.
    pub caps: Option<Vec<&'static str>>,
    /// Messages that a session shows at most, and hides once they were fetched.
    pub portion: Option<usize>,
    popped: Vec<Vec<u8>>,
}

impl Drop {
    pub fn of(messages: Vec<Message>) -> Self {
        let caps = vec!["USER", "UIDL", "TOP", "PIPELINING", "RESP-CODES"];
        Self { messages, greeting: "+OK ready".into(), caps: Some(caps), portion: None, popped: Vec::new() }
    }
}

/// What is done instead of an honest answer.
#[derive(Clone, Debug)]
pub enum Act {
    /// These octets.
    Say(Vec<u8>),
    /// These octets so many times.
    Repeat(Vec<u8>, usize),
    /// In pieces of so many octets, each in a packet of its own.
    Pieces(Vec<u8>, usize),
    /// Closes the connection.
    Hang,
    /// Does what is asked, and closes the connection before its answer.
    DoAndHang,
}

pub fn say(text: impl AsRef<[u8]>) -> Option<Vec<Act>> {
    Some(vec![Act::Say(text.as_ref().to_vec())])
}

/// Asked before each honest answer with the command, and the number of the connection from 1.
type Hook = dyn Fn(&str, usize) -> Option<Vec<Act>> + Send + Sync;

struct Shared {
    world: Mutex<Drop>,
    hook: Mutex<Option<Arc<Hook>>>,
    calls: Mutex<Vec<String>>,
    connections: Mutex<usize>,
}

pub struct Peer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Peer {
    pub fn start(world: Drop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { world: Mutex::new(world), hook: Mutex::default(), calls: Mutex::default(), connections: Mutex::new(0) });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let shared = serving.clone();
                std::thread::spawn(move || {
                    let number = {
                        let mut count = shared.connections.lock().unwrap();
                        *count += 1;
                        *count
                    };
                    let _ = socket.set_nodelay(true);
                    let _ = Session::new(&shared, socket, number).talk();
                });
            }
        });
        Self { address, shared }
    }

    pub fn hook(&self, hook: impl Fn(&str, usize) -> Option<Vec<Act>> + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// From now on every answer is honest; what was recorded is forgotten.
    pub fn honest(&self) {
        *self.shared.hook.lock().unwrap() = None;
        self.shared.calls.lock().unwrap().clear();
        *self.shared.connections.lock().unwrap() = 0;
    }

    pub fn change(&self, change: impl FnOnce(&mut Drop)) {
        change(&mut self.shared.world.lock().unwrap());
    }

    pub fn messages(&self) -> Vec<Message> {
        self.shared.world.lock().unwrap().messages.clone()
    }

    pub fn calls(&self) -> Vec<String> {
        self.shared.calls.lock().unwrap().clone()
    }

    pub fn count(&self, word: &str) -> usize {
        self.calls().iter().filter(|c| c.starts_with(word)).count()
    }
}

/// One connection.
struct Session<'a> {
    shared: &'a Shared,
    input: BufReader<TcpStream>,
    output: TcpStream,
    number: usize,
    /// What this session shows.
    shown: Vec<Message>,
    marked: Vec<usize>,
}

pub fn stuffed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in body.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}

impl<'a> Session<'a> {
    fn new(shared: &'a Shared, socket: TcpStream, number: usize) -> Self {
        let input = BufReader::new(socket.try_clone().unwrap());
        Self { shared, input, output: socket, number, shown: Vec::new(), marked: Vec::new() }
    }

    fn talk(&mut self) -> std::io::Result<()> {
        let greeting = self.shared.world.lock().unwrap().greeting.clone();
        if !self.hooked("GREETING")? {
            self.output.write_all(format!("{greeting}\r\n").as_bytes())?;
        }
        loop {
            let mut line = String::new();
            if self.input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_owned();
            self.shared.calls.lock().unwrap().push(line.clone());
            if !self.hooked(&line)? {
                let answer = self.answer(&line);
                self.output.write_all(&answer)?;
            }
            if line == "QUIT" {
                return self.output.shutdown(std::net::Shutdown::Both);
            }
        }
    }

    fn hooked(&mut self, line: &str) -> std::io::Result<bool> {
        let hook = self.shared.hook.lock().unwrap().clone();
        let Some(acts) = hook.and_then(|hook| hook(line, self.number)) else { return Ok(false) };
        for act in acts {
            match act {
                Act::Say(octets) => self.output.write_all(&octets)?,
                Act::Repeat(octets, times) => (0..times).try_for_each(|_| self.output.write_all(&octets))?,
                Act::Pieces(octets, size) => {
                    for piece in octets.chunks(size) {
                        self.output.write_all(piece)?;
                        std::thread::sleep(Duration::from_millis(2));
                    }
                }
                Act::Hang | Act::DoAndHang => {
                    if matches!(act, Act::DoAndHang) {
                        self.answer(line);
                    }
                    let _ = self.output.shutdown(std::net::Shutdown::Both);
                    return Err(std::io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
        Ok(true)
    }

    fn list(&self, each: impl Fn(&Message) -> Vec<u8>) -> Vec<u8> {
        let mut out = b"+OK\r\n".to_vec();
        for (n, message) in self.shown.iter().enumerate() {
            out.extend_from_slice(format!("{} ", n + 1).as_bytes());
            out.extend_from_slice(&each(message));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    fn answer(&mut self, line: &str) -> Vec<u8> {
        let mut words = line.split(' ');
        let (command, number) = (words.next().unwrap(), words.next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0));
        let one = self.shown.get(number.wrapping_sub(1)).cloned();
        let mut world = self.shared.world.lock().unwrap();
        match (command, one) {
            ("CAPA", _) => match &world.caps {
                Some(caps) => format!("+OK\r\n{}\r\n.\r\n", caps.join("\r\n")).into_bytes(),
                None => b"-ERR what?\r\n".to_vec(),
            },
            ("USER", _) => b"+OK\r\n".to_vec(),
            ("PASS", _) => {
                let Drop { messages, popped, portion, .. } = &*world;
                let fresh = messages.iter().filter(|m| portion.is_none() || !popped.contains(&m.uidl));
                self.shown = fresh.take(portion.unwrap_or(usize::MAX)).cloned().collect();
                b"+OK\r\n".to_vec()
            }
            ("STAT", _) => format!("+OK {} 0\r\n", self.shown.len()).into_bytes(),
            ("LIST", _) => self.list(|m| m.body.len().to_string().into_bytes()),
            ("UIDL", _) => self.list(|m| m.uidl.clone()),
            ("RETR", Some(message)) => {
                world.popped.push(message.uidl);
                [b"+OK\r\n".to_vec(), stuffed(&message.body)].concat()
            }
            ("TOP", Some(message)) => {
                let end = message.body.windows(4).position(|w| w == b"\r\n\r\n").map_or(message.body.len(), |at| at + 4);
                [b"+OK\r\n".to_vec(), stuffed(&message.body[..end])].concat()
            }
            ("DELE", Some(_)) => {
                self.marked.push(number - 1);
                b"+OK\r\n".to_vec()
            }
            ("QUIT", _) => {
                for n in &self.marked {
                    let gone = &self.shown[*n];
                    if let Some(at) = world.messages.iter().position(|m| m.uidl == gone.uidl && m.body == gone.body) {
                        world.messages.remove(at);
                    }
                }
                b"+OK bye\r\n".to_vec()
            }
            _ => b"-ERR no\r\n".to_vec(),
        }
    }
}

/// An account on the peer.
pub struct Home {
    dir: tempfile::TempDir,
    pub root: PathBuf,
}

impl Home {
    pub fn new(peer: &Peer, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Self { root: dir.path().join("mail"), dir };
        home.configure(peer, more);
        home
    }

    pub fn configure(&self, peer: &Peer, more: &str) {
        let text = format!(
            "[accounts.a]\nreceive = \"pop3://me@{}\"\nmaildir = \"{}\"\npassword = {{ env = \"SCRIPTED_SECRET\" }}\ntls = {{ mode = \"none\" }}\n{more}\n",
            peer.address,
            self.root.display()
        );
        std::fs::write(self.dir.path().join("config.toml"), text).unwrap();
    }

    /// Demands TLS.
    pub fn secure(&self) {
        let file = self.dir.path().join("config.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text.replace("tls = { mode = \"none\" }\n", "")).unwrap();
    }

    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Out {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailx"));
        command.env("HOME", self.dir.path()).env("TERM", "dumb").env("SCRIPTED_SECRET", "hunter2").env_remove("MAILX_PASSWORD");
        command.args(words).args(["--json", "--timeout", "2"]).arg("--config").arg(self.dir.path().join("config.toml"));
        let out = Running::start(&mut command).end(Duration::from_secs(50));
        assert!(!out.stderr.contains("panicked") && !out.stderr.contains("hunter2"), "{out:#?}");
        assert!(!out.stderr.contains(|c: char| c.is_control() && c != '\n'), "{out:#?}");
        out
    }

    #[track_caller]
    pub fn fetch(&self, code: i32) -> Out {
        self.run(&["fetch"]).exit(code)
    }

    /// The bodies here, sorted, as they went over the wire.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> =
            crate::support::read(&self.root).iter().map(|m| crate::support::maildir::crlf(&std::fs::read(&m.path).unwrap())).collect();
        all.sort();
        all
    }

    /// One honest run brings everything exactly once, and another one asks for no body.
    #[track_caller]
    pub fn converges(&self, peer: &Peer) {
        peer.honest();
        let mut there: Vec<Vec<u8>> = peer.messages().into_iter().map(|m| m.body).collect();
        there.sort();
        self.fetch(0);
        assert_eq!(self.bodies(), there);
        peer.honest();
        self.fetch(0);
        assert_eq!((self.bodies(), peer.count("RETR")), (there, 0), "again");
    }
}
