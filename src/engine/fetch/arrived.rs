//! Messages that went there from here: which of the new ones there they are, and whether they are there at all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backend::Session;
use crate::engine::matching::{Here, Pair, There, pair};
use crate::engine::origin::{Origin, may_be};
use crate::model::{Cursor, Hash, RemoteId, Result};
use crate::store::Store;
use crate::store::maildir::outgoing::header_block;
use crate::store::state::{Digested, FolderRow, Known, LinkId, NewLink};

use super::blocking;
use super::rematch::{Headers, ask_headers, headers, read_headers};

/// Messages that were sent or moved into the folder, and whose new ids nobody has told, are known by their content and not fetched; where
/// the server has rewritten one, by its origin.
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
    let mut pairs = paired(session, row, cursor, &arriving, links, false).await?;
    rewritten(store, session, row, cursor, &arriving, links, &mut pairs).await?;
    for (from, link, weak) in pairs {
        let message = &arriving[from];
        links[link].name = message.name.clone();
        links[link].here = Some(Known { digest: message.digest, weak, continues: Some(message.id), moved_from: None, agreed: None });
    }
    Ok(())
}

/// Pairs messages here with those of a listing that nothing is known of: (index here, index of the link, weak). Those that are byte for
/// byte the same may take each other's place. With `sizeless`, those whose size the server does not tell may be paired, too.
pub(super) async fn paired(
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    messages: &[Digested],
    links: &[NewLink],
    sizeless: bool,
) -> Result<Vec<(usize, usize, bool)>> {
    let here: Vec<Here> =
        messages.iter().map(|m| Here { permanent: m.permanent.clone(), sizes: vec![m.digest.octets], header: m.digest.header }).collect();
    let unknown: Vec<usize> = (0..links.len()).filter(|i| links[*i].here.is_none()).collect();
    let mut there: Vec<There> =
        unknown.iter().map(|i| There { permanent: links[*i].permanent.clone(), size: links[*i].size, header: None }).collect();
    let ids: Vec<RemoteId> = unknown.iter().map(|i| links[*i].remote.clone()).collect();
    ask_headers(session, row, cursor, &here, &mut there, &|i| ids[i].clone()).await?;
    if sizeless {
        guess_sizes(session, row, cursor, &here, &mut there, &ids).await?;
    }
    let mut pairs = pair(&here, &there);
    pair_twins(messages, &there, &mut pairs);
    Ok(pairs.into_iter().map(|pair| (pair.here, unknown[pair.there], pair.weak)).collect())
}

/// Where listings tell no sizes, an equal header must do: the message has the size of the one here that has it.
async fn guess_sizes(
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    here: &[Here],
    there: &mut [There],
    ids: &[RemoteId],
) -> Result<()> {
    let asked: Vec<usize> = (0..there.len()).filter(|i| there[*i].size.is_none()).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let mut sizes: HashMap<Hash, HashSet<u64>> = HashMap::new();
    for h in here {
        sizes.entry(h.header).or_default().extend(&h.sizes);
    }
    for (n, header) in headers(session, row, cursor, asked.iter().map(|i| ids[*i].clone()).collect()).await? {
        let there = &mut there[asked[n]];
        there.header = Some(header);
        // Messages of several sizes with one header are not told apart by it.
        there.size = sizes.get(&header.hash).filter(|sizes| sizes.len() == 1).and_then(|sizes| sizes.iter().next().copied());
    }
    Ok(())
}

/// Messages that are byte for byte the same were sent, and not all of them are told of yet: any of them may be any of those. Where more
/// have come than were sent, somebody else has sent some, and nothing is concluded.
fn pair_twins(messages: &[Digested], there: &[There], pairs: &mut Vec<Pair>) {
    let paired_here: HashSet<usize> = pairs.iter().map(|p| p.here).collect();
    let paired_there: HashSet<usize> = pairs.iter().map(|p| p.there).collect();
    let mut groups: HashMap<(Hash, u64), (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (i, m) in messages.iter().enumerate().filter(|(i, _)| !paired_here.contains(i)) {
        groups.entry((m.digest.header, m.digest.octets)).or_default().0.push(i);
    }
    for (i, t) in there.iter().enumerate().filter(|(i, _)| !paired_there.contains(i)) {
        if let (Some(header), Some(size)) = (t.header, t.size)
            && let Some(group) = groups.get_mut(&(header.hash, size))
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

/// Finds messages that the server has written in its own way. What it said that it took is there, so the first that fits is it; what
/// nobody has confirmed must be the only one that fits, and stays a weak match.
async fn rewritten(
    store: &Arc<Store>,
    session: &mut Box<dyn Session>,
    row: &FolderRow,
    cursor: &Cursor,
    arriving: &[Digested],
    links: &[NewLink],
    pairs: &mut Vec<(usize, usize, bool)>,
) -> Result<()> {
    let (here, there): (Vec<usize>, Vec<usize>) = pairs.iter().map(|(here, link, _)| (*here, *link)).unzip();
    let left: Vec<usize> = (0..arriving.len()).filter(|i| !here.contains(i)).collect();
    let fits = |link: &NewLink| link.size.is_some_and(|size| left.iter().any(|i| may_be(arriving[*i].digest.octets, size)));
    let asked: Vec<usize> = (0..links.len()).filter(|i| links[*i].here.is_none() && !there.contains(i) && fits(&links[*i])).collect();
    if left.is_empty() || asked.is_empty() {
        return Ok(());
    }
    let (dir, names) = (row.dir.clone(), left.iter().map(|i| arriving[*i].name.clone()).collect::<Vec<_>>());
    let ours = blocking(store, move |store| {
        let Some(dir) = store.open_folder(&dir)? else { return Ok(Vec::new()) };
        names.iter().map(|name| Ok(header_block(&dir, name)?.map(|header| Origin::of(&header)))).collect::<Result<Vec<_>>>()
    })
    .await?;
    let ids = asked.iter().map(|i| links[*i].remote.clone()).collect();
    let mut theirs = read_headers(session, row, cursor, ids, Origin::of).await?.found;
    for (i, origin) in left.into_iter().zip(ours) {
        let Some(origin) = origin else { continue };
        let message = &arriving[i];
        let same = |n: &usize| {
            let size = links[asked[*n]].size;
            theirs.get(n).is_some_and(|their| origin.is_same(their)) && size.is_some_and(|size| may_be(message.digest.octets, size))
        };
        let found: Vec<usize> = (0..asked.len()).filter(same).collect();
        if let [first, rest @ ..] = found.as_slice()
            && (message.taken || rest.is_empty())
        {
            theirs.remove(first);
            pairs.push((i, asked[*first], !message.taken));
        }
    }
    Ok(())
}

/// Messages that went there from here under ids that the server told, and that it did not list when it should have: it is asked for them by
/// their ids. Those that it does not have any more were removed there meanwhile.
pub(super) async fn look_for_unseen(store: &Arc<Store>, session: &mut Box<dyn Session>, row: &FolderRow, cursor: &Cursor) -> Result<()> {
    let folder = row.id;
    let unseen = blocking(store, move |store| store.state().unseen(folder)).await?;
    if unseen.is_empty() {
        return Ok(());
    }
    let ids = unseen.iter().map(|(_, remote)| remote.clone()).collect();
    let Headers { found, gone, .. } = read_headers(session, row, cursor, ids, |_| ()).await?;
    let there: Vec<LinkId> = found.keys().map(|n| unseen[*n].0).collect();
    let gone: Vec<LinkId> = gone.iter().map(|n| unseen[*n].0).collect();
    blocking(store, move |store| {
        store.state().settle_unseen(&there, &gone)?;
        store.step("commit-listing");
        Ok(())
    })
    .await
}
