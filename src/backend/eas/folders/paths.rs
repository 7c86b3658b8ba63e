//! The tree of folders as paths.

use std::collections::HashMap;

use crate::model::{FolderPath, Role};
use crate::wire::eas::FolderType;

use super::super::device::{Node, Tree};
use super::ROOT;

/// Folders inside each other.
const DEPTH: usize = 32;

/// The path of every folder by its id.
pub(super) fn paths(tree: &Tree) -> HashMap<&str, FolderPath> {
    let nodes: HashMap<&str, &Node> = tree.folders.iter().map(|node| (node.id.as_str(), node)).collect();
    let path = |node: &Node| {
        let mut levels = vec![level(node)];
        let mut above = node.parent.as_str();
        // A folder above that nobody knows is the root; one that is inside itself ends somewhere.
        while let Some(next) = nodes.get(above).filter(|_| levels.len() < DEPTH) {
            levels.push(level(next));
            above = &next.parent;
        }
        levels.reverse();
        FolderPath::new(levels)
    };
    nodes.values().filter_map(|node| Some((node.id.as_str(), path(node)?))).collect()
}

/// The name of one level. The Inbox has the name that it has everywhere.
fn level(node: &Node) -> String {
    match node.kind() {
        FolderType::Inbox => "INBOX".into(),
        // No level is empty.
        _ if node.name.trim().is_empty() => format!("({})", node.id),
        _ => node.name.clone(),
    }
}

/// There is no type for junk and archive: their names tell, where they are the usual ones.
pub(super) fn role(node: &Node) -> Option<Role> {
    match node.kind() {
        FolderType::Inbox => Some(Role::Inbox),
        FolderType::Drafts => Some(Role::Drafts),
        FolderType::DeletedItems => Some(Role::Trash),
        FolderType::SentItems => Some(Role::Sent),
        FolderType::Mail if node.parent == ROOT => match node.name.to_ascii_lowercase().as_str() {
            "junk" | "junk email" | "junk e-mail" | "spam" => Some(Role::Junk),
            "archive" | "archives" => Some(Role::Archive),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_hold_whatever_names_hold() {
        let nodes = [
            ("1", "0", "Posteingang", 2),
            ("2", "1", "a/b", 12),
            ("3", "2", "", 12),
            ("4", "404", "lost", 12),
            ("5", "6", "round", 12),
            ("6", "5", "and round", 12),
            ("7", "0", "Junk E-mail", 12),
            ("8", "7", "Junk", 12),
        ];
        let node =
            |(id, parent, name, kind): (&str, &str, &str, u32)| Node { id: id.into(), parent: parent.into(), name: name.into(), kind };
        let tree = Tree { key: "1".into(), folders: nodes.into_iter().map(node).collect() };
        let paths = paths(&tree);
        let levels = |id: &str| paths[id].levels().to_vec();
        assert!(paths["1"].is_inbox());
        assert_eq!(levels("2"), ["INBOX", "a/b"]);
        assert_eq!(levels("3"), ["INBOX", "a/b", "(3)"]);
        assert_eq!(levels("4"), ["lost"]);
        assert_eq!(levels("5").len(), DEPTH);
        let roles: Vec<Option<Role>> = tree.folders.iter().map(role).collect();
        assert_eq!((roles[0], roles[6], roles[7]), (Some(Role::Inbox), Some(Role::Junk), None));
    }
}
