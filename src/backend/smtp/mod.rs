//! Submission by SMTP (RFC 6409, 8314), delivery by LMTP (RFC 2033), and by a program. An envelope is one
//! flight; messages stream from their files.
//!
//! A message is handed over by its end. Before that goes out the ledger is durable; after it, a lost answer is uncertain and nothing else.

mod conn;
mod limits;
mod login;
pub mod program;
pub mod quirks;
mod submit;

use async_trait::async_trait;

use crate::backend::{Ctx, Ledger, Letter, Submission, Submit};
use crate::model::Result;
use crate::net::{Endpoint, TlsConnector};
use crate::wire::sasl::Mechanism;
use crate::wire::smtp::Extensions;

use conn::Connection;

/// A server that takes mail.
#[derive(Debug, Clone)]
pub struct SmtpSubmission {
    /// Name of the account, for words.
    pub account: String,
    /// Server and way to it.
    pub endpoint: Endpoint,
    /// TLS.
    pub tls: TlsConnector,
    /// User name; `None` = no login.
    pub user: Option<String>,
    /// Forced SASL mechanism.
    pub sasl: Option<Mechanism>,
    /// LMTP: an answer for each recipient behind the message.
    pub lmtp: bool,
    /// The name of this machine.
    pub host: String,
}

#[async_trait]
impl Submission for SmtpSubmission {
    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Submit>> {
        let (conn, extensions) = login::log_in(self, ctx).await?;
        Ok(Box::new(SmtpSession { conn, extensions, lmtp: self.lmtp, silence: ctx.silence, observer: ctx.observer.clone() }))
    }
}

/// A session that stands.
struct SmtpSession {
    conn: Connection,
    extensions: Extensions,
    lmtp: bool,
    silence: std::time::Duration,
    observer: std::sync::Arc<dyn crate::model::Observer>,
}

#[async_trait]
impl Submit for SmtpSession {
    async fn submit(&mut self, letters: &[Letter], ledger: &mut dyn Ledger) -> Result<()> {
        self.hand_over(letters, ledger).await
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.conn.quit().await;
        Ok(())
    }
}
