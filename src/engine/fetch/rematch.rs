//! Ids are void, the mail is not: messages there are matched with what is here, without reading bodies where that can tell.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{BodySink, Missed, Part, Session, Want};
use crate::engine::matching::{Here, Pair, There, headers_wanted, pair};
use crate::model::{Cursor, FlagState, Flags, Hash, Listed, LocalName, PermanentId, RemoteId, Result};
use crate::store::Store;
use crate::store::maildir::digest::{Digest, MAX_HEADER, header_hash};
use crate::store::maildir::name::FileName;
use crate::store::state::{Digested, FileHere, FolderRow, Known, LinkId, NewLink};

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
    flags: Option<Flags>,
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
    let here: Vec<Here> = candidates
        .iter()
        .map(|c| Here {
            permanent: c.permanent.clone(),
            sizes: std::iter::once(c.digest.octets).chain(c.with_tool_lines.map(|d| d.octets)).collect(),
            header: c.digest.header,
        })
        .collect();
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
                // What both have is agreed; the rest is a difference for `sync` to settle.
                if let Some(flags) = candidate.flags {
                    link.flags = FlagState { flags: link.flags.flags.both(flags), keywords: Vec::new() };
                }
                let full = candidate.with_tool_lines.filter(|d| Some(d.octets) == link.size);
                link.here = Some(Known { digest: full.unwrap_or(candidate.digest), weak, continues: candidate.row, moved_from: None });
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

/// Asks for the headers that can decide, and puts their hashes into `there`.
async fn ask_headers(
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    here: &[Here],
    there: &mut [There],
    id: &(dyn Fn(usize) -> RemoteId + Sync),
) -> Result<()> {
    let asked = headers_wanted(here, there);
    if asked.is_empty() {
        return Ok(());
    }
    let ids: Vec<RemoteId> = asked.iter().map(|i| id(*i)).collect();
    for (index, hash) in headers(session, row, cursor, ids).await? {
        there[asked[index]].header = Some(hash);
    }
    Ok(())
}

/// The header hashes of messages, by their index; of those that the server gives.
pub(in crate::engine) async fn headers(
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    ids: Vec<RemoteId>,
) -> Result<HashMap<usize, Hash>> {
    let wants: Vec<Want> = ids.into_iter().map(|id| Want { id, size: Some(2048) }).collect();
    let mut sink = Headers { found: HashMap::new(), open: Vec::new() };
    session.fetch(&row.remote, cursor, &wants, Part::Header, &mut sink).await?;
    Ok(sink.found)
}

/// In the trash: messages that are here and whose server copies could only be moved, or may have been moved by a run that did not
/// live to hear of it, are known by their content and not fetched again.
pub(super) async fn link_moved(
    store: &Arc<Store>,
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    links: &mut [NewLink],
) -> Result<()> {
    let folder = row.id;
    let moving = blocking(store, move |store| store.state().moving(folder)).await?;
    if moving.is_empty() || links.is_empty() {
        return Ok(());
    }
    for (from, link, weak) in paired(session, row, cursor, &moving, links, false).await? {
        let message = &moving[from];
        links[link].name = message.name.clone();
        links[link].here = Some(Known { digest: message.digest, weak, continues: None, moved_from: Some(message.id) });
    }
    Ok(())
}

/// Messages that were sent or moved into the folder, and whose new ids nobody has told, are known by their content and not fetched.
pub(super) async fn link_arrived(
    store: &Arc<Store>,
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    links: &mut [NewLink],
) -> Result<()> {
    let folder = row.id;
    let arriving = if links.is_empty() { Vec::new() } else { blocking(store, move |store| store.state().arriving(folder)).await? };
    if arriving.is_empty() {
        return Ok(());
    }
    for (from, link, weak) in paired(session, row, cursor, &arriving, links, true).await? {
        let message = &arriving[from];
        links[link].name = message.name.clone();
        links[link].here = Some(Known { digest: message.digest, weak, continues: Some(message.id), moved_from: None });
    }
    Ok(())
}

/// Pairs messages here with those of a listing that nothing is known of: (index here, index of the link, weak). With `twins`, those that
/// are byte for byte the same may take each other's place.
async fn paired(
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    messages: &[Digested],
    links: &[NewLink],
    twins: bool,
) -> Result<Vec<(usize, usize, bool)>> {
    let here: Vec<Here> =
        messages.iter().map(|m| Here { permanent: m.permanent.clone(), sizes: vec![m.digest.octets], header: m.digest.header }).collect();
    let unknown: Vec<usize> = (0..links.len()).filter(|i| links[*i].here.is_none()).collect();
    let mut there: Vec<There> =
        unknown.iter().map(|i| There { permanent: links[*i].permanent.clone(), size: links[*i].size, header: None }).collect();
    let ids: Vec<RemoteId> = unknown.iter().map(|i| links[*i].remote.clone()).collect();
    ask_headers(session, row, cursor, &here, &mut there, &|i| ids[i].clone()).await?;
    let mut pairs = pair(&here, &there);
    if twins {
        pair_twins(messages, &there, &mut pairs);
    }
    Ok(pairs.into_iter().map(|pair| (pair.here, unknown[pair.there], pair.weak)).collect())
}

/// Messages that are byte for byte the same were sent, and not all of them are told of yet: any of them may be any of those. Where more
/// have come than were sent, somebody else has sent some, and nothing is concluded.
fn pair_twins(messages: &[Digested], there: &[There], pairs: &mut Vec<Pair>) {
    let mut groups: HashMap<(Hash, u64), (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (i, m) in messages.iter().enumerate().filter(|(i, _)| !pairs.iter().any(|p| p.here == *i)) {
        groups.entry((m.digest.header, m.digest.octets)).or_default().0.push(i);
    }
    for (i, t) in there.iter().enumerate().filter(|(i, _)| !pairs.iter().any(|p| p.there == *i)) {
        if let (Some(header), Some(size)) = (t.header, t.size)
            && let Some(group) = groups.get_mut(&(header, size))
        {
            group.1.push(i);
        }
    }
    for (sent, came) in groups.into_values().filter(|(sent, came)| came.len() <= sent.len()) {
        let same = sent.iter().all(|i| messages[*i].digest.identity == messages[sent[0]].digest.identity);
        if same {
            pairs.extend(sent.into_iter().zip(came).map(|(here, there)| Pair { here, there, weak: true }));
        }
    }
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
                })
                .collect());
        }
        let Some(dir) = store.open_folder(&dir)? else { return Ok(Vec::new()) };
        let files = store.foreign_files(&dir)?;
        Ok(files
            .into_iter()
            .map(|f| Candidate {
                flags: Some(Flags::from_letters(FileName::parse(&f.entry.file).letters)),
                name: f.name,
                digest: f.digest,
                with_tool_lines: f.with_tool_lines,
                permanent: None,
                row: None,
            })
            .collect())
    })
    .await
}

/// Hashes header blocks as they come.
struct Headers {
    found: HashMap<usize, Hash>,
    open: Vec<u8>,
}

#[async_trait]
impl BodySink for Headers {
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
        self.found.insert(index, header_hash(&self.open));
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        Ok(())
    }

    async fn miss(&mut self, _: usize, _: Missed) -> Result<()> {
        Ok(())
    }
}
