//! Delivery: bodies stream in, become tmp files, and are published in batches.
//!
//! Two kinds of threads. A *writer* per stream hashes and writes while the next bytes are read from the network. One *committer* takes
//! finished files and makes a whole batch durable at once: sync the files, rename, sync the directories, commit. Bounded channels in
//! between are the back-pressure: a slow disk slows the socket, and memory does not grow.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::model::{Class, Error, FlagState, FolderPath, Hash, LocalName, Result};
use crate::store::root::now;
use crate::store::state::{Digested, LinkId, Stored};
use crate::store::{Intact, Store};

use super::digest::Digest;
use super::dir::{Entry, FolderDir};
use super::incoming::{Incoming, check_space, unlink};
use super::keywords::KeywordLetters;
use super::name::file_name;

/// Files of one batch.
const BATCH_FILES: usize = 512;
/// Octets of one batch.
const BATCH_OCTETS: u64 = 64 << 20;
/// A batch waits so long for more before it is published.
const BATCH_WAIT: Duration = Duration::from_secs(2);
/// Pieces that wait for a writer, of [`PIECE_OCTETS`] each at most.
const PIECES: usize = 8;
/// Octets that are gathered before a writer is woken.
const PIECE_OCTETS: usize = 64 << 10;
/// Orders that are gathered before a writer is woken.
const PIECE_ORDERS: usize = 64;
/// Octets between two looks at the free space.
const SPACE_EVERY: u64 = 8 << 20;

/// What is here and nothing there was matched with.
#[derive(Debug, Default)]
pub struct Unmatched {
    by_identity: HashMap<Hash, Vec<LocalName>>,
    /// The rows of each; a file taken for one message is gone for the others.
    rows: HashMap<LocalName, Vec<LinkId>>,
}

impl Unmatched {
    /// From the rows of [`Matching::unmatched`](crate::store::state::Matching::unmatched).
    pub fn new(rows: Vec<Digested>) -> Self {
        let mut unmatched = Self::default();
        for row in rows {
            unmatched.by_identity.entry(row.digest.identity).or_default().push(row.name.clone());
            unmatched.rows.entry(row.name).or_default().push(row.id);
        }
        unmatched
    }

    /// Takes a file with this identity, and its rows.
    fn take(&mut self, identity: &Hash) -> Option<(LocalName, Vec<LinkId>)> {
        let names = self.by_identity.get_mut(identity)?;
        while let Some(name) = names.pop() {
            if let Some(rows) = self.rows.remove(&name) {
                return Some((name, rows));
            }
        }
        None
    }
}

/// A folder that messages are delivered into.
#[derive(Debug)]
pub struct Target {
    /// The folder's row.
    pub folder: i64,
    /// Its path, for reports.
    pub path: FolderPath,
    /// Its directories.
    pub dir: FolderDir,
    /// Keyword letters.
    letters: Mutex<KeywordLetters>,
    /// A body that equals one of these is that file.
    unmatched: Mutex<Unmatched>,
    /// Messages delivered.
    pub delivered: AtomicU64,
    /// Messages found to be here already once their body had come.
    pub adopted: AtomicU64,
}

impl Target {
    /// A file here that nothing there was matched with, and that is this message; with the rows that the message continues. It is
    /// durable, but for its directory.
    pub fn adopt(&self, store: &Store, digest: &Digest) -> Result<Option<(LocalName, Vec<LinkId>)>> {
        let tried = || format!("take over a message of the Maildir folder `{}`", self.dir.path);
        let twin = lock(&self.unmatched).take(&digest.identity);
        // Its bytes may have changed since they were hashed: the fresh ones are given away only for equal ones, made durable.
        if let Some((name, replaces)) = twin
            && store.intact(&self.dir, &HashMap::new(), &name, digest, true)? == Intact::Yes
            && let Some(entry) = self.dir.find(&name.0)?
            && let Some(here) = self.dir.open_message(&entry).map_err(|e| Error::local(tried(), &e))?
        {
            here.sync_all().map_err(|e| Error::local(tried(), &e))?;
            return Ok(Some((name, replaces)));
        }
        Ok(None)
    }

    /// A target; `unmatched` as in the field.
    pub fn new(folder: i64, path: FolderPath, dir: FolderDir, unmatched: Unmatched) -> Result<Self> {
        let letters = Mutex::new(KeywordLetters::load(&dir)?);
        Ok(Self { folder, path, dir, letters, unmatched: Mutex::new(unmatched), delivered: AtomicU64::new(0), adopted: AtomicU64::new(0) })
    }

    /// The file name and place of a message with `flags`.
    pub fn entry(&self, name: &LocalName, flags: &FlagState) -> Entry {
        let letters = if flags.keywords.is_empty() { String::new() } else { lock(&self.letters).letters(&flags.keywords) };
        let (file, in_cur) = file_name(name, flags.flags, &letters);
        Entry { file, in_cur }
    }

    /// Makes the keyword letters that [`Target::entry`] gave away durable.
    pub fn save_letters(&self) -> Result<()> {
        lock(&self.letters).save(&self.dir)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
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
}

enum Piece {
    Begin(Arc<Target>),
    Bytes(Bytes),
    End(Box<Addressed>),
    Cut,
    Flush(oneshot::Sender<()>),
}

struct Finished {
    target: Arc<Target>,
    tmp: String,
    to: Addressed,
    digest: Digest,
}

enum ToCommitter {
    File(Box<Finished>),
    Flush(oneshot::Sender<()>),
}

/// Takes deliveries of one store until it is dropped or [`Delivery::finish`]ed.
pub struct Delivery {
    store: Arc<Store>,
    committer: SyncSender<ToCommitter>,
    failure: Arc<Mutex<Option<Box<Error>>>>,
    thread: std::thread::JoinHandle<()>,
}

/// Told of every published batch: the target and how many.
pub type Published = Arc<dyn Fn(&Target, u64) + Send + Sync>;

impl Delivery {
    /// Starts the committer.
    pub fn start(store: Arc<Store>, published: Published) -> Result<Self> {
        let (committer, inbox) = sync_channel(2 * BATCH_FILES);
        let failure = Arc::new(Mutex::new(None));
        let (for_thread, failed) = (store.clone(), failure.clone());
        let thread = spawn("mailx-commit", move || commit_loop(&for_thread, &inbox, &failed, &published))?;
        Ok(Self { store, committer, failure, thread })
    }

    /// Opens a stream with a writer of its own.
    pub fn stream(&self) -> Result<DeliveryStream> {
        let (pieces, inbox) = mpsc::channel(PIECES);
        let (store, committer, failure) = (self.store.clone(), self.committer.clone(), self.failure.clone());
        let failed = self.failure.clone();
        spawn("mailx-write", move || {
            // The inbox outlives the record of the failure: who finds it closed finds the reason.
            let mut inbox = inbox;
            if let Err(error) = write_loop(&store, &mut inbox, &committer) {
                lock(&failed).get_or_insert(error);
            }
        })?;
        Ok(DeliveryStream { pieces, gathered: Vec::new(), octets: 0, failure })
    }

    /// Ends it: what was handed over is published and committed. Streams must be dropped before.
    pub async fn finish(self) -> Result<()> {
        drop(self.committer);
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            return Err(Error::new(Class::Internal, "store messages", "the committer panicked"));
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
    pieces: mpsc::Sender<Vec<Piece>>,
    gathered: Vec<Piece>,
    octets: usize,
    failure: Arc<Mutex<Option<Box<Error>>>>,
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
        self.pieces.send(std::mem::take(&mut self.gathered)).await.map_err(|_| self.failure())
    }

    fn failure(&self) -> Box<Error> {
        let failure = lock(&self.failure);
        match failure.as_deref() {
            Some(error) => error.copy(),
            None => Error::new(Class::Internal, "store a message", "the writer has stopped"),
        }
    }
}

fn write_loop(store: &Store, inbox: &mut mpsc::Receiver<Vec<Piece>>, committer: &SyncSender<ToCommitter>) -> Result<()> {
    let mut open: Option<Incoming> = None;
    let mut unchecked = SPACE_EVERY;
    let gone = || Error::new(Class::Internal, "store a message", "the committer has stopped");
    while let Some(pieces) = inbox.blocking_recv() {
        for piece in pieces {
            match piece {
                Piece::Begin(target) => {
                    if let Some(unfinished) = open.take() {
                        unfinished.discard();
                    }
                    open = Some(Incoming::new(target));
                }
                Piece::Bytes(bytes) => {
                    let Some(message) = &mut open else { continue };
                    unchecked += bytes.len() as u64;
                    let taken = (|| {
                        if unchecked >= SPACE_EVERY {
                            unchecked = 0;
                            check_space(store)?;
                        }
                        message.take(store, &bytes)
                    })();
                    if let Err(error) = taken {
                        let error = Error::local(message.tried(), &error);
                        open.take().into_iter().for_each(Incoming::discard);
                        return Err(error);
                    }
                }
                Piece::End(to) => {
                    let Some(message) = open.take() else { continue };
                    let tried = message.tried();
                    let (target, tmp, digest) = message.finish(store, to.date).map_err(|e| Error::local(tried, &e))?;
                    committer.send(ToCommitter::File(Box::new(Finished { target, tmp, to: *to, digest }))).map_err(|_| gone())?;
                }
                Piece::Cut => open.take().into_iter().for_each(Incoming::discard),
                Piece::Flush(done) => committer.send(ToCommitter::Flush(done)).map_err(|_| gone())?,
            }
        }
    }
    open.take().into_iter().for_each(Incoming::discard);
    Ok(())
}

fn commit_loop(store: &Store, inbox: &Receiver<ToCommitter>, failure: &Mutex<Option<Box<Error>>>, published: &Published) {
    let mut batch: Vec<Finished> = Vec::new();
    let mut octets = 0;
    let mut since = Instant::now();
    loop {
        let received = if batch.is_empty() {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(BATCH_WAIT.saturating_sub(since.elapsed()))
        };
        let mut flushed = None;
        let mut last = false;
        match received {
            Ok(ToCommitter::File(file)) => {
                if batch.is_empty() {
                    since = Instant::now();
                }
                octets += file.digest.octets;
                batch.push(*file);
                if batch.len() < BATCH_FILES && octets < BATCH_OCTETS {
                    continue;
                }
            }
            Ok(ToCommitter::Flush(done)) => flushed = Some(done),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => last = true,
        }
        octets = 0;
        if let Err(error) = commit(store, &std::mem::take(&mut batch), published) {
            lock(failure).get_or_insert(error);
            // Dropping the inbox stops the writers, and they the streams; files still on their way are swept by the next run.
            return;
        }
        if let Some(done) = flushed {
            let _ = done.send(());
        }
        if last {
            return;
        }
    }
}

/// Publishes a batch: sync, rename, sync directories, commit. On failure nothing half-done stays visible: files that were renamed are
/// complete, and their rows still want them (the next run finds them under their reserved names).
fn commit(store: &Store, batch: &[Finished], published: &Published) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let tried = || "make a batch of messages durable".to_owned();
    let fail = |error: Box<Error>, batch: &[Finished]| {
        for file in batch {
            unlink(&file.target.dir, &file.tmp);
        }
        Err(error)
    };
    store.step("write");
    let root = store.root()?;
    if let Err(error) = store.sync.files(root, batch.iter().map(|f| (&f.target.dir, f.tmp.as_str()))) {
        return fail(Error::local(tried(), &error), batch);
    }
    store.step("sync-files");
    let mut stored = Vec::with_capacity(batch.len());
    let mut places: HashMap<(i64, bool), &Finished> = HashMap::new();
    let mut targets: HashMap<i64, (&Arc<Target>, u64, u64)> = HashMap::new();
    for (done, file) in batch.iter().enumerate() {
        match publish(store, file) {
            Ok(place) => {
                for in_cur in &place.changed {
                    places.insert((file.target.folder, *in_cur), file);
                }
                let counts = targets.entry(file.target.folder).or_insert((&file.target, 0, 0));
                counts.1 += 1;
                counts.2 += u64::from(place.adopted);
                stored.push(Stored { id: file.to.link, name: place.name, digest: file.digest, replaces: place.replaces, by_name: false });
            }
            Err(error) => return fail(error, &batch[done..]),
        }
    }
    store.step("rename");
    store.sync.dirs(root, places.iter().map(|((_, in_cur), f)| f.target.dir.place(*in_cur))).map_err(|e| Error::local(tried(), &e))?;
    store.step("sync-directories");
    store.state().mark_stored(&stored, now())?;
    store.step("commit");
    for (target, count, adopted) in targets.into_values() {
        target.delivered.fetch_add(count, Relaxed);
        target.adopted.fetch_add(adopted, Relaxed);
        published(target, count);
    }
    Ok(())
}

/// Where a file went.
#[derive(Default)]
struct Place {
    /// Its name, when it is not the reserved one.
    name: Option<LocalName>,
    /// The directories that must be synced: cur/ or new/.
    changed: Vec<bool>,
    /// A file that was here is taken instead.
    adopted: bool,
    /// Rows of older epochs that it continues.
    replaces: Vec<LinkId>,
}

/// Renames one file to its final name; or, when it equals a file here that nothing there was matched with, takes that one instead.
fn publish(store: &Store, file: &Finished) -> Result<Place> {
    let target = &file.target;
    let tried = || format!("publish a message in the Maildir folder `{}`", target.dir.path);
    if let Some((name, replaces)) = target.adopt(store, &file.digest)? {
        unlink(&target.dir, &file.tmp);
        return Ok(Place { name: Some(name), changed: vec![false, true], adopted: true, replaces });
    }
    let to = target.entry(&file.to.name, &file.to.flags);
    target.save_letters()?;
    match target.dir.publish(&file.tmp, &to) {
        Ok(()) => Ok(Place { changed: vec![to.in_cur], ..Place::default() }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let name = store.names.next();
            let to = target.entry(&name, &file.to.flags);
            target.dir.publish(&file.tmp, &to).map_err(|e| Error::local(tried(), &e))?;
            Ok(Place { name: Some(name), changed: vec![to.in_cur], ..Place::default() })
        }
        Err(error) => Err(Error::local(tried(), &error)),
    }
}
