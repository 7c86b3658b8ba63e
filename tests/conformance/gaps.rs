//! What a server cannot do is declared, in the same words everywhere.

use mailx::model::Protocol;
use mailx::model::caps::{Append, Changes, Identity, Moves, Push};

use crate::bed::Bed;

pub async fn are_declared_and_below_the_ceiling(bed: &Bed<'_>) {
    let session = bed.open().await;
    let (caps, ceiling) = (*session.caps(), bed.backend.ceiling());
    assert_eq!(caps.meet(&ceiling), caps, "never above the ceiling");
    let target = bed.target;
    let words: Vec<&str> = caps.gaps().iter().map(|g| g.word).collect();
    assert!(caps.gaps().iter().all(|g| !g.text.is_empty()));
    // Without the ceiling's best nothing is promised: the gaps of the ceiling are a subset.
    assert!(ceiling.gaps().iter().all(|g| words.contains(&g.word)));
    if target.protocol == Protocol::Pop3 {
        let all = ["folders", "flags-pull", "flags-push", "keywords", "append", "delete-trash", "moves", "push"];
        assert_eq!(words, all);
        assert_eq!(caps.identity, if target.has("UIDL") { Identity::PerEpoch } else { Identity::ByContent });
        return;
    }
    if bed.is_active_sync() {
        assert_eq!(words, ["flags-push", "keywords", "append"]);
        assert_eq!((caps.identity, caps.changes, caps.append), (Identity::PerEpoch, Changes::Delta, Append::No));
        assert_eq!((caps.moves, caps.delete.now, caps.delete.trash), (Moves::Native { tells_id: true }, true, true));
        return;
    }
    assert_eq!(caps.delete.now, target.has("UIDPLUS"));
    assert_eq!(caps.append, Append::Yes { tells_id: target.has("UIDPLUS") });
    let native = Moves::Native { tells_id: target.has("UIDPLUS") };
    assert_eq!(caps.moves, if target.has("MOVE") { native } else { Moves::CopyThenDelete });
    let delta = target.has("CONDSTORE") || target.has("QRESYNC");
    assert_eq!(caps.changes, if delta { Changes::Delta } else { Changes::Whole });
    let polls = matches!(caps.push, Push::Poll { .. });
    assert_eq!(polls, !target.has("NOTIFY") && !target.has("IDLE"));
    assert_eq!(words.contains(&"push"), polls);
    assert_eq!(words.contains(&"delete-now"), !caps.delete.now);
}
