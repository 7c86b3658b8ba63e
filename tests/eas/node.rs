//! WBXML documents as trees, for a peer that says what it likes.

use bytes::BytesMut;
use mailx::wire::wbxml::{Event, Limits, Reader, Tag, Writer, write};

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub tag: Tag,
    pub inside: Inside,
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    Nodes(Vec<Node>),
    Text(String),
    Opaque(Vec<u8>),
}

/// An element with others in it.
pub fn node(tag: Tag, inside: impl IntoIterator<Item = Node>) -> Node {
    Node { tag, inside: Inside::Nodes(inside.into_iter().collect()) }
}

/// An element with a text.
pub fn text(tag: Tag, text: impl ToString) -> Node {
    Node { tag, inside: Inside::Text(text.to_string()) }
}

/// An element with opaque data.
pub fn opaque(tag: Tag, octets: impl Into<Vec<u8>>) -> Node {
    Node { tag, inside: Inside::Opaque(octets.into()) }
}

impl Node {
    pub fn encode(&self) -> Vec<u8> {
        let Inside::Nodes(nodes) = &self.inside else { panic!("a document is an element with others in it") };
        write(self.tag, |root| nodes.iter().for_each(|node| node.put(root))).unwrap()
    }

    fn put(&self, into: &mut Writer<'_>) {
        match &self.inside {
            Inside::Nodes(nodes) => into.element(self.tag, |inner| nodes.iter().for_each(|node| node.put(inner))),
            Inside::Text(text) => into.text(self.tag, text),
            Inside::Opaque(octets) => into.opaque(self.tag, octets),
        };
    }

    /// Reads a request; what it holds is text.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let (mut reader, mut buf) = (Reader::new(Limits::default()), BytesMut::from(octets));
        let mut open: Vec<(Tag, Vec<Self>, Vec<u8>)> = Vec::new();
        while let Some(event) = reader.next(&mut buf).unwrap() {
            match event {
                Event::Start(tag) => open.push((tag, Vec::new(), Vec::new())),
                Event::Text(piece) | Event::Opaque(piece) => open.last_mut()?.2.extend_from_slice(&piece),
                Event::End(_) => {
                    let (tag, nodes, value) = open.pop()?;
                    let inside = if value.is_empty() { Inside::Nodes(nodes) } else { Inside::Text(String::from_utf8(value).unwrap()) };
                    let node = Self { tag, inside };
                    match open.last_mut() {
                        Some(above) => above.1.push(node),
                        None => return Some(node),
                    }
                }
                Event::Skipped(tag) => panic!("mailx sends what no table knows: {tag}"),
            }
        }
        None
    }

    /// The elements in it.
    pub fn nodes(&self) -> &[Self] {
        match &self.inside {
            Inside::Nodes(nodes) => nodes,
            _ => &[],
        }
    }

    /// The first element of that tag in it.
    pub fn child(&self, tag: Tag) -> Option<&Self> {
        self.nodes().iter().find(|node| node.tag == tag)
    }

    /// The first element at the end of a path of tags.
    pub fn at(&self, path: &[Tag]) -> Option<&Self> {
        path.iter().try_fold(self, |node, tag| node.child(*tag))
    }

    /// Its text; an empty element has an empty one.
    pub fn value(&self) -> &str {
        match &self.inside {
            Inside::Text(text) => text,
            _ => "",
        }
    }

    /// The text of the element at the end of a path.
    pub fn said(&self, path: &[Tag]) -> Option<&str> {
        self.at(path).map(Self::value)
    }
}
