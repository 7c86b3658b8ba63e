//! Rows 50 and 51: COMPRESS, on a line slow enough for it.

use std::time::Duration;

use super::bodies::bytes;
use super::home::{Home, each};
use super::model::{Folder, MODERN, World, message};
use super::peer::{Call, Peer, Step, send};

#[test]
fn row_50_a_compress_bomb_ends_at_the_usual_limits() {
    // After COMPRESS: a line without end, 256 MB that deflate to almost nothing.
    slow_then(
        |call, _| vec![send(format!("* 1 FETCH (UID {} ", call.uids(500)[0])), Step::Repeat(vec![b'A'; 1 << 16], 4096)],
        76,
        "too long",
    );
}

#[test]
fn row_51_compressed_garbage_and_truncation_deliver_nothing_half() {
    slow_then(|_, _| vec![Step::Raw(vec![0xff; 4000])], 76, "damaged");
    slow_then(
        |_, honest| {
            let all = bytes(honest);
            vec![Step::Send(all[..all.len() / 2].to_vec()), Step::Cut]
        },
        75,
        "the connection",
    );
}

/// A line slow enough for COMPRESS; every answer about bodies after it is `evil`'s.
#[track_caller]
fn slow_then(evil: impl Fn(&Call, &mut dyn FnMut() -> Vec<Step>) -> Vec<Step> + Send + Sync + 'static, code: i32, word: &str) {
    let body = |n: u32| format!("Subject: {n}\r\n\r\n{}", "0123456789abcdef0123456789ABCDEF\r\n".repeat(1800 + n as usize));
    let messages: Vec<_> = (1..=80).map(|n| message(n, body(n))).collect();
    let peer = Peer::start(World::new(vec![Folder::new("INBOX", messages)]).caps(&format!("{MODERN} COMPRESS=DEFLATE")));
    let home = Home::new(&peer);
    let compressed = std::sync::Mutex::new(std::collections::HashSet::new());
    peer.hook(move |call, honest| {
        if call.name == "COMPRESS" {
            compressed.lock().unwrap().insert(call.conn);
        }
        if !call.wants_bodies() {
            return None;
        }
        if compressed.lock().unwrap().contains(&call.conn) {
            return Some(evil(call, honest));
        }
        Some(vec![Step::Drip(bytes(honest), 64 << 10, Duration::from_millis(20))])
    });
    // What it lost comes over the next connection; -v tells of it.
    let run = home.run(&["fetch", "-v", "--timeout", "1"]);
    assert!(peer.count("COMPRESS") > 0, "COMPRESS was not used: {run:?}");
    assert!([0, 1, code].contains(&run.code), "{run:?}");
    run.is(run.code, &[word]);
    assert!(run.peak < 45 << 10, "{} KiB", run.peak);
    home.converges(&peer);
}

#[test]
fn compress_on_a_slow_line_is_used_and_true() {
    let body = |n: u32| format!("Subject: {n}\r\n\r\n{}", "0123456789abcdef0123456789ABCDEF\r\n".repeat(1800 + n as usize));
    let messages: Vec<_> = (1..=80).map(|n| message(n, body(n))).collect();
    each([false, true], |refuse| {
        let peer = Peer::start(World::new(vec![Folder::new("INBOX", messages.clone())]).caps(&format!("{MODERN} COMPRESS=DEFLATE")));
        let home = Home::new(&peer);
        peer.hook(move |call, honest| match call.name.as_str() {
            "COMPRESS" if refuse => Some(vec![send(format!("{} BAD what\r\n", call.tag))]),
            _ => call.wants_bodies().then(|| vec![Step::Drip(bytes(honest), 64 << 10, Duration::from_millis(20))]),
        });
        home.fetch().is(0, &[]);
        assert_eq!(peer.count("COMPRESS"), 1);
        home.has_all_of(&peer.world());
        home.converges(&peer);
    });
}
