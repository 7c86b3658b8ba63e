//! `watch` on a server and a Maildir in memory, in paused time: a day passes in a moment.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mailx::backend::{Backend, Ctx, Session};
use mailx::engine::fetch::{FetchOptions, Seat, Sessions};
use mailx::engine::select::Patterns;
use mailx::engine::sync::{SyncOptions, sync};
use mailx::engine::watch::{Bells, Ended, Round, Settings, Told, Work, notice_sleep, places, watch};
use mailx::model::caps::Push;
use mailx::model::{AfterFetch, Caps, Class, Error, Expunge, Protocol, Result};
use mailx::store::clock::Clock;
use mailx::store::lock::Patience;
use mailx::store::maildir::layout::Layout;
use mailx::store::{Opening, Store};
use mailx::testing::ctx;
use mailx::testing::disk::MemDisk;
use mailx::testing::mem::{Fault, Manners, MemBackend, MemServer, Point, everything};
use mailx::testing::state::MemOpener;
use tokio::sync::watch::Sender;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::here::Here;
use crate::mail::{Mail, wire};

pub const HOUR: Duration = Duration::from_hours(1);

/// A clock that goes with tokio's, and jumps when told to.
#[derive(Debug, Clone)]
pub struct PausedClock(Instant, pub Arc<AtomicU64>);

impl Clock for PausedClock {
    fn wall(&self) -> Duration {
        Duration::from_secs(1_735_689_600 + self.1.load(SeqCst)) + self.steady()
    }

    fn steady(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, _: Duration) {}
}

/// An account: what a watch works on, and what it has told.
pub struct Account {
    pub server: MemServer,
    backend: Arc<MemBackend>,
    disk: MemDisk,
    states: MemOpener,
    pub clock: PausedClock,
    pub cancel: CancellationToken,
    runs: AtomicU64,
    renewals: AtomicU64,
    told: Mutex<Vec<String>>,
    idle: Patterns,
    /// Sessions beside that of the runs: those that were asked for, and whether they are let in.
    pub connects: AtomicU64,
    pub lets_in: AtomicBool,
}

impl Account {
    fn ctx(&self) -> Ctx {
        Ctx { cancel: self.cancel.clone(), ..ctx("secret", Duration::from_secs(60)) }
    }
}

#[async_trait]
impl Work for Account {
    async fn run(&self, seat: &Seat) -> Round {
        let runs = self.runs.fetch_add(1, SeqCst);
        let mut seed = [7; 16];
        seed[..8].copy_from_slice(&runs.to_le_bytes());
        let opening = Opening {
            disk: Arc::new(self.disk.clone()),
            clock: Arc::new(self.clock.clone()),
            root: "/home/mail".into(),
            layout: Layout::Fs,
            states: Arc::new(self.states.clone()),
            host: "test".into(),
            seed,
            patience: Patience { most: None, cancelled: &|| false },
            step: Arc::new(|_| {}),
        };
        let store = Arc::new(Store::open(opening).unwrap());
        let ctx = self.ctx();
        let pull = FetchOptions {
            folders: Vec::new(),
            since: None,
            max_size: None,
            limit: None,
            after_fetch: AfterFetch::Keep,
            allow_mass_delete: None,
        };
        let options = SyncOptions { pull, expunge: Expunge::Now, keep_deleted: HOUR };
        let sessions = Sessions::new(self.backend.clone(), ctx.clone(), self.backend.caps.sessions).keeping(seat);
        let report = sync("test", sessions, store.clone(), ctx, &options).await;
        let at = places(&store, &[], &self.idle, &report).await.unwrap();
        Round { report, at, unsent: None, due: None }
    }

    async fn connect(&self) -> Result<Box<dyn Session>> {
        self.connects.fetch_add(1, SeqCst);
        if !self.lets_in.load(SeqCst) {
            return Err(Error::new(Class::Temporary, "log in", "too many connections"));
        }
        self.backend.open(&self.ctx()).await
    }

    fn renew(&self, _: bool) {
        self.renewals.fetch_add(1, SeqCst);
    }

    fn tell(&self, told: Told<'_>) {
        let words = match told {
            Told::Round(_) => return,
            Told::Trouble(report) => format!("trouble: {}", crate::world::failures(report).join("; ")),
            Told::Over => "over".into(),
            Told::Note(text) => format!("note: {text}"),
        };
        self.told.lock().unwrap().push(words);
    }
}

/// A watch that goes on.
pub struct Watching {
    pub account: Arc<Account>,
    pub here: Here,
    bell: Sender<u64>,
    task: tokio::task::JoinHandle<Ended>,
    clocks: tokio::task::JoinHandle<()>,
}

impl Watching {
    fn start(push: Push, settings: Settings) -> Self {
        Self::of(MemServer::with(&[("Archive", None)]), Caps { push, ..everything() }, &["INBOX"], settings)
    }

    /// The same with this server, and these folders chosen.
    pub fn of(server: MemServer, caps: Caps, idle: &[&str], settings: Settings) -> Self {
        let idle: Vec<String> = idle.iter().map(ToString::to_string).collect();
        let clock = PausedClock(Instant::now(), Arc::default());
        let disk = MemDisk::new(Arc::new(clock.clone()));
        let backend = MemBackend { server: server.clone(), caps, manners: Manners::default(), protocol: Protocol::Imap };
        let account = Arc::new(Account {
            server,
            backend: Arc::new(backend),
            disk: disk.clone(),
            states: MemOpener::default(),
            clock: clock.clone(),
            cancel: CancellationToken::new(),
            runs: AtomicU64::new(0),
            renewals: AtomicU64::new(0),
            told: Mutex::default(),
            idle: Patterns::new(&idle).unwrap(),
            connects: AtomicU64::new(0),
            lets_in: AtomicBool::new(true),
        });
        let (bell, here) = tokio::sync::watch::channel(0);
        let (slept, sleeps) = tokio::sync::watch::channel(0);
        let bells = Bells { cancel: account.cancel.clone(), here, slept: sleeps };
        let work = account.clone();
        let task = tokio::spawn(watch(work, settings, bells));
        let clocks = tokio::spawn(notice_sleep(Arc::new(clock), slept));
        let here = Here { disk: Arc::new(disk), root: "/home/mail".into(), syncs: true };
        Self { account, here, bell, task, clocks }
    }

    fn ring(&self) {
        self.bell.send_modify(|count| *count += 1);
    }

    pub fn deliver(&self, folder: &str, label: &str) {
        self.account.server.deliver(folder, &wire(label), Mail::parse(label).state(), 1_500_000_000);
    }

    pub fn runs(&self) -> u64 {
        self.account.runs.load(SeqCst)
    }

    pub fn told(&self) -> Vec<String> {
        self.account.told.lock().unwrap().clone()
    }

    pub async fn end(self) -> Ended {
        self.account.cancel.cancel();
        self.clocks.abort();
        let ended = self.task.await.unwrap();
        assert_eq!(Arc::strong_count(&self.account), 1, "nothing outlives a watch");
        assert_eq!(self.account.server.violations(), Vec::<String>::new());
        ended
    }
}

fn all() -> Push {
    Push::Folders { most: NonZeroU16::MAX }
}

pub fn settings() -> Settings {
    Settings { poll: None, once: false, chance: || 0.5 }
}

#[tokio::test(start_paused = true)]
async fn news_there_comes_at_once_and_costs_no_login() {
    let w = Watching::start(all(), settings());
    sleep(Duration::from_secs(60)).await;
    for n in 0..50 {
        let label = format!("m{n}");
        w.deliver(if n % 2 == 0 { "INBOX" } else { "Archive" }, &label);
        sleep(Duration::from_secs(1)).await;
        assert!(w.here.side().to_string().contains(&label), "{label} within a second");
        sleep(Duration::from_secs(59)).await;
    }
    assert_eq!((w.account.server.sessions(), w.told()), (1, vec![]));
    assert!(w.runs() <= 50 + 5, "{} runs: one for each message, and those that look in any case", w.runs());
    assert!(w.end().await.standing.is_none());
}

#[tokio::test(start_paused = true)]
async fn changes_here_go_there_at_once() {
    let w = Watching::start(all(), settings());
    w.deliver("INBOX", "a");
    sleep(Duration::from_secs(60)).await;
    w.here.flag("INBOX", &Mail::parse("a:S"));
    w.ring();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(w.account.server.letters("INBOX")[0].flags, Mail::parse("a:S").state());
    // A reader that renames without end is one change each time, and not one run each time.
    let before = w.runs();
    for _ in 0..1000 {
        w.ring();
        sleep(Duration::from_millis(20)).await;
    }
    assert!(w.runs() - before < 12, "{} runs in 20 s", w.runs() - before);
    assert_eq!(w.account.server.sessions(), 1);
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_folder_is_pushed_and_the_others_are_looked_at() {
    let w = Watching::start(Push::OneFolder, settings());
    sleep(Duration::from_secs(60)).await;
    w.deliver("INBOX", "a");
    sleep(Duration::from_secs(1)).await;
    assert!(w.here.side().to_string().contains('a'));
    w.deliver("Archive", "b");
    sleep(Duration::from_secs(370)).await;
    assert_eq!(w.here.side().to_string().matches('b').count(), 1);
    assert_eq!(w.account.server.sessions(), 1);
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_push_is_not_asked_more_often_than_it_bears() {
    let w = Watching::start(Push::Poll { at_least: 900 }, Settings { poll: Some(Duration::from_secs(60)), ..settings() });
    sleep(Duration::from_secs(10)).await;
    // Somebody works here all day long.
    for _ in 0..24 * 60 {
        w.ring();
        sleep(Duration::from_secs(60)).await;
    }
    assert!((90..=97).contains(&w.runs()), "{} runs in a day", w.runs());
    assert_eq!(w.account.server.sessions(), w.runs(), "it has a session only while it works");
    w.deliver("INBOX", "a");
    sleep(Duration::from_secs(1000)).await;
    assert!(w.here.side().to_string().contains('a'));
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_day_of_quiet_costs_little_and_a_line_that_is_lost_stands_again_within_seconds() {
    let w = Watching::start(all(), settings());
    for hour in 0..24 {
        sleep(HOUR / 2).await;
        if hour % 6 == 5 {
            // The next wait meets a dead line.
            w.account.server.plan(Point::Wait, 1, Fault::Before);
            w.deliver("INBOX", &format!("x{hour}"));
        }
        sleep(HOUR / 2 - Duration::from_secs(10)).await;
        w.deliver("INBOX", &format!("h{hour}"));
        sleep(Duration::from_secs(10)).await;
        assert!(w.here.side().to_string().contains(&format!("h{hour}")), "in the {hour}th hour");
    }
    assert_eq!(w.account.server.sessions(), 5, "four lines were lost");
    assert!(w.runs() < 24 * 4 + 24 + 20, "{} runs", w.runs());
    assert_eq!(w.told(), Vec::<String>::new(), "what was over in a second is nobody's trouble");
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_talks_without_end_is_told_of_once_and_looked_at_rarely() {
    let w = Watching::start(all(), settings());
    w.account.server.talk(true);
    sleep(24 * HOUR).await;
    assert!(w.runs() < 320, "{} runs in a day", w.runs());
    assert_eq!(w.told().len(), 1, "{:?}", w.told());
    assert!(w.told()[0].contains("again and again"));
    // It still brings what there is.
    w.deliver("INBOX", "a");
    sleep(HOUR / 4).await;
    assert!(w.here.side().to_string().contains('a'));
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_password_that_stops_working_at_night_is_told_once_and_tried_rarely() {
    let w = Watching::start(all(), settings());
    sleep(HOUR).await;
    w.account.server.refuse(Some(Class::Auth));
    w.account.server.plan(Point::Wait, 1, Fault::Before);
    w.deliver("INBOX", "a");
    let before = w.runs();
    sleep(8 * HOUR).await;
    assert!(w.runs() - before <= 9, "{} tries in a night", w.runs() - before);
    assert_eq!(w.told().len(), 1, "{:?}", w.told());
    assert!(w.told()[0].contains("auth"));
    w.account.server.refuse(None);
    sleep(4 * HOUR).await;
    assert_eq!(w.told().last().unwrap(), "over");
    assert!(w.here.side().to_string().contains('a'));
    assert!(w.end().await.standing.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_is_told_once_and_what_stands_at_the_end_is_known() {
    let w = Watching::start(all(), settings());
    sleep(HOUR).await;
    w.account.server.refuse(Some(Class::Unavailable));
    w.account.server.plan(Point::Wait, 1, Fault::Before);
    w.deliver("INBOX", "a");
    let before = w.runs();
    sleep(2 * HOUR).await;
    assert!((20..45).contains(&(w.runs() - before)), "{} tries in two hours", w.runs() - before);
    assert_eq!(w.told().len(), 1, "{:?}", w.told());
    let ended = w.end().await;
    assert_eq!(ended.standing.unwrap().error.unwrap().class, Class::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_of_the_machine_there_is_a_new_line_at_once() {
    let w = Watching::start(all(), settings());
    sleep(HOUR).await;
    w.account.clock.1.fetch_add(8 * 3600, SeqCst);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(w.account.server.sessions(), 2);
    // Also out of a long pause.
    w.account.server.refuse(Some(Class::Auth));
    w.account.clock.1.fetch_add(3600, SeqCst);
    sleep(HOUR).await;
    w.account.server.refuse(None);
    w.account.clock.1.fetch_add(3600, SeqCst);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(w.account.server.sessions(), 3);
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_never_holds_is_told_of() {
    let w = Watching::start(all(), settings());
    w.account.server.hang_up(true);
    sleep(2 * HOUR).await;
    assert!(w.runs() < 45, "{} runs", w.runs());
    assert_eq!(w.told().len(), 1, "{:?}", w.told());
    assert!(w.told()[0].contains("the connection was lost"));
    w.account.server.hang_up(false);
    sleep(HOUR).await;
    assert_eq!(w.told().last().unwrap(), "over");
    w.end().await;
}

#[tokio::test(start_paused = true)]
async fn once_ends_after_the_first_change() {
    let w = Watching::start(all(), Settings { once: true, ..settings() });
    sleep(3 * HOUR).await;
    assert!(!w.task.is_finished());
    w.deliver("Archive", "a");
    sleep(Duration::from_secs(2)).await;
    assert!(w.task.is_finished());
    assert!(w.here.side().to_string().contains('a'));
    let ended = w.end().await;
    assert!(ended.once && ended.standing.is_none());
}
