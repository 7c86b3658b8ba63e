//! A message that moves is there afterwards and not here, whole; or it has not moved at all.

use mailx::backend::Order;
use mailx::model::{FolderId, Outcome, RemoteId};

use crate::bed::{Bed, assert_folder_only, folder, list};
use crate::support::Letter;

fn orders(ids: &[&str], to: &FolderId) -> Vec<Order> {
    ids.iter().map(|id| Order::Move { id: RemoteId((*id).into()), to: to.clone() }).collect()
}

fn uids(letters: &[Letter]) -> Vec<u32> {
    letters.iter().map(|l| l.uid).collect()
}

pub async fn carry_flags_dates_and_bytes(bed: &Bed<'_>) {
    if bed.cannot("moves").await {
        return;
    }
    let door = bed.door();
    door.fill(&bed.user, "INBOX", 6, "a");
    door.append(&bed.user, "INBOX", b"Subject: dated\r\n\r\nx\r\n", "\\Seen \\Flagged work", 1_234_567_890);
    door.create(&bed.user, &["Kept/Here"]);
    door.fill(&bed.user, "Kept/Here", 2, "b");
    let before = bed.there("INBOX");
    let mut session = bed.open().await;
    let to = folder(&mut session, "Kept/Here").await.id;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    door.expunge(&bed.user, "INBOX", "4");
    let asked = ["7", "2", "4", "3", "99"];
    let outcomes = session.apply(&id, &cursor, &orders(&asked, &to)).await.unwrap().outcomes;
    assert_eq!(outcomes.len(), asked.len());
    assert_eq!(uids(&bed.there("INBOX")), [1, 5, 6]);
    let there = bed.there("Kept/Here");
    assert_eq!(there.len(), 5);
    for (asked, outcome) in asked.iter().zip(&outcomes) {
        let Some(was) = before.iter().find(|l| l.uid.to_string() == *asked && l.uid != 4) else {
            assert_eq!(*outcome, Outcome::Gone, "{asked}");
            continue;
        };
        let Outcome::Moved { to: target, id } = outcome else { panic!("{asked}: {outcome:?}") };
        assert_eq!(target, &to);
        assert!(id.is_some() || !bed.target.has("UIDPLUS"), "{asked}");
        let same = |l: &&Letter| l.sha256 == was.sha256 && l.flags == was.flags && l.date == was.date;
        let arrived: Vec<&Letter> = there.iter().filter(same).collect();
        assert_eq!(arrived.len(), 1, "{asked}");
        assert!(id.as_ref().is_none_or(|id| id.0.parse() == Ok(arrived[0].uid)));
    }
    // Asked again, they are gone: no second copy is made.
    let again = session.apply(&id, &cursor, &orders(&asked, &to)).await.unwrap().outcomes;
    // SOGo remembers where each one went.
    let gone = |o: &Outcome| *o == Outcome::Gone || (bed.is_active_sync() && matches!(o, Outcome::Moved { .. }));
    assert!(again.iter().all(gone), "{again:?}");
    assert_eq!(bed.there("Kept/Here").len(), 5);
}

pub async fn leave_what_others_marked(bed: &Bed<'_>) {
    if bed.cannot("moves").await {
        return;
    }
    bed.door().fill(&bed.user, "INBOX", 3, "a");
    bed.door().store(&bed.user, "INBOX", "1", "+\\Deleted");
    let mut session = bed.open().await;
    let to = folder(&mut session, "Sent").await.id;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    let outcomes = session.apply(&id, &cursor, &orders(&["3"], &to)).await.unwrap().outcomes;
    match &outcomes[..] {
        [Outcome::Moved { .. }] => {
            assert_eq!((uids(&bed.there("INBOX")), bed.there("Sent").len()), (if bed.hides_marked() { vec![2] } else { vec![1, 2] }, 1));
        }
        // It could not be removed from here, so it was not copied either.
        [Outcome::Refused(why)] => {
            assert!(!bed.target.has("MOVE") && !bed.target.has("UIDPLUS") && !why.is_empty());
            assert_eq!((uids(&bed.there("INBOX")), bed.there("Sent").len()), (vec![1, 2, 3], 0));
        }
        other => panic!("{other:?}"),
    }
}

pub async fn make_a_folder_that_is_missing(bed: &Bed<'_>) {
    if bed.cannot("moves").await {
        return;
    }
    bed.door().fill(&bed.user, "INBOX", 3, "a");
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    let to = FolderId(b"New place".to_vec());
    let outcomes = session.apply(&id, &cursor, &orders(&["1", "3"], &to)).await.unwrap().outcomes;
    if bed.is_active_sync() {
        // Ids are the server's to give: no name makes a folder.
        assert!(outcomes.len() == 2 && outcomes.iter().all(|o| matches!(o, Outcome::Refused(_))), "{outcomes:?}");
        assert_eq!(uids(&bed.there("INBOX")), [1, 2, 3]);
        return;
    }
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Moved { .. })), "{outcomes:?}");
    assert_eq!((uids(&bed.there("INBOX")), uids(&bed.there("New place"))), (vec![2], vec![1, 2]));
}

pub async fn of_another_epoch_are_refused(bed: &Bed<'_>) {
    if bed.cannot("moves").await || bed.ids_outlive_epochs() {
        return;
    }
    bed.door().fill(&bed.user, "INBOX", 2, "a");
    let mut session = bed.open().await;
    let to = folder(&mut session, "Sent").await.id;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    session.close().await.unwrap();
    bed.door().renumber(&bed.user, "INBOX", 4_242_424);
    let mut session = bed.open().await;
    assert_folder_only(&session.apply(&id, &cursor, &orders(&["1"], &to)).await.unwrap_err());
    assert_eq!((bed.there("INBOX").len(), bed.there("Sent").len()), (2, 0));
}
