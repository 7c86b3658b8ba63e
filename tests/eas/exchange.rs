//! What is asked of the scripted server, and what it answers.

use std::collections::BTreeMap;

use bytes::BytesMut;
use mailx::wire::wbxml::{Event, Limits, Reader, Tag, page::AirSync as A, write};

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
    /// The query came in base64; `query` and the headers are what it says.
    pub packed: bool,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Option<Node>,
    /// A message that is the body.
    pub message: Option<Vec<u8>>,
    /// How many of this command came before, since the record was last taken.
    pub before: usize,
    /// How many of all commands.
    pub number: usize,
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

/// A Sync that says one status of one message of one folder, in the answer to a command of ours.
pub fn item_status(node: &Node, command: Tag, code: u32) -> Reply {
    let (folder, id) = (node.text(A::CollectionId), node.find(command).map_or("", |command| command.text(A::ServerId)));
    Reply::wbxml(
        write(A::Sync, |sync| {
            sync.element(A::Collections, |all| {
                all.element(A::Collection, |one| {
                    one.text(A::SyncKey, node.text(A::SyncKey)).text(A::CollectionId, folder).number(A::Status, 1u32);
                    one.element(A::Responses, |responses| {
                        responses.element(command, |answer| {
                            match command {
                                A::Add => answer.text(A::ClientId, node.text(A::ClientId)),
                                _ => answer.text(A::ServerId, id),
                            };
                            answer.number(A::Status, code);
                        });
                    });
                });
            });
        })
        .unwrap(),
    )
}

/// Reads a document.
pub fn read(octets: &[u8]) -> Node {
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
