//! What a server cannot do is told once.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::backend::Ctx;
use crate::model::report::AccountReport;
use crate::model::{Event, Result};
use crate::store::Store;

use super::fetch::blocking;

/// Tells of every gap that was not there in the last run: what is said every five minutes is not read.
pub(super) async fn tell_gaps(store: &Arc<Store>, ctx: &Ctx, report: &AccountReport, done: Result<()>) -> Result<()> {
    let known = blocking(store, |store| store.state().gaps()).await?;
    let mut now = BTreeSet::new();
    for folder in &report.folders {
        for word in &folder.unsupported {
            let gap = format!("{word} {}", folder.folder).replace('\n', " ");
            if !known.contains(&gap) {
                ctx.observer.on(&Event::Gap { folder: &folder.folder, word });
            }
            now.insert(gap);
        }
    }
    // A run that was cut short, or a folder in which nothing changed, says nothing of what was known before.
    now.extend(known.iter().cloned());
    if now != known && !store.is_rehearsal() {
        blocking(store, move |store| store.state().set_gaps(&now)).await?;
    }
    done
}
