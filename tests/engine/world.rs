//! A server in memory, a Maildir in memory, and a run of the engine between them that can be killed.

use std::num::NonZeroU16;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mailx::backend::Ctx;
use mailx::engine::fetch::{FetchOptions, Sessions, fetch};
use mailx::engine::select::Patterns;
use mailx::engine::sync::{SyncOptions, sync};
use mailx::model::event::Silent;
use mailx::model::report::AccountReport;
use mailx::model::{AfterFetch, Caps, Credentials, Expunge, Protocol, Result, Secret, SecretKind};
use mailx::net::Meter;
use mailx::store::lock::Patience;
use mailx::store::maildir::layout::Layout;
use mailx::store::root::control_path;
use mailx::store::state::{Opener, SqliteOpener};
use mailx::store::{Opening, StepHook, Store};
use mailx::testing::mem::{Fault, Manners, MemBackend, MemServer, Point};
use mailx::testing::state::MemOpener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

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
    /// What the state is kept in.
    pub state: Keeping,
}

/// What a state is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    Memory,
    Sqlite,
}

/// The verb of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Sync,
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
    states: States,
    steps: Arc<AtomicU64>,
    names: Arc<Mutex<Vec<&'static str>>>,
    _tmp: tempfile::TempDir,
}

/// The states of a world.
#[derive(Clone)]
enum States {
    Memory(MemOpener),
    Sqlite,
}

impl States {
    fn opener(&self) -> Arc<dyn Opener> {
        match self {
            Self::Memory(opener) => Arc::new(opener.clone()),
            Self::Sqlite => Arc::new(SqliteOpener),
        }
    }
}

struct Known;

#[async_trait]
impl Credentials for Known {
    async fn secret(&self) -> Result<Secret> {
        Ok(Secret { kind: SecretKind::Password, text: "secret".into() })
    }
}

impl World {
    /// A server with these folders and messages, and no Maildir yet.
    pub fn new(there: &Side, settings: Settings) -> Self {
        quiet_panics();
        let memory = Path::new("/dev/shm");
        let tmp = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
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
        let states = match settings.state {
            Keeping::Memory => States::Memory(MemOpener::default()),
            Keeping::Sqlite => States::Sqlite,
        };
        let here = Here(tmp.path().join("mail"));
        Self { here, there: there_now, settings, states, steps: Arc::default(), names: Arc::default(), _tmp: tmp }
    }

    /// The state is lost, and whatever else lies beside it.
    pub fn lose_state(&self) {
        self.here.lose_state();
        if let States::Memory(opener) = &self.states {
            opener.lose(&control_path(&self.here.0, Layout::Fs));
        }
    }

    /// Durable steps of the last run.
    pub fn steps(&self) -> u64 {
        self.steps.load(SeqCst)
    }

    /// The name of the last durable step.
    pub fn last_step(&self) -> &'static str {
        self.names.lock().unwrap().last().copied().unwrap_or_default()
    }

    pub fn sides(&self) -> (Side, Side) {
        (self.here.side(), self.there.side())
    }

    /// Runs the engine.
    pub fn run(&self, verb: Verb, trouble: Trouble) -> Ended {
        if self.settings.time_passes {
            self.here.let_time_pass();
        }
        let died = Arc::new(Notify::new());
        let server = &self.there.0;
        match trouble {
            Trouble::None | Trouble::DiesAtStep(_) => server.plan_nothing(),
            Trouble::DiesAtEffect(n) => server.plan(Point::Effect, n, Fault::Death(died.clone())),
            Trouble::AnswerLost(n) => server.plan(Point::Effect, n, Fault::After),
            Trouble::LostBeforeEffect(n) => server.plan(Point::Effect, n, Fault::Before),
            Trouble::LostBeforeRead(n) => server.plan(Point::Read, n, Fault::Before),
        }
        self.steps.store(0, SeqCst);
        let dead = Arc::new(AtomicBool::new(false));
        let hook = self.hook(trouble, died.clone(), dead.clone());
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| self.run_until(verb, hook, &died)));
        server.plan_nothing();
        server.freeze(false);
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
        let (steps, names, server) = (self.steps.clone(), self.names.clone(), self.there.0.clone());
        names.lock().unwrap().clear();
        Arc::new(move |name| {
            let n = steps.fetch_add(1, SeqCst) + 1;
            if !dead.load(SeqCst) {
                names.lock().unwrap().push(name);
            }
            if dead.load(SeqCst) || trouble == Trouble::DiesAtStep(n) {
                dead.store(true, SeqCst);
                server.freeze(true);
                died.notify_one();
                std::panic::panic_any(Killed);
            }
        })
    }

    fn run_until(&self, verb: Verb, step: StepHook, died: &Notify) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = died.notified() => Ended::Died,
                report = self.engine(verb, step) => Ended::Done(report),
            }
        })
    }

    async fn engine(&self, verb: Verb, step: StepHook) -> AccountReport {
        let Settings { caps, manners, .. } = self.settings;
        let backend = Arc::new(MemBackend { server: self.there.0.clone(), caps, manners, protocol: Protocol::Imap });
        let patience = Patience { most: Some(Duration::from_secs(20)), cancelled: &|| false };
        let (root, states) = (self.here.0.clone(), self.states.opener());
        let opening = Opening { root, layout: Layout::Fs, states, host: "test".into(), patience, step };
        let store = if verb == Verb::DryRun { Store::rehearse(&opening) } else { Store::open(opening) };
        let store = Arc::new(store.expect("the store opens"));
        let ctx = Ctx {
            cancel: CancellationToken::new(),
            credentials: Arc::new(Known),
            observer: Arc::new(Silent),
            meter: Arc::new(Meter::default()),
            silence: Duration::from_secs(20),
            disable: Arc::new([]),
            memory: Arc::new(mailx::backend::memory::Ram::default()),
            rehearsal: false,
        };
        let after_fetch = if verb == Verb::FetchAndDelete { AfterFetch::Delete } else { AfterFetch::Keep };
        let allow = self.settings.allow.as_ref().map(|pattern| Patterns::new(std::slice::from_ref(pattern)).unwrap());
        let pull = FetchOptions { folders: Vec::new(), since: None, max_size: None, limit: None, after_fetch, allow_mass_delete: allow };
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
