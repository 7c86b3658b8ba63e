//! All 76 vectors: the XML written is the hex, the hex read is the XML.

use super::super::{Limits, WbxmlError};
use super::node::{Content, Node};
use super::{all, events, from_hex, page, read, vector_names, xml};

#[test]
fn every_vector_is_written_as_its_octets() {
    for name in vector_names() {
        let node = xml::parse(&read(&format!("{name}.xml"))).to_node();
        assert_eq!(node.write().unwrap(), from_hex(&read(&format!("{name}.hex"))), "{name}");
    }
}

#[test]
fn every_vector_is_read_as_its_elements_in_any_chunks() {
    for name in vector_names() {
        let octets = from_hex(&read(&format!("{name}.hex")));
        let node = xml::parse(&read(&format!("{name}.xml"))).to_node();
        for size in [1, 2, 3, 7, octets.len()] {
            let found = events(&octets, &[size], Limits::default()).unwrap();
            assert_eq!(Node::from_events(found), node, "{name} in chunks of {size}");
        }
    }
}

/// What each case of edge.tsv means, in its own words' order; the last column of the vectors' reader.
#[test]
fn edge_cases_are_read_as_they_are_meant() {
    let text = |tag, text: &str| Node { tag, content: Content::Text(text.to_owned()) };
    let inside = |tag, children| Node { tag, content: Content::Children(children) };
    let empty = |tag| Node { tag, content: Content::Empty };
    let folders = |children| inside(page::FolderHierarchy::FolderSync, children);
    let status = |value| text(page::FolderHierarchy::Status, value);
    let key = |value| text(page::FolderHierarchy::SyncKey, value);
    let changes = inside(page::FolderHierarchy::Changes, vec![empty(page::FolderHierarchy::Count)]);
    let body = |body| {
        use page::AirSync as A;
        let nest = [A::ApplicationData, A::Add, A::Commands, A::Collection, A::Collections, A::Sync];
        nest.into_iter().fold(body, |node, tag| inside(tag, vec![node]))
    };
    let data = Node { tag: page::AirSyncBase::Data, content: Content::Opaque(b"Hi".to_vec()) };
    let mime = Node { tag: page::ComposeMail::Mime, content: Content::Opaque(vec![b'A'; 200]) };
    let class = inside(page::AirSync::Collection, vec![text(page::AirSync::Class, "Email")]);
    let wanted: Vec<(&str, Result<Node, WbxmlError>)> = vec![
        ("edge-content-bit-empty", Ok(folders(vec![status("1"), key("1"), changes]))),
        ("edge-redundant-switch", Ok(folders(vec![status("9")]))),
        ("edge-double-switch", Ok(folders(vec![status("9")]))),
        ("edge-split-text", Ok(folders(vec![key("12")]))),
        ("edge-opaque-text", Ok(body(inside(page::AirSyncBase::Body, vec![text(page::AirSyncBase::Type, "1"), data])))),
        ("edge-opaque-len-2byte", Ok(inside(page::ComposeMail::SendMail, vec![mime]))),
        ("edge-unknown-tag", Ok(folders(vec![status("1")]))),
        ("edge-unknown-page", Ok(folders(vec![status("1")]))),
        ("edge-string-table", Ok(inside(page::AirSync::Sync, vec![inside(page::AirSync::Collections, vec![class])]))),
        ("bad-truncated-opaque", Err(WbxmlError::Truncated)),
        ("bad-unterminated-str", Err(WbxmlError::Truncated)),
        ("bad-missing-end", Err(WbxmlError::Truncated)),
        ("bad-extra-end", Err(WbxmlError::Trailing)),
        ("bad-attributes", Err(WbxmlError::Attributes(page::FolderHierarchy::FolderSync))),
        ("bad-mb-overflow", Err(WbxmlError::Number)),
        ("bad-charset", Err(WbxmlError::Charset(4))),
        ("bad-deep", Err(WbxmlError::TooDeep)),
        ("bad-short-header", Err(WbxmlError::Truncated)),
    ];
    let table = read("edge.tsv");
    let cases: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(cases.len(), wanted.len());
    for (case, (name, meant)) in cases.iter().zip(wanted) {
        assert_eq!(case[0], name);
        assert_eq!(case[1] == "ok", meant.is_ok());
        assert_eq!(all(&from_hex(case[4])).map(Node::from_events), meant, "{name}");
    }
}
