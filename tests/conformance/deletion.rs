//! Deletion removes those and no others; where it cannot, it says so and changes nothing.

use mailx::backend::{Order, Part, Session};
use mailx::model::caps::Identity;
use mailx::model::{Cursor, FolderId, Listed, Outcome, RemoteId};

use crate::bed::{Bed, assert_folder_only, fetch, list};

fn orders(ids: &[&str]) -> Vec<Order> {
    ids.iter().map(|id| Order::Delete { id: RemoteId((*id).into()) }).collect()
}

/// Orders about the messages with these numbers of the back door, which `listed` tells in their order; read first where ids alone are not
/// enough.
async fn of(
    bed: &Bed<'_>,
    session: &mut Box<dyn Session>,
    (id, listed, cursor): &(FolderId, Vec<Listed>, Cursor),
    uids: &[u32],
) -> Vec<Order> {
    let all = bed.uids("INBOX");
    let ids: Vec<RemoteId> = uids.iter().map(|uid| listed[all.iter().position(|u| u == uid).unwrap()].id.clone()).collect();
    if session.caps().identity == Identity::ByContent {
        let unread: Vec<Order> = ids.iter().map(|id| Order::Delete { id: id.clone() }).collect();
        let outcomes = session.apply(id, cursor, &unread).await.unwrap().outcomes;
        assert!(outcomes.iter().all(|o| matches!(o, Outcome::Refused(_))), "not read, and not sure: {outcomes:?}");
        fetch(session, id, cursor, &ids, Part::Whole).await;
    }
    ids.into_iter().map(|id| Order::Delete { id }).collect()
}

fn left(bed: &Bed<'_>, folder: &str) -> Vec<u32> {
    bed.there(folder).iter().map(|l| l.uid).collect()
}

pub async fn removes_these_and_no_others(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 9, "a");
    let mut session = bed.open().await;
    list(&mut session, "INBOX").await;
    let known = list(&mut session, "INBOX").await;
    let asked = of(bed, &mut session, &known, &[2, 9, 3]).await;
    let (id, _, cursor) = known;
    let step = session.apply(&id, &cursor, &asked).await.unwrap();
    let (outcomes, cursor) = (step.outcomes, step.cursor.unwrap_or(cursor));
    assert_eq!(outcomes.len(), 3);
    let now = session.caps().delete.now;
    if !now {
        assert!(session.caps().gaps().iter().any(|g| g.word == "delete-now"));
    }
    for outcome in &outcomes {
        match outcome {
            Outcome::Done { .. } => {}
            // Only where it cannot be removed for good.
            Outcome::Moved { id, .. } => assert!(!now && (id.is_some() || !bed.target.has("UIDPLUS"))),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(left(bed, "INBOX"), [1, 4, 5, 6, 7, 8]);
    let moved = outcomes.iter().filter(|o| matches!(o, Outcome::Moved { .. })).count();
    // SOGo keeps a copy in the trash, whatever it is told.
    let moved = if bed.is_active_sync() { 3 } else { moved };
    assert_eq!(bed.there("Trash").len(), moved);
    // Asked again, they are gone: orders are safe to repeat.
    let again = session.apply(&id, &cursor, &asked).await.unwrap().outcomes;
    let nothing = |o: &Outcome| matches!(o, Outcome::Gone | Outcome::Unlisted | Outcome::Done { .. } | Outcome::Moved { id: None, .. });
    assert!(again.iter().all(nothing), "{again:?}");
    assert_eq!((left(bed, "INBOX").len(), bed.there("Trash").len()), (6, moved));
}

pub async fn spares_what_others_marked(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 3, "a");
    bed.door().store(&bed.user, "INBOX", "1", "+\\Deleted");
    let mut session = bed.open().await;
    let known = list(&mut session, "INBOX").await;
    let asked = of(bed, &mut session, &known, &[3]).await;
    let (id, _, cursor) = known;
    let outcomes = session.apply(&id, &cursor, &asked).await.unwrap().outcomes;
    match &outcomes[..] {
        [Outcome::Done { .. } | Outcome::Moved { .. }] => {
            assert_eq!(left(bed, "INBOX"), if bed.hides_marked() { vec![2] } else { vec![1, 2] });
            assert!(bed.door().list(&bed.user)["INBOX"].iter().any(|l| l.uid == 1), "what others marked is theirs to remove");
        }
        [Outcome::Refused(why)] => {
            assert!(!session.caps().delete.now && session.caps().gaps().iter().any(|g| g.word == "delete-now"));
            assert!(!why.is_empty());
            assert_eq!(left(bed, "INBOX"), [1, 2, 3]);
        }
        other => panic!("{other:?}"),
    }
}

pub async fn of_another_epoch_is_refused(bed: &Bed<'_>) {
    if !bed.has_epochs().await {
        return;
    }
    bed.door().generate(&bed.user, "INBOX", 2, "a");
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    session.close().await.unwrap();
    bed.renumber("INBOX", 4_242_424).await;
    let mut session = bed.open().await;
    let error = session.apply(&id, &cursor, &orders(&["1"])).await.unwrap_err();
    assert_folder_only(&error);
    assert_eq!(left(bed, "INBOX").len(), 2);
}

pub async fn of_nothing_is_gone(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 1, "a");
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    assert_eq!(session.apply(&id, &cursor, &[]).await.unwrap().outcomes, []);
    let outcomes = session.apply(&id, &cursor, &orders(&["77", "not an id"])).await.unwrap().outcomes;
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|o| !matches!(o, Outcome::Refused(_) | Outcome::Uncertain)), "{outcomes:?}");
    assert_eq!(left(bed, "INBOX"), [1]);
}
