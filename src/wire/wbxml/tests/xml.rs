//! As much XML as the vectors and `wbxml2xml` need: elements, default namespaces, text, five entities and character references.

use base64::Engine as _;

use super::super::Tag;
use super::node::{Content, Node};
use super::table::rows;

/// An element with its namespace as it stands there.
#[derive(Debug)]
pub(super) struct Element {
    pub namespace: String,
    pub name: String,
    pub text: String,
    pub children: Vec<Element>,
}

pub(super) fn parse(text: &str) -> Element {
    let mut rest = text;
    // Declaration and document type.
    while let Some(at) = rest.find('<').filter(|&at| rest[at + 1..].starts_with(['?', '!'])) {
        rest = &rest[at + rest[at..].find('>').unwrap() + 1..];
    }
    let (element, rest) = element(&rest[rest.find('<').unwrap()..], "");
    assert_eq!(rest.trim(), "");
    element
}

fn element<'a>(text: &'a str, outer: &str) -> (Element, &'a str) {
    let end = text.find('>').unwrap();
    let (head, mut rest) = (&text[1..end], &text[end + 1..]);
    let is_empty = head.ends_with('/');
    let mut words = head.trim_end_matches('/').splitn(2, ' ');
    let name = words.next().unwrap().to_owned();
    let namespace = words.next().map_or(outer, |w| w.trim().strip_prefix("xmlns=\"").unwrap().strip_suffix('"').unwrap()).to_owned();
    let mut found = Element { namespace, name, text: String::new(), children: Vec::new() };
    if is_empty {
        return (found, rest);
    }
    loop {
        let at = rest.find('<').unwrap();
        found.text += &unescape(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("</") {
            let (closed, after) = after.split_once('>').unwrap();
            assert_eq!(closed, found.name);
            return (found, after);
        }
        let (child, after) = element(rest, &found.namespace);
        found.children.push(child);
        rest = after;
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (entity, after) = after.split_once(';').unwrap();
        out += before;
        out.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            number => char::from_u32(number.strip_prefix('#').unwrap().parse().unwrap()).unwrap(),
        });
        rest = after;
    }
    out + rest
}

/// These stand as base64 in the vectors' XML, and as opaque data in WBXML.
const OPAQUE: [&str; 6] = [
    "ComposeMail:Mime",
    "Email2:ConversationId",
    "Email2:ConversationIndex",
    "AirSyncBase:Content",
    "ItemOperations:ConversationId",
    "Search:ConversationId",
];

impl Element {
    pub fn to_node(&self) -> Node {
        let row = rows().iter().find(|row| row.1 == self.namespace && row.3 == self.name);
        let (page, _, token, ..) = row.unwrap_or_else(|| panic!("{}:{}", self.namespace, self.name));
        let tag = Tag::new(*page, *token);
        let content = if !self.children.is_empty() {
            Content::Children(self.children.iter().map(Self::to_node).collect())
        } else if self.text.is_empty() {
            Content::Empty
        } else if OPAQUE.contains(&tag.to_string().as_str()) {
            Content::Opaque(base64::engine::general_purpose::STANDARD.decode(&self.text).unwrap())
        } else {
            Content::Text(self.text.clone())
        };
        Node { tag, content }
    }
}
