//! MoveItems (MS-ASCMD 2.2.1.12): messages into other folders, each answered for itself.

use super::document::{Step, id, number, required, walk};
use super::status::{Status, statuses};
use super::{EasError, limits};
use crate::wire::wbxml::{Tag, page::Move as M, write};

/// The most that one request may ask for.
const MOST: usize = 1000;

/// One message, and where it is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move<'a> {
    /// The message.
    pub message: &'a str,
    /// The folder that it is in.
    pub from: &'a str,
    /// The folder that it shall be in.
    pub to: &'a str,
}

statuses! {
    /// The status of one move (MS-ASCMD 2.2.3.177.10). Success is 3.
    MoveStatus {
        1 InvalidSource Gone "message or folder not found"
        2 InvalidDestination SyncFolders "destination not found"
        3 Success Done "OK"
        4 SameFolder Refuse "source and destination are the same"
        5 Failed BackOff "not movable now"
        7 Locked Retry "locked"
    }
}

/// What became of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The message, by its id before; none with a status that is about the whole request.
    pub message: Option<String>,
    /// Whether it was moved.
    pub status: Status<MoveStatus>,
    /// Its id there, where the server tells it.
    pub new_id: Option<String>,
}

/// The octets of a request for up to 1,000 moves.
pub fn move_request(moves: &[Move<'_>]) -> Result<Vec<u8>, EasError> {
    if moves.len() > MOST {
        return Err(EasError::TooMany("moves"));
    }
    let octets = write(M::MoveItems, |items| {
        for one in moves {
            items.element(M::Move, |item| {
                item.text(M::SrcMsgId, one.message).text(M::SrcFldId, one.from).text(M::DstFldId, one.to);
            });
        }
    });
    Ok(octets?)
}

/// Reads the answer: one entry for each move that the server speaks of, in its order.
pub fn move_response(octets: &[u8], notes: &mut dyn FnMut(Tag)) -> Result<Vec<Moved>, EasError> {
    let mut all = Vec::new();
    let (mut message, mut status, mut new_id) = (None, None, None);
    walk(M::MoveItems, octets, notes, |path, step| {
        match (path, step) {
            ([_, M::Status], Step::Leaf(value)) => {
                all.push(Moved { message: None, status: Status::from_code(number(M::Status, &value)?), new_id: None });
            }
            ([_, M::Response, M::SrcMsgId], Step::Leaf(value)) => message = Some(id(M::SrcMsgId, value)?),
            ([_, M::Response, M::Status], Step::Leaf(value)) => status = Some(Status::from_code(number(M::Status, &value)?)),
            ([_, M::Response, M::DstMsgId], Step::Leaf(value)) if !value.is_empty() => new_id = Some(id(M::DstMsgId, value)?),
            ([_, M::Response], Step::Close) => {
                let message = Some(required(message.take(), M::SrcMsgId)?);
                all.push(Moved { message, status: required(status.take(), M::Status)?, new_id: new_id.take() });
            }
            _ => {}
        }
        if all.len() > limits::ANSWERS { Err(EasError::TooMany("answers")) } else { Ok(()) }
    })?;
    Ok(all)
}
