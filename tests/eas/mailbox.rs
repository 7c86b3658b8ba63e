//! The mailbox of the scripted server, and its honest answers.

use std::collections::BTreeMap;

use mailx::wire::wbxml::page::ComposeMail as C;
use mailx::wire::wbxml::{Tag, Writer, page::AirSync as A, page::AirSyncBase as B, page::Email as E};
use mailx::wire::wbxml::{page::FolderHierarchy as F, page::GetItemEstimate as G, page::ItemOperations as I, page::Move as M};
use mailx::wire::wbxml::{page::Settings as S, write};

use crate::exchange::{Node, Reply, Seen};
use crate::support::maildir;

pub const INBOX: &str = "5";

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
    /// Folders that were removed.
    gone: Vec<String>,
    /// It tells of a change of folders once, whatever the key, as SOGo does; key 0 begins anew, and makes the keys of all folders void.
    pub tells_once: bool,
    /// The folders that it has told of, with their names and parents.
    told: BTreeMap<String, (String, String)>,
    /// Whether ItemOperations answers in parts.
    pub multipart: bool,
    /// It counts what a listing leaves out as nothing.
    pub sizeless: bool,
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

    pub fn unmake(&mut self, id: &str) {
        self.hierarchy += 1;
        self.folders.remove(id);
        self.gone.push(id.into());
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
            ("OPTIONS", _) => Reply::status(200).with("MS-ASProtocolVersions", &self.versions).with(
                "MS-ASProtocolCommands",
                "Sync,FolderSync,FolderCreate,FolderUpdate,FolderDelete,MoveItems,GetItemEstimate,ItemOperations,Settings,Provision,SendMail,SmartReply,SmartForward",
            ),
            ("Provision", Some(_)) => Reply::wbxml(no_policy()),
            ("FolderSync", Some(node)) => Reply::wbxml(self.folder_sync(node)),
            ("FolderCreate", Some(node)) => {
                let id = format!("{}", 100 + self.hierarchy);
                let (name, parent) = (node.text(F::DisplayName).to_owned(), node.text(F::ParentId).to_owned());
                self.make(&id, &name, &parent, 12);
                let key = self.hierarchy.to_string();
                let answer = |edit: &mut Writer<'_>| drop(edit.number(F::Status, 1u32).text(F::SyncKey, &key).text(F::ServerId, &id));
                Reply::wbxml(write(F::FolderCreate, answer).unwrap())
            }
            ("FolderUpdate", Some(node)) => {
                self.hierarchy += 1;
                if let Some(place) = self.folders.get_mut(node.text(F::ServerId)) {
                    (place.name, place.parent) = (node.text(F::DisplayName).into(), node.text(F::ParentId).into());
                }
                Reply::wbxml(self.edited(F::FolderUpdate))
            }
            ("FolderDelete", Some(node)) => {
                self.unmake(node.text(F::ServerId));
                Reply::wbxml(self.edited(F::FolderDelete))
            }
            ("Settings", Some(_)) => Reply::wbxml(
                write(S::Settings, |settings| {
                    settings.number(S::Status, 1u32).element(S::DeviceInformation, |device| drop(device.number(S::Status, 1u32)));
                })
                .unwrap(),
            ),
            ("GetItemEstimate", Some(node)) => Reply::wbxml(self.estimate(node)),
            ("Sync", Some(node)) => self.sync(node, seen.header("ms-asprotocolversion") >= "16.0"),
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

    fn folder_sync(&mut self, node: &Node) -> Vec<u8> {
        let key = node.text(F::SyncKey);
        if self.tells_once {
            return self.folders_once(key);
        }
        write(F::FolderSync, |sync| {
            sync.number(F::Status, 1u32).text(F::SyncKey, &self.hierarchy.to_string());
            sync.element(F::Changes, |changes| {
                // Anything but the newest key is told everything: as good as what changed.
                let same = key == self.hierarchy.to_string();
                let news = if same { 0 } else { self.folders.len() };
                changes.number(F::Count, news as u64);
                for id in self.gone.iter().filter(|_| !same && key != "0") {
                    changes.element(F::Delete, |delete| drop(delete.text(F::ServerId, id)));
                }
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

    fn folders_once(&mut self, key: &str) -> Vec<u8> {
        if key == "0" {
            self.told.clear();
            self.folders.values_mut().for_each(|place| place.epoch += 1);
        }
        let now: BTreeMap<String, (String, String)> =
            self.folders.iter().map(|(id, place)| (id.clone(), (place.name.clone(), place.parent.clone()))).collect();
        let told = std::mem::replace(&mut self.told, now);
        let answer = write(F::FolderSync, |sync| {
            let same = told == self.told;
            sync.number(F::Status, 1u32)
                .text(F::SyncKey, if same && key != "0" { key.to_owned() } else { self.hierarchy.to_string() }.as_str());
            sync.element(F::Changes, |changes| {
                for id in told.keys().filter(|id| !self.told.contains_key(*id)) {
                    changes.element(F::Delete, |delete| drop(delete.text(F::ServerId, id)));
                }
                for (id, (name, parent)) in self.told.iter().filter(|(id, place)| told.get(*id) != Some(place)) {
                    let tag = if told.contains_key(id) { F::Update } else { F::Add };
                    changes.element(tag, |change| {
                        change.text(F::ServerId, id).text(F::ParentId, parent).text(F::DisplayName, name);
                        change.number(F::Type, self.folders[id].kind);
                    });
                }
            });
        });
        answer.unwrap()
    }

    /// Gives a folder another name.
    pub fn rename(&mut self, id: &str, name: &str) {
        self.hierarchy += 1;
        self.folders.get_mut(id).unwrap().name = name.into();
    }

    fn edited(&self, root: Tag) -> Vec<u8> {
        write(root, |edit| drop(edit.number(F::Status, 1u32).text(F::SyncKey, &self.hierarchy.to_string()))).unwrap()
    }

    fn estimate(&self, node: &Node) -> Vec<u8> {
        write(G::GetItemEstimate, |estimate| {
            for one in node.all(G::Collection) {
                let id = one.text(G::CollectionId);
                let told = self.folders.get(id).map_or(0, |place| place.log.len());
                estimate.element(G::Response, |response| {
                    response.number(G::Status, 1u32).element(G::Collection, |collection| {
                        collection.text(G::CollectionId, id).number(G::Estimate, told as u64);
                    });
                });
            }
        })
        .unwrap()
    }

    fn sync(&mut self, node: &Node, drafts: bool) -> Reply {
        let collections: Vec<Node> = node.all(A::Collection).into_iter().cloned().collect();
        let mut any = false;
        let body = write(A::Sync, |sync| {
            sync.element(A::Collections, |all| {
                for one in &collections {
                    any |= self.collection(all, one, drafts);
                }
            });
        })
        .unwrap();
        if any { Reply::wbxml(body) } else { Reply::status(200) }
    }

    fn collection(&mut self, all: &mut Writer<'_>, one: &Node, drafts: bool) -> bool {
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
        let Some(mut at) = at.filter(|at| *at <= place.log.len()) else { return fail(all, 3) };
        let mut failed = Vec::new();
        let mut added = Vec::new();
        if let Some(commands) = one.find(A::Commands) {
            for command in &commands.inner {
                let message = command.text(A::ServerId).to_owned();
                if command.tag == A::Add {
                    let client = command.text(A::ClientId).to_owned();
                    if !drafts || place.kind != 3 {
                        added.push((client, None));
                        continue;
                    }
                    place.next += 1;
                    let new = format!("{id}:{}", place.next);
                    let (body, read) = (command.text(B::Data).as_bytes().to_vec(), command.text(E::Read) == "1");
                    place.letters.push(Letter { id: new.clone(), body, read, flagged: false, categories: Vec::new() });
                    // What a device has sent is not told to it again.
                    place.log.insert(at, Told::Add(new.clone()));
                    at += 1;
                    added.push((client, Some(new)));
                    continue;
                }
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
                if !failed.is_empty() || !added.is_empty() {
                    c.element(A::Responses, |responses| {
                        for (client, new) in &added {
                            responses.element(A::Add, |r| {
                                r.text(A::ClientId, client);
                                match new {
                                    Some(new) => r.text(A::ServerId, new).number(A::Status, 1u32),
                                    None => r.number(A::Status, 6u32),
                                };
                            });
                        }
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
                                commands.element(A::Add, |add| put(add, letter, !self.sizeless));
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

fn put(add: &mut Writer<'_>, letter: &Letter, sized: bool) {
    add.text(A::ServerId, &letter.id).element(A::ApplicationData, |data| {
        // What came long ago is not looked for among what was sent.
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
        data.boolean(E::Read, letter.read).text(E::DateReceived, &now);
        put_categories(data, letter);
        let size = if sized { letter.body.len() as u64 } else { 0 };
        data.element(B::Body, |body| drop(body.number(B::Type, 4u32).number(B::EstimatedDataSize, size)));
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
