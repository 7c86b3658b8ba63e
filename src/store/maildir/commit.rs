//! A batch of finished files becomes durable at once: sync the files, rename, sync the directories, commit.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::oneshot;

use crate::model::{Error, Hash, LocalName, Result};
use crate::store::Store;
use crate::store::state::{LinkId, Stored};

use super::deliver::{Addressed, Published};
use super::digest::Digest;
use super::incoming::unlink;
use super::target::{Adopted, Target};

/// Files of one batch.
pub(super) const BATCH_FILES: usize = 512;
/// Octets of one batch.
const BATCH_OCTETS: u64 = 64 << 20;

/// A file of tmp/ that is complete.
pub(super) struct Finished {
    pub target: Arc<Target>,
    pub tmp: String,
    pub to: Addressed,
    pub digest: Digest,
    /// Its identity without the lines of other tools, where it has such.
    pub bare: Option<Hash>,
}

/// What a writer tells the committer.
pub(super) enum Handed {
    File(Box<Finished>),
    /// Answered when everything before it is durable and recorded.
    Flush(oneshot::Sender<()>),
}

/// Gathers finished files, and publishes them.
pub(super) struct Committer {
    store: Arc<Store>,
    published: Published,
    batch: Vec<Finished>,
    octets: u64,
}

impl Committer {
    pub fn new(store: Arc<Store>, published: Published) -> Self {
        Self { store, published, batch: Vec::new(), octets: 0 }
    }

    /// Whether nothing waits to be published.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Takes a file; publishes what was gathered when that is enough, or when it is asked for.
    pub fn take(&mut self, handed: Handed) -> Result<()> {
        match handed {
            Handed::File(file) => {
                self.octets += file.digest.octets;
                self.batch.push(*file);
                if self.batch.len() < BATCH_FILES && self.octets < BATCH_OCTETS { Ok(()) } else { self.publish() }
            }
            Handed::Flush(done) => {
                self.publish()?;
                let _ = done.send(());
                Ok(())
            }
        }
    }

    /// Publishes what was gathered.
    pub fn publish(&mut self) -> Result<()> {
        self.octets = 0;
        commit(&self.store, &std::mem::take(&mut self.batch), &self.published)
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
    if let Err(error) = store.sync.files(root, batch.iter().map(|f| (&*f.target.dir.tmp, f.tmp.as_str()))) {
        return fail(Error::local(tried(), &error), batch);
    }
    store.step("sync-files");
    let short: Vec<LinkId> = batch.iter().filter(|f| f.to.short).map(|f| f.to.link).collect();
    if !short.is_empty() {
        // Before there is a file that a later run would take for whole.
        store.state().mark_short(&short)?;
    }
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
                let digest = Digest { identity: place.identity.unwrap_or(file.digest.identity), ..file.digest };
                stored.push(Stored { id: file.to.link, name: place.name, digest, replaces: place.replaces, keeps_doubt: file.to.short });
            }
            Err(error) => return fail(error, &batch[done..]),
        }
    }
    store.step("rename");
    store.sync.dirs(root, places.iter().map(|((_, in_cur), f)| f.target.dir.place(*in_cur))).map_err(|e| Error::local(tried(), &e))?;
    store.step("sync-directories");
    store.state().mark_stored(&stored, store.now())?;
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
    /// That one's identity.
    identity: Option<Hash>,
    /// Rows of older epochs that it continues.
    replaces: Vec<LinkId>,
}

/// Renames one file to its final name; or, when it equals a file here that nothing there was matched with, takes that one instead.
fn publish(store: &Store, file: &Finished) -> Result<Place> {
    let target = &file.target;
    let tried = || format!("publish a message in the Maildir folder `{}`", target.dir.path);
    if let Some(Adopted { name, identity, replaces }) = target.adopt(store, &file.digest, file.bare)? {
        unlink(&target.dir, &file.tmp);
        return Ok(Place { name: Some(name), changed: vec![false, true], adopted: true, identity: Some(identity), replaces });
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
