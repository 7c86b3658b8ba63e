//! A long time of a watch in a minute: mail comes and goes, lines are cut or fall silent, runs follow each other by the second. Nothing adds up, and in
//! the end every message is here once. `benches/watch.py --soak` does the same for as long as one likes.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::proxy::Proxy;
use crate::support::{Server, World, dovecot};
use crate::{Watch, count, until};

/// So long until everything has been used that is used again and again.
const WARM_UP: Duration = Duration::from_secs(12);
/// The whole of it.
const SOAK: Duration = Duration::from_secs(44);
/// Long enough to see the process at rest, however busy it is.
const LOOK: Duration = Duration::from_secs(4);
/// What Dovecot announces here, NOTIFY left out.
const WITHOUT_NOTIFY: &str =
    "IMAP4rev1 LITERAL+ ENABLE IDLE UNSELECT UIDPLUS MOVE MULTIAPPEND ESEARCH CONDSTORE QRESYNC LIST-EXTENDED LIST-STATUS";
/// Messages that come at once.
const EACH: usize = 2;

/// An account behind a proxy, and how many messages it has.
struct Side {
    w: World,
    proxy: Proxy,
    messages: usize,
}

impl Side {
    fn of(server: &'static Server, prefix: &str) -> Self {
        Self { w: World::new(server, prefix), proxy: Proxy::to(server.port("IMAPS_PORT")), messages: 0 }
    }

    fn account(&self, name: &str) -> String {
        let receive = format!("receive = \"imaps://{}@127.0.0.1:{}\"", self.w.user, self.proxy.port);
        self.w.account(name, &self.w.user, &self.w.root, &receive)
    }

    fn deliver(&mut self, name: &str) {
        self.w.server.generate(&self.w.user, "INBOX", EACH, name);
        self.messages += EACH;
    }

    fn all_here(&self) {
        until("the messages", || count(&self.w) == self.messages);
    }

    /// One round: mail that is pushed, mail that comes while there is no line, one message less, one that was read.
    fn round(&mut self, n: usize) {
        self.deliver(&format!("pushed{n}"));
        if n % 4 == 1 {
            // Dovecot tells of it after half a second: the run that follows loses its line here or there.
            std::thread::sleep(Duration::from_millis(500 + n as u64 * 11 % 90));
            self.proxy.reset();
        }
        self.all_here();
        if n % 6 == 5 {
            self.proxy.silence();
        } else {
            self.proxy.reset();
        }
        self.deliver(&format!("cut{n}"));
        // UIDs count up from one; each round leaves more than it takes.
        self.w.server.expunge(&self.w.user, "INBOX", &(n + 1).to_string());
        self.messages -= 1;
        self.all_here();
        if let Some(mail) = self.w.mail().iter().find(|mail| mail.place == "new") {
            // A run that deletes it may be faster.
            let _ = fs::rename(&mail.path, self.w.root.join("INBOX/cur").join(format!("{}:2,S", mail.base)));
        }
    }
}

/// What a process holds, by kind; memory in KiB.
type Held = BTreeMap<&'static str, u64>;

fn held(pid: u32) -> Held {
    let mut held = Held::from(["sockets", "inotify", "files", "others", "threads", "memory"].map(|kind| (kind, 0)));
    for fd in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let Ok(to) = fs::read_link(fd.path()) else { continue };
        let kind = match to.to_str().unwrap_or_default() {
            to if to.starts_with("socket:") => "sockets",
            to if to.contains("inotify") => "inotify",
            to if to.starts_with('/') => "files",
            _ => "others",
        };
        *held.get_mut(kind).unwrap() += 1;
    }
    for line in fs::read_to_string(format!("/proc/{pid}/status")).unwrap().lines() {
        let number = || line.split_whitespace().nth(1).unwrap().parse().unwrap();
        match line.split(':').next() {
            Some("Threads") => drop(held.insert("threads", number())),
            Some("VmRSS") => drop(held.insert("memory", number())),
            _ => {}
        }
    }
    held
}

/// What it holds at least and at most while one looks.
fn look(pid: u32) -> (Held, Held) {
    let (mut least, mut most) = (held(pid), held(pid));
    let begun = Instant::now();
    while begun.elapsed() < LOOK {
        std::thread::sleep(Duration::from_millis(20));
        for (kind, n) in held(pid) {
            least.entry(kind).and_modify(|least| *least = n.min(*least));
            most.entry(kind).and_modify(|most| *most = n.max(*most));
        }
    }
    (least, most)
}

/// Slow: what leaks a little at a time shows after many times.
#[test]
fn nothing_adds_up_while_mail_comes_and_lines_are_cut() {
    let (Some(server), Some(idle)) = (dovecot(), Server::start(&[("IMAP_CAPABILITY", WITHOUT_NOTIFY)])) else { return };
    let mut sides = [Side::of(server, "soak"), Side::of(Box::leak(Box::new(idle)), "soak")];
    let config = [sides[0].account("notify"), sides[1].account("idle")].concat();
    sides[0].w.write_config(&config);
    let watch = Watch::start(&sides[0].w, &["--timeout", "2s", "--poll", "2s"]);
    let pid = watch.running.child.id();
    let begun = Instant::now();
    let (mut n, mut before) = (0, None);
    while begun.elapsed() < SOAK {
        std::thread::scope(|scope| {
            for side in &mut sides {
                scope.spawn(move || side.round(n));
            }
        });
        n += 1;
        if before.is_none() && begun.elapsed() > WARM_UP {
            before = Some((n, look(pid).1));
        }
    }
    let ((warm, before), after) = (before.unwrap(), look(pid).0);
    let lines = sides.each_ref().map(|side| side.proxy.count());
    println!("{warm} rounds, then {before:?}; {n} rounds, then {after:?}; lines: {lines:?}; runs: {}", watch.runs());
    assert!(n - warm >= 6, "{n} rounds show nothing");
    for (kind, before) in &before {
        let most = match *kind {
            "memory" => before + before / 10,
            // Those that wait for work end after ten seconds without any, and have some: there are as many as were ever needed at once.
            "threads" => before + 8,
            _ => *before,
        };
        assert!(after[kind] <= most, "{kind}: {before} after {warm} rounds, {} after {n}: {after:?}", after[kind]);
    }
    for side in &sides {
        side.all_here();
        side.w.assert_same_as_server();
        // Those that are silent end with the rest.
        side.proxy.reset();
        until("one line", || side.proxy.open() == 1);
    }
    watch.end(0);
}
