//! Weak matches are proven: the bodies of messages that were taken for files here without them are read, hashed as they stream by, and
//! compared. Only then may anything be deleted on the strength of such a match.

use std::collections::HashMap;
use std::sync::Arc;

use crate::backend::{Ctx, Missed, Part, Session, Want};
use crate::engine::reading::{Files, Reader, Sent, unread};
use crate::model::{Cursor, Hash, LocalName, RemoteId, Result};
use crate::store::Store;
use crate::store::maildir::digest::Digest;
use crate::store::state::{Doubtful, FileHere, FolderRow, LinkId, Verdicts};

use super::blocking;
use super::sessions::costs_session;

/// Bodies that are read between two commits.
pub const PAGE: usize = 1000;

/// What became of doubtful messages. It grows page by page, so that it also tells what was settled before an error.
#[derive(Debug, Default)]
pub struct Strengthened {
    /// The server's message is the file here: its digest, octets as they came just now.
    pub proven: HashMap<LinkId, Digest>,
    /// Another message than the file here: it is wanted now, the file is here only.
    pub different: Vec<(RemoteId, LocalName)>,
    /// Could not be read, and why: as doubtful as before.
    pub unread: Vec<(RemoteId, String)>,
    /// Files that are here only from now on: the server's message is another one, or none.
    pub local_only: u64,
}

/// Reads the bodies of `doubtful` messages of the folder `row` from the server, once, compares each with its file here, and records the
/// outcome: a page at a time, until the run is stopped. Nothing is stored of what is read.
///
/// Equal means equal identity; lines that other tools have put into a header do not count. A message that differs is wanted again under a
/// fresh name, and its file stays as one that is here only; so does the file of a message that is gone.
pub async fn strengthen(
    store: &Arc<Store>,
    session: &mut dyn Session,
    ctx: &Ctx,
    row: &FolderRow,
    doubtful: &[Doubtful],
    out: &mut Strengthened,
) -> Result<()> {
    let Some(cursor) = &row.cursor else { return Ok(()) };
    for page in doubtful.chunks(PAGE) {
        if ctx.cancel.is_cancelled() {
            break;
        }
        let Page { sent, missed, blamed, done } = read_page(session, ctx, row, cursor, page).await;
        let gone =
            missed.iter().filter(|(_, why)| matches!(why, Missed::Gone | Missed::Hidden(_))).map(|(i, _)| page[*i].clone()).collect();
        let left = missed.into_iter().filter_map(|(i, why)| Some((page[i].remote.clone(), unread(why)?)));
        out.unread.extend(left);
        record(store, row, sent, gone, blamed, out).await?;
        done?;
    }
    Ok(())
}

/// A page of bodies that were read to be compared.
pub(super) struct Page {
    /// Those that came.
    pub sent: Vec<(Doubtful, Sent)>,
    /// Those that did not, by their place in the page.
    pub missed: Vec<(usize, Missed)>,
    /// The first one without an answer, where the line was lost.
    pub blamed: Option<LinkId>,
    /// How it ended.
    pub done: Result<()>,
}

/// Reads the bodies of messages of the folder `row`.
pub(super) async fn read_page(session: &mut dyn Session, ctx: &Ctx, row: &FolderRow, cursor: &Cursor, page: &[Doubtful]) -> Page {
    let wants: Vec<Want> = page.iter().map(|d| Want { id: d.remote.clone(), size: d.size }).collect();
    let mut reader = Reader::new(&row.path, &*ctx.observer);
    let done = session.fetch(&row.remote, cursor, &wants, Part::Whole, &mut reader).await;
    reader.tell();
    let Reader { sent, missed, .. } = reader;
    let lost = done.as_ref().is_err_and(|e| costs_session(e)) && !ctx.cancel.is_cancelled();
    let blamed = page.iter().enumerate().find(|(i, _)| lost && !sent.contains_key(i) && missed.iter().all(|(m, _)| m != i));
    let blamed = blamed.map(|(_, d)| d.id);
    let sent = sent.into_iter().map(|(i, sent)| (page[i].clone(), sent)).collect();
    Page { sent, missed, blamed, done }
}

/// Compares a page with the files here, and commits what that tells.
async fn record(
    store: &Arc<Store>,
    row: &FolderRow,
    sent: Vec<(Doubtful, Sent)>,
    gone: Vec<Doubtful>,
    blamed: Option<LinkId>,
    out: &mut Strengthened,
) -> Result<()> {
    if sent.is_empty() && gone.is_empty() && blamed.is_none() {
        return Ok(());
    }
    let (folder, dir) = (row.id, row.dir.clone());
    let (verdicts, different, local_only) = blocking(store, move |store| {
        let mut files = Files::of(store.open_folder(&dir)?);
        let mut verdicts = Verdicts { blamed, ..Verdicts::default() };
        let (mut different, mut local_only) = (Vec::new(), 0);
        for (message, (full, bare)) in sent {
            let is_sent = |identity: &Hash| full.identity == *identity || bare.is_some_and(|bare| bare.identity == *identity);
            // What is known of the file spares reading it: whoever deletes looks at it anyway.
            let known = is_sent(&message.digest.identity).then_some(message.digest.identity);
            let here = if known.is_some() { Vec::new() } else { files.digests(&message.name)? };
            if let Some(identity) = known.or_else(|| here.iter().map(|d| d.identity).find(is_sent)) {
                verdicts.proven.push((message.id, Digest { identity, line_ends: message.digest.line_ends, ..full }));
            } else {
                local_only += u64::from(!here.is_empty());
                verdicts.files.extend(here.into_iter().map(|digest| FileHere { name: message.name.clone(), digest }));
                verdicts.disproved.push((message.id, store.names.next()));
                different.push((message.remote, message.name));
            }
        }
        for message in gone {
            let here = files.digests(&message.name)?;
            local_only += u64::from(!here.is_empty());
            verdicts.files.extend(here.into_iter().map(|digest| FileHere { name: message.name.clone(), digest }));
            verdicts.gone.push(message.id);
        }
        store.state().settle_doubtful(folder, &verdicts, store.now())?;
        store.step("strengthen");
        Ok((verdicts, different, local_only))
    })
    .await?;
    out.proven.extend(verdicts.proven);
    out.different.extend(different);
    out.local_only += local_only;
    Ok(())
}
