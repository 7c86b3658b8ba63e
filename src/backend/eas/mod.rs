//! Exchange ActiveSync (MS-ASHTTP, MS-ASCMD, MS-ASPROV): requests over HTTPS, one at a time, as the servers want it of a device.
//!
//! The server keeps our bookmarks: a SyncKey for each folder, one for the list of folders. Asking with a key says that everything that came
//! with it is here, so a key is recorded only together with a row for every id that it brought; bodies follow from the rows. Whatever makes
//! a key void makes the folder be listed from nothing and matched by content.

mod apply;
mod categories;
mod changes;
mod cursor;
mod device;
mod fetch;
mod flags;
mod folders;
mod introduce;
mod limits;
mod ping;
mod policy;
mod session;
mod submit;

use std::num::NonZeroU16;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use ping::Pace;
pub use policy::{Policy, Rule, policy};
pub use submit::{EasSubmission, blind};

use crate::backend::auth::{secret, unanswered};
use crate::backend::{Backend, BodySink, Ctx, FolderInfo, FolderOrder, FolderOutcome, LookAt, Order, Part, Session, Step, Wake, Want};
use crate::model::caps::{Append, Changes, Deletes, FlagSupport, Folders, Identity, Keywords, Moves, Push};
use crate::model::event::Step as Reaching;
use crate::model::quota::Quota;
use crate::model::{Caps, Change, Cursor, Event, FolderId, Harvest, Protocol, Result, SecretKind};
use crate::net::{Endpoint, TlsConnector};
use crate::wire::eas::{Command, Version};

use session::Link;

/// Seconds between two looks, at least: servers count requests.
const POLL: u32 = 60;

/// An ActiveSync account.
#[derive(Debug, Clone)]
pub struct EasBackend {
    /// Name of the account, for words.
    pub account: String,
    /// Server and way to it; always TLS.
    pub endpoint: Endpoint,
    /// Path of the endpoint; `None` = the usual one.
    pub path: Option<String>,
    /// TLS.
    pub tls: TlsConnector,
    /// User name.
    pub user: String,
    /// What tells this installation of the account from others; the id that the server knows us by is made of it until it is remembered.
    pub device_seed: String,
    /// How long a Ping may last.
    pub pace: Pace,
}

/// What a server that speaks `version` can do.
fn caps(version: Version) -> Caps {
    let drafts = version >= Version::V16_0;
    let pull = if drafts { &flags::PULLED[..] } else { &flags::PULLED[..flags::PULLED.len() - 1] };
    let keywords = if flags::are_keywords(version) { Keywords::Any } else { Keywords::No };
    Caps {
        sessions: NonZeroU16::MIN,
        folders: Folders::Tree,
        identity: Identity::PerEpoch,
        changes: Changes::Delta,
        flags: FlagSupport { pull: flags::set(pull), push: flags::set(&flags::PUSHED), keywords },
        append: if drafts { Append::DraftsOnly } else { Append::No },
        // SOGo moves to the trash whatever DeletesAsMoves says.
        delete: Deletes { trash: true, now: true, may_keep: true },
        moves: Moves::Native { tells_id: true },
        push: Push::Folders { most: NonZeroU16::MAX },
        submit: true,
        admin: true,
    }
}

#[async_trait]
impl Backend for EasBackend {
    fn protocol(&self) -> Protocol {
        Protocol::ActiveSync
    }

    fn ceiling(&self) -> Caps {
        caps(Version::V16_1)
    }

    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Session>> {
        let secret = secret(ctx).await?;
        let kind = secret.kind;
        let mut link = Link::new(self.clone(), ctx.clone(), secret).await?;
        link.check_lock().await?;
        // Where the folders are not asked for, this is the login.
        if link.device.version().is_none() || link.masked(link.version.text()) || link.rehearses_folders() {
            link.options().await.map_err(unanswered)?;
        }
        if !link.device.asked {
            link.provision().await?;
        }
        link.introduce().await?;
        if link.rehearses_folders() {
            ctx.observer.on(&Event::Note("the folders are those of the last run: only a run may ask for newer ones"));
        }
        link.folder_sync().await?;
        let how = if kind == SecretKind::Token { "a bearer token" } else { "a password" };
        let detail = format!("{} with {how}, by ActiveSync {}", self.user, link.version);
        ctx.observer.on(&Event::Reached { step: Reaching::Login, detail: &detail });
        let mut declared = caps(link.version);
        if !link.commands.contains(Command::Ping) || link.masked("PING") {
            declared.push = Push::Poll { at_least: POLL };
        }
        Ok(Box::new(EasSession { link, declared, fresh: true }))
    }
}

/// A way to the server that has been let in.
struct EasSession {
    link: Link,
    declared: Caps,
    /// The folders were brought up to date and not told yet.
    fresh: bool,
}

#[async_trait]
impl Session for EasSession {
    fn caps(&self) -> &Caps {
        &self.declared
    }

    fn relists(&self) -> bool {
        false
    }

    async fn folders(&mut self) -> Result<Vec<FolderInfo>> {
        if !std::mem::take(&mut self.fresh) {
            self.link.folder_sync().await?;
        }
        Ok(self.link.infos())
    }

    async fn quota(&mut self) -> Result<Vec<Quota>> {
        Ok(Vec::new())
    }

    async fn changes(&mut self, at: &[LookAt], out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Vec<Result<Harvest>>> {
        self.link.look(at, out).await
    }

    async fn fetch(&mut self, folder: &FolderId, cursor: &Cursor, wanted: &[Want], part: Part, out: &mut dyn BodySink) -> Result<()> {
        let mark = self.link.bookmark(folder, cursor)?;
        self.link.fetch(&mark, wanted, part, out).await
    }

    async fn apply(&mut self, folder: &FolderId, cursor: &Cursor, orders: &[Order]) -> Result<Step> {
        self.link.apply(folder, cursor, orders).await
    }

    async fn reshape(&mut self, orders: &[FolderOrder]) -> Result<Vec<FolderOutcome>> {
        let mut outcomes = Vec::with_capacity(orders.len());
        for order in orders {
            outcomes.push(self.link.reshape(order).await?);
        }
        self.fresh = false;
        Ok(outcomes)
    }

    async fn wait(&mut self, at: &[FolderId], until: Instant, stop: &CancellationToken) -> Result<Wake> {
        self.link.wait_for_news(at, until, stop).await
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
