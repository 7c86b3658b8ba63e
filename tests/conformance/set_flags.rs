//! Flags are set and cleared one by one, and nothing else of a message changes.

use mailx::backend::Order;
use mailx::model::{FlagState, Outcome, RemoteId};

use crate::bed::{Bed, assert_folder_only, list};

pub fn flags(text: &str) -> FlagState {
    FlagState::from_imap(text.split_whitespace()).0
}

fn set(id: &str, add: &str, remove: &str) -> Order {
    Order::SetFlags { id: RemoteId(id.into()), add: flags(add), remove: flags(remove) }
}

fn of(bed: &Bed<'_>, uid: u32) -> String {
    bed.there("INBOX").iter().find(|l| l.uid == uid).unwrap().flags.join(" ")
}

pub async fn sets_and_clears_each_alone(bed: &Bed<'_>) {
    if bed.cannot("flags-push").await {
        return;
    }
    if bed.is_active_sync() {
        return sets_and_clears_what_it_can(bed).await;
    }
    bed.door().fill(&bed.user, "INBOX", 6, "a");
    bed.door().store(&bed.user, "INBOX", "1:3", "+\\Answered other $Forwarded");
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    bed.door().expunge(&bed.user, "INBOX", "5");
    let orders = [
        set("1", "\\Seen work", "\\Answered"),
        set("2", "\\Seen work", "\\Answered"),
        set("3", "", "$Forwarded other"),
        set("5", "\\Seen", ""),
        set("4", "\\Flagged \\Draft \\Deleted $Forwarded", ""),
        set("no id", "\\Seen", ""),
        set("99", "", "\\Seen"),
        set("6", "", ""),
    ];
    let outcomes = session.apply(&id, &cursor, &orders).await.unwrap().outcomes;
    let done = Outcome::Done { id: None };
    let gone = Outcome::Gone;
    let want = [&done, &done, &done, &gone, &done, &gone, &gone, &done];
    assert_eq!(outcomes.iter().collect::<Vec<_>>(), want);
    assert_eq!(of(bed, 1), "$Forwarded \\Seen other work");
    assert_eq!(of(bed, 2), of(bed, 1));
    assert_eq!(of(bed, 3), "\\Answered");
    assert_eq!(of(bed, 4), "$Forwarded \\Deleted \\Draft \\Flagged");
    assert_eq!(of(bed, 6), "");
    // Asked again, nothing changes: orders are safe to repeat.
    let again = session.apply(&id, &cursor, &orders[..3]).await.unwrap().outcomes;
    assert!(again.iter().all(|o| *o == done), "{again:?}");
    assert_eq!(of(bed, 1), "$Forwarded \\Seen other work");
}

/// Where some flags can be set, and the rest cannot.
async fn sets_and_clears_what_it_can(bed: &Bed<'_>) {
    bed.door().expunge(&bed.user, "INBOX", "1:*");
    bed.door().fill(&bed.user, "INBOX", 4, "a");
    let uid = |n: usize| bed.there("INBOX")[n].uid;
    bed.door().store(&bed.user, "INBOX", &format!("{}:{}", uid(0), uid(1)), "+\\Answered other \\Seen");
    let mut session = bed.open().await;
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    let ids: Vec<String> = listed.iter().map(|l| l.id.0.to_string()).collect();
    let orders = [
        set(&ids[0], "\\Flagged", "\\Seen"),
        set(&ids[1], "\\Flagged work", "\\Answered"),
        set(&ids[2], "\\Seen", ""),
        set(&ids[3], "\\Seen \\Flagged", ""),
        set(&ids[3], "", "\\Flagged"),
    ];
    let mut step = session.apply(&id, &cursor, &orders).await.unwrap();
    assert!(matches!(step.outcomes[1], Outcome::Short(_)), "{:?}", step.outcomes);
    step.outcomes.remove(1);
    assert_eq!(step.outcomes, vec![Outcome::Done { id: None }; 4]);
    let all: Vec<String> = (0..4).map(|n| of(bed, uid(n))).collect();
    assert_eq!(all, ["\\Answered \\Flagged other", "\\Answered \\Flagged \\Seen other", "\\Seen", "\\Seen"]);
    // Asked again, nothing changes: orders are safe to repeat.
    let cursor = step.cursor.take().unwrap_or(cursor);
    session.apply(&id, &cursor, &orders[..3]).await.unwrap();
    assert_eq!((0..4).map(|n| of(bed, uid(n))).collect::<Vec<_>>(), all);
}

pub async fn many_at_once_in_few_commands(bed: &Bed<'_>) {
    if bed.cannot("flags-push").await {
        return;
    }
    bed.door().fill(&bed.user, "INBOX", 1500, "a");
    let mut session = bed.open().await;
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    // Scattered, so that their sets are long, and in no order.
    let other = if bed.is_active_sync() { "\\Flagged" } else { "k" };
    // Whatever is there beside them.
    let (listed, mut cursor) = (&listed[listed.len() - 1500..], cursor);
    let order = |n: usize| set(&listed[(n * 7) % 1500].id.0, if n.is_multiple_of(2) { "\\Seen" } else { other }, "");
    let orders: Vec<Order> = (0..1500).map(order).collect();
    let mut outcomes = Vec::new();
    while outcomes.len() < orders.len() {
        let more = session.apply(&id, &cursor, &orders[outcomes.len()..]).await.unwrap();
        assert!(!more.outcomes.is_empty());
        outcomes.extend(more.outcomes);
        cursor = more.cursor.unwrap_or(cursor);
    }
    assert!(outcomes.iter().all(|o| *o == Outcome::Done { id: None }));
    let there = bed.there("INBOX");
    let count = |flag: &str| there.iter().filter(|l| l.flags == [flag]).count();
    assert_eq!((count("\\Seen"), count(other)), (750, 750));
    session.close().await.unwrap();
    assert!(bed.is_active_sync() || bed.count("UID STORE") <= 12, "{}", bed.count("UID STORE"));
}

pub async fn of_another_epoch_is_refused(bed: &Bed<'_>) {
    if bed.cannot("flags-push").await {
        return;
    }
    bed.door().fill(&bed.user, "INBOX", 2, "a");
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    session.close().await.unwrap();
    bed.renumber("INBOX", 4_242_424).await;
    let mut session = bed.open().await;
    assert_folder_only(&session.apply(&id, &cursor, &[set("1", "\\Seen", "")]).await.unwrap_err());
    assert!(bed.there("INBOX").iter().all(|l| l.flags.is_empty()));
}
