//! The answer, decoded as it comes: a page of messages with their bodies does not fit into memory.

use bytes::{Bytes, BytesMut};

use super::super::document::{Step, Walker, id, number, required};
use super::super::email::is_body;
use super::super::{EasError, Properties, Status};
use super::SyncStatus;
use crate::wire::wbxml::{Tag, page::AirSync as A};

/// What the decoder found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncEvent {
    /// The status of the whole request. There may be no collections then.
    Status(Status<SyncStatus>),
    /// The limit that the request broke, with statuses 14 (seconds or minutes) and 15 (folders).
    Limit(u32),
    /// What follows, up to the [`SyncEvent::CollectionEnd`], is about this folder.
    Collection(String),
    /// A message begins. Its id comes with [`SyncEvent::Item`].
    ItemStart(ItemKind),
    /// The next octets of the body of the message that has begun, never empty.
    Body(Bytes),
    /// The message is complete.
    Item(Box<Item>),
    /// The folder is complete: only now may its key be kept.
    CollectionEnd(CollectionEnd),
    /// An element that no table knows was left out.
    Skipped(Tag),
}

/// Why a message is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// It is new there; of a known id: changed.
    Add,
    /// It changed there.
    Change,
    /// It is gone there.
    Delete,
    /// It fell out of the filter; it is still there.
    SoftDelete,
    /// Our new message was taken, or not.
    Added,
    /// Our change was not taken; some servers tell those that were, too.
    Changed,
    /// Our deletion was not done; some servers tell those that were, too.
    Deleted,
    /// The message that we asked for.
    Fetched,
}

/// A message that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Why.
    pub kind: ItemKind,
    /// ServerId, unique only in its folder. Missing in the answer to a new message that was not taken.
    pub id: Option<String>,
    /// In the answer to a new message: what we called it.
    pub client_id: Option<String>,
    /// In answers.
    pub status: Option<Status<SyncStatus>>,
    /// What is told of it.
    pub properties: Properties,
}

/// The folder's own part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionEnd {
    /// CollectionId; missing only where the server does not say which folder it means.
    pub folder: Option<String>,
    /// The next key. Not to be kept unless the status is done.
    pub key: Option<String>,
    /// Of the folder.
    pub status: Status<SyncStatus>,
    /// There are more changes: ask at once.
    pub more: bool,
}

/// The state between two reads. An answer of no octets at all means that nothing changed, and is not for this decoder.
#[derive(Debug)]
pub struct SyncDecoder {
    walker: Walker,
    collection: Collection,
    item: Option<Item>,
}

#[derive(Debug, Default)]
struct Collection {
    folder: Option<String>,
    key: Option<String>,
    status: Option<Status<SyncStatus>>,
    more: bool,
}

impl SyncDecoder {
    /// A decoder at the start of an answer.
    pub fn new() -> Self {
        Self { walker: Walker::new(A::Sync, is_body), collection: Collection::default(), item: None }
    }

    /// The next event from the front of `buf`, or `None` when more octets are needed or the answer is complete. Between calls the caller only
    /// appends to `buf`. After an error nothing more is to be asked.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<SyncEvent>, EasError> {
        while let Some(step) = self.walker.next(buf)? {
            if let Some(event) = self.on(step)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// To be asked when no octets will come any more: whether the answer is complete. Until then no key may be kept.
    pub fn finish(&self) -> Result<(), EasError> {
        self.walker.finish()
    }

    fn on(&mut self, step: Step) -> Result<Option<SyncEvent>, EasError> {
        let path = self.walker.path();
        Ok(match (path, step) {
            (_, Step::Skipped(tag)) => Some(SyncEvent::Skipped(tag)),
            (_, Step::Piece(piece)) => self.item.is_some().then_some(SyncEvent::Body(piece)),
            ([_, A::Status], Step::Leaf(value)) => Some(SyncEvent::Status(Status::from_code(number(A::Status, &value)?))),
            ([_, A::Limit], Step::Leaf(value)) => Some(SyncEvent::Limit(number(A::Limit, &value)?)),
            ([_, A::Collections, A::Collection], Step::Open) => {
                self.collection = Collection::default();
                None
            }
            ([_, A::Collections, A::Collection], Step::Close) => Some(self.collection.end()?),
            ([_, A::Collections, A::Collection, field], step @ (Step::Leaf(_) | Step::Open)) => self.collection.on(*field, step)?,
            ([_, A::Collections, A::Collection, place @ (A::Commands | A::Responses), tag, rest @ ..], step) => {
                return Self::on_item(&mut self.item, &self.collection, (*place, *tag), rest, step);
            }
            _ => None,
        })
    }

    fn on_item(
        item: &mut Option<Item>,
        collection: &Collection,
        (place, tag): (Tag, Tag),
        rest: &[Tag],
        step: Step,
    ) -> Result<Option<SyncEvent>, EasError> {
        let Some(kind) = kind(place, tag) else { return Ok(None) };
        match (rest, step) {
            ([], Step::Open) => {
                // A message of no folder cannot be kept.
                required(collection.folder.as_ref(), A::CollectionId)?;
                *item = Some(Item { kind, id: None, client_id: None, status: None, properties: Properties::default() });
                return Ok(Some(SyncEvent::ItemStart(kind)));
            }
            ([], Step::Close) => {
                let item = required(item.take(), tag)?;
                if item.kind != ItemKind::Added {
                    required(item.id.as_ref(), A::ServerId)?;
                }
                return Ok(Some(SyncEvent::Item(Box::new(item))));
            }
            (rest, step) => {
                let item = required(item.as_mut(), tag)?;
                match (rest, step) {
                    ([A::ServerId], Step::Leaf(value)) => item.id = Some(id(A::ServerId, value)?),
                    ([A::ClientId], Step::Leaf(value)) => item.client_id = Some(id(A::ClientId, value)?),
                    ([A::Status], Step::Leaf(value)) => item.status = Some(Status::from_code(number(A::Status, &value)?)),
                    ([A::ApplicationData, property @ ..], step) => item.properties.on(property, step),
                    _ => {}
                }
            }
        }
        Ok(None)
    }
}

impl Default for SyncDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Collection {
    fn on(&mut self, field: Tag, step: Step) -> Result<Option<SyncEvent>, EasError> {
        match (field, step) {
            (A::CollectionId, Step::Leaf(value)) => {
                let folder = id(A::CollectionId, value)?;
                if self.folder.is_some() {
                    return Err(EasError::Malformed(A::Collection));
                }
                self.folder = Some(folder.clone());
                return Ok(Some(SyncEvent::Collection(folder)));
            }
            (A::SyncKey, Step::Leaf(value)) => self.key = Some(id(A::SyncKey, value)?),
            (A::Status, Step::Leaf(value)) => self.status = Some(Status::from_code(number(A::Status, &value)?)),
            (A::MoreAvailable, Step::Open) => self.more = true,
            _ => {}
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<SyncEvent, EasError> {
        let Self { folder, key, status, more } = std::mem::take(self);
        let status = required(status, A::Status)?;
        if status.is_done() {
            required(folder.as_ref(), A::CollectionId)?;
            required(key.as_ref(), A::SyncKey)?;
        }
        Ok(SyncEvent::CollectionEnd(CollectionEnd { folder, key, status, more }))
    }
}

fn kind(place: Tag, tag: Tag) -> Option<ItemKind> {
    Some(match (place, tag) {
        (A::Commands, A::Add) => ItemKind::Add,
        (A::Commands, A::Change) => ItemKind::Change,
        (A::Commands, A::Delete) => ItemKind::Delete,
        (A::Commands, A::SoftDelete) => ItemKind::SoftDelete,
        (A::Responses, A::Add) => ItemKind::Added,
        (A::Responses, A::Change) => ItemKind::Changed,
        (A::Responses, A::Delete) => ItemKind::Deleted,
        (A::Responses, A::Fetch) => ItemKind::Fetched,
        _ => return None,
    })
}
