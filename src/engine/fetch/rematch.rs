//! Ids are void, the mail is not: messages there are matched with what is here, without reading bodies where that can tell.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{BodySink, Missed, Part, Session, Want};
use crate::engine::matching::{Here, There, headers_wanted, longer_headers_wanted, pair};
use crate::model::{Cursor, FlagState, Flags, Listed, LocalName, PermanentId, RemoteId, Result};
use crate::store::Store;
use crate::store::maildir::digest::{Digest, HeaderDigest, MAX_HEADER};
use crate::store::maildir::dir::Entry;
use crate::store::maildir::keywords::KeywordLetters;
use crate::store::maildir::name::FileName;
use crate::store::state::{FileHere, FolderRow, Known, LinkId, NewLink};

use super::arrived::paired;
use super::blocking;
use super::listing::new_link;

/// The outcome of matching a folder.
pub(super) struct Rematched {
    pub links: Vec<NewLink>,
    /// Files without a row that were not matched; rows of older epochs speak for themselves.
    pub files: Vec<FileHere>,
    pub matched: u64,
    pub local_only: u64,
}

/// A message here, whatever we know it from.
struct Candidate {
    name: LocalName,
    digest: Digest,
    with_tool_lines: Option<Digest>,
    permanent: Option<PermanentId>,
    row: Option<LinkId>,
    /// What its name says; a row knows what was agreed.
    flags: Option<FlagState>,
    /// Octets as they were announced.
    announced: Option<u64>,
}

impl Candidate {
    /// The sizes that a listing may tell of it.
    fn sizes(&self) -> Vec<u64> {
        let mut sizes = vec![self.digest.octets];
        for size in self.with_tool_lines.map(|digest| digest.octets).into_iter().chain(self.announced) {
            if !sizes.contains(&size) {
                sizes.push(size);
            }
        }
        sizes
    }
}

pub(super) async fn rematch(
    store: &Arc<Store>,
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    listed: Vec<Listed>,
    restarted: bool,
) -> Result<Rematched> {
    let candidates = candidates(store, row, restarted).await?;
    let here: Vec<Here> =
        candidates.iter().map(|c| Here { permanent: c.permanent.clone(), sizes: c.sizes(), header: c.digest.header }).collect();
    let mut there: Vec<There> = listed.iter().map(|l| There { permanent: l.permanent.clone(), size: l.size, header: None }).collect();
    ask_headers(session, row, cursor, &here, &mut there, &|i| listed[i].id.clone()).await?;
    let pairs = pair(&here, &there);
    let mut partner: HashMap<usize, (usize, bool)> = pairs.iter().map(|p| (p.there, (p.here, p.weak))).collect();
    let paired: std::collections::HashSet<usize> = pairs.iter().map(|p| p.here).collect();
    let matched = pairs.len() as u64;
    let links = listed
        .into_iter()
        .enumerate()
        .map(|(i, listed)| {
            let mut link = new_link(store, listed);
            if let Some((here, weak)) = partner.remove(&i) {
                let candidate = &candidates[here];
                link.name = candidate.name.clone();
                let full = candidate.with_tool_lines.filter(|d| Some(d.octets) == link.size);
                let digest = full.unwrap_or(candidate.digest);
                let agreed = candidate.flags.as_ref().map(|flags| link.flags.both(flags)).filter(|agreed| *agreed != link.flags);
                link.here = Some(Known { digest, weak, continues: candidate.row, moved_from: None, agreed });
            }
            link
        })
        .collect();
    let (mut files, mut local_only) = (Vec::new(), 0);
    for (_, candidate) in candidates.into_iter().enumerate().filter(|(i, _)| !paired.contains(i)) {
        local_only += 1;
        if candidate.row.is_none() {
            let digests = std::iter::once(candidate.digest).chain(candidate.with_tool_lines);
            files.extend(digests.map(|digest| FileHere { name: candidate.name.clone(), digest }));
        }
    }
    Ok(Rematched { links, files, matched, local_only })
}

/// Asks for the headers that can decide, and puts them into `there`.
pub(super) async fn ask_headers(
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    here: &[Here],
    there: &mut [There],
    id: &(dyn Fn(usize) -> RemoteId + Sync),
) -> Result<()> {
    for wanted in [headers_wanted, longer_headers_wanted] {
        let asked = wanted(here, there);
        if asked.is_empty() {
            continue;
        }
        let ids: Vec<RemoteId> = asked.iter().map(|i| id(*i)).collect();
        for (index, header) in headers(session, row, cursor, ids).await? {
            there[asked[index]].header = Some(header);
        }
    }
    Ok(())
}

/// The headers of messages, by their index; of those that the server gives.
pub(in crate::engine) async fn headers(
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    ids: Vec<RemoteId>,
) -> Result<HashMap<usize, HeaderDigest>> {
    Ok(read_headers(session, row, cursor, ids, HeaderDigest::of).await?.found)
}

/// The same for messages of several folders, each asked for with its folder's index; `row` finds the folder.
pub(in crate::engine) async fn headers_of<'a>(
    session: &mut Box<dyn Session>,
    row: &(dyn Fn(usize) -> &'a FolderRow + Sync),
    asked: impl Iterator<Item = (usize, usize, RemoteId)> + Send,
) -> Result<HashMap<usize, HeaderDigest>> {
    let mut by_folder: BTreeMap<usize, Vec<(usize, RemoteId)>> = BTreeMap::new();
    for (folder, index, id) in asked {
        by_folder.entry(folder).or_default().push((index, id));
    }
    let mut found = HashMap::new();
    for (folder, asked) in by_folder {
        let row = row(folder);
        let Some(cursor) = &row.cursor else { continue };
        let (indices, ids): (Vec<usize>, Vec<RemoteId>) = asked.into_iter().unzip();
        found.extend(headers(session, row, cursor, ids).await?.into_iter().map(|(n, header)| (indices[n], header)));
    }
    Ok(found)
}

/// Reads the header blocks of messages; `of` says what is kept of each.
pub(super) async fn read_headers<T: Send>(
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    ids: Vec<RemoteId>,
    of: fn(&[u8]) -> T,
) -> Result<Headers<T>> {
    let wants: Vec<Want> = ids.into_iter().map(|id| Want { id, size: Some(2048) }).collect();
    let mut sink = Headers { found: HashMap::new(), gone: Vec::new(), open: Vec::new(), of };
    session.fetch(&row.remote, cursor, &wants, Part::Header, &mut sink).await?;
    Ok(sink)
}

/// In the trash: messages that are here and whose server copies could only be moved, or may have been moved by a run that did not
/// live to hear of it, are known by their content and not fetched again. Whether any were looked for.
pub(super) async fn link_moved(
    store: &Arc<Store>,
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    links: &mut [NewLink],
) -> Result<bool> {
    let folder = row.id;
    let moving = if links.is_empty() { Vec::new() } else { blocking(store, move |store| store.state().moving(folder)).await? };
    if moving.is_empty() {
        return Ok(false);
    }
    for (from, link, weak) in paired(session, row, cursor, &moving, links, true).await? {
        let message = &moving[from];
        links[link].name = message.name.clone();
        links[link].here = Some(Known { digest: message.digest, weak, continues: None, moved_from: Some(message.id), agreed: None });
    }
    Ok(true)
}

/// Rows of the epoch that ended; or, where the folder was not known, its files.
async fn candidates(store: &Arc<Store>, row: &FolderRow, restarted: bool) -> Result<Vec<Candidate>> {
    let (folder, dir) = (row.id, row.dir.clone());
    blocking(store, move |store| {
        if restarted {
            let rows = store.state().digested(folder)?;
            return Ok(rows
                .into_iter()
                .map(|d| Candidate {
                    name: d.name,
                    digest: d.digest,
                    with_tool_lines: None,
                    permanent: d.permanent,
                    row: Some(d.id),
                    flags: None,
                    announced: d.announced,
                })
                .collect());
        }
        let Some(dir) = store.open_folder(&dir)? else { return Ok(Vec::new()) };
        let (files, letters) = (store.foreign_files(&dir)?, KeywordLetters::load(&dir)?);
        let flags = |entry: &Entry| {
            let spelled = FileName::parse(&entry.file).letters;
            FlagState { flags: Flags::from_letters(spelled), keywords: letters.keywords(spelled, &[]) }
        };
        Ok(files
            .into_iter()
            .map(|f| Candidate {
                flags: Some(flags(&f.entry)),
                name: f.name,
                digest: f.digest,
                with_tool_lines: f.with_tool_lines,
                permanent: None,
                row: None,
                announced: None,
            })
            .collect())
    })
    .await
}

/// Takes header blocks as they come.
pub(super) struct Headers<T> {
    /// What is kept of those that came, by the index of the message.
    pub found: HashMap<usize, T>,
    /// Messages that are not there.
    pub gone: Vec<usize>,
    open: Vec<u8>,
    of: fn(&[u8]) -> T,
}

#[async_trait]
impl<T: Send> BodySink for Headers<T> {
    async fn begin(&mut self) -> Result<()> {
        self.open.clear();
        Ok(())
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        let room = MAX_HEADER - self.open.len();
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        self.found.insert(index, (self.of)(&self.open));
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        Ok(())
    }

    async fn miss(&mut self, index: usize, why: Missed) -> Result<()> {
        if why == Missed::Gone {
            self.gone.push(index);
        }
        Ok(())
    }
}
