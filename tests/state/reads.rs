//! All that a state can be asked.

use std::collections::HashSet;
use std::fmt::Debug;

use mailx::model::{Change, FolderId, LocalName, PermanentId, RemoteId, Result};
use mailx::store::state::{LinkId, News, State};

use crate::dice::{FOLDERS, MOMENTS, ROWS};

/// An answer as text; of an error its class, for its words belong to who gives it.
pub fn text<T: Debug>(answer: Result<T>) -> String {
    match answer {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("an error: {}", error.class.word()),
    }
}

/// The same of what comes in no order.
fn sorted<T: Debug + Ord>(answer: Result<impl IntoIterator<Item = T>>) -> String {
    text(answer.map(|values| {
        let mut values: Vec<T> = values.into_iter().collect();
        values.sort_unstable();
        values
    }))
}

/// News in an order: they have none.
pub fn in_order(mut news: News) -> News {
    news.flags.sort_by_key(|(id, _)| *id);
    news.permanent.sort_by_key(|(id, _)| *id);
    [&mut news.gone, &mut news.back, &mut news.shown].into_iter().for_each(|ids| ids.sort_unstable());
    news
}

/// Every question with its answer.
pub fn everything(state: &dyn State) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut ask = |what: String, answer: String| all.push((what, answer));
    let ids: Vec<LinkId> = (1..=ROWS).map(LinkId).collect();
    let names: HashSet<LocalName> = (0..10).map(|n| LocalName(format!("n{n}").into())).collect();

    ask("folders".into(), text(state.folders()));
    ask("wanted_folders".into(), text(state.wanted_folders()));
    ask("wanted_named".into(), text(state.wanted_named(&names)));
    ask("under_way".into(), text(state.under_way(None)));
    ask("proofs".into(), text(state.proofs(&ids)));
    for id in ids {
        ask(format!("row {id:?}"), text(state.row(id)));
        ask(format!("is_arriving {id:?}"), text(state.is_arriving(id)));
    }
    for n in 0..4 {
        ask(format!("twin p{n}"), text(state.twin(&PermanentId(format!("p{n}").into()))));
    }
    for key in ["one", "rebuilt"] {
        ask(format!("meta {key}"), text(state.meta(key)));
    }
    ask("last_run".into(), text(state.last_run()));

    for n in 0..FOLDERS {
        let identities = state.identities(&FolderId(vec![b'f', b'0' + n as u8]));
        ask(format!("identities f{n}"), sorted(identities.map(|all| all.into_iter().map(|hash| hash.0))));
    }
    for folder in 1..=FOLDERS as i64 + 1 {
        let mut ask = |what: &str, answer: String| ask(format!("{what} of folder {folder}"), answer);
        let mut rows = Vec::new();
        let done = state.each_row(folder, &mut |row| rows.push(row));
        ask("each_row", text(done.map(|()| rows)));
        let mut kept = Vec::new();
        let done = state.each_kept(folder, &mut |row| kept.push(row));
        ask("each_kept", text(done.map(|()| kept)));
        ask("told_rows", text(state.told_rows(folder)));
        ask("superseded", text(state.superseded(folder)));
        ask("linked_count", text(state.linked_count(folder, u64::MAX)));
        ask("linked_count up to 2", text(state.linked_count(folder, 2)));
        ask("has_rows", text(state.has_rows(folder)));
        ask("here_mark", text(state.here_mark(folder)));
        ask("directory", text(state.directory(folder)));
        ask("wanted", text(state.wanted(folder, LinkId(0), 100)));
        ask("wanted after 2, up to 2", text(state.wanted(folder, LinkId(2), 2)));
        ask("totals", text(state.totals(folder)));
        ask("under_way", text(state.under_way(Some(folder))));
        ask("unseen", text(state.unseen(folder)));
        ask("short", text(state.short(folder)));
        ask("suspects", sorted(state.suspects(folder)));
        ask("digested", text(state.digested(folder)));
        ask("unmatched", text(state.unmatched(folder)));
        ask("kept_names", text(state.kept_names(folder)));
        ask("moving", text(state.moving(folder)));
        ask("arriving", text(state.arriving(folder)));
        for (until, due_before) in [(MOMENTS, None), (3, None), (MOMENTS, Some(4))] {
            let releasable = state.releasable(folder, until as i64, due_before.map(i64::from));
            ask(&format!("releasable until {until}, due before {due_before:?}"), text(releasable));
        }
        for whole in [true, false] {
            let page = vec![Change::Kept(RemoteId("1".into())), Change::Gone(RemoteId("2".into()))];
            ask(&format!("sift, whole: {whole}"), text(state.sift(folder, page, whole).map(|(new, news)| (new, in_order(news)))));
        }
    }
    all
}
