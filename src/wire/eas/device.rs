//! Who we say we are: constant for an account, or the server sees another device.

use super::EasError;
use crate::wire::wbxml::{Writer, page::Settings as S};

/// The id of this installation: 1 to 32 letters and digits. A new one is a new partnership, of which a user has few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId(String);

/// The kind of device, 1 to 32 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceType(String);

/// The longest that servers are known to take; MS-ASHTTP 2.2.1.1.1.2.3 says only that there is no comma in it.
const MOST: usize = 32;

fn checked(text: &str, what: &'static str) -> Result<String, EasError> {
    let fine = (1..=MOST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if fine { Ok(text.to_owned()) } else { Err(EasError::Unencodable(what)) }
}

impl DeviceId {
    /// Takes an id that is letters and digits.
    pub fn new(text: &str) -> Result<Self, EasError> {
        checked(text, "device id").map(Self)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DeviceType {
    /// Takes a type that is letters and digits.
    pub fn new(text: &str) -> Result<Self, EasError> {
        checked(text, "device type").map(Self)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What Settings and, from 14.1 on, the first Provision tell of us (MS-ASPROV 2.2.2.53, MS-ASCMD 2.2.3.45).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceInformation<'a> {
    /// What we are; status 165 without it.
    pub model: &'a str,
    /// What the user's list of devices shows.
    pub friendly_name: &'a str,
    /// The operating system.
    pub os: &'a str,
    /// Its language: `en-us`.
    pub os_language: &'a str,
    /// As in the header of this name.
    pub user_agent: &'a str,
}

impl DeviceInformation<'_> {
    pub(super) fn put(&self, writer: &mut Writer<'_>) {
        writer.element(S::DeviceInformation, |information| {
            information.element(S::Set, |set| {
                set.text(S::Model, self.model)
                    .text(S::FriendlyName, self.friendly_name)
                    .text(S::OS, self.os)
                    .text(S::OSLanguage, self.os_language)
                    .text(S::UserAgent, self.user_agent);
            });
        });
    }
}
