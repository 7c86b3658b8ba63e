//! A document as a tree, so that what was read, written and spelled as XML can be compared.

use super::super::{Event, Tag, WbxmlError, Writer, write};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) struct Node {
    pub tag: Tag,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) enum Content {
    Empty,
    Text(String),
    Opaque(Vec<u8>),
    Children(Vec<Node>),
}

impl Node {
    pub fn write(&self) -> Result<Vec<u8>, WbxmlError> {
        write(self.tag, |root| {
            // The outermost element has no other way to hold text than a child's; no document has it.
            if let Content::Children(children) = &self.content {
                for child in children {
                    child.put(root);
                }
            }
        })
    }

    fn put(&self, writer: &mut Writer<'_>) {
        match &self.content {
            Content::Empty => writer.empty(self.tag),
            Content::Text(text) => writer.text(self.tag, text),
            Content::Opaque(data) => writer.opaque(self.tag, data),
            Content::Children(children) => writer.element(self.tag, |writer| children.iter().for_each(|child| child.put(writer))),
        };
    }

    /// From the events of a whole document. Skipped elements are left out, as a reader of the protocol does.
    pub fn from_events(events: Vec<Event>) -> Self {
        let mut open: Vec<Node> = Vec::new();
        for event in events {
            match event {
                Event::Start(tag) => open.push(Node { tag, content: Content::Empty }),
                Event::Text(text) => {
                    let text = String::from_utf8(text.to_vec()).unwrap();
                    open.last_mut().unwrap().content = Content::Text(text);
                }
                Event::Opaque(data) => open.last_mut().unwrap().content = Content::Opaque(data.to_vec()),
                Event::Skipped(_) => {}
                Event::End(tag) => {
                    let node = open.pop().unwrap();
                    assert_eq!(node.tag, tag);
                    let Some(parent) = open.last_mut() else { return node };
                    match &mut parent.content {
                        Content::Children(children) => children.push(node),
                        other => *other = Content::Children(vec![node]),
                    }
                }
            }
        }
        panic!("no end of the document");
    }
}
