//! A scripted ActiveSync server: HTTPS by hand, honest over a small mailbox (mailbox.rs) until a hook replaces an answer. And an account that
//! uses it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::mailbox::Mailbox;
use crate::node::Node;
use crate::support::maildir::{self, Mail};
use crate::support::world::{Out, Running};

pub const SECRET: &str = "hunter2-geheim";
pub const WBXML: &str = "application/vnd.ms-sync.wbxml";
const MULTIPART: &str = "application/vnd.ms-sync.multipart";

/// What came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// `Cmd` of the query.
    pub command: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Node>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn is(&self, command: &str) -> bool {
        self.command == command
    }

    /// The policy key that it goes by.
    pub fn policy_key(&self) -> Option<u32> {
        self.header("X-MS-PolicyKey").map(|key| key.parse().unwrap())
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    Document(Node),
    /// A document and further parts.
    Parts(Node, Vec<Vec<u8>>),
    /// These octets as a document.
    Octets(Vec<u8>),
    /// Status, headers, body.
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// As they are; then the connection ends.
    Last(Vec<u8>),
    /// These octets, and the last ones again and again, in chunks.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing, and the connection stays.
    Silence,
}

/// A status with nothing more to say.
pub fn status(code: u16) -> Reply {
    Reply::Http(code, Vec::new(), Vec::new())
}

/// Asked with each request and the number of its like that came since the hook was set, from 1.
type Hook = dyn Fn(&Request, usize) -> Option<Reply> + Send + Sync;

#[derive(Default)]
struct Shared {
    mailbox: Mutex<Mailbox>,
    hook: Mutex<Option<Arc<Hook>>>,
    record: Mutex<Vec<Request>>,
}

pub struct Peer {
    pub port: u16,
    shared: Arc<Shared>,
}

/// The authority that all peers of this process have their certificates from, and a server's settings.
fn tls() -> &'static (String, Arc<ServerConfig>) {
    static TLS: OnceLock<(String, Arc<ServerConfig>)> = OnceLock::new();
    TLS.get_or_init(|| {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = authority.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(authority, key);
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into())
            .unwrap();
        (pem, Arc::new(config))
    })
}

impl Peer {
    pub fn start(mailbox: Mailbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { mailbox: Mutex::new(mailbox), ..Shared::default() });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (shared, Ok(socket)) = (serving.clone(), socket) else { continue };
                std::thread::spawn(move || serve(&shared, socket));
            }
        });
        Self { port, shared }
    }

    /// From now on `hook` is asked first; what was recorded is forgotten.
    pub fn hook(&self, hook: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(hook));
        self.shared.record.lock().unwrap().clear();
    }

    /// From now on every answer is honest; what was recorded is forgotten.
    pub fn honest(&self) {
        *self.shared.hook.lock().unwrap() = None;
        self.shared.record.lock().unwrap().clear();
    }

    pub fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.shared.mailbox.lock().unwrap()
    }

    /// The requests since the hook was set.
    pub fn seen(&self) -> Vec<Request> {
        self.shared.record.lock().unwrap().clone()
    }

    /// How many of them were such.
    pub fn count(&self, command: &str) -> usize {
        self.seen().iter().filter(|request| request.is(command)).count()
    }

    /// Their commands, in order.
    pub fn commands(&self) -> Vec<String> {
        self.seen().into_iter().map(|request| request.command).collect()
    }
}

fn serve(shared: &Shared, socket: TcpStream) {
    let _ = socket.set_nodelay(true);
    let tls = StreamOwned::new(ServerConnection::new(tls().1.clone()).unwrap(), socket);
    let mut lines = BufReader::new(tls);
    while let Some(request) = read(&mut lines) {
        let number = {
            let mut record = shared.record.lock().unwrap();
            record.push(request.clone());
            record.iter().filter(|known| known.command == request.command).count()
        };
        let hook = shared.hook.lock().unwrap().clone();
        let reply = hook.and_then(|hook| hook(&request, number)).unwrap_or_else(|| shared.mailbox.lock().unwrap().answer(&request));
        if !send(lines.get_mut(), reply) {
            return;
        }
    }
}

fn read(lines: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>) -> Option<Request> {
    let mut line = String::new();
    let mut next = || {
        line.clear();
        lines.read_line(&mut line).ok().filter(|octets| *octets > 0).map(|_| line.trim_end().to_owned())
    };
    let first = next()?;
    let (method, rest) = first.split_once(' ')?;
    let url = rest.split(' ').next()?;
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let command = query.split('&').find_map(|pair| pair.strip_prefix("Cmd=")).unwrap_or(method).to_owned();
    let mut headers = Vec::new();
    loop {
        let line = next()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request { method: method.to_owned(), command, headers, body: None };
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut octets = vec![0; length];
    lines.read_exact(&mut octets).ok()?;
    request.body = (!octets.is_empty()).then(|| Node::decode(&octets).expect("a request is a whole document"));
    Some(request)
}

/// `false`: the connection is over.
fn send(socket: &mut impl std::io::Write, reply: Reply) -> bool {
    let octets = match reply {
        Reply::Document(node) => http(200, &[("Content-Type", WBXML.into())], &node.encode()),
        Reply::Parts(node, parts) => http(200, &[("Content-Type", MULTIPART.into())], &multipart(&node.encode(), &parts)),
        Reply::Octets(octets) => http(200, &[("Content-Type", WBXML.into())], &octets),
        Reply::Http(code, headers, body) => http(code, &headers, &body),
        Reply::Last(octets) => {
            let _ = socket.write_all(&octets).and_then(|()| socket.flush());
            return false;
        }
        Reply::Endless(first, piece) => {
            let chunk = |octets: &[u8]| [format!("{:x}\r\n", octets.len()).as_bytes(), octets, b"\r\n"].concat();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {WBXML}\r\nTransfer-Encoding: chunked\r\n\r\n");
            if socket.write_all(&[head.as_bytes(), &chunk(&first)].concat()).is_ok() {
                while socket.write_all(&chunk(&piece)).is_ok() {}
            }
            return false;
        }
        Reply::Silence => {
            std::thread::sleep(Duration::from_secs(600));
            return false;
        }
    };
    socket.write_all(&octets).and_then(|()| socket.flush()).is_ok()
}

/// An answer as it goes over the wire.
pub fn http(code: u16, headers: &[(&'static str, String)], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    [format!("HTTP/1.1 {code} So\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).as_bytes(), body].concat()
}

/// MS-ASCMD 2.2.1.10.1: the number of parts, where each begins and how long it is, and they.
fn multipart(document: &[u8], parts: &[Vec<u8>]) -> Vec<u8> {
    let all: Vec<&[u8]> = std::iter::once(document).chain(parts.iter().map(Vec::as_slice)).collect();
    let mut octets = (all.len() as u32).to_le_bytes().to_vec();
    let mut at = 4 + 8 * all.len() as u32;
    for part in &all {
        octets.extend(at.to_le_bytes());
        octets.extend((part.len() as u32).to_le_bytes());
        at += part.len() as u32;
    }
    [octets, all.concat()].concat()
}

/// An account on a peer.
pub struct Home {
    pub peer: Peer,
    pub root: PathBuf,
    tmp: tempfile::TempDir,
}

impl Home {
    pub fn new(mailbox: Mailbox) -> Self {
        let tmp = tempfile::Builder::new().prefix("mailx-e-").tempdir().unwrap();
        let home = Self { peer: Peer::start(mailbox), root: tmp.path().join("mail"), tmp };
        std::fs::write(home.tmp.path().join("ca.pem"), &tls().0).unwrap();
        home.configure("");
        home
    }

    /// The account, with more lines.
    pub fn configure(&self, more: &str) {
        let (port, root, ca) = (self.peer.port, self.root.display(), self.tmp.path().join("ca.pem"));
        let receive = format!("receive = \"eas://me@127.0.0.1:{port}\"\ntls = {{ ca = \"{}\" }}", ca.display());
        let text = format!("[accounts.test]\n{receive}\nmaildir = \"{root}\"\npassword = {{ env = \"SECRET\" }}\n{more}\n");
        std::fs::write(self.tmp.path().join("config.toml"), text).unwrap();
    }

    /// Runs the binary; its end and what it says must be in order whatever the server does.
    pub fn run(&self, arguments: &[&str]) -> Out {
        self.run_as(SECRET, arguments)
    }

    pub fn run_as(&self, password: &str, arguments: &[&str]) -> Out {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailx"));
        command
            .args(arguments)
            .env("MAILX_CONFIG", self.tmp.path().join("config.toml"))
            .env("HOME", self.tmp.path())
            .env("XDG_DATA_HOME", self.tmp.path().join("data"))
            .env("TERM", "dumb")
            .env("SECRET", password)
            .stdin(Stdio::null());
        let out = Running::start(&mut command).end(Duration::from_secs(60));
        let foreign = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!out.stderr.contains(foreign) && !out.stdout.contains(foreign), "an escape reached the terminal: {out:?}");
        assert!(!out.stderr.contains("panicked") && !out.stderr.contains(SECRET) && out.signal.is_none(), "{out:?}");
        out
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

    /// Directory and identity of what is here, sorted.
    pub fn here(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self.mail().into_iter().map(|mail| (mail.dir, mail.identity)).collect();
        all.sort();
        all
    }

    /// Here is exactly what the server has (layout fs, names that need no escape).
    #[track_caller]
    pub fn assert_same(&self) {
        assert_eq!(self.here(), self.peer.mailbox().identities());
        assert!(maildir::leftovers(&self.root).is_empty());
    }
}
