//! Everything that changed since a cursor: whoever follows what is told knows what is there.

use std::collections::BTreeMap;

use mailx::backend::{LookAt, Session};
use mailx::model::{Caps, Change, Cursor, FlagState, FolderId, Harvest, HarvestKind, Need};

use crate::bed::{Bed, folder, look};

/// What somebody knows who follows the changes of one folder.
struct Known {
    flags: BTreeMap<u32, FlagState>,
    cursor: Option<Cursor>,
    /// What can be told at all.
    caps: Caps,
}

impl Known {
    fn new(session: &dyn Session) -> Self {
        Self { flags: BTreeMap::new(), cursor: None, caps: *session.caps() }
    }

    async fn follow(&mut self, session: &mut Box<dyn Session>, id: &FolderId, need: Need) -> (Vec<Change>, Harvest) {
        let fresh = self.cursor.is_none();
        let (changes, harvest, restarted) = look(session, id, self.cursor.clone(), need).await;
        assert!(!restarted && !harvest.doubtful && !harvest.passing_ids, "{harvest:?}");
        self.take(&changes, &harvest, fresh, need);
        (changes, harvest)
    }

    fn take(&mut self, changes: &[Change], harvest: &Harvest, fresh: bool, need: Need) {
        let uid = |id: &mailx::model::RemoteId| id.0.parse::<u32>().unwrap();
        let mut told = std::collections::BTreeSet::new();
        for change in changes {
            match change {
                Change::Present(listed) => {
                    let known = self.flags.insert(uid(&listed.id), listed.flags.clone());
                    assert!(known.is_some() || listed.date.is_some(), "a new one is told whole: {listed:?}");
                    told.insert(uid(&listed.id));
                }
                Change::Changed { now, said } => {
                    let known = self.flags.get(&uid(&now.id)).cloned();
                    assert!(known.is_some(), "a new one is told whole: {now:?}");
                    self.flags.insert(uid(&now.id), said.over(&known.unwrap_or_default(), now.flags.clone()));
                    told.insert(uid(&now.id));
                }
                Change::Kept(id) => {
                    assert!(self.flags.contains_key(&uid(id)), "nobody knew {id:?}");
                    told.insert(uid(id));
                }
                Change::Gone(id) => {
                    self.flags.remove(&uid(id));
                }
            }
        }
        if harvest.kind == HarvestKind::Whole && need == Need::Everything && !fresh {
            self.flags.retain(|uid, _| told.contains(uid));
        }
        self.cursor = Some(harvest.cursor.clone());
    }

    /// Whether that is what the back door sees.
    fn assert_there(&self, bed: &Bed<'_>, mailbox: &str) {
        let there: BTreeMap<u32, FlagState> = bed.there(mailbox).iter().map(|l| (l.uid, bed.told(l, &self.caps))).collect();
        assert_eq!(self.flags, there, "{mailbox}");
    }
}

/// Whether the server tells changes alone.
fn tells_changes(bed: &Bed<'_>) -> bool {
    bed.target.has("CONDSTORE") || bed.target.has("QRESYNC")
}

pub async fn are_all_told_since_a_cursor(bed: &Bed<'_>) {
    if bed.cannot("flags-pull").await {
        return;
    }
    let door = bed.door();
    door.fill(&bed.user, "INBOX", 20, "a");
    door.store(&bed.user, "INBOX", "1:3", "+\\Seen work");
    let mut session = bed.open().await;
    let id = folder(&mut session, "INBOX").await.id;
    let mut known = Known::new(&*session);
    known.follow(&mut session, &id, Need::Everything).await;
    known.assert_there(bed, "INBOX");
    for round in 0..6 {
        let mut fresh = 0;
        match round {
            // Nothing; flags alone; all at once; one goes and one comes, so that the count stays; removals alone; additions alone.
            0 => {}
            1 => {
                door.store(&bed.user, "INBOX", "5,9:11", "+\\Flagged later");
                door.store(&bed.user, "INBOX", "1", "-\\Seen work");
            }
            2 => {
                door.store(&bed.user, "INBOX", "12", "+\\Answered");
                door.expunge(&bed.user, "INBOX", "2,7:8,20");
                door.fill(&bed.user, "INBOX", 3, "b");
                fresh = 3;
            }
            3 => {
                door.expunge(&bed.user, "INBOX", "1");
                door.fill(&bed.user, "INBOX", 1, "c");
                fresh = 1;
            }
            4 => door.expunge(&bed.user, "INBOX", "3,22"),
            _ => {
                door.fill(&bed.user, "INBOX", 2, "d");
                fresh = 2;
            }
        }
        // One session goes on, the next one knows nothing but the cursor; with counters and without.
        if round % 3 == 2 {
            session.close().await.unwrap();
            session = bed.open().await;
        }
        if round != 3 {
            session.folders().await.unwrap();
        }
        let before = known.flags.clone();
        let (changes, harvest) = known.follow(&mut session, &id, Need::Everything).await;
        known.assert_there(bed, "INBOX");
        assert_eq!(known.flags.keys().filter(|uid| !before.contains_key(uid)).count(), fresh);
        let went = before.keys().any(|uid| !known.flags.contains_key(uid));
        let bare = bed.target.has("QRESYNC") && bed.target.has("ENABLE");
        if tells_changes(bed) && (bare || !went) {
            let differ = |change: &&Change| matches!(change, Change::Present(l) if before.get(&l.id.0.parse().unwrap()) == Some(&l.flags));
            assert_eq!(harvest.kind, HarvestKind::Delta, "round {round}");
            assert_eq!(changes.iter().filter(differ).count(), 0, "round {round}: no more than what changed: {changes:?}");
        } else {
            assert_eq!(harvest.kind, HarvestKind::Whole, "round {round}");
        }
    }
}

pub async fn are_told_after_looks_at_additions_alone(bed: &Bed<'_>) {
    if bed.cannot("flags-pull").await {
        return;
    }
    let door = bed.door();
    door.fill(&bed.user, "INBOX", 10, "a");
    let mut session = bed.open().await;
    let id = folder(&mut session, "INBOX").await.id;
    let mut known = Known::new(&*session);
    // A look at additions knows flags of what it lists; what it says of the rest is nothing.
    known.follow(&mut session, &id, Need::Additions).await;
    for round in 0..2 {
        door.store(&bed.user, "INBOX", "2", if round == 0 { "+\\Seen" } else { "-\\Seen" });
        door.expunge(&bed.user, "INBOX", if round == 0 { "4" } else { "5,11" });
        door.fill(&bed.user, "INBOX", 2, if round == 0 { "b" } else { "c" });
        session.folders().await.unwrap();
        let before = known.flags.len();
        let (changes, _) = known.follow(&mut session, &id, Need::Additions).await;
        if !bed.is_active_sync() {
            // Elsewhere a key stands for all that it brought, asked for or not.
            assert_eq!(known.flags.len(), before + 2);
            assert!(!changes.iter().any(|c| matches!(c, Change::Gone(_) | Change::Kept(_))));
        }
        session.folders().await.unwrap();
        // Twice: the second one has nothing to tell.
        known.follow(&mut session, &id, Need::Everything).await;
        known.assert_there(bed, "INBOX");
        known.follow(&mut session, &id, Need::Everything).await;
        known.assert_there(bed, "INBOX");
    }
}

pub async fn of_an_emptied_folder_are_told(bed: &Bed<'_>) {
    if bed.cannot("flags-pull").await {
        return;
    }
    let door = bed.door();
    let mut session = bed.open().await;
    let id = folder(&mut session, "INBOX").await.id;
    let mut known = Known::new(&*session);
    known.follow(&mut session, &id, Need::Everything).await;
    assert!(known.flags.is_empty());
    door.fill(&bed.user, "INBOX", 4, "a");
    session.folders().await.unwrap();
    known.follow(&mut session, &id, Need::Everything).await;
    known.assert_there(bed, "INBOX");
    door.expunge(&bed.user, "INBOX", "1:*");
    session.folders().await.unwrap();
    known.follow(&mut session, &id, Need::Everything).await;
    assert!(known.flags.is_empty());
    door.fill(&bed.user, "INBOX", 1, "b");
    door.store(&bed.user, "INBOX", "5", "+\\Draft");
    session.folders().await.unwrap();
    known.follow(&mut session, &id, Need::Everything).await;
    known.assert_there(bed, "INBOX");
    assert_eq!(known.flags.len(), 1);
}

pub async fn of_many_folders_are_told_apart(bed: &Bed<'_>) {
    if bed.cannot("flags-pull").await {
        return;
    }
    let door = bed.door();
    let names: Vec<String> = (0..8).map(|n| format!("Box {n}")).collect();
    door.create(&bed.user, &names.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &names {
        door.fill(&bed.user, name, 5, name);
    }
    let mut session = bed.open().await;
    let infos = session.folders().await.unwrap();
    let mut known: Vec<(FolderId, Known)> =
        names.iter().map(|name| (infos.iter().find(|i| i.path.to_string() == *name).unwrap().id.clone(), Known::new(&*session))).collect();
    for round in 0..2 {
        if round == 1 {
            for (n, name) in names.iter().enumerate() {
                if n % 2 == 0 {
                    door.store(&bed.user, name, "3", "+\\Seen");
                }
                if n % 3 == 0 {
                    door.expunge(&bed.user, name, "1,5");
                }
                if n % 4 == 0 {
                    door.fill(&bed.user, name, 2, "more");
                }
            }
            session.folders().await.unwrap();
        }
        let looks: Vec<LookAt> =
            known.iter().map(|(id, k)| LookAt { folder: id.clone(), cursor: k.cursor.clone(), need: Need::Everything }).collect();
        let mut changes: Vec<Vec<Change>> = looks.iter().map(|_| Vec::new()).collect();
        let harvests = session.changes(&looks, &mut |which, change| changes[which].push(change)).await.unwrap();
        for ((which, harvest), name) in harvests.into_iter().enumerate().zip(&names) {
            let harvest = harvest.unwrap();
            assert!(!harvest.restarted && !harvest.more && !harvest.doubtful);
            known[which].1.take(&changes[which], &harvest, round == 0, Need::Everything);
            known[which].1.assert_there(bed, name);
        }
    }
}

pub async fn of_a_large_folder_come_in_pages(bed: &Bed<'_>) {
    if bed.cannot("flags-pull").await {
        return;
    }
    // Slow to fill: where nothing is masked and where everything is.
    if !(bed.target.missing.is_empty() || bed.target.missing.len() > 20) {
        return;
    }
    // SOGo's page is a twentieth of ours, and its pace.
    let (door, many) = (bed.door(), if bed.is_active_sync() { 1100 } else { 11_000 });
    let (near, far) = (many - many / 5, many - many / 4);
    door.fill(&bed.user, "INBOX", many, "a");
    let mut session = bed.open().await;
    let id = folder(&mut session, "INBOX").await.id;
    let mut known = Known::new(&*session);
    let looks = [LookAt { folder: id.clone(), cursor: None, need: Need::Everything }];
    let first = session.changes(&looks, &mut |_, _| {}).await.unwrap().remove(0).unwrap();
    assert!(first.more, "more than a page");
    known.follow(&mut session, &id, Need::Everything).await;
    assert_eq!(known.flags.len(), many);
    door.store(&bed.user, "INBOX", &format!("10,{near}"), "+\\Flagged");
    door.expunge(&bed.user, "INBOX", &format!("2,{far}"));
    door.fill(&bed.user, "INBOX", many, "b");
    session.close().await.unwrap();
    session = bed.open().await;
    session.folders().await.unwrap();
    // The first page tells of all that was known, whatever follows.
    let looks = [LookAt { folder: id.clone(), cursor: known.cursor.clone(), need: Need::Everything }];
    let mut page = Vec::new();
    let harvest = session.changes(&looks, &mut |_, change| page.push(change)).await.unwrap().remove(0).unwrap();
    assert!(harvest.more);
    known.take(&page, &harvest, false, Need::Everything);
    if !bed.is_active_sync() {
        let flagged = |uid: u32| known.flags[&uid].flags.has(mailx::model::Flag::Flagged);
        assert!(!known.flags.contains_key(&2) && !known.flags.contains_key(&(far as u32)));
        assert!(flagged(10) && flagged(near as u32));
    }
    // The rest in another session, which finds what happened meanwhile.
    door.store(&bed.user, "INBOX", "11", "+\\Flagged");
    let mut session = bed.open().await;
    session.folders().await.unwrap();
    for _ in 0..10 {
        let looks = [LookAt { folder: id.clone(), cursor: known.cursor.clone(), need: Need::Everything }];
        let mut page = Vec::new();
        let harvest = session.changes(&looks, &mut |_, change| page.push(change)).await.unwrap().remove(0).unwrap();
        known.take(&page, &harvest, false, Need::Everything);
        if !harvest.more {
            break;
        }
    }
    known.assert_there(bed, "INBOX");
    session.folders().await.unwrap();
    let (changes, harvest) = known.follow(&mut session, &id, Need::Everything).await;
    assert!(harvest.kind == HarvestKind::Whole || changes.is_empty() || changes.len() < many + 100, "{}", changes.len());
}

pub async fn of_another_epoch_restart(bed: &Bed<'_>) {
    if bed.cannot("flags-pull").await {
        return;
    }
    bed.door().fill(&bed.user, "INBOX", 5, "a");
    let mut session = bed.open().await;
    let id = folder(&mut session, "INBOX").await.id;
    let (_, harvest, _) = look(&mut session, &id, None, Need::Everything).await;
    session.close().await.unwrap();
    bed.renumber("INBOX", 77_777).await;
    let mut session = bed.open().await;
    session.folders().await.unwrap();
    let (changes, after, restarted) = look(&mut session, &id, Some(harvest.cursor), Need::Everything).await;
    assert!(restarted && after.kind == HarvestKind::Whole && !after.more);
    assert_eq!(changes.iter().filter(|c| matches!(c, Change::Present(l) if l.date.is_some())).count(), 5);
    assert_eq!(changes.len(), 5, "nothing of the old epoch is told: {changes:?}");
    let mut known = Known::new(&*session);
    known.take(&changes, &after, true, Need::Everything);
    bed.door().store(&bed.user, "INBOX", "1", "+\\Seen");
    session.folders().await.unwrap();
    known.follow(&mut session, &id, Need::Everything).await;
    known.assert_there(bed, "INBOX");
}
