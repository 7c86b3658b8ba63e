//! `mailx send`, `mailx outbox`: a message is prepared, queued, handed over, and its copy filed.

mod answered;
mod copies;
mod doubts;
pub mod outbox;
mod prepare;
pub mod syslog;
mod way;

use std::io::Read;
use std::sync::Arc;

use super::{Globals, account, off_thread};
use crate::backend::{Ctx, Submission, Submit};
use crate::config::Account;
pub use crate::engine::send::Settled;
pub use crate::engine::send::compose::{Attachment, Compose};
use crate::engine::send::{self, Delivered, Opened, letter, unqueued_message};
use crate::model::event::Step;
use crate::model::{Class, Error, Event, Observer, Reports, Result};
pub use crate::store::outbox::State;
use crate::store::outbox::{Claim, Outbox};
use crate::store::random;
use prepare::{Prepared, prepare};

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The account that was named.
    pub account: Option<String>,
    /// Where the message comes from.
    pub source: Source,
    /// Who gets it, beside those of the source: addresses, lists of them, short names.
    pub recipients: Vec<String>,
    /// Who the envelope says that it is from; `<>` = nobody.
    pub from: Option<String>,
    /// The name beside a From that we write.
    pub name: Option<String>,
    /// Reports that are wanted.
    pub reports: Reports,
    /// Nobody gets it unless all do.
    pub all_or_none: bool,
    /// Bcc stays in the header of a whole message.
    pub keep_bcc: bool,
    /// Whether it is queued.
    pub queueing: Queueing,
}

/// Where a message comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Whole, on standard input.
    Whole {
        /// Its header names recipients.
        recipients_in_header: bool,
    },
    /// It is composed; its text comes on standard input unless a file is named.
    Composed(Box<Compose>),
}

/// Whether a message is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Queueing {
    /// Before it is sent, and after it could not be.
    #[default]
    First,
    /// It is queued and not sent.
    Only,
    /// Never: what cannot be sent is not kept.
    Never,
}

/// What became of a message.
#[derive(Debug)]
#[must_use]
pub struct Report {
    /// Account.
    pub account: String,
    /// Where it stands, and what was said.
    pub settled: Settled,
    /// Why it was not handed over.
    pub error: Option<Box<Error>>,
    /// Why its copy was not filed yet.
    pub copy: Option<Box<Error>>,
    /// Messages of earlier runs that were cut off: nobody knows whether they went.
    pub cut_off: Vec<Settled>,
}

impl Report {
    fn new(account: &Account, settled: Settled) -> Self {
        Self { account: account.name.clone(), settled, error: None, copy: None, cut_off: Vec::new() }
    }
}

/// Sends one message. `Err`: nothing was queued and nothing was sent. `None`: nothing was to be sent.
pub async fn send(globals: &Globals, request: Request, input: Box<dyn Read + Send>, observer: Arc<dyn Observer>) -> Result<Option<Report>> {
    let config = account::load(globals)?;
    let queueing = request.queueing;
    let prepared = off_thread("prepare the message", move || prepare(&config, &request, input)).await.map_err(nothing_was_sent)?;
    let Some(Prepared { account, spool, entry, outbox }) = prepared else { return Ok(None) };
    let way = way::submission(&account)?;
    let ctx = account::sending_ctx(globals, &account, observer).await?;
    let opening = (queueing != Queueing::Only).then(|| open(way.clone(), ctx.clone()));
    let Some(outbox) = outbox else {
        let message = unqueued_message(spool)?;
        let letter = letter(format!("{:032x}", u128::from_le_bytes(random()?)), &entry, message);
        let session = joined(opening).await;
        let (settled, error) = send::deliver_unqueued(session, letter, settled_of(String::new(), &entry, None)).await;
        return Ok(Some(Report { error, ..Report::new(&account, settled) }));
    };
    // The server is dialled while the message becomes durable; nothing of it goes out before.
    let outbox = Arc::new(outbox);
    let queued = {
        let outbox = outbox.clone();
        off_thread("queue the message", move || outbox.enqueue(spool, entry)).await
    };
    let claim = match queued {
        Ok(claim) => claim,
        Err(error) => {
            opening.inspect(tokio::task::JoinHandle::abort);
            return Err(nothing_was_sent(error));
        }
    };
    let cut_off = cut_off(&account, &outbox).await;
    if opening.is_none() {
        let settled = settled_of(claim.id.clone(), &claim.entry, Some(State::Queued));
        return Ok(Some(Report { cut_off, ..Report::new(&account, settled) }));
    }
    let fallback = settled_of(claim.id.clone(), &claim.entry, Some(State::Queued));
    let session = Opened::New(joined(opening).await);
    let mut delivered = send::deliver(&outbox, &*way, &ctx, session, vec![claim]).await;
    close(delivered.session.take()).await;
    let report = report(globals, &account, &outbox, delivered, fallback, ctx.observer).await;
    Ok(Some(Report { cut_off, ..report }))
}

/// What failed before the message was queued.
fn nothing_was_sent(mut error: Box<Error>) -> Box<Error> {
    if error.class == Class::DiskFull {
        error.hints = vec!["free some space and send it again".into()];
    }
    error.safe("nothing was queued and nothing was sent")
}

/// Messages that were on their way when their sender died; each is told once. Where the Sent folder may tell, a flush looks there first. What
/// cannot be read shows where the outbox is looked at.
async fn cut_off(account: &Account, outbox: &Arc<Outbox>) -> Vec<Settled> {
    if doubts::tells(account) {
        return Vec::new();
    }
    let outbox = outbox.clone();
    let cut = off_thread("read the outbox", move || Ok(outbox.cut_off()?.0.iter().map(send::in_doubt).collect()));
    cut.await.unwrap_or_default()
}

/// Reaches the place that takes what the account sends, and hands over nothing.
pub(in crate::app) async fn reach(globals: &Globals, account: &Account, observer: Arc<dyn Observer>) -> Result<()> {
    let ctx = account::sending_ctx(globals, account, observer.clone()).await?;
    way::submission(account)?.open(&ctx).await?.close().await?;
    let detail = format!("{} takes mail", way::name(account));
    observer.on(&Event::Reached { step: Step::Submission, detail: &detail });
    Ok(())
}

/// What became of a message; its copy is filed.
async fn report(
    globals: &Globals,
    account: &Account,
    outbox: &Arc<Outbox>,
    delivered: Delivered,
    fallback: Settled,
    observer: Arc<dyn Observer>,
) -> Report {
    let mut settled = delivered.settled.into_iter().next().unwrap_or(fallback);
    // What was said about the message says more than that the connection broke afterwards.
    let error = delivered.error.filter(|_| settled.verdicts.is_empty());
    let mut copy = None;
    if settled.state == Some(State::Sent) {
        match copies::file(globals, account, outbox, observer).await {
            Ok(_) => settled.state = None,
            Err(error) => copy = Some(error),
        }
    }
    Report { error, copy, ..Report::new(account, settled) }
}

fn open(way: Arc<dyn Submission>, ctx: Ctx) -> tokio::task::JoinHandle<Result<Box<dyn Submit>>> {
    tokio::spawn(async move { way.open(&ctx).await })
}

async fn joined(opening: Option<tokio::task::JoinHandle<Result<Box<dyn Submit>>>>) -> Result<Box<dyn Submit>> {
    let internal = |why: String| Error::new(Class::Internal, "reach the server", why);
    match opening {
        Some(opening) => opening.await.map_err(|e| internal(format!("its task panicked: {e}")))?,
        None => Err(internal("nobody tried".into())),
    }
}

fn settled_of(id: String, entry: &crate::store::outbox::Entry, state: Option<State>) -> Settled {
    Settled {
        id,
        message_id: entry.message_id.clone(),
        subject: entry.subject.clone(),
        from: entry.from.clone(),
        octets: entry.octets,
        verdicts: Vec::new(),
        state,
    }
}

/// The outbox of an account, if it has one.
async fn look(account: &Account) -> Result<Option<Arc<Outbox>>> {
    let (root, layout) = (account.maildir.clone(), super::run::layout(account.layout));
    let found = off_thread("open the outbox", move || Outbox::look(&root, layout, super::run::step_hook())).await?;
    Ok(found.map(Arc::new))
}

/// The way out for messages that are claimed already, with the connection that the last of them left.
struct Door {
    way: Arc<dyn Submission>,
    ctx: Ctx,
    standing: Option<Box<dyn Submit>>,
}

impl Door {
    async fn of(globals: &Globals, account: &Account, observer: Arc<dyn Observer>) -> Result<Self> {
        let way = way::submission(account)?;
        Ok(Self { way, ctx: account::sending_ctx(globals, account, observer).await?, standing: None })
    }

    async fn hand_over(&mut self, outbox: &Arc<Outbox>, claims: Vec<Claim>) -> Delivered {
        let opened = match self.standing.take() {
            Some(session) => Opened::Used(session),
            None => Opened::New(self.way.open(&self.ctx).await),
        };
        let mut delivered = send::deliver(outbox, &*self.way, &self.ctx, opened, claims).await;
        self.standing = delivered.session.take();
        delivered
    }

    /// Ends the connection. Whatever matters was answered.
    async fn close(self) {
        close(self.standing).await;
    }
}

async fn close(session: Option<Box<dyn Submit>>) {
    if let Some(session) = session {
        let _ = session.close().await;
    }
}
