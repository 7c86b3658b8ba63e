//! The maildrop as the session shows it: numbers, ids and sizes, of one moment (RFC 1939 §5: it does not change while the session lives).

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::backend::{BodySink, Missed, Part};
use crate::model::{Mark, RemoteId, Result};
use crate::wire::hex;
use crate::wire::pop3::{Code, Command, Uidl, WireError, parse_list, parse_stat, parse_uidl};

use super::conn::{Connection, Expect};
use super::cursor::key;
use super::fetch::Asked;
use super::{Up, limits};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its number in this session.
    pub number: u32,
    pub id: RemoteId,
    /// Octets as announced.
    pub size: u64,
}

/// All messages, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub messages: Vec<Message>,
    /// Positions in the order of the ids: a map would hold each of them twice.
    by_id: Vec<u32>,
    /// What a cursor remembers of each id, by position: made once, and asked for with every page.
    pub keys: Vec<u64>,
    /// The server has no unique-ids: they are made of headers and sizes.
    pub by_content: bool,
    /// Messages that share their unique-id with others, by position, with that id.
    pub twins: Vec<(u32, RemoteId)>,
}

/// Positions in the order of the ids, twins in their own order.
fn sorted(messages: &[Message]) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..messages.len() as u32).collect();
    positions.sort_unstable_by(|a, b| messages[*a as usize].id.0.cmp(&messages[*b as usize].id.0).then(a.cmp(b)));
    positions
}

impl Listing {
    /// Numbers with what identifies them, and sizes: ids that stand several times get the count of their occurrence.
    pub fn new(named: impl IntoIterator<Item = (u32, RemoteId, u64)>, by_content: bool) -> Self {
        let message = |(number, id, size)| Message { number, id, size };
        let mut messages: Vec<Message> = named.into_iter().map(message).collect();
        let mut by_id = sorted(&messages);
        let mut twins = Vec::new();
        let mut rest = &by_id[..];
        while let [first, ..] = rest {
            let name = messages[*first as usize].id.clone();
            let run = rest.iter().take_while(|n| messages[**n as usize].id == name).count();
            if run > 1 {
                twins.extend(rest[..run].iter().map(|n| (*n, name.clone())));
            }
            for (nth, n) in rest[..run].iter().enumerate().skip(1) {
                // No unique-id has a space in it.
                messages[*n as usize].id = RemoteId(format!("{} {}", name.0, nth + 1).into());
            }
            rest = &rest[run..];
        }
        if !twins.is_empty() {
            by_id = sorted(&messages);
        }
        let keys = messages.iter().map(|message| key(&message.id)).collect();
        Self { messages, by_id, keys, by_content, twins }
    }

    pub fn find(&self, id: &RemoteId) -> Option<&Message> {
        let found = self.by_id.binary_search_by(|n| self.messages[*n as usize].id.0.cmp(&id.0)).ok()?;
        self.messages.get(*self.by_id.get(found)? as usize)
    }

    /// Whether its ids alone name messages.
    pub fn ids_are_sure(&self) -> bool {
        !self.by_content && self.twins.is_empty()
    }

    /// Octets of all messages, as announced.
    pub fn octets(&self) -> u64 {
        self.messages.iter().fold(0, |sum, m| sum.saturating_add(m.size))
    }

    /// Equal for equal listings.
    pub fn mark(&self) -> Mark {
        let mut hash = Sha256::new();
        for message in &self.messages {
            hash.update(message.id.0.as_bytes());
            hash.update([0]);
            hash.update(message.size.to_be_bytes());
        }
        Mark(hash.finalize().to_vec())
    }
}

/// The name of a message by its unique-id. One that is none by RFC 1939 §7 is told by its hash: it goes into names for people and into the
/// state, and may be anything.
fn name(uidl: &Uidl<'_>) -> RemoteId {
    RemoteId(uidl.well_formed().map_or_else(|| format!("uidl sha256:{}", hex(&Sha256::digest(uidl.id))).into(), Into::into))
}

/// The commands that ask for it; the last one is for unique-ids.
const COMMANDS: [(Command<'static>, Expect); 3] =
    [(Command::Stat, Expect::Line), (Command::List, Expect::Items), (Command::Uidl, Expect::Items)];

/// Sends all of them at once, for [`ask`] to read. Without `uidl`, no unique-ids are asked for.
pub(super) fn queue(conn: &mut Connection, uidl: bool) -> Result<()> {
    COMMANDS[..2 + usize::from(uidl)].iter().try_for_each(|(command, expect)| conn.queue(command, *expect))
}

/// Asks for sizes and unique-ids, one after the other unless all were `queued`. `None` for unique-ids that the server does not give.
pub(super) async fn ask(conn: &mut Connection, queued: bool, uidl: bool) -> Result<(Sizes, Option<Ids>)> {
    let mut next = COMMANDS.iter();
    let mut begin = |conn: &mut Connection| match next.next() {
        Some((command, expect)) if !queued => conn.queue(command, *expect),
        _ => Ok(()),
    };
    begin(conn)?;
    let stat = conn.reply().await?;
    if !stat.ok {
        return Err(conn.refused("the server does not say what is in the mailbox", &stat));
    }
    let (count, _) = parse_stat(&stat.text).map_err(|e| conn.broke(&format!("sent a {e}"), stat.text.as_bytes()))?;
    begin(conn)?;
    // What is announced is believed only so far.
    let room = (count as usize).min(ROOM);
    let mut sizes = Sizes(Vec::with_capacity(room));
    let list = conn.items(|line| sizes.take(parse_list(line)?)).await?;
    if !sizes.sort() {
        return Err(conn.broke("gives two sizes to one message", &[]));
    }
    let mut ids = Ids::with_capacity(if uidl { room } else { 0 });
    let mut uidls = None;
    if uidl {
        begin(conn)?;
        let answer = conn
            .items(|line| {
                let uidl = parse_uidl(line)?;
                ids.push((uidl.number, name(&uidl)));
                if ids.len() > limits::MESSAGES { Err(WireError::Malformed("UIDL")) } else { Ok(()) }
            })
            .await?;
        // Other mail programs in the way, or a server that is ill, are not a server without unique-ids.
        if matches!(answer.code, Some(Code::InUse | Code::LoginDelay | Code::SysTemp | Code::SysPerm)) && !answer.ok {
            return Err(conn.refused("the server does not give the unique-ids now", &answer));
        }
        uidls = answer.ok.then_some(ids);
    }
    if !list.ok {
        return Err(conn.refused("the server does not list the mailbox", &list));
    }
    // A listing that is not of what the server says it has is no ground to stand on.
    if sizes.0.len() != count as usize {
        return Err(conn.broke(&format!("says that there are {count} messages and lists the sizes of {}", sizes.0.len()), &[]));
    }
    if let Some(ids) = &uidls
        && (ids.len() != sizes.0.len() || ids.iter().any(|(number, _)| sizes.of(*number).is_none()))
    {
        return Err(conn.broke(&format!("lists the sizes of {} messages and the unique-ids of {} others", sizes.0.len(), ids.len()), &[]));
    }
    Ok((sizes, uidls))
}

/// Numbers with what their unique-ids name, as they came.
pub(super) type Ids = Vec<(u32, RemoteId)>;

/// Messages for which room is made before they are listed.
const ROOM: usize = 1 << 14;

/// Sizes by number, ascending once they are sorted.
#[derive(Debug, Default)]
pub(super) struct Sizes(Vec<(u32, u64)>);

impl Sizes {
    fn take(&mut self, of: (u32, u64)) -> Result<(), WireError> {
        if self.0.len() >= limits::MESSAGES {
            return Err(WireError::Malformed("LIST"));
        }
        self.0.push(of);
        Ok(())
    }

    /// Brings them into order: RFC 1939 demands none. False where a number stands twice.
    fn sort(&mut self) -> bool {
        self.0.sort_unstable_by_key(|(number, _)| *number);
        self.0.windows(2).all(|pair| pair[0].0 != pair[1].0)
    }

    fn of(&self, number: u32) -> Option<u64> {
        self.0.binary_search_by_key(&number, |(number, _)| *number).ok().map(|at| self.0[at].1)
    }
}

impl Up {
    /// Makes the listing of what the server told.
    pub async fn name_all(&mut self, sizes: Sizes, uidls: Option<Ids>) -> Result<()> {
        let Some(mut uidls) = uidls else {
            let names = self.names_by_header(&sizes.0).await?;
            let named = sizes.0.iter().zip(names).map(|((number, size), name)| (*number, RemoteId(name.into()), *size));
            self.listing = Listing::new(named, true);
            return Ok(());
        };
        uidls.sort_unstable_by_key(|(number, _)| *number);
        if uidls.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(self.conn.broke("gives two unique-ids to one message", &[]));
        }
        // Both have the same numbers, ascending.
        let named = uidls.into_iter().zip(&sizes.0).map(|((number, id), (_, size))| (number, id, *size));
        let listing = Listing::new(named, false);
        self.listing = if listing.twins.is_empty() { listing } else { self.tell_apart(listing).await? };
        Ok(())
    }

    /// Messages with one unique-id are told apart by their headers and sizes, too: by their order alone, one that comes when another has
    /// gone would be taken for that.
    async fn tell_apart(&mut self, listing: Listing) -> Result<Listing> {
        let Listing { messages, twins, .. } = listing;
        let of: Vec<(u32, u64)> = twins.iter().map(|(n, _)| &messages[*n as usize]).map(|message| (message.number, message.size)).collect();
        let names = self.names_by_header(&of).await?;
        let mut named: Vec<(u32, RemoteId, u64)> = messages.into_iter().map(|m| (m.number, m.id, m.size)).collect();
        for ((n, uidl), name) in twins.iter().zip(names) {
            named[*n as usize].1 = RemoteId(format!("{} {name}", uidl.0).into());
        }
        Ok(Listing { twins, ..Listing::new(named, false) })
    }

    /// What tells messages apart without unique-ids, by their numbers and sizes: header and octets. One whose header cannot be had is told
    /// by its size alone: it is fetched all the same.
    async fn names_by_header(&mut self, of: &[(u32, u64)]) -> Result<Vec<String>> {
        let asked = of.iter().enumerate().map(|(index, (number, size))| Asked { index, number: *number, size: *size, alone: false });
        let mut sink = HeaderHashes { hashes: vec![None; of.len()], open: Vec::new() };
        self.stream(asked.collect(), Part::Header, &mut sink).await?;
        let name = |((_, size), hash): (&(u32, u64), Option<String>)| format!("top {} {size}", hash.as_deref().unwrap_or("no-header"));
        Ok(of.iter().zip(sink.hashes).map(name).collect())
    }
}

/// Octets of a header that count.
const HEADER: usize = 1 << 20;

/// Hashes headers as they come.
struct HeaderHashes {
    hashes: Vec<Option<String>>,
    open: Vec<u8>,
}

/// The hash of a header block, less the lines by which some servers note that a message was read.
fn header_name(header: &[u8]) -> String {
    let mut hash = Sha256::new();
    for line in header.split_inclusive(|b| *b == b'\n') {
        let noted = |name: &[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if !noted(b"Status:") && !noted(b"X-Status:") {
            hash.update(line);
        }
    }
    hex(&hash.finalize()[..16])
}

#[async_trait]
impl BodySink for HeaderHashes {
    async fn begin(&mut self) -> Result<()> {
        self.open.clear();
        Ok(())
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        let room = HEADER - self.open.len();
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        self.hashes[index] = Some(header_name(&self.open));
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        Ok(())
    }

    async fn miss(&mut self, _: usize, _: Missed) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_counted_and_told_apart_from_all_others() {
        let named = [(1, "a", 5), (2, "b", 5), (4, "a", 7)].map(|(n, id, size)| (n, RemoteId(id.into()), size));
        let listing = Listing::new(named, false);
        let ids: Vec<&str> = listing.messages.iter().map(|m| &*m.id.0).collect();
        assert_eq!(ids, ["a", "b", "a 2"]);
        assert_eq!(listing.find(&RemoteId("a 2".into())).map(|m| m.number), Some(4));
        assert_eq!(listing.twins, [(0, RemoteId("a".into())), (2, RemoteId("a".into()))]);
        assert!(!listing.ids_are_sure());
        assert_eq!(listing.octets(), 17);
    }

    #[test]
    fn malformed_ids_are_told_by_their_hash() {
        let of = |id: &[u8]| name(&Uidl { number: 1, id }).0;
        assert_eq!(&*of(b"whqtswO00WBw418f9t5JxYwZ"), "whqtswO00WBw418f9t5JxYwZ");
        for id in [&b""[..], b"a b", b"\x1b[2J", &vec![b'x'; 70_000]] {
            let name = of(id);
            assert!(name.starts_with("uidl sha256:") && name.len() == 76, "{name}");
        }
        assert_ne!(of(b"a b"), of(b"a  b"));
    }

    #[test]
    fn a_mark_is_of_ids_and_sizes() {
        let mark = |list: &[(u32, &str, u64)]| Listing::new(list.iter().map(|(n, id, s)| (*n, RemoteId((*id).into()), *s)), false).mark();
        assert_eq!(mark(&[(1, "a", 5)]), mark(&[(1, "a", 5)]));
        assert_ne!(mark(&[(1, "a", 5)]), mark(&[(1, "a", 6)]));
        assert_ne!(mark(&[(1, "a", 5)]), mark(&[(1, "b", 5)]));
        assert_ne!(mark(&[]), mark(&[(1, "a", 5)]));
    }

    #[test]
    fn what_a_server_notes_in_a_header_does_not_count() {
        assert_eq!(header_name(b"A: b\r\nStatus: RO\r\nX-Status: A\r\n\r\n"), header_name(b"A: b\r\n\r\n"));
        assert_ne!(header_name(b"A: b\r\n\r\n"), header_name(b"A: c\r\n\r\n"));
    }
}
