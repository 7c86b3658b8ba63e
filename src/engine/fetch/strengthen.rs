//! Weak matches are proven: the bodies of messages that were taken for files here without them are read, hashed as they stream by, and
//! compared. Only then may anything be deleted on the strength of such a match.

use std::collections::HashMap;
use std::io::BufReader;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{BodySink, Ctx, Missed, Part, Session, Want};
use crate::model::{Error, Event, FolderPath, Hash, LocalName, Observer, RemoteId, Result};
use crate::store::maildir::digest::{Digest, digest_foreign};
use crate::store::maildir::dir::{Entry, FolderDir};
use crate::store::maildir::streamed::Streamed;
use crate::store::state::{Doubtful, FileHere, FolderRow, LinkId, Verdicts};
use crate::store::{Store, root};

use super::blocking;
use super::sessions::costs_session;

/// Bodies that are read between two commits.
pub const PAGE: usize = 1000;

/// Octets between two events about them.
const TELL_EVERY: u64 = 64 << 10;

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

/// What the server sent for a message: its digest, and the one without the lines of other tools where it has such.
type Sent = (Digest, Option<Digest>);

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
        let wants: Vec<Want> = page.iter().map(|d| Want { id: d.remote.clone(), size: d.size }).collect();
        let mut reader = Reader::new(&row.path, &*ctx.observer);
        let read = session.fetch(&row.remote, cursor, &wants, Part::Whole, &mut reader).await;
        reader.tell();
        let Reader { sent, missed, .. } = reader;
        let lost = read.as_ref().is_err_and(|e| costs_session(e)) && !ctx.cancel.is_cancelled();
        let blamed = page.iter().enumerate().find(|(i, _)| lost && !sent.contains_key(i) && missed.iter().all(|(m, _)| m != i));
        let blamed = blamed.map(|(_, d)| d.id);
        let gone = missed.iter().filter(|(_, why)| *why == Missed::Gone).map(|(i, _)| page[*i].clone()).collect();
        let unread = missed.into_iter().filter_map(|(i, why)| Some((page[i].remote.clone(), words(why)?)));
        out.unread.extend(unread);
        let sent = sent.into_iter().map(|(i, sent)| (page[i].clone(), sent)).collect();
        record(store, row, sent, gone, blamed, out).await?;
        read?;
    }
    Ok(())
}

/// Why a body cannot be compared; `None` where the message is gone.
fn words(why: Missed) -> Option<String> {
    Some(match why {
        Missed::Gone => return None,
        Missed::Refused(text) => format!("the server refuses to give it: {text}"),
        Missed::Breaks(text) => format!("the connection does not survive it: {text}"),
        Missed::Unanswered => "the server lists it and does not give it".into(),
        Missed::TooLarge => "it is larger than 1 GiB".into(),
    })
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
        let mut files = Files { dir: store.open_folder(&dir)?, present: None };
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
        store.state().settle_doubtful(folder, &verdicts, root::now())?;
        store.step("strengthen");
        Ok((verdicts, different, local_only))
    })
    .await?;
    out.proven.extend(verdicts.proven);
    out.different.extend(different);
    out.local_only += local_only;
    Ok(())
}

/// The files of a folder; its directories are read at most once.
struct Files {
    dir: Option<FolderDir>,
    present: Option<HashMap<String, Entry>>,
}

impl Files {
    /// The digests that a file may have: without the lines of other tools, and with them. None where there is no such file.
    fn digests(&mut self, name: &LocalName) -> Result<Vec<Digest>> {
        let Some(dir) = &self.dir else { return Ok(Vec::new()) };
        let present = match &self.present {
            Some(present) => present,
            None => self.present.insert(dir.scan()?),
        };
        let tried = |e: &std::io::Error| Error::local(format!("read `{name}` in the Maildir folder `{}`", dir.path), e);
        let open = |entry: &Entry| dir.open_message(entry).map_err(|e| tried(&e));
        let Some(entry) = present.get(&*name.0) else { return Ok(Vec::new()) };
        let file = match open(entry)? {
            Some(file) => Some(file),
            // A mail reader may have renamed it since the directory was read: look once more.
            None => dir.find(&name.0)?.map_or(Ok(None), |entry| open(&entry))?,
        };
        let Some(file) = file else { return Ok(Vec::new()) };
        let (bare, full) = digest_foreign(BufReader::new(file)).map_err(|e| tried(&e))?;
        Ok(std::iter::once(bare).chain(full).collect())
    }
}

/// Hashes bodies as they come.
struct Reader<'a> {
    open: Streamed,
    sent: HashMap<usize, Sent>,
    missed: Vec<(usize, Missed)>,
    folder: &'a FolderPath,
    observer: &'a dyn Observer,
    untold: u64,
}

impl<'a> Reader<'a> {
    fn new(folder: &'a FolderPath, observer: &'a dyn Observer) -> Self {
        Self { open: Streamed::default(), sent: HashMap::new(), missed: Vec::new(), folder, observer, untold: 0 }
    }

    fn tell(&mut self) {
        if self.untold > 0 {
            self.observer.on(&Event::BodyBytes { folder: self.folder, bytes: std::mem::take(&mut self.untold) });
        }
    }
}

#[async_trait]
impl BodySink for Reader<'_> {
    async fn begin(&mut self) -> Result<()> {
        self.open = Streamed::default();
        Ok(())
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        self.open.update(&bytes);
        self.untold += bytes.len() as u64;
        if self.untold >= TELL_EVERY {
            self.tell();
        }
        Ok(())
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        self.sent.insert(index, std::mem::take(&mut self.open).finish());
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        Ok(())
    }

    async fn miss(&mut self, index: usize, why: Missed) -> Result<()> {
        self.missed.push((index, why));
        Ok(())
    }
}
