//! A session on the scripted peer without the binary: with limits that a test can reach.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mailx::backend::pop3::Pop3Backend;
use mailx::backend::{BodySink, Ctx, Missed};
use mailx::model::event::Silent;
use mailx::model::{Credentials, Result, Secret, SecretKind};
use mailx::net::{Endpoint, Meter, Route, Security, TlsConnector, TlsSettings};
use tokio_util::sync::CancellationToken;

use crate::peer::Peer;

struct Known;

#[async_trait]
impl Credentials for Known {
    async fn secret(&self) -> Result<Secret> {
        Ok(Secret { kind: SecretKind::Password, text: "pass".into() })
    }
}

pub fn account(peer: &Peer, most_octets: u64) -> (Pop3Backend, Ctx) {
    let (host, port) = ("127.0.0.1".into(), peer.address.port());
    let backend = Pop3Backend {
        account: "a".into(),
        endpoint: Endpoint { host, port, security: Security::Clear, route: Route::Direct },
        tls: TlsConnector::new(TlsSettings::default()),
        user: "me".into(),
        sasl: None,
        apop: false,
        mirror_deletions: false,
        most_octets,
    };
    let ctx = Ctx {
        cancel: CancellationToken::new(),
        credentials: Arc::new(Known),
        observer: Arc::new(Silent),
        meter: Arc::new(Meter::default()),
        silence: Duration::from_secs(5),
        disable: Arc::new([]),
    };
    (backend, ctx)
}

/// Counts octets, and keeps what became of each message.
#[derive(Default)]
pub struct Keep {
    open: u64,
    /// Octets of the longest body.
    pub most: u64,
    pub came: Vec<usize>,
    pub missed: Vec<(usize, Missed)>,
}

#[async_trait]
impl BodySink for Keep {
    async fn begin(&mut self) -> Result<()> {
        self.open = 0;
        Ok(())
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        self.open += bytes.len() as u64;
        self.most = self.most.max(self.open);
        Ok(())
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        self.came.push(index);
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        Ok(())
    }

    async fn miss(&mut self, index: usize, why: Missed) -> Result<()> {
        self.missed.push((index, why));
        Ok(())
    }
}
