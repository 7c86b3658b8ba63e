//! Marks and cursors: what they promise, and what happens when they are void.

use mailx::backend::LookAt;
use mailx::model::{Cursor, HarvestKind, Need};

use crate::bed::{Bed, folder, list, look, present};

pub async fn marks_are_equal_when_nothing_happened(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 3, "a");
    let mut session = bed.open().await;
    let before = folder(&mut session, "INBOX").await.marks;
    session.close().await.unwrap();
    let mut session = bed.open().await;
    // Looking changes nothing.
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    let _ = crate::bed::fetch(&mut session, &id, &cursor, &[listed[0].id.clone()], mailx::backend::Part::Whole).await;
    assert_eq!(folder(&mut session, "INBOX").await.marks, before);
    bed.door().generate(&bed.user, "INBOX", 1, "b");
    let mut session = bed.fresh(session).await;
    let after = folder(&mut session, "INBOX").await.marks;
    assert!(before.additions.is_none() || after.additions != before.additions);
    assert!(before.everything.is_none() || after.everything != before.everything);
    bed.door().store(&bed.user, "INBOX", "1", "+\\Seen");
    let flagged = folder(&mut session, "INBOX").await.marks;
    let knows_flags = !session.caps().flags.pull.is_empty();
    assert!(after.everything.is_none() || !knows_flags || flagged.everything != after.everything, "a flag is a change, too");
    // One leaves and one comes: the count is the same, the mark is not.
    bed.door().expunge(&bed.user, "INBOX", "4");
    bed.door().generate(&bed.user, "INBOX", 1, "c");
    let mut session = bed.fresh(session).await;
    let swapped = folder(&mut session, "INBOX").await.marks;
    assert!(flagged.additions.is_none() || swapped.additions != flagged.additions);
}

pub async fn additions_since_a_cursor_come_alone(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 4, "a");
    let mut session = bed.open().await;
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    assert_eq!(listed.len(), 4);
    let (nothing, harvest, restarted) = look(&mut session, &id, Some(cursor.clone()), Need::Additions).await;
    let fresh = |found: &[mailx::model::Listed]| found.iter().filter(|l| !listed.iter().any(|k| k.id == l.id)).count();
    assert_eq!((fresh(&present(&nothing)), restarted), (0, false));
    bed.door().expunge(&bed.user, "INBOX", "2,4");
    bed.door().generate(&bed.user, "INBOX", 2, "b");
    let mut session = bed.fresh(session).await;
    let _ = session.folders().await.unwrap();
    for cursor in [cursor, harvest.cursor] {
        let (changes, after, restarted) = look(&mut session, &id, Some(cursor), Need::Additions).await;
        let found = present(&changes);
        assert_eq!((fresh(&found), restarted), (2, false));
        if after.kind == HarvestKind::Delta {
            assert_eq!(found.len(), 2, "no more than asked for: {found:?}");
        }
    }
}

pub async fn an_empty_folder_has_a_cursor(bed: &Bed<'_>) {
    let mut session = bed.open().await;
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    assert!(listed.is_empty());
    bed.deliver("INBOX", b"Subject: first\r\n\r\nx\r\n");
    let mut session = bed.fresh(session).await;
    let _ = session.folders().await.unwrap();
    let (changes, _, restarted) = look(&mut session, &id, Some(cursor), Need::Additions).await;
    assert_eq!((present(&changes).len(), restarted), (1, false));
}

pub async fn another_epoch_restarts_whole(bed: &Bed<'_>) {
    if !bed.has_epochs().await {
        return;
    }
    bed.door().generate(&bed.user, "INBOX", 5, "a");
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    let marks = folder(&mut session, "INBOX").await.marks;
    session.close().await.unwrap();
    bed.renumber("INBOX", 987_654).await;
    let mut session = bed.open().await;
    let now = folder(&mut session, "INBOX").await.marks;
    assert!(marks.additions.is_none() || now.additions != marks.additions);
    let (changes, harvest, restarted) = look(&mut session, &id, Some(cursor), Need::Additions).await;
    let mut ids: Vec<_> = present(&changes).into_iter().map(|l| l.id).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((count, ids.len()), (5, 5), "all of them, none twice");
    assert!(restarted && harvest.kind == HarvestKind::Whole);
    // From here on it is a folder like any other.
    let (_, _, again) = look(&mut session, &id, Some(harvest.cursor), Need::Additions).await;
    assert!(!again);
}

pub async fn nonsense_as_cursor_begins_afresh(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 2, "a");
    let mut session = bed.open().await;
    let id = folder(&mut session, "INBOX").await.id;
    for bytes in [vec![], vec![0; 17], vec![255; 17], b"of another backend".to_vec()] {
        let (changes, harvest, restarted) = look(&mut session, &id, Some(Cursor(bytes.into())), Need::Additions).await;
        assert_eq!(present(&changes).len(), 2);
        assert!(restarted && harvest.kind == HarvestKind::Whole);
    }
}

pub async fn many_folders_are_told_apart(bed: &Bed<'_>) {
    if bed.cannot("folders").await {
        return;
    }
    let names: Vec<String> = (0..12).map(|n| format!("Box {n}")).collect();
    bed.door().create(&bed.user, &names.iter().map(String::as_str).collect::<Vec<_>>());
    for (n, name) in names.iter().enumerate() {
        bed.door().fill(&bed.user, name, n, name);
    }
    let mut session = bed.open().await;
    let infos = session.folders().await.unwrap();
    let gone = mailx::model::FolderId(b"No such box".to_vec());
    let mut at: Vec<LookAt> = names
        .iter()
        .map(|name| infos.iter().find(|i| i.path.to_string() == *name).unwrap().id.clone())
        .map(|folder| LookAt { folder, cursor: None, need: Need::Additions })
        .collect();
    at.insert(4, LookAt { folder: gone, cursor: None, need: Need::Additions });
    let mut counts = vec![0; at.len()];
    let harvests = session.changes(&at, &mut |which, _| counts[which] += 1).await.unwrap();
    assert_eq!(harvests.len(), at.len());
    crate::bed::assert_folder_only(harvests[4].as_ref().unwrap_err());
    counts.remove(4);
    assert_eq!(counts, (0..12).collect::<Vec<_>>());
    assert_eq!(harvests.iter().filter(|h| h.is_ok()).count(), 12);
}
