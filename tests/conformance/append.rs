//! What is uploaded is there byte for byte, each exactly once, and its id is told where the server tells it.

use std::sync::Arc;

use mailx::backend::{Order, Outgoing};
use mailx::model::caps::Append;
use mailx::model::{Flag, Outcome, RemoteId, Scope};

use crate::bed::{Bed, assert_folder_only, folder, list};
use crate::set_flags::flags;
use crate::support::maildir::sha256;
use crate::support::outgoing::{draft, resized, torn};

fn order(message: Arc<dyn Outgoing>) -> Order {
    Order::Append { message, flags: flags(""), date: None }
}

/// A message of about so many octets, unlike any other name's.
fn body(name: &str, octets: usize) -> Vec<u8> {
    let mut body = format!("Subject: {name}\r\n\r\n").into_bytes();
    let line = format!("{name} 0123456789 abcdefghijklmnopqrstuvwxyz\r\n");
    while body.len() + line.len() < octets {
        body.extend_from_slice(line.as_bytes());
    }
    body
}

fn tells_id(bed: &Bed<'_>) -> bool {
    bed.target.has("UIDPLUS")
}

pub async fn stores_bytes_flags_and_dates(bed: &Bed<'_>) {
    if bed.cannot("append").await {
        return;
    }
    let mut session = bed.open().await;
    assert_eq!(session.caps().append, Append::Yes { tells_id: tells_id(bed) });
    let (id, _, cursor) = list(&mut session, "Drafts").await;
    assert_eq!(session.apply(&id, &cursor, &[]).await.unwrap().outcomes, []);
    let messages: [(&[u8], &str, Option<i64>); 5] = [
        (b"Subject: plain\r\n\r\nhello\r\n", "\\Seen \\Draft work $Forwarded", Some(1_234_567_890)),
        (b"Subject: 8 bit \xe9\xff\r\n\r\n\x01caf\xe9\r\n)\r\nA1 OK done {5}\r\n", "", Some(1)),
        (b"Subject: no end", "\\Flagged", Some(1_700_000_000)),
        (b"\r\n", "", None),
        (b"Subject: twin\r\n\r\nhello\r\n", "\\Answered \\Deleted", None),
    ];
    let orders: Vec<Order> = messages
        .iter()
        .map(|(bytes, set, date)| Order::Append { message: draft(bytes.to_vec()), flags: flags(set), date: *date })
        .collect();
    let outcomes = session.apply(&id, &cursor, &orders).await.unwrap().outcomes;
    assert_eq!(outcomes.len(), 5);
    let there = bed.there("Drafts");
    assert_eq!(there.len(), 5);
    for ((bytes, set, date), outcome) in messages.iter().zip(&outcomes) {
        let letters: Vec<_> = there.iter().filter(|l| l.sha256 == sha256(bytes)).collect();
        assert_eq!(letters.len(), 1, "byte for byte");
        let mut wanted: Vec<&str> = set.split_whitespace().collect();
        wanted.sort_unstable();
        assert_eq!(letters[0].flags, wanted);
        assert!(date.is_none_or(|date| letters[0].date == date), "{date:?} {}", letters[0].date);
        match outcome {
            Outcome::Done { id: Some(id) } => assert_eq!(*id, RemoteId(letters[0].uid.to_string().into())),
            Outcome::Done { id: None } if !tells_id(bed) => {}
            other => panic!("{other:?}"),
        }
    }
    // The next look tells of them like of any others.
    let (_, listed, _) = list(&mut session, "Drafts").await;
    assert!(listed.len() == 5 && listed.iter().any(|l| l.flags.flags.has(Flag::Passed)));
}

pub async fn many_and_large_ones(bed: &Bed<'_>) {
    if bed.cannot("append").await {
        return;
    }
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "Sent").await;
    // Small ones, some above what goes out together, and two above what goes out without asking.
    let sizes = |n: usize| match n {
        40 | 141 => 3_000_000,
        n if n % 29 == 5 => 300_000,
        n if n % 7 == 3 => 5000,
        _ => 200,
    };
    let bodies: Vec<Vec<u8>> = (0..200).map(|n| body(&format!("number {n}"), sizes(n))).collect();
    let orders: Vec<Order> = bodies.iter().map(|b| order(draft(b.clone()))).collect();
    let outcomes = session.apply(&id, &cursor, &orders).await.unwrap().outcomes;
    assert_eq!(outcomes.len(), 200);
    let there = bed.there("Sent");
    let limit = bed.target.append_limit().unwrap_or(u64::MAX);
    let mut stored = 0;
    for (bytes, outcome) in bodies.iter().zip(&outcomes) {
        let found: Vec<_> = there.iter().filter(|l| l.sha256 == sha256(bytes)).collect();
        if bytes.len() as u64 > limit {
            assert!(matches!(outcome, Outcome::Refused(why) if why.contains("100000")) && found.is_empty(), "{outcome:?}");
            continue;
        }
        stored += 1;
        assert_eq!(found.len(), 1, "each exactly once");
        let Outcome::Done { id } = outcome else { panic!("{outcome:?}") };
        // A server may tell it without saying that it does.
        assert!(id.as_ref().map_or(!tells_id(bed), |id| *id == RemoteId(found[0].uid.to_string().into())), "{id:?}");
    }
    assert_eq!(there.len(), stored);
    session.close().await.unwrap();
    let commands = bed.count("APPEND");
    // With LITERAL- only the smallest go together.
    let most = match (bed.target.has("MULTIAPPEND"), bed.target.has("LITERAL+"), bed.target.name.contains("LITERAL-")) {
        (true, true, false) => 60,
        (true, true, true) => 100,
        _ => usize::MAX,
    };
    assert!(commands < most && (most < usize::MAX || commands >= 150), "{commands} commands");
}

pub async fn of_another_epoch_is_refused(bed: &Bed<'_>) {
    if bed.cannot("append").await {
        return;
    }
    bed.door().fill(&bed.user, "Sent", 2, "a");
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "Sent").await;
    session.close().await.unwrap();
    bed.door().renumber(&bed.user, "Sent", 4_242_424);
    let mut session = bed.open().await;
    assert_folder_only(&session.apply(&id, &cursor, &[order(draft(body("x", 99)))]).await.unwrap_err());
    assert_eq!(bed.there("Sent").len(), 2);
}

pub async fn into_a_missing_folder_makes_it(bed: &Bed<'_>) {
    if bed.cannot("append").await {
        return;
    }
    bed.door().create(&bed.user, &["Going"]);
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "Going").await;
    // Another folder is open when it goes.
    list(&mut session, "INBOX").await;
    bed.door().drop_mailbox(&bed.user, "Going");
    let orders: Vec<Order> = (0..5).map(|n| order(draft(body(&format!("n{n}"), 300)))).collect();
    let outcomes = session.apply(&id, &cursor, &orders).await.unwrap().outcomes;
    // It is another epoch by now, so no id is believed.
    assert_eq!(outcomes, vec![Outcome::Done { id: None }; 5]);
    assert_eq!(bed.there("Going").len(), 5);
}

pub async fn survives_files_that_cannot_be_read(bed: &Bed<'_>) {
    if bed.cannot("append").await {
        return;
    }
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "Sent").await;
    let orders = [
        order(draft(body("first", 500))),
        order(torn(body("gone", 500), 0)),
        order(torn(body("short", 70_000), 65_000)),
        order(resized(body("shrunk", 500), 501)),
        order(resized(body("grown", 500), 400)),
        order(draft(body("last", 500))),
    ];
    let outcomes = session.apply(&id, &cursor, &orders).await.unwrap().outcomes;
    assert_eq!(outcomes.len(), 6);
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Done { .. } => assert!(n == 0 || n == 5),
            Outcome::Refused(why) => assert!((1..5).contains(&n) && !why.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bed.there("Sent").len(), 2);
    // The session lives.
    session.folders().await.unwrap();
}

pub async fn that_breaks_off_leaves_no_half(bed: &Bed<'_>) {
    if bed.cannot("append").await {
        return;
    }
    if bed.target.append_limit().is_some() {
        return;
    }
    let mut session = bed.open().await;
    let (id, _, cursor) = list(&mut session, "Sent").await;
    let orders = [
        order(draft(body("first", 500))),
        order(draft(body("second", 400_000))),
        order(torn(body("half", 5_000_000), 3_000_000)),
        order(draft(body("last", 500))),
    ];
    let outcomes = session.apply(&id, &cursor, &orders).await.unwrap().outcomes;
    let [Outcome::Done { .. }, Outcome::Done { .. }, Outcome::Refused(why)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(why.contains("broke off"));
    let error = session.apply(&id, &cursor, &orders[3..]).await.unwrap_err();
    assert_eq!((error.scope, error.class), (Scope::Session, mailx::model::Class::Temporary));
    drop(session);
    let mut session = bed.open().await;
    let outcomes = session.apply(&id, &cursor, &orders[3..]).await.unwrap().outcomes;
    assert!(matches!(&outcomes[..], [Outcome::Done { .. }]));
    let there = bed.there("Sent");
    assert_eq!(there.len(), 3, "no half message");
}

pub async fn among_other_orders(bed: &Bed<'_>) {
    if bed.cannot("append").await {
        return;
    }
    bed.door().fill(&bed.user, "INBOX", 4, "a");
    let mut session = bed.open().await;
    let to = folder(&mut session, "Sent").await.id;
    let (id, _, cursor) = list(&mut session, "INBOX").await;
    let remote = |n: u32| RemoteId(n.to_string().into());
    let seen = |n: u32| Order::SetFlags { id: remote(n), add: flags("\\Seen"), remove: flags("") };
    let orders = [
        seen(1),
        seen(2),
        order(draft(body("x", 200))),
        Order::Move { id: remote(2), to: to.clone() },
        Order::Delete { id: remote(3) },
        order(draft(body("y", 200))),
        seen(4),
    ];
    let outcomes = session.apply(&id, &cursor, &orders).await.unwrap().outcomes;
    assert_eq!(outcomes.len(), orders.len(), "{outcomes:?}");
    assert!(matches!(outcomes[3], Outcome::Moved { .. }) && matches!(outcomes[5], Outcome::Done { .. }));
    let there = bed.there("INBOX");
    assert_eq!(
        there.iter().map(|l| (l.uid, l.flags.join(" "))).collect::<Vec<_>>(),
        [(1, "\\Seen".into()), (4, "\\Seen".into()), (5, String::new()), (6, String::new()),]
    );
    assert_eq!(bed.there("Sent")[0].flags, ["\\Seen"]);
}
