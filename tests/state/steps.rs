//! All that a state can be told, and what it answers.

use mailx::model::change::Marks;
use mailx::model::{Cursor, FlagState, FolderId, FolderPath, Role};
use mailx::store::disk::Identity;
use mailx::store::state::{
    Arrival, FileHere, FolderRow, Known, LinkId, NewLink, News, Page, Receipt, Receipts, Relocated, State, Stored, Verdicts,
};

use crate::dice::{Dice, FOLDERS};
use crate::reads::{in_order, text};

/// What a step was, in words, and the answer.
type Told = (String, String);

/// Two folders, with three messages that are here and two that are wanted in each.
pub fn begin(state: &mut dyn State) {
    let new = ["f0", "f1"].map(|name| (FolderId(name.into()), FolderPath::new([name.to_owned()]).unwrap(), None));
    state.add_folders(&new, &|path, _| path.to_string()).unwrap();
    for folder in [1, 2] {
        let link = |n: u8| {
            let octets = [n, 0, n];
            let mut dice = Dice::new(&octets, &[], &[]);
            let (remote, name, digest) = (dice.remote(), dice.name(), dice.digest());
            let here = (n < 3).then_some(Known { digest, weak: false, continues: None, moved_from: None, agreed: None });
            NewLink { remote, name, size: None, date: None, flags: FlagState::default(), permanent: None, here }
        };
        let links: Vec<NewLink> = (0..5).map(link).collect();
        let (news, cursor) = (News::default(), Cursor([].into()));
        let page = Page { restart: false, links: &links, news: &news, files: &[], cursor: &cursor, marks: None, now: 1 };
        state.commit_page(folder, &page).unwrap();
    }
}

/// Whatever the octets say.
pub fn step(state: &mut dyn State, known: &[FolderRow], dice: &mut Dice<'_>) -> Told {
    let kind = dice.below(40);
    let folder = match known.get(dice.below(known.len().max(1))) {
        Some(row) => row.id,
        None => return ("nothing".into(), String::new()),
    };
    match kind {
        0..7 => list(state, folder, dice),
        7..10 => store(state, dice),
        10 => folders(state, folder, dice),
        11 => runs(state, dice),
        12..18 => agree(state, folder, dice),
        18..22 => intend(state, folder, dice),
        22..26 => settle(state, folder, dice),
        26..30 => relocate(state, known, dice),
        30..36 => release(state, folder, dice),
        _ => doubt(state, folder, dice),
    }
}

/// A page of a listing, compared with the rows, then committed.
fn list(state: &mut dyn State, folder: i64, dice: &mut Dice<'_>) -> Told {
    let (restart, whole) = (dice.below(6) == 5, dice.yes());
    let sifted = state.sift(folder, if restart { Vec::new() } else { dice.page() }, whole && !restart);
    let (listed, news) = sifted.unwrap();
    let (listed, news) = (if restart { Vec::new() } else { listed }, in_order(news));
    let mut links: Vec<NewLink> = Vec::new();
    for message in listed {
        links.push(NewLink {
            remote: message.id,
            name: dice.name(),
            size: message.size,
            date: message.date,
            flags: message.flags,
            permanent: message.permanent,
            here: None,
        });
    }
    for _ in 0..dice.below(3) {
        let here = Known {
            digest: dice.digest(),
            weak: dice.yes(),
            continues: dice.some(Dice::here),
            moved_from: if dice.below(3) == 2 { Some(dice.here()) } else { None },
            agreed: dice.some(Dice::flags),
        };
        links.push(NewLink {
            remote: dice.remote(),
            name: dice.name(),
            size: dice.size(),
            date: dice.some(Dice::moment),
            flags: dice.flags(),
            permanent: dice.some(Dice::permanent),
            here: Some(here),
        });
    }
    let files: Vec<FileHere> = if dice.rarely() { dice.few(file) } else { Vec::new() };
    let told = if dice.rarely() { of_anything(dice) } else { news.clone() };
    let cursor = dice.cursor();
    let marks = dice.some(|dice| Marks { additions: dice.some(Dice::mark), everything: dice.some(Dice::mark) });
    let page = Page { restart, links: &links, news: &told, files: &files, cursor: &cursor, marks: marks.as_ref(), now: dice.moment() };
    let answer = state.commit_page(folder, &page);
    (format!("commit_page({folder}, {page:?})"), format!("{news:?} {}", text(answer)))
}

/// News of rows that a listing would not tell them of.
fn of_anything(dice: &mut Dice<'_>) -> News {
    News {
        flags: dice.few(|dice| (dice.row(), dice.flags())),
        gone: dice.few(Dice::row),
        back: dice.few(Dice::row),
        shown: dice.few(Dice::row),
        permanent: dice.few(|dice| (dice.row(), dice.permanent())),
    }
}

fn file(dice: &mut Dice<'_>) -> FileHere {
    FileHere { name: dice.name(), digest: dice.digest() }
}

fn store(state: &mut dyn State, dice: &mut Dice<'_>) -> Told {
    match dice.below(6) {
        0 => {
            let skipped = dice.few(|dice| (dice.row(), "why".to_owned()));
            (format!("mark_skipped({skipped:?})"), text(state.mark_skipped(&skipped)))
        }
        1 => {
            let gone = dice.few(Dice::row);
            (format!("forget_wanted({gone:?})"), text(state.forget_wanted(&gone)))
        }
        2 => {
            let dates = dice.few(|dice| (dice.row(), dice.moment()));
            (format!("set_dates({dates:?})"), text(state.set_dates(&dates)))
        }
        _ => {
            let stored = dice.few(|dice| Stored {
                id: dice.row(),
                name: dice.some(Dice::name),
                digest: dice.digest(),
                replaces: if dice.rarely() { dice.few(Dice::row) } else { Vec::new() },
                keeps_doubt: dice.yes(),
            });
            let now = dice.moment();
            (format!("mark_stored({stored:?}, {now})"), text(state.mark_stored(&stored, now)))
        }
    }
}

fn folders(state: &mut dyn State, folder: i64, dice: &mut Dice<'_>) -> Told {
    let path = FolderPath::new(["Lists".to_owned(), format!("F{}", dice.below(3))]).unwrap();
    match dice.below(6) {
        0 => {
            let gone = [folder, 1 + dice.below(FOLDERS) as i64];
            (format!("forget_folders({gone:?})"), text(state.forget_folders(&gone)))
        }
        1 => {
            let (remote, dir) = (dice.folder_id(), format!("{path}"));
            (format!("rename_folder({folder}, {remote:?}, {path}, {dir})"), text(state.rename_folder(folder, &remote, &path, &dir)))
        }
        2 => {
            let known = Identity { dev: u64::MAX, ino: dice.below(9) as u64, born: dice.some(Dice::moment) };
            let directories = [(folder, known), (99, Identity { dev: 1, ino: 1, born: None })];
            (format!("set_directories({directories:?})"), text(state.set_directories(&directories)))
        }
        _ => {
            let new = dice.few(|dice| (dice.folder_id(), path.clone(), dice.some(|_| Role::Archive)));
            let heeds = !dice.rarely();
            // In lower case or not, it is the same directory.
            let dir_of = |path: &FolderPath, taken: &dyn Fn(&str) -> bool| {
                let dirs = [path.to_string(), path.to_string().to_uppercase(), "other".to_owned(), "OTHER-2".to_owned()];
                let free = dirs.iter().find(|dir| !heeds || !taken(&dir.to_lowercase()));
                free.cloned().unwrap_or_default()
            };
            let answer = state.folders().map(|known| known.len() + new.len() <= FOLDERS);
            if !answer.unwrap() {
                return ("no more folders".into(), String::new());
            }
            (format!("add_folders({new:?}, heeds what is taken: {heeds})"), text(state.add_folders(&new, &dir_of)))
        }
    }
}

fn runs(state: &mut dyn State, dice: &mut Dice<'_>) -> Told {
    if dice.yes() {
        let (now, failure) = (dice.moment(), dice.some(|_| "protocol"));
        return (format!("record_run({now}, {failure:?})"), text(state.record_run(now, failure)));
    }
    let pairs = [("one", dice.some(|dice| dice.below(3).to_string())), ("rebuilt", dice.some(|_| "1".to_owned()))];
    (format!("set_meta({pairs:?})"), text(state.set_meta(&pairs)))
}

fn agree(state: &mut dyn State, folder: i64, dice: &mut Dice<'_>) -> Told {
    match dice.below(8) {
        0 => {
            let ids = dice.few(Dice::here);
            (format!("keep_here({ids:?})"), text(state.keep_here(&ids)))
        }
        1 => {
            let ids = dice.few(Dice::row);
            (format!("forget({ids:?})"), text(state.forget(&ids)))
        }
        2 => {
            let renamed = dice.few(|dice| (dice.row(), dice.name()));
            (format!("rename_links({renamed:?})"), text(state.rename_links(&renamed)))
        }
        3 => {
            let unknown = if dice.rarely() { 99 } else { folder };
            let marks = [(folder, vec![dice.below(3) as u8]), (unknown, vec![7])];
            (format!("set_here_marks({marks:?})"), text(state.set_here_marks(&marks)))
        }
        4 | 5 => {
            let agreed = dice.few(|dice| (dice.row(), dice.flags(), dice.flags()));
            (format!("agree_in_part({agreed:?})"), text(state.agree_in_part(&agreed)))
        }
        _ => {
            let agreed = dice.few(|dice| (dice.row(), dice.flags()));
            (format!("agree({agreed:?})"), text(state.agree(&agreed)))
        }
    }
}

fn intend(state: &mut dyn State, folder: i64, dice: &mut Dice<'_>) -> Told {
    if dice.below(5) == 4 {
        let moving = dice.few(Dice::row);
        return (format!("undo_moves({moving:?})"), text(state.undo_moves(&moving)));
    }
    let arrivals = dice.few(|dice| Arrival {
        name: dice.name(),
        digest: dice.digest(),
        flags: dice.flags(),
        date: dice.some(Dice::moment),
        from: dice.some(Dice::here),
    });
    let (folder, now) = (if dice.rarely() { 99 } else { folder }, dice.moment());
    (format!("intend({folder}, {arrivals:?}, {now})"), text(state.intend(folder, &arrivals, now)))
}

/// Rows that are on their way, or any.
fn on_their_way(state: &dyn State, dice: &mut Dice<'_>) -> Vec<LinkId> {
    let rows: Vec<LinkId> = state.under_way(None).unwrap_or_default().into_iter().map(|(_, row)| row.id).collect();
    dice.few(|dice| dice.one_of(&rows))
}

fn settle(state: &mut dyn State, folder: i64, dice: &mut Dice<'_>) -> Told {
    match dice.below(6) {
        0 => {
            let rows = on_their_way(state, dice);
            (format!("mark_in_vain({rows:?})"), text(state.mark_in_vain(&rows)))
        }
        1 => {
            let (there, gone) = (dice.few(Dice::row), dice.few(Dice::row));
            (format!("settle_unseen({there:?}, {gone:?})"), text(state.settle_unseen(&there, &gone)))
        }
        _ => {
            let receipts = Receipts {
                agreed: if dice.rarely() { dice.few(|dice| (dice.row(), dice.flags())) } else { Vec::new() },
                arrived: on_their_way(state, dice).into_iter().map(|row| (row, dice.remote())).collect(),
                taken: on_their_way(state, dice),
                gone: if dice.rarely() { dice.few(Dice::row) } else { Vec::new() },
                withdrawn: if dice.yes() { on_their_way(state, dice) } else { Vec::new() },
                cursor: dice.some(Dice::cursor),
            };
            (format!("settle({folder}, {receipts:?})"), text(state.settle(folder, &receipts)))
        }
    }
}

fn relocate(state: &mut dyn State, known: &[FolderRow], dice: &mut Dice<'_>) -> Told {
    match dice.below(3) {
        0 => {
            let strays = dice.few(|dice| (dice.row(), known[dice.below(known.len())].id, dice.name()));
            (format!("rehome({strays:?})"), text(state.rehome(&strays)))
        }
        1 => {
            let names = dice.few(|dice| (dice.row(), dice.name()));
            (format!("intend_relocation({names:?})"), text(state.intend_relocation(&names)))
        }
        _ => {
            let pairs = dice.few(|dice| {
                let (wanted, gone) = (dice.row(), dice.here());
                Relocated { wanted, gone, agreed: dice.flags(), weak: dice.yes() }
            });
            (format!("relocated({pairs:?})"), text(state.relocated(&pairs)))
        }
    }
}

fn release(state: &mut dyn State, folder: i64, dice: &mut Dice<'_>) -> Told {
    match dice.below(7) {
        0 => {
            let (until, now) = (dice.moment(), dice.moment());
            (format!("mark_due({folder}, {until}, {now})"), text(state.mark_due(folder, until, now)))
        }
        1 if dice.rarely() => {
            let ids = dice.few(Dice::row);
            (format!("mark_removed({ids:?})"), text(state.mark_removed(&ids)))
        }
        1 => {
            let (missing, found) = (dice.few(Dice::row), dice.few(Dice::row));
            (format!("mark_missing({missing:?}, {found:?})"), text(state.mark_missing(&missing, &found)))
        }
        4 if dice.yes() => (format!("forget_moved({folder})"), text(state.forget_moved(folder))),
        4 => {
            let (pairs, now) = (dice.few(|dice| (dice.row(), dice.row())), dice.moment());
            (format!("link_astray({pairs:?}, {now})"), text(state.link_astray(&pairs, now)))
        }
        2 | 3 => {
            let ids = dice.few(Dice::here);
            (format!("mark_releasing({ids:?})"), text(state.mark_releasing(&ids)))
        }
        _ => {
            let [released, kept, moved, unnamed] = [(); 4].map(|()| dice.few(Dice::here));
            let moved = moved.into_iter().map(|row| (dice.folder_id(), dice.remote(), row)).collect();
            let receipt = Receipt { released, kept, moved, unnamed, cursor: dice.some(Dice::cursor) };
            (format!("settle_release({folder}, {receipt:?})"), text(state.settle_release(folder, &receipt)))
        }
    }
}

fn doubt(state: &mut dyn State, folder: i64, dice: &mut Dice<'_>) -> Told {
    if dice.yes() {
        let short = dice.few(Dice::row);
        return (format!("mark_short({short:?})"), text(state.mark_short(&short)));
    }
    let verdicts = Verdicts {
        proven: dice.few(|dice| (dice.here(), dice.digest())),
        disproved: if dice.yes() { dice.few(|dice| (dice.row(), dice.name())) } else { Vec::new() },
        gone: if dice.rarely() { dice.few(Dice::row) } else { Vec::new() },
        files: dice.few(file),
        blamed: dice.some(Dice::row),
    };
    let now = dice.moment();
    (format!("settle_doubtful({folder}, {verdicts:?}, {now})"), text(state.settle_doubtful(folder, &verdicts, now)))
}
