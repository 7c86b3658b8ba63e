//! Tests of the whole module: the vectors, what servers do, hostile answers, properties.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod address;
mod compose;
mod fetching;
mod folders;
mod hostile;
mod moves;
mod multipart;
mod ping;
mod properties;
mod provision;
mod settings;
mod statuses;
mod sync_requests;
mod sync_responses;

use bytes::BytesMut;

use super::{EasError, FetchDecoder, FetchEvent, SyncDecoder, SyncEvent};
use crate::wire::wbxml::Tag;
use crate::wire::wbxml::tests::node::{Content, Node};
use crate::wire::wbxml::tests::{all, from_hex, read};

/// The octets of a vector, by its whole name.
fn vector(name: &str) -> Vec<u8> {
    from_hex(&read(&format!("{name}.hex")))
}

/// A document as a tree.
fn tree(octets: &[u8]) -> Node {
    Node::from_events(all(octets).unwrap())
}

/// For answers in which every element is known.
fn nothing_skipped(tag: Tag) {
    panic!("{tag} was skipped");
}

/// The tree without these elements.
fn without(node: &Node, tags: &[Tag]) -> Node {
    let content = match &node.content {
        Content::Children(children) => {
            Content::Children(children.iter().filter(|child| !tags.contains(&child.tag)).map(|child| without(child, tags)).collect())
        }
        content => content.clone(),
    };
    Node { tag: node.tag, content }
}

/// An element with children, or an empty one.
fn element(tag: Tag, children: Vec<Node>) -> Node {
    Node { tag, content: if children.is_empty() { Content::Empty } else { Content::Children(children) } }
}

fn leaf(tag: Tag, text: &str) -> Node {
    Node { tag, content: if text.is_empty() { Content::Empty } else { Content::Text(text.to_owned()) } }
}

/// All events of an answer that comes in chunks of `size`; the pieces of a body are joined.
fn sync_events(octets: &[u8], size: usize) -> Result<Vec<SyncEvent>, EasError> {
    let (mut decoder, mut buf, mut found) = (SyncDecoder::new(), BytesMut::new(), Vec::new());
    for chunk in octets.chunks(size.max(1)) {
        buf.extend_from_slice(chunk);
        while let Some(event) = decoder.next(&mut buf)? {
            match (event, found.last_mut()) {
                (SyncEvent::Body(more), Some(SyncEvent::Body(body))) => *body = [&body[..], &more[..]].concat().into(),
                (event, _) => found.push(event),
            }
        }
    }
    decoder.finish()?;
    Ok(found)
}

/// The same of ItemOperations.
fn fetch_events(octets: &[u8], size: usize) -> Result<Vec<FetchEvent>, EasError> {
    let (mut decoder, mut buf, mut found) = (FetchDecoder::new(), BytesMut::new(), Vec::new());
    for chunk in octets.chunks(size.max(1)) {
        buf.extend_from_slice(chunk);
        while let Some(event) = decoder.next(&mut buf)? {
            match (event, found.last_mut()) {
                (FetchEvent::Body(more), Some(FetchEvent::Body(body))) => *body = [&body[..], &more[..]].concat().into(),
                (event, _) => found.push(event),
            }
        }
    }
    decoder.finish()?;
    Ok(found)
}
