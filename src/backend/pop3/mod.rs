//! POP3 (RFC 1939 and its extensions), driven for speed and for safety: everything that can be pipelined is, bodies stream through, and a
//! deletion is one session from DELE to the answer to QUIT. Every extension is optional; without it the result is the same.
//!
//! Ids are unique-ids, with a count where a server gives one to several messages; without them they are made of headers and sizes, and
//! then nothing is removed that was not read in the same session.

mod apply;
mod capabilities;
mod changes;
mod conn;
mod cursor;
mod fetch;
mod limits;
mod listing;
mod login;
mod pace;
mod quirks;

use std::collections::HashSet;

use async_trait::async_trait;
use tokio::time::Instant;

pub use crate::backend::limits::MESSAGE as MOST_OCTETS;
use crate::backend::{Backend, BodySink, Ctx, FolderInfo, FolderOrder, FolderOutcome, LookAt, Order, Part, Session, Step, Want};
use crate::model::change::Marks;
use crate::model::event::Step as Reaching;
use crate::model::quota::Quota;
use crate::model::{
    Caps, Change, Class, Cursor, Error, Event, FolderId, FolderPath, Harvest, Mark, Protocol, RemoteId, Renumbered, Result, Role, Scope,
};
use crate::net::{Endpoint, TlsConnector};
use crate::wire::pop3::Command;
use crate::wire::sasl::Mechanism;

use capabilities::Capabilities;
use conn::{Connection, Expect};
use listing::Listing;
pub use pace::Pace;
use quirks::Quirks;

/// The only folder, by the handle that it has everywhere: an account that changes its protocol keeps it.
const INBOX: &[u8] = b"INBOX";

/// A POP3 account.
#[derive(Debug, Clone)]
pub struct Pop3Backend {
    /// Name of the account, for words.
    pub account: String,
    /// Server and way to it.
    pub endpoint: Endpoint,
    /// TLS.
    pub tls: TlsConnector,
    /// User name.
    pub user: String,
    /// Forced SASL mechanism.
    pub sasl: Option<Mechanism>,
    /// Log in by APOP.
    pub apop: bool,
    /// What is not on the server any more was deleted there.
    pub mirror_deletions: bool,
    /// Octets of one message, at most: [`MOST_OCTETS`]; tests lower it.
    pub most_octets: u64,
    /// How often this server wants logins.
    pub pace: Pace,
}

#[async_trait]
impl Backend for Pop3Backend {
    fn protocol(&self) -> Protocol {
        Protocol::Pop3
    }

    fn ceiling(&self) -> Caps {
        capabilities::ceiling()
    }

    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Session>> {
        let mut session =
            Pop3Session { backend: self.clone(), ctx: ctx.clone(), declared: capabilities::ceiling(), quirks: Quirks::default(), up: None };
        session.up().await?;
        Ok(Box::new(session))
    }
}

/// One authenticated POP3 connection, or, after deletions, several of them one after the other.
struct Pop3Session {
    backend: Pop3Backend,
    ctx: Ctx,
    declared: Caps,
    /// What the server is known to need.
    quirks: Quirks,
    /// `None`: the session ended in good order.
    up: Option<Up>,
}

/// A session that stands, with the maildrop that it shows.
struct Up {
    conn: Connection,
    caps: Capabilities,
    quirks: Quirks,
    listing: Listing,
    most_octets: u64,
    /// TOP is understood.
    top: bool,
    /// Numbers of messages that were read whole in this session.
    read: HashSet<u32>,
    /// Messages that came in the size of LIST, and in others.
    exact: u64,
    odd: u64,
}

impl Pop3Session {
    /// The session that stands, or a new one.
    async fn up(&mut self) -> Result<&mut Up> {
        let up = match self.up.take() {
            Some(up) => up,
            None => Up::open(&self.backend, &self.ctx).await?,
        };
        self.quirks = up.quirks;
        self.declared = up.caps.caps(!up.listing.ids_are_sure());
        Ok(self.up.insert(up))
    }

    fn check(folder: &FolderId) -> Result<()> {
        if folder.0 == INBOX {
            return Ok(());
        }
        Err(Error::new(Class::Partial, format!("work on the folder `{}`", folder.0.escape_ascii()), "the server has only an INBOX")
            .scope(Scope::Folder))
    }
}

impl Up {
    /// Logs in and lists the maildrop.
    async fn open(backend: &Pop3Backend, ctx: &Ctx) -> Result<Self> {
        backend.pace.wait(ctx).await;
        let login::LoggedIn { mut conn, caps, quirks } = login::log_in(backend, ctx).await?;
        let logged_in = Instant::now();
        // A server may index a large maildrop now.
        let silence = conn.bear(ctx.silence * limits::WORK);
        let masked = |name: &str| ctx.disable.iter().any(|n| n == name);
        let (known, uidl) = (caps.known(), !masked("UIDL"));
        let together = known && caps.has("PIPELINING");
        // What the server does after the login may be more, and its policy may be the user's own (RFC 2449 §5).
        let caps = if together {
            conn.queue(&Command::Capa, Expect::Items)?;
            listing::queue(&mut conn, uidl)?;
            login::read_caps(&mut conn, ctx).await?
        } else if known {
            login::ask_caps(&mut conn, ctx).await?
        } else {
            caps
        };
        let (sizes, uidls) = listing::ask(&mut conn, together, uidl).await?;
        conn.bear(silence);
        backend.pace.note(logged_in, caps.login_delay());
        let after = [caps.list(), caps.policy()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        ctx.observer.on(&Event::Reached { step: Reaching::Capabilities, detail: &format!("after login: {after}") });
        let mut up = Self {
            conn,
            caps,
            quirks,
            listing: Listing::default(),
            most_octets: backend.most_octets,
            top: !masked("TOP"),
            read: HashSet::new(),
            exact: 0,
            odd: 0,
        };
        up.name_all(sizes, uidls).await?;
        Ok(up)
    }

    fn pipelining(&self) -> bool {
        self.caps.has("PIPELINING")
    }

    /// Messages that may be asked for at once. One where the server would not show again what the line is lost with; and while sizes are
    /// wrong without a reason that is known, so that nothing else tells whether an answer is that of its message.
    fn in_flight(&self) -> usize {
        let many = self.pipelining() && !self.quirks.hides_fetched && (self.odd <= self.exact || self.estimates());
        if many { limits::IN_FLIGHT } else { 1 }
    }

    /// The sizes of LIST are estimates (Exchange's, unless it is told otherwise; those of servers that count a line end as one octet):
    /// several messages came alone, and hardly one in its size. Then sizes say nothing.
    fn estimates(&self) -> bool {
        self.odd > limits::ODD && self.exact < self.odd / 8
    }
}

/// The ids do not mean what they meant.
fn renumbered() -> Box<Error> {
    Error::new(Class::Partial, "work on the folder `INBOX`", "the server renumbered it just now: its unique-ids changed")
        .scope(Scope::Folder)
        .because(Renumbered)
        .hint("the next run matches its messages again")
}

#[async_trait]
impl Session for Pop3Session {
    fn caps(&self) -> &Caps {
        &self.declared
    }

    fn lists_portions(&self) -> bool {
        self.quirks.portions
    }

    fn hides_fetched(&self) -> bool {
        self.quirks.hides_fetched
    }

    fn misses(&self, id: &RemoteId) -> bool {
        self.up.as_ref().is_some_and(|up| up.listing.find(id).is_none())
    }

    fn deletes_at_once(&self) -> bool {
        true
    }

    async fn folders(&mut self) -> Result<Vec<FolderInfo>> {
        let mirror = self.backend.mirror_deletions;
        let listing = &self.up().await?.listing;
        let mark = listing.mark();
        // Whoever begins to mirror deletions looks again.
        let everything = Mark([&mark.0[..], &[u8::from(mirror)]].concat());
        Ok(vec![FolderInfo {
            id: FolderId(INBOX.to_vec()),
            path: FolderPath::inbox(),
            role: Some(Role::Inbox),
            messages: Some(listing.messages.len() as u64),
            octets: Some(listing.octets()),
            marks: Marks { additions: Some(mark), everything: Some(everything) },
        }])
    }

    async fn quota(&mut self) -> Result<Vec<Quota>> {
        Ok(Vec::new())
    }

    async fn changes(&mut self, at: &[LookAt], out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Vec<Result<Harvest>>> {
        let mirror = self.backend.mirror_deletions;
        let up = self.up().await?;
        let one = |(which, look): (usize, &LookAt)| {
            Self::check(&look.folder)?;
            Ok(up.look(look, mirror, &mut |change| out(which, change)))
        };
        Ok(at.iter().enumerate().map(one).collect())
    }

    async fn fetch(&mut self, folder: &FolderId, cursor: &Cursor, wanted: &[Want], part: Part, out: &mut dyn BodySink) -> Result<()> {
        Self::check(folder)?;
        self.up().await?.fetch(cursor, wanted, part, out).await
    }

    async fn apply(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Step> {
        Self::check(folder)?;
        self.remove(cursor, orders).await
    }

    async fn reshape(&mut self, orders: &[FolderOrder]) -> Result<Vec<FolderOutcome>> {
        Ok(orders.iter().map(|_| FolderOutcome::Refused("the server has only an INBOX".into())).collect())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        // A stopped run leaves without QUIT, so that a server that removes what was read removes nothing.
        if let Some(up) = self.up.filter(|_| !self.ctx.cancel.is_cancelled()) {
            up.conn.quit().await;
        }
        Ok(())
    }
}
