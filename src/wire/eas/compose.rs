//! SendMail, SmartReply and SmartForward (MS-ASCMD 2.2.1.17 to 2.2.1.19), from 14.0 on. Before that the message itself is the request.

use super::document::{Step, number, required, walk};
use super::status::{Status, statuses};
use super::{Command, EasError};
use crate::wire::wbxml::{Tag, page::ComposeMail as C, write_around};

/// Octets of a ClientId (MS-ASCMD 2.2.3.28.1).
const CLIENT_ID: usize = 40;

/// A message that is sent; its octets stand between the two halves of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compose<'a> {
    /// The same each time that this message is sent, so that the server knows a double.
    pub client_id: &'a str,
    /// A copy goes to Sent Items.
    pub save: bool,
    /// Octets of the message.
    pub octets: u32,
    /// The message that it answers or forwards; with it the message is sent by SmartReply or SmartForward, and stays as it is (ReplaceMime).
    pub source: Option<Source<'a>>,
}

/// A message that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// The folder that it is in.
    pub folder: &'a str,
    /// Its id.
    pub item: &'a str,
    /// It is forwarded, not answered.
    pub forwards: bool,
}

impl Compose<'_> {
    /// The command that sends it.
    pub fn command(&self) -> Command {
        match self.source {
            None => Command::SendMail,
            Some(Source { forwards: false, .. }) => Command::SmartReply,
            Some(Source { forwards: true, .. }) => Command::SmartForward,
        }
    }
}

statuses! {
    /// What these commands answer beside what all do. An empty answer is success.
    SendStatus {
        1 Success Done "OK"
    }
}

fn root(command: Command) -> Tag {
    match command {
        Command::SmartReply => C::SmartReply,
        Command::SmartForward => C::SmartForward,
        _ => C::SendMail,
    }
}

/// What stands before the message, and what stands behind it.
pub fn compose_request(compose: &Compose<'_>) -> Result<(Vec<u8>, Vec<u8>), EasError> {
    if compose.client_id.is_empty() || compose.client_id.len() > CLIENT_ID {
        return Err(EasError::Unencodable("ClientId of more than 40 characters"));
    }
    let halves = write_around(root(compose.command()), |mail| {
        mail.text(C::ClientId, compose.client_id);
        if let Some(source) = compose.source {
            mail.element(C::Source, |of| {
                of.text(C::FolderId, source.folder).text(C::ItemId, source.item);
            });
        }
        if compose.save {
            mail.empty(C::SaveInSentItems);
        }
        if compose.source.is_some() {
            mail.empty(C::ReplaceMime);
        }
        mail.opaque_gap(C::Mime, compose.octets);
    });
    Ok(halves?)
}

/// Reads an answer that is not empty.
pub fn compose_response(command: Command, octets: &[u8], notes: &mut dyn FnMut(Tag)) -> Result<Status<SendStatus>, EasError> {
    let mut status = None;
    walk(root(command), octets, notes, |path, step| {
        if let ([_, C::Status], Step::Leaf(value)) = (path, step) {
            status = Some(Status::from_code(number(C::Status, &value)?));
        }
        Ok(())
    })?;
    required(status, C::Status)
}
