//! One Sync: the request, and its answer as it comes.

use std::collections::HashMap;

use bytes::BytesMut;

use crate::model::{Change, RemoteId, Result};
use crate::wire::eas::{
    BodyWanted, CollectionEnd, Command, Filter, Item, ItemKind, Status, SyncCollection, SyncDecoder, SyncEvent, SyncStatus, Version,
    sync_request,
};

use super::super::cursor::Bookmark;
use super::super::flags::listed;
use super::super::limits;
use super::super::session::{Ask, Link};

/// What one Sync said.
#[derive(Default)]
pub(in crate::backend::eas) struct SyncAnswer {
    /// Of the whole, where it is no success.
    pub status: Option<Status<SyncStatus>>,
    /// The limit that the request broke.
    pub limit: Option<u32>,
    /// Folders that it speaks of, by their ids.
    pub folders: HashMap<String, Page>,
}

/// What it said of one folder.
#[derive(Default)]
pub(in crate::backend::eas) struct Page {
    /// Messages there that are new, changed or gone, in the order in which they were told.
    pub changes: Vec<Change>,
    /// What became of our changes; those that are missing are done.
    pub responses: Vec<Item>,
    pub end: Option<CollectionEnd>,
}

impl Link {
    /// Sends one Sync.
    pub async fn sync(&mut self, collections: &[SyncCollection<'_>]) -> Result<SyncAnswer> {
        let body = sync_request(collections, self.version).map_err(|e| self.broke(Command::Sync, e))?;
        let ask = Ask { most: limits::LISTING, ..Ask::new(Command::Sync, body) };
        let mut answer = self.send(&ask).await?;
        let (mut decoder, mut buf, mut began) = (SyncDecoder::new(), BytesMut::new(), false);
        let (mut all, mut page, mut folder) = (SyncAnswer::default(), Page::default(), None);
        while let Some(piece) = answer.chunk().await? {
            if !began {
                self.check_type(Command::Sync, &answer)?;
                began = true;
            }
            buf.extend_from_slice(&piece);
            while let Some(event) = decoder.next(&mut buf).map_err(|e| self.broke(Command::Sync, e))? {
                match event {
                    SyncEvent::Status(status) if !status.is_done() => all.status = Some(status),
                    SyncEvent::Limit(limit) => all.limit = Some(limit),
                    SyncEvent::Collection(id) => {
                        page = Page::default();
                        folder = Some(id);
                    }
                    SyncEvent::Item(item) => take(&mut page, *item, self.version),
                    SyncEvent::CollectionEnd(end) => {
                        let mut whole = std::mem::take(&mut page);
                        whole.end = Some(end);
                        if let Some(id) = folder.take() {
                            all.folders.insert(id, whole);
                        } else if let Some(end) = whole.end {
                            // A folder that it does not name: about the request.
                            all.status.get_or_insert(end.status);
                        }
                    }
                    SyncEvent::Status(_) | SyncEvent::ItemStart(_) | SyncEvent::Body(_) => {}
                    SyncEvent::Skipped(tag) => Self::note(Command::Sync)(tag),
                }
            }
        }
        // No octets at all: nothing changed.
        if began {
            decoder.finish().map_err(|e| self.broke(Command::Sync, e))?;
        }
        Ok(all)
    }
}

/// A folder in a request. Bodies are not listed: they follow from the rows.
pub(in crate::backend::eas) fn wanted(mark: &Bookmark, window: Option<u16>) -> SyncCollection<'_> {
    SyncCollection {
        folder: &mark.folder,
        key: &mark.key,
        window,
        filter: Filter::All,
        body: BodyWanted::Nothing,
        deletes_as_moves: false,
        commands: &[],
    }
}

/// Takes one message of an answer. The same one may come twice in a page: the later holds.
fn take(page: &mut Page, item: Item, version: Version) {
    let change = match (item.kind, item.id.clone()) {
        (ItemKind::Added | ItemKind::Changed | ItemKind::Deleted | ItemKind::Fetched, _) => {
            page.responses.push(item);
            return;
        }
        (_, None) => return,
        (ItemKind::Add, Some(id)) => Change::Present(listed(id, &item.properties, version).0),
        (ItemKind::Change, Some(id)) => {
            let (now, said) = listed(id, &item.properties, version);
            Change::Changed { now, said }
        }
        (ItemKind::Delete, Some(id)) => Change::Gone(RemoteId(id.into())),
        // It is there still, and nothing was deleted.
        (ItemKind::SoftDelete, Some(id)) => Change::Kept(RemoteId(id.into())),
    };
    page.changes.push(change);
}
