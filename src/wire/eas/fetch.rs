//! ItemOperations with Fetch (MS-ASCMD 2.2.1.10): whole messages as MIME, inline or as parts of a multipart answer.

use bytes::{Bytes, BytesMut};

use super::document::{Step, Walker, id, number, required};
use super::email::is_body;
use super::status::{Status, statuses};
use super::{BodyWanted, EasError, Properties};
use crate::wire::wbxml::{Tag, page::AirSync, page::AirSyncBase, page::ItemOperations as I, write};

/// The most that one request may ask for.
const MOST: usize = 100;

statuses! {
    /// The status of the whole or of one message (MS-ASCMD 2.2.3.177.8).
    FetchStatus {
        1 Success Done "OK"
        2 ProtocolError Bug "request malformed"
        3 ServerError BackOff "server error"
        4 BadUri Bug "address malformed"
        5 AccessDenied Refuse "access denied"
        6 NotFound Gone "not found"
        7 ConnectionFailed BackOff "server behind it not reached"
        8 InvalidRange Bug "range not valid"
        9 UnknownStore Bug "store unknown"
        10 Empty Refuse "nothing in it"
        11 TooLarge Refuse "too large"
        12 IoFailure BackOff "input or output failed"
        14 ConversionFailed Refuse "not convertible"
        15 InvalidAttachmentId Gone "attachment not found"
        16 ResourceAccessDenied Refuse "access denied"
        17 PartiallyDone Retry "done in part"
        18 CredentialsRequired LogIn "login needed"
    }
}

/// The octets of a request for up to 100 messages, each a folder and an id, as whole MIME. Some servers refuse the whole request for one id
/// that is gone.
pub fn fetch_request(messages: &[(&str, &str)]) -> Result<Vec<u8>, EasError> {
    request(messages, BodyWanted::WholeMime)
}

/// The same for what is told of the messages beside their bodies. Some servers send those all the same.
pub fn properties_request(messages: &[(&str, &str)]) -> Result<Vec<u8>, EasError> {
    request(messages, BodyWanted::Nothing)
}

fn request(messages: &[(&str, &str)], body: BodyWanted) -> Result<Vec<u8>, EasError> {
    if messages.len() > MOST {
        return Err(EasError::TooMany("messages"));
    }
    let octets = write(I::ItemOperations, |operations| {
        for (folder, message) in messages {
            operations.element(I::Fetch, |fetch| {
                fetch.text(I::Store, "Mailbox").text(AirSync::CollectionId, folder).text(AirSync::ServerId, message);
                fetch.element(I::Options, |options| {
                    let (support, kind) = if body == BodyWanted::Nothing { (0u32, 1u32) } else { (2, 4) };
                    options.number(AirSync::MIMESupport, support);
                    options.element(AirSyncBase::BodyPreference, |preference| {
                        preference.number(AirSyncBase::Type, kind);
                        if body == BodyWanted::Nothing {
                            preference.number(AirSyncBase::TruncationSize, 0u32);
                        }
                    });
                });
            });
        }
    });
    Ok(octets?)
}

/// What the decoder found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchEvent {
    /// The status of the whole request.
    Status(Status<FetchStatus>),
    /// A message begins. Its id comes with [`FetchEvent::Item`].
    ItemStart,
    /// The next octets of its body, never empty. In a multipart answer the body is the part that [`super::Body::part`] names.
    Body(Bytes),
    /// The message is complete.
    Item(Box<Fetched>),
    /// An element that no table knows was left out.
    Skipped(Tag),
}

/// A message that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Whether it is here.
    pub status: Status<FetchStatus>,
    /// CollectionId, where the server repeats it.
    pub folder: Option<String>,
    /// ServerId, where the server repeats it; else the order is the request's.
    pub id: Option<String>,
    /// What is told of it.
    pub properties: Properties,
}

/// The state between two reads. The document of a multipart answer is its part 0.
#[derive(Debug)]
pub struct FetchDecoder {
    walker: Walker,
    status: Option<Status<FetchStatus>>,
    folder: Option<String>,
    id: Option<String>,
    properties: Properties,
}

impl FetchDecoder {
    /// A decoder at the start of an answer.
    pub fn new() -> Self {
        let walker = Walker::new(I::ItemOperations, is_body);
        Self { walker, status: None, folder: None, id: None, properties: Properties::default() }
    }

    /// The next event from the front of `buf`, or `None` when more octets are needed or the answer is complete. Between calls the caller only
    /// appends to `buf`. After an error nothing more is to be asked.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<FetchEvent>, EasError> {
        while let Some(step) = self.walker.next(buf)? {
            if let Some(event) = self.on(step)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// To be asked when no octets will come any more: whether the answer is complete.
    pub fn finish(&self) -> Result<(), EasError> {
        self.walker.finish()
    }

    fn on(&mut self, step: Step) -> Result<Option<FetchEvent>, EasError> {
        match (self.walker.path(), step) {
            (_, Step::Skipped(tag)) => return Ok(Some(FetchEvent::Skipped(tag))),
            ([_, I::Status], Step::Leaf(value)) => return Ok(Some(FetchEvent::Status(Status::from_code(number(I::Status, &value)?)))),
            ([_, I::Response, I::Fetch], Step::Open) => {
                (self.status, self.folder, self.id, self.properties) = (None, None, None, Properties::default());
                return Ok(Some(FetchEvent::ItemStart));
            }
            ([_, I::Response, I::Fetch], Step::Close) => {
                let status = required(self.status.take(), I::Status)?;
                let (folder, id, properties) = (self.folder.take(), self.id.take(), std::mem::take(&mut self.properties));
                return Ok(Some(FetchEvent::Item(Box::new(Fetched { status, folder, id, properties }))));
            }
            ([_, I::Response, I::Fetch, ..], Step::Piece(piece)) => return Ok(Some(FetchEvent::Body(piece))),
            ([_, I::Response, I::Fetch, I::Status], Step::Leaf(value)) => {
                self.status = Some(Status::from_code(number(I::Status, &value)?));
            }
            ([_, I::Response, I::Fetch, AirSync::CollectionId], Step::Leaf(value)) => {
                self.folder = Some(id(AirSync::CollectionId, value)?);
            }
            ([_, I::Response, I::Fetch, AirSync::ServerId], Step::Leaf(value)) => self.id = Some(id(AirSync::ServerId, value)?),
            ([_, I::Response, I::Fetch, I::Properties, property @ ..], step) => self.properties.on(property, step),
            _ => {}
        }
        Ok(None)
    }
}

impl Default for FetchDecoder {
    fn default() -> Self {
        Self::new()
    }
}
