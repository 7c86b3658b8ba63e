//! Folders are made, renamed and removed; never one with mail in it, and never twice.

use std::collections::BTreeSet;

use mailx::backend::{FolderOrder, FolderOutcome, Session};
use mailx::model::{FolderId, FolderPath, Need};

use crate::bed::{Bed, folder, list, look};

fn path(levels: &[&str]) -> FolderPath {
    FolderPath::new(levels.iter().map(ToString::to_string)).unwrap()
}

fn make(levels: &[&str]) -> FolderOrder {
    FolderOrder::Create { path: path(levels) }
}

async fn paths(session: &mut Box<dyn Session>) -> BTreeSet<String> {
    session.folders().await.unwrap().into_iter().map(|f| f.path.to_string()).collect()
}

async fn all_done(session: &mut Box<dyn Session>, orders: &[FolderOrder]) {
    let outcomes = session.reshape(orders).await.unwrap();
    assert_eq!(outcomes, vec![FolderOutcome::Done; orders.len()]);
}

const NAMES: [&[&str]; 5] = [&["Work"], &["Work", "2024", "Größe & ß"], &["会議", "a\\b \"c\""], &["100 %"], &["INBOX", "Below"]];

pub async fn makes_folders_with_what_lies_above(bed: &Bed<'_>) {
    if bed.cannot("folders").await {
        return;
    }
    let mut session = bed.open().await;
    let orders: Vec<FolderOrder> = NAMES.iter().map(|levels| make(levels)).collect();
    all_done(&mut session, &orders).await;
    let there = paths(&mut session).await;
    for levels in NAMES {
        assert!(there.contains(&levels.join("/")), "{levels:?} is not in {there:?}");
        let info = folder(&mut session, &levels.join("/")).await;
        assert_eq!(info.path.levels(), levels);
    }
    // What is there already is fine, in this session and in one that has not looked.
    all_done(&mut session, &orders).await;
    all_done(&mut session, &[make(&["INBOX"]), make(&["Sent"])]).await;
    session.close().await.unwrap();
    let mut session = bed.open().await;
    all_done(&mut session, &orders).await;
    assert_eq!(paths(&mut session).await, there);
    session.close().await.unwrap();
    assert!(bed.door().subscribed(&bed.user).contains(&"Work/2024/Größe & ß".to_owned()));
    // They are folders like any others.
    bed.deliver("Work/2024/Größe & ß", b"Subject: x\r\n\r\n");
    let mut session = bed.open().await;
    assert_eq!(list(&mut session, "Work/2024/Größe & ß").await.1.len(), 1);
}

pub async fn renames_with_what_lies_below(bed: &Bed<'_>) {
    if bed.cannot("folders").await {
        return;
    }
    bed.door().create(&bed.user, &["Old", "Old/Below", "Taken"]);
    bed.door().fill(&bed.user, "Old", 2, "a");
    bed.door().fill(&bed.user, "Old/Below", 1, "b");
    let mut session = bed.open().await;
    let id = folder(&mut session, "Old").await.id;
    let (before, ..) = look(&mut session, &id, None, Need::Additions).await;
    // It is open: it is left first.
    let to = |levels: &[&str]| FolderOrder::Rename { id: id.clone(), to: path(levels) };
    all_done(&mut session, &[to(&["New", "ümlaut"])]).await;
    let there = paths(&mut session).await;
    assert!(there.contains("New/ümlaut") && there.contains("New/ümlaut/Below") && !there.contains("Old") && !there.contains("Old/Below"));
    assert_eq!((bed.there("New/ümlaut").len(), bed.there("New/ümlaut/Below").len(), before.len()), (2, 1, 2));
    // Asked again it is found done; into a place that is taken, and of what never was, it is refused.
    all_done(&mut session, &[to(&["New", "ümlaut"])]).await;
    let now = folder(&mut session, "New/ümlaut").await.id;
    let inbox = folder(&mut session, "INBOX").await.id;
    let orders = [
        FolderOrder::Rename { id: now.clone(), to: path(&["Taken"]) },
        FolderOrder::Rename { id: FolderId(b"Never".to_vec()), to: path(&["Nowhere"]) },
        FolderOrder::Rename { id: inbox, to: path(&["Box"]) },
        FolderOrder::Rename { id: now, to: path(&["INBOX"]) },
    ];
    let outcomes = session.reshape(&orders).await.unwrap();
    assert!(outcomes.iter().all(|o| matches!(o, FolderOutcome::Refused(why) if !why.is_empty())), "{outcomes:?}");
    assert_eq!(bed.there("New/ümlaut").len(), 2);
}

pub async fn removes_empty_folders_only(bed: &Bed<'_>) {
    if bed.cannot("folders").await {
        return;
    }
    bed.door().create(&bed.user, &["Empty", "Full", "Above/Below", "Above"]);
    bed.door().fill(&bed.user, "Full", 2, "a");
    bed.door().fill(&bed.user, "Above/Below", 1, "a");
    let mut session = bed.open().await;
    let mut ids = Vec::new();
    for name in ["Empty", "Full", "Above", "INBOX"] {
        ids.push(folder(&mut session, name).await.id);
    }
    // Open one that is to go, and let mail come into it behind our back first.
    look(&mut session, &ids[0], None, Need::Additions).await;
    bed.door().fill(&bed.user, "Empty", 1, "late");
    let remove = |id: &FolderId| FolderOrder::Remove { id: id.clone() };
    let outcomes = session.reshape(&[remove(&ids[0])]).await.unwrap();
    assert!(matches!(&outcomes[..], [FolderOutcome::Refused(why)] if why.contains("message") || why.contains("mail")), "{outcomes:?}");
    bed.door().expunge(&bed.user, "Empty", "1:*");
    let outcomes = session.reshape(&ids.iter().map(remove).collect::<Vec<_>>()).await.unwrap();
    let refused = |o: &FolderOutcome| matches!(o, FolderOutcome::Refused(why) if !why.is_empty());
    assert!(outcomes[0] == FolderOutcome::Done && refused(&outcomes[1]) && refused(&outcomes[3]), "{outcomes:?}");
    let there = paths(&mut session).await;
    assert!(!there.contains("Empty") && there.contains("Full") && there.contains("Above/Below") && there.contains("INBOX"));
    // What lies below stays, whatever the server makes of the one above.
    assert_eq!((bed.there("Full").len(), bed.there("Above/Below").len()), (2, 1));
    assert_eq!(outcomes[2] == FolderOutcome::Done, !there.contains("Above"), "{outcomes:?}");
    all_done(&mut session, &[remove(&ids[0]), remove(&FolderId(b"Never".to_vec()))]).await;
}

pub async fn says_which_names_cannot_be(bed: &Bed<'_>) {
    if bed.cannot("folders").await {
        return;
    }
    let mut session = bed.open().await;
    let before = paths(&mut session).await;
    let outcomes = session.reshape(&[make(&["a/b"]), make(&["line\r\nA9 DELETE INBOX"]), make(&["nul\0"])]).await.unwrap();
    assert!(outcomes.iter().all(|o| matches!(o, FolderOutcome::Refused(why) if !why.is_empty())), "{outcomes:?}");
    assert_eq!(paths(&mut session).await, before);
}
