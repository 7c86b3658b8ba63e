//! Folders, their names, their roles.

use std::collections::BTreeSet;

use mailx::model::Role;
use mailx::model::caps::Folders;

use crate::bed::Bed;

const NAMES: [&str; 4] = ["Archive/2024/Größe & ß", "会議", "a\\b \"c\"", "per cent"];

pub async fn are_listed_decoded_and_with_their_roles(bed: &Bed<'_>) {
    let mut session = bed.open().await;
    if session.caps().folders == Folders::InboxOnly {
        let all = session.folders().await.unwrap();
        assert!(all.len() == 1 && all[0].path.is_inbox() && all[0].role == Some(Role::Inbox), "{all:?}");
        session.close().await.unwrap();
        assert!(bed.cannot("folders").await);
        return;
    }
    // The first list may be as old as the login.
    session.folders().await.unwrap();
    bed.door().create(&bed.user, &NAMES);
    bed.deliver(NAMES[0], b"Subject: x\r\n\r\nx\r\n");
    let listed = session.folders().await.unwrap();
    let paths: BTreeSet<String> = listed.iter().map(|f| f.path.to_string()).collect();
    // SOGo leaves out what it would have to quote.
    let names = NAMES.iter().filter(|name| !bed.is_active_sync() || !name.contains('"'));
    for name in names.chain(&["INBOX", "Drafts", "Sent", "Trash", "Junk"]) {
        assert!(paths.contains(*name), "{name} is not in {paths:?}");
    }
    assert_eq!(paths.len(), listed.len(), "none twice");
    let role = |path: &str| listed.iter().find(|f| f.path.to_string() == path).unwrap().role;
    assert_eq!(role("INBOX"), Some(Role::Inbox));
    for (path, wanted) in [("Junk", Role::Junk), ("Trash", Role::Trash), ("Sent", Role::Sent), ("Drafts", Role::Drafts)] {
        // Without the extension a server may still tell in LIST; nobody else's role is ever told.
        assert!(role(path) == Some(wanted) || (!bed.target.has("SPECIAL-USE") && role(path).is_none()), "{path}: {:?}", role(path));
    }
    let filled = listed.iter().find(|f| f.path.to_string() == NAMES[0]).unwrap();
    assert!(matches!(filled.messages, None | Some(1)), "{filled:?}");
    assert_eq!(filled.path.levels().len(), 3);
}

pub async fn are_listed_the_same_again(bed: &Bed<'_>) {
    bed.door().create(&bed.user, &["One/Two"]);
    let mut session = bed.open().await;
    let first = session.folders().await.unwrap();
    assert_eq!(session.folders().await.unwrap(), first);
    session.close().await.unwrap();
    assert_eq!(bed.open().await.folders().await.unwrap(), first);
}
