//! What a listing tells of a message.

use mailx::model::caps::Keywords;
use mailx::model::{Change, Flag, Flags, Need};

use crate::bed::{Bed, folder, list, look, present};

pub async fn dates_and_sizes_are_listed(bed: &Bed<'_>) {
    bed.door().append(&bed.user, "INBOX", b"Subject: a\r\n\r\na\r\n", "\\Seen \\Flagged Work $Label1", 1_234_567_890);
    bed.door().append(&bed.user, "INBOX", b"Subject: b\r\n\r\nbb\r\n", "", 1_000_000_000);
    let mut session = bed.open().await;
    let (_, listed, _) = list(&mut session, "INBOX").await;
    let there = bed.there("INBOX");
    assert_eq!(listed.len(), there.len());
    for (listed, letter) in listed.iter().zip(&there) {
        // Where the server knows it without reading the message.
        assert!(listed.size == Some(letter.size) || (bed.is_active_sync() && listed.size.is_none()), "{listed:?}");
        // A server that knows no dates tells none.
        let none = bed.is_snapshot() && listed.date.is_none();
        // SOGo tells what the header says, and that of a message without one is as good as any.
        let other = bed.is_active_sync() && listed.date.is_some();
        assert!(listed.date == Some(letter.date) || none || other, "{listed:?} {letter:?}");
    }
    let pull = session.caps().flags.pull;
    assert_eq!(listed[0].flags.flags, Flags::NONE.with(Flag::Seen).with(Flag::Flagged).both(pull));
    if session.caps().flags.keywords == Keywords::No {
        assert!(session.caps().gaps().iter().any(|g| g.word == "keywords"));
        assert!(listed[0].flags.keywords.is_empty());
    } else {
        let mut keywords: Vec<&str> = listed[0].flags.keywords.iter().map(mailx::model::Keyword::as_str).collect();
        keywords.sort_unstable();
        // SOGo's categories are the labels that it knows, by their names.
        assert_eq!(keywords, if bed.is_active_sync() { vec!["Important"] } else { vec!["$Label1", "Work"] });
    }
    assert!(listed[1].flags.is_empty());
}

pub async fn set_there_are_told_where_everything_is_asked_for(bed: &Bed<'_>) {
    if bed.cannot("flags-pull").await {
        return;
    }
    bed.door().generate(&bed.user, "INBOX", 5, "a");
    let mut session = bed.open().await;
    let id = folder(&mut session, "INBOX").await.id;
    let (_, harvest, _) = look(&mut session, &id, None, Need::Everything).await;
    bed.door().store(&bed.user, "INBOX", "2", "+\\Answered");
    bed.door().expunge(&bed.user, "INBOX", "4");
    let _ = session.folders().await.unwrap();
    let (changes, harvest, restarted) = look(&mut session, &id, Some(harvest.cursor), Need::Everything).await;
    assert!(!restarted);
    let told = present(&changes);
    let changed = changes.iter().filter_map(|c| if let Change::Changed { now, .. } = c { Some(now) } else { None });
    let answered = told.iter().chain(changed).find(|l| *l.id.0 == *"2").expect("the flag change is told");
    assert!(answered.flags.flags.has(Flag::Replied));
    // A removal is told, or follows from a whole listing.
    let gone = changes.iter().any(|c| matches!(c, Change::Gone(id) if *id.0 == *"4"));
    let kept = changes.iter().filter(|c| matches!(c, Change::Kept(_))).count();
    let whole = harvest.kind == mailx::model::HarvestKind::Whole && !told.iter().any(|l| *l.id.0 == *"4") && told.len() + kept == 4;
    assert!(gone || whole, "{changes:?} {harvest:?}");
}
