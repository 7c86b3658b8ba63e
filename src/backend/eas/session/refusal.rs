//! What the web server answers instead of the protocol.

use std::time::Duration;

use crate::model::{Class, Error, Fate, Result, Scope, SecretKind};
use crate::net::http::Answer;
use crate::wire::eas::{Command, HttpStatus, Known as _};

use super::Link;

/// The cause of an error: the web server's status, not the protocol's.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("HTTP {0}")]
pub(super) struct Answered(pub u16);

/// The web server's status that is the cause of an error.
pub(in crate::backend::eas) fn answered(error: &Error) -> Option<u16> {
    error.source.as_ref().and_then(|cause| cause.downcast_ref::<Answered>()).map(|cause| cause.0)
}

/// What a server said, short enough to quote.
pub(in crate::backend::eas) fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

impl Link {
    /// What a status other than 200 means; the body is quoted where it is text.
    pub async fn refused(&self, command: Command, mut answer: Answer) -> Box<Error> {
        let status = answer.status;
        let known = HttpStatus::from_code(status.into());
        let meaning = known.map_or("unexpected", HttpStatus::meaning);
        let location = answer.header("location").map(cut);
        let url = answer.header("X-MS-Credential-Service-Url").map(cut);
        // Reading to its end keeps the connection.
        let mut left = 64 << 10;
        while let Ok(Some(piece)) = answer.chunk().await {
            left -= (piece.len() as i64).min(left);
            if left == 0 {
                break;
            }
        }
        let error = |class, failed: String| Error::new(class, self.tried(command), failed).because(Answered(status));
        let said = format!("HTTP {status} ({meaning})");
        match status {
            401 => {
                let refusal = (self.secret.kind == SecretKind::Token).then_some("HTTP 401");
                self.login().refused(&said, refusal, "ActiveSync").because(Answered(status))
            }
            403 => self.not_let_in(command, &said).because(Answered(status)),
            456 | 457 => {
                let error = error(Class::Auth, format!("the server refuses the account: {said}"));
                match url {
                    Some(url) => error.hint(format!("its page about it: {url}")),
                    None => error,
                }
            }
            404 => error(Class::Protocol, format!("there is no ActiveSync at {}: {said}", self.url.path()))
                .scope(Scope::Account)
                .hint("check the host; ActiveSync may be at another path: eas://host/path"),
            300..=399 => error(
                Class::Protocol,
                format!("the server sends us to {} instead of answering: {said}", location.as_deref().unwrap_or("another page")),
            )
            .scope(Scope::Account)
            .hint("a login page or a portal may stand between; check the network and the host"),
            449 => error(Class::Rejected, format!("the server does not settle its policy with us: {said}"))
                .scope(Scope::Account)
                .hint("it may take no device that does not enforce its policy: see `mailx policy`"),
            507 => error(Class::Rejected, format!("the mailbox is full: {said}")).scope(Scope::Account).hint("free some space there"),
            429 | 500..=599 if status != 501 => error(Class::Temporary, format!("the server failed: {said}")),
            _ => error(Class::Protocol, format!("the server refuses the request: {said}")),
        }
    }

    /// The server has its reasons against this user or this device; `said` names them.
    pub fn not_let_in(&self, command: Command, said: &str) -> Box<Error> {
        Error::new(Class::Auth, self.tried(command), format!("the server does not let this user or device in: {said}"))
            .hint(format!("an administrator may have to allow the device {}", self.device.id))
            .hint("ActiveSync may be switched off for the account, or it has too many devices")
    }

    /// Fails unless the answer holds what answers of the protocol hold.
    pub fn check_type(&self, command: Command, answer: &Answer) -> Result<()> {
        let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind.is_empty() || kind.starts_with("application/vnd.ms-sync") {
            return Ok(());
        }
        Err(self
            .broke(command, format!("it is {}, not ActiveSync", cut(&kind)))
            .scope(Scope::Account)
            .hint("a login page or a portal may stand between"))
    }

    pub(super) fn overloaded(&self, wait: Option<Duration>, throttle: Option<String>) -> Box<Error> {
        let wants = wait.map_or_else(String::new, |wait| format!("; it wants to be left alone for {} s", wait.as_secs()));
        let why = throttle.map_or_else(String::new, |why| format!(" ({})", cut(&why)));
        let failed = format!("the server is overloaded, or throttles this account{wants}{why}");
        Error::new(Class::Temporary, format!("work with {}", self.backend.endpoint.address()), failed)
            .scope(Scope::Account)
            .fate(wait.map_or(Fate::NeedsUser, Fate::After))
            .hint("try again later")
    }
}
