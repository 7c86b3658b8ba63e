//! Further folders, where a session tells of one only: each is listened to by a session of its own.
//!
//! A listener changes nothing and finds out nothing: it rings, and the run that follows looks. It lists the folders *before* it rings, so
//! nothing falls between what it compares with and what that run sees; and after a ring it waits again only when the watch does, so that
//! runs which find nothing to do slow it down, too. What it cannot tell, a poll finds.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::back_off::BackOff;
use super::bells::rung;
use super::troubles::BORNE;
use super::{GOODBYE, HOLDS, Next, Told, Work, close};
use crate::backend::{Session, Wake};
use crate::model::caps::Push;
use crate::model::{Class, Error, FolderId, Result};

/// A wait is begun anew after this.
const STRETCH: Duration = Duration::from_hours(1);
/// Sessions that come up within so long of each other call for one run.
const TOGETHER: Duration = Duration::from_secs(1);
/// A wait that ended too early and told nothing is followed by this pause.
const PAUSE: Duration = Duration::from_secs(1);

/// The listeners of an account. Dropping them ends them.
pub(super) struct Listeners {
    work: Arc<dyn Work>,
    chance: fn() -> f64,
    /// The parent of those that stop one listener.
    cancel: CancellationToken,
    /// Each folder and what stops its listener; one that has ended by itself stays here, and is not begun anew.
    at: Vec<(FolderId, CancellationToken)>,
    running: JoinSet<()>,
    rings: Rings,
    /// What had been rung when the last run began.
    heard: (u64, u64),
    /// Somebody was told that a folder cannot be listened to.
    told: Arc<AtomicBool>,
}

/// Why a listener rings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ring {
    /// Something changed.
    News,
    /// Its session stands from now on: what happened before, nobody has heard.
    Begun,
}

/// What listeners ring, and what they hear.
#[derive(Clone)]
struct Rings {
    news: Sender<u64>,
    begun: Sender<u64>,
    /// Rung by the watch: it waits.
    waits: Sender<u64>,
}

impl Listeners {
    /// None yet.
    pub fn new(work: Arc<dyn Work>, chance: fn() -> f64, cancel: &CancellationToken) -> Self {
        let rings = Rings { news: channel(0).0, begun: channel(0).0, waits: channel(0).0 };
        let (at, running, told) = (Vec::new(), JoinSet::new(), Arc::default());
        Self { work, chance, cancel: cancel.child_token(), at, running, rings, heard: (0, 0), told }
    }

    /// Listens to these folders from now on, and to no others.
    pub fn follow(&mut self, folders: &[FolderId]) {
        while self.running.try_join_next().is_some() {}
        self.at.retain(|(folder, stop)| {
            let stays = folders.contains(folder);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for folder in folders {
            if self.at.iter().any(|(known, _)| known == folder) {
                continue;
            }
            let stop = self.cancel.child_token();
            self.at.push((folder.clone(), stop.clone()));
            let listener = Listener {
                work: self.work.clone(),
                folder: folder.clone(),
                chance: self.chance,
                stop,
                rings: self.rings.clone(),
                waits: self.rings.waits.subscribe(),
                told: self.told.clone(),
            };
            self.running.spawn(listener.listen());
        }
    }

    /// Ends them at once, without a word: their lines are dead, or of no use.
    pub fn drop_all(&mut self) {
        self.at.clear();
        self.running.abort_all();
    }

    /// Ends them in good order, as far as that is possible within the time for a goodbye.
    pub async fn end(&mut self) {
        self.cancel.cancel();
        let _ = timeout(GOODBYE, async { while self.running.join_next().await.is_some() {} }).await;
        self.running.shutdown().await;
    }

    /// A run begins: it sees whatever was rung for until now.
    pub fn hush(&mut self) {
        self.heard = (*self.rings.news.borrow(), *self.rings.begun.borrow());
    }

    /// The watch waits: from now on listeners may ring again.
    pub fn encourage(&self) {
        self.rings.waits.send_modify(|count| *count += 1);
    }

    /// Until there is something to look at that no run has seen. Forgets nothing when it is dropped.
    pub async fn rung(&self) -> Next {
        let (mut news, mut begun) = (self.rings.news.subscribe(), self.rings.begun.subscribe());
        tokio::select! {
            biased;
            _ = other_than(self.heard.0, &mut news) => Next::There,
            () = other_than_for_long(self.heard.1, &mut begun) => Next::Joined,
        }
    }
}

/// Until a bell shows another number.
async fn other_than(number: u64, bell: &mut Receiver<u64>) -> u64 {
    let now = bell.wait_for(|now| *now != number).await.ok().map(|now| *now);
    match now {
        Some(now) => now,
        None => std::future::pending().await,
    }
}

/// The same, once it has not changed again for a while.
async fn other_than_for_long(number: u64, bell: &mut Receiver<u64>) {
    let mut last = other_than(number, bell).await;
    while let Ok(now) = timeout(TOGETHER, other_than(last, bell)).await {
        last = now;
    }
}

/// Listens to one folder.
struct Listener {
    work: Arc<dyn Work>,
    folder: FolderId,
    chance: fn() -> f64,
    stop: CancellationToken,
    rings: Rings,
    waits: Receiver<u64>,
    told: Arc<AtomicBool>,
}

impl Listener {
    /// Until it is stopped, or its server tells nothing of its own accord any more.
    async fn listen(mut self) {
        let mut back_off = BackOff::default();
        // The account's own session has just been let in.
        back_off.reset();
        loop {
            let since = Instant::now();
            let Err(error) = self.attend().await else { return };
            if since.elapsed() >= HOLDS {
                back_off.reset();
            }
            let pause = back_off.next(&error, (self.chance)());
            tracing::debug!(%error, ?pause, "a listener was lost");
            if back_off.failures() > BORNE && !self.stop.is_cancelled() && !self.told.swap(true, Relaxed) {
                let text = format!("a chosen folder cannot be listened to, and is polled meanwhile: {}", error.failed);
                self.work.tell(Told::Note(&text));
            }
            self.rest(pause).await;
        }
    }

    /// Listens by one session. The error is the line's, or the folder's.
    async fn attend(&mut self) -> Result<()> {
        let mut session = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(()),
            session = self.work.connect() => session?,
        };
        self.look(&mut session, Ring::Begun).await?;
        while !self.stop.is_cancelled() && !matches!(session.caps().push, Push::Poll { .. }) {
            let until = Instant::now() + STRETCH;
            match session.wait(slice::from_ref(&self.folder), until, &self.stop).await? {
                Wake::Changed => {
                    self.look(&mut session, Ring::News).await?;
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = rung(&mut self.waits) => {}
                    }
                }
                Wake::Quiet if Instant::now() < until => self.rest(PAUSE).await,
                Wake::Quiet => {}
            }
        }
        close(session).await;
        Ok(())
    }

    /// Lists the folders, so that the session knows what it has told, and rings.
    async fn look(&mut self, session: &mut Box<dyn Session>, ring: Ring) -> Result<()> {
        let listed = session.folders().await?;
        self.waits.borrow_and_update();
        let bell = if ring == Ring::News { &self.rings.news } else { &self.rings.begun };
        bell.send_modify(|count| *count += 1);
        if listed.iter().any(|info| info.id == self.folder) {
            return Ok(());
        }
        Err(Error::new(Class::NotFound, "listen to a folder", "the server does not list it"))
    }

    async fn rest(&self, time: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(time) => {}
        }
    }
}
