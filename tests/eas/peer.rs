//! A scripted ActiveSync server over TLS: honest over a small mailbox, until a hook replaces an answer. And an account that uses it.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use mailx::wire::wbxml::page::ComposeMail as C;
use mailx::wire::wbxml::{Event, Limits, Reader, Tag, Writer, page::AirSync as A, page::AirSyncBase as B, page::Email as E};
use mailx::wire::wbxml::{page::FolderHierarchy as F, page::ItemOperations as I, page::Move as M, write};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::maildir::{self, Mail};
use crate::support::world::{Out, Running};

pub const SECRET: &str = "hunter2-geheim";
pub const INBOX: &str = "5";

/// An element of a request.
#[derive(Debug, Clone)]
pub struct Node {
    pub tag: Tag,
    pub text: String,
    pub inner: Vec<Node>,
}

impl Node {
    /// The first element of this tag inside, however deep.
    pub fn find(&self, tag: Tag) -> Option<&Node> {
        self.all(tag).into_iter().next()
    }

    /// All of them, in their order.
    pub fn all(&self, tag: Tag) -> Vec<&Node> {
        let mut found = Vec::new();
        for node in &self.inner {
            if node.tag == tag {
                found.push(node);
            }
            found.extend(node.all(tag));
        }
        found
    }

    /// The text of the first element of this tag.
    pub fn text(&self, tag: Tag) -> &str {
        self.find(tag).map_or("", |node| &node.text)
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `OPTIONS`, or the command.
    pub command: String,
    pub query: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Option<Node>,
    /// A message that is the body.
    pub message: Option<Vec<u8>>,
    /// How many of this command came before.
    pub before: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The element of the body, which must be there.
    pub fn node(&self) -> &Node {
        self.body.as_ref().unwrap()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body breaks off after so many octets, and the connection with it.
    pub cut: Option<usize>,
    /// Nothing more comes, and the connection stays.
    pub silent: bool,
    /// Nothing comes at all, and the connection ends.
    pub lost: bool,
    /// Behind the body comes this, in chunks, for ever.
    pub endless: Option<Vec<u8>>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), cut: None, silent: false, lost: false, endless: None }
    }

    pub fn wbxml(body: Vec<u8>) -> Self {
        Self { body, ..Self::status(200) }.with("Content-Type", "application/vnd.ms-sync.wbxml")
    }

    /// A document that begins so, and goes on with `more` again and again.
    pub fn endless(body: Vec<u8>, more: Vec<u8>) -> Self {
        Self { endless: Some(more), ..Self::wbxml(body) }
    }

    /// The connection ends instead.
    pub fn lost() -> Self {
        Self { lost: true, ..Self::status(200) }
    }

    pub fn html(status: u16) -> Self {
        Self { body: b"<html><body>Please log in</body></html>".to_vec(), ..Self::status(status) }.with("Content-Type", "text/html")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A document with one status below its root.
pub fn status(root: Tag, tag: Tag, code: u32) -> Reply {
    Reply::wbxml(write(root, |inside| drop(inside.number(tag, code))).unwrap())
}

/// A Sync that says one status of one folder.
pub fn sync_status(folder: &str, code: u32) -> Reply {
    Reply::wbxml(
        write(A::Sync, |sync| {
            sync.element(A::Collections, |all| {
                all.element(A::Collection, |one| {
                    one.text(A::SyncKey, "0").text(A::CollectionId, folder).number(A::Status, code);
                });
            });
        })
        .unwrap(),
    )
}

/// A message there.
#[derive(Debug, Clone)]
pub struct Letter {
    pub id: String,
    pub body: Vec<u8>,
    pub read: bool,
    pub flagged: bool,
    pub categories: Vec<String>,
}

/// What happened in a folder, as it will be told.
#[derive(Debug, Clone)]
enum Told {
    Add(String),
    Read(String, bool),
    Delete(String),
}

/// A folder there.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub name: String,
    pub parent: String,
    pub kind: u32,
    pub letters: Vec<Letter>,
    log: Vec<Told>,
    next: usize,
    /// Keys of before this one mean nothing any more.
    epoch: usize,
}

/// The whole account there.
#[derive(Debug, Clone, Default)]
pub struct There {
    pub folders: BTreeMap<String, Place>,
    hierarchy: usize,
    /// Whether ItemOperations answers in parts.
    pub multipart: bool,
    pub versions: String,
    /// A folder of which every Sync is refused.
    pub broken: Option<String>,
    /// Of all categories it keeps this one alone.
    pub knows_only: Option<&'static str>,
    /// The messages that went out by it, and what they answer.
    pub sent: Vec<Sent>,
}

/// A message that went out.
#[derive(Debug, Clone)]
pub struct Sent {
    pub command: String,
    pub client_id: String,
    pub message: String,
    pub saved: bool,
    /// Folder and item.
    pub source: Option<(String, String)>,
}

impl There {
    pub fn new(messages: usize) -> Self {
        let mut there = Self { multipart: true, versions: "12.1,14.0,14.1,16.0,16.1".into(), hierarchy: 1, ..Self::default() };
        for (id, name, kind) in
            [(INBOX, "Inbox", 2), ("3", "Deleted Items", 4), ("4", "Drafts", 3), ("6", "Sent Items", 5), ("9", "Calendar", 8)]
        {
            there.make(id, name, "0", kind);
        }
        for n in 0..messages {
            there.deliver(INBOX, &letter(n));
        }
        there
    }

    pub fn make(&mut self, id: &str, name: &str, parent: &str, kind: u32) {
        self.hierarchy += 1;
        self.folders.insert(id.into(), Place { name: name.into(), parent: parent.into(), kind, ..Place::default() });
    }

    pub fn deliver(&mut self, folder: &str, body: &[u8]) -> String {
        let place = self.folders.get_mut(folder).unwrap();
        place.next += 1;
        let id = format!("{folder}:{}", place.next);
        place.letters.push(Letter { id: id.clone(), body: body.to_vec(), read: false, flagged: false, categories: Vec::new() });
        place.log.push(Told::Add(id.clone()));
        id
    }

    pub fn mark_read(&mut self, folder: &str, id: &str, read: bool) {
        let place = self.folders.get_mut(folder).unwrap();
        place.letters.iter_mut().filter(|l| l.id == id).for_each(|l| l.read = read);
        place.log.push(Told::Read(id.into(), read));
    }

    pub fn delete(&mut self, folder: &str, id: &str) {
        let place = self.folders.get_mut(folder).unwrap();
        place.letters.retain(|l| l.id != id);
        place.log.push(Told::Delete(id.into()));
    }

    /// Every key of the folder is void, and its messages have other ids.
    pub fn reset(&mut self, folder: &str) {
        let place = self.folders.get_mut(folder).unwrap();
        place.epoch += 1;
        place.log.clear();
        for letter in &mut place.letters {
            place.next += 1;
            letter.id = format!("{folder}:{}", place.next);
        }
        let ids: Vec<String> = place.letters.iter().map(|l| l.id.clone()).collect();
        place.log.extend(ids.into_iter().map(Told::Add));
    }

    /// The identities of all messages, sorted.
    pub fn identities(&self) -> Vec<String> {
        let mut all: Vec<String> = self.folders.values().flat_map(|f| &f.letters).map(|l| maildir::identity(&l.body)).collect();
        all.sort();
        all
    }

    /// The honest answer.
    pub fn answer(&mut self, seen: &Seen) -> Reply {
        match (seen.command.as_str(), &seen.body) {
            ("OPTIONS", _) => Reply::status(200)
                .with("MS-ASProtocolVersions", &self.versions)
                .with("MS-ASProtocolCommands", "Sync,FolderSync,FolderCreate,FolderUpdate,FolderDelete,MoveItems,ItemOperations,Provision,SendMail,SmartReply,SmartForward"),
            ("Provision", Some(_)) => Reply::wbxml(no_policy()),
            ("FolderSync", Some(node)) => Reply::wbxml(self.folder_sync(node)),
            ("FolderCreate", Some(node)) => {
                let id = format!("{}", 100 + self.folders.len());
                let (name, parent) = (node.text(F::DisplayName).to_owned(), node.text(F::ParentId).to_owned());
                self.make(&id, &name, &parent, 12);
                let key = self.hierarchy.to_string();
                let answer = |edit: &mut Writer<'_>| drop(edit.number(F::Status, 1u32).text(F::SyncKey, &key).text(F::ServerId, &id));
                Reply::wbxml(write(F::FolderCreate, answer).unwrap())
            }
            ("Sync", Some(node)) => self.sync(node),
            ("ItemOperations", Some(node)) => self.fetch(node, seen.header("ms-asacceptmultipart") == "T"),
            ("SendMail" | "SmartReply" | "SmartForward", _) => {
                self.send(seen);
                Reply::status(200)
            }
            ("MoveItems", Some(node)) => Reply::wbxml(self.moves(node)),
            _ => Reply::status(501),
        }
    }

    fn send(&mut self, seen: &Seen) {
        let (client_id, message, saved) = match (&seen.body, &seen.message) {
            (Some(node), _) => (node.text(C::ClientId), node.text(C::Mime).to_owned(), node.find(C::SaveInSentItems).is_some()),
            (None, Some(message)) => ("", String::from_utf8(message.clone()).unwrap(), seen.query.contains("SaveInSent=T")),
            (None, None) => panic!("a message without a message"),
        };
        let source = seen.body.as_ref().and_then(|node| node.find(C::Source));
        let source = source.map(|source| (source.text(C::FolderId).to_owned(), source.text(C::ItemId).to_owned()));
        assert!(source.is_none() || seen.node().find(C::ReplaceMime).is_some(), "the server would add to it");
        // A double is known by its id.
        if client_id.is_empty() || self.sent.iter().all(|sent| sent.client_id != client_id) {
            if saved {
                self.deliver("6", without_blind(&message).as_bytes());
            }
            let (command, client_id) = (seen.command.clone(), client_id.to_owned());
            self.sent.push(Sent { command, client_id, message, saved, source });
        }
    }

    fn folder_sync(&self, node: &Node) -> Vec<u8> {
        let key = node.text(F::SyncKey);
        write(F::FolderSync, |sync| {
            sync.number(F::Status, 1u32).text(F::SyncKey, &self.hierarchy.to_string());
            sync.element(F::Changes, |changes| {
                // Anything but the newest key is told everything: as good as what changed.
                let news = if key == self.hierarchy.to_string() { 0 } else { self.folders.len() };
                changes.number(F::Count, news as u64);
                for (id, place) in self.folders.iter().take(news) {
                    changes.element(F::Add, |add| {
                        add.text(F::ServerId, id)
                            .text(F::ParentId, &place.parent)
                            .text(F::DisplayName, &place.name)
                            .number(F::Type, place.kind);
                    });
                }
            });
        })
        .unwrap()
    }

    fn sync(&mut self, node: &Node) -> Reply {
        let collections: Vec<Node> = node.all(A::Collection).into_iter().cloned().collect();
        let mut any = false;
        let body = write(A::Sync, |sync| {
            sync.element(A::Collections, |all| {
                for one in &collections {
                    any |= self.collection(all, one);
                }
            });
        })
        .unwrap();
        if any { Reply::wbxml(body) } else { Reply::status(200) }
    }

    fn collection(&mut self, all: &mut Writer<'_>, one: &Node) -> bool {
        let (id, key) = (one.text(A::CollectionId).to_owned(), one.text(A::SyncKey));
        let fail = |all: &mut Writer<'_>, code: u32| {
            all.element(A::Collection, |c| drop(c.text(A::SyncKey, "0").text(A::CollectionId, &id).number(A::Status, code)));
            true
        };
        if self.broken.as_ref() == Some(&id) {
            return fail(all, 4);
        }
        let Some(place) = self.folders.get_mut(&id) else { return fail(all, 8) };
        let epoch = place.epoch;
        let spell = |at: usize| format!("{epoch}.{at}");
        let head = |c: &mut Writer<'_>, key: &str| drop(c.text(A::SyncKey, key).text(A::CollectionId, &id).number(A::Status, 1u32));
        if key == "0" {
            all.element(A::Collection, |c| head(c, &spell(0)));
            return true;
        }
        let at = key.split_once('.').filter(|(epoch, _)| *epoch == place.epoch.to_string()).and_then(|(_, at)| at.parse::<usize>().ok());
        let Some(at) = at.filter(|at| *at <= place.log.len()) else { return fail(all, 3) };
        let mut failed = Vec::new();
        if let Some(commands) = one.find(A::Commands) {
            for command in &commands.inner {
                let message = command.text(A::ServerId).to_owned();
                match place.letters.iter().position(|l| l.id == message) {
                    None => failed.push((command.tag, message)),
                    Some(n) if command.tag == A::Delete => drop(place.letters.remove(n)),
                    Some(n) => {
                        if let Some(read) = command.find(E::Read) {
                            place.letters[n].read = read.text == "1";
                        }
                        if let Some(categories) = command.find(E::Categories) {
                            let known = |name: &String| self.knows_only.is_none_or(|only| only == name);
                            place.letters[n].categories =
                                categories.all(E::Category).iter().map(|c| c.text.clone()).filter(known).collect();
                        }
                        if let Some(flag) = command.find(E::Flag) {
                            place.letters[n].flagged = flag.find(E::Status).is_some();
                        }
                    }
                }
            }
            all.element(A::Collection, |c| {
                head(c, &spell(at));
                if !failed.is_empty() {
                    c.element(A::Responses, |responses| {
                        for (tag, message) in &failed {
                            responses.element(*tag, |r| drop(r.text(A::ServerId, message).number(A::Status, 8u32)));
                        }
                    });
                }
            });
            return true;
        }
        let window: usize = one.text(A::WindowSize).parse().unwrap_or(100);
        let end = place.log.len().min(at + window);
        if end == at {
            return false;
        }
        all.element(A::Collection, |c| {
            head(c, &spell(end));
            if end < place.log.len() {
                c.empty(A::MoreAvailable);
            }
            c.element(A::Commands, |commands| {
                for told in &place.log[at..end] {
                    match told {
                        // One that has gone since is told by its deletion.
                        Told::Add(message) => {
                            if let Some(letter) = place.letters.iter().find(|l| l.id == *message) {
                                commands.element(A::Add, |add| put(add, letter));
                            }
                        }
                        Told::Read(message, read) => drop(commands.element(A::Change, |change| {
                            change.text(A::ServerId, message).element(A::ApplicationData, |data| drop(data.boolean(E::Read, *read)));
                        })),
                        Told::Delete(message) => drop(commands.element(A::Delete, |delete| drop(delete.text(A::ServerId, message)))),
                    }
                }
            });
        });
        true
    }

    fn fetch(&self, node: &Node, multipart: bool) -> Reply {
        let multipart = multipart && self.multipart;
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let document = write(I::ItemOperations, |operations| {
            operations.number(I::Status, 1u32).element(I::Response, |response| {
                for wanted in node.all(I::Fetch) {
                    let (folder, id) = (wanted.text(A::CollectionId), wanted.text(A::ServerId));
                    let letter = self.folders.get(folder).and_then(|place| place.letters.iter().find(|l| l.id == id));
                    response.element(I::Fetch, |fetch| {
                        fetch
                            .number(I::Status, if letter.is_some() { 1u32 } else { 6 })
                            .text(A::CollectionId, folder)
                            .text(A::ServerId, id);
                        let Some(letter) = letter else { return };
                        fetch.element(I::Properties, |properties| {
                            put_categories(properties, letter);
                            properties.element(B::Body, |body| {
                                body.number(B::Type, 4u32).number(B::EstimatedDataSize, letter.body.len() as u64);
                                if multipart {
                                    parts.push(letter.body.clone());
                                    body.number(I::Part, parts.len() as u64);
                                } else {
                                    body.opaque(B::Data, &letter.body);
                                }
                            });
                        });
                    });
                }
            });
        })
        .unwrap();
        if !multipart {
            return Reply::wbxml(document);
        }
        parts.insert(0, document);
        let mut body = (parts.len() as u32).to_le_bytes().to_vec();
        let mut at = 4 + 8 * parts.len() as u32;
        for part in &parts {
            body.extend(at.to_le_bytes());
            body.extend((part.len() as u32).to_le_bytes());
            at += part.len() as u32;
        }
        body.extend(parts.concat());
        Reply { body, ..Reply::status(200) }.with("Content-Type", "application/vnd.ms-sync.multipart")
    }

    fn moves(&mut self, node: &Node) -> Vec<u8> {
        let moves: Vec<Node> = node.all(M::Move).into_iter().cloned().collect();
        write(M::MoveItems, |items| {
            for one in &moves {
                let (message, from, to) = (one.text(M::SrcMsgId), one.text(M::SrcFldId), one.text(M::DstFldId));
                let found = self.folders.get(from).and_then(|place| place.letters.iter().find(|l| l.id == message).cloned());
                let new = found.map(|letter| {
                    self.delete(from, message);
                    self.deliver(to, &letter.body)
                });
                items.element(M::Response, |response| {
                    response.text(M::SrcMsgId, message).number(M::Status, if new.is_some() { 3u32 } else { 1 });
                    if let Some(new) = &new {
                        response.text(M::DstMsgId, new);
                    }
                });
            }
        })
        .unwrap()
    }
}

/// A message as others get it.
pub fn without_blind(message: &str) -> &str {
    if !message.starts_with("Bcc:") {
        return message;
    }
    let end = message.match_indices("\r\n").find(|(at, _)| !message[at + 2..].starts_with(' ')).unwrap().0;
    &message[end + 2..]
}

fn put_categories(data: &mut Writer<'_>, letter: &Letter) {
    data.element(E::Categories, |all| letter.categories.iter().for_each(|category| drop(all.text(E::Category, category))));
}

fn put(add: &mut Writer<'_>, letter: &Letter) {
    add.text(A::ServerId, &letter.id).element(A::ApplicationData, |data| {
        data.boolean(E::Read, letter.read).text(E::DateReceived, "2026-11-26T16:00:00.000Z");
        put_categories(data, letter);
        data.element(B::Body, |body| drop(body.number(B::Type, 4u32).number(B::EstimatedDataSize, letter.body.len() as u64)));
    });
}

fn no_policy() -> Vec<u8> {
    use mailx::wire::wbxml::page::Provision as P;
    write(P::Provision, |provision| {
        provision.number(P::Status, 1u32).element(P::Policies, |policies| {
            policies.element(P::Policy, |policy| {
                policy.text(P::PolicyType, "MS-EAS-Provisioning-WBXML").number(P::Status, 2u32);
            });
        });
    })
    .unwrap()
}

/// A message; each number another one.
pub fn letter(n: usize) -> Vec<u8> {
    format!("From: a@example.org\r\nMessage-ID: <{n}@example.org>\r\nSubject: message {n}\r\n\r\nGr\u{fc}\u{df}e, {n}\r\n").into_bytes()
}

/// Asked with each request; `None` = the honest answer.
type Hook = dyn Fn(&Seen, &mut There) -> Option<Reply> + Send + Sync;

#[derive(Default)]
struct Shared {
    there: Mutex<There>,
    hook: Mutex<Option<Arc<Hook>>>,
    record: Mutex<Vec<Seen>>,
}

pub struct Peer {
    pub port: u16,
    shared: Arc<Shared>,
    tls: Arc<rustls::ServerConfig>,
}

impl Peer {
    fn start(there: There, dir: &std::path::Path) -> Self {
        let (ca, tls) = identity();
        std::fs::write(dir.join("ca.pem"), ca).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared { there: Mutex::new(there), ..Shared::default() });
        let peer = Self { port: listener.local_addr().unwrap().port(), shared, tls: Arc::new(tls) };
        peer.serve(listener);
        peer
    }

    /// Another address of the same server.
    pub fn other_door(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        self.serve(listener);
        port
    }

    fn serve(&self, listener: TcpListener) {
        let (shared, tls) = (self.shared.clone(), self.tls.clone());
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (shared, tls) = (shared.clone(), tls.clone());
                std::thread::spawn(move || {
                    let _ = connection(socket, tls, &shared);
                });
            }
        });
    }

    pub fn hook(&self, hook: impl Fn(&Seen, &mut There) -> Option<Reply> + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    pub fn honest(&self) {
        *self.shared.hook.lock().unwrap() = None;
    }

    pub fn there(&self) -> std::sync::MutexGuard<'_, There> {
        self.shared.there.lock().unwrap()
    }

    /// What was asked since the last time.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.shared.record.lock().unwrap())
    }

    /// The commands of it.
    pub fn commands(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.command).collect()
    }
}

fn identity() -> (String, rustls::ServerConfig) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "peer");
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::from_params(&params, &key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(leaf.der().to_vec())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap()).unwrap();
    (ca.pem(), config)
}

fn connection(socket: TcpStream, tls: Arc<rustls::ServerConfig>, shared: &Shared) -> std::io::Result<()> {
    let tls = rustls::ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut io = BufReader::new(rustls::StreamOwned::new(tls, socket));
    loop {
        let Some(mut seen) = request(&mut io)? else { return Ok(()) };
        let hook = shared.hook.lock().unwrap().clone();
        let mut there = shared.there.lock().unwrap();
        {
            let mut record = shared.record.lock().unwrap();
            seen.before = record.iter().filter(|before| before.command == seen.command).count();
            record.push(seen.clone());
        }
        let reply = hook.and_then(|hook| hook(&seen, &mut there)).unwrap_or_else(|| there.answer(&seen));
        drop(there);
        if reply.lost {
            return Ok(());
        }
        let out = io.get_mut();
        let length =
            if reply.endless.is_some() { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {}", reply.body.len()) };
        let mut head = format!("HTTP/1.1 {} Said\r\n{length}\r\n", reply.status);
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        out.write_all(head.as_bytes())?;
        out.write_all(b"\r\n")?;
        if let Some(more) = &reply.endless {
            let chunk = |octets: &[u8]| [format!("{:x}\r\n", octets.len()).as_bytes(), octets, b"\r\n"].concat();
            out.write_all(&chunk(&reply.body))?;
            loop {
                out.write_all(&chunk(more))?;
            }
        }
        out.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])?;
        out.flush()?;
        if reply.silent {
            std::thread::sleep(Duration::from_secs(60));
        }
        if reply.cut.is_some() {
            return Ok(());
        }
    }
}

fn request(io: &mut impl std::io::BufRead) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if io.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        io.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    io.read_exact(&mut body)?;
    let query = target.split_once('?').map_or("", |(_, query)| query).to_owned();
    let command = query.split('&').find_map(|pair| pair.strip_prefix("Cmd=")).map_or(method, str::to_owned);
    let is_message = headers.get("content-type").is_some_and(|kind| kind == "message/rfc822");
    let node = (!body.is_empty() && !is_message).then(|| read(&body));
    Ok(Some(Seen { command, query, headers, body: node, message: is_message.then_some(body), before: 0 }))
}

/// Reads a document.
fn read(octets: &[u8]) -> Node {
    let (mut reader, mut buf) = (Reader::new(Limits::default()), BytesMut::from(octets));
    let mut open: Vec<(Node, Vec<u8>)> = Vec::new();
    while let Some(event) = reader.next(&mut buf).unwrap() {
        match event {
            Event::Start(tag) => open.push((Node { tag, text: String::new(), inner: Vec::new() }, Vec::new())),
            Event::Text(value) | Event::Opaque(value) => open.last_mut().unwrap().1.extend_from_slice(&value),
            Event::End(_) => {
                let (mut node, text) = open.pop().unwrap();
                node.text = String::from_utf8(text).unwrap();
                match open.last_mut() {
                    Some((parent, _)) => parent.inner.push(node),
                    None => return node,
                }
            }
            Event::Skipped(tag) => panic!("we sent {tag:?}"),
        }
    }
    panic!("a request that does not end")
}

/// An account on a peer.
pub struct Home {
    pub peer: Peer,
    pub root: PathBuf,
    tmp: tempfile::TempDir,
}

impl Home {
    pub fn new(messages: usize) -> Self {
        let tmp = tempfile::Builder::new().prefix("mailx-e-").tempdir().unwrap();
        let peer = Peer::start(There::new(messages), tmp.path());
        let home = Self { peer, root: tmp.path().join("mail"), tmp };
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
    pub fn run_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Out {
        self.run_as(self.command(arguments, env))
    }

    fn command(&self, arguments: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailx"));
        command
            .args(arguments)
            .env("MAILX_CONFIG", self.tmp.path().join("config.toml"))
            .env("HOME", self.tmp.path())
            .env("XDG_DATA_HOME", self.tmp.path().join("data"))
            .env("TERM", "dumb")
            .env("SECRET", SECRET)
            .envs(env.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// The same with something on its standard input.
    pub fn feed(&self, arguments: &[&str], input: &str, env: &[(&str, &str)]) -> Out {
        let path = self.tmp.path().join("input");
        std::fs::write(&path, input).unwrap();
        let mut command = self.command(arguments, env);
        command.stdin(std::fs::File::open(&path).unwrap());
        self.run_as(command)
    }

    fn run_as(&self, mut command: Command) -> Out {
        let out = Running::start(&mut command).end(Duration::from_secs(60));
        let foreign = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!out.stderr.contains(foreign) && !out.stdout.contains(foreign), "an escape reached the terminal: {out:?}");
        assert!(!out.stderr.contains("panicked") && !out.stderr.contains(SECRET), "{out:?}");
        out
    }

    pub fn run(&self, arguments: &[&str]) -> Out {
        self.run_with(arguments, &[])
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

    /// The identities of what is here, sorted.
    pub fn here(&self) -> Vec<String> {
        let mut all: Vec<String> = self.mail().into_iter().map(|m| m.identity).collect();
        all.sort();
        all
    }

    /// Here is exactly what the server has.
    #[track_caller]
    pub fn assert_same(&self) {
        assert_eq!(self.here(), self.peer.there().identities());
        assert!(maildir::leftovers(&self.root).is_empty());
    }
}
