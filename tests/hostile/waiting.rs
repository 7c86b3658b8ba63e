//! IDLE on a server that does with it what it likes: `watch` neither spins nor gives up, and tells what a person should know, once.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::home::{Home, each};
use super::model::{Folder, MODERN, World, mail, message, text};
use super::peer::{Call, Peer, Step, send};
use super::support::maildir;
use super::support::watching::{Watch, until};

/// A server with a message, which does this with each IDLE, and a watch of it.
fn watched(more: &[&str], idle: impl Fn(&Call) -> Vec<Step> + Send + Sync + 'static) -> (Peer, Home, Watch) {
    let peer = Peer::start(World::inbox(1).caps(&format!("{MODERN} IDLE")));
    let (home, watch) = watch(&peer, "", more, move |call| (call.name == "IDLE").then(|| idle(call)));
    (peer, home, watch)
}

/// A watch of a server that answers this, with more lines in the account's table.
fn watch(peer: &Peer, lines: &str, more: &[&str], answer: impl Fn(&Call) -> Option<Vec<Step>> + Send + Sync + 'static) -> (Home, Watch) {
    let home = Home::with(peer, lines, "127.0.0.1");
    // Nothing is left to do, here or there.
    home.run(&["sync"]).is(0, &[]);
    peer.forget();
    peer.hook(move |call, _| answer(call));
    let watch = home.watch(more);
    until("the first IDLE", || peer.count("IDLE") > 0);
    (home, watch)
}

/// What a server does with an IDLE.
type Idle = Box<dyn Fn(&Call) -> Vec<Step> + Send + Sync>;

/// What a server does with whatever comes on a connection that it does not want.
type Refusal = fn(&Call) -> Option<Vec<Step>>;

/// What an honest server does: it stands until DONE.
fn stands(call: &Call) -> Vec<Step> {
    vec![send("+ idling\r\n"), Step::Read, send(format!("{} OK done\r\n", call.tag))]
}

/// The same, as if it were over a moment later.
fn ends(call: &Call, how: &str) -> Vec<Step> {
    let end = format!("{} {how}\r\n", call.tag).into_bytes();
    let length = end.len();
    vec![send("+ idling\r\n"), Step::Drip(end, length, Duration::from_millis(50))]
}

/// Milliseconds of processor time that it has had.
fn busy(watch: &Watch) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", watch.running.child.id())).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let ticks: u64 = after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    // As it is on every Linux: the kernel tells user space hundredths of a second.
    ticks * 10
}

/// Whatever it says to people.
fn says_nothing(watch: &Watch) {
    assert_eq!((watch.told("error"), watch.told("note"), watch.told("again")), (0, 0, 0), "{}", watch.says());
}

#[track_caller]
fn ends_soon(watch: Watch, code: i32) {
    let begun = Instant::now();
    watch.end(code);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Slow: another IDLE is begun five seconds after the last. (And the last DONE crosses the end, as a command that nobody knows.)
#[test]
fn an_idle_that_the_server_ends_each_time_is_begun_again_and_misses_nothing() {
    let exists = Arc::new(AtomicUsize::new(1));
    let told = exists.clone();
    let (peer, home, watch) = watched(&[], move |call| {
        // What happened while nobody listened is told when somebody does.
        let news = send(format!("* {} EXISTS\r\n", told.load(SeqCst)));
        [vec![news], ends(call, "OK that was long enough")].concat()
    });
    watch.settle();
    let (runs, idles, work) = (watch.runs(), peer.count("IDLE"), busy(&watch));
    sleep(Duration::from_secs(12));
    assert_eq!((watch.runs(), peer.connections()), (runs, 1), "{}", watch.says());
    let again = peer.count("IDLE") - idles;
    assert!((2..=3).contains(&again), "{again} in 12 s");
    assert!(busy(&watch) - work < 300, "{} ms", busy(&watch) - work);
    peer.change(|w| w.folder("INBOX").messages.push(message(2, text("mail", 2))));
    exists.store(2, SeqCst);
    let took = until("the new message", || maildir::read(&home.root).len() == 2);
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(peer.connections(), 1, "{}", watch.says());
    says_nothing(&watch);
    ends_soon(watch, 0);
}

#[test]
fn a_server_that_refuses_idle_is_polled_and_asked_no_more() {
    let before = |how: &'static str| move |call: &Call| vec![send(format!("{} {how}\r\n", call.tag))];
    let after = |how: &'static str| move |call: &Call| ends(call, how);
    let cases: [Idle; 5] = [
        Box::new(before("NO not today")),
        Box::new(before("BAD unknown command")),
        Box::new(before("OK done already")),
        Box::new(after("NO enough")),
        Box::new(after("BAD I changed my mind")),
    ];
    each(cases, |idle| {
        let (peer, _home, watch) = watched(&[], idle);
        until("the goodbye", || peer.count("LOGOUT") == 1);
        sleep(Duration::from_secs(4));
        assert_eq!((peer.count("IDLE"), peer.connections(), watch.runs()), (1, 1, 1), "{}", watch.says());
        says_nothing(&watch);
        ends_soon(watch, 0);
    });
}

/// How a connection is lost while it idles.
fn losses() -> [Vec<Step>; 3] {
    [vec![send("* BYE you have idled enough\r\n"), Step::CloseNotify], vec![Step::CloseNotify], vec![Step::Cut]]
}

#[test]
fn a_line_that_is_lost_while_it_idles_stands_again_and_nobody_is_told() {
    each(losses(), |loss| {
        let (peer, home, watch) =
            watched(&[], move |call| if call.conn <= 2 { [vec![send("+ idling\r\n")], loss.clone()].concat() } else { stands(call) });
        until("the third line", || peer.connections() == 3);
        until("its IDLE", || peer.count("IDLE") == 3);
        peer.change(|w| w.folder("INBOX").messages.push(message(2, text("mail", 2))));
        sleep(Duration::from_secs(3));
        // Nobody has told of the message, and nobody asks: it is the IDLE that counts.
        assert_eq!((peer.connections(), peer.count("IDLE"), maildir::read(&home.root).len()), (3, 3, 1), "{}", watch.says());
        says_nothing(&watch);
        ends_soon(watch, 0);
    });
}

/// Slow: the pauses grow.
#[test]
fn a_line_that_is_lost_each_time_it_idles_is_told_of_once_and_tried_less_and_less_often() {
    each(losses(), |loss| {
        let (peer, _home, watch) = watched(&[], move |_| [vec![send("+ idling\r\n")], loss.clone()].concat());
        until("the trouble", || watch.told("error") == 1);
        let work = busy(&watch);
        sleep(Duration::from_secs(10));
        assert!((4..=7).contains(&peer.connections()), "{} connections: {}", peer.connections(), watch.says());
        assert_eq!(watch.told("error"), 1, "{}", watch.says());
        assert!(busy(&watch) - work < 300, "{} ms", busy(&watch) - work);
        ends_soon(watch, 0);
    });
}

#[test]
fn an_idle_that_is_not_answered_costs_the_line_and_not_the_watch() {
    let (peer, _home, watch) = watched(&["--timeout", "1"], |call| if call.conn == 1 { Vec::new() } else { stands(call) });
    until("another line", || peer.count("IDLE") == 2);
    sleep(Duration::from_secs(2));
    assert_eq!((peer.connections(), peer.count("IDLE")), (2, 2), "{}", watch.says());
    says_nothing(&watch);
    ends_soon(watch, 0);
}

/// Slow: it takes a while until talk is known to be without end. A server that does not even hear DONE costs its line.
#[test]
fn talk_without_end_keeps_nobody_busy() {
    let talk = ["* OK still here\r\n", "* 1 EXISTS\r\n", "* 0 RECENT\r\n", "* CAPABILITY IMAP4rev1 IDLE\r\n"];
    each(talk, |line| {
        let (peer, home, watch) = watched(&[], move |_| vec![send("+ idling\r\n"), Step::Repeat(line.as_bytes().to_vec(), usize::MAX)]);
        // The first is ended by the first look at what is here, which finds nothing.
        until("the second line", || peer.count("IDLE") == 2);
        let (runs, work) = (watch.runs(), busy(&watch));
        sleep(Duration::from_secs(6));
        let work = busy(&watch) - work;
        assert!(work < 300, "{work} ms in 6 s: {line}");
        assert_eq!((watch.runs(), peer.connections(), peer.count("IDLE")), (runs, 2, 2), "{}", watch.says());
        std::fs::write(home.root.join("INBOX/new/1.x.y"), "From: me@example.org\nSubject: hello\n\nHello.\n").unwrap();
        let took = until("what is new here, there", || peer.world().folder("INBOX").messages.len() == 2);
        assert!(took < Duration::from_secs(6), "{took:?}");
        says_nothing(&watch);
        ends_soon(watch, 0);
    });
}

/// Slow: the pauses grow. One that calls it a wrong password is asked once more, and then left alone.
#[test]
fn a_server_that_takes_no_second_connection_is_told_of_once_and_keeps_its_first() {
    let cases: [(Refusal, RangeInclusive<usize>); 3] = [
        (|call| (call.name == "GREETING").then(|| vec![send("* BYE too many connections\r\n"), Step::CloseNotify]), 4..=7),
        (|call| (call.name == "AUTHENTICATE").then(|| vec![send(format!("{} NO [LIMIT] too many connections\r\n", call.tag))]), 4..=7),
        (|call| (call.name == "AUTHENTICATE").then(|| vec![send(format!("{} NO too many connections\r\n", call.tag))]), 3..=3),
    ];
    each(cases, |(refuses, connections)| {
        let folders = ["INBOX", "Lists"].map(|name| Folder::new(name, mail(1))).into();
        let peer = Peer::start(World::new(folders).caps(&format!("{MODERN} IDLE")));
        let (_home, watch) = watch(&peer, "idle = [\"*\"]", &[], move |call| match call.name.as_str() {
            "IDLE" => Some(stands(call)),
            _ if call.conn > 1 => refuses(call),
            _ => None,
        });
        until("the note", || watch.told("a chosen folder cannot be listened to, and is polled meanwhile") == 1);
        sleep(Duration::from_secs(8));
        assert!(connections.contains(&peer.connections()), "{} connections: {}", peer.connections(), watch.says());
        assert_eq!(
            (watch.told("polled meanwhile"), watch.told("error"), watch.told("too many connections")),
            (1, 0, 1),
            "{}",
            watch.says()
        );
        assert!(watch.runs() <= 2, "{} runs: {}", watch.runs(), watch.says());
        ends_soon(watch, 0);
    });
}
