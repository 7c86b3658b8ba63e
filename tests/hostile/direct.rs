//! A session on the scripted peer without the binary: what the backend answers to one call.

use std::num::NonZeroU16;
use std::time::Duration;

use mailx::backend::imap::ImapBackend;
use mailx::backend::{Backend as _, FolderOrder, FolderOutcome, LookAt, Order, Session};
use mailx::model::{Change, Cursor, FlagState, FolderId, Harvest, Need, Outcome, Result};
use mailx::net::{Endpoint, Roots, Route, Security, TlsConnector, TlsSettings};
use mailx::testing::ctx;

use super::peer::Peer;

pub struct Direct {
    pub session: Box<dyn Session>,
    runtime: tokio::runtime::Runtime,
}

impl Direct {
    pub fn open(peer: &Peer) -> Self {
        Self::patient(peer, Duration::from_secs(5))
    }

    /// With another silence that is borne.
    pub fn patient(peer: &Peer, silence: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (host, port) = ("127.0.0.1".into(), peer.address.port());
        let backend = ImapBackend {
            account: "a".into(),
            endpoint: Endpoint { host, port, security: Security::Clear, route: Route::Direct },
            tls: TlsConnector::new(TlsSettings { ca: None, pin: None, cert: None, key: None, roots: Roots::Webpki }),
            user: "me".into(),
            sasl: None,
            connections: NonZeroU16::MIN,
        };
        let session = runtime.block_on(backend.open(&ctx("pass", silence))).unwrap();
        Self { session, runtime }
    }

    pub fn folders(&mut self) {
        self.runtime.block_on(self.session.folders()).unwrap();
    }

    /// One page of one folder.
    pub fn look(&mut self, folder: &str, cursor: Option<&Cursor>, need: Need) -> (Vec<Change>, Harvest) {
        let at = [LookAt { folder: id(folder), cursor: cursor.cloned(), need }];
        let mut changes = Vec::new();
        let mut harvests = self.runtime.block_on(self.session.changes(&at, &mut |_, change| changes.push(change))).unwrap();
        (changes, harvests.remove(0).unwrap())
    }

    pub fn apply(&mut self, folder: &str, cursor: &Cursor, orders: &[Order]) -> Result<Vec<Outcome>> {
        Ok(self.runtime.block_on(self.session.apply(&id(folder), cursor, orders))?.outcomes)
    }

    pub fn reshape(&mut self, orders: &[FolderOrder]) -> Result<Vec<FolderOutcome>> {
        self.runtime.block_on(self.session.reshape(orders))
    }
}

pub fn id(folder: &str) -> FolderId {
    FolderId(folder.as_bytes().to_vec())
}

pub fn flags(text: &str) -> FlagState {
    FlagState::from_imap(text.split_whitespace()).0
}

/// Each change in a few letters: `7(\Seen)`, `=7` for kept, `-7` for gone.
pub fn spelled(changes: &[Change]) -> Vec<String> {
    let flags = |f: &FlagState| if f.flags.has(mailx::model::Flag::Seen) { "\\Seen" } else { "" };
    let spell = |change: &Change| match change {
        Change::Present(l) => format!("{}({})", l.id.0, flags(&l.flags)),
        Change::Changed { now, .. } => format!("~{}({})", now.id.0, flags(&now.flags)),
        Change::Kept(id) => format!("={}", id.0),
        Change::Gone(id) => format!("-{}", id.0),
    };
    changes.iter().map(spell).collect()
}
