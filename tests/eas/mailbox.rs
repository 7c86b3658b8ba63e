//! What the scripted server has, and its honest answers (MS-ASCMD, MS-ASPROV). It keeps what each key stands for, so that an old key brings the
//! same again.

use std::collections::{BTreeMap, HashMap};

use mailx::wire::wbxml::Tag;
use mailx::wire::wbxml::page::{
    AirSync as A, AirSyncBase as B, Email as E, FolderHierarchy as F, GetItemEstimate as G, ItemOperations as I, Move as M, Provision as P,
};

use crate::node::{Node, node, opaque, text};
use crate::peer::{Reply, Request, status};
use crate::support::maildir::identity;

/// Of the kinds of folders: MS-ASCMD 2.2.3.186.3.
pub const INBOX: u32 = 2;
pub const DRAFTS: u32 = 3;
pub const DELETED: u32 = 4;
pub const MAIL: u32 = 12;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    pub id: String,
    pub parent: String,
    pub name: String,
    pub kind: u32,
}

#[derive(Debug, Clone)]
pub struct Letter {
    pub folder: String,
    pub id: String,
    pub body: Vec<u8>,
    pub read: bool,
    pub flagged: bool,
}

/// A policy: the key that is good, and the rules as elements of EASProvisionDoc.
#[derive(Debug, Clone)]
pub struct Policy {
    pub key: u32,
    pub rules: Vec<(Tag, &'static str)>,
    /// From 14.0 on a status says so in the document, instead of HTTP 449.
    pub by_status: Option<u32>,
}

/// What of a message can change.
type Marks = (bool, bool);

#[derive(Debug)]
pub struct Mailbox {
    pub versions: Option<&'static str>,
    pub folders: Vec<Folder>,
    pub letters: Vec<Letter>,
    pub policy: Option<Policy>,
    /// The order to wipe that stands.
    pub wipe: Option<Tag>,
    /// ItemOperations answers in parts where that is wanted.
    pub parts: bool,
    /// The password is asked for.
    pub closed: bool,
    last: u32,
    trees: HashMap<String, Vec<Folder>>,
    views: HashMap<(String, String), BTreeMap<String, Marks>>,
}

impl Default for Mailbox {
    fn default() -> Self {
        let folder = |id: &str, name: &str, kind| Folder { id: id.into(), parent: "0".into(), name: name.into(), kind };
        Self {
            versions: Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1"),
            folders: vec![folder("5", "Inbox", INBOX), folder("3", "Drafts", DRAFTS), folder("7", "Deleted Items", DELETED), folder("9", "Kalender", 8)],
            letters: Vec::new(),
            policy: None,
            wipe: None,
            parts: true,
            closed: true,
            last: 100,
            trees: HashMap::new(),
            views: HashMap::new(),
        }
    }
}

/// A message with this subject.
pub fn body(subject: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nSubject: {subject}\r\nMessage-ID: <{}@peer>\r\n\r\n.text\r\n", subject.replace(' ', ".")).into_bytes()
}

impl Mailbox {
    /// So many messages of a kind in the Inbox.
    pub fn of(count: usize, kind: &str) -> Self {
        let mut mailbox = Self::default();
        for n in 1..=count {
            mailbox.deliver("5", &body(&format!("{kind} {n}")));
        }
        mailbox
    }

    fn next(&mut self) -> String {
        self.last += 1;
        self.last.to_string()
    }

    /// Puts a message into a folder; its id.
    pub fn deliver(&mut self, folder: &str, body: &[u8]) -> String {
        let id = format!("{folder}:{}", self.next());
        self.letters.push(Letter { folder: folder.into(), id: id.clone(), body: body.to_vec(), read: false, flagged: false });
        id
    }

    pub fn make(&mut self, id: &str, parent: &str, name: &str) {
        self.folders.push(Folder { id: id.into(), parent: parent.into(), name: name.into(), kind: MAIL });
    }

    pub fn letter(&mut self, id: &str) -> Option<&mut Letter> {
        self.letters.iter_mut().find(|letter| letter.id == id)
    }

    /// Where each message is, by names as mailx shows them, and its identity; sorted.
    pub fn identities(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self.letters.iter().map(|letter| (self.path(&letter.folder), identity(&letter.body))).collect();
        all.sort();
        all
    }

    fn path(&self, id: &str) -> String {
        let folder = self.folders.iter().find(|folder| folder.id == id).unwrap();
        let name = if folder.kind == INBOX { "INBOX" } else { &folder.name };
        if folder.parent == "0" { name.to_owned() } else { format!("{}/{name}", self.path(&folder.parent)) }
    }

    /// Forgets what the keys of messages stand for.
    pub fn forget(&mut self) {
        self.views.clear();
    }

    /// Gives every message another id, as servers do that lose their state.
    pub fn renumber(&mut self) {
        self.forget();
        for n in 0..self.letters.len() {
            self.letters[n].id = format!("{}:{}", self.letters[n].folder, self.next());
        }
    }

    pub fn answer(&mut self, request: &Request) -> Reply {
        use base64::Engine as _;
        let login = base64::engine::general_purpose::STANDARD.encode(format!("me:{}", crate::peer::SECRET));
        // Some servers tell of an order to wipe before they ask who it is.
        let let_in = request.header("Authorization") == Some(&format!("Basic {login}")) || (self.wipe.is_some() && request.is("Provision"));
        if self.closed && !let_in {
            return status(401);
        }
        if request.method == "OPTIONS" {
            let commands = "Sync,FolderSync,FolderCreate,FolderUpdate,FolderDelete,MoveItems,GetItemEstimate,ItemOperations,Provision,Ping,SendMail";
            let mut headers = vec![("MS-ASProtocolCommands", commands.to_owned())];
            headers.extend(self.versions.map(|versions| ("MS-ASProtocolVersions", versions.to_owned())));
            return Reply::Http(200, headers, Vec::new());
        }
        let Some(body) = &request.body else { return status(400) };
        if request.is("Provision") {
            return Reply::Document(self.provision(body));
        }
        let asked_for = self.policy.as_ref().filter(|policy| request.policy_key() != Some(policy.key)).cloned();
        if self.wipe.is_some() || asked_for.is_some() {
            let code = if self.wipe.is_some() { Some(140) } else { asked_for.and_then(|policy| policy.by_status) };
            return code.map_or_else(|| status(449), |code| Reply::Document(node(body.tag, [text(status_of(body.tag), code)])));
        }
        match &*request.command {
            "FolderSync" => Reply::Document(self.folder_sync(body)),
            "FolderCreate" | "FolderUpdate" | "FolderDelete" => Reply::Document(self.edit(body)),
            "Sync" => self.sync(body).map_or_else(|| Reply::Octets(Vec::new()), Reply::Document),
            "ItemOperations" => self.fetch(body, self.parts && request.header("MS-ASAcceptMultiPart") == Some("T")),
            "MoveItems" => Reply::Document(self.moves(body)),
            "GetItemEstimate" => Reply::Document(self.estimate(body)),
            _ => status(501),
        }
    }

    fn provision(&self, body: &Node) -> Node {
        let policy = match (&self.policy, body.at(&[P::Policies, P::Policy])) {
            (None, _) => vec![text(P::PolicyType, "MS-EAS-Provisioning-WBXML"), text(P::Status, 2)],
            (Some(policy), Some(asked)) if asked.child(P::PolicyKey).is_some() => {
                let known = asked.said(&[P::PolicyKey]) == Some("4711");
                let key = known.then(|| text(P::PolicyKey, policy.key));
                [text(P::PolicyType, "MS-EAS-Provisioning-WBXML"), text(P::Status, if known { 1 } else { 5 })].into_iter().chain(key).collect()
            }
            (Some(policy), _) => {
                let rules = policy.rules.iter().map(|(tag, value)| text(*tag, value));
                let data = node(P::Data, [node(P::EASProvisionDoc, rules)]);
                vec![text(P::PolicyType, "MS-EAS-Provisioning-WBXML"), text(P::Status, 1), text(P::PolicyKey, 4711), data]
            }
        };
        let wipe = self.wipe.map(|order| node(order, []));
        node(P::Provision, [text(P::Status, 1), node(P::Policies, [node(P::Policy, policy)])].into_iter().chain(wipe))
    }

    fn folder_sync(&mut self, body: &Node) -> Node {
        let key = body.said(&[F::SyncKey]).unwrap().to_owned();
        let before = if key == "0" { Vec::new() } else {
            match self.trees.get(&key) {
                Some(tree) => tree.clone(),
                None => return node(F::FolderSync, [text(F::Status, 9)]),
            }
        };
        let told = |tag, folder: &Folder| {
            node(tag, [
                text(F::ServerId, &folder.id),
                text(F::ParentId, &folder.parent),
                text(F::DisplayName, &folder.name),
                text(F::Type, folder.kind),
            ])
        };
        let mut changes: Vec<Node> = Vec::new();
        for folder in &self.folders {
            match before.iter().find(|known| known.id == folder.id) {
                None => changes.push(told(F::Add, folder)),
                Some(known) if known != folder => changes.push(told(F::Update, folder)),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|known| !self.folders.iter().any(|folder| folder.id == known.id));
        changes.extend(gone.map(|known| node(F::Delete, [text(F::ServerId, &known.id)])));
        let key = if changes.is_empty() { key } else { self.tree_key() };
        let count = text(F::Count, changes.len());
        node(F::FolderSync, [text(F::Status, 1), text(F::SyncKey, key), node(F::Changes, std::iter::once(count).chain(changes))])
    }

    fn tree_key(&mut self) -> String {
        let key = format!("f{}", self.next());
        self.trees.insert(key.clone(), self.folders.clone());
        key
    }

    fn edit(&mut self, body: &Node) -> Node {
        let said = |tag| body.said(&[tag]).unwrap_or_default().to_owned();
        let (id, parent, name) = (said(F::ServerId), said(F::ParentId), said(F::DisplayName));
        if !self.trees.contains_key(&said(F::SyncKey)) {
            return node(body.tag, [text(F::Status, 9)]);
        }
        let mut made = None;
        match body.tag {
            F::FolderCreate if self.folders.iter().any(|folder| folder.parent == parent && folder.name == name) => {
                return node(body.tag, [text(F::Status, 2)]);
            }
            F::FolderCreate => {
                let id = self.next();
                self.make(&id, &parent, &name);
                made = Some(text(F::ServerId, id));
            }
            F::FolderUpdate => {
                if let Some(folder) = self.folders.iter_mut().find(|folder| folder.id == id) {
                    (folder.parent, folder.name) = (parent, name);
                }
            }
            _ => {
                self.folders.retain(|folder| folder.id != id);
                self.letters.retain(|letter| letter.folder != id);
            }
        }
        let key = self.tree_key();
        node(body.tag, [text(F::Status, 1), text(F::SyncKey, key)].into_iter().chain(made))
    }

    /// `None`: nothing to say.
    fn sync(&mut self, body: &Node) -> Option<Node> {
        let asked = body.child(A::Collections)?.nodes().to_vec();
        let told: Vec<Node> = asked.iter().filter_map(|asked| self.collection(asked)).collect();
        (!told.is_empty()).then(|| node(A::Sync, [node(A::Collections, told)]))
    }

    fn collection(&mut self, asked: &Node) -> Option<Node> {
        let (folder, key) = (asked.said(&[A::CollectionId])?.to_owned(), asked.said(&[A::SyncKey])?.to_owned());
        let head = |key: &str, status: u32| [text(A::SyncKey, key), text(A::CollectionId, &folder), text(A::Status, status)];
        if !self.folders.iter().any(|known| known.id == folder) {
            return Some(node(A::Collection, head(&key, 8)));
        }
        if key == "0" {
            let key = self.view_key(&folder, BTreeMap::new());
            return Some(node(A::Collection, head(&key, 1)));
        }
        let Some(mut view) = self.views.get(&(folder.clone(), key.clone())).cloned() else {
            return Some(node(A::Collection, head("0", 3)));
        };
        let mut responses = Vec::new();
        let commands = asked.child(A::Commands).map_or(&[][..], Node::nodes);
        for command in commands {
            responses.extend(self.command(&folder, command, &mut view, asked.said(&[A::DeletesAsMoves]) != Some("0")));
        }
        let (mut told, mut more) = (Vec::new(), false);
        if asked.said(&[A::GetChanges]) != Some("0") {
            let window: usize = asked.said(&[A::WindowSize]).map_or(100, |size| size.parse().unwrap());
            (told, more) = self.news(&folder, &mut view, window);
        }
        if commands.is_empty() && told.is_empty() {
            return None;
        }
        let key = self.view_key(&folder, view);
        let mut all = head(&key, 1).to_vec();
        all.extend(more.then(|| node(A::MoreAvailable, [])));
        all.extend((!responses.is_empty()).then(|| node(A::Responses, responses)));
        all.extend((!told.is_empty()).then(|| node(A::Commands, told)));
        Some(node(A::Collection, all))
    }

    fn view_key(&mut self, folder: &str, view: BTreeMap<String, Marks>) -> String {
        let key = self.next();
        self.views.insert((folder.to_owned(), key.clone()), view);
        key
    }

    /// Carries out a change of the client's; what it is answered beside success.
    fn command(&mut self, folder: &str, command: &Node, view: &mut BTreeMap<String, Marks>, to_trash: bool) -> Option<Node> {
        let id = command.said(&[A::ServerId]).unwrap_or_default().to_owned();
        let at = self.letters.iter().position(|letter| letter.id == id && letter.folder == folder);
        let refused = |code: u32| Some(node(command.tag, [text(A::ServerId, &id), text(A::Status, code)]));
        match (command.tag, at) {
            (A::Add, _) => {
                let mime = command.said(&[A::ApplicationData, B::Body, B::Data]).unwrap().as_bytes().to_vec();
                let id = self.deliver(folder, &mime);
                view.insert(id.clone(), (false, false));
                let client_id = text(A::ClientId, command.said(&[A::ClientId]).unwrap());
                Some(node(A::Add, [client_id, text(A::ServerId, id), text(A::Status, 1)]))
            }
            (_, None) => refused(8),
            (A::Delete, Some(at)) => {
                view.remove(&id);
                if to_trash && folder != "7" {
                    let letter = self.letters.remove(at);
                    self.deliver("7", &letter.body);
                } else {
                    self.letters.remove(at);
                }
                None
            }
            (_, Some(at)) => {
                let letter = &mut self.letters[at];
                if let Some(read) = command.said(&[A::ApplicationData, E::Read]) {
                    letter.read = read == "1";
                }
                if let Some(flag) = command.at(&[A::ApplicationData, E::Flag]) {
                    letter.flagged = flag.said(&[E::Status]) == Some("2");
                }
                view.insert(id, (letter.read, letter.flagged));
                None
            }
        }
    }

    fn news(&self, folder: &str, view: &mut BTreeMap<String, Marks>, window: usize) -> (Vec<Node>, bool) {
        let now: BTreeMap<&str, &Letter> = self.letters.iter().filter(|letter| letter.folder == folder).map(|letter| (&*letter.id, letter)).collect();
        let mut told = Vec::new();
        let gone: Vec<String> = view.keys().filter(|id| !now.contains_key(&***id)).cloned().collect();
        let mut news: Vec<(Tag, String)> = gone.into_iter().map(|id| (A::Delete, id)).collect();
        for letter in self.letters.iter().filter(|letter| letter.folder == folder) {
            match view.get(&letter.id) {
                None => news.push((A::Add, letter.id.clone())),
                Some(marks) if *marks != (letter.read, letter.flagged) => news.push((A::Change, letter.id.clone())),
                Some(_) => {}
            }
        }
        let more = news.len() > window;
        for (tag, id) in news.into_iter().take(window) {
            let Some(letter) = now.get(&*id) else {
                view.remove(&id);
                told.push(node(tag, [text(A::ServerId, id)]));
                continue;
            };
            view.insert(id.clone(), (letter.read, letter.flagged));
            told.push(node(tag, [text(A::ServerId, id), node(A::ApplicationData, properties(letter))]));
        }
        (told, more)
    }

    fn fetch(&self, body: &Node, parts: bool) -> Reply {
        let (mut told, mut bodies) = (Vec::new(), Vec::new());
        for asked in body.nodes() {
            let (folder, id) = (asked.said(&[A::CollectionId]).unwrap(), asked.said(&[A::ServerId]).unwrap());
            let Some(letter) = self.letters.iter().find(|letter| letter.id == id && letter.folder == folder) else {
                told.push(node(I::Fetch, [text(I::Status, 6), text(A::CollectionId, folder), text(A::ServerId, id)]));
                continue;
            };
            let size = text(B::EstimatedDataSize, letter.body.len());
            let data = if parts {
                bodies.push(letter.body.clone());
                text(I::Part, bodies.len())
            } else {
                opaque(B::Data, letter.body.clone())
            };
            let inside = node(I::Properties, [node(B::Body, [text(B::Type, 4), size, data])]);
            told.push(node(I::Fetch, [text(I::Status, 1), text(A::CollectionId, folder), text(A::ServerId, id), inside]));
        }
        let document = node(I::ItemOperations, [text(I::Status, 1), node(I::Response, told)]);
        if parts { Reply::Parts(document, bodies) } else { Reply::Document(document) }
    }

    fn moves(&mut self, body: &Node) -> Node {
        let mut told = Vec::new();
        for asked in body.nodes() {
            let (id, to) = (asked.said(&[M::SrcMsgId]).unwrap().to_owned(), asked.said(&[M::DstFldId]).unwrap().to_owned());
            let known = self.folders.iter().any(|folder| folder.id == to);
            let mut response = vec![text(M::SrcMsgId, &id)];
            match self.letters.iter().position(|letter| letter.id == id) {
                Some(at) if known => {
                    let letter = self.letters.remove(at);
                    let new = self.deliver(&to, &letter.body);
                    let moved = self.letter(&new).unwrap();
                    (moved.read, moved.flagged) = (letter.read, letter.flagged);
                    response.extend([text(M::Status, 3), text(M::DstMsgId, new)]);
                }
                Some(_) => response.push(text(M::Status, 2)),
                None => response.push(text(M::Status, 1)),
            }
            told.push(node(M::Response, response));
        }
        node(M::MoveItems, told)
    }

    fn estimate(&self, body: &Node) -> Node {
        let asked = body.child(G::Collections).unwrap().nodes();
        let told = asked.iter().map(|asked| {
            let id = asked.said(&[G::CollectionId]).unwrap();
            let count = self.letters.iter().filter(|letter| letter.folder == id).count();
            let collection = node(G::Collection, [text(G::CollectionId, id), text(G::Estimate, count)]);
            node(G::Response, [text(G::Status, 1), collection])
        });
        node(G::GetItemEstimate, told)
    }
}

/// What a listing says of a message.
fn properties(letter: &Letter) -> Vec<Node> {
    let flag = if letter.flagged { vec![text(E::Status, 2)] } else { Vec::new() };
    let body = [text(B::Type, 4), text(B::EstimatedDataSize, letter.body.len()), text(B::Truncated, 1)];
    vec![
        text(E::DateReceived, "2024-03-01T10:20:30.000Z"),
        text(E::Read, u32::from(letter.read)),
        node(E::Flag, flag),
        node(B::Body, body),
    ]
}

/// The element Status of a command's page.
pub fn status_of(command: Tag) -> Tag {
    [A::Status, F::Status, I::Status, M::Status, G::Status].into_iter().find(|status| status.page() == command.page()).unwrap()
}
