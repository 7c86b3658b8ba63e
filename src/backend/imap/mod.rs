//! IMAP4rev1 and rev2 (RFC 3501, RFC 9051), driven for speed: everything that can be pipelined is, bodies are asked for in ranges and
//! stream through. Every extension is optional; without it the result is the same.

mod apply;
mod capabilities;
mod changes;
mod conn;
mod cursor;
mod fetch;
mod folders;
mod limits;
mod login;
mod quirks;
mod reshape;
mod search;
mod watch;

use std::collections::HashMap;
use std::num::NonZeroU16;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, BodySink, Ctx, FolderInfo, FolderOrder, FolderOutcome, LookAt, Order, Part, Session, Step, Wake, Want};
use crate::model::quota::Quota;
use crate::model::{Caps, Change, Class, Cursor, Error, FolderId, Harvest, Protocol, RemoteId, Renumbered, Result, Scope};
use crate::net::{Endpoint, TlsConnector};
use crate::wire::imap::{Code, Command, MailboxStatus, Response, SelectWith, Status, StatusKind};
use crate::wire::sasl::Mechanism;

use capabilities::Capabilities;
use conn::Connection;
use quirks::Quirks;

/// An IMAP account.
#[derive(Debug)]
pub struct ImapBackend {
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
    /// Connections at most.
    pub connections: NonZeroU16,
}

#[async_trait]
impl Backend for ImapBackend {
    fn protocol(&self) -> Protocol {
        Protocol::Imap
    }

    fn ceiling(&self) -> Caps {
        capabilities::ceiling(self.connections)
    }

    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Session>> {
        let login::LoggedIn { conn, caps, quirks, utf8 } = login::log_in(self, ctx).await?;
        let declared = caps.caps(self.connections);
        Ok(Box::new(ImapSession {
            conn,
            caps,
            declared,
            quirks,
            utf8,
            selected: None,
            listed: HashMap::new(),
            paged: HashMap::new(),
            trash: None,
            levels: folders::Levels::default(),
            opened_any: false,
            resync: changes::Resync::default(),
            compressed: false,
            introduced: false,
            counts_changes: false,
            notified: false,
            strange: HashMap::new(),
            ctx: ctx.clone(),
        }))
    }
}

/// The folder that is selected.
#[derive(Debug, Clone)]
struct Selected {
    folder: FolderId,
    read_only: bool,
    uid_validity: u32,
    /// PERMANENTFLAGS; `None` = not told, so all of them (RFC 9051 §7.1).
    permanent: Option<Vec<String>>,
}

/// One authenticated IMAP connection.
struct ImapSession {
    conn: Connection,
    caps: Capabilities,
    declared: Caps,
    quirks: Quirks,
    utf8: bool,
    selected: Option<Selected>,
    /// Counters of the last listing.
    listed: HashMap<FolderId, MailboxStatus>,
    /// Folders whose listing is under way, page by page.
    paged: HashMap<FolderId, changes::Paged>,
    trash: Option<FolderId>,
    levels: folders::Levels,
    /// SELECT or EXAMINE was sent.
    opened_any: bool,
    resync: changes::Resync,
    compressed: bool,
    /// ID was sent.
    introduced: bool,
    /// ENABLE CONDSTORE was sent.
    counts_changes: bool,
    /// NOTIFY was sent: whatever is told may be a notice.
    notified: bool,
    /// What notices told of folders that no listing had, by the name that was told.
    strange: HashMap<Vec<u8>, MailboxStatus>,
    ctx: Ctx,
}

/// What SELECT or EXAMINE tells.
#[derive(Debug, Default, Clone)]
struct Opened {
    uid_validity: Option<u64>,
    uid_next: Option<u64>,
    mod_seq: Option<u64>,
    exists: Option<u32>,
    permanent: Option<Vec<String>>,
    /// Its command has ended: what comes now tells of later.
    done: bool,
}

impl Opened {
    fn take(&mut self, response: &Response) {
        match response {
            Response::Exists(n) => self.exists = Some(*n),
            Response::Expunge(_) => self.exists = self.exists.map(|n| n.saturating_sub(1)),
            Response::Status(Status { code: Some(code), .. }) if !self.done => match code {
                Code::UidValidity(n) => self.uid_validity = Some(*n),
                Code::UidNext(n) => self.uid_next = Some(*n),
                Code::HighestModSeq(n) => self.mod_seq = Some(*n),
                Code::PermanentFlags(flags) => self.permanent = Some(flags.clone()),
                _ => {}
            },
            _ => {}
        }
    }

    /// The epoch; 0 = the server promises none.
    fn validity(&self) -> u32 {
        self.uid_validity.and_then(|v| u32::try_from(v).ok()).unwrap_or(0)
    }
}

impl ImapSession {
    /// The name of a folder as this connection spells it. Handles are always in modified UTF-7, so that they stay the same when a
    /// server starts to offer UTF8=ACCEPT.
    fn wire_name(&self, folder: &FolderId) -> Vec<u8> {
        if self.utf8
            && let Ok(name) = crate::wire::imap::decode_name(&folder.0, false)
        {
            return name.into_bytes();
        }
        folder.0.clone()
    }

    /// Queues SELECT or EXAMINE.
    fn queue_select(&mut self, folder: &FolderId, read_only: bool, with: SelectWith<'_>) -> Result<String> {
        (self.selected, self.opened_any) = (None, true);
        let mailbox = self.wire_name(folder);
        self.conn.queue(&Command::Select { mailbox: &mailbox, read_only, with })
    }

    /// Selects a folder unless it is selected, and checks that it is in the epoch `uid_validity`.
    async fn select(&mut self, folder: &FolderId, read_only: bool, uid_validity: u32) -> Result<()> {
        if let Some(selected) = &self.selected
            && selected.folder == *folder
            && (!selected.read_only || read_only)
        {
            return self.check_epoch(folder, selected.uid_validity, uid_validity);
        }
        let tag = self.queue_select(folder, read_only, SelectWith::Nothing)?;
        let mut opened = Opened::default();
        let status = self.conn.complete(&tag, &mut |response| opened.take(&response)).await?;
        self.selected_by(folder, read_only, &status, &opened)?;
        self.check_epoch(folder, opened.validity(), uid_validity)
    }

    fn selected_by(&mut self, folder: &FolderId, read_only: bool, status: &Status, opened: &Opened) -> Result<()> {
        if status.kind != StatusKind::Ok {
            // RFC 9051 §6.3.2: then none is selected, also where the commands of several folders were in the pipe.
            self.selected = None;
            return Err(self.folder_error(folder, "the server does not open it", &status.text));
        }
        let read_only = read_only || status.code == Some(Code::ReadOnly);
        let (uid_validity, permanent) = (opened.validity(), opened.permanent.clone());
        self.selected = Some(Selected { folder: folder.clone(), read_only, uid_validity, permanent });
        Ok(())
    }

    /// Where the server promises no epoch, both are 0: reading goes on, because such a folder is matched by content in every run;
    /// [`ImapSession::carry_out`] refuses to delete.
    fn check_epoch(&self, folder: &FolderId, is: u32, was: u32) -> Result<()> {
        if is == was {
            return Ok(());
        }
        Err(self.renumbered(folder))
    }

    /// The epoch of a folder ended while it was worked on.
    fn renumbered(&self, folder: &FolderId) -> Box<Error> {
        self.folder_error(folder, "the server renumbered it just now", "UIDVALIDITY changed")
            .because(Renumbered)
            .hint("the next run matches its messages again")
    }

    /// An error that costs this folder only.
    #[expect(clippy::unused_self, reason = "reads as a method everywhere")]
    fn folder_error(&self, folder: &FolderId, what: &str, text: &str) -> Box<Error> {
        Error::new(Class::Partial, work_on(folder), format!("{what}: {text}")).scope(Scope::Folder)
    }
}

#[async_trait]
impl Session for ImapSession {
    fn caps(&self) -> &Caps {
        &self.declared
    }

    async fn folders(&mut self) -> Result<Vec<FolderInfo>> {
        self.list_folders(false).await
    }

    async fn folders_with_sizes(&mut self) -> Result<Vec<FolderInfo>> {
        self.list_folders(true).await
    }

    async fn quota(&mut self) -> Result<Vec<Quota>> {
        self.ask_quota().await
    }

    async fn changes(&mut self, at: &[LookAt], out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Vec<Result<Harvest>>> {
        self.look(at, out).await
    }

    async fn fetch(&mut self, folder: &FolderId, cursor: &Cursor, wanted: &[Want], part: Part, out: &mut dyn BodySink) -> Result<()> {
        self.fetch_bodies(folder, cursor, wanted, part, out).await
    }

    async fn apply(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Step> {
        Ok(Step { outcomes: self.carry_out(folder, cursor, orders).await?, cursor: None })
    }

    async fn reshape(&mut self, orders: &[FolderOrder]) -> Result<Vec<FolderOutcome>> {
        self.change_folders(orders).await
    }

    async fn wait(&mut self, at: &[FolderId], until: Instant, stop: &CancellationToken) -> Result<Wake> {
        self.wait_for_news(at, until, stop).await
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.conn.logout().await;
        Ok(())
    }
}

/// What was tried with a folder, for words.
fn work_on(folder: &FolderId) -> String {
    let name = crate::wire::imap::decode_name(&folder.0, false).unwrap_or_else(|_| folder.0.escape_ascii().to_string());
    format!("work on the folder `{name}`")
}

/// A UID as the engine's id.
fn remote_id(uid: u32) -> RemoteId {
    RemoteId(uid.to_string().into())
}

/// An id of ours as a UID; ids of other making are never asked for.
fn uid(id: &RemoteId) -> Option<u32> {
    id.0.parse().ok().filter(|uid| *uid != 0)
}
