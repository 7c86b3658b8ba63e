//! Bodies are what the server sends, octet for octet.

use mailx::backend::{Missed, Part, Want};
use mailx::model::RemoteId;

use crate::bed::{Bed, Keep, assert_folder_only, fetch, list};
use crate::support::maildir::{identity, sha256};

pub async fn come_byte_for_byte_each_exactly_once(bed: &Bed<'_>) {
    let messages: [&[u8]; 5] = [
        b"Subject: plain\r\n\r\nhello\r\n",
        b"Subject: 8 bit \xe9\xff\r\n\r\n\x01caf\xe9\r\n)\r\n* 1 FETCH (UID 1 BODY[] {5}\r\n",
        b"Subject: no end",
        b"\r\n",
        b"Subject: no body\r\n\r\n",
    ];
    // Where lines must end, one is ended on its way.
    let whole = |message: &&&[u8]| !bed.is_snapshot() || message.ends_with(b"\r\n");
    let messages: Vec<&[u8]> = messages.iter().filter(whole).copied().collect();
    for message in &messages {
        bed.deliver("INBOX", message);
    }
    bed.deliver("INBOX", &[b"Subject: large\r\n\r\n".as_slice(), &b"0123456789abcdef\r\n".repeat(170_000)].concat());
    let mut session = bed.open().await;
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    let ids: Vec<RemoteId> = listed.iter().map(|l| l.id.clone()).collect();
    let got = fetch(&mut session, &id, &cursor, &ids, Part::Whole).await;
    let there = bed.there("INBOX");
    assert_eq!((ids.len(), there.len()), (messages.len() + 1, messages.len() + 1));
    for (n, letter) in there.iter().enumerate() {
        if bed.is_active_sync() && got.bodies[&n].starts_with(b"\n") {
            // SOGo's one liberty: a first line that is empty ends in LF.
            assert_eq!(identity(&got.bodies[&n]), letter.identity, "message {n}");
        } else {
            assert_eq!(sha256(&got.bodies[&n]), letter.sha256, "message {n}");
        }
    }
    // Reading is looking: nothing became seen.
    assert!(bed.there("INBOX").iter().all(|l| l.flags.is_empty()));
}

pub async fn many_come_in_one_call(bed: &Bed<'_>) {
    bed.door().fill(&bed.user, "INBOX", 700, "many");
    bed.door().expunge(&bed.user, "INBOX", "3:7,100,300:310");
    let mut session = bed.open().await;
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    let mut ids: Vec<RemoteId> = listed.iter().map(|l| l.id.clone()).collect();
    let mut there = bed.there("INBOX");
    // In an order of the caller's.
    ids.reverse();
    ids.swap(5, 400);
    there.reverse();
    there.swap(5, 400);
    let got = fetch(&mut session, &id, &cursor, &ids, Part::Whole).await;
    assert_eq!((got.bodies.len(), there.len()), (683, 683));
    for (n, letter) in there.iter().enumerate() {
        assert_eq!(sha256(&got.bodies[&n]), letter.sha256, "{}", ids[n]);
    }
}

pub async fn headers_are_the_block_alone(bed: &Bed<'_>) {
    bed.deliver("INBOX", b"Subject: a\r\n folded\r\nX: y\r\n\r\nbody\r\n\r\nmore\r\n");
    bed.deliver("INBOX", b"Subject: no empty line\r\n");
    let mut session = bed.open().await;
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    let ids: Vec<RemoteId> = listed.iter().map(|l| l.id.clone()).collect();
    let got = fetch(&mut session, &id, &cursor, &ids, Part::Header).await;
    assert_eq!(got.bodies[&0], b"Subject: a\r\n folded\r\nX: y\r\n\r\n");
    assert!(got.bodies[&1].starts_with(b"Subject: no empty line\r\n"));
    assert!(bed.there("INBOX").iter().all(|l| l.flags.is_empty()));
}

pub async fn unknown_ids_are_missed_not_made_up(bed: &Bed<'_>) {
    bed.door().generate(&bed.user, "INBOX", 3, "a");
    let mut session = bed.open().await;
    let (uids, (id, listed, cursor)) = (bed.uids("INBOX"), list(&mut session, "INBOX").await);
    bed.door().expunge(&bed.user, "INBOX", &uids[1].to_string());
    let ids = [&listed[0].id.0, &listed[1].id.0, "4000000000", "no id of this backend"].map(|i| RemoteId(i.into()));
    let got = fetch(&mut session, &id, &cursor, &ids, Part::Whole).await;
    // A server may go on giving what another session has expunged.
    assert!(got.bodies.contains_key(&0) && (got.bodies.contains_key(&1) || got.missed.contains_key(&1)));
    for n in 2..4 {
        // SOGo knows no status for it, only HTTP 501.
        let refused = bed.is_active_sync() && matches!(got.missed.get(&n), Some(Missed::Refused(_)));
        assert!(refused || matches!(got.missed.get(&n), Some(Missed::Gone | Missed::Unanswered)), "{n}: {:?}", got.missed);
    }
}

pub async fn of_another_epoch_are_not_delivered(bed: &Bed<'_>) {
    if !bed.has_epochs().await {
        return;
    }
    bed.door().generate(&bed.user, "INBOX", 2, "a");
    let mut session = bed.open().await;
    let (id, listed, cursor) = list(&mut session, "INBOX").await;
    session.close().await.unwrap();
    bed.renumber("INBOX", 4_242_424).await;
    let mut session = bed.open().await;
    let mut keep = Keep::default();
    let wanted = [Want { id: listed[0].id.clone(), size: listed[0].size }];
    if bed.ids_outlive_epochs() {
        session.fetch(&id, &cursor, &wanted, Part::Whole, &mut keep).await.unwrap();
        assert_eq!(sha256(&keep.bodies[&0]), bed.there("INBOX")[0].sha256);
        return;
    }
    let error = session.fetch(&id, &cursor, &wanted, Part::Whole, &mut keep).await.unwrap_err();
    assert_folder_only(&error);
    assert!(keep.bodies.is_empty());
    // The session lives on.
    assert!(!session.folders().await.unwrap().is_empty());
}
