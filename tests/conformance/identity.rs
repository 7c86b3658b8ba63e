//! Ids hold within their epoch, and contents never decide where ids do.

use std::collections::BTreeSet;

use mailx::model::caps::Identity;

use crate::bed::{Bed, list};

pub async fn ids_are_unique_and_stay(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 8, "a");
    let mut session = bed.open().await;
    let (uids, (_, first, _)) = (bed.uids("INBOX"), list(&mut session, "INBOX").await);
    let ids: BTreeSet<_> = first.iter().map(|l| l.id.clone()).collect();
    assert_eq!(ids.len(), 8);
    session.close().await.unwrap();
    bed.door().expunge(&bed.user, "INBOX", &uids[3].to_string());
    let mut session = bed.open().await;
    let (_, second, _) = list(&mut session, "INBOX").await;
    let left: BTreeSet<_> = second.iter().map(|l| l.id.clone()).collect();
    assert_eq!(left, ids.into_iter().filter(|id| *id != first[3].id).collect());
    // Permanent ids where declared, and only there.
    let permanent = session.caps().identity == Identity::Permanent;
    assert!(second.iter().all(|l| l.permanent.is_some() == permanent));
}

pub async fn two_identical_messages_are_two(bed: &Bed<'_>) {
    for _ in 0..2 {
        bed.deliver("INBOX", b"Message-ID: <a@b>\r\n\r\nsame\r\n");
    }
    let mut session = bed.open().await;
    let (_, listed, _) = list(&mut session, "INBOX").await;
    assert_eq!(listed.len(), 2);
    assert_ne!(listed[0].id, listed[1].id);
}
