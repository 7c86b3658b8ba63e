//! A scripted IMAP peer: honest over a small model, until a hook replaces or damages an answer. Records every command.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_compression::tokio::bufread::DeflateDecoder;
use async_compression::tokio::write::DeflateEncoder;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, WriteHalf};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::model::World;

/// One thing that the peer does.
#[derive(Clone, Debug)]
pub enum Step {
    Send(Vec<u8>),
    /// The same octets so many times.
    Repeat(Vec<u8>, usize),
    /// In pieces of so many octets, with a pause before each.
    Drip(Vec<u8>, usize, Duration),
    /// Reads a line (the answer to a continuation) and records it.
    Read,
    StartTls,
    Compress,
    /// Below the compression.
    Raw(Vec<u8>),
    /// Closes without close_notify.
    Cut,
    /// Closes in good order.
    CloseNotify,
    /// Says nothing more, and keeps the connection.
    Silence,
}

pub fn send(text: impl AsRef<[u8]>) -> Step {
    Step::Send(text.as_ref().to_vec())
}

/// A command as it came.
#[derive(Clone, Debug)]
pub struct Call {
    pub tag: String,
    /// Upper case; `UID FETCH` is one name.
    pub name: String,
    pub args: String,
    /// The octets of the last literal, if there was one.
    pub literal: Option<Vec<u8>>,
    /// The octets of all literals.
    pub literals: Vec<Vec<u8>>,
    /// Number of the connection, from 1.
    pub conn: usize,
    /// Whether it came inside TLS.
    pub secure: bool,
}

impl Call {
    /// Whether it asks for whole bodies.
    pub fn wants_bodies(&self) -> bool {
        self.name == "UID FETCH" && self.args.ends_with("[])")
    }

    /// Whether it is the flags listing.
    pub fn wants_listing(&self) -> bool {
        self.name == "UID FETCH" && self.args.contains("FLAGS")
    }

    /// The UIDs that are asked for, of those given.
    pub fn uids(&self, max: u32) -> Vec<u32> {
        let set = self.args.split(' ').next().unwrap();
        (1..=max).filter(|uid| super::model::in_set(set, *uid)).collect()
    }

    /// The mailbox that is the last argument (the first, for STATUS).
    pub fn mailbox(&self) -> Vec<u8> {
        if let Some(literal) = self.literal.as_ref().filter(|_| self.name != "APPEND") {
            return literal.clone();
        }
        let args = match self.name.as_str() {
            "APPEND" | "SELECT" | "EXAMINE" => first_string(&self.args),
            "STATUS" => self.args.rsplit_once(" (").map_or(self.args.as_str(), |(name, _)| name),
            "UID MOVE" | "UID COPY" => self.args.split_once(' ').map_or("", |(_, name)| name),
            _ => &self.args,
        };
        match args.strip_prefix('"').and_then(|a| a.strip_suffix('"')) {
            Some(quoted) => {
                let mut out = Vec::new();
                let mut bytes = quoted.bytes();
                while let Some(b) = bytes.next() {
                    out.push(if b == b'\\' { bytes.next().unwrap() } else { b });
                }
                out
            }
            None => args.as_bytes().to_vec(),
        }
    }
}

/// The quoted string at the start, quotes included.
fn first_string(args: &str) -> &str {
    let mut escaped = true;
    let end = args.bytes().position(|b| {
        let end = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        end
    });
    end.map_or(args, |end| &args[..=end])
}

/// What a connection remembers.
#[derive(Default)]
pub struct Conn {
    pub selected: Option<usize>,
}

/// Asked before each honest answer; `Some` replaces it. The second argument makes the honest answer.
pub type Hook = dyn Fn(&Call, &mut dyn FnMut() -> Vec<Step>) -> Option<Vec<Step>> + Send + Sync;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    Clear,
    StartTls,
    Tls,
}

struct Shared {
    world: Mutex<World>,
    hook: Mutex<Option<Arc<Hook>>>,
    record: Mutex<Vec<Call>>,
    /// Everything that came outside TLS, as it came.
    clear: Mutex<Vec<u8>>,
    connections: AtomicUsize,
    acceptor: TlsAcceptor,
    security: Security,
}

pub struct Peer {
    pub address: SocketAddr,
    pub security: Security,
    /// PEM of the authority.
    pub ca: String,
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

impl Peer {
    /// In clear on the loopback: the shortest way to everything that is not TLS.
    pub fn start(world: World) -> Self {
        Self::with(world, Security::Clear, &["127.0.0.1", "localhost"])
    }

    /// With a certificate for `names`.
    pub fn with(world: World, security: Security, names: &[&str]) -> Self {
        let (ca, acceptor) = identity(names);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            hook: Mutex::default(),
            record: Mutex::default(),
            clear: Mutex::default(),
            connections: AtomicUsize::new(0),
            acceptor,
            security,
        });
        let serving = shared.clone();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let shared = serving.clone();
                let number = shared.connections.fetch_add(1, SeqCst) + 1;
                let _ = socket.set_nodelay(true);
                tokio::spawn(async move { serve(&shared, Box::new(socket), number).await });
            }
        });
        Self { address, security, ca, shared, _runtime: runtime }
    }

    /// From now on `hook` is asked first.
    pub fn hook(&self, hook: impl Fn(&Call, &mut dyn FnMut() -> Vec<Step>) -> Option<Vec<Step>> + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// From now on every answer is honest; what was recorded is forgotten.
    pub fn honest(&self) {
        *self.shared.hook.lock().unwrap() = None;
        self.forget();
    }

    pub fn forget(&self) {
        self.shared.record.lock().unwrap().clear();
        self.shared.clear.lock().unwrap().clear();
        self.shared.connections.store(0, SeqCst);
    }

    pub fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.shared.world.lock().unwrap());
    }

    pub fn world(&self) -> World {
        self.shared.world.lock().unwrap().clone()
    }

    pub fn calls(&self) -> Vec<Call> {
        self.shared.record.lock().unwrap().clone()
    }

    pub fn count(&self, name: &str) -> usize {
        self.calls().iter().filter(|c| c.name == name).count()
    }

    /// How many bodies were asked for, by their UIDs, of UIDs to `max`.
    pub fn bodies_asked(&self, max: u32) -> usize {
        self.calls().iter().filter(|c| c.wants_bodies()).map(|c| c.uids(max).len()).sum()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }

    /// What came outside TLS.
    pub fn clear_text(&self) -> String {
        String::from_utf8_lossy(&self.shared.clear.lock().unwrap()).into_owned()
    }
}

fn identity(names: &[&str]) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Scripted Authority");
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.into()], PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into())
        .unwrap();
    (ca, TlsAcceptor::from(Arc::new(config)))
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection with its read buffer.
struct Line<'a> {
    shared: &'a Shared,
    io: Box<dyn Duplex>,
    buffer: Vec<u8>,
    secure: bool,
    /// The writing half below a compression.
    below: Option<Writer>,
}

/// The connection is over.
struct Over;

/// A writing half that two share; never both at once.
struct Locked(Writer);

type Writer = Arc<tokio::sync::Mutex<WriteHalf<Box<dyn Duplex>>>>;

impl AsyncWrite for Locked {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.0.try_lock().unwrap()).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.0.try_lock().unwrap()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.0.try_lock().unwrap()).poll_shutdown(cx)
    }
}

async fn serve(shared: &Shared, socket: Box<dyn Duplex>, number: usize) {
    let mut line = Line { shared, io: socket, buffer: Vec::new(), secure: false, below: None };
    if shared.security == Security::Tls && line.start_tls().await.is_err() {
        return;
    }
    let _ = line.talk(number).await;
}

impl Line<'_> {
    async fn talk(&mut self, number: usize) -> Result<(), Over> {
        let greeting = self.shared.world.lock().unwrap().greeting.clone();
        let call = Call {
            tag: "*".into(),
            name: "GREETING".into(),
            args: String::new(),
            literal: None,
            literals: Vec::new(),
            conn: number,
            secure: self.secure,
        };
        let mut conn = Conn::default();
        let steps = self.hooked(&call, &mut conn).unwrap_or_else(|| vec![send(format!("{greeting}\r\n"))]);
        self.perform(steps, number).await?;
        loop {
            let (text, literals) = self.command().await?;
            let mut words = text.splitn(2, ' ');
            let (tag, rest) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
            let words = if rest.to_ascii_uppercase().starts_with("UID ") { 2 } else { 1 };
            let cut = rest.match_indices(' ').nth(words - 1).map_or(rest.len(), |(at, _)| at);
            let (name, args) = (rest[..cut].to_ascii_uppercase(), rest[cut..].trim_start().to_owned());
            let literal = literals.last().cloned();
            let call = Call { tag, name, args, literal, literals, conn: number, secure: self.secure };
            self.shared.record.lock().unwrap().push(call.clone());
            let steps = match self.hooked(&call, &mut conn) {
                Some(steps) => steps,
                None => self.shared.world.lock().unwrap().answer(&call, &mut conn),
            };
            self.perform(steps, number).await?;
        }
    }

    fn hooked(&self, call: &Call, conn: &mut Conn) -> Option<Vec<Step>> {
        let hook = self.shared.hook.lock().unwrap().clone()?;
        let mut honest = || self.shared.world.lock().unwrap().answer(call, conn);
        hook(call, &mut honest)
    }

    async fn start_tls(&mut self) -> Result<(), Over> {
        let io = std::mem::replace(&mut self.io, Box::new(tokio::io::empty()));
        let prefix = std::io::Cursor::new(std::mem::take(&mut self.buffer));
        let (read, write) = tokio::io::split(io);
        let joined = tokio::io::join(prefix.chain(read), write);
        self.io = Box::new(self.shared.acceptor.accept(joined).await.map_err(|_| Over)?);
        self.secure = true;
        Ok(())
    }

    async fn perform(&mut self, steps: Vec<Step>, number: usize) -> Result<(), Over> {
        for step in steps {
            match step {
                Step::Send(bytes) => self.write(&bytes).await?,
                Step::Repeat(bytes, times) => {
                    for _ in 0..times {
                        self.write(&bytes).await?;
                    }
                }
                Step::Drip(bytes, piece, pause) => {
                    for piece in bytes.chunks(piece) {
                        tokio::time::sleep(pause).await;
                        self.write(piece).await?;
                    }
                }
                Step::Read => {
                    let (args, literals) = self.command().await?;
                    let (tag, name, literal) = (String::new(), "ANSWER".into(), literals.last().cloned());
                    let call = Call { tag, name, args, literal, literals, conn: number, secure: self.secure };
                    self.shared.record.lock().unwrap().push(call);
                }
                Step::StartTls => self.start_tls().await?,
                Step::Compress => {
                    let io = std::mem::replace(&mut self.io, Box::new(tokio::io::empty()));
                    let (read, write) = tokio::io::split(io);
                    let prefix = std::io::Cursor::new(std::mem::take(&mut self.buffer));
                    let read = DeflateDecoder::new(BufReader::new(prefix.chain(read)));
                    let write = std::sync::Arc::new(tokio::sync::Mutex::new(write));
                    self.below = Some(write.clone());
                    self.io = Box::new(tokio::io::join(read, DeflateEncoder::new(Locked(write))));
                }
                Step::Raw(bytes) => {
                    let below = self.below.clone().unwrap();
                    below.lock().await.write_all(&bytes).await.map_err(|_| Over)?;
                    below.lock().await.flush().await.map_err(|_| Over)?;
                }
                Step::Cut => {
                    // Octets that were not read would turn the end into a reset, which may overtake what was sent.
                    let mut sink = [0; 4096];
                    let _ = tokio::time::timeout(Duration::from_millis(20), self.io.read(&mut sink)).await;
                    return Err(Over);
                }
                Step::CloseNotify => {
                    let _ = self.io.shutdown().await;
                    return Err(Over);
                }
                Step::Silence => loop {
                    let mut sink = [0; 4096];
                    if !matches!(self.io.read(&mut sink).await, Ok(n) if n > 0) {
                        return Err(Over);
                    }
                },
            }
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.io.write_all(bytes).await.map_err(|_| Over)?;
        self.io.flush().await.map_err(|_| Over)
    }

    async fn more(&mut self) -> Result<(), Over> {
        let mut piece = vec![0; 16 << 10];
        match self.io.read(&mut piece).await {
            Ok(n) if n > 0 => {
                if !self.secure {
                    self.shared.clear.lock().unwrap().extend_from_slice(&piece[..n]);
                }
                self.buffer.extend_from_slice(&piece[..n]);
                Ok(())
            }
            _ => Err(Over),
        }
    }

    /// A command with its literals.
    async fn command(&mut self) -> Result<(String, Vec<Vec<u8>>), Over> {
        let (mut text, mut literals) = (String::new(), Vec::new());
        loop {
            let end = loop {
                match self.buffer.windows(2).position(|w| w == b"\r\n") {
                    Some(end) => break end,
                    None => self.more().await?,
                }
            };
            let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            text += &line;
            let announced = line.strip_suffix('}').and_then(|l| l.rsplit_once('{')).map(|(_, n)| n.to_owned());
            let Some(announced) = announced else { return Ok((text, literals)) };
            let Ok(size) = announced.trim_end_matches('+').parse::<usize>() else { return Ok((text, literals)) };
            let refusal = self.shared.world.lock().unwrap().literals.clone();
            if let Some(refusal) = refusal.filter(|_| !announced.ends_with('+')) {
                let tag = text.split(' ').next().unwrap_or_default().to_owned();
                if refusal.is_empty() {
                    self.more().await?;
                }
                self.write(format!("{tag} {refusal}\r\n").as_bytes()).await?;
                text.clear();
                continue;
            }
            if !announced.ends_with('+') {
                self.write(b"+ go on\r\n").await?;
            }
            while self.buffer.len() < size {
                self.more().await?;
            }
            let bytes: Vec<u8> = self.buffer.drain(..size).collect();
            text += &String::from_utf8_lossy(&bytes);
            literals.push(bytes);
        }
    }
}
