//! Logins, connections, and an end in good order.

use std::time::{Duration, Instant};

use mailx::backend::{Part, Want};
use mailx::model::{Class, Need};

use crate::bed::{Bed, Keep, list};

pub async fn a_refused_login_is_auth(bed: &Bed<'_>) {
    let error = bed.backend.open(&bed.ctx_with("nonsense")).await.err().unwrap();
    assert_eq!(error.class, Class::Auth, "{error:?}");
    assert!(!format!("{error:?}").contains("nonsense"));
}

pub async fn sessions_live_side_by_side(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 2, "a");
    let (mut one, mut two) = (bed.open().await, bed.open().await);
    assert!(one.caps().sessions.get() >= 1);
    // One after the other first: two sessions that make Dovecot 2.3's list index at the same moment make it panic (EDEADLK).
    let (first, second) = (one.folders().await.unwrap(), two.folders().await.unwrap());
    assert_eq!(first, second);
    let (a, b) = tokio::join!(list(&mut one, "INBOX"), list(&mut two, "INBOX"));
    assert_eq!(a.1, b.1);
    one.close().await.unwrap();
    let again = crate::bed::look(&mut two, &b.0, None, Need::Additions).await;
    assert_eq!(again.0.len(), 2);
    two.close().await.unwrap();
}

pub async fn a_stopped_run_ends_soon(bed: &Bed<'_>) {
    bed.door().fill(&bed.user, "INBOX", 3000, "a");
    let ctx = bed.ctx();
    let mut session = bed.backend.open(&ctx).await.unwrap();
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    let wanted: Vec<Want> = listed.iter().map(|l| Want { id: l.id.clone(), size: l.size }).collect();
    ctx.cancel.cancel();
    let (mut keep, begun) = (Keep::default(), Instant::now());
    // What comes is whole; what does not come is not made up.
    let _ = session.fetch(&id, &cursor, &wanted, Part::Whole, &mut keep).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(keep.bodies.len() < 3000 && keep.missed.is_empty(), "{} came", keep.bodies.len());
    session.close().await.unwrap();
}
