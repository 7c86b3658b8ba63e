//! A server in memory, a Maildir in memory or on a real disk, and a run of the engine between them that can be killed.

use std::io;
use std::num::NonZeroU16;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailx::engine::fetch::{FetchOptions, Sessions, fetch};
use mailx::engine::select::Patterns;
use mailx::engine::sync::{SyncOptions, sync};
use mailx::model::report::AccountReport;
use mailx::model::{AfterFetch, Caps, Expunge, Protocol};
use mailx::store::clock::{Clock, OsClock};
use mailx::store::disk::{Disk, OsDisk};
use mailx::store::lock::Patience;
use mailx::store::maildir::layout::Layout;
use mailx::store::root::control_path;
use mailx::store::state::{Opener, SqliteOpener};
use mailx::store::{Opening, StepHook, Store};
use mailx::testing::clock::MemClock;
use mailx::testing::ctx;
use mailx::testing::disk::MemDisk;
use mailx::testing::mem::{Fault, Manners, MemBackend, MemServer, Point};
use mailx::testing::state::MemOpener;
use tokio::sync::Notify;

use crate::crowd::{Killed, quiet_panics};
use crate::here::Here;
use crate::mail::{Side, role};
use crate::there::There;

/// What a run may and must do; the rest is as a user's configuration has it by default.
#[derive(Debug, Clone)]
pub struct Settings {
    pub caps: Caps,
    pub manners: Manners,
    pub expunge: Expunge,
    /// Folders whose guard is off.
    pub allow: Option<String>,
    pub connections: u16,
    /// The user's changes are older than the clock's granularity when a run begins.
    pub time_passes: bool,
    /// What all of it stands on here.
    pub ground: Ground,
}

/// What a Maildir, its state and its time are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// All in memory.
    Memory,
    /// A directory, SQLite, and the clock of this machine.
    Real,
}

/// The verb of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Sync,
    /// A sync of one folder.
    SyncOf(&'static str),
    /// A sync that is only planned.
    DryRun,
    Fetch,
    /// Server copies are removed after the download.
    FetchAndDelete,
}

/// Where the engine dies, or loses its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Dies at this durable step here, counted from 1.
    DiesAtStep(u64),
    /// Dies at this change of the disk, counted from 1.
    DiesAtWrite(u64),
    /// This change of the disk fails.
    DiskFails(u64),
    /// Dies when the server has carried out so many steps.
    DiesAtEffect(u64),
    /// The answer of this one is lost.
    AnswerLost(u64),
    /// The connection is lost before this one.
    LostBeforeEffect(u64),
    /// The connection is lost before this call that changes nothing.
    LostBeforeRead(u64),
}

/// How a run ended.
pub enum Ended {
    Died,
    Done(AccountReport),
}

pub struct World {
    pub here: Here,
    pub there: There,
    pub settings: Settings,
    standing: Standing,
    steps: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
    names: Arc<Mutex<Vec<&'static str>>>,
}

/// What a world stands on.
enum Standing {
    Memory { disk: MemDisk, clock: MemClock, states: MemOpener },
    Real { clock: Ahead, _tmp: tempfile::TempDir },
}

/// The clock of this machine, which can be set ahead.
#[derive(Debug, Clone, Default)]
struct Ahead(Arc<AtomicU64>);

impl Clock for Ahead {
    fn wall(&self) -> Duration {
        OsClock.wall() + Duration::from_secs(self.0.load(SeqCst))
    }

    fn steady(&self) -> Duration {
        OsClock.steady()
    }

    fn sleep(&self, time: Duration) {
        OsClock.sleep(time);
    }
}

impl Standing {
    fn new(ground: Ground) -> Self {
        if ground == Ground::Memory {
            let clock = MemClock::default();
            return Self::Memory { disk: MemDisk::new(Arc::new(clock.clone())), clock, states: MemOpener::default() };
        }
        let memory = Path::new("/dev/shm");
        let tmp = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        Self::Real { clock: Ahead::default(), _tmp: tmp }
    }

    fn root(&self) -> PathBuf {
        match self {
            Self::Memory { .. } => "/home/mail".into(),
            Self::Real { _tmp, .. } => _tmp.path().join("mail"),
        }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        match self {
            Self::Memory { disk, .. } => Arc::new(disk.clone()),
            Self::Real { .. } => Arc::new(OsDisk),
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::Memory { clock, .. } => Arc::new(clock.clone()),
            Self::Real { clock, .. } => Arc::new(clock.clone()),
        }
    }

    fn states(&self) -> Arc<dyn Opener> {
        match self {
            Self::Memory { states, .. } => Arc::new(states.clone()),
            Self::Real { .. } => Arc::new(SqliteOpener),
        }
    }

    /// What was changed is older than the granularity of time stamps.
    fn let_time_pass(&self) {
        match self {
            Self::Memory { clock, .. } => clock.advance(Duration::from_secs(60)),
            Self::Real { clock, .. } => {
                // What comes later has another time stamp: those go by ticks of 10 ms at most.
                std::thread::sleep(Duration::from_millis(10));
                clock.0.fetch_add(60, SeqCst);
            }
        }
    }

    fn freeze(&self, frozen: bool) {
        if let Self::Memory { disk, .. } = self {
            disk.freeze(frozen);
        }
    }
}

impl World {
    /// A server with these folders and messages, and no Maildir yet.
    pub fn new(there: &Side, settings: Settings) -> Self {
        quiet_panics();
        let server = MemServer::new();
        for folder in there.0.keys() {
            server.create(folder, role(folder));
        }
        if settings.caps.delete.trash {
            server.create("Trash", role("Trash"));
        }
        let there_now = There(server);
        for (folder, mails) in &there.0 {
            mails.iter().for_each(|mail| there_now.put(folder, mail));
        }
        let standing = Standing::new(settings.ground);
        let here = Here { disk: standing.disk(), root: standing.root(), syncs: true };
        Self { here, there: there_now, settings, standing, steps: Arc::default(), writes: Arc::default(), names: Arc::default() }
    }

    /// The power goes: of what was not durable, `keeps` decides. Only in memory.
    pub fn lose_power(&self, keeps: &mut dyn FnMut() -> bool) {
        let Standing::Memory { disk, .. } = &self.standing else { panic!("only memory can lose its power") };
        disk.lose_power(keeps);
    }

    /// The state is lost, and whatever else lies beside it.
    pub fn lose_state(&self) {
        self.here.lose_state();
        if let Standing::Memory { states, .. } = &self.standing {
            states.lose(&control_path(&self.here.root, Layout::Fs));
        }
    }

    /// Durable steps of the last run.
    pub fn steps(&self) -> u64 {
        self.steps.load(SeqCst)
    }

    /// Changes of the disk in the last run; 0 on a real one.
    pub fn writes(&self) -> u64 {
        self.writes.load(SeqCst)
    }

    /// The name of the last durable step.
    pub fn last_step(&self) -> &'static str {
        self.names.lock().unwrap().last().copied().unwrap_or_default()
    }

    /// Somebody else does this before the n-th listing of a directory, counted from 1. Returns how many there were. Only in memory.
    pub fn before_listings(&self, deeds: impl Fn(u64, &Here) + Send + Sync + 'static) -> Arc<AtomicU64> {
        let disk = self.mem_disk().expect("only memory tells of listings");
        let (count, busy) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
        let (here, counted) = (self.here.clone(), count.clone());
        disk.set_listing(Some(Arc::new(move || {
            // Its own listings are none.
            if !busy.swap(true, SeqCst) {
                deeds(counted.fetch_add(1, SeqCst) + 1, &here);
                busy.store(false, SeqCst);
            }
        })));
        count
    }

    /// Everybody else is gone.
    pub fn alone(&self) {
        self.mem_disk().iter().for_each(|disk| disk.set_listing(None));
    }

    pub fn sides(&self) -> (Side, Side) {
        (self.here.side(), self.there.side())
    }

    /// Runs the engine.
    pub fn run(&self, verb: Verb, trouble: Trouble) -> Ended {
        if self.settings.time_passes {
            self.standing.let_time_pass();
        }
        let died = Arc::new(Notify::new());
        let server = &self.there.0;
        match trouble {
            Trouble::None | Trouble::DiesAtStep(_) | Trouble::DiesAtWrite(_) | Trouble::DiskFails(_) => server.plan_nothing(),
            Trouble::DiesAtEffect(n) => server.plan(Point::Effect, n, Fault::Death(died.clone())),
            Trouble::AnswerLost(n) => server.plan(Point::Effect, n, Fault::After),
            Trouble::LostBeforeEffect(n) => server.plan(Point::Effect, n, Fault::Before),
            Trouble::LostBeforeRead(n) => server.plan(Point::Read, n, Fault::Before),
        }
        self.steps.store(0, SeqCst);
        let dead = Arc::new(AtomicBool::new(false));
        let hook = self.hook(trouble, died.clone(), dead.clone());
        self.watch_disk(trouble, dead.clone());
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| self.run_until(verb, hook, &died)));
        server.plan_nothing();
        server.freeze(false);
        self.standing.freeze(false);
        if let Standing::Memory { disk, .. } = &self.standing {
            disk.set_hook(None);
        }
        assert_eq!(server.violations(), Vec::<String>::new(), "asked for what the server cannot do");
        match ended {
            // It may have come to its end in the very moment in which it was killed.
            Ok(_) if dead.load(SeqCst) => Ended::Died,
            Ok(ended) => ended,
            Err(payload) if payload.is::<Killed>() => Ended::Died,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }

    /// Counts durable steps, and dies at the one that was asked for; and at all that threads come to, which do not know yet.
    fn hook(&self, trouble: Trouble, died: Arc<Notify>, dead: Arc<AtomicBool>) -> StepHook {
        let (steps, names, server, disk) = (self.steps.clone(), self.names.clone(), self.there.0.clone(), self.mem_disk());
        names.lock().unwrap().clear();
        Arc::new(move |name| {
            let n = steps.fetch_add(1, SeqCst) + 1;
            if !dead.load(SeqCst) {
                names.lock().unwrap().push(name);
            }
            if dead.load(SeqCst) || trouble == Trouble::DiesAtStep(n) {
                dead.store(true, SeqCst);
                server.freeze(true);
                disk.iter().for_each(|disk| disk.freeze(true));
                died.notify_one();
                std::panic::panic_any(Killed);
            }
        })
    }

    fn mem_disk(&self) -> Option<MemDisk> {
        if let Standing::Memory { disk, .. } = &self.standing { Some(disk.clone()) } else { None }
    }

    /// Counts changes of the disk, and dies at or fails the one that was asked for.
    fn watch_disk(&self, trouble: Trouble, dead: Arc<AtomicBool>) {
        self.writes.store(0, SeqCst);
        let Some(disk) = self.mem_disk() else { return };
        let (writes, names, server, frozen) = (self.writes.clone(), self.names.clone(), self.there.0.clone(), disk.clone());
        disk.set_hook(Some(Arc::new(move |name| {
            let n = writes.fetch_add(1, SeqCst) + 1;
            if trouble == Trouble::DiesAtWrite(n) {
                names.lock().unwrap().push(name);
                dead.store(true, SeqCst);
                server.freeze(true);
                frozen.freeze(true);
                std::panic::panic_any(Killed);
            }
            if trouble == Trouble::DiskFails(n) { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        })));
    }

    fn run_until(&self, verb: Verb, step: StepHook, died: &Notify) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = async {
                    died.notified().await;
                    // Whatever is dropped now was never tidied up.
                    self.standing.freeze(true);
                } => Ended::Died,
                report = self.engine(verb, step) => Ended::Done(report),
            }
        })
    }

    /// Of base names: the same in each repetition, another one in each run.
    fn seed(&self) -> [u8; 16] {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&RUNS.fetch_add(1, SeqCst).to_le_bytes());
        seed
    }

    async fn engine(&self, verb: Verb, step: StepHook) -> AccountReport {
        let Settings { caps, manners, .. } = self.settings;
        let backend = Arc::new(MemBackend { server: self.there.0.clone(), caps, manners, protocol: Protocol::Imap });
        let patience = Patience { most: Some(Duration::from_secs(20)), cancelled: &|| false };
        let opening = Opening {
            disk: self.standing.disk(),
            clock: self.standing.clock(),
            root: self.here.root.clone(),
            layout: Layout::Fs,
            states: self.standing.states(),
            host: "test".into(),
            seed: self.seed(),
            patience,
            step,
        };
        let store = if verb == Verb::DryRun { Store::rehearse(&opening) } else { Store::open(opening) };
        let store = match store {
            Ok(store) => Arc::new(store),
            Err(error) => return AccountReport { error: Some(error), ..AccountReport::new("test", Protocol::Imap) },
        };
        let ctx = ctx("secret", Duration::from_secs(20));
        let after_fetch = if verb == Verb::FetchAndDelete { AfterFetch::Delete } else { AfterFetch::Keep };
        let allow = self.settings.allow.as_ref().map(|pattern| Patterns::new(std::slice::from_ref(pattern)).unwrap());
        let folders = match verb {
            Verb::SyncOf(folder) => vec![Patterns::default(), Patterns::new(&[folder.into()]).unwrap()],
            _ => Vec::new(),
        };
        let pull = FetchOptions { folders, since: None, max_size: None, limit: None, after_fetch, allow_mass_delete: allow };
        let sessions = Sessions::new(backend, ctx.clone(), NonZeroU16::new(self.settings.connections).unwrap());
        if matches!(verb, Verb::Fetch | Verb::FetchAndDelete) {
            return fetch("test", sessions, store, ctx, &pull).await;
        }
        let options = SyncOptions { pull, expunge: self.settings.expunge, keep_deleted: Duration::from_hours(24 * 30) };
        sync("test", sessions, store, ctx, &options).await
    }
}

/// The failures of a report in words; empty = none.
pub fn failures(report: &AccountReport) -> Vec<String> {
    let mut all: Vec<String> = report.error.iter().map(ToString::to_string).collect();
    for folder in &report.folders {
        all.extend(folder.error.iter().map(|e| format!("{}: {e}", folder.folder)));
        all.extend(folder.failed.iter().map(|(id, why)| format!("{}: message {id}: {why}", folder.folder)));
    }
    all
}
