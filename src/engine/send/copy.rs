//! The copy of a sent message for the Sent folder: intent, APPEND, receipt.
//!
//! The intent is the folder and its cursor, durable in the outbox before the copy goes out. Where the answer is lost, the listing from that
//! cursor on tells whether it is there: a new message of about that size with the same Message-ID and date. It is never sent again unlooked.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{BodySink, FolderInfo, FolderOrder, LookAt, Missed, Order, Part, Session, Want};
use crate::engine::fetch::blocking;
use crate::engine::origin::{self, Origin};
use crate::model::{Change, Class, Cursor, Error, Flag, FlagState, Flags, FolderId, FolderPath, Need, Outcome, Result, Role};
use crate::store::outbox::{Claim, Outbox, State};

use super::message::SpooledMessage;

/// Names of the Sent folder where no folder has that role; the first is made where none is there.
const NAMES: [&str; 4] = ["Sent", "Sent Items", "Sent Messages", "INBOX/Sent"];
/// Octets of a header that is compared.
const HEADER: usize = 64 << 10;
/// Pages of a listing.
const PAGES: usize = 10_000;

/// Files copies of accepted messages, each once. Those that could not be filed stay for the next time; the first reason.
pub async fn file_copies(outbox: &Arc<Outbox>, session: &mut dyn Session, claims: Vec<Claim>) -> Result<()> {
    let folder = sent_folder(session).await?;
    // One look for all: where the folder stands before anything goes into it.
    let mut look =
        Look { at: LookAt { folder: folder.clone(), cursor: outbox.bookmark(&folder), need: Need::Additions }, found: Vec::new() };
    look.take(session).await?;
    if let Some(cursor) = &look.at.cursor {
        outbox.set_bookmark(&folder, cursor)?;
    }
    let mut failed = None;
    for mut claim in claims {
        if let Err(error) = file(outbox, session, &look, &mut claim).await {
            let lost = error.scope >= crate::model::Scope::Session;
            failed = failed.or(Some(error));
            if lost {
                break;
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn file(outbox: &Arc<Outbox>, session: &mut dyn Session, now: &Look, claim: &mut Claim) -> Result<()> {
    let folder = &now.at.folder;
    if let Some(begun) = claim.entry.copy_begun(folder)
        && is_there(session, folder, begun, claim).await?
    {
        return done(outbox, claim).await;
    }
    let Some(cursor) = &now.at.cursor else { return Err(failed("the server does not say where its Sent folder stands")) };
    claim.entry.begin_copy(folder, cursor);
    settle(outbox, claim, State::Sent)?;
    let order = Order::Append {
        message: Arc::new(SpooledMessage::new(claim.message()?, claim.entry.octets)),
        flags: FlagState { flags: Flags::NONE.with(Flag::Seen), ..FlagState::default() },
        date: Some(claim.entry.queued.as_second()),
    };
    let step = session.apply(folder, cursor, &[order]).await?;
    match step.outcomes.into_iter().next() {
        Some(Outcome::Done { .. }) => done(outbox, claim).await,
        Some(Outcome::Refused(why) | Outcome::NoRoom(why)) => {
            // Nothing is there: the next try need not look for it.
            claim.entry.forget_copy();
            claim.entry.last = Some(format!("the copy for Sent was refused: {why}"));
            settle(outbox, claim, State::Sent)?;
            Err(failed(&format!("the server does not take it: {why}")))
        }
        _ => Err(failed("the answer to it was lost").scope(crate::model::Scope::Session)),
    }
}

/// The message is filed: it goes, or stays for those who did not get it.
pub(super) async fn done(outbox: &Arc<Outbox>, claim: &mut Claim) -> Result<()> {
    claim.entry.save_copy = false;
    claim.entry.forget_copy();
    if let Some(state) = claim.entry.conclusion() {
        return settle(outbox, claim, state);
    }
    let id = claim.id.clone();
    blocking(outbox, move |outbox| {
        outbox.remove(&id)?;
        outbox.flush()
    })
    .await
}

fn settle(outbox: &Arc<Outbox>, claim: &mut Claim, state: State) -> Result<()> {
    // Two small files: not worth a thread of their own, and the claim stays where it is.
    outbox.settle(claim, state)
}

/// Whether a copy that was begun is there.
async fn is_there(session: &mut dyn Session, folder: &FolderId, begun: Cursor, claim: &Claim) -> Result<bool> {
    let mut look = Look { at: LookAt { folder: folder.clone(), cursor: Some(begun), need: Need::Additions }, found: Vec::new() };
    look.take(session).await?;
    let Some(cursor) = look.at.cursor.clone() else { return Ok(false) };
    let wanted: Vec<Want> =
        look.found.into_iter().filter(|want| want.size.is_none_or(|size| origin::may_be(claim.entry.octets, size))).collect();
    if wanted.is_empty() {
        return Ok(false);
    }
    let ours = Origin::of(&header_of(claim)?);
    let mut headers = Headers::default();
    session.fetch(folder, &cursor, &wanted, Part::Header, &mut headers).await?;
    Ok(headers.whole.values().any(|header| Origin::of(header).is_same(&ours)))
}

/// The header block of our message.
pub(super) fn header_of(claim: &Claim) -> Result<Vec<u8>> {
    use std::os::unix::fs::FileExt as _;
    let mut header = vec![0; HEADER.min(claim.entry.octets as usize)];
    claim.message()?.read_exact_at(&mut header, 0).map_err(|e| Error::local("read a message of the outbox", &e))?;
    let end = memchr::memmem::find(&header, b"\r\n\r\n").map_or(header.len(), |at| at + 4);
    header.truncate(end);
    Ok(header)
}

/// The Sent folder: by its role, else by its name, else a new one.
async fn sent_folder(session: &mut dyn Session) -> Result<FolderId> {
    for _ in 0..2 {
        let folders = session.folders().await?;
        if let Some(sent) = folders.iter().find(|folder| folder.role == Some(Role::Sent)) {
            return Ok(sent.id.clone());
        }
        if let Some(sent) = sent_by_name(&folders) {
            return Ok(sent.id.clone());
        }
        let path = FolderPath::new([NAMES[0].to_owned()]).ok_or_else(|| failed("its name is none"))?;
        session.reshape(&[FolderOrder::Create { path }]).await?;
    }
    Err(failed("there is no Sent folder, and none can be made"))
}

/// The folder that probably is the one for sent mail, where none has that role.
pub(super) fn sent_by_name(folders: &[FolderInfo]) -> Option<&FolderInfo> {
    NAMES.iter().find_map(|name| folders.iter().find(|folder| folder.path.to_string() == *name))
}

/// Whether a folder of this path probably is the one for sent mail.
pub fn is_sent_name(path: &FolderPath) -> bool {
    NAMES.contains(&path.to_string().as_str())
}

fn failed(why: &str) -> Box<Error> {
    Error::new(Class::Partial, "file the copy of a sent message", why).safe("the message was sent; its copy waits in the outbox")
}

/// A look into the folder, all of its pages.
struct Look {
    at: LookAt,
    /// What is new.
    found: Vec<Want>,
}

impl Look {
    async fn take(&mut self, session: &mut dyn Session) -> Result<()> {
        for _ in 0..PAGES {
            let mut new = Vec::new();
            let mut out = |_: usize, change: Change| {
                if let Change::Present(listed) = change {
                    new.push(Want { id: listed.id, size: listed.size });
                }
            };
            let harvest = session.changes(std::slice::from_ref(&self.at), &mut out).await?.pop();
            let harvest = harvest.ok_or_else(|| failed("the server does not list its Sent folder"))??;
            self.found.extend(new);
            self.at.cursor = Some(harvest.cursor);
            if !harvest.more {
                return Ok(());
            }
        }
        Err(failed("the listing of the Sent folder has no end"))
    }
}

/// Headers of messages, by their place in what was wanted.
#[derive(Default)]
pub(super) struct Headers {
    open: Vec<u8>,
    pub whole: HashMap<usize, Vec<u8>>,
}

#[async_trait]
impl BodySink for Headers {
    async fn begin(&mut self) -> Result<()> {
        self.open.clear();
        Ok(())
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        let room = HEADER.saturating_sub(self.open.len());
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        self.whole.insert(index, std::mem::take(&mut self.open));
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        Ok(())
    }

    async fn miss(&mut self, _: usize, _: Missed) -> Result<()> {
        Ok(())
    }
}
