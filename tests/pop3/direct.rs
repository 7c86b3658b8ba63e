//! A session on the scripted peer without the binary: with limits that a test can reach.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mailx::backend::pop3::{Pace, Pop3Backend};
use mailx::backend::{Backend as _, BodySink, Ctx, LookAt, Missed, Part, Want};
use mailx::model::{Change, Class, FolderId, Need, Result, Scope};
use mailx::net::{Endpoint, Route, Security, TlsConnector, TlsSettings};
use mailx::testing::ctx;

use crate::peer::{Answer, Drop, Peer};
use crate::support::scripted::SECRET;

fn account(peer: &Peer, most_octets: u64) -> (Pop3Backend, Ctx) {
    let (host, port) = ("127.0.0.1".into(), peer.port);
    let backend = Pop3Backend {
        account: "a".into(),
        endpoint: Endpoint { host, port, security: Security::Clear, route: Route::Direct },
        tls: TlsConnector::new(TlsSettings::default()),
        user: "me".into(),
        sasl: None,
        apop: false,
        mirror_deletions: false,
        most_octets,
        pace: Pace::default(),
    };
    (backend, ctx(SECRET, Duration::from_secs(5)))
}

/// Counts octets, and keeps what became of each message.
#[derive(Default)]
struct Keep {
    open: u64,
    /// Octets of the longest body.
    most: u64,
    came: Vec<usize>,
    missed: Vec<(usize, Missed)>,
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

#[test]
fn row_71_a_body_that_never_ends_is_left_at_the_limit() {
    let peer = Peer::start(Drop::of(3, "a"));
    peer.hook(|line, _| (line == "RETR 2").then(|| Answer::Say([&b"+OK\r\n"[..], &b"x\r\n".repeat(1_000_000)].concat())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (keep, error) = runtime.block_on(async {
        let (backend, ctx) = account(&peer, 100_000);
        let mut session = backend.open(&ctx).await.unwrap();
        let (folder, mut ids) = (FolderId(b"INBOX".to_vec()), Vec::new());
        let at = [LookAt { folder: folder.clone(), cursor: None, need: Need::Additions }];
        let mut harvests = session
            .changes(&at, &mut |_, change| {
                if let Change::Present(listed) = change {
                    ids.push(listed.id);
                }
            })
            .await
            .unwrap();
        let wants: Vec<Want> = ids.into_iter().map(|id| Want { id, size: None }).collect();
        let mut keep = Keep::default();
        let cursor = harvests.remove(0).unwrap().cursor;
        let error = session.fetch(&folder, &cursor, &wants, Part::Whole, &mut keep).await.unwrap_err();
        (keep, error)
    });
    assert!(keep.most <= 100_000, "{} octets were taken", keep.most);
    // The line is of no use any more; the others come on the next one.
    assert_eq!((keep.missed, keep.came), (vec![(1, Missed::TooLarge)], vec![0]));
    assert_eq!((error.class, error.scope), (Class::Temporary, Scope::Session));
}
