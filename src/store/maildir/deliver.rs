//! Delivery: bodies stream in, become tmp files, and are published in batches.
//!
//! Two kinds of threads. A *writer* per stream hashes and writes while the next bytes are read from the network. One *committer* takes
//! finished files and makes a whole batch durable at once. Bounded channels in between are the back-pressure: a slow disk slows the
//! socket, and memory does not grow. Where the store does not block, there are no threads: a piece is written when it comes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::model::{Class, Error, FlagState, LocalName, Result};
use crate::store::Store;
use crate::store::disk::Blocks as _;
use crate::store::state::LinkId;

use super::commit::{BATCH_FILES, Committer, Finished, Handed};
use super::incoming::{Incoming, check_space};
pub use super::target::{Adopted, Target, Unmatched};

/// A batch waits so long for more before it is published.
const BATCH_WAIT: Duration = Duration::from_secs(2);
/// Pieces that wait for a writer, of [`PIECE_OCTETS`] each at most.
const PIECES: usize = 4;
/// Octets that are gathered before a writer is woken.
const PIECE_OCTETS: usize = 64 << 10;
/// Orders that are gathered before a writer is woken.
const PIECE_ORDERS: usize = 64;
/// Octets between two looks at the free space.
const SPACE_EVERY: u64 = 8 << 20;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of a message when its body is complete.
#[derive(Debug, Clone)]
pub struct Addressed {
    /// Its row.
    pub link: LinkId,
    /// Its reserved name.
    pub name: LocalName,
    /// Flags and keywords.
    pub flags: FlagState,
    /// Internal date; becomes the file's mtime.
    pub date: Option<i64>,
    /// It is shorter than announced, and may be a part of the message.
    pub short: bool,
}

enum Piece {
    Begin(Arc<Target>),
    Bytes(Bytes),
    End(Box<Addressed>),
    Cut,
    Flush(oneshot::Sender<()>),
}

/// Why it stopped, once it has.
type Failure = Arc<Mutex<Option<Box<Error>>>>;

/// Told of every published batch: the target and how many.
pub type Published = Arc<dyn Fn(&Target, u64) + Send + Sync>;

/// Takes deliveries of one store until it is dropped or [`Delivery::finish`]ed.
pub struct Delivery {
    store: Arc<Store>,
    failure: Failure,
    committing: Committing,
}

/// Where batches are gathered.
enum Committing {
    Thread { inbox: SyncSender<Handed>, thread: std::thread::JoinHandle<()> },
    Here(Arc<Mutex<Committer>>),
}

impl Delivery {
    /// Starts the committer.
    pub fn start(store: Arc<Store>, published: Published) -> Result<Self> {
        let failure = Failure::default();
        let committer = Committer::new(store.clone(), published);
        let committing = if store.blocks() {
            let (inbox, outbox) = sync_channel(2 * BATCH_FILES);
            let failed = failure.clone();
            let thread = spawn("mailx-commit", move || commit_loop(committer, &outbox, &failed))?;
            Committing::Thread { inbox, thread }
        } else {
            Committing::Here(Arc::new(Mutex::new(committer)))
        };
        Ok(Self { store, failure, committing })
    }

    /// Opens a stream with a writer of its own.
    pub fn stream(&self) -> Result<DeliveryStream> {
        let writer = Writer { store: self.store.clone(), open: None, unchecked: SPACE_EVERY };
        let writing = match &self.committing {
            Committing::Thread { inbox, .. } => {
                let (pieces, orders) = mpsc::channel(PIECES);
                let (committer, failed) = (inbox.clone(), self.failure.clone());
                spawn("mailx-write", move || {
                    // The inbox outlives the record of the failure: who finds it closed finds the reason.
                    let mut orders = orders;
                    if let Err(error) = write_loop(writer, &mut orders, &committer) {
                        lock(&failed).get_or_insert(error);
                    }
                })?;
                Writing::Thread(pieces)
            }
            Committing::Here(committer) => Writing::Here(Box::new(writer), committer.clone()),
        };
        Ok(DeliveryStream { writing, gathered: Vec::new(), octets: 0, failure: self.failure.clone() })
    }

    /// Ends it: what was handed over is published and committed. Streams must be dropped before.
    pub async fn finish(self) -> Result<()> {
        match self.committing {
            Committing::Thread { inbox, thread } => {
                drop(inbox);
                let joined = tokio::task::spawn_blocking(move || thread.join()).await;
                if !matches!(joined, Ok(Ok(()))) {
                    return Err(Error::new(Class::Internal, "store messages", "the committer panicked"));
                }
            }
            Committing::Here(committer) => {
                if lock(&self.failure).is_none() {
                    lock(&committer).publish()?;
                }
            }
        }
        match lock(&self.failure).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(|e| Error::local("start a thread", &e))
}

/// One stream of bodies, one after the other.
pub struct DeliveryStream {
    writing: Writing,
    gathered: Vec<Piece>,
    octets: usize,
    failure: Failure,
}

/// Where pieces are written.
enum Writing {
    Thread(mpsc::Sender<Vec<Piece>>),
    Here(Box<Writer>, Arc<Mutex<Committer>>),
}

impl DeliveryStream {
    /// A body for `target` starts.
    pub async fn begin(&mut self, target: &Arc<Target>) -> Result<()> {
        self.put(Piece::Begin(target.clone())).await
    }

    /// Its next bytes.
    pub async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        self.octets += bytes.len();
        self.put(Piece::Bytes(bytes)).await
    }

    /// It is complete.
    pub async fn end(&mut self, to: Addressed) -> Result<()> {
        self.put(Piece::End(Box::new(to))).await
    }

    /// It broke off: nothing of it stays.
    pub async fn cut(&mut self) -> Result<()> {
        self.put(Piece::Cut).await
    }

    /// Waits until everything of this stream is durable and recorded.
    pub async fn flush(&mut self) -> Result<()> {
        let (done, wait) = oneshot::channel();
        self.gathered.push(Piece::Flush(done));
        self.send().await?;
        wait.await.map_err(|_| self.failure())
    }

    async fn put(&mut self, piece: Piece) -> Result<()> {
        self.gathered.push(piece);
        if self.octets >= PIECE_OCTETS || self.gathered.len() >= PIECE_ORDERS { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<()> {
        self.octets = 0;
        let pieces = std::mem::take(&mut self.gathered);
        let sent = match &mut self.writing {
            Writing::Thread(writer) => writer.send(pieces).await.is_ok(),
            Writing::Here(writer, committer) => {
                if lock(&self.failure).is_none()
                    && let Err(error) = pieces.into_iter().try_for_each(|p| writer.take(p, |handed| lock(committer).take(handed)))
                {
                    lock(&self.failure).get_or_insert(error);
                }
                lock(&self.failure).is_none()
            }
        };
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    fn failure(&self) -> Box<Error> {
        let failure = lock(&self.failure);
        match failure.as_deref() {
            Some(error) => error.copy(),
            None => Error::new(Class::Internal, "store a message", "the writer has stopped"),
        }
    }
}

/// Makes files of one stream's pieces.
struct Writer {
    store: Arc<Store>,
    open: Option<Incoming>,
    /// Octets since the free space was looked at.
    unchecked: u64,
}

impl Writer {
    /// Takes a piece; `hand` takes a file that is complete by it.
    fn take(&mut self, piece: Piece, hand: impl FnOnce(Handed) -> Result<()>) -> Result<()> {
        match piece {
            Piece::Begin(target) => {
                self.cut();
                self.open = Some(Incoming::new(target));
            }
            Piece::Bytes(bytes) => {
                let Some(message) = &mut self.open else { return Ok(()) };
                self.unchecked += bytes.len() as u64;
                let taken = (|| {
                    if self.unchecked >= SPACE_EVERY {
                        self.unchecked = 0;
                        check_space(&self.store)?;
                    }
                    message.take(&self.store, &bytes)
                })();
                if let Err(error) = taken {
                    let error = Error::local(message.tried(), &error);
                    self.cut();
                    return Err(error);
                }
            }
            Piece::End(to) => {
                let Some(message) = self.open.take() else { return Ok(()) };
                let tried = message.tried();
                let (target, tmp, digest, bare) = message.finish(&self.store, to.date).map_err(|e| Error::local(tried, &e))?;
                return hand(Handed::File(Box::new(Finished { target, tmp, to: *to, digest, bare })));
            }
            Piece::Cut => self.cut(),
            Piece::Flush(done) => return hand(Handed::Flush(done)),
        }
        Ok(())
    }

    fn cut(&mut self) {
        self.open.take().into_iter().for_each(Incoming::discard);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.cut();
    }
}

fn write_loop(mut writer: Writer, orders: &mut mpsc::Receiver<Vec<Piece>>, committer: &SyncSender<Handed>) -> Result<()> {
    let gone = |_| Error::new(Class::Internal, "store a message", "the committer has stopped");
    while let Some(pieces) = orders.blocking_recv() {
        for piece in pieces {
            writer.take(piece, |handed| committer.send(handed).map_err(gone))?;
        }
    }
    Ok(())
}

fn commit_loop(mut committer: Committer, inbox: &Receiver<Handed>, failure: &Failure) {
    let mut since = Instant::now();
    loop {
        let received = if committer.is_empty() {
            inbox.recv().inspect(|_| since = Instant::now()).map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(BATCH_WAIT.saturating_sub(since.elapsed()))
        };
        let last = matches!(received, Err(RecvTimeoutError::Disconnected));
        let done = match received {
            Ok(handed) => committer.take(handed),
            Err(_) => committer.publish(),
        };
        if let Err(error) = done {
            lock(failure).get_or_insert(error);
            // Dropping the inbox stops the writers, and they the streams; files still on their way are swept by the next run.
            return;
        }
        if last {
            return;
        }
    }
}
