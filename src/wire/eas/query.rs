//! The query of a command's address, in both spellings. An account keeps to one of them: some servers see two devices otherwise.

use std::fmt::Write as _;

use base64::Engine as _;

use super::{Command, DeviceId, DeviceType, EasError, Version};

/// The tag of the options in a base64 query, and their bits.
const OPTIONS: u8 = 7;
const SAVE_IN_SENT: u8 = 1;
const ACCEPT_MULTIPART: u8 = 2;

/// What names and authorises a command. The policy key, the version and the wish for a multipart answer are part of the base64 query; with the
/// plain one they are headers (`X-MS-PolicyKey`, `MS-ASProtocolVersion`, `MS-ASAcceptMultiPart: T`).
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// What is asked for.
    pub command: Command,
    /// The version that the request is written in.
    pub version: Version,
    /// The constant id of this installation.
    pub device_id: &'a DeviceId,
    /// The constant type of this program.
    pub device_type: &'a DeviceType,
    /// The language of what the server words itself, a Windows LCID; only in the base64 query.
    pub locale: u16,
    /// The key of the last Provision; 0 with the first one, none before there is one.
    pub policy_key: Option<u32>,
    /// What some commands say in the address; in the order in which it is to stand there.
    pub parameters: &'a [(Parameter, &'a str)],
    /// SendMail and its like, before 14.0: a copy goes to Sent.
    pub save_in_sent: bool,
    /// ItemOperations: the answer may have several parts.
    pub accept_multipart: bool,
}

/// A parameter of a command, with its tag (MS-ASHTTP 2.2.1.1.1.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the standard's names")]
pub enum Parameter {
    AttachmentName = 0,
    CollectionId = 1,
    ItemId = 3,
    LongId = 4,
    Occurrence = 6,
    User = 8,
}

impl Parameter {
    const fn name(self) -> &'static str {
        match self {
            Self::AttachmentName => "AttachmentName",
            Self::CollectionId => "CollectionId",
            Self::ItemId => "ItemId",
            Self::LongId => "LongId",
            Self::Occurrence => "Occurrence",
            Self::User => "User",
        }
    }
}

impl Query<'_> {
    /// English (United States), as in the standard's example.
    pub const ENGLISH: u16 = 0x0409;

    /// `Cmd=Sync&User=…`: what stands after the question mark (MS-ASHTTP 2.2.1.1.1.2). `user` is who logs in.
    pub fn plain(&self, user: &str) -> String {
        let mut text = format!("Cmd={}&User=", self.command.name());
        escape(&mut text, user);
        text += "&DeviceId=";
        text += self.device_id.as_str();
        text += "&DeviceType=";
        text += self.device_type.as_str();
        for (parameter, value) in self.parameters.iter().filter(|(parameter, _)| *parameter != Parameter::User) {
            text.push('&');
            text += parameter.name();
            text.push('=');
            escape(&mut text, value);
        }
        if self.save_in_sent {
            text += "&SaveInSent=T";
        }
        text
    }

    /// The same in base64 (MS-ASHTTP 2.2.1.1.1.1). Fails when a parameter has more than 255 octets.
    pub fn base64(&self) -> Result<String, EasError> {
        let mut octets = vec![self.version.code(), self.command.code()];
        octets.extend_from_slice(&self.locale.to_le_bytes());
        field(&mut octets, self.device_id.as_str().as_bytes())?;
        match self.policy_key {
            Some(key) => field(&mut octets, &key.to_le_bytes())?,
            None => octets.push(0),
        }
        field(&mut octets, self.device_type.as_str().as_bytes())?;
        for (parameter, value) in self.parameters {
            octets.push(*parameter as u8);
            field(&mut octets, value.as_bytes())?;
        }
        let options = if self.save_in_sent { SAVE_IN_SENT } else { 0 } | if self.accept_multipart { ACCEPT_MULTIPART } else { 0 };
        if options != 0 {
            octets.push(OPTIONS);
            field(&mut octets, &[options])?;
        }
        Ok(base64::engine::general_purpose::STANDARD.encode(octets))
    }
}

fn field(octets: &mut Vec<u8>, value: &[u8]) -> Result<(), EasError> {
    let length = u8::try_from(value.len()).map_err(|_| EasError::Unencodable("parameter of more than 255 octets"))?;
    octets.push(length);
    octets.extend_from_slice(value);
    Ok(())
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn escape(text: &mut String, value: &str) {
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            text.push(char::from(octet));
        } else {
            let _ = write!(text, "%{octet:02X}");
        }
    }
}
