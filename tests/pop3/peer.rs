//! A scripted POP3 server: honest over a small maildrop, until a hook replaces an answer. And an account that uses it.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::maildir::{self, Mail};
use crate::support::scripted;
use crate::support::world::Out;

/// By this Gmail is known.
pub const GMAIL: &str = "+OK Gpop ready for requests from 192.0.2.1";

/// A message as the server has it.
#[derive(Clone)]
pub struct Letter {
    pub id: Vec<u8>,
    /// The wire bytes without dot-stuffing.
    pub body: Vec<u8>,
    /// What LIST says; `None` = the truth.
    pub size: Option<u64>,
}

/// A maildrop and what the server can do.
#[derive(Clone)]
pub struct Drop {
    pub letters: Vec<Letter>,
    /// Lines of CAPA; `None` = the command is not known.
    pub caps: Option<Vec<&'static str>>,
    pub greeting: String,
    pub uidl: bool,
}

impl Drop {
    /// So many messages of a kind.
    pub fn of(count: usize, kind: &str) -> Self {
        let letter = |n: usize| Letter { id: format!("{kind}-{n}").into_bytes(), body: body(&format!("{kind} {n}")), size: None };
        Self {
            letters: (1..=count).map(letter).collect(),
            caps: Some(vec!["USER", "UIDL", "TOP", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE"]),
            greeting: "+OK ready".into(),
            uidl: true,
        }
    }

    /// The identities of its messages, sorted.
    pub fn identities(&self) -> Vec<String> {
        let mut all: Vec<String> = self.letters.iter().map(|l| maildir::identity(&l.body)).collect();
        all.sort();
        all
    }
}

/// A message with this subject.
pub fn body(subject: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nSubject: {subject}\r\n\r\n.a line that begins with a dot\r\n..\r\ntext\r\n").into_bytes()
}

/// What the peer does instead of answering honestly.
pub enum Answer {
    Say(Vec<u8>),
    /// Then closes.
    Last(Vec<u8>),
    /// Says nothing more, and keeps the connection.
    Silence,
}

pub fn say(text: impl AsRef<[u8]>) -> Option<Answer> {
    Some(Answer::Say(text.as_ref().to_vec()))
}

/// Asked with each command line and the number of its connection, from 1.
type Hook = dyn Fn(&str, usize) -> Option<Answer> + Send + Sync;

struct Shared {
    drop: Mutex<Drop>,
    hook: Mutex<Option<Arc<Hook>>>,
    record: Mutex<Vec<String>>,
    connections: AtomicUsize,
    portions: Mutex<Portions>,
}

/// As Gmail does it: what was read is not listed any more, and a session lists so many of the rest.
#[derive(Default)]
struct Portions {
    most: Option<usize>,
    /// The ids of what was read.
    popped: HashSet<Vec<u8>>,
}

impl Portions {
    fn listed(&self, letters: &mut Vec<Letter>) {
        if let Some(most) = self.most {
            letters.retain(|letter| !self.popped.contains(&letter.id));
            letters.truncate(most);
        }
    }
}

pub struct Peer {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Peer {
    pub fn start(drop: Drop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (hook, record, connections, portions) = Default::default();
        let shared = Arc::new(Shared { drop: Mutex::new(drop), hook, record, connections, portions });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                let (shared, Ok(socket)) = (serving.clone(), socket) else { continue };
                shared.connections.store(number + 1, Relaxed);
                std::thread::spawn(move || serve(&shared, socket, number + 1));
            }
        });
        Self { port, shared }
    }

    /// From now on `hook` is asked first.
    pub fn hook(&self, hook: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// From now on every answer is honest; what was recorded is forgotten.
    pub fn honest(&self) {
        *self.shared.hook.lock().unwrap() = None;
        self.shared.record.lock().unwrap().clear();
    }

    /// From now on a session lists so many messages that were not read yet; all, to begin with.
    pub fn in_portions(&self, most: usize) {
        *self.shared.portions.lock().unwrap() = Portions { most: Some(most), popped: HashSet::new() };
    }

    /// Changes the maildrop.
    pub fn change(&self, change: impl FnOnce(&mut Drop)) {
        change(&mut self.shared.drop.lock().unwrap());
    }

    pub fn maildrop(&self) -> Drop {
        self.shared.drop.lock().unwrap().clone()
    }

    /// How often somebody has connected.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Relaxed)
    }

    /// How many commands began so.
    pub fn count(&self, verb: &str) -> usize {
        self.shared.record.lock().unwrap().iter().filter(|line| line.starts_with(verb)).count()
    }
}

fn serve(shared: &Shared, mut socket: TcpStream, number: usize) {
    let _ = socket.set_nodelay(true);
    let mut lines = BufReader::new(socket.try_clone().unwrap());
    // A session sees the maildrop as it was when it began.
    let mut drop = shared.drop.lock().unwrap().clone();
    shared.portions.lock().unwrap().listed(&mut drop.letters);
    let mut marked: Vec<usize> = Vec::new();
    if socket.write_all(format!("{}\r\n", drop.greeting).as_bytes()).is_err() {
        return;
    }
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_owned();
        shared.record.lock().unwrap().push(line.clone());
        let hook = shared.hook.lock().unwrap().clone();
        let (answer, last) = match hook.and_then(|hook| hook(&line, number)) {
            Some(Answer::Say(text)) => (text, false),
            Some(Answer::Last(text)) => (text, true),
            Some(Answer::Silence) => {
                std::thread::sleep(Duration::from_secs(600));
                return;
            }
            None => (honest(shared, &drop, &mut marked, &line), line == "QUIT"),
        };
        if socket.write_all(&answer).is_err() || last {
            return;
        }
    }
}

fn honest(shared: &Shared, drop: &Drop, marked: &mut Vec<usize>, line: &str) -> Vec<u8> {
    let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
    let number = argument.split(' ').next().and_then(|n| n.parse::<usize>().ok()).filter(|n| (1..=drop.letters.len()).contains(n));
    let size = |letter: &Letter| letter.size.unwrap_or(letter.body.len() as u64);
    let list = |of: &dyn Fn(usize, &Letter) -> Vec<u8>| {
        let mut text = b"+OK\r\n".to_vec();
        for (n, letter) in drop.letters.iter().enumerate() {
            text.extend(of(n + 1, letter));
            text.extend(b"\r\n");
        }
        text.extend(b".\r\n");
        text
    };
    match (verb, number) {
        ("CAPA", _) => match &drop.caps {
            Some(caps) => format!("+OK\r\n{}.\r\n", caps.iter().map(|c| format!("{c}\r\n")).collect::<String>()).into_bytes(),
            None => b"-ERR unknown command\r\n".to_vec(),
        },
        ("USER", _) => b"+OK\r\n".to_vec(),
        ("PASS", _) if argument == scripted::SECRET => b"+OK logged in\r\n".to_vec(),
        ("PASS", _) => b"-ERR [AUTH] no\r\n".to_vec(),
        ("STAT", _) => format!("+OK {} {}\r\n", drop.letters.len(), drop.letters.iter().map(size).sum::<u64>()).into_bytes(),
        ("LIST", _) => list(&|n, letter| format!("{n} {}", size(letter)).into_bytes()),
        ("UIDL", _) if drop.uidl => list(&|n, letter| [format!("{n} ").as_bytes(), &letter.id].concat()),
        ("RETR", Some(n)) => {
            let letter = &drop.letters[n - 1];
            shared.portions.lock().unwrap().popped.insert(letter.id.clone());
            [b"+OK\r\n", &stuffed(&letter.body)[..]].concat()
        }
        ("TOP", Some(n)) => {
            let body = &drop.letters[n - 1].body;
            let end = memchr::memmem::find(body, b"\r\n\r\n").map_or(body.len(), |at| at + 4);
            [b"+OK\r\n", &stuffed(&body[..end])[..]].concat()
        }
        ("DELE", Some(n)) => {
            marked.push(n - 1);
            b"+OK\r\n".to_vec()
        }
        ("RSET", _) => {
            marked.clear();
            b"+OK\r\n".to_vec()
        }
        ("NOOP", _) => b"+OK\r\n".to_vec(),
        ("QUIT", _) => {
            let gone: Vec<Vec<u8>> = marked.iter().map(|n| drop.letters[*n].body.clone()).collect();
            let mut now = shared.drop.lock().unwrap();
            for body in gone {
                let at = now.letters.iter().position(|l| l.body == body);
                at.map(|at| now.letters.remove(at));
            }
            b"+OK bye\r\n".to_vec()
        }
        _ => b"-ERR unknown command\r\n".to_vec(),
    }
}

/// A message as it goes over the wire.
pub fn stuffed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in body.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend(line);
    }
    if !out.ends_with(b"\r\n") && !out.is_empty() {
        out.extend(b"\r\n");
    }
    out.extend(b".\r\n");
    out
}

/// An account on a peer.
pub struct Home {
    pub peer: Peer,
    pub root: PathBuf,
    tmp: tempfile::TempDir,
}

impl Home {
    pub fn new(drop: Drop) -> Self {
        let tmp = tempfile::Builder::new().prefix("mailx-p-").tempdir().unwrap();
        let home = Self { peer: Peer::start(drop), root: tmp.path().join("mail"), tmp };
        home.configure("");
        home
    }

    /// The account, with more lines.
    pub fn configure(&self, more: &str) {
        let (port, root) = (self.peer.port, self.root.display());
        let receive = format!("receive = \"pop3://me@127.0.0.1:{port}\"\ntls = {{ mode = \"none\" }}");
        let text = format!("[accounts.test]\n{receive}\nmaildir = \"{root}\"\npassword = {{ env = \"SECRET\" }}\n{more}\n");
        std::fs::write(self.tmp.path().join("config.toml"), text).unwrap();
    }

    /// Runs the binary; its end and what it says must be in order whatever the server does.
    pub fn run(&self, arguments: &[&str]) -> Out {
        let out = self.run_with(arguments, &[]);
        assert!(out.signal.is_none(), "{out:?}");
        out
    }

    /// The same with more in its environment, which may kill it.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Out {
        let mut command = scripted::command(self.tmp.path(), arguments);
        command.envs(environment.iter().copied());
        scripted::run(command)
    }

    #[track_caller]
    pub fn fetch(&self, code: i32) -> Out {
        self.run(&["fetch", "--json", "--timeout", "3"]).exit(code)
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
        scripted::assert_holds(&self.root, &self.peer.maildrop().identities());
    }
}
